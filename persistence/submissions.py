"""Submissions in PostgreSQL: accepted by front ends, taken and answered by their submitters.

- A submission is one row, unique by request id and inventory: the same Idempotency-Key meets the same one.
- `take` gives rows away for the time of a lease, in the order in which they were accepted. A lease only saves
  work: when one ends too early, two submitters put the same request id, which has one effect.
- An effect and a rejection exclude each other by the key of `requests`. An effect is recorded there by its
  owner's append, a rejection by `settle`, in the statement that ends the submission: who comes second finds
  the key taken. If that is the rejection, the submission stays pending and is put again, and the owner then
  answers with the effect that it finds on record.
- What a command says of its customer is forgotten as soon as there is an answer, but the key by which the
  account of that e-mail may look: a reservation's contact is in the reservation's own row.

The bounds on what is pending count rows that others are committing meanwhile as they come: they may be passed
by as many as are written in that moment.
"""

# ruff: noqa: S608 - statements are put together from constants of this file only
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from domain.messages import Code, Rejected
from domain.submission import Done, Final, Found, Standing, Submission, Submitted, Taken
from persistence.connection import Limits, Links, QueueLimits, Row
from persistence.rows import NOW

CONNECTIONS_MAX = 2
WAITING_MAX_STATEMENTS = 1_000
LIMITS = Limits(command_timeout_s=5.0, statement_timeout_s=4.0)

NO_INVENTORY = Rejected(Code.NOT_FOUND, "There is nothing to be reserved there.")
KEY_REUSED = Rejected(Code.KEY_REUSED, "This Idempotency-Key was used for another request.")
FULL = Rejected(Code.OVERLOADED, "Too much is pending; nothing happened.", {"retry_after_s": 1})

_HIDDEN = """EXISTS (
       SELECT FROM (SELECT id, stage, deleted FROM events
                    UNION ALL SELECT id, stage, deleted FROM restaurants) h
        WHERE h.id = i.id AND (h.deleted OR (h.stage = 'draft' AND {guest}::boolean)))"""
"""Of a draft guests are told as of what is not there."""
ACCEPT = f"""
INSERT INTO submissions (id, inventory_id, request_id, fingerprint, command, status, created_ms, expires_ms,
                         leased_until_ms, attempts, customer)
SELECT $1::uuid, i.id, $4::bytea, $5::bytea, $6::bytea, 'pending', now.ms, now.ms + $7::bigint, 0, 0,
       $10::bytea
  FROM inventories i, ({NOW} AS ms) now
 WHERE i.id = $2 AND i.kind = $3
   AND (SELECT count(*) FROM (SELECT FROM submissions WHERE status = 'pending' LIMIT $8) p) < $8
   AND (SELECT count(*) FROM (SELECT FROM submissions WHERE status = 'pending' AND inventory_id = $2
                               LIMIT $9) q) < $9
   AND NOT EXISTS (SELECT FROM requests r WHERE r.request_id = $4 AND r.scope = $2 AND r.fingerprint <> $5)
   AND (EXISTS (SELECT FROM requests r WHERE r.request_id = $4 AND r.scope = $2)
        OR NOT {_HIDDEN.format(guest="$11")})
ON CONFLICT (request_id, inventory_id) DO NOTHING
RETURNING id::text"""

REFUSED = f"""
SELECT i.kind, s.id::text, s.fingerprint AS submitted, r.fingerprint AS done,
       {_HIDDEN.format(guest="$3")} AS hidden
  FROM inventories i
  LEFT JOIN submissions s ON s.request_id = $1 AND s.inventory_id = i.id
  LEFT JOIN requests r ON r.request_id = $1 AND r.scope = i.id
 WHERE i.id = $2"""
"""Why `ACCEPT` made no row."""

FIND = """
SELECT id::text, inventory_id::text, status, reservation_id::text, rejection, customer
  FROM submissions WHERE id = $1"""

TAKE = f"""
WITH wanted AS (
  SELECT id FROM submissions WHERE status = 'pending' AND leased_until_ms <= ({NOW})
   ORDER BY number LIMIT $1 FOR UPDATE SKIP LOCKED)
UPDATE submissions s SET leased_until_ms = ({NOW}) + $2, attempts = s.attempts + 1
  FROM wanted w WHERE s.id = w.id
RETURNING s.number, s.id::text, s.inventory_id::text, s.command, s.request_id, s.fingerprint, s.attempts,
          ({NOW}) - s.created_ms AS age_ms"""

STILL_PENDING = "status NOT IN ('done', 'rejected')"
"""Of one that is known by its id. Said as those indexes say it that are of what is pending, a plan that is
made while there is nothing looks for it among all that is."""

SETTLE = f"""
WITH answered AS (
  SELECT s.id, s.request_id, s.inventory_id, s.fingerprint, g.reservation_id, g.rejection, g.recorded,
         ({NOW}) + $5 AS expires_ms
    FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::boolean[])
           AS g(id, reservation_id, rejection, recorded)
    JOIN submissions s ON s.id = g.id
   WHERE s.{STILL_PENDING} ORDER BY s.id FOR UPDATE OF s),
recorded AS (
  INSERT INTO requests (request_id, scope, fingerprint, reply, expires_ms)
  SELECT request_id, inventory_id, fingerprint, rejection, expires_ms FROM answered WHERE recorded
  ON CONFLICT DO NOTHING RETURNING request_id, scope)
UPDATE submissions s
   SET status = CASE WHEN a.rejection IS NULL THEN 'done' ELSE 'rejected' END, command = '',
       reservation_id = a.reservation_id, rejection = a.rejection, expires_ms = a.expires_ms
  FROM answered a
 WHERE s.id = a.id
   AND (NOT a.recorded OR EXISTS (SELECT FROM recorded r
                                   WHERE r.request_id = a.request_id AND r.scope = a.inventory_id))
RETURNING s.id::text"""

POSTPONE = f"""
UPDATE submissions s SET leased_until_ms = ({NOW}) + g.pause_ms
  FROM unnest($1::uuid[], $2::bigint[]) AS g(id, pause_ms) WHERE s.id = g.id AND s.{STILL_PENDING}"""

_commands = msgspec.msgpack.Decoder(Submitted)
_rejections = msgspec.msgpack.Decoder(Rejected)
_encode = msgspec.msgpack.Encoder().encode


@dataclass(slots=True, frozen=True)
class PendingBounds:
    """How many submissions may be pending, in all and of one inventory."""

    pending_max: int = 10_000
    pending_per_inventory_max: int = 2_000


class PostgresSubmissions:
    """What front ends ask of submissions (`server.submissions`), and their submitters (`actors.submitter`).

    `on_accepted` is called for each new one: there is something to take.
    """

    def __init__(
        self,
        database_url: str,
        bounds: PendingBounds | None = None,
        deadline_ms: int = 5_000,
        key_retention_s: int = 25 * 3600,
    ) -> None:
        self.on_accepted: Callable[[], None] = _nobody_takes
        self._bounds = bounds or PendingBounds()
        self._deadline_ms = deadline_ms
        self._retention_ms = key_retention_s * 1000
        queue = QueueLimits(WAITING_MAX_STATEMENTS, deadline_ms / 2000)
        self._links = Links(database_url, "turnstile submissions", LIMITS, CONNECTIONS_MAX, queue)
        self._taking = Links(database_url, "turnstile submitter", LIMITS, 1)

    async def accept(self, new: Submission) -> str | Rejected:
        """The id of the submission, once it is durable: this one, or the one that its key made before."""
        bounds = self._bounds
        named = (new.id, new.inventory_id, new.kind, new.request_id, new.fingerprint, _encode(new.command))
        rows = await self._ask(
            ACCEPT,
            *named,
            self._retention_ms,
            bounds.pending_max,
            bounds.pending_per_inventory_max,
            new.command.customer,
            new.command.guest,
        )
        if rows:
            self.on_accepted()
            return new.id
        rows = await self._ask(REFUSED, new.request_id, new.inventory_id, new.command.guest)
        return _refused(new, rows[0] if rows else {"kind": None})

    async def find(self, submission_id: str) -> Found | None:
        for id_, inventory_id, status, reservation_id, rejection, customer in await self._ask(
            FIND, submission_id
        ):
            said = None if rejection is None else _rejections.decode(rejection)
            return Found(id_, inventory_id, Standing(status), reservation_id, said, customer)
        return None

    async def take(self, limit: int, lease_ms: int) -> list[Taken]:
        """The next ones, in the order of their acceptance; nobody else is given them within the lease."""
        rows = await self._taking.fetch(TAKE, limit, lease_ms)
        return [_taken(row) for row in sorted(rows, key=_number)]

    async def settle(self, answers: Sequence[tuple[str, Done | Final]]) -> set[str]:
        """End these submissions; the ids of those that have ended so. Of the others something is on record
        under their request id already, or they have ended before."""
        columns = [
            [id_ for id_, _ in answers],
            [answer.reservation_id if isinstance(answer, Done) else None for _, answer in answers],
            [_encode(answer.rejection) if isinstance(answer, Final) else None for _, answer in answers],
            [isinstance(answer, Final) and answer.recorded for _, answer in answers],
        ]
        return {row["id"] for row in await self._taking.fetch(SETTLE, *columns, self._retention_ms)}

    async def postpone(self, pauses_ms: Sequence[tuple[str, int]]) -> None:
        """Give those that are still pending back: they are taken again after their pauses."""
        ids, pauses = [id_ for id_, _ in pauses_ms], [pause_ms for _, pause_ms in pauses_ms]
        await self._taking.fetch(POSTPONE, ids, pauses)

    async def close(self) -> None:
        await self._links.close()
        await self._taking.close()

    async def _ask(self, sql: str, *values: object) -> Sequence[Row]:
        return await self._links.answer(self._deadline_ms / 1000, sql, *values)


def _refused(new: Submission, row: Mapping[str, object]) -> str | Rejected:
    """What was there already, or why there was no room for it."""
    if row["kind"] != new.kind:
        return NO_INVENTORY
    if row["id"] is not None:
        return str(row["id"]) if row["submitted"] == new.fingerprint else KEY_REUSED
    if row["done"] not in (None, new.fingerprint):
        return KEY_REUSED
    return NO_INVENTORY if row["hidden"] and row["done"] is None else FULL


def _taken(row: Row) -> Taken:
    _, id_, inventory_id, command, request_id, fingerprint, attempts, age_ms = row
    return Taken(id_, inventory_id, _command(command), request_id, fingerprint, attempts, age_ms)


def _command(encoded: bytes) -> Submitted | None:
    try:
        command: Submitted = _commands.decode(encoded)
    except msgspec.DecodeError:
        return None
    return command


def _number(row: Row) -> int:
    return int(row["number"])


def _nobody_takes() -> None:
    """Until there is a submitter in this process."""
