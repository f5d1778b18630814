"""What is read of an inventory without asking its owner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain.event_messages import Reservation, ReservationReply, Stage, Status, TypeCounts
from domain.restaurant_messages import History, RestaurantTerms, TableReply, TableReservation
from domain.ticket_messages import Ticket


@dataclass(slots=True, frozen=True)
class FoundTicket:
    """A ticket of which something has happened. `contact`: of whom it was passed on to."""

    number: int
    ticket: Ticket
    contact: bytes


@dataclass(slots=True, frozen=True)
class ReceivedTicket:
    """A ticket that was passed on, found by whom it was passed on to."""

    event_id: str
    reservation_id: str
    found: FoundTicket

    @property
    def key(self) -> tuple[str, int]:
        """By which they are in order."""
        return self.reservation_id, self.found.number


@dataclass(slots=True, frozen=True)
class FoundTicketed:
    """A confirmed reservation and those of its tickets of which something has happened."""

    reservation: Reservation
    contact: bytes
    tickets: tuple[FoundTicket, ...]


@dataclass(slots=True, frozen=True)
class Availability:
    """An inventory's counts at a sequence; a higher sequence is newer. `at_ms`: store time when it was true.
    `draft`: only operators are to see it. A restaurant's has no ticket types: it says its sequence only."""

    event_id: str
    sequence: int
    at_ms: int
    ticket_types: tuple[TypeCounts, ...]
    draft: bool = False


@dataclass(slots=True, frozen=True)
class SeatStates:
    """An event's seats at a sequence: one byte a seat, by its number in the plan (see `event_seats.Look`).
    `at_ms`: when the sequence was reached."""

    event_id: str
    sequence: int
    plan_id: str
    states: bytes
    hidden: bool
    """Only operators may see it."""
    at_ms: int = 0


@dataclass(slots=True, frozen=True)
class SeatChanges:
    """How those of an event's seats look at a sequence that may look otherwise than at one before."""

    sequence: int
    at_ms: int
    looks: Mapping[int, int]
    hidden: bool


@dataclass(slots=True, frozen=True)
class TableDay:
    """What a restaurant has on a day (counted since 1970-01-01), at a sequence. The reservations are those
    that may be in the way of a stay that begins on it, without anything of who made them."""

    restaurant_id: str
    sequence: int
    at_ms: int
    terms: RestaurantTerms
    version: int
    paused: bool
    stage: Stage
    day: int
    reservations: tuple[TableReservation, ...]


@dataclass(slots=True, frozen=True)
class FoundReservation:
    """A reservation as its row has it, and the inventory it is of. `stage`: that one's."""

    inventory_id: str
    reply: ReservationReply | TableReply
    stage: Stage


@dataclass(slots=True, frozen=True)
class FoundGuest:
    """Who reserved at a restaurant: the contact of their last reservation there, and what they have done."""

    contact: bytes
    history: History


@dataclass(slots=True, frozen=True)
class Dined:
    """What a restaurant has counted of a customer, and the terms that make a score of it."""

    restaurant_id: str
    terms: RestaurantTerms
    history: History


@dataclass(slots=True, frozen=True)
class Sold:
    """Confirmed tickets, and what they were sold for: each line at its own price, in minor units."""

    tickets: int = 0
    revenue: int = 0


@dataclass(slots=True, frozen=True)
class TypeSales:
    """One ticket type: what is held and not confirmed, and what is sold."""

    code: str
    held: int
    sold: Sold


@dataclass(slots=True, frozen=True)
class EventSales:
    """What an event has sold at a sequence. `over_time`: by a span's beginning, those with sales only."""

    event_id: str
    sequence: int
    currency: str
    ticket_types: tuple[TypeSales, ...]
    over_time: dict[int, Sold]


@dataclass(slots=True, frozen=True)
class Ranked:
    """An event among others; `lately`: tickets confirmed in the window that was asked for."""

    event_id: str
    name: str
    currency: str
    sold: Sold
    lately: int


@dataclass(slots=True, frozen=True)
class Ranking:
    """The first few by tickets sold, by revenue (so many of each currency), by tickets sold lately."""

    by_sales: tuple[Ranked, ...]
    by_revenue: tuple[Ranked, ...]
    by_speed: tuple[Ranked, ...]


@dataclass(slots=True, frozen=True)
class Stays:
    """So many reservations of tables, for so many persons in all."""

    reservations: int = 0
    covers: int = 0


@dataclass(slots=True, frozen=True)
class Deposits:
    """`taken` for what is confirmed or seated, and what was `kept` of payments for what has ended; in minor
    units."""

    taken: int = 0
    kept: int = 0


StaysByStatus = Mapping[Status, Stays]
"""Without those of which there is none."""


@dataclass(slots=True, frozen=True)
class StaySums:
    """All of a restaurant's reservations at a sequence, by status as facts have said it; `by_day` those whose
    stay begins on a day that was asked for, the first of them 0. `deposits` by currency."""

    restaurant_id: str
    sequence: int
    by_status: StaysByStatus
    by_day: Mapping[int, StaysByStatus]
    deposits: Mapping[str, Deposits]
