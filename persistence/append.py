"""The append: one statement that makes a batch of inventories durable, or finds that they are lost.

The statement is put together from parts, so that a batch pays only for what it has. Each part is a CTE over
arrays. The first is the fence: it updates the rows whose epoch and sequence are what the batch thinks, in
the order of their ids (two owners that fight cannot deadlock), and everything else joins what it returned.
So an inventory that was lost drops out, its mates commit, and no lock outlives the statement.

All parts see the snapshot from before, and no two may write one row. What is common to all kinds of
inventory stands here, what only one kind writes in its own module.
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from persistence import append_event, append_restaurant
from persistence.append_columns import (
    Columns,
    Numbered,
    Part,
    asked_columns,
    changed,
    changed_columns,
    created_columns,
    ended_paid_columns,
    fence_columns,
    paid,
    placed,
    placed_columns,
    redefining_columns,
    request_columns,
    rows_of,
    with_payments,
)
from persistence.rows import scope_id
from persistence.store import Append

Statement = tuple[str, list[object]]
PARTS: Mapping[str, Callable[[Numbered], list[Part]]] = {
    "event": append_event.parts,
    "restaurant": append_restaurant.parts,
}
"""By kind: what its entries write beyond the common parts."""

_ENTRIES = (
    "id:uuid epoch:bigint seq:bigint at_ms:bigint next_due_ms:bigint live:int live_reservations:int"
    " facts:bytea"
)
_UPDATE = """
fence AS (
  UPDATE inventories i
     SET seq = i.seq + 1, next_due_ms = e.next_due_ms, live = e.live,
         live_reservations = e.live_reservations, last_fact_ms = greatest(i.last_fact_ms, e.at_ms){more}
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
  INSERT INTO inventories (id, kind, owner, epoch, seq, next_due_ms, live, live_reservations, capacity,
                           last_fact_ms)
  SELECT $1::uuid, $2::text, $3::text, 1, 1, $4::bigint, $5::int, 0, $6::int, $7::bigint
   WHERE (SELECT count(*) FROM recorded) = $9::bigint
  RETURNING id, seq, 1::bigint AS n, last_fact_ms AS at_ms, $8::bytea AS facts)"""

JOURNALED = """
journaled AS (
  INSERT INTO journal (inventory_id, seq, at_ms, facts) SELECT id, seq, at_ms, facts FROM fence)"""

LIVE = "'held', 'paying', 'confirmed', 'checked_in', 'seated'"
LETTING_IN = "('confirmed', 'checked_in'), ('checked_in', 'confirmed')"
"""When it was confirmed is what `updated_ms` goes on to say while its tickets are let in."""
_NEW_ROWS = (
    "n:bigint* id:uuid status:text* expires_ms:bigint* lines:json* customer:bytea contact:bytea"
    " extensions:smallint* created_ms:bigint*"
)
PLACED = f"""
placed AS (
  INSERT INTO reservations (id, inventory_id, status, live, expires_ms, lines, customer, contact,
                            extensions, created_ms, updated_ms)
  SELECT p.id, f.id, p.status, p.status IN ({LIVE}), p.expires_ms, p.lines, p.customer,
         p.contact, p.extensions, p.created_ms, f.at_ms
    FROM fence f JOIN {rows_of(_NEW_ROWS, "p")} ON p.n = f.n)"""

_PAID_BY = " payment_id:uuid hold_ends_ms:bigint kept:bigint"
PLACED_PAID = f"""
placed AS (
  INSERT INTO reservations (id, inventory_id, status, live, expires_ms, lines, customer, contact,
                            extensions, created_ms, updated_ms, payment_id, hold_ends_ms, kept)
  SELECT p.id, f.id, p.status, p.status IN ({LIVE}), p.expires_ms, p.lines,
         p.customer, p.contact, p.extensions, p.created_ms, f.at_ms, p.payment_id, p.hold_ends_ms, p.kept
    FROM fence f JOIN {rows_of(_NEW_ROWS + _PAID_BY, "p")} ON p.n = f.n)"""
"""The same where one of them is already being paid: it was asked for behind the scenes, and its id known."""

# OFFSET 0: joined to the fence first. Else a plan made while the relations were small may look for a row by
# half of its key, and is kept while they grow. IS TRUE: and no index but the key's will do.
_ROWS = "n:bigint* id:uuid status:text* expires_ms:bigint* lines:json* extensions:smallint*"
CHANGED = f"""
changed AS (
  UPDATE reservations r
     SET status = c.status, live = c.status IN ({LIVE}), expires_ms = c.expires_ms,
         lines = c.lines, extensions = c.extensions, payment_id = NULL, hold_ends_ms = NULL, kept = NULL,
         updated_ms = CASE WHEN (r.status, c.status) IN ({LETTING_IN}) THEN r.updated_ms ELSE c.at_ms END
    FROM (SELECT f.id AS inventory_id, f.at_ms, c.*
            FROM fence f JOIN {rows_of(_ROWS, "c")} ON c.n = f.n OFFSET 0) AS c
   WHERE r.id = c.id AND (r.inventory_id = c.inventory_id) IS TRUE)"""

CHANGED_PAID = f"""
changed AS (
  UPDATE reservations r
     SET status = c.status, live = c.status IN ({LIVE}),
         expires_ms = c.expires_ms, lines = c.lines, extensions = c.extensions,
         updated_ms = CASE WHEN r.status = c.status OR (r.status, c.status) IN ({LETTING_IN})
                           THEN r.updated_ms ELSE c.at_ms END,
         payment_id = c.payment_id, hold_ends_ms = c.hold_ends_ms, kept = c.kept
    FROM (SELECT f.id AS inventory_id, f.at_ms, c.*
            FROM fence f JOIN {rows_of(_ROWS + _PAID_BY, "c")} ON c.n = f.n
          OFFSET 0) AS c
   WHERE r.id = c.id AND (r.inventory_id = c.inventory_id) IS TRUE)"""
"""The same where one of them is of a payment. What is made smaller keeps the time at which it was
confirmed."""

ENDED_PAID = f"""
ended_paid AS (
  INSERT INTO paid_ends (reservation_id, payment_id, at_ms, kept)
  SELECT e.id, e.payment_id, f.at_ms, e.kept
    FROM fence f JOIN {rows_of("n:bigint* id:uuid payment_id:uuid kept:bigint*", "e")} ON e.n = f.n
  ON CONFLICT DO NOTHING)"""

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

HELD = "SELECT n FROM fence"
ASKED = f"""
SELECT -a.n FROM {rows_of("id:uuid epoch:bigint seq:bigint", "a", numbered=True)}
  JOIN inventories i ON i.id = a.id AND i.epoch = a.epoch AND i.seq = a.seq"""


def append_statement(writing: Sequence[Append], asking: Sequence[Append]) -> Statement:
    """Answers with the numbers, from 1, of those whose fence held; the asking's are negative."""
    if not writing:
        return _put_together([], ASKED, asked_columns(asking))
    entries = list(enumerate(writing, 1))
    defining = any(entry.definition is not None for entry in writing)
    parts: list[Part] = [
        (FENCE_REDEFINING, redefining_columns(writing)) if defining else (FENCE, fence_columns(writing)),
        (JOURNALED, []),
        *_reservations(entries),
        (RECORDED, request_columns(entries)),
        *_parts_of_kinds(entries),
    ]
    if asking:
        return _put_together(parts, HELD + " UNION ALL " + ASKED, asked_columns(asking))
    return _put_together(parts, HELD)


def create_statement(entry: Append, owner: str, scope: str) -> Statement:
    """Answers with one row where the inventory was made, with none where its request is recorded already."""
    numbered = [(1, entry)]
    recorded = request_columns(numbered) or [[], [], [], [], []]
    parts: list[Part] = [
        (RECORDED_CREATING, [*recorded, scope_id(scope)]),
        (FENCE_CREATING, created_columns(entry, owner)),
        (JOURNALED, []),
        *_parts_of_kinds(numbered),
    ]
    return _put_together(parts, HELD)


def _reservations(entries: Numbered) -> list[Part]:
    """New ones and changed ones; and what was paid for and is cancelled, so that somebody looks after the
    money. A batch without payments says nothing of them."""
    if not paid(entries):
        return [(PLACED, placed_columns(entries)), (CHANGED, changed_columns(entries))]
    return [
        (PLACED_PAID, with_payments(placed_columns(entries), placed(entries))),
        (CHANGED_PAID, with_payments(changed_columns(entries), changed(entries))),
        (ENDED_PAID, ended_paid_columns(entries)),
    ]


def _parts_of_kinds(entries: Numbered) -> list[Part]:
    """Each kind's own parts, for those of the entries that are of it."""
    kinds = {entry.kind for _, entry in entries}
    if len(kinds) == 1:
        return PARTS[kinds.pop()](entries)
    of_kind = {kind: [one for one in entries if one[1].kind == kind] for kind in sorted(kinds)}
    return [part for kind, some in of_kind.items() for part in PARTS[kind](some)]


def _put_together(parts: Sequence[Part], answer: str, answer_columns: Columns | None = None) -> Statement:
    present = [(sql, columns) for sql, columns in parts if columns is not None]
    arrays = [*(columns for _, columns in present), answer_columns or []]
    sql = _numbered((*(sql for sql, _ in present), answer), tuple([len(columns) for columns in arrays]))
    return sql, [column for columns in arrays for column in columns]


@lru_cache(256)
def _numbered(parts: tuple[str, ...], lengths: tuple[int, ...]) -> str:
    """One statement of parts, the last of them its answer, whose parameters each begin at $1; `lengths` says
    how many each has."""
    texts = []
    before = 0
    for sql, length in zip(parts, lengths, strict=True):
        offset = before

        def shift(found: re.Match[str], offset: int = offset) -> str:
            return f"${int(found[1]) + offset}"

        texts.append(re.sub(r"\$(\d+)", shift, sql))
        before += length
    *ctes, last = texts
    return f"WITH {','.join(ctes)}\n{last}" if ctes else last
