"""Read copies while Redis is not there, frozen, killed or back: nobody waits for it, and nothing falls."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

import pytest
import redis.asyncio

from persistence import publisher
from persistence.floor import Floor
from server.embedded.ports import free_port
from tests.persistence.fronts import AGE_MAX_MS, EVENT, Front, until
from tests.persistence.servers import ValkeyServer


async def test_without_redis_changes_are_noted_and_answers_come_from_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publisher, "PENDING_MAX_EVENTS", 10)
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
    fronts = [front.copies(Floor(tmp_path / "floor", number, 2)) for number in range(2)]
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
