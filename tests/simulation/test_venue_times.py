"""What the database excludes between two events is an answer to the one that came second, and harms none."""

from __future__ import annotations

from actors.owner import OwnerLimits
from domain.event_messages import (
    ChangeEvent,
    CreateEvent,
    EventReply,
    ExpireDue,
    Seating,
    Terms,
    TermsChange,
    TicketType,
)
from domain.messages import Code
from persistence.store import Append
from tests.simulation.stage import Stage, answered, played, refusal
from tests.simulation.world import EPOCH_MS
from tests.unit.seated import HALL

HOUR_MS = 3_600_000
HOLDS = 40
FAULTS = 2 * OwnerLimits.faults_max
TYPES = (TicketType("std", "Standard", 9, 10),)


def match(stage: Stage, start_ms: int) -> CreateEvent:
    """An event of two hours in the one venue, with standing places only."""
    seating = Seating("00000000-0000-7000-8000-00000000beef", "plan")
    stage.database.plans["plan"] = HALL
    return CreateEvent(stage.new_id(), Terms("Match", start_ms, "EUR", TYPES, seating=seating))


async def make(stage: Stage, start_ms: int) -> object:
    attempt, task = stage.fronts[0].create("test", match(stage, start_ms), "pool:0", None)
    await task
    return attempt.reply


def test_what_is_refused_of_one_event_is_tried_again_event_by_event() -> None:
    """Not hold by hold of each that was in its batch: those are stored together again."""

    async def course(stage: Stage) -> None:
        evening_ms = EPOCH_MS + 9 * HOUR_MS
        first, second = await make(stage, evening_ms), await make(stage, evening_ms + 2 * HOUR_MS)
        assert isinstance(first, EventReply)
        assert isinstance(second, EventReply)
        stage.event_ids += [first.id, second.id]
        mate = await stage.event(quota=HOLDS)
        for event_id in (second.id, mate):
            await stage.ask(event_id, ExpireDue())
        appends: list[int] = []
        really = stage.database.tables.append

        def counted(batch: list[Append]) -> set[str]:
            appends.append(sum(len(entry.placed) for entry in batch))
            return really(batch)

        stage.database.tables.append = counted  # type: ignore[method-assign]
        opening = stage.begin(mate, ExpireDue())
        holds = [stage.begin(mate, stage.one()) for _ in range(HOLDS // 2)]
        moving = stage.begin(second.id, ChangeEvent(TermsChange(starts_at_ms=evening_ms)))
        holds += [stage.begin(mate, stage.one()) for _ in range(HOLDS // 2)]
        assert refusal(await moving) is Code.VENUE_TAKEN
        assert answered(await opening)
        assert all([answered(await hold) for hold in holds])
        assert max(appends) == HOLDS
        assert len(appends) < HOLDS / 2

    played(course)


def test_an_event_at_a_taken_time_is_refused_and_others_of_the_batch_are_not() -> None:
    async def course(stage: Stage) -> None:
        evening_ms = EPOCH_MS + 9 * HOUR_MS
        later_ms = evening_ms + 2 * HOUR_MS

        first = await make(stage, evening_ms)
        assert isinstance(first, EventReply)
        assert refusal(await make(stage, evening_ms + 1)) is Code.VENUE_TAKEN
        second = await make(stage, later_ms)
        assert isinstance(second, EventReply)
        stage.event_ids += [first.id, second.id]
        mate = await stage.event(quota=9)
        move = ChangeEvent(TermsChange(starts_at_ms=evening_ms))
        for _ in range(FAULTS):
            assert refusal(await stage.ask(second.id, move)) is Code.VENUE_TAKEN, "and no fault of the event"
        moving = stage.begin(second.id, move)
        beside = [stage.begin(event_id, stage.one()) for event_id in (first.id, second.id, mate)]
        assert refusal(await moving) is Code.VENUE_TAKEN
        assert all([answered(await hold) for hold in beside])
        moved = await stage.ask(second.id, ChangeEvent(TermsChange(starts_at_ms=later_ms + HOUR_MS)))
        assert isinstance(moved, EventReply)
        assert moved.terms.starts_at_ms == later_ms + HOUR_MS

    played(course)
