"""A real server: whatever of it is killed comes back, and what is stopped leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from server.embedded.ray_head import temporary_folder
from tests.served import Served, assert_gone, clean_environment, data_folder, until

ROOT = Path(__file__).parents[2]
POOL = ("pool:0", "pool:1", "pool:2", "pool:3")
BACK_TIMEOUT_S = 60.0  # a Ray head takes ten seconds, on a busy machine more
STATUS_POLL_S = 1.0
"""Asking is a process of its own, which takes a second of CPU from what is waited for."""


@pytest.fixture
def data() -> Iterator[Path]:
    with data_folder() as path:
        yield path


def _status(server: Served, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server.cli", "status", *words],
        env=clean_environment({"TURNSTILE_DATA": str(server.data)}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _ready(server: Served) -> bool:
    try:
        with urllib.request.urlopen(f"{server.endpoints['http']}/readyz", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def _psql(server: Served, sql: str) -> str:
    """Through the programs PostgreSQL runs from: no client library of ours is in it."""
    postgres = psutil.Process(server.endpoints["pids"]["postgres"])
    psql = Path(postgres.cmdline()[0]).with_name("psql")
    return subprocess.run(
        [str(psql), server.endpoints["database_url"], "-qtAc", sql],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_status_says_that_every_part_answers(running_server: Served) -> None:
    done = _status(running_server)
    assert done.returncode == 0, done.stdout
    assert "PostgreSQL" in done.stdout
    assert "NO" not in done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is what is shown")
def test_the_lines_that_a_start_prints_sell_a_first_ticket(running_server: Served) -> None:
    printed = running_server.output.read_text().splitlines()
    lines = [line for line in printed if line.startswith(("EVENT=$(curl ", "curl "))]
    assert len(lines) == 2
    hold = json.loads(_in_bash("\n".join(lines), running_server.data))
    assert (hold["status"], hold["lines"][0]["quantity"]) == ("held", 1)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is what is shown")
def test_the_first_sale_of_the_readme_is_one(running_server: Served, tmp_path: Path) -> None:
    """As it stands there, but for the address, in a folder that has the token where the server's has it."""
    text = (ROOT / "README.md").read_text()
    block = text.partition("## A first sale")[2].partition("```sh\n")[2].partition("```")[0]
    assert "http://127.0.0.1:8080" in block
    secrets = tmp_path / ".turnstile" / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "admin_token").write_text(running_server.endpoints["admin_token"])
    said = _in_bash(block.replace("http://127.0.0.1:8080", running_server.endpoints["http"]), tmp_path)
    hold, confirmed, left = _documents(said)
    assert hold["status"] == "held"
    assert (confirmed["id"], confirmed["status"]) == (hold["id"], "confirmed")
    assert [(one["code"], one["quota"]) for one in left["ticket_types"]] == [("std", 100)]
    assert left["ticket_types"][0]["available"] in (98, 100), "it may be two seconds behind"


def _in_bash(script: str, folder: Path) -> str:
    """What it prints."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=BACK_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _documents(text: str) -> Iterator[dict[str, Any]]:
    """JSON after JSON."""
    while text := text.lstrip():
        document, end = json.JSONDecoder().raw_decode(text)
        yield document
        text = text[end:]


def test_the_dashboard_shows_actors_under_the_names_of_what_they_own(running_server: Served) -> None:
    """With the token that `turnstile serve` says it asks for, and not without."""
    url = f"{running_server.endpoints['dashboard']}/api/v0/actors?limit=1000"
    token = Path(running_server.endpoints["ray_auth_token_path"]).read_text().strip()
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=BACK_TIMEOUT_S) as reply:
        shown = json.load(reply)["data"]["result"]["result"]
    named = {one["name"] for one in shown if one["state"] == "ALIVE"}
    assert {"pool:0", "timer:0", "payments:0", "news:0", "watchdog"} <= named
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(url, timeout=BACK_TIMEOUT_S)


def test_secrets_are_for_their_owner_only(running_server: Served) -> None:
    data = running_server.data
    private = [data / "endpoints.json", data / "processes.json", *(data / "secrets").iterdir()]
    assert [path for path in private if path.stat().st_mode & 0o077] == []


def test_only_this_machine_can_reach_the_embedded_servers(running_server: Served) -> None:
    addresses = set()
    for process in running_server.family():
        for connection in process.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                addresses.add(connection.laddr.ip)
    assert addresses <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


async def test_500_half_sent_bodies_are_ended_within_15_s(running_server: Served) -> None:
    port = int(running_server.endpoints["http"].rpartition(":")[2])
    path = b"/api/v1/events/01890000-0000-7000-8000-000000000000/reservations"
    head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

    async def begun() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b'Content-Length: 100\r\n\r\n{"lines"')
        await writer.drain()
        return reader, writer

    async def ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    connections = await asyncio.gather(*(begun() for _ in range(500)))
    async with asyncio.timeout(15):
        await asyncio.gather(*(ended(*connection) for connection in connections))


def test_owners_figures_reach_rays_metrics(running_server: Served) -> None:
    """Where docs/operations.md finds them. Ray hands them on every ten seconds, so this stands behind sales
    and what takes longer."""
    folder = temporary_folder(running_server.data)

    def shown() -> bool:
        found = json.loads((folder / "prom_metrics_service_discovery.json").read_text())[0]["targets"]
        with urllib.request.urlopen(f"http://{found[0]}/metrics", timeout=BACK_TIMEOUT_S) as reply:
            lines = reply.read().decode().splitlines()
        return any(line.startswith("ray_turnstile_commands") and 'owner="pool:' in line for line in lines)

    until(shown, BACK_TIMEOUT_S, "an owner's figure in Ray's metrics", STATUS_POLL_S)


@pytest.mark.parametrize("part", ["worker-1", "valkey", "postgres", "ray"])
def test_a_killed_part_comes_back_at_its_address_and_ends_nothing_else(
    running_server: Served, part: str
) -> None:
    before = running_server.endpoints
    # A new cluster knows neither the owners nor the front ends of the old one.
    renewed = {part, "worker-1"} if part == "ray" else {part}
    had_started = psutil.Process(before["pids"][part]).children(recursive=True)
    os.kill(before["pids"][part], signal.SIGKILL)
    until(lambda: _others(running_server, before) == renewed, BACK_TIMEOUT_S, f"{part} is back")
    assert_gone(had_started)
    until(lambda: _ready(running_server), BACK_TIMEOUT_S, "the server is ready")
    # Nobody has asked for anything of theirs, and a new cluster begins without them.
    until(lambda: _pool(running_server) == set(POOL), BACK_TIMEOUT_S, "the shared owners are there")
    until(
        lambda: _status(running_server).returncode == 0, BACK_TIMEOUT_S, "every part answers", STATUS_POLL_S
    )
    after = running_server.endpoints
    assert {**after, "pids": None} == {**before, "pids": None}
    assert _others(running_server, before) == renewed


def _pool(server: Served) -> set[str]:
    """The shared owners that answer. Asked by HTTP: `turnstile status` is a process each time."""
    token = {"Authorization": f"Bearer {server.endpoints['admin_token']}"}
    asked = urllib.request.Request(f"{server.endpoints['http']}/api/v1/owners", headers=token)
    try:
        with urllib.request.urlopen(asked, timeout=BACK_TIMEOUT_S) as reply:
            said = json.load(reply)["items"]
    except OSError:  # HTTP errors are some
        return set()
    return {one["name"] for one in said if one["name"].startswith("pool:") and "pid" in one}


def _others(server: Served, before: dict[str, Any]) -> set[str]:
    """The parts that have another process than before."""
    now = server.endpoints["pids"]
    return {name for name, pid in before["pids"].items() if now[name] != pid}


def test_a_killed_server_is_followed_by_one_that_goes_on_with_its_data(
    running_server: Served, data: Path
) -> None:
    settings = {
        **running_server.endpoints[
            "ray_environment"
        ],  # the running server's Ray: a head of its own takes long
        "TURNSTILE_POOL_OWNERS": "1",
        "TURNSTILE_TIMERS": "1",
    }
    first = Served(data, settings)
    try:
        first.wait_until_ready()
        _psql(first, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)")
    finally:
        first.kill_everything()
    second = Served(data, settings)
    try:
        assert second.wait_until_ready()["admin_token"] == _secret(data, "admin_token")
        assert _psql(second, "SELECT n FROM kept") == "42"
        _kill_9_of_the_supervisor_alone(second)
    finally:
        second.kill_everything()


def _kill_9_of_the_supervisor_alone(server: Served) -> None:
    """Its children end without it, where the kernel can see to that; else the next start ends them."""
    family = server.family()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    if sys.platform == "linux":
        assert_gone(family)


def _secret(data: Path, name: str) -> str:
    return (data / "secrets" / name).read_text()


def test_a_signal_during_the_start_leaves_nothing(data: Path) -> None:
    server = Served(data)
    try:
        until((data / "processes.json").exists, 60, "something has been started")
        family = server.family()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0, server.output.read_text()
        assert_gone(family)
        assert not (data / "processes.json").exists()
    finally:
        server.kill_everything()
