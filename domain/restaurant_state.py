"""One restaurant in memory: its state, and what is read of it; `domain.restaurant_evolve` changes it."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable

from domain.event_messages import (
    HoldReleased,
    ReservationCancelled,
    Stage,
    Status,
    TypeCounts,
)
from domain.event_seats import SeatMove
from domain.event_tickets import TicketMove
from domain.local_time import MINUTE_MS
from domain.messages import Code, Rejected
from domain.restaurant_hours import Hours
from domain.restaurant_messages import (
    RestaurantDefinition,
    RestaurantFact,
    RestaurantReplies,
    RestaurantReply,
    RestaurantTerms,
    StayCompleted,
    TableReply,
    TableReservation,
)
from domain.restaurant_tables import Diary, Option, Stay
from domain.stages import End, as_it_ends, drains_at_ms, not_on_sale

Decision = tuple[RestaurantReplies, tuple[RestaurantFact, ...]]

SETTLE_AFTER_MS = 12 * 60 * MINUTE_MS
"""A stay of which nobody has said how it ended is taken as completed so long after its end."""
RESTAURANT = "restaurant"


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


def moves(state: State) -> tuple[SeatMove, ...]:
    """A restaurant has tables, and no seats that are sold one by one."""
    return ()


def ticket_moves(state: State) -> tuple[TicketMove, ...]:
    """Who comes to a table is seated, and needs no ticket."""
    return ()
