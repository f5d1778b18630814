"""How facts change an event in memory, and how what is stored of it is taken in.

`evolve` is the only thing that changes a state; folding an event's facts from the first gives its state.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import assert_never

import msgspec

from domain.event_messages import (
    EventCancelled,
    EventChanged,
    EventClosed,
    EventCreated,
    EventDefinition,
    EventDeleted,
    EventFact,
    EventPublished,
    HoldChanged,
    HoldExpired,
    HoldExtended,
    HoldPlaced,
    HoldReleased,
    PaymentBegun,
    PaymentFailed,
    Reservation,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationPaid,
    ReservationReduced,
    ReservationRetaken,
    ReservationSold,
    ReservationVoided,
    SalePaused,
    SaleResumed,
    SeatsBlocked,
    SeatsUnblocked,
    Stage,
    Status,
    Terms,
)
from domain.event_seats import Seats, seats_of
from domain.event_state import State, Tally, still_held
from domain.event_tickets import contact_key
from domain.paying import ended_with, given_back, paying
from domain.seat_plan import Layout
from domain.ticket_messages import (
    CheckInUndone,
    Ticket,
    TicketCheckedIn,
    TicketFact,
    TicketReissued,
    TicketTransferred,
)

LOAD_STEP_SEATS = 100
BECOMES: dict[type, Stage] = {
    EventPublished: Stage.PUBLISHED,
    EventClosed: Stage.CLOSED,
    EventCancelled: Stage.CANCELLED,
}


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
        case ReservationConfirmed() | ReservationSold() | ReservationPaid():
            _become_confirmed(state, fact)
        case HoldExpired():
            _end(state, fact.reservation_id, Status.EXPIRED)
        case HoldReleased():
            _end(state, fact.reservation_id, Status.RELEASED)
        case ReservationCancelled() | ReservationVoided():
            kept = fact.kept if isinstance(fact, ReservationCancelled) else 0
            _end(state, fact.reservation_id, Status.CANCELLED, kept)
        case PaymentBegun() | PaymentFailed():
            before = _leave(state, fact.reservation_id)
            after = paying(before, fact) if isinstance(fact, PaymentBegun) else given_back(before, fact)
            admit(state, after)
        case ReservationRetaken():
            state.ended.pop(fact.reservation_id, None)
            admit(state, fact.reservation)
        case HoldChanged() | ReservationReduced():
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
            state.seats = seats_under(state, fact.terms)
            adopt(state, state.id, fact.terms, state.version + 1, state.paused, state.stage)
        case SalePaused() | SaleResumed():
            state.paused, state.version = isinstance(fact, SalePaused), state.version + 1
        case EventPublished() | EventClosed() | EventCancelled():
            _enter(state, fact)
        case EventDeleted():
            state.deleted, state.stage, state.version = True, Stage.CANCELLED, state.version + 1
        case TicketCheckedIn() | CheckInUndone() | TicketTransferred() | TicketReissued():
            _of_ticket(state, fact)
        case SeatsBlocked():
            _change_blocked(state, fact.seats, blocked=True)
        case SeatsUnblocked():
            _change_blocked(state, fact.seats, blocked=False)
        case _:
            assert_never(fact)


def restored(
    event_id: str, definition: EventDefinition, last_fact_ms: int, layout: Layout | None = None
) -> State:
    """The event as it is stored, still without its live reservations and its blocked seats: `admit` and
    `load` bring those."""
    state = State()
    if layout is not None:
        state.seats = Seats(layout)
    adopt(state, event_id, definition.terms, definition.version, definition.paused, definition.stage)
    state.deleted = definition.deleted
    state.last_fact_ms = last_fact_ms
    return state


def load(state: State, definition: EventDefinition) -> Iterator[int]:
    """Block what is blocked, `LOAD_STEP_SEATS` at a time."""
    seats, numbers = state.seats, definition.blocked
    for first in range(0, len(numbers) if seats is not None else 0, LOAD_STEP_SEATS):
        assert seats is not None
        step = numbers[first : first + LOAD_STEP_SEATS]
        seats.block(map(seats.layout.name_of, step))
        yield len(step)


def loaded(state: State) -> None:
    """All that is stored is in."""
    if state.seats is not None:
        state.seats.settled()


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


def seats_under(state: State, terms: Terms) -> Seats | None:
    """The seats as they are under these terms, which may give single ones other categories."""
    seats = state.seats
    if seats is None or state.terms is None or terms.seating is None or terms.seating == state.terms.seating:
        return seats
    return seats.recategorised(terms.seating.overrides)


def _change_blocked(state: State, names: tuple[str, ...], blocked: bool) -> None:
    assert state.seats is not None
    (state.seats.block if blocked else state.seats.unblock)(names)
    state.version += 1


def admit(state: State, reservation: Reservation) -> int:
    """Add a live reservation, new or loaded, to the sums; but nothing of a cancelled event counts. How many
    pieces that were: the reservation, and its seats."""
    pieces = 1
    state.reservations[reservation.id] = reservation
    counts, held = state.stage is not Stage.CANCELLED, reservation.status.on_hold
    for line in reservation.lines:
        if line.seats and state.seats is not None:
            state.seats.take(line.seats, reservation.id)
            pieces += len(line.seats)
        if not counts:
            continue
        tally, quantity = state.tallies[line.ticket_type], line.quantity
        state.live += quantity
        if held:
            tally.held += quantity
            heapq.heappush(tally.due, (reservation.expires_at_ms, reservation.id))
        else:
            tally.confirmed += quantity
    if state.customers is not None and counts:
        _count_customer(state, reservation, 1)
    return pieces


def _become_confirmed(state: State, fact: ReservationConfirmed | ReservationSold | ReservationPaid) -> None:
    """The common way out of a hold: nothing leaves the sums but the word for it."""
    before = state.reservations[fact.reservation_id]
    for line in before.lines:
        tally = state.tallies[line.ticket_type]
        tally.held -= line.quantity
        tally.confirmed += line.quantity
        _forget_stale(state, line.ticket_type)
    if state.seats is not None:
        state.seats.confirm(seats_of(before.lines))
    clears = not isinstance(fact, ReservationPaid) and fact.clears_payment
    paid_by = None if clears else before.paid_by
    state.reservations[before.id] = msgspec.structs.replace(before, status=Status.CONFIRMED, paid_by=paid_by)


def admit_ticket(state: State, reservation_id: str, number: int, ticket: Ticket) -> None:
    """Take in a ticket that was loaded, once all live reservations are."""
    if reservation_id in state.reservations:
        state.tickets.put(reservation_id, number, ticket)


def _of_ticket(state: State, fact: TicketFact) -> None:
    """A reservation is checked in for as long as all of its tickets are in."""
    state.tickets.happen(fact)
    found = state.reservations[fact.reservation_id]
    all_in = state.tickets.let_in(found.id) == found.quantity
    status = Status.CHECKED_IN if all_in else Status.CONFIRMED
    if status is not found.status:
        state.reservations[found.id] = msgspec.structs.replace(found, status=status)


def _end(state: State, reservation_id: str, status: Status, kept: int = 0) -> None:
    for number in state.tickets.forget(reservation_id):
        state.contacts.pop(contact_key(reservation_id, number), None)
    state.ended[reservation_id] = ended_with(_leave(state, reservation_id), status, kept)


def _leave(state: State, reservation_id: str) -> Reservation:
    """Take a live reservation out of the sums."""
    before = state.reservations.pop(reservation_id)
    if state.seats is not None:
        state.seats.release(seats_of(before.lines))
    if state.stage is Stage.CANCELLED:
        return before
    held = before.status.on_hold
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
    state.stage, state.version = BECOMES[type(fact)], state.version + 1
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
    tally.due = list({entry for entry in heap if still_held(state, code, entry)})
    heapq.heapify(tally.due)


def _count_customer(state: State, reservation: Reservation, sign: int) -> None:
    assert state.customers is not None
    total = state.customers.get(reservation.customer, 0) + sign * reservation.quantity
    if total:
        state.customers[reservation.customer] = total
    else:
        state.customers.pop(reservation.customer, None)
