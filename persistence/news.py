"""The journal read as an outbox: what has been appended since it was read last, inventory by inventory.

The journal has no order of commits over all inventories: a row of an earlier time can become visible after
one of a later time, and then a reader that remembers "the last one seen" has lost it. But each inventory's
appends are numbered without gaps, each commits only after the one before it (the fence), and
`inventories.seq` is their number in the same transaction. So a reader remembers one number for each
inventory (`outbox_positions.seq`), and whatever has a greater `inventories.seq` has news. No clock is in
it, nothing can be overtaken, and an append writes nothing for it.

`LOOK` compares all inventories, at 1 to 3 us each; who asks rests in proportion (`actors.news.follower`).

A position moves in the statement that writes the mails and the deliveries which follow, and only from where
it was: of two who have read the same, one writes.
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field

import msgspec

from domain.endpoints import Endpoint
from domain.kinds import Fact
from domain.news import Known
from persistence.connection import Connection, Limits, Links, Row
from persistence.endpoint_rows import ALL_ENDPOINTS, endpoint_of
from persistence.mails import COLUMNS
from persistence.rows import NOW

PAGE_MAX_RESERVATIONS = 1_000
"""Of an inventory, to which one piece of news goes at a time."""
DELIVERY_COLUMNS = 8
"""Of a `RowToDeliver`."""

log = logging.getLogger(__name__)

WHOLE_RELATIONS = "SET LOCAL enable_seqscan = on; SET LOCAL enable_nestloop = off"
"""All rows of both are compared: other sessions are told to look rows up one by one, which here costs ten
times as much."""
ROW_BY_ROW = "SET LOCAL enable_seqscan = off; SET LOCAL enable_nestloop = on"
LOOK = """
SELECT id::text, kind, until, seq, at_ms, known
  FROM (SELECT i.id, i.kind, i.last_fact_ms, i.seq AS until, coalesce(p.seq, 0) AS seq,
               coalesce(p.at_ms, 0) AS at_ms, p.known
          FROM inventories i LEFT JOIN outbox_positions p ON p.inventory_id = i.id
         WHERE i.seq > coalesce(p.seq, 0) OFFSET 0) fresh
 WHERE ('x' || right(id::text, 8))::bit(32)::bigint % $2::bigint = $1::bigint
 ORDER BY last_fact_ms LIMIT $3"""
"""Who has waited longest first. An inventory's part is made as that of an expiry timer, of the few that have
news only."""

UNREAD = """
SELECT i.id, coalesce(p.seq, 0) AS seq
  FROM inventories i LEFT JOIN outbox_positions p ON p.inventory_id = i.id WHERE i.seq > coalesce(p.seq, 0)"""

READ = """
SELECT p.id::text, j.seq, j.at_ms, j.facts
  FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS p(id, seq, at_ms)
 CROSS JOIN LATERAL (SELECT seq, at_ms, facts FROM journal
                      WHERE inventory_id = p.id AND seq > p.seq AND at_ms >= p.at_ms
                      ORDER BY seq LIMIT $4) j
 ORDER BY p.id, j.seq"""

_MAILS = (
    "unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::json[], $6::bigint[])"
    " AS m(id, kind, inventory_id, reservation_id, parameters, due_ms)"
)
_INSERT = f"""
INSERT INTO outgoing_mails ({COLUMNS}, created_ms, attempts)
SELECT m.id, m.kind, 'pending', NULL, NULL, m.inventory_id, m.reservation_id, m.parameters,
       greatest(m.due_ms, now.ms), NULL, now.ms, 0
  FROM {_MAILS}, ({NOW} AS ms) now"""
_ONCE = "ON CONFLICT (id) DO NOTHING"

WRITE = f"""
WITH read AS (
  SELECT * FROM unnest($7::uuid[], $8::bigint[], $9::bigint[], $10::bigint[], $11::json[])
              AS r(id, before, seq, at_ms, known)),
begun AS (
  INSERT INTO outbox_positions (inventory_id, seq, at_ms, known)
  SELECT id, seq, at_ms, known FROM read WHERE before = 0
  ON CONFLICT (inventory_id) DO NOTHING RETURNING inventory_id),
moved AS (
  UPDATE outbox_positions p SET seq = r.seq, at_ms = r.at_ms, known = r.known
    FROM read r WHERE p.inventory_id = r.id AND p.seq = r.before AND r.before > 0
  RETURNING p.inventory_id),
mailed AS ({_INSERT}
 WHERE m.inventory_id IN (SELECT inventory_id FROM begun UNION ALL SELECT inventory_id FROM moved)
{_ONCE}),
told AS (
  INSERT INTO webhook_deliveries (id, endpoint_id, inventory_id, about, seq, position, kind, body, status,
                                  created_ms, due_ms, attempts)
  SELECT d.*, 'pending', now.ms, now.ms, 0
    FROM unnest($12::uuid[], $13::uuid[], $14::uuid[], $15::uuid[], $16::bigint[], $17::integer[],
                $18::text[], $19::text[])
           AS d(id, endpoint_id, inventory_id, about, seq, position, kind, body),
         ({NOW} AS ms) now
   WHERE d.inventory_id IN (SELECT inventory_id FROM begun UNION ALL SELECT inventory_id FROM moved)
{_ONCE})
SELECT inventory_id::text FROM begun UNION ALL SELECT inventory_id::text FROM moved"""

SPREAD = f"{_INSERT}\n{_ONCE}"
"""What goes to many, before the position moves: if it does not, the same is written once more."""

CONCERNED = """
SELECT id::text FROM reservations
 WHERE inventory_id = $1 AND live AND id > $2 AND created_ms <= $3 ORDER BY id LIMIT $4"""

PASSED_ON = """
SELECT reservation_id::text, number, generation FROM tickets
 WHERE inventory_id = $1 AND reservation_id = ANY($2::uuid[]) AND holder <> '' ORDER BY 1, 2"""

STARTS = """
SELECT id::text, (lines ->> 'start_ms')::bigint AS start_ms FROM reservations
 WHERE id = ANY($1::uuid[]) AND json_typeof(lines) = 'object'"""


@dataclass(frozen=True)
class Append:
    """One of the journal's rows."""

    seq: int
    at_ms: int
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Unread:
    """An inventory with news, which go up to `until`. `appends` follow `seq`, without a gap, as far as the
    journal still has them and one look takes."""

    inventory_id: str
    kind: str
    until: int
    seq: int
    at_ms: int
    known: Known
    appends: tuple[Append, ...]


@dataclass(frozen=True)
class RowToSend:
    """A mail as it is written: `parameters` is JSON."""

    id: str
    kind: str
    inventory_id: str
    reservation_id: str
    parameters: str
    due_ms: int


@dataclass(frozen=True)
class RowToDeliver:
    """A delivery as it is written: `body` is JSON."""

    id: str
    endpoint_id: str
    inventory_id: str
    about: str
    seq: int
    position: int
    kind: str
    body: str


@dataclass(frozen=True)
class Read:
    """That an inventory was read from `before` up to `seq`, and the mails and deliveries that follow."""

    inventory_id: str
    before: int
    seq: int
    at_ms: int
    known: Known
    mails: list[RowToSend] = field(default_factory=list)
    deliveries: list[RowToDeliver] = field(default_factory=list)


_facts = msgspec.msgpack.Decoder(tuple[Fact, ...])
_known = msgspec.json.Decoder(Known)


class PostgresNews:
    """One connection: what is read is read one after the other."""

    def __init__(self, database_url: str, limits: Limits | None = None) -> None:
        self._links = Links(database_url, "turnstile news", limits or Limits(), 1)

    async def unread(self, part: int, parts: int, inventories_max: int, appends_max: int) -> list[Unread]:
        """Inventories with news, with up to `appends_max` appends each."""
        found = await self._links.run(lambda connection: _look(connection, part, parts, inventories_max))
        rows = await self._read(found, appends_max)
        # Where what comes next is not there, it is older than what came last (a clock has been set back), or
        # gone from the journal.
        odd = [one for one in found if _begins_late(one, rows)]
        if odd:
            rows |= await self._read([{**one, "at_ms": 0} for one in odd], appends_max)
        return [_unread(one, rows.get(one["id"], [])) for one in found]

    async def write(self, read: Sequence[Read]) -> set[str]:
        """Move the positions and write mails and deliveries; the inventories whose positions were where they
        were."""
        mails = [mail for one in read for mail in one.mails]
        positions = [
            [one.inventory_id for one in read],
            [one.before for one in read],
            [one.seq for one in read],
            [one.at_ms for one in read],
            [msgspec.json.encode(one.known).decode() for one in read],
        ]
        deliveries = [astuple(delivery) for one in read for delivery in one.deliveries]
        told = [list(column) for column in zip(*deliveries, strict=True)] or [[]] * DELIVERY_COLUMNS
        return {row[0] for row in await self._links.fetch(WRITE, *_columns(mails), *positions, *told)}

    async def endpoints(self) -> list[Endpoint]:
        """Those that there are."""
        return [endpoint_of(row) for row in await self._links.fetch(ALL_ENDPOINTS)]

    async def spread(self, mails: Sequence[RowToSend]) -> None:
        """Write mails that go with no position."""
        await self._links.fetch(SPREAD, *_columns(mails))

    async def concerned(self, inventory_id: str, after: str, made_until_ms: int) -> list[str]:
        """The next live reservations by id, of those that were made until then."""
        values = (inventory_id, after, made_until_ms, PAGE_MAX_RESERVATIONS)
        return [row["id"] for row in await self._links.fetch(CONCERNED, *values)]

    async def passed_on(
        self, inventory_id: str, reservation_ids: Sequence[str]
    ) -> dict[str, list[tuple[int, int]]]:
        """Of these reservations: the tickets that are another's than the buyer's, with their generations."""
        found: dict[str, list[tuple[int, int]]] = {}
        rows = await self._links.fetch(PASSED_ON, inventory_id, list(reservation_ids))
        for reservation_id, number, generation in rows if reservation_ids else ():
            found.setdefault(reservation_id, []).append((number, generation))
        return found

    async def starts_ms(self, reservation_ids: Sequence[str]) -> dict[str, int]:
        """When the tables of these reservations are taken from."""
        return dict(await self._links.fetch(STARTS, list(reservation_ids))) if reservation_ids else {}

    async def close(self) -> None:
        await self._links.close()

    async def _read(self, wanted: Sequence[Mapping[str, object]], appends_max: int) -> dict[str, list[Row]]:
        columns = [[one[name] for one in wanted] for name in ("id", "seq", "at_ms")]
        rows: dict[str, list[Row]] = {}
        for row in await self._links.fetch(READ, *columns, appends_max) if wanted else ():
            rows.setdefault(row["id"], []).append(row)
        return rows


async def unread_in(connection: Connection, partition: str, before_ms: int) -> int:
    """How many appends of that part of the journal, from before then, nobody has been told of yet. In the
    connection's transaction."""
    await connection.execute(WHOLE_RELATIONS)
    found = await connection.fetch(UNREAD)
    await connection.execute(ROW_BY_ROW)
    count = f"""
    SELECT count(*) FROM unnest($1::uuid[], $2::bigint[]) AS p(id, seq)
      JOIN {partition} j ON j.inventory_id = p.id AND j.seq > p.seq AND j.at_ms < $3"""
    columns = [row["id"] for row in found], [row["seq"] for row in found]
    return int(await connection.fetchval(count, *columns, before_ms))


async def _look(connection: Connection, part: int, parts: int, inventories_max: int) -> list[Row]:
    async with connection.transaction():
        await connection.execute(WHOLE_RELATIONS)
        rows: list[Row] = await connection.fetch(LOOK, part, parts, inventories_max)
    return rows


def _begins_late(one: Row, rows: Mapping[str, list[Row]]) -> bool:
    following = rows.get(one["id"])
    return not following or following[0]["seq"] != one["seq"] + 1


def _unread(one: Row, rows: Sequence[Row]) -> Unread:
    """What is gone is passed over, for it will not come again, and said loudly."""
    missing_until = rows[0]["seq"] - 1 if rows else one["until"]
    if missing_until > one["seq"]:
        log.error(
            "the journal has lost appends that nobody was told of",
            extra={"inventory": one["id"], "from": one["seq"] + 1, "until": missing_until},
        )
    appends = [Append(row["seq"], row["at_ms"], _facts_of(row, one["id"])) for row in rows]
    if not rows:
        appends = [Append(one["until"], one["at_ms"], ())]
    known = _known.decode(one["known"]) if one["known"] else Known()
    return Unread(one["id"], one["kind"], one["until"], one["seq"], one["at_ms"], known, tuple(appends))


def _facts_of(row: Row, inventory_id: str) -> tuple[Fact, ...]:
    """What cannot be read is passed over, and said: others are told all the same."""
    try:
        return _facts.decode(row["facts"])
    except msgspec.DecodeError as error:
        log.error(
            "facts cannot be read; nobody is told of them",
            extra={"inventory": inventory_id, "seq": row["seq"], "error": type(error).__name__},
        )
        return ()


def _columns(mails: Sequence[RowToSend]) -> list[list[object]]:
    return [
        [mail.id for mail in mails],
        [mail.kind for mail in mails],
        [mail.inventory_id for mail in mails],
        [mail.reservation_id for mail in mails],
        [mail.parameters for mail in mails],
        [mail.due_ms for mail in mails],
    ]
