"""How facts change a restaurant in memory, and how what is stored of it is taken in.

`evolve` is the only thing that changes a state; folding a restaurant's facts from the first gives its state.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import assert_never

from msgspec.structs import replace

from domain.event_messages import (
    HoldExpired,
    HoldExtended,
    HoldReleased,
    PaymentBegun,
    PaymentFailed,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationPaid,
    ReservationSold,
    ReservationVoided,
    SalePaused,
    SaleResumed,
    Stage,
    Status,
)
from domain.paying import ended_with, given_back, paying
from domain.restaurant_hours import Hours
from domain.restaurant_messages import (
    NoShowMarked,
    PartySeated,
    ReservationMoved,
    RestaurantCancelled,
    RestaurantChanged,
    RestaurantClosed,
    RestaurantCreated,
    RestaurantDefinition,
    RestaurantDeleted,
    RestaurantFact,
    RestaurantPublished,
    RestaurantTerms,
    StayCompleted,
    StayProlonged,
    TableHeld,
    TableReservation,
    TableRetaken,
    WalkInSeated,
)
from domain.restaurant_state import SETTLE_AFTER_MS, State
from domain.restaurant_tables import Diary, options_of
from domain.seat_plan import Layout
from domain.ticket_messages import Ticket

LOOKS_KEPT_MIN = 64
BECOMES: dict[type, Stage] = {
    RestaurantPublished: Stage.PUBLISHED,
    RestaurantClosed: Stage.CLOSED,
    RestaurantCancelled: Stage.CANCELLED,
}


def evolve(state: State, fact: RestaurantFact) -> None:
    """Make `fact` true of `state`. Facts are never refused: what happened, happened."""
    state.last_fact_ms = max(state.last_fact_ms, fact.at_ms)
    match fact:
        case RestaurantCreated():
            adopt(state, fact.id, fact.terms, 1, False, fact.stage)
        case RestaurantChanged():
            adopt(state, state.id, fact.terms, state.version + 1, state.paused, state.stage)
        case SalePaused() | SaleResumed():
            state.paused, state.version = isinstance(fact, SalePaused), state.version + 1
        case RestaurantPublished() | RestaurantClosed() | RestaurantCancelled():
            _enter(state, BECOMES[type(fact)])
        case RestaurantDeleted():
            _enter(state, Stage.CANCELLED)
            state.deleted = True
        case HoldExpired():
            _end(state, fact.reservation_id, Status.EXPIRED)
        case HoldReleased():
            _end(state, fact.reservation_id, Status.RELEASED)
        case ReservationCancelled():
            _end(state, fact.reservation_id, Status.CANCELLED, fact.kept, fact.by_operator)
        case ReservationVoided():
            _end(state, fact.reservation_id, Status.CANCELLED, excused=True)
        case StayCompleted():
            _end(state, fact.reservation_id, Status.COMPLETED, fact.kept)
        case NoShowMarked():
            _end(state, fact.reservation_id, Status.NO_SHOW, fact.kept)
        case TableRetaken():
            state.ended.pop(fact.reservation_id, None)
            admit(state, fact.reservation)
        case _:
            admit(state, _after(state, fact))


Alters = (
    TableHeld
    | WalkInSeated
    | HoldExtended
    | ReservationConfirmed
    | ReservationMoved
    | PartySeated
    | StayProlonged
    | PaymentBegun
    | PaymentFailed
    | ReservationPaid
    | ReservationSold
)
"""Facts that leave a live reservation behind."""


def _after(state: State, fact: Alters) -> TableReservation:
    """The reservation that the fact makes, or leaves; its old place is given up."""
    match fact:
        case TableHeld() | WalkInSeated():
            return placed(fact)
        case HoldExtended():
            before = _leave(state, fact.reservation_id)
            return replace(before, expires_at_ms=fact.expires_at_ms, extensions=before.extensions + 1)
        case ReservationConfirmed():
            before = _leave(state, fact.reservation_id)
            return confirmed(replace(before, paid_by=None) if fact.clears_payment else before)
        case ReservationPaid():
            return confirmed(_leave(state, fact.reservation_id))
        case ReservationSold():
            return sold(_leave(state, fact.reservation_id), fact)
        case PaymentBegun():
            return paying(_leave(state, fact.reservation_id), fact)
        case PaymentFailed():
            return given_back(_leave(state, fact.reservation_id), fact)
        case ReservationMoved():
            return moved(_leave(state, fact.reservation_id), fact)
        case PartySeated():
            return seated(_leave(state, fact.reservation_id), fact.start_ms)
        case StayProlonged():
            return prolonged(_leave(state, fact.reservation_id), fact)
        case _:
            assert_never(fact)


def placed(fact: TableHeld | WalkInSeated) -> TableReservation:
    """A new reservation: a hold, or a party that sits already."""
    held = isinstance(fact, TableHeld)
    return TableReservation(
        fact.reservation_id,
        Status.HELD if held else Status.SEATED,
        fact.expires_at_ms if isinstance(fact, TableHeld) else fact.end_ms,
        fact.tables,
        fact.start_ms,
        fact.end_ms,
        fact.free_at_ms,
        fact.party_size,
        fact.customer,
        fact.at_ms,
        phone=fact.phone,
        deposit=fact.deposit if isinstance(fact, TableHeld) else 0,
        currency=fact.currency if isinstance(fact, TableHeld) else "",
    )


def confirmed(before: TableReservation) -> TableReservation:
    return replace(before, status=Status.CONFIRMED, expires_at_ms=before.end_ms + SETTLE_AFTER_MS)


def sold(before: TableReservation, fact: ReservationSold) -> TableReservation:
    """Confirmed by the staff; a deposit that they waived is none."""
    if fact.clears_payment:
        before = replace(before, paid_by=None)
    return confirmed(replace(before, deposit=0, currency="") if fact.paid == "free" else before)


def moved(before: TableReservation, fact: ReservationMoved) -> TableReservation:
    """A hold keeps its end; what is confirmed or seated is looked at by its new time."""
    looks_at_ms = {
        Status.CONFIRMED: fact.end_ms + SETTLE_AFTER_MS,
        Status.SEATED: max(before.expires_at_ms, fact.end_ms),
    }
    return replace(
        before,
        expires_at_ms=looks_at_ms.get(before.status, before.expires_at_ms),
        tables=fact.tables,
        start_ms=fact.start_ms,
        end_ms=fact.end_ms,
        free_at_ms=fact.free_at_ms,
        party_size=fact.party_size,
        deposit=before.deposit if fact.deposit is None else fact.deposit,
        currency=before.currency if fact.deposit is None else fact.currency,
    )


def seated(before: TableReservation, start_ms: int) -> TableReservation:
    return replace(before, status=Status.SEATED, start_ms=start_ms, expires_at_ms=before.end_ms)


def prolonged(before: TableReservation, fact: StayProlonged) -> TableReservation:
    return replace(
        before,
        end_ms=fact.end_ms,
        free_at_ms=fact.free_at_ms,
        expires_at_ms=fact.looks_at_ms,
        overstays=fact.overstays,
        warned=fact.warned,
    )


def restored(
    restaurant_id: str, stored: RestaurantDefinition, last_fact_ms: int, layout: Layout | None = None
) -> State:
    """The restaurant as it is stored, still without its live reservations: `admit` brings those."""
    state = State()
    adopt(state, restaurant_id, stored.terms, stored.version, stored.paused, stored.stage)
    state.deleted = stored.deleted
    state.last_fact_ms = last_fact_ms
    return state


def rebuilt(restaurant_id: str, stored: RestaurantDefinition, live: Iterable[TableReservation]) -> State:
    """The restaurant out of rows, with what it has that is live: for who only looks."""
    state = restored(restaurant_id, stored, 0)
    for reservation in live:
        admit(state, reservation)
    return state


def load(state: State, stored: RestaurantDefinition) -> Iterator[int]:
    """Its terms are all that it consists of, and are there."""
    return iter(())


def loaded(state: State) -> None:
    """All that is stored is in."""


def admit_ticket(state: State, reservation_id: str, number: int, ticket: Ticket) -> None:
    raise AssertionError("a restaurant has no tickets")


def adopt(
    state: State, restaurant_id: str, terms: RestaurantTerms, version: int, paused: bool, stage: Stage
) -> None:
    """Take on terms, new or loaded. The diary of a table that goes is kept as long as something is in it."""
    state.id, state.terms, state.version, state.paused = restaurant_id, terms, version, paused
    state.stage = stage
    state.hours = Hours(terms)
    state.options = options_of(terms)
    kept = {table_id: diary for table_id, diary in state.diaries.items() if diary.entries}
    own = {table.id: state.diaries.get(table.id) or Diary() for table in terms.tables}
    state.diaries = kept | own


def admit(state: State, reservation: TableReservation) -> int:
    """Add a live reservation, new or loaded; but nothing of a cancelled restaurant counts. How many pieces
    that were: the reservation, and its tables."""
    state.reservations[reservation.id] = reservation
    for table_id in reservation.tables:
        if table_id not in state.diaries:
            state.diaries[table_id] = Diary()
        state.diaries[table_id].add(reservation)
    state.live += state.stage is not Stage.CANCELLED
    heapq.heappush(state.looks, (reservation.expires_at_ms, reservation.id))
    return 1 + len(reservation.tables)


def _enter(state: State, stage: Stage) -> None:
    """Nothing of a cancelled restaurant is live. Its reservations stay, until facts have said how each
    ended."""
    state.stage, state.version = stage, state.version + 1
    if stage is Stage.CANCELLED:
        state.live = 0


def _end(state: State, reservation_id: str, status: Status, kept: int = 0, excused: bool = False) -> None:
    ended = ended_with(_leave(state, reservation_id), status, kept)
    state.ended[reservation_id] = replace(ended, excused=True) if excused else ended


def _leave(state: State, reservation_id: str) -> TableReservation:
    """Take a live reservation out of its tables' diaries."""
    before = state.reservations.pop(reservation_id)
    for table_id in before.tables:
        state.diaries[table_id].remove(before)
    state.live -= state.stage is not Stage.CANCELLED
    _forget_stale(state)
    return before


def _forget_stale(state: State) -> None:
    """Rebuild a heap that is mostly stale, so that memory follows what is live, not what ever was."""
    if len(state.looks) < LOOKS_KEPT_MIN or len(state.looks) < 4 * len(state.reservations):
        return
    state.looks = [(found.expires_at_ms, found.id) for found in state.reservations.values()]
    heapq.heapify(state.looks)
