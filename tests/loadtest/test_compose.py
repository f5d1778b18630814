"""The command that docker-compose.yml gives Locust, run by hand: that takes a server, and no Docker."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from loadtest.endpoints import NoServer, refuse_far_hosts
from loadtest.record import Call, read_records
from tests.served import Served

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
COMMAND = shlex.split(SERVICES["locust"]["command"])
SHORT = "--headless --only-summary --users 10 --spawn-rate 10 --duration 4 --hold-duration 10 --shape steady"
RUN_TIMEOUT_S = 120.0


def test_it_may_load_the_server_it_is_pointed_at_and_no_other() -> None:
    given = _options()
    host = urlsplit(given["--host"])
    assert host.hostname in SERVICES
    assert str(host.port) in SERVICES["turnstile"]["ports"][0].split(":")
    refuse_far_hosts(given["--host"], [given["--allow-host"]])
    with pytest.raises(NoServer):
        refuse_far_hosts(given["--host"])


def test_links_in_mails_lead_to_the_port_that_is_published() -> None:
    given = SERVICES["turnstile"]["environment"]["TURNSTILE_PUBLIC_URL"]
    default = re.fullmatch(r"\$\{TURNSTILE_PUBLIC_URL:-(.+)\}", given)
    assert default is not None, "and it can be set otherwise"
    begins = urlsplit(default.group(1))
    assert (begins.scheme, begins.hostname) == ("http", "localhost")
    assert str(begins.port) == SERVICES["turnstile"]["ports"][0].split(":")[1]


def test_it_writes_where_the_image_lets_it() -> None:
    made = re.search(r"install -d -o (\S+) -m 700 (\S+)", (ROOT / "deploy" / "Dockerfile").read_text())
    assert made is not None
    assert made.group(2) == _options()["--data"]
    assert f"USER {made.group(1)}\n" in (ROOT / "deploy" / "Dockerfile").read_text()


def test_it_buys_with_nothing_but_a_host_and_a_token_and_says_that_nothing_is_audited(
    running_server: Served, tmp_path: Path
) -> None:
    assert set(SERVICES["locust"]["environment"]) == {"TURNSTILE_ADMIN_TOKEN"}
    token = running_server.endpoints["admin_token"]
    done = _run({"--host": running_server.endpoints["http"], "--data": str(tmp_path)}, token)
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stdout.count("not audited: the database cannot be read from here") == 1
    records = next((tmp_path / "reports").glob("*/records"))
    calls = [entry for entry in read_records(records) if isinstance(entry, Call)]
    assert any(call.op == "hold" and call.done for call in calls), done.stderr


def test_without_a_token_one_line_says_so(tmp_path: Path) -> None:
    done = _run({"--host": "http://127.0.0.1:1", "--data": str(tmp_path)}, "")
    assert done.returncode != 0
    assert "load: http://127.0.0.1:1 needs its operator's token" in done.stderr


def _options() -> dict[str, str]:
    """The command's options, each of which has a value."""
    return dict(zip(COMMAND[1::2], COMMAND[2::2], strict=True))


def _run(changes: Mapping[str, str], token: str) -> subprocess.CompletedProcess[str]:
    """For some seconds and without a page; `changes` are what is different outside of the container."""
    given = {**_options(), **changes}
    del given["--web-host"]
    options = [word for pair in given.items() for word in pair]
    return subprocess.run(
        [sys.executable, "-m", COMMAND[0], *options, *SHORT.split()],
        cwd=ROOT,
        env={**os.environ, "TURNSTILE_ADMIN_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
