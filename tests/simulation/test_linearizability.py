"""The search for an order finds one where there is one, and none where there is none."""

from domain.event_messages import (
    ConfirmReservation,
    CreateEvent,
    EventCommand,
    EventReplies,
    PlaceHold,
    Reservation,
    ReservationReply,
    Status,
    Terms,
    TicketType,
)
from domain.messages import Code, Rejected
from tests.properties.reference import Reference
from tests.simulation.linearizability import UNACKNOWLEDGED_S, Operation, Search

TERMS = Terms("A show", 10_000_000, "EUR", (TicketType("std", "S", 1, 5),), hold_duration_s=10)
SOLD_OUT, HELD_2S = Rejected(Code.SOLD_OUT, ""), Rejected(Code.HELD, "", {"retry_after_s": 2})


def one(name: str) -> PlaceHold:
    return PlaceHold(name, (("std", 1),), b"ada", b"")


def reply(name: str, at_ms: int) -> EventReplies:
    reference = Reference()
    reference.ask(CreateEvent("e", TERMS), 0)
    return reference.ask(one(name), at_ms)


def placed(name: str, begin_s: float, end_s: float, at_ms: int) -> Operation:
    return Operation(name, begin_s, end_s, one(name), reply(name, at_ms), changes=True, at_ms=at_ms)


def told(begin_s: float, end_s: float, command: EventCommand, answer: EventReplies) -> Operation:
    window_ms = (int(begin_s * 1000), int(end_s * 1000))
    return Operation("told", begin_s, end_s, command, answer, window_ms=window_ms)


def ended(source: Operation, end_s: float) -> Operation:
    end = Operation("end", end_s, end_s, after=source)
    end.hold = (source.name, int(end_s * 1000))
    return end


def fits(*operations: Operation) -> bool:
    start = Reference()
    start.ask(CreateEvent("e", TERMS), 0)
    return Search(list(operations)).fits(start)


def test_one_after_the_other_fits() -> None:
    assert fits(placed("a", 0, 1, 500), told(2, 3, one("b"), Rejected(Code.HELD, "", {"retry_after_s": 8})))


def test_overlapping_operations_may_have_happened_in_either_order() -> None:
    assert fits(
        placed("a", 0, 4, 2_000), told(1, 2, one("b"), Rejected(Code.HELD, "", {"retry_after_s": 11}))
    )


def test_a_refusal_before_there_was_any_reason_does_not_fit() -> None:
    assert not fits(told(0, 1, one("b"), SOLD_OUT), placed("a", 2, 3, 2_500))


def test_two_winners_of_one_ticket_do_not_fit() -> None:
    assert not fits(placed("a", 0, 1, 500), placed("b", 0, 1, 600))


def test_a_refusal_because_of_a_hold_past_its_end_does_not_fit() -> None:
    hold = placed("a", 0, 1, 500)
    assert fits(hold, ended(hold, 10.5), told(8, 9, one("b"), HELD_2S))
    assert not fits(hold, ended(hold, 10.5), told(11, 12, one("b"), HELD_2S))


def test_a_confirmation_after_the_holds_end_does_not_fit() -> None:
    hold = placed("a", 0, 1, 500)
    confirmed = ReservationReply(
        Reservation("a", Status.CONFIRMED, 10_500, reply("a", 500).reservation.lines, b"ada", 500), "EUR", b""
    )
    early = Operation("c", 5, 6, ConfirmReservation("a"), confirmed, changes=True, at_ms=5_500)
    late = Operation("c", 11, 12, ConfirmReservation("a"), confirmed, changes=True, at_ms=11_500)
    assert fits(hold, ended(hold, 10.5), early)
    assert not fits(hold, ended(hold, 10.5), late)


def test_an_effect_that_nobody_was_told_of_may_come_late_but_must_come() -> None:
    unseen = placed("a", 0, UNACKNOWLEDGED_S, 500)
    assert fits(unseen, told(5, 6, one("b"), Rejected(Code.HELD, "", {"retry_after_s": 5})))
    assert not fits(unseen, told(5, 6, one("b"), SOLD_OUT))
