"""Starts that cannot work: one clear line, a non-zero exit code, and nothing half-started."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from server.supervisor.data_folder import DataFolder
from server.supervisor.failures import StartFailure
from server.supervisor.processes import identified
from server.supervisor.reachable import grpc_answers
from tests.served import Served, clean_environment, data_folder

EXIT_TIMEOUT_S = 60.0
LISTENING = """
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
time.sleep(600)
"""
GREETING = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    listener.accept()[0].sendall(b"220 mail.example ESMTP ready")
"""


@pytest.fixture
def data() -> Iterator[Path]:
    with data_folder() as path:
        yield path


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def _refused(data: Path, **settings: str) -> str:
    """The one line a refused start says."""
    given = {"TURNSTILE_DATA": str(data), "TURNSTILE_PORT": "0", **settings}
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", "serve"],
        env=clean_environment(given),
        capture_output=True,
        text=True,
        timeout=EXIT_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("Starting")]
    assert len(lines) == 1, done.stderr
    assert not (data / "postgres").exists(), "nothing was started"
    return lines[0]


def test_a_port_in_use(data: Path, taken_port: int) -> None:
    said = _refused(data, TURNSTILE_PORT=str(taken_port))
    assert str(taken_port) in said
    assert "TURNSTILE_PORT" in said


def test_a_front_end_that_outlived_its_server_does_not_keep_the_port(data: Path) -> None:
    """As it is where the kernel does not end the children of a killed process. It is refused for Ray only."""
    outlived = subprocess.Popen([sys.executable, "-c", LISTENING], stdout=subprocess.PIPE, text=True)
    with outlived:
        try:
            assert outlived.stdout is not None
            port = outlived.stdout.readline().strip()
            folder = DataFolder.open(data)
            folder.remember([identified(psutil.Process(outlived.pid), "worker-1")])
            folder.close()
            assert "RAY_ADDRESS" in _refused(data, TURNSTILE_PORT=port, RAY_ADDRESS="127.0.0.1:1")
            assert outlived.wait(1) == -signal.SIGKILL
        finally:
            outlived.kill()


def test_a_dashboard_port_in_use(data: Path, taken_port: int) -> None:
    assert "TURNSTILE_DASHBOARD_PORT" in _refused(data, TURNSTILE_DASHBOARD_PORT=str(taken_port))


def test_a_host_that_is_no_address_of_this_machine(data: Path) -> None:
    token = {"TURNSTILE_ADMIN_TOKEN": "operator-token-0123"}
    assert "TURNSTILE_HOST" in _refused(data, TURNSTILE_HOST="host.invalid", **token)


def test_a_data_folder_that_cannot_be_made(data: Path) -> None:
    (data / "file").touch()
    assert "TURNSTILE_DATA" in _refused(data / "file" / "folder")


@pytest.mark.parametrize("mode", [0o1777, 0o770, 0o702])
def test_a_data_folder_that_others_can_write_is_refused_and_left_as_it_is(data: Path, mode: int) -> None:
    data.chmod(mode)
    with pytest.raises(StartFailure, match=r"can be written by others .*TURNSTILE_DATA"):
        DataFolder.open(data)
    assert stat.S_IMODE(data.stat().st_mode) == mode
    assert list(data.iterdir()) == []


@pytest.mark.parametrize("mode", [0o700, 0o711, 0o755])
def test_a_data_folder_that_is_there_keeps_its_mode(data: Path, mode: int) -> None:
    data.chmod(mode)
    DataFolder.open(data).close()
    assert stat.S_IMODE(data.stat().st_mode) == mode


def test_a_data_folder_that_is_made_is_for_its_owner(data: Path) -> None:
    DataFolder.open(data / "parent" / "new").close()
    passing_through = 0o011 if os.geteuid() == 0 else 0
    assert stat.S_IMODE((data / "parent" / "new").stat().st_mode) == 0o700 | passing_through


def test_a_database_that_does_not_answer(data: Path, taken_port: int) -> None:
    said = _refused(data, DATABASE_URL=f"postgresql://user:hidden@127.0.0.1:{taken_port}/name")
    assert "DATABASE_URL" in said
    assert "hidden" not in said


def test_a_redis_that_does_not_answer(data: Path, taken_port: int) -> None:
    assert "REDIS_URL" in _refused(data, REDIS_URL=f"redis://:hidden@127.0.0.1:{taken_port}/0")


def test_a_ray_cluster_that_does_not_answer(data: Path) -> None:
    assert "RAY_ADDRESS" in _refused(data, RAY_ADDRESS="127.0.0.1:1")


def test_a_ray_address_where_something_else_answers(data: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", GREETING], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        try:
            said = _refused(data, RAY_ADDRESS=f"127.0.0.1:{other.stdout.readline().strip()}")
        finally:
            other.kill()
    assert "RAY_ADDRESS: no head of a Ray cluster" in said


def test_a_ray_address_where_nobody_says_a_word(data: Path, taken_port: int) -> None:
    assert "RAY_ADDRESS" in _refused(data, RAY_ADDRESS=f"127.0.0.1:{taken_port}")


def test_a_ray_cluster_that_wants_another_token(running_server: Served, data: Path) -> None:
    (data / "wrong").write_text(64 * "0")
    given = {**running_server.endpoints["ray_environment"], "RAY_AUTH_TOKEN_PATH": str(data / "wrong")}
    said = _refused(data, **given)
    assert "RAY_ADDRESS" in said
    assert "token is missing or incorrect" in said
    assert "gcs_client" not in said, "what Ray says besides"


async def test_the_head_of_a_ray_cluster_is_known_by_how_it_greets(running_server: Served) -> None:
    host, _, port = running_server.endpoints["ray_address"].rpartition(":")
    assert await grpc_answers(host, int(port))


def test_a_second_server_on_the_same_data_leaves_the_first_one_alone(running_server: Served) -> None:
    before = running_server.endpoints
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", "serve"],
        env=clean_environment({"TURNSTILE_DATA": str(running_server.data), "TURNSTILE_PORT": "0"}),
        capture_output=True,
        text=True,
        timeout=EXIT_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 1
    assert "in use by another server" in done.stderr
    assert str(before["pids"]["supervisor"]) in done.stderr
    assert running_server.endpoints == before
