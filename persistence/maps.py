"""What front ends read of inventories to show and watch them: the seats of an event, the tables of a day.

- All seats of an event are one statement over all of its live seats: for 57,000 of them that takes long, and
  a sale changes a few hundred between two readings. So who has read them once reads what has changed since:
  the journal's entries after that sequence name the reservations that something has become of, and their rows
  say what. Both are read in one snapshot, so that the seats are those of the sequence.
- What such facts do not tell (a changed hold: which seats did it have before?), what is too much, and a
  journal that has been dropped meanwhile lead back to reading all.
- The tables of a restaurant's day are found by their times (`table_times`), whose index has each table's
  stretch of time together. Nothing is read of who made a reservation.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from domain.event_messages import (
    EventFact,
    HoldChanged,
    ReservationReduced,
    SeatsBlocked,
    SeatsUnblocked,
    Stage,
    Status,
)
from domain.event_seats import Look, seats_of
from domain.restaurant_messages import RestaurantTerms
from domain.seat_plan import Layout
from domain.views import SeatChanges, SeatStates, TableDay
from persistence.connection import Connection, Links, Row
from persistence.plans import PLAN, laid_out
from persistence.rows import decoded_lines, decoded_numbers, restaurant_terms_of
from persistence.store import Refused
from persistence.table_times import claim_of, ranges_of

APPENDS_MAX = 256
"""Beyond that, all seats are read: less than what a sale appends in a second or two."""
FACTS_MAX = 5_000
LAYOUTS_KEPT_MAX = 16
TERMS_KEPT_MAX = 256

SEATS = """
SELECT i.seq, i.last_fact_ms, e.stage, e.blocked, p.id::text AS plan_id, p.seats, taken.held, taken.sold
  FROM inventories i JOIN events e ON e.id = i.id JOIN plans p ON p.id = (e.seating ->> 'plan_id')::uuid,
       LATERAL (SELECT array_agg(l.seat) FILTER (WHERE r.status IN ('held', 'paying')) AS held,
                       array_agg(l.seat) FILTER (WHERE r.status NOT IN ('held', 'paying')) AS sold
                  FROM live_seats l JOIN reservations r ON r.id = l.reservation_id
                 WHERE l.inventory_id = i.id) AS taken
 WHERE i.id = $1 AND NOT e.deleted"""
"""One statement, so that the seats are those of the sequence."""

FACTS = """
SELECT i.seq, i.last_fact_ms, e.stage,
       ARRAY(SELECT j.facts FROM journal j
              WHERE j.inventory_id = $1 AND j.seq > $2 AND j.at_ms >= $3 AND i.seq - $2 <= $4
              ORDER BY j.seq) AS facts
  FROM inventories i JOIN events e ON e.id = i.id
 WHERE i.id = $1 AND NOT e.deleted"""

TOUCHED = "SELECT status, lines FROM reservations WHERE id = ANY ($1::uuid[])"

TABLES = """
SELECT i.seq, i.last_fact_ms, r.version, r.paused, r.stage,
       CASE WHEN r.version <> $2 THEN r.terms END AS terms,
       ARRAY(SELECT v.lines::text FROM reservations v
              WHERE v.id IN (SELECT t.reservation_id FROM unnest($3::text[]) AS w(during)
                               JOIN table_times t ON t.during && w.during::numrange)) AS taken
  FROM inventories i JOIN restaurants r ON r.id = i.id
 WHERE i.id = $1 AND NOT r.deleted"""

_facts = msgspec.msgpack.Decoder(list[EventFact])
_CHANGES_OF_LINES = (HoldChanged, ReservationReduced)
"""They do not say which seats there were before."""


class Maps:
    """Reads over a few connections of its own, so that nothing else stands behind it."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._layouts: OrderedDict[str, Layout] = OrderedDict()
        """By plan. What an event says of single seats is not in them: it changes no seat's name."""
        self._terms: OrderedDict[str, tuple[int, RestaurantTerms]] = OrderedDict()
        """By restaurant, with their version."""

    async def seats(self, event_id: str) -> SeatStates | None:
        for row in await self._links.fetch(SEATS, event_id):
            return await asyncio.to_thread(seat_states, event_id, row)
        return None

    async def seat_changes(self, known: SeatStates) -> SeatChanges | None:
        """What has become of them since. None: they have to be read all."""
        layout = await self._layout(known.plan_id)
        found = await self._links.run(lambda connection: _since(connection, known))
        if found is None:
            return None
        row, facts, touched = found
        looks = await asyncio.to_thread(looks_after, layout, facts, touched)
        return SeatChanges(row["seq"], row["last_fact_ms"], looks, row["stage"] == Stage.DRAFT)

    async def table_day(self, restaurant_id: str, day: int) -> TableDay | None:
        """Asked again where the terms are not those that the tables were looked for by."""
        while True:
            version, terms = self._terms.get(restaurant_id, (0, None))
            ranges = [] if terms is None else ranges_of(terms, day)
            rows = await self._links.fetch(TABLES, restaurant_id, version, ranges)
            if not rows:
                return None
            row = rows[0]
            if terms is not None and row["version"] == version:
                taken = tuple(claim_of(str(number), text) for number, text in enumerate(row["taken"]))
                at = row["seq"], row["last_fact_ms"]
                stage = Stage(row["stage"])
                return TableDay(restaurant_id, *at, terms, version, row["paused"], stage, day, taken)
            _keep(
                self._terms,
                restaurant_id,
                (row["version"], restaurant_terms_of(row["terms"])),
                TERMS_KEPT_MAX,
            )

    async def close(self) -> None:
        await self._links.close()

    async def _layout(self, plan_id: str) -> Layout:
        kept = self._layouts.get(plan_id)
        if kept is None:
            rows = await self._links.fetch(PLAN, plan_id)
            if not rows:
                raise Refused(f"there is no plan {plan_id}")
            kept = await asyncio.to_thread(laid_out, rows[0]["plan"])
            _keep(self._layouts, plan_id, kept, LAYOUTS_KEPT_MAX)
        return kept


def _keep(kept: OrderedDict[str, Any], key: str, value: object, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)


# --- seats ----------------------------------------------------------------------------------------


async def _since(connection: Connection, known: SeatStates) -> tuple[Row, list[EventFact], list[Row]] | None:
    """The event's row, the facts since, and the reservations that these are about; None: read it all."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch(FACTS, known.event_id, known.sequence, known.at_ms, APPENDS_MAX)
        if not rows or len(rows[0]["facts"]) != rows[0]["seq"] - known.sequence:
            return None
        facts = [fact for entry in rows[0]["facts"] for fact in _facts.decode(entry)]
        if len(facts) > FACTS_MAX or any(
            isinstance(fact, HoldChanged | ReservationReduced) for fact in facts
        ):
            return None
        ids = {fact.reservation_id for fact in facts if hasattr(fact, "reservation_id")}
        return rows[0], facts, await connection.fetch(TOUCHED, list(ids)) if ids else []


def looks_after(
    layout: Layout, facts: Iterable[EventFact], touched: Sequence[Mapping[str, Any]]
) -> dict[int, int]:
    """How the seats look that the facts are about: first those that ended reservations had, then what was
    blocked or unblocked, and over it all what live ones have. A live one's seat is nobody else's."""
    looks: dict[str, Look] = {}
    live: dict[str, Look] = {}
    for row in touched:
        status = Status(row["status"])
        look = Look.HELD if status.on_hold else Look.SOLD
        for name in seats_of(decoded_lines(row["lines"])):
            if status.live:
                live[name] = look
            else:
                looks[name] = Look.FREE
    for fact in facts:
        if isinstance(fact, SeatsBlocked | SeatsUnblocked):
            looks |= dict.fromkeys(fact.seats, Look.BLOCKED if isinstance(fact, SeatsBlocked) else Look.FREE)
    numbered = ((layout.number_of(name), look) for name, look in (looks | live).items())
    return {number: look.value for number, look in numbered if number is not None}


def seat_states(event_id: str, row: Mapping[str, Any]) -> SeatStates:
    """Of a row of `SEATS`."""
    states = bytearray(row["seats"])
    for look, numbers in (
        (Look.HELD, row["held"]),
        (Look.SOLD, row["sold"]),
        (Look.BLOCKED, decoded_numbers(row["blocked"])),
    ):
        for number in numbers or ():
            states[number] = look
    hidden = row["stage"] == Stage.DRAFT
    return SeatStates(event_id, row["seq"], row["plan_id"], bytes(states), hidden, row["last_fact_ms"])
