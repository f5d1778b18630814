"""Rows that many want are read once for all of them, and not too often."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass

import pytest

from server import readings
from server.readings import Reading, Readings


@dataclass
class Rows:
    """What was read: of a journal that others write."""

    sequence: int


class Journal:
    def __init__(self) -> None:
        self.sequence = 1
        self.reads = 0
        self.is_there = True
        self.begun = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def read(self, before: Rows | None) -> Rows | None:
        self.reads += 1
        self.begun.set()
        sequence = self.sequence
        await self.goes_on.wait()
        return Rows(sequence) if self.is_there else None


async def test_who_asks_while_it_is_read_waits_for_the_same_rows() -> None:
    journal = Journal()
    journal.goes_on.clear()
    reading = Reading(journal.read)
    asking = [asyncio.create_task(reading.current()) for _ in range(50)]
    await asyncio.sleep(0)
    journal.goes_on.set()
    found = await asyncio.gather(*asking)
    assert journal.reads == 1
    assert all(one is found[0] for one in found)


async def test_what_was_read_just_now_will_do_unless_more_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "READING_PAUSE_MS", 10_000)
    journal = Journal()
    reading = Reading(journal.read)
    await reading.current()
    await reading.current(1)
    assert journal.reads == 1
    monkeypatch.setattr(readings, "READING_PAUSE_MS", 20)
    await reading.current(2)
    assert journal.reads == 2


async def test_between_two_readings_is_a_pause_however_much_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readings, "READING_PAUSE_MS", 30)
    journal = Journal()
    reading = Reading(journal.read)
    began_s = asyncio.get_running_loop().time()
    for _ in range(5):
        await reading.current(at_least=10**15)
    assert journal.reads == 5
    assert asyncio.get_running_loop().time() - began_s >= 4 * 0.03


async def test_who_wants_what_is_not_there_yet_waits_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "READING_PAUSE_MS", 30)
    journal = Journal()
    reading = Reading(journal.read)
    found = await asyncio.gather(*(reading.current(at_least=10**15) for _ in range(100)), reading.current())
    assert [one.sequence for one in found if one] == [1] * 101
    assert journal.reads <= 2


async def test_what_is_old_will_do_for_who_only_wants_its_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "READING_PAUSE_MS", 0)
    journal = Journal()
    reading = Reading(journal.read)
    await reading.current()
    await reading.current(1, of_any_age=True)
    assert journal.reads == 1
    await reading.current(1)
    assert journal.reads == 2


async def test_what_has_gone_is_found_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "READING_PAUSE_MS", 0)
    journal = Journal()
    reading = Reading(journal.read)
    await reading.current()
    journal.is_there = False
    assert await reading.current(2) is None
    assert await reading.current(1, of_any_age=True) is None


async def test_a_bounded_number_is_kept_and_all_that_somebody_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "READINGS_KEPT_MAX", 3)

    async def read(_key: int, _before: Rows | None) -> Rows | None:
        return Rows(1)

    kept: Readings[int, Rows] = Readings(read)
    held = kept.of(0)
    for number in range(1, 10):
        kept.of(number)
    gc.collect()
    assert kept.of(0) is held
    assert len(kept._all) <= 4


class Unreachable(Exception):
    """What reads raise while a part cannot be reached."""


class Broken(Journal):
    """Cannot be read until it is well."""

    well = False

    async def read(self, before: Rows | None) -> Rows | None:
        found = await super().read(before)
        if not self.well:
            raise Unreachable
        return found


async def test_who_waited_for_a_reading_that_failed_hears_so_and_not_that_there_is_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readings, "READING_PAUSE_MS", 20)
    journal = Broken()
    reading = Reading(journal.read)
    asking = [reading.current() for _ in range(100)]
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unreachable}
    assert journal.reads <= 2
    journal.well = True
    assert await reading.current() == Rows(1)


async def test_after_a_reading_that_failed_what_was_read_long_ago_is_not_young() -> None:
    journal = Broken()
    journal.well = True
    reading = Reading(journal.read)
    await reading.current()
    await asyncio.sleep(readings.READING_PAUSE_MS / 1000)
    journal.well, journal.sequence = False, 2
    for _ in range(2):
        with pytest.raises(Unreachable):
            await reading.current()


async def test_who_waited_for_a_reading_that_was_broken_off_reads_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readings, "READING_PAUSE_MS", 20)
    journal = Journal()
    reading = Reading(journal.read)
    await reading.current()
    journal.sequence = 2
    journal.goes_on.clear()
    journal.begun.clear()
    leaving, staying = (asyncio.create_task(reading.current(2)) for _ in range(2))
    await journal.begun.wait()
    leaving.cancel()
    journal.goes_on.set()
    assert await staying == Rows(2)
