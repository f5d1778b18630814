"""The rules of one event's inventory. The only code that knows them.

- A reservation takes all of its lines or none. A ticket type never sells beyond its quota, all types
  together never beyond the capacity; a full type hinders no other.
- An event is a draft, published, closed or cancelled. Only a published one takes holds; a draft is shown to
  operators only. Closing keeps what is live, and can be undone by publishing; cancelling is for good: from
  then on nothing of the event is live, and `due` says of each reservation how it ended, a slice at a time.
- An event without live reservations can be deleted: cancelled, and from then on there is no such event.
- Live is what is held, being paid, or confirmed. A hold whose time has run out is not live: `due` says which
  those are, and a batch turns them into facts before it decides anything, so none of them refuses a sale.
- Sales are open in [sales_start, sales_end) and while not paused. A hold that exists may be confirmed,
  extended, made smaller or released outside of that too; its price stays what it was.
- `max_per_order` bounds one type's tickets in one reservation, `max_per_customer` the tickets of all of
  a customer's live reservations. A customer is a normalised e-mail, here only a key made from it.
- With `one_per_customer` who has a live reservation gets no second one.
- What costs nothing can be confirmed in the command that places it.
- Where payment is required, what costs something is confirmed by a payment or by the box office only
  (`domain.event_payment`). While it is being paid it is live, ends at the payment's deadline, and is neither
  changed nor cancelled.
- A confirmed reservation can be cancelled up to `cancel_until`, and for some days after the start was moved;
  else it is final. How much of the price is kept then: `domain.cancelling`.
- A ticket of a type with categories is a seat of one of them: `domain.event_seats` has the rules of these.
- Another event's prices and blocked seats are taken over in one command. What is sold stays as it was sold;
  a seat that is taken here is not blocked.
- What a confirmed reservation has are tickets: `domain.event_tickets` has the rules of these.
- Asking again for what already is (confirm, release, cancel) answers the present state and changes nothing.

`decide(state, command, now)` says what follows and changes nothing; `evolve(state, fact)` is the only
thing that changes a state. Folding an event's facts from the first gives its state.
"""

from __future__ import annotations

from typing import assert_never, get_args

import msgspec

from domain import event_operator, event_payment
from domain.cancelling import kept_of, until_ms
from domain.event_evolve import admit, admit_ticket, adopt, evolve, load, loaded, restored
from domain.event_messages import (
    BeginPayment,
    BlockSeats,
    CancelEvent,
    CancelReservation,
    ChangeEvent,
    ChangeHold,
    CloseEvent,
    ConfirmReservation,
    CopyFromEvent,
    CreateEvent,
    DeleteEvent,
    EventCommand,
    ExpireDue,
    ExtendHold,
    FailPayment,
    FinishPayment,
    HoldChanged,
    HoldExtended,
    HoldPlaced,
    HoldReleased,
    Line,
    Looked,
    PauseSale,
    PlaceHold,
    PublishEvent,
    ReduceReservation,
    Reservation,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationReply,
    ResumeSale,
    SeatWish,
    SellReservation,
    Stage,
    Status,
    Terms,
    UnblockSeats,
    VoidReservation,
)
from domain.event_operator import Decision
from domain.event_refusals import (
    NO_EVENT,
    closed,
    ill_formed,
    not_enough,
    over_limits,
)
from domain.event_seats import Chosen, Seats, choose, ill_wished, seats_of
from domain.event_state import (
    NO_RESERVATION,
    State,
    counts,
    definition,
    describe,
    due,
    find,
    moves,
    next_due_ms,
    reply,
    ticket_moves,
)
from domain.event_tickets import decide_ticket, not_to_be_cancelled
from domain.messages import Code, Rejected
from domain.paying import confirm, ended_with, not_held, payment_due
from domain.ticket_messages import CheckIn, ReissueTicket, TicketCommand, TransferTicket, UndoCheckIn

__all__ = [
    "COMMANDS",
    "State",
    "admit",
    "admit_ticket",
    "adopt",
    "counts",
    "decide",
    "definition",
    "describe",
    "due",
    "evolve",
    "load",
    "loaded",
    "looks_up",
    "moves",
    "next_due_ms",
    "restored",
    "ticket_moves",
]

COMMANDS = frozenset(get_args(EventCommand))


def looks_up(state: State, command: EventCommand) -> str | None:
    """The reservation that `command` needs and memory does not hold: ended earlier, or never there."""
    match command:
        case PlaceHold():
            return None
        case _:
            wanted: str | None = getattr(command, "reservation_id", None)
            return None if wanted in state.reservations or wanted in state.ended else wanted


def decide(state: State, command: EventCommand, now_ms: int) -> Decision:
    """What follows from `command` at `now_ms`: a reply and facts, or a `Rejected` and none."""
    if (state.terms is None or state.deleted) and not isinstance(command, CreateEvent):
        return NO_EVENT, ()
    match command:
        case PlaceHold():
            return _place(state, command, now_ms)
        case ConfirmReservation():
            return _confirm(state, command.reservation_id, now_ms)
        case CancelReservation():
            return _cancel(state, command, now_ms)
        case ChangeHold():
            return _change_hold(state, command, now_ms)
        case ExtendHold():
            return _extend(state, command.reservation_id, now_ms)
        case CheckIn() | UndoCheckIn() | TransferTicket() | ReissueTicket():
            return _of_ticket(state, command, now_ms)
        case (
            SellReservation()
            | BeginPayment()
            | FinishPayment()
            | FailPayment()
            | ReduceReservation()
            | VoidReservation()
        ):
            return event_payment.decide(state, command, now_ms)
        case ExpireDue():
            return Looked(), ()
        case CreateEvent():
            return event_operator.create(state, command, now_ms)
        case ChangeEvent():
            return event_operator.change(state, command, now_ms)
        case PauseSale() | ResumeSale():
            return event_operator.pause(state, isinstance(command, PauseSale), now_ms)
        case PublishEvent() | CloseEvent() | CancelEvent():
            return event_operator.move(state, command, now_ms)
        case DeleteEvent():
            return event_operator.delete(state, command, now_ms)
        case BlockSeats():
            return event_operator.block(state, command, now_ms)
        case UnblockSeats():
            return event_operator.unblock(state, command, now_ms)
        case CopyFromEvent():
            return event_operator.copy_from(state, command, now_ms)
        case _:
            assert_never(command)


def _place(state: State, command: PlaceHold, now_ms: int) -> Decision:
    terms = state.terms
    assert terms is not None
    if command.guest and state.stage is Stage.DRAFT:
        return NO_EVENT, ()
    if command.guest and not command.signed_in and not terms.guests:
        return Rejected(Code.UNAUTHORIZED, "This event is not sold to guests."), ()
    refusal = (
        closed(state, now_ms)
        or ill_formed(state, command.lines)
        or ill_wished(state.seats, state.types, command.lines, command.wish)
        or over_limits(state, command.lines, command.customer, None)
        or not_enough(state, command.lines, None, now_ms)
    )
    if refusal is not None:
        return refusal, ()
    types = state.types
    lines = tuple([Line(code, quantity, types[code].price) for code, quantity in command.lines])
    if state.seats is not None:
        chosen = choose(state.seats, types, state.reservations, command.lines, command.wish, now_ms)
        if isinstance(chosen, Rejected):
            return chosen, ()
        lines = _seated(lines, chosen)
    expires_at_ms = now_ms + terms.hold_duration_s * 1000
    held = Reservation(command.reservation_id, Status.HELD, expires_at_ms, lines, command.customer, now_ms)
    fact = HoldPlaced(now_ms, held.id, held.customer, lines, expires_at_ms)
    if command.confirm:
        return _confirmed_at_once(terms, held, command.contact, fact)
    return ReservationReply(held, terms.currency, command.contact), (fact,)


def _confirmed_at_once(terms: Terms, held: Reservation, contact: bytes, placed: HoldPlaced) -> Decision:
    if held.total:
        return payment_due(held, terms.currency), ()
    confirmed = msgspec.structs.replace(held, status=Status.CONFIRMED)
    facts = (placed, ReservationConfirmed(placed.at_ms, held.id))
    return ReservationReply(confirmed, terms.currency, contact), facts


def _confirm(state: State, reservation_id: str, now_ms: int) -> Decision:
    found = find(state, reservation_id)
    match found:
        case Rejected():
            return found, ()
        case Reservation(status=Status.CONFIRMED | Status.CHECKED_IN):
            return reply(state, found), ()
        case Reservation(status=Status.HELD):
            assert state.terms is not None
            if state.terms.payment != "none" and found.total:
                return payment_due(found, state.terms.currency), ()
            after, facts = confirm(found, now_ms)
            return reply(state, after), facts
        case _:
            return not_held(found), ()


def _cancel(state: State, command: CancelReservation, now_ms: int) -> Decision:
    reservation_id = command.reservation_id
    found = find(state, reservation_id)
    if isinstance(found, Rejected):
        return found, ()
    if not found.status.live:
        return (NO_RESERVATION if command.if_live else reply(state, found)), ()
    if found.status is Status.HELD:
        after = msgspec.structs.replace(found, status=Status.RELEASED)
        return reply(state, after), (HoldReleased(now_ms, reservation_id),)
    refusal = not_to_be_cancelled(state.tickets, found)
    if refusal is not None:
        return refusal, ()
    if found.status is Status.PAYING:
        return not_held(found), ()
    assert state.terms is not None
    end_ms = until_ms(state.terms, found.created_at_ms)
    if end_ms is None:
        return Rejected(Code.TOO_LATE, "A confirmed reservation of this event is final."), ()
    if now_ms > end_ms:
        return Rejected(Code.TOO_LATE, "The time for cancelling has passed."), ()
    kept = 0 if command.by_operator else kept_of(state.terms, found, now_ms)
    after = ended_with(found, Status.CANCELLED, kept)
    return reply(state, after), (ReservationCancelled(now_ms, reservation_id, kept, command.by_operator),)


def _change_hold(state: State, command: ChangeHold, now_ms: int) -> Decision:
    found = find(state, command.reservation_id)
    if isinstance(found, Rejected):
        return found, ()
    if found.status is not Status.HELD:
        return not_held(found), ()
    mine = {line.ticket_type: line for line in found.lines}
    grows = any(code not in mine or quantity > mine[code].quantity for code, quantity in command.lines)
    refusal = (
        (closed(state, now_ms) if grows else None)
        or ill_formed(state, command.lines)
        or ill_wished(state.seats, state.types, command.lines, command.wish)
        or over_limits(state, command.lines, found.customer, found)
        or not_enough(state, command.lines, found, now_ms)
    )
    if refusal is not None:
        return refusal, ()
    lines = tuple(
        Line(code, quantity, mine[code].unit_price if code in mine else state.types[code].price)
        for code, quantity in command.lines
    )
    if state.seats is not None:
        chosen = _seats_instead(state, state.seats, found, command, now_ms)
        if isinstance(chosen, Rejected):
            return chosen, ()
        lines = _seated(lines, chosen)
    after = msgspec.structs.replace(found, lines=lines)
    facts = () if lines == found.lines else (HoldChanged(now_ms, found.id, lines),)
    return reply(state, after), facts


def _extend(state: State, reservation_id: str, now_ms: int) -> Decision:
    found = find(state, reservation_id)
    if isinstance(found, Rejected):
        return found, ()
    if found.status is not Status.HELD:
        return not_held(found), ()
    assert state.terms is not None
    limit = state.terms.hold_extensions_max
    if found.extensions >= limit:
        numbers: dict[str, int | str] = {"limit": limit, "requested": found.extensions + 1}
        return Rejected(Code.LIMIT_EXCEEDED, "This hold cannot be extended again.", numbers), ()
    expires_at_ms = max(found.expires_at_ms, now_ms + state.terms.hold_duration_s * 1000)
    after = msgspec.structs.replace(found, expires_at_ms=expires_at_ms, extensions=found.extensions + 1)
    return reply(state, after), (HoldExtended(now_ms, reservation_id, expires_at_ms),)


def _of_ticket(state: State, command: TicketCommand, now_ms: int) -> Decision:
    found = find(state, command.reservation_id)
    if isinstance(found, Rejected):
        return found, ()
    return decide_ticket(state.tickets, found, state.contacts, command, now_ms)


def _seated(lines: tuple[Line, ...], chosen: Chosen) -> tuple[Line, ...]:
    return tuple(
        [msgspec.structs.replace(line, seats=names) for line, names in zip(lines, chosen, strict=True)]
    )


def _seats_instead(
    state: State, seats: Seats, found: Reservation, command: ChangeHold, now_ms: int
) -> Chosen | Rejected:
    """The seats of a hold's new lines. What does not grow keeps its own; for the rest, its own are free."""
    own = {line.ticket_type: line.seats for line in found.lines}
    wish = command.wish or SeatWish()
    named = wish.named or ((),) * len(command.lines)
    kept = tuple(
        names or (own.get(code, ())[:quantity] if quantity <= len(own.get(code, ())) else ())
        for (code, quantity), names in zip(command.lines, named, strict=True)
    )
    wish = msgspec.structs.replace(wish, named=kept)
    mine = seats_of(found.lines)
    seats.release(mine)
    try:
        return choose(seats, state.types, state.reservations, command.lines, wish, now_ms)
    finally:
        seats.take(mine, found.id)
