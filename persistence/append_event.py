"""What an append writes of an event beyond what all kinds have: its row, its ticket types and their counts.

No two parts may write one row: an entry with a definition writes its counts together with its ticket types,
any other entry updates them.
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

from domain.catalogue import name_key
from domain.event_messages import EventDefinition
from domain.event_seats import SeatMove
from domain.venue_time import venue_time
from persistence.append_columns import Columns, Numbered, Part, once, range_of, rows_of
from persistence.append_tickets import ticket_parts
from persistence.rows import TERMS_COLUMNS, encoded_categories, encoded_numbers, terms_column
from persistence.words import tsvector

_COUNTS = "n:bigint* code:text held:int confirmed:int seats_left:int"
COUNTED = f"""
counted AS (
  UPDATE ticket_types t
     SET held = c.held, confirmed = c.confirmed, seats_left = c.seats_left
    FROM (SELECT f.id AS inventory_id, c.*
            FROM fence f JOIN {rows_of(_COUNTS, "c")} ON c.n = f.n
          OFFSET 0) AS c
   WHERE t.inventory_id = c.inventory_id AND t.code = c.code
     AND (t.held <> c.held OR t.confirmed <> c.confirmed OR t.seats_left IS DISTINCT FROM c.seats_left))"""

# No driver sends these: they are sent as text.
_CASTS = {"words": "::tsvector", "during": "::numrange"}
_FOUND_BY = {"name_key": "text", "words": "text", "during": "text"}
_SAID = {"version": "integer", "paused": "boolean", "stage": "text", "blocked": "json", "deleted": "boolean"}
_DEFINITION = {**_SAID, **TERMS_COLUMNS, **_FOUND_BY}
_TYPED = " ".join(f"{name}:{sql_type}" for name, sql_type in _DEFINITION.items())
DEFINED = f"""
defined AS (
  INSERT INTO events (id, created_ms, {", ".join(_DEFINITION)})
  SELECT f.id, f.at_ms, {", ".join(f"d.{name}{_CASTS.get(name, '')}" for name in _DEFINITION)}
    FROM fence f JOIN {rows_of("n:bigint " + _TYPED, "d")} ON d.n = f.n
   ORDER BY hashtext(d.seating ->> 'venue_id')
  ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _DEFINITION)})"""
"""In the order of the locks that a trigger takes, one for each venue: owners who change events of the same
venues at once wait for each other nowhere."""

_KINDS = (
    "n:bigint code:text position:int name:text quota:int price:bigint max_per_order:bigint"
    " categories:json held:int confirmed:int seats_left:int"
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


_MOVE = rows_of("n:bigint* seat:int before:uuid after:uuid", "s")
_MOVED = f"(SELECT f.id AS inventory_id, s.* FROM fence f JOIN {_MOVE} ON s.n = f.n OFFSET 0) AS s"
SEATED = f"""
seated AS (
  INSERT INTO live_seats (inventory_id, seat, reservation_id)
  SELECT s.inventory_id, s.seat, s.after FROM {_MOVED})"""
RESEATED = f"""
reseated AS (
  UPDATE live_seats l SET reservation_id = s.after FROM {_MOVED}
   WHERE l.inventory_id = s.inventory_id AND l.seat = s.seat AND l.reservation_id = s.before)"""
UNSEATED = f"""
unseated AS (
  DELETE FROM live_seats l USING {_MOVED}
   WHERE l.inventory_id = s.inventory_id AND l.seat = s.seat AND l.reservation_id = s.before)"""


def parts(entries: Numbered) -> list[Part]:
    """Of entries that are all of events."""
    defining = [(n, entry) for n, entry in entries if entry.definition is not None]
    return [
        (COUNTED, counted_columns(entries)),
        (DEFINED, defined_columns(defining)),
        (TYPED, type_columns(defining)),
        *seat_parts(entries),
        *ticket_parts(entries),
    ]


def seat_parts(entries: Numbered) -> list[Part]:
    """Each seat is in one of them at most: the three see the snapshot from before."""
    moves = [(n, move) for n, entry in entries for move in entry.moves if move.before != move.after]
    taken = [(n, move) for n, move in moves if move.before is None]
    freed = [(n, move) for n, move in moves if move.after is None]
    passed = [(n, move) for n, move in moves if move.before is not None and move.after is not None]
    return [
        (SEATED, move_columns(taken)),
        (RESEATED, move_columns(passed)),
        (UNSEATED, move_columns(freed)),
    ]


def move_columns(moves: list[tuple[int, SeatMove]]) -> Columns | None:
    if not moves:
        return None
    return [
        once([n for n, _ in moves]),
        [move.seat for _, move in moves],
        [move.before for _, move in moves],
        [move.after for _, move in moves],
    ]


def counted_columns(entries: Numbered) -> Columns | None:
    counted = [(n, count) for n, entry in entries if entry.definition is None for count in entry.counts]
    if not counted:
        return None
    return [
        once([n for n, _ in counted]),
        [count.code for _, count in counted],
        [count.held for _, count in counted],
        [count.confirmed for _, count in counted],
        [count.seats_left for _, count in counted],
    ]


def defined_columns(defining: Numbered) -> Columns | None:
    definitions = [
        (n, entry.definition) for n, entry in defining if isinstance(entry.definition, EventDefinition)
    ]
    if not definitions:
        return None
    return [
        [n for n, _ in definitions],
        [definition.version for _, definition in definitions],
        [definition.paused for _, definition in definitions],
        [definition.stage for _, definition in definitions],
        [encoded_numbers(definition.blocked) for _, definition in definitions],
        [definition.deleted for _, definition in definitions],
        *([terms_column(definition.terms, name) for _, definition in definitions] for name in TERMS_COLUMNS),
        [name_key(definition.terms.name) for _, definition in definitions],
        [tsvector(definition.terms) for _, definition in definitions],
        [_during(definition) for _, definition in definitions],
    ]


def _during(definition: EventDefinition) -> str | None:
    time = venue_time(definition)
    return None if time is None else range_of(*time)


def type_columns(defining: Numbered) -> Columns | None:
    kinds = [
        (n, position, kind, counts[kind.code])
        for n, entry in defining
        if isinstance(entry.definition, EventDefinition)
        for counts in [{count.code: count for count in entry.counts}]
        for position, kind in enumerate(entry.definition.terms.ticket_types)
    ]
    if not kinds:
        return None
    return [
        [n for n, _, _, _ in kinds],
        [kind.code for _, _, kind, _ in kinds],
        [position for _, position, _, _ in kinds],
        [kind.name for _, _, kind, _ in kinds],
        [kind.quota for _, _, kind, _ in kinds],
        [kind.price for _, _, kind, _ in kinds],
        [kind.max_per_order for _, _, kind, _ in kinds],
        [encoded_categories(kind.categories) for _, _, kind, _ in kinds],
        [count.held for _, _, _, count in kinds],
        [count.confirmed for _, _, _, count in kinds],
        [count.seats_left for _, _, _, count in kinds],
    ]
