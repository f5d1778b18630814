"""Read copies with a real Valkey: heard, young enough, replaced only by newer ones, loaded by one for all."""

from __future__ import annotations

import asyncio
import time

import pytest
import redis.asyncio

from persistence import availability
from persistence.availability import CHANNEL
from persistence.store import OutcomeUnknown
from tests.persistence.fronts import AGE_MAX_MS, EVENT, OTHER, PUBLISH_MS, Front, counts_at, until

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
        assert (found.sequence, found.ticket_types) == (sequence, counts_at(sequence))
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
        front.publisher.changed(EVENT, sequence, now_ms, counts_at(sequence))
        await asyncio.sleep(3 * PUBLISH_MS / 1000)
    await until(lambda: copies._copies[EVENT].sequence == high)
    front.publisher.changed(OTHER, 7, now_ms, counts_at(7))
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
    front.publisher.changed(EVENT, sequence, front.clock.now_ms() + 60_000, counts_at(sequence))
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
