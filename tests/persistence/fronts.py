"""A journal, its owner's publisher and front ends with copies: what tests of availability are made of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

from domain.event_messages import TypeCounts
from domain.views import Availability
from persistence.availability import Copies
from persistence.floor import Floor
from persistence.publisher import Publisher
from persistence.store import OutcomeUnknown

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
        return event_id, self.sequences[event_id], now_ms, counts_at(self.sequences[event_id])

    async def load(self, event_id: str) -> Availability | None:
        self.loads += 1
        if self.fails:
            raise OutcomeUnknown("down")
        sequence, at_ms = self.sequences.get(event_id), self.clock.now_ms()
        await asyncio.sleep(self.load_s)
        return Availability(event_id, sequence, at_ms, counts_at(sequence)) if sequence else None

    def behind_ms(self, found: Availability, asked_ms: int) -> int:
        """For how long what was answered had not been true any more when it was asked for."""
        return max(
            (asked_ms - at_ms for sequence, at_ms in self.times if sequence > found.sequence), default=0
        )


def counts_at(sequence: int) -> tuple[TypeCounts, ...]:
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


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - it comes over Redis
            await asyncio.sleep(0.005)
