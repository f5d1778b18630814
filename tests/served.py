"""A real `turnstile serve` in a folder of its own, for tests: started, found by its endpoints, stopped, and
looked for afterwards.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from server.embedded.ray_head import temporary_folder

READY_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 60.0
POLL_S = 0.05


def until(condition: Callable[[], Any], timeout_s: float, what: str, poll_s: float = POLL_S) -> Any:
    """Polls until the condition is true and returns its value."""
    end_s = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < end_s, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(poll_s)
    return value


def clean_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This environment without settings of Turnstile or Ray that happen to be in it."""
    shared = ("DATABASE_URL", "REDIS_URL")
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("TURNSTILE_", "RAY_")) and k not in shared
    }
    return {**kept, **changes}


@contextmanager
def data_folder() -> Iterator[Path]:
    """A folder for data. Not pytest's own: those are closed to the user PostgreSQL runs as under root."""
    path = Path(tempfile.mkdtemp(prefix="turnstile-test-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        # A server that was killed hard leaves Ray's folder to its next start, which here never comes.
        for left in (path, temporary_folder(path)):
            shutil.rmtree(left, ignore_errors=True)


class Served:
    """One server process on a data folder."""

    def __init__(self, data: Path, settings: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.output = data / "output.txt"
        self.passing = data / "passing"
        """Its folder for temporary files."""
        self.passing.mkdir(exist_ok=True)
        given = {
            "TURNSTILE_DATA": str(data),
            "TURNSTILE_PORT": "0",
            "TURNSTILE_DASHBOARD_PORT": "0",
            "TMPDIR": str(self.passing),
        }
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server.cli", "serve"],
                env=clean_environment({**given, **(settings or {})}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def endpoints(self) -> dict[str, Any]:
        """What endpoints.json says now."""
        found: dict[str, Any] = json.loads((self.data / "endpoints.json").read_text())
        return found

    def wait_until_ready(self) -> dict[str, Any]:
        """Its endpoints, once there are any."""

        def found() -> bool:
            assert self.process.poll() is None, self.output.read_text()
            try:
                return bool(self.endpoints["pids"]["supervisor"] == self.process.pid)
            except (OSError, ValueError):  # not yet, or just removed: it is a killed server's
                return False

        until(found, READY_TIMEOUT_S, f"the server is ready; it says:\n{self.output.read_text()}")
        return self.endpoints

    def family(self) -> list[psutil.Process]:
        """All its processes."""
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def stop(self) -> None:
        """In order; then nothing of it may be left."""
        if self.process.poll() is not None:
            return
        family, port = self.family(), int(self.endpoints["http"].rpartition(":")[2])
        folders = ray_folders(family)
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(STOP_TIMEOUT_S) == 0, self.output.read_text()
        assert_gone(family)
        assert not any(folder.exists() for folder in folders), folders
        assert not listens(port)
        assert not (self.data / "endpoints.json").exists()
        assert not list(self.passing.iterdir())

    def kill_everything(self) -> None:
        """For a test that failed half-way: leaves nothing running. One that has ended has left nothing, and
        its number may be another process's by now."""
        if self.process.poll() is not None:
            return
        with contextlib.suppress(psutil.Error):
            family = self.family()  # the supervisor first: it would start the others again
            for process in family:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        self.process.wait(STOP_TIMEOUT_S)


@contextmanager
def served(data: Path, settings: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Started and ready; whatever happens, stopped at the end."""
    server = Served(data, settings)
    try:
        server.wait_until_ready()
        yield server
        server.stop()
    finally:
        server.kill_everything()


def assert_gone(processes: list[psutil.Process], timeout_s: float = 10.0) -> None:
    """None of them lives; a zombie nobody has waited for is dead too."""
    until(lambda: not living(processes), timeout_s, f"ended: {processes}")


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that are alive."""
    alive = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
    return alive


def ray_folders(processes: list[psutil.Process]) -> set[Path]:
    """Temporary folders named on their command lines."""
    folders = set()
    for process in processes:
        with contextlib.suppress(psutil.Error):
            for word in process.cmdline():
                if word.startswith("--temp-dir="):
                    folders.add(Path(word.removeprefix("--temp-dir=")))
    return folders


def listens(port: int) -> bool:
    """Whether somebody accepts connections on that port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
