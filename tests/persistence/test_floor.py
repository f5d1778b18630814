"""The marks of what was given out hold over all processes of a server, even beside one that was stopped."""

from __future__ import annotations

import asyncio
import fcntl
import sys
import time
from pathlib import Path

from persistence.floor import LOCK_WAIT_MAX_S, MARKS_MAX, Floor

EVENT = "00000000-0000-7000-8000-0000000000aa"

RAISING = """
import sys
from pathlib import Path
from persistence.floor import Floor
floor = Floor(Path(sys.argv[1]))
highest = 0
for sequence in range(int(sys.argv[2]), 60_000, 4):
    floor.raise_to(sys.argv[3], max(sequence, highest + 1))
    for _ in range(3):
        mark = floor.of(sys.argv[3])
        assert mark >= max(highest, sequence), "a mark fell"
        highest = mark
"""


def test_a_mark_only_rises(tmp_path: Path) -> None:
    for floor in (Floor(), Floor(tmp_path / "floor")):
        assert floor.of(EVENT) == 0
        for sequence in (3, 2, 7, 1):
            floor.raise_to(EVENT, sequence)
        assert floor.of(EVENT) == 7
        floor.close()
        floor.close()


def test_marks_outlive_their_process_and_are_seen_by_others(tmp_path: Path) -> None:
    first, second = Floor(tmp_path / "floor"), Floor(tmp_path / "floor")
    first.raise_to(EVENT, 5)
    assert second.of(EVENT) == 5
    first.close()
    second.raise_to(EVENT, 9)
    second.close()
    third = Floor(tmp_path / "floor")
    assert third.of(EVENT) == 9
    third.close()


def test_events_that_share_a_mark_share_the_higher_one(tmp_path: Path) -> None:
    floor = Floor(tmp_path / "floor")
    other = f"00000000-0000-7000-8000-{0xAA + MARKS_MAX:012x}"
    floor.raise_to(other, 50)
    floor.raise_to(EVENT, 4)
    assert floor.of(EVENT) == floor.of(other) == 50
    floor.close()


async def test_processes_that_raise_a_mark_at_once_never_lower_it(tmp_path: Path) -> None:
    path = tmp_path / "floor"
    programs = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", RAISING, str(path), str(n), EVENT)
        for n in range(4)
    ]
    assert [await program.wait() for program in programs] == [0] * 4
    floor = Floor(path)
    assert floor.of(EVENT) >= 59_999
    floor.close()


def test_a_process_that_was_stopped_with_the_lock_does_not_stop_the_others(tmp_path: Path) -> None:
    path = tmp_path / "floor"
    floor = Floor(path)
    with path.open("rb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        started_s = time.monotonic()
        for mark in range(1_000):
            floor.raise_to(EVENT, mark)
        assert time.monotonic() - started_s < 100 * LOCK_WAIT_MAX_S
    assert floor.of(EVENT) == 999
    floor.close()
