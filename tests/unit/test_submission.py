"""What becomes of a submission by what its owner said."""

from __future__ import annotations

import pytest

from domain.event_messages import Reservation, ReservationReply, Status
from domain.messages import Code, Rejected
from domain.submission import (
    GIVEN_UP,
    PAUSE_FIRST_MS,
    PAUSE_MAX_MS,
    Again,
    Done,
    Final,
    outcome,
    pause_ms,
)

PATIENCE_MS = 60_000
HELD = ReservationReply(Reservation("r1", Status.HELD, 1, (), b"customer", 0), "EUR", b"{}")
NO_ANSWERS = (Rejected(Code.OVERLOADED, "full"), Rejected(Code.UNAVAILABLE, "unknown"), None)


def test_a_reservation_is_the_answer_however_old_the_submission_is() -> None:
    assert outcome(HELD, 9, 10 * PATIENCE_MS, PATIENCE_MS) == Done("r1")


@pytest.mark.parametrize("code", sorted(set(Code) - {Code.OVERLOADED, Code.UNAVAILABLE, Code.KEY_REUSED}))
def test_a_rejection_is_final_and_recorded(code: Code) -> None:
    said = Rejected(code, "no")
    assert outcome(said, 1, 0, PATIENCE_MS) == Final(said, recorded=True)


def test_a_key_that_has_done_something_else_is_final_and_keeps_its_record() -> None:
    said = Rejected(Code.KEY_REUSED, "no")
    assert outcome(said, 1, 0, PATIENCE_MS) == Final(said, recorded=False)


@pytest.mark.parametrize("said", NO_ANSWERS)
def test_what_is_no_answer_is_tried_again_while_there_is_patience_then_given_up(
    said: Rejected | None,
) -> None:
    assert outcome(said, 3, PATIENCE_MS - 1, PATIENCE_MS) == Again(pause_ms(3))
    assert outcome(said, 3, PATIENCE_MS, PATIENCE_MS) == Final(GIVEN_UP)


def test_pauses_double_up_to_their_bound() -> None:
    pauses = [pause_ms(attempts) for attempts in range(1, 9)]
    assert pauses == [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]
    assert (pauses[0], pauses[-1]) == (PAUSE_FIRST_MS, PAUSE_MAX_MS)
    assert pause_ms(10_000) == PAUSE_MAX_MS
