"""The rules of deposits: what a party pays before its table is confirmed, and what becomes of it.

- A hold costs what the settings say of a party of its size when it is made. It is confirmed by a payment,
  or by the staff, who say how it was paid or that it was waived. What a payment does to any reservation,
  `domain.paying` says.
- Another number of covers, and a hold costs what that number does; what is confirmed does not grow into a
  higher deposit than was paid. What becomes smaller keeps its own.
- While it is being paid it is live, ends at the payment's deadline, and is neither moved nor cancelled.
- What has expired is taken again by its money if its tables are free for the same time, that is still to
  come, and the kitchen can serve it; else the money goes back.
- Cancelled in time, by the staff, or with the restaurant, all of it goes back. Of a no-show it is kept.
  Once the party was there it is settled with the bill, and kept, or, if the settings say so by then,
  returned.
"""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from domain.event_messages import (
    BeginPayment,
    FailPayment,
    FinishPayment,
    ReservationSold,
    ReservationVoided,
    SellReservation,
    Stage,
    Status,
    VoidReservation,
)
from domain.messages import Rejected
from domain.paying import Late, PaymentFact, begin, fail, finish, is_of, payment_due, sell, taken_again, wrong
from domain.restaurant_choice import blocked, over_pace
from domain.restaurant_evolve import confirmed, sold
from domain.restaurant_messages import TableReservation, TableRetaken
from domain.restaurant_state import Decision, State, in_the_way, shown, terms_of
from domain.restaurant_tables import Stay

SETTLED = (Status.CONFIRMED, Status.SEATED, Status.COMPLETED, Status.NO_SHOW)
PaymentCommand = SellReservation | BeginPayment | FinishPayment | FailPayment | VoidReservation


def decide_payment(state: State, found: TableReservation, command: PaymentCommand, now_ms: int) -> Decision:
    match command:
        case BeginPayment():
            return _replied(state, begin(found, command, now_ms))
        case FinishPayment():
            after = finish(found, command, now_ms)
            if isinstance(after, Late):
                return _retake(state, found, command.payment_id, now_ms)
            return _replied(state, after)
        case FailPayment():
            return _fail(state, found, command, now_ms)
        case SellReservation():
            return _replied(state, sell(found, command, found.deposit > 0, now_ms))
        case VoidReservation():
            return _void(state, found, now_ms)
        case _:
            assert_never(command)


def _replied(state: State, after: tuple[TableReservation, tuple[PaymentFact, ...]] | Rejected) -> Decision:
    if isinstance(after, Rejected):
        return after, ()
    reservation, facts = after
    for fact in facts:
        if isinstance(fact, ReservationSold):
            reservation = sold(reservation, fact)
        elif reservation.status is Status.CONFIRMED:
            reservation = confirmed(reservation)
    return shown(state, reservation), facts


def _fail(state: State, found: TableReservation, command: FailPayment, now_ms: int) -> Decision:
    """Of several reservations one was not to be had, so what was confirmed is cancelled; but not a table that
    its party has, or had."""
    if command.undo and is_of(found, command.payment_id) and found.status in SETTLED:
        return _void(state, found, now_ms)
    return _replied(state, fail(found, command, now_ms))


def _retake(state: State, found: TableReservation, payment_id: str, now_ms: int) -> Decision:
    own = {table.id for table in terms_of(state).tables if table.active}
    if state.stage is Stage.CANCELLED or now_ms >= found.start_ms or not own.issuperset(found.tables):
        return wrong(found), ()
    stay = Stay(found.start_ms, found.end_ms, found.free_at_ms)
    others = in_the_way(state, found.tables, stay)
    refusal = blocked((others,), now_ms) if others else None
    refusal = refusal or over_pace(state, found.start_ms, found.party_size, (), now_ms)
    if refusal is not None:
        return refusal, ()
    after = confirmed(taken_again(found, payment_id))
    return shown(state, after), (TableRetaken(now_ms, found.id, payment_id, after),)


def _void(state: State, found: TableReservation, now_ms: int) -> Decision:
    if found.status is Status.CANCELLED:
        return shown(state, found), ()
    if found.status is not Status.CONFIRMED:
        return wrong(found), ()
    after = replace(found, status=Status.CANCELLED, excused=True)
    return shown(state, after), (ReservationVoided(now_ms, found.id),)


def deposit_after(
    state: State, found: TableReservation, party_size: int
) -> tuple[int | None, str] | Rejected:
    """What a party of another size has to pay from then on; None: what it had to."""
    if party_size == found.party_size:
        return None, ""
    amount, currency = terms_of(state).deposit_of(party_size)
    if found.status is Status.HELD:
        return amount, currency
    more = found.status is Status.CONFIRMED and party_size > found.party_size and amount > found.deposit
    return payment_due(replace(found, deposit=amount), currency) if more else (None, "")
