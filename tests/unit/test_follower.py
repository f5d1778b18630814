"""How long the follower of the journal rests: as long as looks cost, not as long as one of them waited."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from actors.meter import Meter
from actors.news.config import FollowerLimits
from actors.news.follower import Follower
from domain.endpoints import Endpoint
from persistence.news import Read, RowToSend, Unread

SLOW_S = 0.1
WITHIN_S = 30.0
LIMITS = FollowerLimits(poll_s=0.01, rest_of_look=1_000.0)
"""A look of 100 ms that counted would be rested after for more than a minute."""


@dataclass
class Quiet:
    """A store in which nothing is new, and how long each look at it takes; then it says so."""

    looks_s: list[float]
    all_looked: asyncio.Event = field(default_factory=asyncio.Event)

    async def unread(self, part: int, parts: int, inventories_max: int, appends_max: int) -> list[Unread]:
        if not self.looks_s:
            self.all_looked.set()
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(self.looks_s.pop(0))
        return []

    async def endpoints(self) -> list[Endpoint]:
        return []

    async def write(self, read: Sequence[Read]) -> set[str]:
        return set()

    async def spread(self, mails: Sequence[RowToSend]) -> None: ...

    async def concerned(self, inventory_id: str, after: str, made_until_ms: int) -> list[str]:
        return []

    async def passed_on(
        self, inventory_id: str, reservation_ids: Sequence[str]
    ) -> dict[str, list[tuple[int, int]]]:
        return {}

    async def starts_ms(self, reservation_ids: Sequence[str]) -> dict[str, int]:
        return {}


@pytest.mark.parametrize("looks_s", [[SLOW_S], [0.0, 0.0, SLOW_S]], ids=["the first", "one of them"])
async def test_a_look_that_waited_for_something_is_not_rested_after_as_if_it_had_worked(
    looks_s: list[float],
) -> None:
    store = Quiet(looks_s)
    following = asyncio.create_task(Follower(0, 1, store, Meter(), LIMITS).run())
    try:
        async with asyncio.timeout(WITHIN_S):
            await store.all_looked.wait()
    finally:
        following.cancel()


async def test_looks_that_cost_much_each_time_are_rested_after() -> None:
    store = Quiet([SLOW_S, SLOW_S])
    following = asyncio.create_task(Follower(0, 1, store, Meter(), LIMITS).run())
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5 * SLOW_S):
                await store.all_looked.wait()
    finally:
        following.cancel()
