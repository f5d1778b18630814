"""The front ends' read side over PostgreSQL: rows, at most as old as the read itself.

A reply leaves its owner after the commit, so a client reads here what it wrote. Only availability may be
older, by a bounded age: it comes from the read copies, where there are any.

Reads are bounded in number and in time, so that a PostgreSQL that is slow or frozen is not asked for ever.
Who has waited for half of its time without a connection is not asked at all: a statement that is given
up half-way costs its connection, and nobody behind it would be served in time either.

What may go through many rows has connections of its own, so that no other read stands behind it: lists of
events two, maps of seats and tables two; statistics and exports one, so that however many are asked for,
PostgreSQL has one statement at a time of them.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from domain.catalogue import (
    ListedEvent,
    ListedRestaurant,
    PartyWish,
    Place,
    RestaurantPage,
    Wanted,
    WantedRestaurants,
)
from domain.event_messages import EventReply, Reservation, ReservationReply, Stage, Status
from domain.restaurant_messages import History, RestaurantReply, TableReply, TableReservation
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
from persistence import queries
from persistence.catalogue import page_of, page_of_restaurants
from persistence.clock import StoreClock
from persistence.connection import Limits, Links, QueueLimits, Row, in_time
from persistence.customers import DINED, KNOWN, OF_CUSTOMER, ON_HOLD, RECEIVED
from persistence.free_tables import LOOKED_AT_MAX, TAKEN, asked, page_with_tables
from persistence.histories import Histories
from persistence.maps import Maps
from persistence.plans import BLOCKED, blocked_names, decoded_plan
from persistence.queries import Query
from persistence.rows import (
    FIRST_ID,
    LAST_ID,
    counts_of,
    restaurant_terms_of,
    stored_of,
    terms_of,
    ticket_of,
    types_of,
)
from persistence.statistics import RANKING, SALES, STAYS, ranking_of, sales_of, stay_sums_of

READ_LIMITS = Limits(command_timeout_s=5.0, statement_timeout_s=4.0)
LIST_CONNECTIONS_MAX = 2
MAP_CONNECTIONS_MAX = 2
REPORTS_WAITING_MAX_STATEMENTS = 32
ALWAYS_MS = (0, 2**63 - 1)

Result = TypeVar("Result")


@dataclass(frozen=True)
class ReadBounds:
    """How much of PostgreSQL a front end's reads may ask for, and for how long each is waited for."""

    connections_max: int = 4
    queue_max_reads: int = 1_000
    deadline_ms: int = 5_000


class Copies(Protocol):
    """Where availability may be had without a row."""

    async def get(self, event_id: str, at_least: int = 0) -> Availability | None:
        """See `persistence.availability`."""

    def watch(self, event_id: str, tell: Callable[[Availability | None], None]) -> Callable[[], None]:
        """See `persistence.availability`."""


class PostgresReads:
    """See the module. `copies` may be given later: they load rows from here."""

    def __init__(
        self,
        database_url: str,
        clock: StoreClock,
        bounds: ReadBounds | None = None,
    ) -> None:
        self.copies: Copies | None = None
        self._clock = clock
        self._bounds = bounds or ReadBounds()
        queue = QueueLimits(self._bounds.queue_max_reads, self._bounds.deadline_ms / 2000)
        self._links = Links(database_url, "turnstile reads", READ_LIMITS, self._bounds.connections_max, queue)
        self._lists = Links(database_url, "turnstile lists", READ_LIMITS, LIST_CONNECTIONS_MAX, queue)
        self._maps = Maps(Links(database_url, "turnstile maps", READ_LIMITS, MAP_CONNECTIONS_MAX, queue))
        waiting = QueueLimits(REPORTS_WAITING_MAX_STATEMENTS, self._bounds.deadline_ms / 2000)
        self._reports = Links(database_url, "turnstile reports", READ_LIMITS, 1, waiting)
        self._histories = Histories(self._ask)
        self._free_looks = asyncio.Lock()
        """One at a time is worked out in a front end, so that it goes on serving others."""
        self._secrets: dict[str, bytes] = {}

    async def event(self, event_id: str) -> EventReply | None:
        rows = await self._fetch(queries.EVENT, id=event_id) if _is_id(event_id) else []
        return _event_of(rows[0]) if rows else None

    async def events(self, wanted: Wanted, after: Place | None, limit: int) -> list[ListedEvent]:
        rows = await self._ask(*page_of(wanted, after, limit, self._clock.now_ms()), self._lists)
        return [ListedEvent(_event_of(row), Place(row["sorted_by"], row["id"])) for row in rows]

    async def belongs(self, inventory_id: str) -> tuple[str, str | None] | None:
        rows = await self._fetch(queries.BELONGS, id=inventory_id) if _is_id(inventory_id) else []
        return (rows[0]["kind"], rows[0]["organiser_id"]) if rows else None

    async def present_plan(self, venue_id: str) -> tuple[str, Plan] | None:
        for plan_id, stored in await self._fetch(queries.PRESENT_PLAN, venue_id=venue_id):
            return plan_id, await asyncio.to_thread(decoded_plan, stored)
        return None

    async def seats(self, event_id: str) -> SeatStates | None:
        return await self._in_time(self._maps.seats(event_id)) if _is_id(event_id) else None

    async def seat_changes(self, known: SeatStates) -> SeatChanges | None:
        return await self._in_time(self._maps.seat_changes(known))

    async def table_day(self, restaurant_id: str, day: int) -> TableDay | None:
        if not _is_id(restaurant_id):
            return None
        return await self._in_time(self._maps.table_day(restaurant_id, day))

    async def blocked_seats(self, event_id: str) -> tuple[str, ...]:
        for row in await self._ask(BLOCKED, [event_id]) if _is_id(event_id) else []:
            return await asyncio.to_thread(blocked_names, row)
        return ()

    async def reservation(self, reservation_id: str) -> FoundReservation | None:
        rows = await self._fetch(queries.RESERVATION, id=reservation_id) if _is_id(reservation_id) else []
        return _found_of(rows[0], rows[0]["inventory_id"], rows[0]) if rows else None

    async def on_hold(self, reservation_ids: Sequence[str]) -> Mapping[str, bool]:
        rows = await self._ask(ON_HOLD, (list(reservation_ids), self.now_ms()))
        return {row[0]: row[1] for row in rows}

    async def is_known(self, inventory_id: str, request_id: bytes) -> bool:
        return bool((await self._ask(KNOWN, (inventory_id, request_id, self.now_ms())))[0][0])

    async def of_customer(self, customer: bytes, before: str | None, limit: int) -> list[FoundReservation]:
        rows = await self._ask(OF_CUSTOMER, (customer, before or LAST_ID, limit), self._lists)
        return [_found_of(row, row["inventory_id"], row) for row in rows]

    async def reservations(
        self, event_id: str, status: Status | None, after: str | None, limit: int, now_ms: int
    ) -> list[FoundReservation]:
        return await self._reservations(self._links, event_id, status, after, limit, now_ms)

    async def exported(
        self, inventory_id: str, after: str | None, limit: int, now_ms: int
    ) -> list[FoundReservation]:
        """Of every status, on the connection for reports."""
        return await self._reservations(self._reports, inventory_id, None, after, limit, now_ms)

    async def sales(self, event_id: str, since_ms: int, width_ms: int) -> EventSales | None:
        if not _is_id(event_id):
            return None
        rows = await self._ask(SALES, (event_id, since_ms, width_ms), self._reports)
        return sales_of(event_id, rows[0], width_ms) if rows else None

    async def stay_sums(self, restaurant_id: str, begins_ms: Sequence[int]) -> StaySums | None:
        if not _is_id(restaurant_id):
            return None
        rows = await self._ask(STAYS, (restaurant_id, list(begins_ms)), self._reports)
        return stay_sums_of(restaurant_id, rows[0], len(begins_ms) - 1) if rows else None

    async def ranking(self, since_ms: int) -> Ranking:
        return ranking_of(await self._ask(RANKING, (since_ms,), self._reports))

    async def tickets(self, event_id: str, reservation_id: str) -> list[FoundTicket]:
        if not (_is_id(event_id) and _is_id(reservation_id)):
            return []
        return [found for _, found in await self._tickets(event_id, [reservation_id], self._links)]

    async def received(
        self, customer: bytes, before: tuple[str, int] | None, limit: int
    ) -> list[ReceivedTicket]:
        rows = await self._ask(RECEIVED, (customer, *(before or (LAST_ID, 0)), limit), self._lists)
        found = [(event_id, ticket_of(row)) for *row, event_id in rows]
        return [
            ReceivedTicket(event_id, one.reservation_id, FoundTicket(one.number, one.ticket, one.contact))
            for event_id, one in found
        ]

    async def dined(self, customer: bytes) -> list[Dined]:
        rows = await self._ask(DINED, (customer, LAST_ID), self._lists)
        return [Dined(id_, restaurant_terms_of(terms), History(*counts)) for id_, terms, *counts in rows]

    async def door(self, event_id: str, after: str | None, limit: int) -> list[FoundTicketed]:
        if not _is_id(event_id):
            return []
        given = {"event_id": event_id, "after": after or FIRST_ID, "limit": limit}
        page = await self._ask(queries.DOOR.sql, queries.DOOR.values(given), self._reports)
        sold = [stored_of(row) for row in page]
        of: dict[str, list[FoundTicket]] = {}
        ids = [stored.reservation.id for stored in sold]
        for reservation_id, found in await self._tickets(event_id, ids, self._reports):
            of.setdefault(reservation_id, []).append(found)
        return [
            FoundTicketed(stored.reservation, stored.contact, tuple(of.get(stored.reservation.id, ())))
            for stored in sold
            if isinstance(stored.reservation, Reservation)
        ]

    async def _tickets(
        self, event_id: str, reservation_ids: list[str], links: Links
    ) -> list[tuple[str, FoundTicket]]:
        given = {"event_id": event_id, "ids": reservation_ids}
        rows = await self._ask(queries.TICKETS_OF.sql, queries.TICKETS_OF.values(given), links)
        tickets = map(ticket_of, rows)
        return [(one.reservation_id, FoundTicket(one.number, one.ticket, one.contact)) for one in tickets]

    async def made_at(self, event_id: str, customer: bytes, at_ms: int) -> list[str]:
        """`at_ms` stands in the first 48 bits of an id."""
        digits = f"{at_ms:012x}"
        time = f"{digits[:8]}-{digits[8:]}"
        bounds = {"first": time + FIRST_ID[len(time) :], "last": time + LAST_ID[len(time) :]}
        rows = await self._fetch(queries.MADE_AT, event_id=event_id, customer=customer, **bounds)
        return [row["id"] for row in rows]

    async def restaurant(self, restaurant_id: str) -> RestaurantReply | None:
        rows = await self._fetch(queries.RESTAURANT, id=restaurant_id) if _is_id(restaurant_id) else []
        return _restaurant_of(rows[0]) if rows else None

    async def restaurants(self, wanted: WantedRestaurants, after: Place | None, limit: int) -> RestaurantPage:
        looked = limit if wanted.free is None else LOOKED_AT_MAX
        rows = await self._ask(*page_of_restaurants(wanted, after, looked + 1), self._lists)
        found = [
            ListedRestaurant(_restaurant_of(row), Place(row["sorted_by"], row["id"])) for row in rows[:looked]
        ]
        last = found[-1].place if len(rows) > looked else None
        if wanted.free is None or not found:
            return RestaurantPage(found, last)
        return await self._in_time(self._with_tables(found, wanted.free, limit, last))

    async def _with_tables(
        self, candidates: list[ListedRestaurant], wish: PartyWish, limit: int, last: Place | None
    ) -> RestaurantPage:
        now_ms = self._clock.now_ms()
        async with self._free_looks:
            taken = await self._ask(TAKEN, asked(candidates, wish, now_ms), self._lists)
            return await asyncio.to_thread(page_with_tables, candidates, taken, wish, limit, now_ms, last)

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
        since_ms, until_ms = within_ms or ALWAYS_MS
        restaurants = await self._fetch(queries.LISTED_OF, id=restaurant_id)
        if not restaurants:
            return []
        stays = queries.STAYS if within_ms is None else queries.STAYS_ON
        if key is not None:
            stays = queries.STAYS_OF
        rows = await self._fetch(
            stays[status],
            key=key,
            event_id=restaurant_id,
            after=after or FIRST_ID,
            limit=limit,
            now_ms=now_ms,
            since_ms=since_ms,
            until_ms=until_ms,
            table_id=table_id,
        )
        return [_found_of(row, restaurant_id, restaurants[0]) for row in rows]

    async def history(self, restaurant_id: str, customer: bytes) -> History:
        """What the customer has done there; nothing, of whoever is not known."""
        return await self._histories.of(restaurant_id, customer)

    async def guests(self, restaurant_id: str, key: bytes, limit: int) -> list[FoundGuest]:
        rows = await self._fetch(queries.FOUND_GUESTS, id=restaurant_id, key=key, limit=limit)
        return [FoundGuest(contact, History(*counts)) for contact, *counts in rows]

    async def availability(self, event_id: str, at_least: int = 0) -> Availability | None:
        """`at_least`: a sequence the client is known to have seen."""
        find = self.availability_row(event_id) if self.copies is None else self.copies.get(event_id, at_least)
        found = await find
        return found if found is not None and found.ticket_types else None

    def watch(self, event_id: str, tell: Callable[[Availability | None], None]) -> Callable[[], None]:
        """Only copies are watched: without them there is nobody who hears of changes."""
        assert self.copies is not None
        return self.copies.watch(event_id, tell)

    async def availability_row(self, event_id: str) -> Availability | None:
        """What the row says: one statement, so the counts are those of the sequence."""
        if not _is_id(event_id):
            return None
        at_ms = self._clock.now_ms()
        for row in await self._fetch(queries.AVAILABILITY, id=event_id):
            types = types_of(row["types"])
            counts = counts_of(row["stage"] or "", row["live"], row["capacity"], types)
            return Availability(event_id, row["seq"], at_ms, counts, draft=row["stage"] == Stage.DRAFT)
        return None

    async def secret(self, name: str) -> bytes:
        """The database's own key of that name. Raises LookupError where the migration made none."""
        if name not in self._secrets:
            rows = await self._fetch(queries.SECRET, name=name)
            if not rows:
                raise LookupError(name)
            self._secrets[name] = rows[0]["value"]
        return self._secrets[name]

    def now_ms(self) -> int:
        return self._clock.now_ms()

    async def ping(self) -> None:
        """Raise StoreError unless PostgreSQL answers."""
        await self._ask("SELECT 1")

    async def close(self) -> None:
        all_of_them = (self._links, self._lists, self._maps, self._reports)
        await asyncio.gather(*(links.close() for links in all_of_them))

    async def _reservations(
        self, links: Links, event_id: str, status: Status | None, after: str | None, limit: int, now_ms: int
    ) -> list[FoundReservation]:
        common = queries.LISTED_OF
        known = common.values({"id": event_id})
        events = await self._ask(common.sql, known, links) if _is_id(event_id) else []
        if not events:
            return []
        query = queries.RESERVATIONS[status]
        given = {"event_id": event_id, "after": after or FIRST_ID, "limit": limit, "now_ms": now_ms}
        rows = await self._ask(query.sql, query.values(given), links)
        return [_found_of(row, event_id, events[0]) for row in rows]

    async def _fetch(self, query: Query, **given: object) -> list[Row]:
        return await self._ask(query.sql, query.values(given))

    async def _ask(self, sql: str, values: Sequence[object] = (), links: Links | None = None) -> list[Row]:
        return await (links or self._links).answer(self._bounds.deadline_ms / 1000, sql, *values)

    async def _in_time(self, reading: Awaitable[Result]) -> Result:
        return await in_time(self._bounds.deadline_ms / 1000, reading)


def _event_of(row: Row) -> EventReply:
    types = types_of(row["types"])
    stage = Stage(row["stage"])
    counts = counts_of(stage, row["live"], row["capacity"], types)
    return EventReply(
        row["id"],
        terms_of(row, types),
        row["version"],
        row["paused"],
        counts,
        stage,
        row["live_reservations"],
    )


def _restaurant_of(row: Row) -> RestaurantReply:
    terms, stage = restaurant_terms_of(row["terms"]), Stage(row["stage"])
    return RestaurantReply(row["id"], terms, row["version"], row["paused"], stage=stage)


def _found_of(row: Row, inventory_id: str, inventory: Row) -> FoundReservation:
    """`inventory`: has its `stage`, and an event's `currency`."""
    stored, stage = stored_of(row), Stage(inventory["stage"])
    if isinstance(stored.reservation, TableReservation):
        return FoundReservation(inventory_id, TableReply(stored.reservation, stored.contact), stage)
    reply = ReservationReply(stored.reservation, inventory["currency"], stored.contact)
    return FoundReservation(inventory_id, reply, stage)


def _is_id(text: str) -> bool:
    """What is no id names nothing, and PostgreSQL need not be asked to find that out."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
