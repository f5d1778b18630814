"""What is kept comes back, whatever fails on the way, and what it had started does not outlive it."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from server.supervisor.crew import Crew
from server.supervisor.data_folder import DataFolder
from server.supervisor.processes import Child, Program, start
from server.supervisor.progress import Lines, Progress
from tests.served import assert_gone, until

TIMEOUT_S = 20.0
PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
time.sleep(600)
"""


@dataclass
class Parent:
    """A part whose process starts another one. See `Part`."""

    data: DataFolder
    launches: int = 0
    name: str = "parent"
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace_s: float = 5.0

    async def launch(self) -> Child:
        child = await start(Program(self.name, [sys.executable, "-c", PARENT], log=self.data.log(self.name)))
        self.launches += 1
        return child

    def describe(self) -> str:
        return "started"

    def tidy(self) -> None:
        """Nothing stays."""


@dataclass
class Kept:
    """A crew that keeps one part, and what it says."""

    crew: Crew
    part: Parent
    said: io.StringIO

    @property
    def pid(self) -> int:
        return self.crew.pids()[self.part.name]

    def child_of_it(self) -> psutil.Process | None:
        children = psutil.Process(self.pid).children()
        return children[0] if children else None


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    data, said = DataFolder.open(tmp_path / "data"), io.StringIO()
    crew, part = Crew(data, Progress(Console(file=said, width=1_000))), Parent(data)
    await crew.add(part)
    yield Kept(crew, part, said)
    await crew.stop((part.name,))
    data.close()


async def _eventually(kept: Kept, what: str) -> None:
    await asyncio.to_thread(until, lambda: what in kept.said.getvalue(), TIMEOUT_S, what)


async def test_what_a_killed_part_had_started_is_ended_before_the_part_comes_back(kept: Kept) -> None:
    orphan = await asyncio.to_thread(until, kept.child_of_it, TIMEOUT_S, "it has started another")
    os.kill(kept.pid, signal.SIGKILL)
    await _eventually(kept, "parent runs again")
    assert_gone([orphan], 0)


async def test_what_a_part_leaves_behind_is_ended_at_an_orderly_stop_too(kept: Kept) -> None:
    orphan = await asyncio.to_thread(until, kept.child_of_it, TIMEOUT_S, "it has started another")
    os.kill(kept.pid, signal.SIGKILL)  # nobody has had time to start it again
    await kept.crew.stop(("parent",))
    assert_gone([orphan], 0)


async def test_a_start_that_fails_for_any_reason_is_said_and_tried_again(kept: Kept) -> None:
    folder, away = kept.part.data.path, kept.part.data.path.with_name("away")
    folder.rename(away)  # so its log cannot be opened: an OSError, as a full disk would be
    os.kill(kept.pid, signal.SIGKILL)
    await _eventually(kept, "parent is not back: [Errno 2] No such file or directory")
    assert kept.part.launches == 1
    away.rename(folder)
    await _eventually(kept, "parent runs again")


async def test_what_runs_but_could_not_be_written_down_is_not_started_twice(kept: Kept) -> None:
    first, in_the_way = kept.pid, kept.part.data.path / "processes.json.new"
    in_the_way.mkdir()
    os.kill(first, signal.SIGKILL)
    await _eventually(kept, "parent is not back")
    in_the_way.rmdir()
    remembered = kept.part.data.remembered
    written = lambda: kept.pid in [one.pid for one in remembered()]  # noqa: E731
    await asyncio.to_thread(until, written, TIMEOUT_S, "the new process is written down")
    assert kept.pid != first
    assert kept.part.launches == 2


def test_a_stderr_that_is_closed_stops_no_work() -> None:
    told = False
    reader, writer = os.pipe()
    os.close(reader)
    with suppress(BrokenPipeError), os.fdopen(writer, "w") as closed:
        progress = Progress(Lines(file=closed))
        progress.line("nobody reads it")
        progress.line("nor this")
        told = True
    assert told
