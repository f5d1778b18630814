"""Read copies with a real Valkey: young, never falling, and nobody waits for it, alive, dead or frozen."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import redis.asyncio

from domain.event_messages import TypeCounts
from domain.views import Availability
from persistence import availability
from persistence.availability import CHANNEL, Copies, Publisher
from persistence.floor import Floor
from persistence.store import OutcomeUnknown
from server.embedded.ports import free_port
from tests.persistence.servers import ValkeyServer

AGE_MAX_MS = 2_000
PUBLISH_MS = 20
EVENT, OTHER = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"


class RealTime:
    """This process's own clock is the store's."""

    ahead_ms = 0
    error_ms = 0.0

    def now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000 + 1_000_000_000 + self.ahead_ms


class Journal:
    """What is true: each event's sequence. Its rows can be read, slowly or not at all."""

    def __init__(self, clock: RealTime) -> None:
        self.clock = clock
        self.sequences: dict[str, int] = {EVENT: 1, OTHER: 1}
        self.times: list[tuple[int, int]] = []
        self.loads = 0
        self.load_s = 0.0
        self.fails = False

    def commit(self, event_id: str = EVENT) -> tuple[str, int, int, tuple[TypeCounts, ...]]:
        self.sequences[event_id] += 1
        now_ms = self.clock.now_ms()
        self.times.append((self.sequences[event_id], now_ms))
        return event_id, self.sequences[event_id], now_ms, _counts(self.sequences[event_id])

    async def load(self, event_id: str) -> Availability | None:
        self.loads += 1
        if self.fails:
            raise OutcomeUnknown("down")
        sequence, at_ms = self.sequences.get(event_id), self.clock.now_ms()
        await asyncio.sleep(self.load_s)
        return Availability(event_id, sequence, at_ms, _counts(sequence)) if sequence else None

    def behind_ms(self, found: Availability, asked_ms: int) -> int:
        """For how long what was answered had not been true any more when it was asked for."""
        return max(
            (asked_ms - at_ms for sequence, at_ms in self.times if sequence > found.sequence), default=0
        )


def _counts(sequence: int) -> tuple[TypeCounts, ...]:
    return (TypeCounts("A", 1_000, sequence, 0, 1_000 - sequence),)


class Front:
    """A journal, its owner's publisher, and as many front ends as a test wants."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = RealTime()
        self.journal = Journal(self.clock)
        self.publisher = Publisher(url, PUBLISH_MS)
        self.opened = AsyncExitStack()
        self.opened.push_async_callback(self.publisher.close)

    def copies(self, floor: Floor | None = None) -> Copies:
        made = Copies(self.url, self.journal.load, self.clock, AGE_MAX_MS, floor)
        self.opened.push_async_callback(made.close)
        return made

    def commit(self, event_id: str = EVENT) -> int:
        news = self.journal.commit(event_id)
        self.publisher.changed(*news)
        return news[1]

    async def listening(self, copies: Copies) -> None:
        """Until what is published reaches these copies."""
        await copies.get(EVENT)
        async with asyncio.timeout(15):
            while True:
                sequence = self.commit()
                await asyncio.sleep(0.05)
                held = copies._copies.get(EVENT)
                if held is not None and held.sequence >= sequence:
                    return


@pytest.fixture
async def front(valkey: ValkeyServer) -> AsyncIterator[Front]:
    made = Front(valkey.url)
    yield made
    await made.opened.aclose()


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - it comes over Redis
            await asyncio.sleep(0.005)


# --- with Redis -----------------------------------------------------------------------------------


async def test_what_is_published_is_answered_without_reading_a_row(front: Front) -> None:
    copies = front.copies()
    await front.listening(copies)
    loads = front.journal.loads
    for _ in range(5):
        sequence = front.commit()
        await until(lambda sequence=sequence: copies._copies[EVENT].sequence == sequence)  # type: ignore[misc]
        found = await copies.get(EVENT)
        assert found is not None
        assert (found.sequence, found.ticket_types) == (sequence, _counts(sequence))
    assert front.journal.loads == loads


async def test_an_owner_publishes_at_a_bounded_rate_and_always_the_last(front: Front) -> None:
    listener = redis.asyncio.Redis.from_url(front.url)
    channel = listener.pubsub(ignore_subscribe_messages=True)
    await channel.subscribe(CHANNEL)
    await channel.get_message(timeout=1)
    started_s = time.monotonic()
    last = 0
    for _ in range(100):
        front.commit(EVENT)
        last = front.commit(OTHER)
        await asyncio.sleep(0.002)
    heard: list[dict[str, int]] = []
    while not heard or heard[-1].get(OTHER) != last:
        message = await channel.get_message(timeout=5)
        assert message is not None, "the last one was not published"
        heard.append({one[0]: one[1] for one in availability._decoder.decode(message["data"])})
    assert len(heard) <= (time.monotonic() - started_s) * 1_000 / PUBLISH_MS + 2
    await channel.aclose()  # type: ignore[no-untyped-call]
    await listener.aclose()


async def test_only_a_higher_sequence_replaces_a_copy(front: Front) -> None:
    copies = front.copies()
    await front.listening(copies)
    now_ms = front.clock.now_ms()
    high = front.journal.sequences[EVENT] + 10
    for sequence in (high, high - 1, high - 5):
        front.publisher.changed(EVENT, sequence, now_ms, _counts(sequence))
        await asyncio.sleep(3 * PUBLISH_MS / 1000)
    await until(lambda: copies._copies[EVENT].sequence == high)
    front.publisher.changed(OTHER, 7, now_ms, _counts(7))
    await until(lambda: OTHER in copies._copies)
    assert copies._copies[EVENT].sequence == high


async def test_a_copy_that_is_too_old_is_not_given_out(front: Front) -> None:
    copies = front.copies()
    await front.listening(copies)
    front.journal.sequences[EVENT] += 1
    assert (await copies.get(EVENT)) == copies._copies[EVENT]
    loads = front.journal.loads
    front.clock.ahead_ms += AGE_MAX_MS
    found = await copies.get(EVENT)
    assert found is not None
    assert found.sequence == front.journal.sequences[EVENT]
    assert front.journal.loads == loads + 1


async def test_an_owner_whose_clock_is_ahead_does_not_make_its_copy_live_longer(front: Front) -> None:
    copies = front.copies()
    await front.listening(copies)
    sequence = front.journal.sequences[EVENT] + 1
    front.publisher.changed(EVENT, sequence, front.clock.now_ms() + 60_000, _counts(sequence))
    await until(lambda: copies._copies[EVENT].sequence == sequence)
    assert copies._copies[EVENT].at_ms <= front.clock.now_ms()


async def test_what_is_not_understood_on_the_channel_is_passed_over(front: Front) -> None:
    copies = front.copies()
    await front.listening(copies)
    stranger = redis.asyncio.Redis.from_url(front.url)
    for nonsense in (b"", b"\xc1", b"\x93\x01\x02\x03"):
        await stranger.publish(CHANNEL, nonsense)
    await stranger.aclose()
    await front.listening(copies)


# --- from the row ---------------------------------------------------------------------------------


async def test_one_reader_loads_for_all_who_wait(front: Front) -> None:
    front.journal.load_s = 0.05
    copies = front.copies()
    found = await asyncio.gather(*(copies.get(EVENT) for _ in range(50)))
    assert {one.sequence for one in found if one} == {1}
    assert front.journal.loads == 1


async def test_who_came_after_a_load_began_and_knows_more_gets_what_was_read_later(front: Front) -> None:
    front.journal.load_s = 0.05
    copies = front.copies()
    first = asyncio.create_task(copies.get(EVENT))
    await asyncio.sleep(0.01)
    front.journal.sequences[EVENT] = 5
    second = await copies.get(EVENT, at_least=5)
    assert second is not None
    assert second.sequence == 5
    assert await first is not None


async def test_a_client_that_says_it_has_seen_what_cannot_be_gets_the_row(front: Front) -> None:
    copies = front.copies()
    started_s = time.monotonic()
    for _ in range(3):
        found = await copies.get(EVENT, at_least=10**9)
        assert found is not None
        assert found.sequence == 1
    assert front.journal.loads <= 3
    assert time.monotonic() - started_s < 5


async def test_an_unknown_event_is_none_until_it_is_there(front: Front) -> None:
    copies = front.copies()
    unknown = "00000000-0000-7000-8000-00000000ffff"
    assert await copies.get(unknown) is None
    front.journal.sequences[unknown] = 1
    assert await copies.get(unknown) is not None


async def test_a_load_that_fails_is_told_to_all_and_not_kept(front: Front) -> None:
    copies = front.copies()
    front.journal.fails = True
    found = await asyncio.gather(*(copies.get(EVENT) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(one, OutcomeUnknown) for one in found)
    front.journal.fails = False
    await until(lambda: not copies._loads)
    assert await copies.get(EVENT) is not None


async def test_a_bounded_number_of_copies_is_kept(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "COPIES_MAX", 10)
    copies = front.copies()
    for n in range(50):
        event_id = f"00000000-0000-7000-8000-{n:012x}"
        front.journal.sequences[event_id] = 1
        await copies.get(event_id)
    assert len(copies._copies) == 10


# --- without Redis --------------------------------------------------------------------------------


async def test_without_redis_changes_are_noted_and_answers_come_from_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(availability, "PENDING_MAX_EVENTS", 10)
    front = Front(f"redis://127.0.0.1:{free_port()}/0")
    copies = front.copies()
    for n in range(200):
        front.publisher.changed(f"{n}", 1, 0, ())
    assert len(front.publisher._pending) == 10
    for _ in range(3):
        sequence = front.commit()
        front.clock.ahead_ms += AGE_MAX_MS
        found = await copies.get(EVENT)
        assert found is not None
        assert found.sequence == sequence
    assert len(front.publisher._pending) <= 11
    await front.opened.aclose()


async def test_after_redis_was_killed_and_is_back_copies_are_heard_again(
    front: Front, valkey: ValkeyServer
) -> None:
    copies = front.copies()
    await front.listening(copies)
    valkey.kill()
    sequence = front.commit()
    front.clock.ahead_ms += AGE_MAX_MS
    found = await copies.get(EVENT)
    assert found is not None
    assert found.sequence == sequence
    valkey.start()
    await front.listening(copies)


async def test_the_last_change_before_redis_went_is_published_when_it_is_back(
    front: Front, valkey: ValkeyServer
) -> None:
    await asyncio.to_thread(valkey.kill)
    front.commit()
    await asyncio.sleep(0.3)
    await asyncio.to_thread(valkey.start)
    looker = redis.asyncio.Redis.from_url(valkey.url)
    async with asyncio.timeout(10):
        while "cmdstat_publish" not in await looker.info("commandstats"):  # noqa: ASYNC110 - Redis has no event
            await asyncio.sleep(0.02)
    await looker.aclose()
    await until(lambda: not front.publisher._pending)


async def test_sequences_do_not_fall_and_are_not_two_seconds_behind_whatever_redis_does(
    valkey: ValkeyServer, tmp_path: Path
) -> None:
    """Sales go on while Redis is frozen, goes on, is killed and comes back; one client, two front ends."""
    front = Front(valkey.url)
    fronts = [front.copies(Floor(tmp_path / "floor")) for _ in range(2)]
    dice = random.Random(1)
    selling = True

    async def sell() -> None:
        while selling:
            front.commit()
            await asyncio.sleep(0.004)

    async def ask() -> int:
        last = asked = worst_ms = 0
        while selling:
            asked_ms = front.clock.now_ms()
            found = await dice.choice(fronts).get(EVENT)
            assert found is not None
            assert found.sequence >= last, "the sequence fell"
            last, asked = found.sequence, asked + 1
            worst_ms = max(worst_ms, front.journal.behind_ms(found, asked_ms))
            await asyncio.sleep(0.002)
        assert worst_ms < AGE_MAX_MS
        return asked

    async def weather() -> None:
        nonlocal selling
        for copies in fronts:
            await front.listening(copies)
        valkey.send(signal.SIGSTOP)
        await asyncio.sleep(2.5)
        valkey.send(signal.SIGCONT)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(valkey.kill)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(valkey.start)
        for copies in fronts:
            await front.listening(copies)
        selling = False

    results = await asyncio.gather(sell(), weather(), ask(), ask())
    assert sum(filter(None, results)) > 200
    await front.opened.aclose()
