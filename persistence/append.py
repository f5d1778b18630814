"""The append: one statement that makes a batch of inventories durable, or finds that they are lost.

The statement is put together from parts, so that a batch pays only for what it has. Each part is a CTE over
arrays. The first is the fence: it updates the rows whose epoch and sequence are what the batch thinks, in
the order of their ids (two owners that fight cannot deadlock), and everything else joins what it returned.
So an inventory that was lost drops out, its mates commit, and no lock outlives the statement.

All parts see the snapshot from before, and no two may write one row: an entry with a definition writes its
counts together with its ticket types, any other entry updates them.
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from persistence.append_columns import (
    asked_columns,
    changed_columns,
    counted_columns,
    created_columns,
    defined_columns,
    fence_columns,
    placed_columns,
    redefining_columns,
    request_columns,
    rows_of,
    type_columns,
)
from persistence.rows import TERMS_COLUMNS, scope_id
from persistence.store import Append

Statement = tuple[str, list[object]]

_ENTRIES = "id:uuid epoch:bigint seq:bigint at_ms:bigint next_due_ms:bigint live:int facts:bytea"
_UPDATE = """
fence AS (
  UPDATE inventories i
     SET seq = i.seq + 1, next_due_ms = e.next_due_ms, live = e.live,
         last_fact_ms = greatest(i.last_fact_ms, e.at_ms){more}
    FROM {entries}
   WHERE i.id = e.id AND i.epoch = e.epoch AND i.seq = e.seq
  RETURNING i.id, i.seq, e.n, e.at_ms, e.facts)"""

FENCE = _UPDATE.format(more="", entries=rows_of(_ENTRIES, "e", numbered=True))
FENCE_REDEFINING = _UPDATE.format(
    more=", capacity = CASE WHEN e.redefined THEN e.capacity ELSE i.capacity END",
    entries=rows_of(_ENTRIES + " redefined:boolean capacity:int", "e", numbered=True),
)

FENCE_CREATING = """
fence AS (
  INSERT INTO inventories (id, kind, owner, epoch, seq, next_due_ms, live, capacity, last_fact_ms)
  SELECT $1::uuid, $2::text, $3::text, 1, 1, $4::bigint, $5::int, $6::int, $7::bigint
   WHERE (SELECT count(*) FROM recorded) = $9::bigint
  RETURNING id, seq, 1::bigint AS n, last_fact_ms AS at_ms, $8::bytea AS facts)"""

JOURNALED = """
journaled AS (
  INSERT INTO journal (inventory_id, seq, at_ms, facts) SELECT id, seq, at_ms, facts FROM fence)"""

_NEW_ROWS = (
    "n:bigint* id:uuid status:text* expires_ms:bigint* lines:json* customer:bytea contact:bytea"
    " extensions:smallint* created_ms:bigint*"
)
PLACED = f"""
placed AS (
  INSERT INTO reservations (id, inventory_id, status, live, expires_ms, lines, customer, contact,
                            extensions, created_ms, updated_ms)
  SELECT p.id, f.id, p.status, p.status IN ('held', 'confirmed'), p.expires_ms, p.lines, p.customer,
         p.contact, p.extensions, p.created_ms, f.at_ms
    FROM fence f JOIN {rows_of(_NEW_ROWS, "p")} ON p.n = f.n)"""

# OFFSET 0: joined to the fence first. Else a plan made while the relations were small may look for a row by
# half of its key, and is kept while they grow.
_ROWS = "n:bigint* id:uuid status:text* expires_ms:bigint* lines:json* extensions:smallint*"
CHANGED = f"""
changed AS (
  UPDATE reservations r
     SET status = c.status, live = c.status IN ('held', 'confirmed'), expires_ms = c.expires_ms,
         lines = c.lines, extensions = c.extensions, updated_ms = c.at_ms
    FROM (SELECT f.id AS inventory_id, f.at_ms, c.*
            FROM fence f JOIN {rows_of(_ROWS, "c")} ON c.n = f.n OFFSET 0) AS c
   WHERE r.id = c.id AND r.inventory_id = c.inventory_id)"""

_REQUESTS = rows_of("n:bigint* request_id:bytea fingerprint:bytea* reply:bytea expires_ms:bigint*", "q")
RECORDED = f"""
recorded AS (
  INSERT INTO requests (request_id, scope, fingerprint, reply, expires_ms)
  SELECT q.request_id, f.id, q.fingerprint, q.reply, q.expires_ms
    FROM fence f JOIN {_REQUESTS} ON q.n = f.n)"""

RECORDED_CREATING = f"""
recorded AS (
  INSERT INTO requests (request_id, scope, fingerprint, reply, expires_ms)
  SELECT q.request_id, $6::uuid, q.fingerprint, q.reply, q.expires_ms FROM {_REQUESTS}
  ON CONFLICT DO NOTHING RETURNING 1)"""

COUNTED = f"""
counted AS (
  UPDATE ticket_types t
     SET held = c.held, confirmed = c.confirmed
    FROM (SELECT f.id AS inventory_id, c.*
            FROM fence f JOIN {rows_of("n:bigint* code:text held:int confirmed:int", "c")} ON c.n = f.n
          OFFSET 0) AS c
   WHERE t.inventory_id = c.inventory_id AND t.code = c.code
     AND (t.held <> c.held OR t.confirmed <> c.confirmed))"""

_DEFINITION = {"version": "integer", "paused": "boolean", **TERMS_COLUMNS}
_TYPED = " ".join(f"{name}:{sql_type}" for name, sql_type in _DEFINITION.items())
DEFINED = f"""
defined AS (
  INSERT INTO events (id, created_ms, {", ".join(_DEFINITION)})
  SELECT f.id, f.at_ms, {", ".join(f"d.{name}" for name in _DEFINITION)}
    FROM fence f JOIN {rows_of("n:bigint " + _TYPED, "d")} ON d.n = f.n
  ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _DEFINITION)})"""

_KINDS = (
    "n:bigint code:text position:int name:text quota:int price:bigint max_per_order:bigint"
    " held:int confirmed:int"
)
_KIND = tuple(word.split(":")[0] for word in _KINDS.split()[1:])
TYPED = f"""
typed AS (
  INSERT INTO ticket_types (inventory_id, {", ".join(_KIND)})
  SELECT f.id, {", ".join(f"k.{name}" for name in _KIND)}
    FROM fence f JOIN {rows_of(_KINDS, "k")} ON k.n = f.n
  ON CONFLICT (inventory_id, code)
  DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _KIND[1:])}),
untyped AS (
  DELETE FROM ticket_types t USING fence f
   WHERE t.inventory_id = f.id AND f.n = ANY ($1::bigint[])
     AND NOT EXISTS (SELECT FROM unnest($1::bigint[], $2::text[]) AS k(n, code)
                      WHERE k.n = f.n AND k.code = t.code))"""

HELD = "SELECT n FROM fence"
ASKED = f"""
SELECT -a.n FROM {rows_of("id:uuid epoch:bigint seq:bigint", "a", numbered=True)}
  JOIN inventories i ON i.id = a.id AND i.epoch = a.epoch AND i.seq = a.seq"""


def append_statement(writing: Sequence[Append], asking: Sequence[Append]) -> Statement:
    """Answers with the numbers, from 1, of those whose fence held; the asking's are negative."""
    if not writing:
        return _put_together((), ASKED, [asked_columns(asking)])
    entries = list(enumerate(writing, 1))
    defining = [(n, entry) for n, entry in entries if entry.definition is not None]
    parts: list[tuple[str, list[object] | None]] = [
        (FENCE_REDEFINING, redefining_columns(writing)) if defining else (FENCE, fence_columns(writing)),
        (JOURNALED, []),
        (PLACED, placed_columns(entries)),
        (CHANGED, changed_columns(entries)),
        (RECORDED, request_columns(entries)),
        (COUNTED, counted_columns(entries)),
        (DEFINED, defined_columns(defining)),
        (TYPED, type_columns(defining)),
    ]
    present = [(sql, columns) for sql, columns in parts if columns is not None]
    columns = [columns for _, columns in present]
    answer = HELD
    if asking:
        answer = HELD + " UNION ALL " + ASKED
        columns.append(asked_columns(asking))
    return _put_together(tuple(sql for sql, _ in present), answer, columns)


def create_statement(entry: Append, kind: str, owner: str, scope: str) -> Statement:
    """Answers with one row where the inventory was made, with none where its request is recorded already."""
    numbered = [(1, entry)]
    recorded = request_columns(numbered) or [[], [], [], [], []]
    columns: list[list[object]] = [
        [*recorded, scope_id(scope)],
        created_columns(entry, kind, owner),
        [],
        defined_columns(numbered) or [],
        type_columns(numbered) or [],
    ]
    return _put_together((RECORDED_CREATING, FENCE_CREATING, JOURNALED, DEFINED, TYPED), HELD, columns)


def _put_together(parts: tuple[str, ...], answer: str, columns: list[list[object]]) -> Statement:
    lengths = tuple(len(part) for part in columns)
    return _numbered(parts, answer, lengths), [column for part in columns for column in part]


@lru_cache(256)
def _numbered(parts: tuple[str, ...], answer: str, lengths: tuple[int, ...]) -> str:
    """One statement of parts whose parameters each begin at $1; `lengths` says how many each has."""
    texts = []
    before = 0
    for sql, length in zip((*parts, answer), (*lengths, 0), strict=False):
        offset = before

        def shift(found: re.Match[str], offset: int = offset) -> str:
            return f"${int(found[1]) + offset}"

        texts.append(re.sub(r"\$(\d+)", shift, sql))
        before += length
    *ctes, last = texts
    return f"WITH {','.join(ctes)}\n{last}" if ctes else last
