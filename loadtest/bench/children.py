"""Starts this run's own processes and ends them, all of them, whatever happens to the driver.

Each child gets a session of its own, so that Ctrl-C reaches the driver alone and it ends them in order; on
Linux the kernel ends them if the driver is killed hard. Children are ended by their ids only.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

SETTINGS = ("TURNSTILE_", "RAY_", "DATABASE_URL", "REDIS_URL")
STOP_TIMEOUT_S = 30.0
POLL_INTERVAL_S = 0.1
_PR_SET_PDEATHSIG = 1


class DidNotStart(Exception):
    """A process this run needs ended, or did not get ready in time."""


@contextmanager
def child(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives as long as the `with`; its output goes to `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=clean_environment(environment or {}),
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 (no other thread yet)
        )
    try:
        yield process
    finally:
        stop(process)


def clean_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This environment without settings that happen to be in it: a benchmark measures the defaults."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    return {**kept, **changes}


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL to the process and what is left of its descendants when it takes too long."""
    family = descendants(process.pid)
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_TIMEOUT_S)
    _, alive = psutil.wait_procs(family, timeout=2.0)
    for left in alive:
        left.kill()


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], what: str, log: Path, limit_s: float
) -> None:
    """Raises `DidNotStart` with the end of the log."""
    deadline = time.monotonic() + limit_s
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            ended = (
                f"ended with {process.returncode}"
                if process.returncode is not None
                else f"not ready in {limit_s} s"
            )
            raise DidNotStart(f"{what}: {ended}\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(POLL_INTERVAL_S)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
