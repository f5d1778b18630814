"""A restaurant in memory, and the only thing that changes it: `evolve`. `domain.restaurant` has the rules."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator
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
    TypeCounts,
)
from domain.event_seats import SeatMove
from domain.event_tickets import TicketMove
from domain.local_time import MINUTE_MS
from domain.messages import Code, Rejected
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
    RestaurantReplies,
    RestaurantReply,
    RestaurantTerms,
    StayCompleted,
    StayProlonged,
    TableHeld,
    TableReply,
    TableReservation,
    TableRetaken,
    WalkInSeated,
)
from domain.restaurant_tables import Diary, Option, Stay, options_of
from domain.seat_plan import Layout
from domain.stages import End, as_it_ends, drains_at_ms, not_on_sale
from domain.ticket_messages import Ticket

Decision = tuple[RestaurantReplies, tuple[RestaurantFact, ...]]

SETTLE_AFTER_MS = 12 * 60 * MINUTE_MS
"""A stay of which nobody has said how it ended is taken as completed so long after its end."""
LOOKS_KEPT_MIN = 64
RESTAURANT = "restaurant"
BECOMES: dict[type, Stage] = {
    RestaurantPublished: Stage.PUBLISHED,
    RestaurantClosed: Stage.CLOSED,
    RestaurantCancelled: Stage.CANCELLED,
}


def _with_restaurant(at_ms: int, reservation_id: str, /) -> ReservationCancelled:
    return ReservationCancelled(at_ms, reservation_id, by_operator=True)


ENDS_WITH_RESTAURANT: dict[Status, End[RestaurantFact]] = {
    Status.HELD: HoldReleased,
    Status.PAYING: HoldReleased,
    Status.CONFIRMED: _with_restaurant,
    Status.SEATED: StayCompleted,
}


class State:
    """One restaurant: its terms, its live reservations, and the diaries of its tables.

    `ended` keeps the reservations that ended in the present batch, or that were looked up for it; whoever
    owns the state empties it when the batch is stored. `contacts` are personal data that facts never hold.
    """

    __slots__ = (
        "contacts",
        "deleted",
        "diaries",
        "ended",
        "hours",
        "id",
        "last_fact_ms",
        "live",
        "looks",
        "options",
        "paused",
        "reservations",
        "stage",
        "terms",
        "version",
    )

    def __init__(self) -> None:
        self.id = ""
        self.terms: RestaurantTerms | None = None
        self.version = 0
        self.paused = False
        self.stage = Stage.PUBLISHED
        self.deleted = False
        self.hours: Hours | None = None
        self.options: tuple[Option, ...] = ()
        self.diaries: dict[str, Diary] = {}
        self.live = 0
        self.reservations: dict[str, TableReservation] = {}
        self.contacts: dict[str, bytes] = {}
        self.ended: dict[str, TableReservation] = {}
        self.looks: list[tuple[int, str]] = []
        """When which reservation has to be looked at: a heap, stale entries kept."""
        self.last_fact_ms = 0

    @property
    def hidden(self) -> bool:
        """Is it for operators only, or for nobody any more?"""
        return self.stage is Stage.DRAFT or self.deleted


# --- reading a state ------------------------------------------------------------------------------


def terms_of(state: State) -> RestaurantTerms:
    assert state.terms is not None
    return state.terms


def hours_of(state: State) -> Hours:
    assert state.hours is not None
    return state.hours


def describe(state: State) -> RestaurantReply:
    """The whole restaurant as an operator sees it."""
    return RestaurantReply(state.id, terms_of(state), state.version, state.paused, stage=state.stage)


def definition(state: State) -> RestaurantDefinition:
    """What the operator has decided, as it is stored."""
    return RestaurantDefinition(terms_of(state), state.version, state.paused, state.stage, state.deleted)


def counts(state: State) -> tuple[TypeCounts, ...]:
    """Nothing is counted of tables: they are free at a time, not in a number."""
    return ()


def shown(state: State, reservation: TableReservation) -> TableReply:
    """The reservation as a reply."""
    return TableReply(reservation, state.contacts.get(reservation.id, b""))


def find(state: State, reservation_id: str) -> TableReservation | Rejected:
    found = state.reservations.get(reservation_id) or state.ended.get(reservation_id)
    if found is None:
        return Rejected(Code.NOT_FOUND, "There is no such reservation.")
    return as_it_ends(found, state.stage)


def closed(state: State) -> Rejected | None:
    """Why nothing new is taken."""
    if state.paused:
        return Rejected(Code.SALES_CLOSED, "The restaurant takes no reservations for now.")
    return not_on_sale(state.stage, RESTAURANT)


def stay_of(terms: RestaurantTerms, start_ms: int, minutes: int) -> Stay:
    """A stay of so many minutes and the buffer after it."""
    end_ms = start_ms + minutes * MINUTE_MS
    return Stay(start_ms, end_ms, end_ms + terms.buffer_minutes * MINUTE_MS)


def in_the_way(
    state: State, tables: Iterable[str], stay: Stay, ignoring: Collection[str] = ()
) -> list[TableReservation]:
    """The live reservations that overlap a stay at any of the tables, by time; each once."""
    found = {
        entry.id: entry
        for table_id in tables
        if table_id in state.diaries
        for entry in state.diaries[table_id].within(stay.start_ms, stay.free_at_ms)
        if entry.id not in ignoring
    }
    return sorted(found.values(), key=lambda entry: entry.start_ms)


def next_due_ms(state: State) -> int | None:
    """When a reservation has to be looked at; what is stale is dropped from the heap on the way."""
    if state.stage is Stage.CANCELLED:
        return drains_at_ms(state.reservations, state.last_fact_ms)
    looks = state.looks
    while looks:
        at_ms, reservation_id = looks[0]
        found = state.reservations.get(reservation_id)
        if found is not None and found.expires_at_ms == at_ms:
            return at_ms
        heapq.heappop(looks)
    return None


# --- evolve ---------------------------------------------------------------------------------------


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
        case ReservationConfirmed() | ReservationPaid():
            return confirmed(_leave(state, fact.reservation_id))
        case ReservationSold():
            return sold(_leave(state, fact.reservation_id), fact)
        case PaymentBegun():
            return paying(_leave(state, fact.reservation_id), fact)
        case PaymentFailed():
            return given_back(_leave(state, fact.reservation_id))
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


def moves(state: State) -> tuple[SeatMove, ...]:
    """A restaurant has tables, and no seats that are sold one by one."""
    return ()


def ticket_moves(state: State) -> tuple[TicketMove, ...]:
    """Who comes to a table is seated, and needs no ticket."""
    return ()


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
