"""Venues in PostgreSQL, made and changed by front ends: each change is one statement.

A change names the version that it was made from, so two operators' changes never mix: the second is decided
again on what the first left, or refused if it said which version it meant. A removed venue's row stays,
marked, and so do its plans: events of it, also those that are long over, can still be read.

Only a removal is a transaction of several, for it looks at events. It locks the venue first, and whoever
makes an event there locks it too (a trigger of `events`): the second of the two sees what the first has done.
"""

# ruff: noqa: S608 - statements are put together from constants of this file only
from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from domain.messages import Code, Rejected
from domain.seat_plan import Plan
from domain.venue import NumberedPlan, PlanSummary, Venue, VenueChange, changed
from domain.venue_time import ASSUMED_DURATION_MS
from persistence.connection import Connection, Limits, Links, QueueLimits, Row, in_time
from persistence.plans import PLAN, decoded_plan, encoded_plan
from persistence.rows import FIRST_ID, scope_id

CONNECTIONS_MAX = 2
WAITING_MAX_STATEMENTS = 100
CHANGE_MAX_TRIES = 5
SCOPE = "venues"
LIMITS = Limits(command_timeout_s=5.0, statement_timeout_s=4.0)

NO_VENUE = Rejected(Code.NOT_FOUND, "There is no such venue.")
IN_USE = Rejected(Code.IN_USE, "A coming event has seats of this venue.")
_STALE = "The venue has changed meanwhile."

_VENUE = """
SELECT v.id::text, v.version, v.created_ms, v.name, v.city, v.address, v.organiser_id,
       p.id::text AS plan_id, p.number, p.seats, p.categories
  FROM venues v LEFT JOIN LATERAL (
       SELECT id, number, seats, categories FROM plans WHERE venue_id = v.id ORDER BY number DESC LIMIT 1
       ) p ON true
 WHERE v.removed_ms IS NULL AND """

VENUE = _VENUE + "v.id = $1"
VENUES = _VENUE + "v.id > $1 ORDER BY v.id LIMIT $2"

_PLANNED = """
planned AS (
  INSERT INTO plans (id, venue_id, number, seats, categories, plan, created_ms)
  SELECT p.id, w.id, p.number, p.seats, p.categories::json, p.plan, p.created_ms
    FROM written w,
         (SELECT $1::uuid AS id, $2::integer AS number, $3::integer AS seats, $4::text AS categories,
                 $5::bytea AS plan, $6::bigint AS created_ms) p
   WHERE p.id IS NOT NULL)
SELECT 1 FROM written"""

CREATE = f"""
WITH recorded AS (
  INSERT INTO requests (request_id, scope, fingerprint, reply, expires_ms)
  SELECT r.*
    FROM (SELECT $12::bytea AS id, $13::uuid, $14::bytea, $15::bytea, $16::bigint) r WHERE r.id IS NOT NULL
  ON CONFLICT DO NOTHING RETURNING 1),
written AS (
  INSERT INTO venues (id, version, created_ms, name, city, address, organiser_id)
  SELECT $7::uuid, 1, $6::bigint, $8::text, $9::text, $10::text, $11::text
   WHERE $12::bytea IS NULL OR EXISTS (SELECT FROM recorded)
  RETURNING id), {_PLANNED}"""
"""No row where the key has made a venue already."""

RECORDED = "SELECT fingerprint, reply FROM requests WHERE request_id = $1 AND scope = $2"

CHANGE = f"""
WITH written AS (
  UPDATE venues SET version = $8, name = $9, city = $10, address = $11
   WHERE id = $7 AND version = $8 - 1 AND removed_ms IS NULL RETURNING id), {_PLANNED}"""

LOCKED = "SELECT version FROM venues WHERE id = $1 AND removed_ms IS NULL FOR UPDATE"
REMOVE = "UPDATE venues SET removed_ms = $2, version = version + 1 WHERE id = $1"

COMING = f"""
SELECT e.id::text FROM events e
 WHERE e.seating ->> 'venue_id' = $1::text AND e.stage <> 'cancelled' AND NOT e.deleted
   AND coalesce(e.ends_at_ms, e.starts_at_ms + {ASSUMED_DURATION_MS}) > $2
 LIMIT 1"""
"""An event that still needs the venue, or has it now. Goes through all events: venues are rarely removed."""

_venues = msgspec.msgpack.Decoder(Venue)
_counts = msgspec.json.Decoder(dict[str, int])


class PostgresVenues:
    """The `Venues` of front ends (see `server.venues`)."""

    def __init__(self, database_url: str, deadline_ms: int = 5_000, key_retention_s: int = 25 * 3600) -> None:
        queue = QueueLimits(WAITING_MAX_STATEMENTS, deadline_ms / 2000)
        self._links = Links(database_url, "turnstile venues", LIMITS, CONNECTIONS_MAX, queue)
        self._deadline_ms = deadline_ms
        self._key_retention_ms = key_retention_s * 1000

    async def venue(self, venue_id: str) -> Venue | None:
        rows = await self._ask(VENUE, venue_id)
        return _venue_of(rows[0]) if rows else None

    async def venues(self, after: str | None, limit: int) -> list[Venue]:
        return [_venue_of(row) for row in await self._ask(VENUES, after or FIRST_ID, limit)]

    async def plan(self, plan_id: str) -> Plan | None:
        rows = await self._ask(PLAN, plan_id)
        return await asyncio.to_thread(decoded_plan, rows[0]["plan"]) if rows else None

    async def create(
        self, venue: Venue, plan: NumberedPlan | None, key: tuple[bytes, bytes] | None
    ) -> Venue | Rejected:
        request_id, fingerprint = key or (None, b"")
        scope = scope_id(SCOPE)
        expires_ms = venue.created_ms + self._key_retention_ms
        recorded = (request_id, scope, fingerprint, msgspec.msgpack.encode(venue), expires_ms)
        written = (venue.id, venue.name, venue.city, venue.address, venue.organiser_id)
        if await self._ask(CREATE, *_plan_row(venue, plan, venue.created_ms), *written, *recorded):
            return venue
        done = (await self._ask(RECORDED, request_id, scope))[0]
        if done["fingerprint"] != fingerprint:
            return Rejected(Code.KEY_REUSED, "This key came with another body.")
        return _venues.decode(done["reply"])

    async def change(
        self, venue_id: str, change: VenueChange, if_version: int | None, now_ms: int
    ) -> Venue | Rejected:
        for _ in range(CHANGE_MAX_TRIES):
            before = await self.venue(venue_id)
            if before is None:
                return NO_VENUE
            if if_version not in (None, before.version):
                return Rejected(Code.STALE, _STALE, {"version": before.version})
            after = changed(before, change)
            if after is before:
                return before
            plan = change.plan if isinstance(change.plan, NumberedPlan) else None
            written = (venue_id, after.version, after.name, after.city, after.address)
            if await self._ask(CHANGE, *_plan_row(after, plan, now_ms), *written):
                return after
        return Rejected(Code.STALE, _STALE)

    async def remove(self, venue_id: str, if_version: int | None, now_ms: int) -> Rejected | None:
        removing = self._links.run(lambda connection: _remove(connection, venue_id, if_version, now_ms))
        return await in_time(self._deadline_ms / 1000, removing)

    async def close(self) -> None:
        await self._links.close()

    async def _ask(self, sql: str, *values: object) -> Sequence[Row]:
        return await self._links.answer(self._deadline_ms / 1000, sql, *values)


async def _remove(
    connection: Connection, venue_id: str, if_version: int | None, now_ms: int
) -> Rejected | None:
    async with connection.transaction():
        rows = await connection.fetch(LOCKED, venue_id)
        if not rows:
            return NO_VENUE
        if if_version not in (None, rows[0]["version"]):
            return Rejected(Code.STALE, _STALE, {"version": rows[0]["version"]})
        if await connection.fetch(COMING, venue_id, now_ms):
            return IN_USE
        await connection.execute(REMOVE, venue_id, now_ms)
    return None


def _plan_row(venue: Venue, plan: NumberedPlan | None, created_ms: int) -> tuple[object, ...]:
    """The parameters $1 to $6. The venue says which number the plan has got."""
    if plan is None or venue.plan is None:
        return None, None, None, None, None, created_ms
    said = venue.plan
    categories = msgspec.json.encode(said.categories).decode()
    return said.id, said.number, said.seats, categories, encoded_plan(plan.plan), created_ms


def _venue_of(row: Row) -> Venue:
    venue_id, version, created_ms, name, city, address, organiser_id, *of_plan = row
    plan_id, number, seats, categories = of_plan
    plan = PlanSummary(plan_id, number, seats, _counts.decode(categories)) if plan_id else None
    return Venue(venue_id, version, created_ms, name, city, address, plan, organiser_id)
