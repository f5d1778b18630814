"""Whom the watchdog ends: who does not answer in time. How long it took to find him does not count."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from actors.watchdog import Health, Watchdog

IN_TIME_S = 0.02


class Impatient(Watchdog):
    HEALTH_TIMEOUT_S = IN_TIME_S


async def at_once() -> None:
    pass


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def gone() -> None:
    raise LookupError("gone")


directory_that_is_slow = partial(asyncio.sleep, 5 * IN_TIME_S)
Wait = Callable[[], Awaitable[None]]


@dataclass
class House:
    """One owner, how it is found and how it answers."""

    found: Wait
    answers: Wait
    ended: list[str] = field(default_factory=list)
    looked: int = 0

    async def locate(self, _: str) -> Health:
        self.looked += 1
        await self.found()

        async def health() -> dict[str, object]:
            await self.answers()
            return {}

        return health

    async def end(self, owner: str) -> None:
        self.ended.append(owner)


async def looked_at(found: Wait, answers: Wait) -> tuple[bool, list[str]]:
    house = House(found, answers)
    return await Impatient(house).check("pool:1"), house.ended


async def test_who_does_not_answer_in_time_is_ended() -> None:
    assert await looked_at(at_once, never) == (False, ["pool:1"])
    assert await looked_at(at_once, at_once) == (True, [])


async def test_a_directory_that_is_slow_is_not_taken_for_an_owner_that_is_dead() -> None:
    assert await looked_at(directory_that_is_slow, at_once) == (True, [])
    assert await looked_at(directory_that_is_slow, never) == (False, ["pool:1"])


async def test_who_is_gone_is_not_ended_whoever_says_so() -> None:
    assert await looked_at(gone, at_once) == (False, [])
    assert await looked_at(at_once, gone) == (False, [])


async def test_one_look_serves_all_who_ask_for_it_meanwhile() -> None:
    house = House(directory_that_is_slow, at_once)
    watchdog = Impatient(house)
    assert await asyncio.gather(*(watchdog.check("pool:1") for _ in range(3))) == [True] * 3
    assert house.looked == 1
