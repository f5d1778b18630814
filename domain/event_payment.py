"""The rules of paying for an event's reservations, and of the box office.

- A payment begins on a hold that costs something, and only one at a time. From then on the reservation is
  `paying`: it stays live until the payment's deadline, where it expires like any hold.
- A payment that fails gives the rest of the hold's own time back; if there is none, the hold expires. Where
  it was for several reservations and one of them cannot be had, it also cancels what it has confirmed.
- The money confirms what is paying. What has expired is taken again if the same places are free, whatever
  the sale's window says; what its customer has released, what costs something else by now, or what is held or
  paid otherwise, is not: then the money goes back.
- The box office confirms what is held, paid or given free, and the fact says whose work it was.
- What is confirmed can be made smaller, or be cancelled, by the operator at any time; but not once a ticket
  of it is in or was passed on, and smaller, not once anything has happened to one: tickets have numbers.
- A fact names the payment, never a person. Saying any of it again changes nothing, but for making smaller:
  that is said of what there was before, and is refused where it has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

import msgspec

from domain.event_messages import (
    BeginPayment,
    FailPayment,
    FinishPayment,
    HoldExpired,
    Line,
    PaidBy,
    PaymentBegun,
    PaymentFailed,
    ReduceReservation,
    Reservation,
    ReservationConfirmed,
    ReservationPaid,
    ReservationReduced,
    ReservationRetaken,
    ReservationSold,
    ReservationVoided,
    SellReservation,
    Stage,
    Status,
    VoidReservation,
)
from domain.event_operator import Decision
from domain.event_refusals import ill_formed, not_enough, not_held, over_limits
from domain.event_seats import seats_of
from domain.event_state import State, find, given_back, paying, reply
from domain.event_tickets import not_to_be_cancelled
from domain.messages import Code, Rejected

PaymentCommand = (
    SellReservation | BeginPayment | FinishPayment | FailPayment | ReduceReservation | VoidReservation
)


def decide(state: State, command: PaymentCommand, now_ms: int) -> Decision:
    found = find(state, command.reservation_id)
    if isinstance(found, Rejected):
        return found, ()
    match command:
        case BeginPayment():
            return _begin(state, found, command, now_ms)
        case FinishPayment():
            return _finish(state, found, command, now_ms)
        case FailPayment():
            return _fail(state, found, command, now_ms)
        case SellReservation():
            return _sell(state, found, command, now_ms)
        case ReduceReservation():
            return _reduce(state, found, command, now_ms)
        case VoidReservation():
            return _void(state, found, now_ms)
        case _:
            assert_never(command)


def _is_of(found: Reservation, payment_id: str) -> bool:
    return found.paid_by is not None and found.paid_by.payment_id == payment_id


def _begin(state: State, found: Reservation, command: BeginPayment, now_ms: int) -> Decision:
    if _is_of(found, command.payment_id):
        again = found.status is Status.PAYING or found.status.firm
        return (reply(state, found) if again else _wrong(found)), ()
    if found.status is not Status.HELD:
        return not_held(found), ()
    if not found.total:
        return Rejected(Code.WRONG_STATE, "Nothing is to be paid.", {"status": found.status.value}), ()
    if command.deadline_ms <= now_ms:
        return Rejected(Code.TOO_LATE, "The time for this payment has passed."), ()
    fact = PaymentBegun(now_ms, found.id, command.payment_id, command.deadline_ms)
    return reply(state, paying(found, fact)), (fact,)


def _finish(state: State, found: Reservation, command: FinishPayment, now_ms: int) -> Decision:
    payment_id = command.payment_id
    if found.status.firm and _is_of(found, payment_id):
        return reply(state, found), ()
    if found.total != command.amount:
        return _wrong(found), ()
    if found.status is Status.PAYING and _is_of(found, payment_id):
        after = msgspec.structs.replace(found, status=Status.CONFIRMED)
        return reply(state, after), (ReservationPaid(now_ms, found.id, payment_id),)
    if found.status is Status.EXPIRED:
        return _retake(state, found, payment_id, now_ms)
    return _wrong(found), ()


def _retake(state: State, found: Reservation, payment_id: str, now_ms: int) -> Decision:
    wanted = tuple((line.ticket_type, line.quantity) for line in found.lines)
    refusal = (
        (_wrong(found) if state.stage is Stage.CANCELLED else None)
        or ill_formed(state, wanted)
        or over_limits(state, wanted, found.customer, None)
        or not_enough(state, wanted, None, now_ms)
        or _seat_gone(state, found)
    )
    if refusal is not None:
        return refusal, ()
    hold_ends_ms = found.expires_at_ms if found.paid_by is None else found.paid_by.hold_ends_ms
    paid_by = PaidBy(payment_id, hold_ends_ms)
    after = msgspec.structs.replace(found, status=Status.CONFIRMED, paid_by=paid_by)
    return reply(state, after), (ReservationRetaken(now_ms, found.id, payment_id, after),)


def _seat_gone(state: State, found: Reservation) -> Rejected | None:
    for name in seats_of(found.lines):
        if state.seats is None or not state.seats.is_free(name):
            return Rejected(Code.SOLD_OUT, f"Seat {name} is not for sale any more.", {"seat": name})
    return None


def _fail(state: State, found: Reservation, command: FailPayment, now_ms: int) -> Decision:
    if not _is_of(found, command.payment_id):
        return reply(state, found), ()
    if found.status.firm and command.undo:
        return _void(state, found, now_ms)
    if found.status is not Status.PAYING:
        return reply(state, found), ()
    after = given_back(found)
    failed = PaymentFailed(now_ms, found.id, command.payment_id)
    if now_ms < after.expires_at_ms:
        return reply(state, after), (failed,)
    expired = msgspec.structs.replace(after, status=Status.EXPIRED)
    return reply(state, expired), (failed, HoldExpired(now_ms, found.id))


def _sell(state: State, found: Reservation, command: SellReservation, now_ms: int) -> Decision:
    if found.status.firm:
        return reply(state, found), ()
    if found.status is not Status.HELD:
        return not_held(found), ()
    assert state.terms is not None
    after = reply(state, msgspec.structs.replace(found, status=Status.CONFIRMED))
    if command.paid is None and (state.terms.payment == "none" or not found.total):
        return after, (ReservationConfirmed(now_ms, found.id),)
    return after, (ReservationSold(now_ms, found.id, command.paid or "cash", command.by),)


def _reduce(state: State, found: Reservation, command: ReduceReservation, now_ms: int) -> Decision:
    if found.status is not Status.CONFIRMED or state.tickets.of(found.id):
        return _wrong(found), ()
    mine = {line.ticket_type: line for line in found.lines}
    if {code: line.quantity for code, line in mine.items()} != dict(command.before):
        return Rejected(Code.STALE, "The reservation has changed meanwhile."), ()
    refusal = _grows(mine, command.lines)
    if refusal is not None:
        return refusal, ()
    lines = tuple(_smaller(mine[code], quantity) for code, quantity in command.lines)
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


def _smaller(line: Line, quantity: int) -> Line:
    return msgspec.structs.replace(line, quantity=quantity, seats=line.seats[:quantity])


def _void(state: State, found: Reservation, now_ms: int) -> Decision:
    if found.status is Status.CANCELLED:
        return reply(state, found), ()
    if not found.status.firm:
        return _wrong(found), ()
    refusal = not_to_be_cancelled(state.tickets, found)
    if refusal is not None:
        return refusal, ()
    after = msgspec.structs.replace(found, status=Status.CANCELLED)
    return reply(state, after), (ReservationVoided(now_ms, found.id),)


def _wrong(found: Reservation) -> Rejected:
    detail = f"The reservation is {found.status.value}."
    return Rejected(Code.WRONG_STATE, detail, {"status": found.status.value})
