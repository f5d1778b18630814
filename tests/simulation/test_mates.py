"""What is slow, gone or stuck keeps nobody waiting who does not need it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

from actors.gateway import NotMade
from domain.messages import Code
from tests.simulation.stage import Stage, answered, played, refusal
from tests.simulation.weather import Passage

LOAD_S = 1.0
MAKING_S = 2.0
DEADLINE_S = 1.2
SWEPT_WITHIN_S = 0.25 + 0.1 + 0.01
"""The gateway's grace, the time between two of its sweeps, and the way of a call."""
WAITS_S = 2.0
STEPS_MAX_PER_S = 60
"""Of all processes, most of them the front ends' that look once in 100 ms whom to give up on."""
STALL_MAX_S = 0.04
"""The gateway's impatience, and the way of two calls there and back in the stage's weather."""


def slowly(work: Callable[..., Awaitable[Any]], inventory_id: str) -> Callable[..., Awaitable[Any]]:
    async def slow(wanted: str, *more: Any) -> Any:
        if wanted == inventory_id:
            await asyncio.sleep(LOAD_S)
        return await work(wanted, *more)

    return slow


def test_an_inventory_that_loads_for_long_keeps_no_mate_waiting() -> None:
    async def course(stage: Stage) -> None:
        slow, fast = await stage.event(quota=1_000), await stage.event(quota=1_000)
        await stage.ask(fast, stage.one())
        session = stage.owner().session
        with patch.object(session, "live", slowly(session.live, slow)):
            began_s = stage.loop.now_s
            first = stage.begin(slow, stage.one())
            while not first.done():
                asked_s = stage.loop.now_s
                second = stage.begin(slow, stage.one())
                assert answered(await stage.ask(fast, stage.one()))
                assert stage.loop.now_s - asked_s < STALL_MAX_S
            assert answered(await first)
            assert answered(await second)
            assert LOAD_S < stage.loop.now_s - began_s < LOAD_S + 0.2, "and it answers as soon as it can"

    played(course)


def test_an_owner_that_waits_for_the_database_does_nothing_meanwhile() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event(quota=100)
        await stage.ask(event_id, stage.one())
        with patch.object(stage.weather, "lock_s", lambda: WAITS_S):
            before, began_s = stage.loop.steps, stage.loop.now_s
            assert answered(await stage.ask(event_id, stage.one()))
        assert stage.loop.now_s - began_s >= WAITS_S
        assert stage.loop.steps - before < WAITS_S * STEPS_MAX_PER_S

    played(course)


def test_a_watchdog_that_never_answers_closes_no_way() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event(quota=100)
        never = asyncio.Event()

        async def hangs(_owner: str) -> None:
            await never.wait()

        for front in stage.fronts:
            front.gateway._transport.check = hangs  # type: ignore[method-assign]
        with patch.object(stage.weather, "lock_s", lambda: 3.0):
            await stage.ask(event_id, stage.one())
        await asyncio.sleep(10)
        asked_s = stage.loop.now_s
        assert answered(await stage.ask(event_id, stage.one()))
        assert stage.loop.now_s - asked_s < STALL_MAX_S
        never.set()

    played(course)


def test_an_event_sells_on_while_its_new_owner_is_still_being_made() -> None:
    async def course(stage: Stage) -> None:
        event_id, front = await stage.event(quota=10_000), stage.fronts[0]
        await stage.ask(event_id, stage.one())
        with patch.object(stage.cluster._rng, "uniform", lambda _low, _high: MAKING_S):
            moving = front.process.spawn(front.gateway.place(event_id, "event:hot"))
            began_s, sold, longest_s = stage.loop.now_s, 0, 0.0
            while stage.loop.now_s < began_s + 2 * MAKING_S:
                asked_s = stage.loop.now_s
                assert answered(await stage.ask(event_id, stage.one()))
                longest_s, sold = max(longest_s, stage.loop.now_s - asked_s), sold + 1
        await asyncio.wait((moving,))
        assert stage.owner("event:hot").owner.inventories(9) == [event_id]
        assert stage.owner().owner.inventories(9) == [], "the former owner has let go"
        assert longest_s < STALL_MAX_S, f"{sold} were sold"

    played(course)


def test_a_new_owner_that_does_not_come_up_is_given_nothing() -> None:
    async def course(stage: Stage) -> None:
        event_id, front = await stage.event(quota=100), stage.fronts[0]
        with patch.object(stage.cluster._rng, "uniform", lambda _low, _high: 60.0):
            moving = front.process.spawn(front.gateway.place(event_id, "event:hot"))
            await asyncio.wait((moving,))
        assert isinstance(moving.exception(), NotMade)
        assert answered(await stage.ask(event_id, stage.one()))
        assert stage.database.tables.inventories[event_id].owner == "pool:0"

    played(course, make_max_s=3.0)


def test_a_look_up_that_takes_long_is_part_of_the_time_that_a_client_waits() -> None:
    """What was asked meanwhile stands before it in the outbox, but not among the deadlines."""

    async def course(stage: Stage) -> None:
        known, unknown = await stage.event(quota=100), await stage.event(quota=100)
        await stage.ask(known, stage.one())
        directory = stage.fronts[0].gateway._directory
        with patch.object(directory, "owner_of", slowly(directory.owner_of, unknown)):
            began_s = stage.loop.now_s
            looked_up = stage.begin(unknown, stage.one())
            await asyncio.sleep(LOAD_S / 2)
            with patch.object(stage.weather, "call", lambda: Passage("stuck", 0.001, 0.001, 0.01, 0.5)):
                stuck = stage.begin(known, stage.one())
                assert refusal(await looked_up) is Code.OVERLOADED
                assert stage.loop.now_s - began_s < DEADLINE_S + SWEPT_WITHIN_S
                assert refusal(await stuck) is Code.UNAVAILABLE

    played(course, request_deadline_ms=int(DEADLINE_S * 1000))


def test_an_owner_that_leaves_under_load_brings_no_storm_on_the_directory() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event("pool:1", quota=1_000)
        await stage.ask(event_id, stage.one())
        asked = 0
        directory = stage.fronts[0].gateway._directory
        owner_of = directory.owner_of

        async def counted(inventory_id: str) -> str | None:
            nonlocal asked
            asked += 1
            return await owner_of(inventory_id)

        with patch.object(directory, "owner_of", counted):
            stage.owner("pool:1").owner.leave("room for newer code")
            replies = await asyncio.gather(*(stage.begin(event_id, stage.one()) for _ in range(200)))
        assert all(map(answered, replies))
        assert 1 <= asked < 20

    played(course)
