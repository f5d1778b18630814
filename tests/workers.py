"""Several pytest processes: what takes long begins first, and they are ended together.

Each process takes a file of tests after the other; all that need the running server are one such piece of
work, and the first: they wait more than they compute, and a second server would cost a fifth of a core just
by standing there.

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
SERVING = "running_server"
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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Orders them, and says what goes to one process (`--dist loadgroup`)."""
    serving = {item.path for item in items if "running_server" in getattr(item, "fixturenames", ())}

    def turn(item: pytest.Item) -> tuple[bool, int]:
        folder = item.path.parent.name
        return item.path not in serving, LONG_FIRST.index(folder) if folder in LONG_FIRST else len(LONG_FIRST)

    items.sort(key=turn)
    for item in items:
        file = f"{item.path.parent.name}/{item.path.stem}"
        item.add_marker(pytest.mark.xdist_group(SERVING if item.path in serving else file))


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
