"""A real server: whatever of it is killed comes back, and what is stopped leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.served import Served, assert_gone, clean_environment, data_folder, until

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

    async def ended() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b'Content-Length: 100\r\n\r\n{"lines"')
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    async with asyncio.timeout(15):
        await asyncio.gather(*(ended() for _ in range(500)))


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
    until(
        lambda: _status(running_server).returncode == 0, BACK_TIMEOUT_S, "every part answers", STATUS_POLL_S
    )
    after = running_server.endpoints
    assert {**after, "pids": None} == {**before, "pids": None}
    assert _others(running_server, before) == renewed
    # Nobody has asked for anything of theirs, and a new cluster begins without them.
    until(
        lambda: _pool(running_server) == set(POOL),
        BACK_TIMEOUT_S,
        "the shared owners are there",
        STATUS_POLL_S,
    )


def _pool(server: Served) -> set[str]:
    """The shared owners that answer."""
    said = json.loads(_status(server, "--json").stdout)["owners"]
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
