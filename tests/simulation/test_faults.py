"""Faults of one inventory or one command, brought about: its mates in the same owner must not notice."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

from actors.timers import ExpiryTimer
from domain import event
from domain.event_messages import EventFact, HoldPlaced
from domain.messages import Code
from persistence.store import Append, Refused
from tests.simulation.outages import LATE_MAX_S
from tests.simulation.stage import HOLD_S, Stage, answered, played, refusal


def test_a_poisoned_inventory_is_set_aside_and_its_mates_go_on() -> None:
    async def course(stage: Stage) -> None:
        bad, good = await stage.event(), await stage.event(quota=100)
        stage.database.poisoned.add(bad)
        for _ in range(8):
            both = stage.begin(bad, stage.one()), stage.begin(good, stage.one())
            assert refusal(await both[0]) is Code.UNAVAILABLE
            assert answered(await both[1])
        began_s = stage.loop.now_s
        assert refusal(await stage.ask(bad, stage.one())) is Code.UNAVAILABLE
        assert stage.loop.now_s - began_s < 0.02
        stage.database.poisoned.clear()
        await asyncio.sleep(31)
        assert answered(await stage.ask(bad, stage.one()))

    played(course)


def test_refusals_with_successes_between_them_set_nothing_aside() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event(quota=100)
        for _ in range(6):
            stage.database.poisoned.add(event_id)
            assert refusal(await stage.ask(event_id, stage.one())) is Code.UNAVAILABLE
            stage.database.poisoned.clear()
            assert answered(await stage.ask(event_id, stage.one()))

    played(course)


def test_a_bug_that_one_inventory_meets_is_no_fault_of_its_mates() -> None:
    """Also where each of them had many letters in the batch that broke."""
    cursed: set[str] = set()
    evolve = event.evolve

    def breaks(state: object, fact: EventFact) -> None:
        if isinstance(fact, HoldPlaced) and fact.reservation_id in cursed:
            raise ZeroDivisionError
        evolve(state, fact)  # type: ignore[arg-type]

    async def course(stage: Stage) -> None:
        bad, good = await stage.event(), await stage.event(quota=100)
        await stage.ask(good, stage.one())
        await stage.ask(bad, stage.one())
        for _ in range(3):
            curse = stage.one()
            cursed.add(curse.reservation_id)
            mates = [stage.begin(good, stage.one()) for _ in range(10)]
            broken = stage.begin(bad, curse)
            mates += [stage.begin(good, stage.one()) for _ in range(10)]
            assert refusal(await broken) is Code.UNAVAILABLE
            assert all([answered(await mate) for mate in mates])

    with patch.object(event, "evolve", breaks):
        played(course, set_aside_s=3.0)


def test_a_request_that_the_store_knows_already_is_answered_and_no_fault() -> None:
    """As when an append was done, and nobody could tell that it was this request's."""

    async def course(stage: Stage) -> None:
        event_id = await stage.event()
        await stage.ask(event_id, stage.one())
        refused: list[int] = []
        really = stage.database.tables.append

        def once(batch: list[Append]) -> set[str]:
            if not refused:
                refused.append(1)
                raise Refused("a request is recorded already", "requests_pkey")
            return really(batch)

        stage.database.tables.append = once  # type: ignore[method-assign]
        assert answered(await stage.ask(event_id, stage.one()))

    played(course)


def test_however_many_inventories_have_holds_that_end_at_once_all_are_noted_in_time() -> None:
    """More than a timer wakes for one question."""

    async def course(stage: Stage) -> None:
        events = [await stage.event() for _ in range(12)]
        holds = [stage.begin(event_id, stage.one()) for event_id in events]
        assert all([answered(await hold) for hold in holds])
        await asyncio.sleep(HOLD_S + LATE_MAX_S)
        assert [stage.database.tables.inventories[event_id].live for event_id in events] == [0] * len(events)

    with patch.object(ExpiryTimer, "WAKES_MAX", 2):
        played(course)


def test_inventories_that_cannot_be_woken_do_not_keep_others_waiting() -> None:
    """Not even where they are more than a timer wakes at once, longer overdue, and of the same owner."""

    async def course(stage: Stage) -> None:
        stuck, fine = [await stage.event() for _ in range(3)], await stage.event()
        for event_id in stuck:
            assert answered(await stage.ask(event_id, stage.one()))
        await asyncio.sleep(HOLD_S / 2)
        assert answered(await stage.ask(fine, stage.one()))
        stage.database.poisoned.update(stuck)
        await asyncio.sleep(HOLD_S + LATE_MAX_S)
        held = {event_id: stage.database.tables.inventories[event_id].live for event_id in (*stuck, fine)}
        assert held == {**dict.fromkeys(stuck, 1), fine: 0}

    with patch.object(ExpiryTimer, "WAKES_MAX", 2):
        stage = Stage(course)
        with stage.play():
            assert stage.wrong == []
