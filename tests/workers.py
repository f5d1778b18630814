"""Several pytest processes: what takes long begins first, and they are ended together.

Files that need the running server come last: one for each process stands there from its first test on, and
costs a fifth of a core while it stands idle.

Each process puts away what it started before the run is over.

By itself pytest-xdist gives its workers a few seconds and then kills them, and the servers of their tests
would live on. Here only the first process listens to Ctrl-C and SIGTERM, which a terminal sends to all; it
tells the workers by a signal of its own, so that none is interrupted twice while it tidies up.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

import psutil
import pytest

LONG_FIRST = ("simulation", "platform", "demo", "integration", "e2e", "properties", "persistence")
"""Folders of tests; the others follow, in the order of their names."""
TIDY_MAX_S = 120.0
STOP = signal.SIGUSR1
_stopped: list[bool] = []


def pytest_configure(config: pytest.Config) -> None:
    if is_worker():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _leave_it_to_the_first)
        signal.signal(STOP, _interrupt)
    elif config.getoption("numprocesses", None):
        signal.signal(signal.SIGTERM, _interrupt)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """By files, so that xdist, which is told to keep the order, hands them out in it."""
    serving = {item.path for item in items if "running_server" in getattr(item, "fixturenames", ())}

    def turn(item: pytest.Item) -> tuple[bool, int]:
        folder = item.path.parent.name
        return item.path in serving, LONG_FIRST.index(folder) if folder in LONG_FIRST else len(LONG_FIRST)

    items.sort(key=turn)


def pytest_keyboard_interrupt() -> None:
    """In the first process: until the workers have ended by themselves."""
    if is_worker():
        return
    workers = [child for child in psutil.Process().children() if child.name().startswith("python")]
    for worker in workers:
        worker.send_signal(STOP)
    psutil.wait_procs(workers, TIDY_MAX_S)


def pytest_unconfigure() -> None:
    """A worker that was stopped has put everything away by now; it would wait for more tests."""
    if is_worker() and _stopped:
        os._exit(pytest.ExitCode.INTERRUPTED)


def is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    _stopped.append(True)
    raise KeyboardInterrupt


def _leave_it_to_the_first(_number: int, _frame: FrameType | None) -> None:
    """Not SIG_IGN: what the tests start would inherit that."""
