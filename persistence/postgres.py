"""An owner's way to PostgreSQL: one connection to look up and append on, a second for claiming and loading.

The second is opened when something is claimed for the first time, so that neither a claim that waits for a
former owner's append nor the load of a large inventory, page by page, ever stands before another's append.

`claim` is an UPDATE: it waits for an append of the former owner that is under way, and any later one finds
another epoch. Only then, in statements of their own, is anything loaded: a statement that waited would
still see the other relations as they were before it waited.
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping

from domain.event_messages import EventDefinition, Stage
from domain.kinds import Definition
from domain.restaurant_messages import RestaurantDefinition
from domain.seat_plan import Layout, Overrides
from persistence.append import append_statement, create_statement
from persistence.connection import Limits, Link, Row
from persistence.plans import PLAN, laid_out
from persistence.rows import (
    NOW,
    TERMS_COLUMNS,
    TICKET_COLUMNS,
    TYPES_JSON,
    decoded_numbers,
    restaurant_terms_of,
    scope_id,
    stored_columns,
    stored_of,
    terms_of,
    ticket_of,
    types_of,
)
from persistence.store import Append, Claimed, Elsewhere, Refused, Request, Stored, StoredTicket

CLAIM = """
UPDATE inventories SET epoch = epoch + 1, claimant = $4
 WHERE id = $1 AND owner = $2 AND ($3::bigint IS NULL OR epoch = $3 OR claimant IS NULL OR claimant = $4)
RETURNING kind, epoch, seq, last_fact_ms"""

OWNER = "SELECT owner FROM inventories WHERE id = $1"

EVENT = f"""
SELECT e.version, e.paused, e.stage, e.blocked, e.deleted, {", ".join(f"e.{name}" for name in TERMS_COLUMNS)},
       i.capacity, {TYPES_JSON} AS types
  FROM events e JOIN inventories i USING (id) WHERE i.id = $1"""

TICKETED = "SELECT EXISTS (SELECT FROM tickets WHERE inventory_id = $1)"
TICKETS = f"""
SELECT {", ".join(TICKET_COLUMNS)} FROM tickets
 WHERE (inventory_id, reservation_id, number)
       > ($1, coalesce($2::uuid, '00000000-0000-0000-0000-000000000000'), $3::int)
   AND inventory_id = $1
 ORDER BY inventory_id, reservation_id, number LIMIT $4"""

RESTAURANT = "SELECT version, paused, stage, deleted, terms FROM restaurants WHERE id = $1"
LAYOUTS_KEPT_MAX = 32

LIVE = f"""
SELECT {stored_columns()} FROM reservations
 WHERE (inventory_id, live, id) > ($1, true, coalesce($2::uuid, '00000000-0000-0000-0000-000000000000'))
   AND (inventory_id, live, id) < ($1, true, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
 ORDER BY reservations.inventory_id, reservations.live, reservations.id LIMIT $3"""
"""Compared and ordered as one key, so that no plan walks through all reservations by id instead."""

ENDED = f"SELECT {stored_columns()} FROM reservations WHERE id = ANY ($2::uuid[]) AND inventory_id = $1"

RECORDED = """
SELECT w.n, r.fingerprint, r.reply, r.expires_ms
  FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS w(scope, request_id, n)
  JOIN requests r USING (request_id, scope)"""


class PostgresOwnerStore:
    """An `OwnerStore`. Opens its connections when they are needed, again after they were lost."""

    def __init__(self, database_url: str, name: str = "owner", limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self._claimant = str(uuid.uuid4())
        self._layouts: dict[tuple[str, Overrides], Layout] = {}
        """By plan, as it is and with what events say of single seats."""
        self._laying_out = asyncio.Lock()
        self._link = Link(database_url, f"turnstile {name}", limits)
        self._loading = Link(database_url, f"turnstile {name} loading", limits)

    async def now_ms(self) -> int:
        return int((await self._link.fetch(NOW))[0][0])

    async def claim(
        self, inventory_id: str, owner: str, held_epoch: int | None = None
    ) -> Claimed | Elsewhere:
        rows = await self._loading.fetch(CLAIM, inventory_id, owner, held_epoch, self._claimant)
        if not rows:
            owners = await self._loading.fetch(OWNER, inventory_id)
            return Elsewhere(inventory_id, owners[0]["owner"] if owners else None)
        row = rows[0]
        definition = await self._definition(row["kind"], inventory_id)
        layout = await self._layout(definition)
        ticketed = row["kind"] == "event" and (await self._loading.fetch(TICKETED, inventory_id))[0][0]
        fence = row["epoch"], row["seq"], row["last_fact_ms"]
        return Claimed(inventory_id, row["kind"], *fence, definition, layout, ticketed)

    async def live(self, inventory_id: str, after: str | None, limit: int) -> list[Stored]:
        rows = await self._loading.fetch(LIVE, inventory_id, after, limit)
        return [stored_of(row) for row in rows]

    async def tickets(
        self, inventory_id: str, after: tuple[str, int] | None, limit: int
    ) -> list[StoredTicket]:
        reservation_id, number = after or (None, 0)
        rows = await self._loading.fetch(TICKETS, inventory_id, reservation_id, number, limit)
        return [ticket_of(row) for row in rows]

    async def ended(self, inventory_id: str, reservation_ids: list[str]) -> list[Stored]:
        rows = await self._link.fetch(ENDED, inventory_id, reservation_ids)
        return [stored_of(row) for row in rows]

    async def recorded(self, wanted: list[tuple[str, bytes]]) -> dict[tuple[str, bytes], Request]:
        scopes = [scope_id(scope) for scope, _ in wanted]
        request_ids = [request_id for _, request_id in wanted]
        found = {}
        for n, fingerprint, reply, expires_ms in await self._link.fetch(RECORDED, scopes, request_ids):
            place = wanted[n - 1]
            found[place] = Request(place[1], fingerprint, reply, expires_ms)
        return found

    async def append(self, batch: list[Append]) -> set[str]:
        ordered = sorted(batch, key=_by_id) if len(batch) > 1 else batch
        writing = [entry for entry in ordered if entry.facts]
        asking = [entry for entry in ordered if not entry.facts]
        sql, columns = append_statement(writing, asking)
        rows = await self._link.fetch(sql, *columns)
        return {(writing[n - 1] if n > 0 else asking[-n - 1]).inventory_id for (n,) in rows}

    async def create(self, entry: Append, owner: str, scope: str) -> bool:
        if len(entry.requests) > 1 or entry.placed or entry.changed or entry.definition is None:
            raise Refused("a new inventory has a definition, no reservations and at most one request")
        sql, columns = create_statement(entry, owner, scope)
        return bool(await self._link.fetch(sql, *columns))

    async def close(self) -> None:
        await self._link.close()
        await self._loading.close()

    async def _definition(self, kind: str, inventory_id: str) -> Definition:
        sql, definition_of = DEFINITIONS[kind]
        rows = await self._loading.fetch(sql, inventory_id)
        if not rows:
            raise Refused(f"inventory {inventory_id} has no definition")
        return definition_of(rows[0])

    async def _layout(self, definition: Definition) -> Layout | None:
        """All events of this owner that have the same seats share one. Events of one plan that are claimed
        together do not all lay it out."""
        seating = definition.terms.seating if isinstance(definition, EventDefinition) else None
        if seating is None:
            return None
        async with self._laying_out:
            layout = self._layouts.get((seating.plan_id, ())) or await self._laid_out(seating.plan_id)
            key = seating.plan_id, seating.overrides
            if key not in self._layouts:
                self._keep(key, await asyncio.to_thread(layout.recategorised, seating.overrides))
            return self._layouts[key]

    async def _laid_out(self, plan_id: str) -> Layout:
        rows = await self._loading.fetch(PLAN, plan_id)
        if not rows:
            raise Refused(f"there is no plan {plan_id}")
        layout = await asyncio.to_thread(laid_out, rows[0]["plan"])
        self._keep((plan_id, ()), layout)
        return layout

    def _keep(self, key: tuple[str, Overrides], layout: Layout) -> None:
        if len(self._layouts) >= LAYOUTS_KEPT_MAX:
            del self._layouts[next(iter(self._layouts))]
        self._layouts[key] = layout


def _event(row: Row) -> EventDefinition:
    terms, blocked = terms_of(row, types_of(row["types"])), decoded_numbers(row["blocked"])
    stage = Stage(row["stage"])
    return EventDefinition(terms, row["version"], row["paused"], stage, blocked, row["deleted"])


def _restaurant(row: Row) -> RestaurantDefinition:
    terms, stage = restaurant_terms_of(row["terms"]), Stage(row["stage"])
    return RestaurantDefinition(terms, row["version"], row["paused"], stage, row["deleted"])


DEFINITIONS: Mapping[str, tuple[str, Callable[[Row], Definition]]] = {
    "event": (EVENT, _event),
    "restaurant": (RESTAURANT, _restaurant),
}
"""By kind: how what its operator has decided is loaded."""


def _by_id(entry: Append) -> str:
    return entry.inventory_id
