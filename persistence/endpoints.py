"""Webhook endpoints in PostgreSQL, made and changed by front ends, and the log of what was told to each.

Each change is one statement, of the version that it names; a removed endpoint's row stays, marked, and so
does its log, as long as deliveries are kept. Making one counts those that there are as it comes: two at once
may pass the bound by one.
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.endpoints import (
    ENDPOINTS_MAX,
    KEY_NAME,
    OLD_SECRET_LIFE_MS,
    Delivery,
    DeliveryStatus,
    Endpoint,
    EndpointChange,
)
from domain.messages import Code, Rejected
from persistence.connection import Limits, Links, QueueLimits, Row
from persistence.endpoint_rows import DELIVERY, ENDPOINT, delivery_of, encoded_kinds, endpoint_of
from persistence.rows import FIRST_ID, LAST_ID, NOW, scope_id

CONNECTIONS_MAX = 1
WAITING_MAX_STATEMENTS = 100
SCOPE = "webhook endpoints"
LIMITS = Limits(command_timeout_s=5.0, statement_timeout_s=4.0)
REPLAY_MAX_DELIVERIES = 10_000
"""In one statement."""
NEWEST = (2**62, LAST_ID)
BY_OPERATOR = "by the operator"

NO_ENDPOINT = Rejected(Code.NOT_FOUND, "There is no such endpoint.")
KEY_REUSED = Rejected(Code.KEY_REUSED, "This key came with another body.")
_FULL = {"limit": ENDPOINTS_MAX, "requested": ENDPOINTS_MAX + 1}
FULL = Rejected(Code.LIMIT_EXCEEDED, f"There are {ENDPOINTS_MAX} endpoints already.", {**_FULL})

CREATE = f"""
WITH room AS (
  SELECT FROM webhook_endpoints WHERE removed_ms IS NULL AND organiser_id IS NOT DISTINCT FROM $5::uuid
  HAVING count(*) < {ENDPOINTS_MAX}),
recorded AS (
  INSERT INTO requests (request_id, scope, fingerprint, reply, expires_ms)
  SELECT r.* FROM (SELECT $7::bytea AS id, $8::uuid, $9::bytea, $10::bytea, $11::bigint) r, room
   WHERE r.id IS NOT NULL
  ON CONFLICT DO NOTHING RETURNING 1)
INSERT INTO webhook_endpoints (id, url, kinds, inventory_id, organiser_id, description, generation,
                               old_secret_until_ms, version, created_ms, failures)
SELECT $1::uuid, $2::text, $3::json, $4::uuid, $5::uuid, $6::text, 1, 0, 1, $12::bigint, 0 FROM room
 WHERE $7::bytea IS NULL OR EXISTS (SELECT FROM recorded)
RETURNING {ENDPOINT}"""
RECORDED = "SELECT fingerprint, reply FROM requests WHERE request_id = $1 AND scope = $2"

_THERE = "removed_ms IS NULL"
FIND = f"SELECT {ENDPOINT} FROM webhook_endpoints WHERE id = $1 AND {_THERE}"
PAGE = f"""
SELECT {ENDPOINT} FROM webhook_endpoints
 WHERE id > $1 AND {_THERE} AND ($3::uuid IS NULL OR organiser_id = $3::uuid) ORDER BY id LIMIT $2"""
_OF_VERSION = f"id = $1 AND version = coalesce($2, version) AND {_THERE}"
CHANGE = f"""
UPDATE webhook_endpoints
   SET url = coalesce($3, url), kinds = coalesce($4::json, kinds), description = coalesce($5, description),
       version = version + 1
 WHERE {_OF_VERSION} RETURNING {ENDPOINT}"""
REMOVE = f"UPDATE webhook_endpoints SET removed_ms = ({NOW}) WHERE {_OF_VERSION} RETURNING {ENDPOINT}"
PAUSE = f"""
UPDATE webhook_endpoints
   SET paused_ms = coalesce(paused_ms, ({NOW})), pause_reason = coalesce(pause_reason, '{BY_OPERATOR}')
 WHERE id = $1 AND {_THERE} RETURNING {ENDPOINT}"""
RESUME = f"""
WITH due AS (
  UPDATE webhook_deliveries SET due_ms = least(due_ms, ({NOW})) WHERE endpoint_id = $1 AND status = 'pending')
UPDATE webhook_endpoints SET paused_ms = NULL, pause_reason = NULL, failures = 0, failing_since_ms = NULL
 WHERE id = $1 AND {_THERE} RETURNING {ENDPOINT}"""
"""What waits for its next attempt is due at once."""
ROTATE = f"""
WITH there AS (
  SELECT id AS there_id, generation + 1 AS next FROM webhook_endpoints WHERE {_OF_VERSION} FOR UPDATE),
recorded AS (
  INSERT INTO requests (request_id, scope, fingerprint, reply, expires_ms)
  SELECT $3::bytea, $4::uuid, $5::bytea, int4send(next), ({NOW}) + $6::bigint FROM there
   WHERE $3::bytea IS NOT NULL
  ON CONFLICT DO NOTHING RETURNING 1)
UPDATE webhook_endpoints
   SET generation = next, old_secret_until_ms = ({NOW}) + {OLD_SECRET_LIFE_MS}, version = version + 1
  FROM there WHERE id = there_id AND ($3::bytea IS NULL OR EXISTS (SELECT FROM recorded))
RETURNING {ENDPOINT}"""

LOG = f"""
SELECT {", ".join(f"d.{column.strip()}" for column in DELIVERY.split(","))}
  FROM unnest($2::text[]) AS s(status)
 CROSS JOIN LATERAL (
       SELECT * FROM webhook_deliveries
        WHERE endpoint_id = $1 AND status = s.status AND (created_ms, id) < ($3, $4::uuid)
        ORDER BY created_ms DESC, id DESC LIMIT $5) d
 ORDER BY d.created_ms DESC, d.id DESC LIMIT $5"""
ONE = f"SELECT {DELIVERY}, body FROM webhook_deliveries WHERE endpoint_id = $1 AND id = $2"
_AGAIN = f"status = 'pending', attempts = 0, ended_ms = NULL, due_ms = ({NOW})"
REPLAY = f"""
UPDATE webhook_deliveries SET {_AGAIN} WHERE endpoint_id = $1 AND id = $2 AND status <> 'pending'
RETURNING {DELIVERY}, body"""
REPLAY_DEAD = f"""
UPDATE webhook_deliveries SET {_AGAIN}
 WHERE id IN (SELECT id FROM webhook_deliveries WHERE endpoint_id = $1 AND status = 'dead'
               ORDER BY created_ms, id LIMIT $2)
RETURNING 1"""

_endpoints = msgspec.msgpack.Decoder(Endpoint)


class PostgresEndpoints:
    """The `Endpoints` of front ends (see `server.endpoints`)."""

    def __init__(self, database_url: str, deadline_ms: int = 5_000, key_retention_s: int = 25 * 3600) -> None:
        queue = QueueLimits(WAITING_MAX_STATEMENTS, deadline_ms / 2000)
        self._links = Links(database_url, "turnstile webhook endpoints", LIMITS, CONNECTIONS_MAX, queue)
        self._deadline_s = deadline_ms / 1000
        self._key_retention_ms = key_retention_s * 1000

    async def secrets_key(self) -> bytes:
        """What endpoints' secrets are made of."""
        return bytes((await self._ask("SELECT value FROM secrets WHERE name = $1", KEY_NAME))[0]["value"])

    async def create(self, new: Endpoint, key: tuple[bytes, bytes] | None) -> Endpoint | Rejected:
        request_id, fingerprint = key or (None, b"")
        scope, expires_ms = scope_id(SCOPE), new.created_ms + self._key_retention_ms
        wanted = (new.id, new.url, encoded_kinds(new.kinds), new.inventory_id, new.organiser_id)
        recorded = (request_id, scope, fingerprint, msgspec.msgpack.encode(new), expires_ms)
        if rows := await self._ask(CREATE, *wanted, new.description, *recorded, new.created_ms):
            return endpoint_of(rows[0])
        done = await self._ask(RECORDED, request_id, scope) if key else ()
        if not done:
            return FULL
        return _endpoints.decode(done[0]["reply"]) if done[0]["fingerprint"] == fingerprint else KEY_REUSED

    async def find(self, endpoint_id: str) -> Endpoint | None:
        rows = await self._ask(FIND, endpoint_id)
        return endpoint_of(rows[0]) if rows else None

    async def page(self, after: str | None, limit: int, organiser_id: str | None = None) -> list[Endpoint]:
        """The next ones by id, all or an organiser's."""
        rows = await self._ask(PAGE, after or FIRST_ID, limit, organiser_id)
        return [endpoint_of(row) for row in rows]

    async def change(
        self, endpoint_id: str, change: EndpointChange, if_version: int | None
    ) -> Endpoint | Rejected:
        kinds = None if change.kinds is None else encoded_kinds(change.kinds)
        return await self._changed(CHANGE, endpoint_id, if_version, change.url, kinds, change.description)

    async def remove(self, endpoint_id: str, if_version: int | None) -> Rejected | None:
        removed = await self._changed(REMOVE, endpoint_id, if_version)
        return removed if isinstance(removed, Rejected) else None

    async def rotate(
        self, endpoint_id: str, if_version: int | None, key: tuple[bytes, bytes] | None
    ) -> Endpoint | Rejected:
        """With the next secret, or the one that the key made before; the old one signs too for a day."""
        request_id, fingerprint = key or (None, b"")
        scope = scope_id(SCOPE)
        recorded = (request_id, scope, fingerprint, self._key_retention_ms)
        rotated = await self._changed(ROTATE, endpoint_id, if_version, *recorded)
        done = await self._ask(RECORDED, request_id, scope) if key and isinstance(rotated, Rejected) else ()
        if not done:
            return rotated
        if done[0]["fingerprint"] != fingerprint:
            return KEY_REUSED
        present = await self.find(endpoint_id)
        generation = int.from_bytes(done[0]["reply"], "big")
        return NO_ENDPOINT if present is None else msgspec.structs.replace(present, generation=generation)

    async def pause(self, endpoint_id: str) -> Endpoint | None:
        rows = await self._ask(PAUSE, endpoint_id)
        return endpoint_of(rows[0]) if rows else None

    async def resume(self, endpoint_id: str) -> Endpoint | None:
        rows = await self._ask(RESUME, endpoint_id)
        return endpoint_of(rows[0]) if rows else None

    async def log(
        self, endpoint_id: str, status: DeliveryStatus | None, after: tuple[int, str] | None, limit: int
    ) -> list[Delivery]:
        """The newest first, without their bodies, beginning after (created, id)."""
        statuses = [status] if status else list(DeliveryStatus)
        names = [one.value for one in statuses]
        return [
            delivery_of(row) for row in await self._ask(LOG, endpoint_id, names, *(after or NEWEST), limit)
        ]

    async def delivery(self, endpoint_id: str, delivery_id: str) -> Delivery | None:
        """One, with its body."""
        rows = await self._ask(ONE, endpoint_id, delivery_id)
        return delivery_of(rows[0]) if rows else None

    async def replay(self, endpoint_id: str, delivery_id: str) -> Delivery | None:
        """Send one that has ended again, with all of its attempts before it; None where there is none."""
        rows = await self._ask(REPLAY, endpoint_id, delivery_id)
        return delivery_of(rows[0]) if rows else None

    async def replay_dead(self, endpoint_id: str) -> int:
        """The same of all that are dead; how many those were."""
        replayed = 0
        while rows := await self._ask(REPLAY_DEAD, endpoint_id, REPLAY_MAX_DELIVERIES):
            replayed += len(rows)
        return replayed

    async def close(self) -> None:
        await self._links.close()

    async def _changed(
        self, sql: str, endpoint_id: str, if_version: int | None, *values: object
    ) -> Endpoint | Rejected:
        if rows := await self._ask(sql, endpoint_id, if_version, *values):
            return endpoint_of(rows[0])
        there = await self.find(endpoint_id)
        if there is None:
            return NO_ENDPOINT
        return Rejected(Code.STALE, "The endpoint has changed meanwhile.", {"version": there.version})

    async def _ask(self, sql: str, *values: object) -> Sequence[Row]:
        return await self._links.answer(self._deadline_s, sql, *values)
