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

import heapq
from collections.abc import Iterator
from itertools import islice
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
    EventDefinition,
    EventDeleted,
    EventFact,
    EventPublished,
    EventReplies,
    EventReply,
    ExpireDue,
    ExtendHold,
    HoldChanged,
    HoldExpired,
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
    TicketType,
    TypeCounts,
    UnblockSeats,
    Wanted,
)
from domain.event_seats import Chosen, SeatMove, Seats, choose, ill_wished, seats_of
from domain.messages import Code, Rejected
from domain.seat_plan import Layout

COMMANDS = frozenset(get_args(EventCommand))
Decision = tuple[EventReplies, tuple[EventFact, ...]]


class Tally:
    """What is live of one ticket type, in tickets, and when its holds end (a heap, stale entries kept)."""

    __slots__ = ("confirmed", "due", "held")

    def __init__(self, held: int = 0, confirmed: int = 0) -> None:
        self.held = held
        self.confirmed = confirmed
        self.due: list[tuple[int, str]] = []


class State:
    """One event in memory: its terms, its live reservations, and their sums.

    `ended` keeps the reservations that ended in the present batch, or that were looked up for it; whoever
    owns the state empties it when the batch is stored. `contacts` are personal data that facts never hold.
    """

    __slots__ = (
        "contacts",
        "customers",
        "deleted",
        "ended",
        "id",
        "last_fact_ms",
        "live",
        "paused",
        "reservations",
        "seats",
        "stage",
        "tallies",
        "terms",
        "types",
        "version",
    )

    def __init__(self) -> None:
        self.id = ""
        self.terms: Terms | None = None
        self.version = 0
        self.paused = False
        self.stage = Stage.PUBLISHED
        self.deleted = False
        self.types: dict[str, TicketType] = {}
        self.tallies: dict[str, Tally] = {}
        self.seats: Seats | None = None
        self.live = 0
        self.reservations: dict[str, Reservation] = {}
        self.contacts: dict[str, bytes] = {}
        self.customers: dict[bytes, int] | None = None
        self.ended: dict[str, Reservation] = {}
        self.last_fact_ms = 0

    @property
    def hidden(self) -> bool:
        """Is it for operators only, or for nobody any more?"""
        return self.stage is Stage.DRAFT or self.deleted


# --- reading a state ------------------------------------------------------------------------------


def available(state: State, code: str) -> int:
    """Tickets of a type that can be sold now; never below 0."""
    if state.stage is Stage.CANCELLED:
        return 0
    tally = state.tallies[code]
    left = state.types[code].quota - tally.held - tally.confirmed
    terms = state.terms
    if terms is not None and terms.capacity is not None:
        left = min(left, terms.capacity - state.live)
    seats_left = _seats_left(state, code)
    if seats_left is not None:
        left = min(left, seats_left)
    return max(left, 0)


def _seats_left(state: State, code: str) -> int | None:
    """Free seats of a type's categories; None for standing places."""
    categories = state.types[code].categories
    if state.stage is Stage.CANCELLED:
        return 0 if categories else None
    return state.seats.left(categories) if state.seats is not None and categories else None


def counts(state: State) -> tuple[TypeCounts, ...]:
    """The counts of every ticket type, in the operator's order."""
    return tuple(
        TypeCounts(
            code,
            kind.quota,
            state.tallies[code].held,
            state.tallies[code].confirmed,
            available(state, code),
            _seats_left(state, code),
        )
        for code, kind in state.types.items()
    )


def describe(state: State) -> EventReply:
    """The whole event as an operator sees it."""
    assert state.terms is not None
    return EventReply(
        state.id,
        state.terms,
        state.version,
        state.paused,
        counts(state),
        state.stage,
        len(state.reservations) if state.live else 0,
    )


def definition(state: State) -> EventDefinition:
    """What the operator has decided, as it is stored."""
    assert state.terms is not None
    blocked = state.seats.blocked_numbers() if state.seats is not None else ()
    return EventDefinition(state.terms, state.version, state.paused, state.stage, blocked, state.deleted)


def moves(state: State) -> tuple[SeatMove, ...]:
    """What has become of its seats since this was asked last."""
    return state.seats.moves(state.reservations) if state.seats is not None else ()


def next_due_ms(state: State) -> int | None:
    """When the first hold ends; at once, while a cancelled event still has reservations; else None."""
    if state.stage is Stage.CANCELLED:
        return state.last_fact_ms if state.reservations else None
    ends = [end for end in (_first_end(state, code) for code in state.tallies) if end is not None]
    return min(ends, default=None)


def due(state: State, now_ms: int, limit: int) -> list[EventFact]:
    """At most `limit` ends, as facts: of holds whose time has run out (a hold's end itself is already too
    late), and of all that a cancelled event still has."""
    if state.stage is Stage.CANCELLED:
        return [_cancelled_with_event(one, now_ms) for one in islice(state.reservations.values(), limit)]
    facts: dict[str, EventFact] = {}
    for code, tally in state.tallies.items():
        for reservation_id in _ended_by(state, code, tally, now_ms):
            if len(facts) >= limit:
                heapq.heappush(tally.due, (state.reservations[reservation_id].expires_at_ms, reservation_id))
                return list(facts.values())
            facts[reservation_id] = HoldExpired(now_ms, reservation_id)
    return list(facts.values())


def looks_up(state: State, command: EventCommand) -> str | None:
    """The reservation that `command` needs and memory does not hold: ended earlier, or never there."""
    match command:
        case ChangeHold() | ExtendHold() | ConfirmReservation() | CancelReservation():
            wanted = command.reservation_id
            return None if wanted in state.reservations or wanted in state.ended else wanted
        case _:
            return None


def _cancelled_with_event(reservation: Reservation, now_ms: int) -> EventFact:
    """Whatever `cancel_until` says, and whatever a hold's end is by now."""
    if reservation.status is Status.HELD:
        return HoldReleased(now_ms, reservation.id)
    return ReservationCancelled(now_ms, reservation.id)


def _ended_by(state: State, code: str, tally: Tally, now_ms: int) -> Iterator[str]:
    while (end := _first_end(state, code)) is not None and end <= now_ms:
        yield heapq.heappop(tally.due)[1]


def _first_end(state: State, code: str) -> int | None:
    """The end of the type's first hold; what no longer holds is dropped from the heap on the way."""
    heap = state.tallies[code].due
    while heap:
        if _still_held(state, code, heap[0]):
            return heap[0][0]
        heapq.heappop(heap)
    return None


def _first_end_of_others(state: State, code: str, asking: str) -> int | None:
    """The same without the hold that asks; the heap keeps one entry of it."""
    heap = state.tallies[code].due
    own = None
    while (end := _first_end(state, code)) is not None and heap[0][1] == asking:
        own = heapq.heappop(heap)
    if own is not None:
        heapq.heappush(heap, own)
    return end


# --- decide ---------------------------------------------------------------------------------------


def decide(state: State, command: EventCommand, now_ms: int) -> Decision:
    """What follows from `command` at `now_ms`: a reply and facts, or a `Rejected` and none."""
    if (state.terms is None or state.deleted) and not isinstance(command, CreateEvent):
        return _NO_EVENT, ()
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
        return _NO_EVENT, ()
    if command.guest and not terms.guests:
        return Rejected(Code.UNAUTHORIZED, "This event is not sold to guests."), ()
    refusal = (
        _closed(state, now_ms)
        or _ill_formed(state, command.lines)
        or ill_wished(state.seats, state.types, command.lines, command.wish)
        or _over_limits(state, command.lines, command.customer, None)
        or _not_enough(state, command.lines, None, now_ms)
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
            return _not_held(found), ()


def _cancel(state: State, command: CancelReservation, now_ms: int) -> Decision:
    reservation_id = command.reservation_id
    found = _find(state, reservation_id)
    if isinstance(found, Rejected):
        return found, ()
    if not found.status.live:
        return (_NO_RESERVATION if command.if_live else _reply(state, found)), ()
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
        return _not_held(found), ()
    mine = {line.ticket_type: line for line in found.lines}
    grows = any(code not in mine or quantity > mine[code].quantity for code, quantity in command.lines)
    refusal = (
        (_closed(state, now_ms) if grows else None)
        or _ill_formed(state, command.lines)
        or ill_wished(state.seats, state.types, command.lines, command.wish)
        or _over_limits(state, command.lines, found.customer, found)
        or _not_enough(state, command.lines, found, now_ms)
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
        return _not_held(found), ()
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
    errors = flaws(command.terms)
    if command.stage not in _FIRST_STAGES:
        errors += (("status", "A new event is a draft or published."),)
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
        return _stale(state), ()
    terms = changed_terms(state.terms, command.change)
    if isinstance(terms, Rejected):
        return terms, ()
    refusal = _below_live(state, terms)
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


_FIRST_STAGES = (Stage.DRAFT, Stage.PUBLISHED)
_MOVES: dict[type, type[EventPublished | EventClosed | EventCancelled]] = {
    PublishEvent: EventPublished,
    CloseEvent: EventClosed,
    CancelEvent: EventCancelled,
}
_BECOMES: dict[type, Stage] = {
    EventPublished: Stage.PUBLISHED,
    EventClosed: Stage.CLOSED,
    EventCancelled: Stage.CANCELLED,
}
_LEADS_TO = {
    Stage.DRAFT: (Stage.PUBLISHED, Stage.CANCELLED),
    Stage.PUBLISHED: (Stage.CLOSED, Stage.CANCELLED),
    Stage.CLOSED: (Stage.PUBLISHED, Stage.CANCELLED),
    Stage.CANCELLED: (),
}


def _move(state: State, command: PublishEvent | CloseEvent | CancelEvent, now_ms: int) -> Decision:
    fact = _MOVES[type(command)](now_ms)
    to, before = _BECOMES[type(fact)], describe(state)
    if to is state.stage:
        return before, ()
    if to not in _LEADS_TO[state.stage]:
        numbers: dict[str, int | str] = {"event_status": state.stage.value}
        return Rejected(Code.WRONG_STATE, f"The event is {state.stage.value}.", numbers), ()
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
    refusal = _unknown_seats(state, command.seats) or _over(state)
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
    refusal = _unknown_seats(state, command.seats) or _over(state)
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
        return _stale(state), ()
    if state.reservations:
        numbers: dict[str, int | str] = {"live": len(state.reservations)}
        return Rejected(Code.IN_USE, "The event has live reservations.", numbers), ()
    return _cancelled(describe(state)), (EventDeleted(now_ms),)


# --- the parts of a decision ----------------------------------------------------------------------


def _stale(state: State) -> Rejected:
    return Rejected(Code.STALE, "The event has changed meanwhile.", {"version": state.version})


_NO_EVENT = Rejected(Code.NOT_FOUND, "There is no such event.")
_NO_RESERVATION = Rejected(Code.NOT_FOUND, "There is no such reservation.")
_ENDS_WITH_EVENT = {Status.HELD: Status.RELEASED, Status.CONFIRMED: Status.CANCELLED}


def _find(state: State, reservation_id: str) -> Reservation | Rejected:
    """What is still to be ended with a cancelled event is seen as ended already."""
    found = state.reservations.get(reservation_id) or state.ended.get(reservation_id)
    if found is None:
        return _NO_RESERVATION
    if state.stage is Stage.CANCELLED and found.status.live:
        return msgspec.structs.replace(found, status=_ENDS_WITH_EVENT[found.status])
    return found


def _reply(state: State, reservation: Reservation) -> ReservationReply:
    assert state.terms is not None
    return ReservationReply(reservation, state.terms.currency, state.contacts.get(reservation.id, b""))


def _not_held(found: Reservation) -> Rejected:
    if found.status is Status.EXPIRED:
        return Rejected(Code.HOLD_EXPIRED, "The hold's time ran out.")
    status: dict[str, int | str] = {"status": found.status.value}
    return Rejected(Code.WRONG_STATE, f"The reservation is {found.status.value}.", status)


def _closed(state: State, now_ms: int) -> Rejected | None:
    terms = state.terms
    assert terms is not None
    if state.stage is not Stage.PUBLISHED:
        return _NOT_ON_SALE[state.stage]
    if state.paused:
        return Rejected(Code.SALES_CLOSED, "The sale is paused.")
    if terms.sales_start_ms is not None and now_ms < terms.sales_start_ms:
        return Rejected(Code.SALES_CLOSED, "The sale has not begun.")
    if now_ms >= terms.closes_at_ms:
        return Rejected(Code.SALES_CLOSED, "The sale has ended.")
    return None


_NOT_ON_SALE = {
    Stage.DRAFT: Rejected(Code.SALES_CLOSED, "The event is not published yet."),
    Stage.CLOSED: Rejected(Code.SALES_CLOSED, "The event is closed."),
    Stage.CANCELLED: Rejected(Code.SALES_CLOSED, "The event is cancelled."),
}


def _ill_formed(state: State, lines: Wanted) -> Rejected | None:
    errors = []
    seen: set[str] = set()
    for position, (code, quantity) in enumerate(lines):
        if code not in state.types:
            errors.append((f"lines[{position}].ticket_type", "Unknown ticket type."))
        if code in seen:
            errors.append((f"lines[{position}].ticket_type", "Each ticket type once."))
        if quantity < 1:
            errors.append((f"lines[{position}].quantity", "At least 1."))
        seen.add(code)
    if not lines:
        errors.append(("lines", "At least one line."))
    return Rejected(Code.INVALID, "The lines are not valid.", errors=tuple(errors)) if errors else None


def _over_limits(state: State, lines: Wanted, customer: bytes, found: Reservation | None) -> Rejected | None:
    """`found`: the hold that the lines replace. What does not grow is within limits, also lowered ones."""
    kept = {line.ticket_type: line.quantity for line in found.lines} if found is not None else {}
    for code, quantity in lines:
        most = state.types[code].max_per_order
        if most is not None and quantity > max(most, kept.get(code, 0)):
            return _limit(f"At most {most} of {code} per order.", most, quantity)
    if state.customers is None:
        return None
    assert state.terms is not None
    if state.terms.one_per_customer and found is None and customer in state.customers:
        return _ALREADY_RESERVED
    most = state.terms.max_per_customer
    if most is None:
        return None
    more = sum(quantity for _, quantity in lines) - sum(kept.values())
    total = state.customers.get(customer, 0) + more
    return _limit(f"At most {most} per customer.", most, total) if more > 0 and total > most else None


_ALREADY_RESERVED = Rejected(Code.ALREADY_RESERVED, "This customer has a reservation already.")


def _limit(detail: str, limit: int, requested: int) -> Rejected:
    return Rejected(Code.LIMIT_EXCEEDED, detail, {"limit": limit, "requested": requested})


def _not_enough(state: State, lines: Wanted, found: Reservation | None, now_ms: int) -> Rejected | None:
    """`found`: the reservation that asks, which can have again what it takes already.

    Sold out, if so little is left that even the end of all other holds would not do; else held.
    """
    terms = state.terms
    assert terms is not None
    kept = {line.ticket_type: line.quantity for line in found.lines} if found is not None else {}
    short: list[str] = []
    for code, quantity in lines:
        tally, mine = state.tallies[code], kept.get(code, 0)
        missing = quantity - mine - (state.types[code].quota - tally.held - tally.confirmed)
        if missing > 0 and quantity > mine:
            if tally.held - mine < missing:
                return _SOLD_OUT
            short.append(code)
    if state.seats is not None:
        scarce = _short_of_seats(state, state.seats, lines, kept)
        if scarce is None:
            return _SOLD_OUT
        short += scarce
    if terms.capacity is not None:
        growth = sum(quantity for _, quantity in lines) - sum(kept.values())
        missing = growth - (terms.capacity - state.live)
        if missing > 0 and growth > 0:
            if sum(tally.held for tally in state.tallies.values()) - sum(kept.values()) < missing:
                return _SOLD_OUT
            short = list(state.tallies)
    return _held(state, short, "" if found is None else found.id, now_ms) if short else None


def _short_of_seats(state: State, seats: Seats, lines: Wanted, kept: dict[str, int]) -> list[str] | None:
    """The types on whose holds the wanted seats are; None where even the end of all of them would not do."""
    wanted: dict[tuple[str, ...], list[int]] = {}
    for code, quantity in lines:
        group = wanted.setdefault(state.types[code].categories, [0, 0])
        group[0] += quantity
        group[1] += kept.get(code, 0)
    wanted.pop((), None)
    short: list[str] = []
    for categories, (quantity, mine) in wanted.items():
        missing = quantity - mine - seats.left(categories)
        if missing <= 0 or quantity <= mine:
            continue
        sharing = [
            code for code, kind in state.types.items() if not set(categories).isdisjoint(kind.categories)
        ]
        if sum(state.tallies[code].held for code in sharing) - mine < missing:
            return None
        short += sharing
    return short


_SOLD_OUT = Rejected(Code.SOLD_OUT, "Not enough tickets are left.")


def _held(state: State, codes: list[str], asking: str, now_ms: int) -> Rejected:
    """To be asked again when the first of the others' holds ends."""
    ends = [end for end in (_first_end_of_others(state, code, asking) for code in codes) if end is not None]
    seconds = max(1, -((now_ms - min(ends)) // 1000))
    return Rejected(Code.HELD, "What is left is on hold for others.", {"retry_after_s": seconds})


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


def _unknown_seats(state: State, names: tuple[str, ...]) -> Rejected | None:
    layout = state.seats.layout if state.seats is not None else None
    errors = tuple(
        [
            (f"seats[{position}]", f"{name}: There is no such seat.")
            for position, name in enumerate(names)
            if layout is None or layout.number_of(name) is None
        ]
    )
    return Rejected(Code.INVALID, "The event has no such seats.", errors=errors) if errors else None


def _over(state: State) -> Rejected | None:
    if state.stage is not Stage.CANCELLED:
        return None
    return Rejected(Code.WRONG_STATE, "The event is cancelled.", {"event_status": state.stage.value})


def _described_next(state: State) -> EventReply:
    """As it is, but with the version that it has after a change."""
    return msgspec.structs.replace(describe(state), version=state.version + 1)


def _below_live(state: State, terms: Terms) -> Rejected | None:
    """A quota, a capacity, or a removal (a quota of nothing) that would fall below what is live."""
    quotas = {kind.code: kind.quota for kind in terms.ticket_types}
    for code, tally in state.tallies.items():
        live = tally.held + tally.confirmed
        if quotas.get(code, 0) < live:
            return Rejected(Code.QUOTA_BELOW_LIVE, f"{live} of {code} are live.", {"live": live})
    if terms.capacity is not None and terms.capacity < state.live:
        return Rejected(Code.QUOTA_BELOW_LIVE, f"{state.live} are live.", {"live": state.live})
    return None


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


# --- evolve ---------------------------------------------------------------------------------------


def evolve(state: State, fact: EventFact) -> None:
    """Make `fact` true of `state`. Facts are never refused: what happened, happened."""
    state.last_fact_ms = max(state.last_fact_ms, fact.at_ms)
    match fact:
        case HoldPlaced():
            admit(
                state,
                Reservation(
                    fact.reservation_id,
                    Status.HELD,
                    fact.expires_at_ms,
                    fact.lines,
                    fact.customer,
                    fact.at_ms,
                ),
            )
        case ReservationConfirmed():
            _become_confirmed(state, fact.reservation_id)
        case HoldExpired():
            _end(state, fact.reservation_id, Status.EXPIRED)
        case HoldReleased():
            _end(state, fact.reservation_id, Status.RELEASED)
        case ReservationCancelled():
            _end(state, fact.reservation_id, Status.CANCELLED)
        case HoldChanged():
            before = _leave(state, fact.reservation_id)
            admit(state, msgspec.structs.replace(before, lines=fact.lines))
        case HoldExtended():
            before = _leave(state, fact.reservation_id)
            extensions = before.extensions + 1
            admit(
                state,
                msgspec.structs.replace(before, expires_at_ms=fact.expires_at_ms, extensions=extensions),
            )
        case EventCreated():
            adopt(state, fact.id, fact.terms, 1, False, fact.stage)
        case EventChanged():
            adopt(state, state.id, fact.terms, state.version + 1, state.paused, state.stage)
        case SalePaused() | SaleResumed():
            state.paused, state.version = isinstance(fact, SalePaused), state.version + 1
        case EventPublished() | EventClosed() | EventCancelled():
            _enter(state, fact)
        case EventDeleted():
            state.deleted, state.stage, state.version = True, Stage.CANCELLED, state.version + 1
        case SeatsBlocked():
            _change_blocked(state, fact.seats, blocked=True)
        case SeatsUnblocked():
            _change_blocked(state, fact.seats, blocked=False)
        case _:
            assert_never(fact)


def restored(
    event_id: str, definition: EventDefinition, last_fact_ms: int, layout: Layout | None = None
) -> State:
    """The event as it is stored, still without its live reservations: `admit` brings those."""
    state = State()
    if layout is not None:
        state.seats = Seats(layout, map(layout.name_of, definition.blocked))
    adopt(state, event_id, definition.terms, definition.version, definition.paused, definition.stage)
    state.deleted = definition.deleted
    state.last_fact_ms = last_fact_ms
    return state


def adopt(state: State, event_id: str, terms: Terms, version: int, paused: bool, stage: Stage) -> None:
    """Take on terms, new or loaded; sums of types that stay are kept."""
    state.id, state.terms, state.version, state.paused, state.stage = event_id, terms, version, paused, stage
    state.types = {kind.code: kind for kind in terms.ticket_types}
    state.tallies = {code: state.tallies.get(code) or Tally() for code in state.types}
    if terms.max_per_customer is None and not terms.one_per_customer:
        state.customers = None
    elif state.customers is None:
        state.customers = {}
        for reservation in () if stage is Stage.CANCELLED else state.reservations.values():
            _count_customer(state, reservation, 1)


def _change_blocked(state: State, names: tuple[str, ...], blocked: bool) -> None:
    assert state.seats is not None
    (state.seats.block if blocked else state.seats.unblock)(names)
    state.version += 1


def admit(state: State, reservation: Reservation) -> None:
    """Add a live reservation, new or loaded, to the sums; but nothing of a cancelled event counts."""
    state.reservations[reservation.id] = reservation
    if state.seats is not None:
        state.seats.take(seats_of(reservation.lines), reservation.id)
    if state.stage is Stage.CANCELLED:
        return
    held = reservation.status is Status.HELD
    for line in reservation.lines:
        tally = state.tallies[line.ticket_type]
        if held:
            tally.held += line.quantity
            heapq.heappush(tally.due, (reservation.expires_at_ms, reservation.id))
        else:
            tally.confirmed += line.quantity
        state.live += line.quantity
    if state.customers is not None:
        _count_customer(state, reservation, 1)


def _become_confirmed(state: State, reservation_id: str) -> None:
    """The common way out of a hold: nothing leaves the sums but the word for it."""
    before = state.reservations[reservation_id]
    for line in before.lines:
        tally = state.tallies[line.ticket_type]
        tally.held -= line.quantity
        tally.confirmed += line.quantity
        _forget_stale(state, line.ticket_type)
    if state.seats is not None:
        state.seats.confirm(seats_of(before.lines))
    state.reservations[reservation_id] = msgspec.structs.replace(before, status=Status.CONFIRMED)


def _end(state: State, reservation_id: str, status: Status) -> None:
    state.ended[reservation_id] = msgspec.structs.replace(_leave(state, reservation_id), status=status)


def _leave(state: State, reservation_id: str) -> Reservation:
    """Take a live reservation out of the sums."""
    before = state.reservations.pop(reservation_id)
    if state.seats is not None:
        state.seats.release(seats_of(before.lines))
    if state.stage is Stage.CANCELLED:
        return before
    held = before.status is Status.HELD
    for line in before.lines:
        tally = state.tallies[line.ticket_type]
        if held:
            tally.held -= line.quantity
            _forget_stale(state, line.ticket_type)
        else:
            tally.confirmed -= line.quantity
        state.live -= line.quantity
    if state.customers is not None:
        _count_customer(state, before, -1)
    return before


def _enter(state: State, fact: EventPublished | EventClosed | EventCancelled) -> None:
    """Nothing of a cancelled event is live. Its reservations stay, until facts have said how each ended."""
    state.stage, state.version = _BECOMES[type(fact)], state.version + 1
    if state.stage is Stage.CANCELLED:
        state.live = 0
        state.tallies = {code: Tally() for code in state.types}
        state.customers = None if state.customers is None else {}


def _forget_stale(state: State, code: str) -> None:
    """Rebuild a heap that is mostly stale, so that memory follows what is held, not what ever was."""
    tally = state.tallies[code]
    heap = tally.due
    if len(heap) < 64 or len(heap) < 4 * max(tally.held, 1):
        return
    tally.due = list({entry for entry in heap if _still_held(state, code, entry)})
    heapq.heapify(tally.due)


def _still_held(state: State, code: str, entry: tuple[int, str]) -> bool:
    """An entry says: this reservation holds some of the type, and ends then. It may have changed since."""
    found = state.reservations.get(entry[1])
    if found is None or found.status is not Status.HELD or found.expires_at_ms != entry[0]:
        return False
    return any(line.ticket_type == code for line in found.lines)


def _count_customer(state: State, reservation: Reservation, sign: int) -> None:
    assert state.customers is not None
    total = state.customers.get(reservation.customer, 0) + sign * reservation.quantity
    if total:
        state.customers[reservation.customer] = total
    else:
        state.customers.pop(reservation.customer, None)
