"""A cancelled event: what it had ends in slices, by timers and by whoever asks, also after its owner died."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from domain.event_messages import (
    CancelEvent,
    ConfirmReservation,
    EventFact,
    EventReply,
    ReservationReply,
)
from domain.event_messages import (
    Stage as EventStage,
)
from domain.messages import Code
from tests.simulation.stage import Stage, answered, played, refusal

RESERVATIONS = 23
SLICE = 5
_facts = msgspec.msgpack.Decoder(list[EventFact])


async def sold(stage: Stage) -> str:
    """An event with holds and confirmed reservations."""
    event_id = await stage.event(quota=100)
    for number in range(RESERVATIONS):
        placed = await stage.ask(event_id, stage.one())
        assert isinstance(placed, ReservationReply)
        if number % 3 == 0:
            assert answered(await stage.ask(event_id, ConfirmReservation(placed.reservation.id)))
    return event_id


def live_rows(stage: Stage, event_id: str) -> int:
    return len(stage.database.tables.live(event_id, None, 1_000))


def largest_append(stage: Stage, event_id: str) -> int:
    return max(len(_facts.decode(row.facts)) for row in stage.database.journal(event_id))


def test_what_a_cancelled_event_had_is_ended_by_the_timer_in_slices() -> None:
    async def course(stage: Stage) -> None:
        event_id = await sold(stage)
        cancelled = await stage.ask(event_id, CancelEvent())
        assert isinstance(cancelled, EventReply)
        assert (cancelled.stage, cancelled.reservations) == (EventStage.CANCELLED, 0)
        row = stage.database.inventory(event_id)
        assert row is not None
        assert (row.live, row.live_reservations, live_rows(stage, event_id)) == (0, 0, RESERVATIONS)
        await asyncio.sleep(2)
        assert live_rows(stage, event_id) == 0
        assert largest_append(stage, event_id) == SLICE
        assert row.next_due_ms is None

    played(course, expiries_max_per_append=SLICE)


def test_what_is_asked_in_the_same_batch_behind_a_cancellation_finds_all_ended() -> None:
    async def course(stage: Stage) -> None:
        event_id = await stage.event()
        placed = await stage.ask(event_id, stage.one())
        assert isinstance(placed, ReservationReply)
        cancelled = stage.begin(event_id, CancelEvent())
        confirmed = stage.begin(event_id, ConfirmReservation(placed.reservation.id))
        assert answered(await cancelled)
        assert refusal(await confirmed) is Code.WRONG_STATE
        assert len(_facts.decode(stage.database.journal(event_id)[2].facts)) == 1
        assert live_rows(stage, event_id) == 1

    played(course)


def test_who_asks_of_a_cancelled_event_finds_all_ended_and_its_mates_go_on() -> None:
    async def course(stage: Stage) -> None:
        event_id, mate = await sold(stage), await stage.event()
        await stage.ask(event_id, CancelEvent())
        hold, beside = stage.begin(event_id, stage.one()), stage.begin(mate, stage.one())
        assert answered(await beside)
        assert refusal(await hold) is Code.SALES_CLOSED
        assert live_rows(stage, event_id) == 0

    played(course, expiries_max_per_append=SLICE)


@pytest.mark.parametrize("after_s", [0.0, 0.9, 1.05])
def test_an_owner_that_dies_over_it_leaves_the_rest_to_its_successor(after_s: float) -> None:
    async def course(stage: Stage) -> None:
        event_id = await sold(stage)
        await stage.ask(event_id, CancelEvent())
        await asyncio.sleep(after_s)
        stage.owner().process.kill()
        await asyncio.sleep(8)
        assert live_rows(stage, event_id) == 0

    played(course, expiries_max_per_append=1)
