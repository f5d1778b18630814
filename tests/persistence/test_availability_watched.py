"""Who watches an event is told of what is committed: by Redis, by rows where it is silent, never of less."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from domain.views import Availability
from persistence import availability
from persistence.floor import Floor
from server.embedded.ports import free_port
from tests.persistence.fronts import AGE_MAX_MS, EVENT, OTHER, Front, counts_at, until
from tests.persistence.servers import ValkeyServer


class Watcher:
    """What one was told, and how far behind the journal it was while it watched."""

    def __init__(self, front: Front, copies: availability.Copies, event_id: str = EVENT) -> None:
        self.front = front
        self.told: list[Availability] = []
        self.gone = 0
        self.stop = copies.watch(event_id, self._hear)

    def _hear(self, copy: Availability | None) -> None:
        if copy is None:
            self.gone += 1
        else:
            self.told.append(copy)

    @property
    def sequence(self) -> int:
        return max((one.sequence for one in self.told), default=0)

    def behind_ms(self) -> int:
        """For how long something has been committed that it was not told of."""
        now_ms = self.front.clock.now_ms()
        missing = [at_ms for sequence, at_ms in self.front.journal.times if sequence > self.sequence]
        return max((now_ms - at_ms for at_ms in missing), default=0)


async def test_a_watcher_is_told_of_what_is_published_and_no_row_is_read(front: Front) -> None:
    copies = front.copies()
    await front.listening(copies)
    watcher = Watcher(front, copies)
    loads = front.journal.loads
    for _ in range(5):
        sequence = front.commit()
        await until(lambda sequence=sequence: watcher.sequence == sequence)  # type: ignore[misc]
    assert watcher.told[-1].ticket_types == counts_at(sequence)
    assert front.journal.loads == loads


async def test_all_who_watch_are_told_until_they_stop(front: Front) -> None:
    copies = front.copies()
    await front.listening(copies)
    one, two, other = Watcher(front, copies), Watcher(front, copies), Watcher(front, copies, OTHER)
    sequence = front.commit()
    await until(lambda: one.sequence == two.sequence == sequence)
    one.stop()
    told = len(one.told)
    sequence = front.commit()
    await until(lambda: two.sequence == sequence)
    assert len(one.told) == told
    assert {copy.event_id for copy in other.told} <= {OTHER}
    two.stop()
    other.stop()
    await until(lambda: copies._looking is None)


async def test_without_redis_a_watcher_is_told_from_rows_in_bounded_time() -> None:
    front = Front(f"redis://127.0.0.1:{free_port()}/0")
    watcher = Watcher(front, front.copies())
    await until(lambda: watcher.sequence == 1)
    for _ in range(3):
        front.journal.commit()
        await until(lambda: watcher.behind_ms() == 0)
    # Rows are asked for no more often than they have to be.
    assert front.journal.loads <= 6
    await front.opened.aclose()


async def test_what_redis_lost_is_read_from_the_row(front: Front) -> None:
    copies = front.copies()
    await front.listening(copies)
    watcher = Watcher(front, copies)
    front.journal.commit()  # and not published
    await until(lambda: watcher.behind_ms() == 0)


async def test_a_watcher_is_not_told_of_less_than_another_front_end_has_given_out(
    front: Front, tmp_path: Path
) -> None:
    copies, floor = front.copies(Floor(tmp_path / "floor", 0, 2)), Floor(tmp_path / "floor", 1, 2)
    await front.listening(copies)
    watcher = Watcher(front, copies)
    before = front.journal.sequences[EVENT]
    given_out = front.journal.sequences[EVENT] = before + 10
    floor.raise_to(EVENT, given_out)
    front.journal.load_s = 0.5
    front.publisher.changed(EVENT, given_out - 5, front.clock.now_ms(), counts_at(given_out - 5))
    await until(lambda: copies._copies[EVENT].sequence == given_out - 5)
    await until(lambda: watcher.sequence >= given_out)  # from the row
    assert not [copy for copy in watcher.told if before < copy.sequence < given_out]


async def test_what_a_watcher_is_told_no_front_end_falls_behind(front: Front, tmp_path: Path) -> None:
    watching, other = (front.copies(Floor(tmp_path / "floor", number, 2)) for number in range(2))
    await front.listening(watching)
    await front.listening(other)
    watcher = Watcher(front, watching)
    sequence = front.journal.sequences[EVENT] = front.journal.sequences[EVENT] + 1
    await until(lambda: watcher.sequence == sequence)  # from the row, of which the other has heard nothing
    found = await other.get(EVENT)
    assert found is not None
    assert found.sequence == sequence


async def test_an_event_that_shares_its_mark_with_a_higher_one_is_told_of_all_the_same(front: Front) -> None:
    copies = front.copies()
    await front.listening(copies)
    copies._floor.raise_to(EVENT, 10**9)
    watcher = Watcher(front, copies)
    sequence = front.commit()
    await until(lambda: watcher.sequence == sequence)


async def test_a_watcher_is_told_that_the_event_is_gone(front: Front) -> None:
    copies = front.copies()
    await front.listening(copies)
    watcher = Watcher(front, copies)
    del front.journal.sequences[EVENT]
    await until(lambda: watcher.gone > 0)


async def test_rows_that_cannot_be_read_are_asked_for_again(front: Front) -> None:
    front.journal.fails = True
    watcher = Watcher(front, front.copies())
    await until(lambda: front.journal.loads >= 2)
    front.journal.fails = False
    await until(lambda: watcher.sequence == 1)


async def test_of_many_silent_events_a_bounded_number_of_rows_is_asked_for_at_a_time(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability, "WATCHED_LOADS_MAX", 10)
    copies = front.copies()
    events = [f"00000000-0000-7000-8000-{n:012x}" for n in range(0x100, 0x100 + 30)]
    front.journal.sequences |= dict.fromkeys(events, 1)
    front.journal.load_s = 0.01
    watchers = [Watcher(front, copies, event_id) for event_id in events]
    most = 0
    async with asyncio.timeout(15):
        while not all(watcher.sequence for watcher in watchers):
            most = max(most, len(copies._loads))
            await asyncio.sleep(0.001)
    assert most == 10


async def test_a_watcher_is_never_two_seconds_behind_whatever_redis_does(
    front: Front, valkey: ValkeyServer
) -> None:
    """Sales go on while Redis is frozen, goes on, is killed and comes back."""
    copies = front.copies()
    await front.listening(copies)
    watcher = Watcher(front, copies)
    selling, worst_ms = True, 0

    async def sell() -> None:
        while selling:
            front.commit()
            await asyncio.sleep(0.004)

    async def look() -> None:
        nonlocal worst_ms
        while selling:
            worst_ms = max(worst_ms, watcher.behind_ms())
            await asyncio.sleep(0.005)

    async def weather() -> None:
        nonlocal selling
        valkey.send(signal.SIGSTOP)
        await asyncio.sleep(2.5)
        valkey.send(signal.SIGCONT)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(valkey.kill)
        await asyncio.sleep(2.5)
        await asyncio.to_thread(valkey.start)
        await front.listening(copies)
        selling = False

    await asyncio.gather(sell(), look(), weather())
    assert worst_ms < AGE_MAX_MS
