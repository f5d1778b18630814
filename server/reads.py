"""What the handlers read that is not decided by an owner. Rows, at most as old as the read itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from domain.catalogue import ListedEvent, Place, RestaurantPage, Wanted, WantedRestaurants
from domain.event_messages import EventReply, Status
from domain.restaurant_messages import History, RestaurantReply
from domain.seat_plan import Plan
from domain.views import (
    Availability,
    Dined,
    EventSales,
    FoundGuest,
    FoundReservation,
    FoundTicket,
    FoundTicketed,
    Ranking,
    ReceivedTicket,
    SeatChanges,
    SeatStates,
    StaySums,
    TableDay,
)


class Reads(Protocol):
    """The read side. Every method answers None, or an empty list, for what is not there."""

    async def event(self, event_id: str) -> EventReply | None:
        """One event with its present counts."""

    async def events(self, wanted: Wanted, after: Place | None, limit: int) -> list[ListedEvent]:
        """The wanted events in the wanted order, beginning behind that place."""

    async def belongs(self, inventory_id: str) -> tuple[str, str | None] | None:
        """Whether it is an event or a restaurant, and whose: an organiser's id, or None, the operator's."""

    async def present_plan(self, venue_id: str) -> tuple[str, Plan] | None:
        """The id of a venue's present plan of seats, and the plan."""

    async def reservation(self, reservation_id: str) -> FoundReservation | None:
        """One reservation. Its status is the row's: what it is by now is the caller's to say (`as_read`)."""

    async def on_hold(self, reservation_ids: Sequence[str]) -> Mapping[str, bool]:
        """Of those that there are, whether each is held or being paid by now, or, of submissions that are
        pending, is still to be made."""

    async def is_known(self, inventory_id: str, request_id: bytes) -> bool:
        """Whether that inventory has answered the request, or a submission of it was accepted."""

    async def of_customer(self, customer: bytes, before: str | None, limit: int) -> list[FoundReservation]:
        """A customer's reservations of whatever kind, the last id first, beginning below `before`. A status
        is the row's, as in `reservation`."""

    async def reservations(
        self, event_id: str, status: Status | None, after: str | None, limit: int, now_ms: int
    ) -> list[FoundReservation]:
        """An event's reservations by id, beginning after `after`. A hold past its end counts as expired."""

    async def tickets(self, event_id: str, reservation_id: str) -> list[FoundTicket]:
        """Those of a reservation's tickets of which something has happened."""

    async def received(
        self, customer: bytes, before: tuple[str, int] | None, limit: int
    ) -> list[ReceivedTicket]:
        """The tickets that were passed on to that customer, the last reservation's first, beginning below
        `before` (its id, a number)."""

    async def dined(self, customer: bytes) -> list[Dined]:
        """What restaurants have counted of that customer; those only that have counted anything."""

    async def door(self, event_id: str, after: str | None, limit: int) -> list[FoundTicketed]:
        """An event's confirmed reservations by id with their tickets, beginning after `after`; read beside
        all others."""

    async def made_at(self, event_id: str, customer: bytes, at_ms: int) -> list[str]:
        """The ids of this customer's reservations of the event that were made in that millisecond."""

    async def exported(
        self, inventory_id: str, after: str | None, limit: int, now_ms: int
    ) -> list[FoundReservation]:
        """An event's or a restaurant's reservations of every status by id, beginning after `after`; read
        beside all others: an export does not hold them up."""

    async def sales(self, event_id: str, since_ms: int, width_ms: int) -> EventSales | None:
        """What an event has sold, by ticket type, and since then by spans of that width."""

    async def stay_sums(self, restaurant_id: str, begins_ms: Sequence[int]) -> StaySums | None:
        """A restaurant's reservations added up, by day too: each begins where the one before ends, and the
        last is the end of the last."""

    async def ranking(self, since_ms: int) -> Ranking:
        """The first of all events; lately means since then."""

    async def seats(self, event_id: str) -> SeatStates | None:
        """What the rows say of an event's seats. None too where it has no seats."""

    async def blocked_seats(self, event_id: str) -> tuple[str, ...]:
        """The names of the seats that are kept off the sale."""

    async def seat_changes(self, known: SeatStates) -> SeatChanges | None:
        """What has become of them since. None where only all of them can be read."""

    async def table_day(self, restaurant_id: str, day: int) -> TableDay | None:
        """What the rows say of a restaurant's tables on a local day, counted since 1970-01-01."""

    async def restaurant(self, restaurant_id: str) -> RestaurantReply | None:
        """One restaurant."""

    async def restaurants(self, wanted: WantedRestaurants, after: Place | None, limit: int) -> RestaurantPage:
        """The wanted restaurants in the wanted order, at most `limit`, beginning behind that place. With a
        wish for a table it may have fewer, or none, and still go on."""

    async def table_reservations(
        self,
        restaurant_id: str,
        status: Status | None,
        within_ms: tuple[int, int] | None,
        after: str | None,
        limit: int,
        now_ms: int,
        key: bytes | None = None,
        table_id: str | None = None,
    ) -> list[FoundReservation]:
        """A restaurant's reservations by id whose stay begins within [since, until); of one guest, by the key
        of an e-mail or a number, or of all; that have one table, alone or joined, or any."""

    async def guests(self, restaurant_id: str, key: bytes, limit: int) -> list[FoundGuest]:
        """Who reserved there under that key."""

    async def history(self, restaurant_id: str, customer: bytes) -> History:
        """How often the customer came, cancelled or did not come."""

    async def availability(self, event_id: str, at_least: int = 0) -> Availability | None:
        """From this process's copy where it is young enough, else from the row. Never falls in sequence.

        `at_least`: a sequence the client says it has seen, perhaps from a front end on another machine.
        """

    def watch(self, event_id: str, tell: Callable[[Availability | None], None]) -> Callable[[], None]:
        """Tell of an event's availability as it changes, or of a restaurant's sequence, until what this
        returns is called. None: there is no such inventory any more."""

    async def secret(self, name: str) -> bytes:
        """The database's own key of that name (32 bytes, made by the migration)."""

    def now_ms(self) -> int:
        """Store time by this process's anchored clock."""

    async def ping(self) -> None:
        """Raise unless PostgreSQL answers."""
