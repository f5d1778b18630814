"""The rules of one event's inventory. The only code that knows them.

- A reservation takes all of its lines or none. A ticket type never sells beyond its quota, all types
  together never beyond the capacity; a full type hinders no other.
- An event is a draft, published, closed or cancelled. Only a published one takes holds; a draft is shown to
  operators only. Closing keeps what is live, and can be undone by publishing; cancelling is for good: from
  then on nothing of the event is live, and `due` says of each reservation how it ended, a slice at a time.
- An event without live reservations can be deleted: cancelled, and from then on there is no such event.
- Live is what is held or confirmed. A hold whose time has run out is not live: `due` says which those
  are, and a batch turns them into facts before it decides anything, so none of them refuses a sale.
- Sales are open in [sales_start, sales_end) and while not paused. A hold that exists may be confirmed,
  extended, made smaller or released outside of that too; its price stays what it was.
- `max_per_order` bounds one type's tickets in one reservation, `max_per_customer` the tickets of all of
  a customer's live reservations. A customer is a normalised e-mail, here only a key made from it.
- With `one_per_customer` who has a live reservation gets no second one.
- What costs nothing can be confirmed in the command that places it.
- A confirmed reservation can be cancelled up to `cancel_until`; without one it is final.
- A ticket of a type with categories is a seat of one of them: `domain.event_seats` has the rules of these.
- Asking again for what already is (confirm, release, cancel) answers the present state and changes nothing.

`decide(state, command, now)` says what follows and changes nothing; `evolve(state, fact)` is the only
thing that changes a state. Folding an event's facts from the first gives its state.
"""

from __future__ import annotations

from typing import assert_never, get_args

import msgspec

from domain.event_change import changed_terms, flaws
from domain.event_messages import (
    BlockSeats,
    CancelEvent,
    CancelReservation,
    ChangeEvent,
    ChangeHold,
    CloseEvent,
    ConfirmReservation,
    CreateEvent,
    DeleteEvent,
    EventCancelled,
    EventChanged,
    EventClosed,
    EventCommand,
    EventCreated,
    EventDeleted,
    EventFact,
    EventPublished,
    EventReplies,
    EventReply,
    ExpireDue,
    ExtendHold,
    HoldChanged,
    HoldExtended,
    HoldPlaced,
    HoldReleased,
    Line,
    Looked,
    PauseSale,
    PlaceHold,
    PublishEvent,
    Reservation,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationReply,
    ResumeSale,
    SalePaused,
    SaleResumed,
    SeatsBlocked,
    SeatsUnblocked,
    SeatWish,
    Stage,
    Status,
    Terms,
    TypeCounts,
    UnblockSeats,
)
from domain.event_refusals import (
    EVENT,
    NO_EVENT,
    NO_RESERVATION,
    below_live,
    closed,
    ill_formed,
    not_enough,
    not_held,
    over,
    over_limits,
    stale,
    unknown_seats,
)
from domain.event_seats import Chosen, Seats, choose, ill_wished, seats_of
from domain.event_state import (
    BECOMES,
    State,
    Tally,
    admit,
    adopt,
    counts,
    definition,
    describe,
    due,
    evolve,
    moves,
    next_due_ms,
    restored,
)
from domain.messages import Code, Rejected
from domain.stages import as_it_ends, first_flaws, in_use, no_way

__all__ = [
    "COMMANDS",
    "State",
    "admit",
    "adopt",
    "counts",
    "decide",
    "definition",
    "describe",
    "due",
    "evolve",
    "looks_up",
    "moves",
    "next_due_ms",
    "restored",
]

COMMANDS = frozenset(get_args(EventCommand))
Decision = tuple[EventReplies, tuple[EventFact, ...]]


def looks_up(state: State, command: EventCommand) -> str | None:
    """The reservation that `command` needs and memory does not hold: ended earlier, or never there."""
    match command:
        case ChangeHold() | ExtendHold() | ConfirmReservation() | CancelReservation():
            wanted = command.reservation_id
            return None if wanted in state.reservations or wanted in state.ended else wanted
        case _:
            return None


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
        case ExpireDue():
            return Looked(), ()
        case CreateEvent():
            return _create(state, command, now_ms)
        case ChangeEvent():
            return _change_event(state, command, now_ms)
        case PauseSale() | ResumeSale():
            return _pause(state, isinstance(command, PauseSale), now_ms)
        case PublishEvent() | CloseEvent() | CancelEvent():
            return _move(state, command, now_ms)
        case DeleteEvent():
            return _delete(state, command, now_ms)
        case BlockSeats():
            return _block(state, command, now_ms)
        case UnblockSeats():
            return _unblock(state, command, now_ms)
        case _:
            assert_never(command)


def _place(state: State, command: PlaceHold, now_ms: int) -> Decision:
    terms = state.terms
    assert terms is not None
    if command.guest and state.stage is Stage.DRAFT:
        return NO_EVENT, ()
    if command.guest and not terms.guests:
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
        due: dict[str, int | str] = {"total": held.total, "currency": terms.currency}
        return Rejected(Code.PAYMENT_DUE, "This has to be paid for before it is confirmed.", due), ()
    confirmed = msgspec.structs.replace(held, status=Status.CONFIRMED)
    facts = (placed, ReservationConfirmed(placed.at_ms, held.id))
    return ReservationReply(confirmed, terms.currency, contact), facts


def _confirm(state: State, reservation_id: str, now_ms: int) -> Decision:
    found = _find(state, reservation_id)
    match found:
        case Rejected():
            return found, ()
        case Reservation(status=Status.CONFIRMED):
            return _reply(state, found), ()
        case Reservation(status=Status.HELD):
            after = msgspec.structs.replace(found, status=Status.CONFIRMED)
            return _reply(state, after), (ReservationConfirmed(now_ms, reservation_id),)
        case _:
            return not_held(found), ()


def _cancel(state: State, command: CancelReservation, now_ms: int) -> Decision:
    reservation_id = command.reservation_id
    found = _find(state, reservation_id)
    if isinstance(found, Rejected):
        return found, ()
    if not found.status.live:
        return (NO_RESERVATION if command.if_live else _reply(state, found)), ()
    if found.status is Status.HELD:
        after = msgspec.structs.replace(found, status=Status.RELEASED)
        return _reply(state, after), (HoldReleased(now_ms, reservation_id),)
    assert state.terms is not None
    until_ms = state.terms.cancel_until_ms
    if until_ms is None:
        return Rejected(Code.TOO_LATE, "A confirmed reservation of this event is final."), ()
    if now_ms > until_ms:
        return Rejected(Code.TOO_LATE, "The time for cancelling has passed."), ()
    after = msgspec.structs.replace(found, status=Status.CANCELLED)
    return _reply(state, after), (ReservationCancelled(now_ms, reservation_id),)


def _change_hold(state: State, command: ChangeHold, now_ms: int) -> Decision:
    found = _find(state, command.reservation_id)
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
    return _reply(state, after), facts


def _extend(state: State, reservation_id: str, now_ms: int) -> Decision:
    found = _find(state, reservation_id)
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
    return _reply(state, after), (HoldExtended(now_ms, reservation_id, expires_at_ms),)


def _create(state: State, command: CreateEvent, now_ms: int) -> Decision:
    if state.terms is not None:
        return Rejected(Code.WRONG_STATE, "The event exists already.", {"status": "created"}), ()
    errors = flaws(command.terms) + first_flaws(command.stage, EVENT)
    if errors:
        return Rejected(Code.INVALID, "The event's terms do not fit together.", errors=errors), ()
    terms = command.terms
    free = tuple(
        TypeCounts(t.code, t.quota, 0, 0, t.quota if terms.capacity is None else min(t.quota, terms.capacity))
        for t in terms.ticket_types
    )
    made = EventCreated(now_ms, command.id, terms, command.stage)
    return EventReply(command.id, terms, 1, False, free, command.stage), (made,)


def _change_event(state: State, command: ChangeEvent, now_ms: int) -> Decision:
    assert state.terms is not None
    if command.if_version is not None and command.if_version != state.version:
        return stale(state), ()
    terms = changed_terms(state.terms, command.change)
    if isinstance(terms, Rejected):
        return terms, ()
    refusal = below_live(state, terms)
    if refusal is not None:
        return refusal, ()
    if terms == state.terms:
        return describe(state), ()
    fact = EventChanged(now_ms, terms)
    return _described_after(state, fact), (fact,)


def _pause(state: State, paused: bool, now_ms: int) -> Decision:
    if state.paused == paused:
        return describe(state), ()
    now = msgspec.structs.replace(describe(state), version=state.version + 1, paused=paused)
    return now, (SalePaused(now_ms) if paused else SaleResumed(now_ms),)


_MOVES: dict[type, type[EventPublished | EventClosed | EventCancelled]] = {
    PublishEvent: EventPublished,
    CloseEvent: EventClosed,
    CancelEvent: EventCancelled,
}


def _move(state: State, command: PublishEvent | CloseEvent | CancelEvent, now_ms: int) -> Decision:
    fact = _MOVES[type(command)](now_ms)
    to, before = BECOMES[type(fact)], describe(state)
    if to is state.stage:
        return before, ()
    refusal = no_way(state.stage, to, EVENT)
    if refusal is not None:
        return refusal, ()
    if to is Stage.CANCELLED:
        return _cancelled(before), (fact,)
    return msgspec.structs.replace(before, version=state.version + 1, stage=to), (fact,)


def _cancelled(before: EventReply) -> EventReply:
    """The event as it is from its cancellation on."""
    replace = msgspec.structs.replace
    none = tuple(
        TypeCounts(kind.code, kind.quota, 0, 0, 0, None if kind.seats_left is None else 0)
        for kind in before.counts
    )
    version = before.version + 1
    return replace(before, version=version, stage=Stage.CANCELLED, counts=none, reservations=0)


def _block(state: State, command: BlockSeats, now_ms: int) -> Decision:
    refusal = unknown_seats(state, command.seats) or over(state)
    if refusal is not None:
        return refusal, ()
    assert state.seats is not None
    fresh = tuple([name for name in dict.fromkeys(command.seats) if name not in state.seats.blocked])
    taken = [name for name in fresh if not state.seats.is_free(name)]
    if taken:
        numbers: dict[str, int | str] = {"seat": taken[0], "live": len(taken)}
        return Rejected(Code.IN_USE, f"{len(taken)} of the seats are taken.", numbers), ()
    if not fresh:
        return describe(state), ()
    state.seats.block(fresh)
    after = _described_next(state)
    state.seats.unblock(fresh)
    return after, (SeatsBlocked(now_ms, fresh),)


def _unblock(state: State, command: UnblockSeats, now_ms: int) -> Decision:
    refusal = unknown_seats(state, command.seats) or over(state)
    if refusal is not None:
        return refusal, ()
    assert state.seats is not None
    gone = tuple([name for name in dict.fromkeys(command.seats) if name in state.seats.blocked])
    if not gone:
        return describe(state), ()
    state.seats.unblock(gone)
    after = _described_next(state)
    state.seats.block(gone)
    return after, (SeatsUnblocked(now_ms, gone),)


def _delete(state: State, command: DeleteEvent, now_ms: int) -> Decision:
    if command.if_version is not None and command.if_version != state.version:
        return stale(state), ()
    refusal = in_use(state.reservations, EVENT)
    if refusal is not None:
        return refusal, ()
    return _cancelled(describe(state)), (EventDeleted(now_ms),)


def _find(state: State, reservation_id: str) -> Reservation | Rejected:
    found = state.reservations.get(reservation_id) or state.ended.get(reservation_id)
    return NO_RESERVATION if found is None else as_it_ends(found, state.stage)


def _reply(state: State, reservation: Reservation) -> ReservationReply:
    assert state.terms is not None
    return ReservationReply(reservation, state.terms.currency, state.contacts.get(reservation.id, b""))


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


def _described_next(state: State) -> EventReply:
    """As it is, but with the version that it has after a change."""
    return msgspec.structs.replace(describe(state), version=state.version + 1)


def _described_after(state: State, fact: EventChanged) -> EventReply:
    """The event as it will be: new terms over the present sums, which a change of terms leaves alone."""
    after = State()
    after.stage = state.stage
    after.live = state.live
    after.tallies = {kind.code: state.tallies.get(kind.code, Tally()) for kind in fact.terms.ticket_types}
    after.seats = state.seats
    after.terms = fact.terms
    after.types = {kind.code: kind for kind in fact.terms.ticket_types}
    now = describe(state)
    return msgspec.structs.replace(now, terms=fact.terms, version=now.version + 1, counts=counts(after))
