"""Situations that once went wrong, or must not: each is brought about, and checked as any scenario."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from actors.wire import Moved, unpack_answers
from domain.event_messages import (
    CancelReservation,
    CreateEvent,
    ReservationReply,
)
from domain.messages import Code
from tests.simulation.loop import Process
from tests.simulation.stage import Stage, answered, played, refusal
from tests.simulation.weather import Passage

# --- calls ----------------------------------------------------------------------------------------------


def fates(stage: Stage, *outcomes: str) -> None:
    """How the next calls fare; later ones fare well."""
    left = list(outcomes)
    stage.weather.call = lambda: Passage(  # type: ignore[method-assign]
        left.pop(0) if left else "answered",
        0.001,
        0.001,
        notice_s=0.01,
        late_s=0.5,  # type: ignore[arg-type]
    )


def test_a_call_that_never_returns_does_not_close_the_way() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event()
        fates(stage, "stuck")
        assert refusal(await stage.ask(event_id, stage.one())) is Code.UNAVAILABLE
        await asyncio.sleep(1)
        assert answered(await stage.ask(event_id, stage.one()))

    played(course, request_deadline_ms=800, ask_timeout_ms=400)


def test_a_call_that_comes_after_its_retry_was_refused_does_nothing() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event(quota=1)
        taken = await stage.ask(event_id, stage.one())
        assert isinstance(taken, ReservationReply)
        fates(stage, "late")
        assert refusal(await stage.ask(event_id, stage.one())) is Code.HELD
        await stage.ask(event_id, CancelReservation(taken.reservation.id))
        await asyncio.sleep(1)
        inventory = stage.database.inventory(event_id)
        assert inventory is not None
        assert inventory.live == 0

    played(course)


def test_a_call_that_comes_twice_happens_once() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event()
        fates(stage, "doubled")
        assert answered(await stage.ask(event_id, stage.one()))
        await asyncio.sleep(1)
        assert stage.owner().owner.health()["last_error"] == ""

    played(course)


@pytest.mark.parametrize("calls", [1, 2])
def test_what_is_asked_while_the_last_answer_is_handed_out_is_carried_too(calls: int) -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event(quota=500)
        for _ in range(40):
            first, second = stage.begin(event_id, stage.one()), stage.begin(event_id, stage.one())
            assert answered(await first)
            assert answered(await second)

    played(course, outbox_max_calls=calls, batch_max_commands=1)


def test_an_event_that_a_leaving_owner_did_not_make_is_made_by_its_successor() -> None:
    async def course(stage: Stage) -> None:
        await stage.event()
        stage.owner().owner.leave("newer code is here")
        assert await stage.event()

    played(course)


def test_an_event_is_not_made_after_its_time() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event()
        made = stage.database.inventory(event_id)
        assert made is not None
        fates(stage, "late", *["request lost"] * 40)
        command = CreateEvent(stage.new_id(), made.definition.terms)
        attempt, task = stage.fronts[0].create("test", command, "pool:0", None)
        await asyncio.wait((task,))
        await asyncio.sleep(2)
        assert refusal(attempt.reply) is Code.UNAVAILABLE
        assert stage.database.inventory(command.id) is None

    played(course, request_deadline_ms=300)


# --- owners ---------------------------------------------------------------------------------------------


def test_an_owner_that_was_stopped_and_goes_on_acknowledges_nothing() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event(quota=1)
        await stage.ask(event_id, stage.one())
        old = stage.owner()
        stage.cluster.split(old.name)
        old.process.freeze()
        asked = stage.begin(event_id, stage.one())
        await asyncio.sleep(0.1)
        assert refusal(await stage.ask(event_id, stage.one(), front=1)) is Code.HELD
        thawed_s = stage.loop.now_s
        old.process.thaw()
        await asked
        calls = [call for call in stage.history.answered if call.incarnation == str(old)]
        late = [call for call in calls if call.answered_s >= thawed_s]
        assert late
        assert all(isinstance(said, Moved) for call in late for said in unpack_answers(call.answers))
        assert not old.process.alive

    played(course)


def test_an_owner_that_does_not_respond_is_ended_and_sales_go_on() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event()
        await stage.ask(event_id, stage.one())
        stage.owner().process.freeze()
        began_s = stage.loop.now_s
        assert answered(await stage.ask(event_id, stage.one()))
        assert stage.loop.now_s - began_s < 5

    played(course)


def test_an_owner_that_waits_for_the_database_is_left_alone() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event()
        await stage.ask(event_id, stage.one())
        owner = stage.owner()
        stage.weather.lock_s = lambda: 4.0  # type: ignore[method-assign]
        assert answered(await stage.ask(event_id, stage.one()))
        stage.weather.lock_s = lambda: 0.0  # type: ignore[method-assign]
        assert stage.owner() is owner

    played(course)


def test_an_inventory_that_is_moved_away_and_back_does_not_end_its_pools_owner() -> None:
    async def course(stage: Stage) -> None:
        event_id, directory = await stage.event(), stage.new_session("test")
        await stage.ask(event_id, stage.one())
        owner = stage.owner()
        await directory.place(event_id, "pool:1")
        assert answered(await stage.ask(event_id, stage.one(), front=1))
        await directory.place(event_id, "pool:0")
        assert answered(await stage.ask(event_id, stage.one()))
        assert stage.owner() is owner

    played(course)


def test_an_idle_dedicated_owner_goes_and_comes_back_when_asked() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event("event:hot")
        await stage.ask(event_id, stage.one(9))
        assert "event:hot" in stage.cluster.names
        await asyncio.sleep(10)
        assert "event:hot" not in stage.cluster.names
        assert answered(await stage.ask(event_id, stage.one()))

    played(course, passivate_after_s=3.0)


def test_an_owner_whose_clock_has_gone_wrong_decides_nothing_until_it_is_right() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event(quota=1)
        owner = stage.owner()
        owner.clock.ticks.jump(-60)
        await in_process(owner.process, owner.clock.anchor())
        assert not owner.clock.trusted
        assert refusal(await stage.ask(event_id, stage.one())) in (Code.OVERLOADED, Code.UNAVAILABLE)
        row = stage.database.inventory(event_id)
        assert row is not None
        assert row.seq == 1, "nothing was stored but its creation"
        await in_process(owner.process, owner.clock.anchor())
        assert owner.clock.trusted
        assert answered(await stage.ask(event_id, stage.one()))

    played(course, request_deadline_ms=800)


async def in_process(process: Process, work: Coroutine[Any, Any, None]) -> None:
    await asyncio.wait((process.spawn(work),))


# --- the watchdog, and front ends -----------------------------------------------------------------------


def test_a_watchdog_that_was_made_again_knows_whom_to_end() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event()
        await stage.ask(event_id, stage.one())
        stage.cluster.guard.process.kill()
        stage.cluster.keep_guarded()
        await asyncio.sleep(1)
        stopped = stage.owner()
        stopped.process.freeze()
        assert answered(await stage.ask(event_id, stage.one()))
        assert not stopped.process.alive

    played(course)


def test_what_a_front_end_that_died_was_asked_is_asked_again_through_another_and_done_once() -> None:
    async def course(stage: Stage) -> None:
        event_id, key, command = await stage.event(), stage.new_key(), stage.one()
        asked = stage.begin(event_id, command, key)
        while stage.database.tables.inventories[event_id].seq < 2:  # noqa: ASYNC110 - its reply is on its way
            await asyncio.sleep(0.0001)
        stage.lose(stage.fronts[0])
        assert answered(await stage.ask(event_id, command, key))
        assert not asked.done(), "its client was told nothing by the one that died"
        asked.cancel()
        assert stage.database.tables.inventories[event_id].live == 1

    played(course)
