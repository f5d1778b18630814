"""Several pytest processes: what takes long begins first, and they are ended together.

Two take turns at the cores, and often one of them waits. The third has what they leave: it lets all others go
first, and takes only what computes and waits for nobody, of which the simulation alone is a fifth of all.

Each process takes a file of tests after the other; all that need the running server are one such piece of
work, and the first: they wait more than they compute, and a second server would cost a fifth of a core just
by standing there. So are those with two front ends, for a start takes half a minute of CPU.

Each process puts away what it started before the run is over.

By itself pytest-xdist gives its workers a few seconds and then kills them, and the servers of their tests
would live on. Here only the first process listens to Ctrl-C and SIGTERM, which a terminal sends to all; it
tells the workers by a signal of its own, so that none is interrupted twice while it tidies up.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator
from functools import cache
from pathlib import Path
from types import FrameType

import psutil
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

LONG_FIRST = ("simulation", "platform", "demo", "integration", "e2e", "properties", "persistence")
"""Folders of tests; the others follow, in the order of their names."""
SERVING = "running_server"
"""The fixture; a file that needs it names it, or the conftest.py beside it does."""
TWO_FRONT_ENDS = "two_front_ends"
"""That of a second server, which a file names that needs it."""
COMPUTING = ("simulation", "properties", "unit")
"""Folders of tests that start no server and wait for nothing."""
LONGEST = "test_seeds.py"
"""The first of what computes."""
SPARE = 2
"""The number of the third process."""
SPARE_NICENESS = 10
READS_WHAT_ALL_LEFT = "test_logs.py"
"""The last of those with the running server: it reads what that has logged, and stops it."""
TIDY_MAX_S = 120.0
STOP = signal.SIGUSR1
_stopped: list[bool] = []


def pytest_configure(config: pytest.Config) -> None:
    if is_worker():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _leave_it_to_the_first)
        signal.signal(STOP, _interrupt)
        if _number() == SPARE:
            os.nice(SPARE_NICENESS)
    elif config.getoption("numprocesses", None):
        signal.signal(signal.SIGTERM, _interrupt)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """What hands out the pieces, instead of one of xdist's own."""
    return Pieces(config, log)


class Pieces(LoadScopeScheduling):
    """A piece of work: a file, or all files with the same server. What computes is for the third process, and
    for the others when nothing else is left."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        fitting = (piece for piece in self.workqueue if _computes(piece) == _is_spare(node))
        self.workqueue.move_to_end(next(fitting, next(iter(self.workqueue))), last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        if _is_spare(node) and not node.shutting_down and not any(map(_computes, self.workqueue)):
            node.shutdown()
        super()._reschedule(node)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return _server_of(self.config.rootpath / file) or file


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is made now stays to the end: nothing of it is looked through for garbage, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Every second worker begins with the last file. What one has compiled the others need not: in a fresh
    clone each compiles its share, where all would compile the same file at the same time."""
    report = yield
    if isinstance(collector, pytest.Directory) and _number() % 2:
        report.result.reverse()
    return report


def _computes(piece: str) -> bool:
    return Path(piece).parent.name in COMPUTING


def _is_spare(node: WorkerController) -> bool:
    return bool(node.gateway.id == f"gw{SPARE}")


@cache
def _server_of(file: Path) -> str | None:
    """The fixture of the server that its tests share with other files."""
    beside, text = file.parent / "conftest.py", file.read_text()
    if SERVING in text or (beside.exists() and SERVING in beside.read_text()):
        return SERVING
    return TWO_FRONT_ENDS if TWO_FRONT_ENDS in text else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the order in which pieces are handed out (`--no-loadscope-reorder`)."""

    def turn(item: pytest.Item) -> tuple[bool, bool, int, bool, Path]:
        folder, name = item.path.parent.name, item.path.name
        place = LONG_FIRST.index(folder) if folder in LONG_FIRST else len(LONG_FIRST)
        first = _server_of(item.path) != SERVING, name == READS_WHAT_ALL_LEFT
        return *first, place, name != LONGEST, item.path

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


def _number() -> int:
    """Of this worker, from 0; of a process that works alone too."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    _stopped.append(True)
    raise KeyboardInterrupt


def _leave_it_to_the_first(_number: int, _frame: FrameType | None) -> None:
    """Not SIG_IGN: what the tests start would inherit that."""
