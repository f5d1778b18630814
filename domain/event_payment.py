"""The rules of paying for an event's reservations, and of the box office.

- What a payment does to any reservation, `domain.paying` says.
- What has expired is taken again by its money if the same places are free, whatever the sale's window says;
  what its customer has released, what costs something else by now, or what is held or paid otherwise, is not:
  then the money goes back.
- A payment for several reservations of which one cannot be had also cancels what it has confirmed.
- The box office confirms what is held, paid or given free, and the fact says whose work it was.
- What is confirmed can be made smaller, or be cancelled, by the operator at any time; but not once a ticket
  of it is in or was passed on, and smaller, not once anything has happened to one. Those that are left keep
  their numbers, and so their codes.
- Saying any of it again changes nothing, but for making smaller: that is said of what there was before, and
  is refused where it has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

import msgspec

from domain.event_messages import (
    BeginPayment,
    EventFact,
    FailPayment,
    FinishPayment,
    Line,
    ReduceReservation,
    Reservation,
    ReservationReduced,
    ReservationRetaken,
    ReservationVoided,
    SellReservation,
    Stage,
    Status,
    VoidReservation,
)
from domain.event_operator import Decision
from domain.event_refusals import ill_formed, not_enough, over_limits
from domain.event_seats import seats_of
from domain.event_state import State, find, reply
from domain.event_tickets import not_to_be_cancelled
from domain.messages import Code, Rejected
from domain.paying import Late, begin, fail, finish, is_of, sell, taken_again, wrong

PaymentCommand = (
    SellReservation | BeginPayment | FinishPayment | FailPayment | ReduceReservation | VoidReservation
)


def decide(state: State, command: PaymentCommand, now_ms: int) -> Decision:
    found = find(state, command.reservation_id)
    if isinstance(found, Rejected):
        return found, ()
    match command:
        case BeginPayment():
            return _replied(state, begin(found, command, now_ms))
        case FinishPayment():
            return _finish(state, found, command, now_ms)
        case FailPayment():
            return _fail(state, found, command, now_ms)
        case SellReservation():
            assert state.terms is not None
            due = state.terms.payment != "none" and found.total > 0
            return _replied(state, sell(found, command, due, now_ms))
        case ReduceReservation():
            return _reduce(state, found, command, now_ms)
        case VoidReservation():
            return _void(state, found, now_ms)
        case _:
            assert_never(command)


def _replied(state: State, after: tuple[Reservation, tuple[EventFact, ...]] | Rejected) -> Decision:
    return (after, ()) if isinstance(after, Rejected) else (reply(state, after[0]), after[1])


def _finish(state: State, found: Reservation, command: FinishPayment, now_ms: int) -> Decision:
    after = finish(found, command, now_ms)
    if isinstance(after, Late):
        return _retake(state, found, command.payment_id, now_ms)
    return _replied(state, after)


def _retake(state: State, found: Reservation, payment_id: str, now_ms: int) -> Decision:
    wanted = tuple((line.ticket_type, line.quantity) for line in found.lines)
    refusal = (
        (wrong(found) if state.stage is Stage.CANCELLED else None)
        or ill_formed(state, wanted)
        or over_limits(state, wanted, found.customer, None)
        or not_enough(state, wanted, None, now_ms)
        or _seat_gone(state, found)
    )
    if refusal is not None:
        return refusal, ()
    after = taken_again(found, payment_id)
    return reply(state, after), (ReservationRetaken(now_ms, found.id, payment_id, after),)


def _seat_gone(state: State, found: Reservation) -> Rejected | None:
    for name in seats_of(found.lines):
        if state.seats is None or not state.seats.is_free(name):
            return Rejected(Code.SOLD_OUT, f"Seat {name} is not for sale any more.", {"seat": name})
    return None


def _fail(state: State, found: Reservation, command: FailPayment, now_ms: int) -> Decision:
    if command.undo and found.status.firm and is_of(found, command.payment_id):
        return _void(state, found, now_ms)
    return _replied(state, fail(found, command, now_ms))


def _reduce(state: State, found: Reservation, command: ReduceReservation, now_ms: int) -> Decision:
    if found.status is not Status.CONFIRMED or state.tickets.of(found.id):
        return wrong(found), ()
    mine = {line.ticket_type: line for line in found.lines}
    if {code: line.quantity for code, line in mine.items()} != dict(command.before):
        return Rejected(Code.STALE, "The reservation has changed meanwhile."), ()
    refusal = _grows(mine, command.lines)
    if refusal is not None:
        return refusal, ()
    lines = _smaller(found.lines, dict(command.lines))
    after = reply(state, msgspec.structs.replace(found, lines=lines))
    return after, () if lines == found.lines else (ReservationReduced(now_ms, found.id, lines),)


def _grows(mine: Mapping[str, Line], wanted: tuple[tuple[str, int], ...]) -> Rejected | None:
    """Why these are no smaller lines."""
    codes = [code for code, _ in wanted]
    if not wanted or len(set(codes)) < len(codes):
        wrong = ("lines", "Each ticket type once, and at least one.")
        return Rejected(Code.INVALID, "The lines are not valid.", errors=(wrong,))
    for position, (code, quantity) in enumerate(wanted):
        if code not in mine or not 1 <= quantity <= mine[code].quantity:
            wrong = (f"lines[{position}]", "At least 1, and not more than there are.")
            return Rejected(Code.INVALID, "The lines are not valid.", errors=(wrong,))
    return None


def _smaller(lines: tuple[Line, ...], wanted: Mapping[str, int]) -> tuple[Line, ...]:
    """The first tickets of each line, and none of lines that are not wanted. What went back leaves a gap:
    the codes of the others, perhaps on paper by now, have their numbers in them."""
    kept, gone = [], 0
    for line in lines:
        quantity, skipped = wanted.get(line.ticket_type, 0), line.skipped + gone
        if quantity:
            seats = line.seats[:quantity]
            kept.append(msgspec.structs.replace(line, quantity=quantity, seats=seats, skipped=skipped))
        gone = line.quantity - quantity + (0 if quantity else skipped)
    return tuple(kept)


def _void(state: State, found: Reservation, now_ms: int) -> Decision:
    if found.status is Status.CANCELLED:
        return reply(state, found), ()
    if not found.status.firm:
        return wrong(found), ()
    refusal = not_to_be_cancelled(state.tickets, found)
    if refusal is not None:
        return refusal, ()
    after = msgspec.structs.replace(found, status=Status.CANCELLED)
    return reply(state, after), (ReservationVoided(now_ms, found.id),)
