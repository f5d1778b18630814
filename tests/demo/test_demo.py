"""`turnstile demo` on a real server: made once, found again, stopped half-way, and its errors in one line."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from server.demo.api import DemoFailed
from server.demo.command import find_server
from server.settings import Settings
from tests.served import Served, clean_environment

SEED = 4711
TIMEOUT_S = 120
COMMAND = [sys.executable, "-m", "server.cli", "demo", "--size", "small", "--seed", str(SEED)]


def demo(data: Path, *options: str, token: str = "") -> subprocess.CompletedProcess[str]:
    settings = {"TURNSTILE_DATA": str(data), "COLUMNS": "200"}
    if token:
        settings["TURNSTILE_ADMIN_TOKEN"] = token
    return subprocess.run(
        [*COMMAND, *options],
        env=clean_environment(settings),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def table(said: str) -> dict[str, tuple[int, int]]:
    """What was made, and what was there, by what it is."""
    rows = re.findall(r"^\s*([a-z]+)\s+([\d,]+)\s+([\d,]+)\s*$", said, re.MULTILINE)
    return {name: (int(made.replace(",", "")), int(there.replace(",", ""))) for name, made, there in rows}


def ask(server: Served, path: str) -> Any:
    token = server.endpoints["admin_token"]
    request = urllib.request.Request(
        f"{server.endpoints['http']}/api/v1{path}", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)


def sold(server: Served) -> dict[str, list[tuple[str, int, int]]]:
    """Of each event of the world: its types' counts."""
    city = urllib.parse.quote(ask(server, "/venues?limit=200")["items"][0]["city"])
    events = ask(server, f"/events?city={city}&limit=200")["items"]
    return {
        f"{one['name']} {one['starts_at']}": [
            (kind["code"], kind["held"], kind["confirmed"]) for kind in one["ticket_types"]
        ]
        for one in events
    }


def test_a_world_is_begun_interrupted_finished_and_made_only_once(running_server: Served) -> None:
    data = running_server.data
    settings = clean_environment({"TURNSTILE_DATA": str(data)})
    begun = subprocess.Popen(
        [*COMMAND, "--concurrency", "1"],
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    end_s = time.monotonic() + TIMEOUT_S
    while not ask(running_server, "/events?q=play&limit=1")["items"] and time.monotonic() < end_s:
        time.sleep(0.05)
    os.kill(begun.pid, signal.SIGINT)
    said, _ = begun.communicate(timeout=TIMEOUT_S)
    assert begun.returncode == 130, said
    assert "goes on where it stopped" in said
    assert "Traceback" not in said

    first = demo(data)
    assert first.returncode == 0, first.stdout + first.stderr
    made = table(first.stdout)
    assert made["matches"] == (3, 0)
    assert made["shows"][1] >= 1, "begun by the first"
    assert "refused" not in first.stdout
    counts = sold(running_server)

    second = demo(data)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "nothing was made" in second.stdout
    totals = {name: (0, sum(both)) for name, both in made.items()}
    assert table(second.stdout) == totals
    assert sold(running_server) == counts
    assert "refused" not in second.stdout

    lines = [line for line in second.stdout.splitlines() if line.startswith("curl -s")]
    assert len(lines) >= 5
    for line in lines[:3]:
        shown = subprocess.run(["bash", "-c", line], capture_output=True, timeout=30, check=True)
        assert "type" not in json.loads(shown.stdout), line


def test_another_servers_token_is_told_in_one_line(running_server: Served) -> None:
    refused = demo(running_server.data, token="x" * 32)
    assert refused.returncode == 1
    assert re.fullmatch(
        r"turnstile: the server at \S+ does not take this operator's token: .*\n", refused.stderr
    )


def test_where_no_server_answers_one_line_says_so(tmp_path: Path) -> None:
    failed = demo(tmp_path, "--url", "http://127.0.0.1:9", token="x" * 32)
    assert failed.returncode == 1
    assert failed.stderr.startswith("turnstile: no server answers at http://127.0.0.1:9")
    assert failed.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("url", "token", "told"),
    [
        ("", None, "no server runs on data folder"),
        ("http://127.0.0.1:9", None, "the operator's token of http://127.0.0.1:9 is not known"),
        ("127.0.0.1", "x" * 32, "no server's address"),
        ("http://[::1", "x" * 32, "no server's address"),
    ],
)
def test_without_an_address_and_a_token_it_says_what_is_missing(
    tmp_path: Path, url: str, token: str | None, told: str
) -> None:
    with pytest.raises(DemoFailed, match=told):
        find_server(Settings(data=tmp_path, admin_token=token), url)


def test_the_data_folders_token_is_sent_to_this_machine_only(tmp_path: Path) -> None:
    (tmp_path / "endpoints.json").write_text('{"http": "http://127.0.0.1:8080", "admin_token": "secret"}')
    assert find_server(Settings(data=tmp_path), "") == ("http://127.0.0.1:8080", "secret")
    assert find_server(Settings(data=tmp_path), "http://localhost:9/") == ("http://localhost:9", "secret")
    with pytest.raises(DemoFailed, match="is not known"):
        find_server(Settings(data=tmp_path), "http://turnstile.example.org")
    given = Settings(data=tmp_path, admin_token="x" * 32)
    assert find_server(given, "http://turnstile.example.org").token == "x" * 32


def test_a_second_interrupt_does_not_wait_for_a_server_that_is_silent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(TIMEOUT_S)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = clean_environment({"TURNSTILE_DATA": str(tmp_path), "TURNSTILE_ADMIN_TOKEN": "x" * 32})
        begun = subprocess.Popen(
            [*COMMAND, "--url", url],
            env=settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        asked, _ = silent.accept()
        with asked:
            os.kill(begun.pid, signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                begun.wait(1)
            os.kill(begun.pid, signal.SIGINT)
            said, _ = begun.communicate(timeout=TIMEOUT_S)
    assert begun.returncode == 130, said
    assert "Traceback" not in said


def test_its_help_names_sizes_and_what_a_second_run_does() -> None:
    shown = subprocess.run([*COMMAND[:4], "--help"], capture_output=True, text=True, timeout=60, check=True)
    for word in ("small", "medium", "large", "--seed", "--url", "--concurrency", "Run again"):
        assert word in shown.stdout
