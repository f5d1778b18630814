"""The marks of what was given out hold over all processes of a server."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from persistence.floor import MARKS_MAX, Floor

EVENT = "00000000-0000-7000-8000-0000000000aa"

RAISING = """
import sys
from pathlib import Path
from persistence.floor import Floor
floor = Floor(Path(sys.argv[1]), int(sys.argv[2]), 4)
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
    first, second = (Floor(tmp_path / "floor", number, 2) for number in range(2))
    first.raise_to(EVENT, 5)
    assert second.of(EVENT) == 5
    second.raise_to(EVENT, 9)
    assert first.of(EVENT) == 9
    first.close()
    second.close()
    third = Floor(tmp_path / "floor", 0, 2)
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
    floor = Floor(path, 0, 4)
    assert floor.of(EVENT) >= 59_999
    floor.close()


def test_a_server_may_get_more_front_ends_and_fewer(tmp_path: Path) -> None:
    path = tmp_path / "floor"
    for number, front_ends in ((0, 1), (2, 3), (0, 1), (1, 2)):
        floor = Floor(path, number, front_ends)
        floor.raise_to(EVENT, 10 + number)
        assert floor.of(EVENT) == 10 + number
        floor.close()
    everybodys = Floor(path, 0, 3)
    assert everybodys.of(EVENT) == 12
    everybodys.close()
