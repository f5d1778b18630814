"""What an append writes of a restaurant beyond what all kinds have: its row, its tables' times, its guests
and how they are found.

`table_times` is the second line behind the rules: no two rows may overlap in time at one table. Without
extensions PostgreSQL can exclude ranges that overlap, but not "at the same table", so table and time are one
number (`range_of`). Looked at when the statement is done, because what changes places in one batch overlaps
in between.
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from domain.catalogue import name_key, open_days
from domain.event_messages import Status
from domain.kinds import AnyReservation
from domain.restaurant_messages import RestaurantDefinition, TableReservation
from persistence.append_columns import Columns, Numbered, Part, once, range_of, rows_of
from persistence.store import Append
from persistence.words import tsvector

_DEFINITION = (
    "n:bigint version:int paused:boolean stage:text deleted:boolean name:text city:text organiser_id:text"
    " terms:json name_key:text words:text weekdays:smallint special_open:text special_closed:text"
)
# No driver sends these as elements of an array: they are sent as text.
_CASTS = {"words": "::tsvector", "special_open": "::integer[]", "special_closed": "::integer[]"}
_COLUMNS = tuple(word.split(":")[0] for word in _DEFINITION.split()[1:])
DEFINED = f"""
restaurant AS (
  INSERT INTO restaurants (id, created_ms, {", ".join(_COLUMNS)})
  SELECT f.id, f.at_ms, {", ".join(f"d.{name}{_CASTS.get(name, '')}" for name in _COLUMNS)}
    FROM fence f JOIN {rows_of(_DEFINITION, "d")} ON d.n = f.n
  ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)})"""

FREED = f"""
freed AS (
  DELETE FROM table_times t
   USING (SELECT c.id FROM fence f JOIN {rows_of("n:bigint* id:uuid", "c")} ON c.n = f.n OFFSET 0) AS c
   WHERE t.reservation_id = c.id
     AND NOT EXISTS (SELECT FROM unnest($3::uuid[], $4::uuid[]) AS k(reservation_id, table_id)
                      WHERE k.reservation_id = t.reservation_id AND k.table_id = t.table_id))"""

TAKEN = f"""
taken AS (
  INSERT INTO table_times (reservation_id, table_id, during)
  SELECT k.reservation_id, k.table_id, k.during::numrange
    FROM fence f JOIN {rows_of("n:bigint* reservation_id:uuid table_id:uuid during:text", "k")} ON k.n = f.n
  ON CONFLICT (reservation_id, table_id) DO UPDATE SET during = excluded.during)"""

_GUESTS = "n:bigint* customer:bytea visits:int cancellations:int no_shows:int"
COUNTED = f"""
guest AS (
  INSERT INTO guests AS b (inventory_id, customer, visits, cancellations, no_shows)
  SELECT f.id, g.customer, g.visits, g.cancellations, g.no_shows
    FROM fence f JOIN {rows_of(_GUESTS, "g")} ON g.n = f.n
  ON CONFLICT (inventory_id, customer)
  DO UPDATE SET visits = b.visits + excluded.visits, cancellations = b.cancellations + excluded.cancellations,
                no_shows = b.no_shows + excluded.no_shows)"""

FOUND = f"""
found AS (
  INSERT INTO diners (inventory_id, key, reservation_id)
  SELECT f.id, k.key, k.reservation_id
    FROM fence f JOIN {rows_of("n:bigint* key:bytea reservation_id:uuid", "k")} ON k.n = f.n)"""

ENDS_COUNTED = (Status.COMPLETED, Status.CANCELLED, Status.NO_SHOW)
"""In the order of the columns of `guests`."""


def parts(entries: Numbered) -> list[Part]:
    """Of entries that are all of restaurants."""
    return [
        (DEFINED, _defined(entries)),
        (FREED, _freed(entries)),
        (TAKEN, _taken(entries)),
        (COUNTED, _counted(entries)),
        (FOUND, _found(entries)),
    ]


def _defined(entries: Numbered) -> Columns | None:
    definitions = [
        (n, entry.definition) for n, entry in entries if isinstance(entry.definition, RestaurantDefinition)
    ]
    if not definitions:
        return None
    opened = [open_days(definition.terms) for _, definition in definitions]
    return [
        [n for n, _ in definitions],
        [definition.version for _, definition in definitions],
        [definition.paused for _, definition in definitions],
        [definition.stage for _, definition in definitions],
        [definition.deleted for _, definition in definitions],
        [definition.terms.name for _, definition in definitions],
        [definition.terms.city for _, definition in definitions],
        [definition.terms.organiser_id for _, definition in definitions],
        [msgspec.json.encode(definition.terms).decode() for _, definition in definitions],
        [name_key(definition.terms.name) for _, definition in definitions],
        [tsvector(definition.terms) for _, definition in definitions],
        [days.weekdays for days in opened],
        [array_of(days.special_open) for days in opened],
        [array_of(days.special_closed) for days in opened],
    ]


def array_of(numbers: tuple[int, ...]) -> str:
    """As PostgreSQL writes one."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _freed(entries: Numbered) -> Columns | None:
    changed = [(n, row) for n, entry in entries for row in _of_tables(entry.changed)]
    if not changed:
        return None
    kept = [(row.id, table_id) for _, row in changed if row.status.live for table_id in row.tables]
    return [
        once([n for n, _ in changed]),
        [row.id for _, row in changed],
        [reservation_id for reservation_id, _ in kept],
        [table_id for _, table_id in kept],
    ]


def _taken(entries: Numbered) -> Columns | None:
    taken = [
        (n, row, table_id)
        for n, entry in entries
        for row in _touched(entry)
        if row.status.live
        for table_id in row.tables
    ]
    if not taken:
        return None
    return [
        once([n for n, _, _ in taken]),
        [row.id for _, row, _ in taken],
        [table_id for _, _, table_id in taken],
        [range_of(table_id, row.start_ms, row.free_at_ms) for _, row, table_id in taken],
    ]


def _counted(entries: Numbered) -> Columns | None:
    """An end comes once in a reservation's life, so that what has ended in this append is what is new. What
    others have cancelled is not its customer's doing."""
    ends = Counter(
        (n, row.customer, row.status)
        for n, entry in entries
        for row in _touched(entry)
        if row.status in ENDS_COUNTED and row.customer and not row.excused
    )
    guests = list(dict.fromkeys((n, customer) for n, customer, _ in ends))
    if not guests:
        return None
    return [
        once([n for n, _ in guests]),
        [customer for _, customer in guests],
        *([ends[n, customer, status] for n, customer in guests] for status in ENDS_COUNTED),
    ]


def _found(entries: Numbered) -> Columns | None:
    keys = [
        (n, key, row.id)
        for n, entry in entries
        for row in _of_tables(stored.reservation for stored in entry.placed)
        for key in (row.customer, row.phone)
        if key
    ]
    if not keys:
        return None
    return [once([n for n, _, _ in keys]), [key for _, key, _ in keys], [id_ for _, _, id_ in keys]]


def _touched(entry: Append) -> Iterator[TableReservation]:
    return _of_tables([*(stored.reservation for stored in entry.placed), *entry.changed])


def _of_tables(rows: Iterable[AnyReservation]) -> Iterator[TableReservation]:
    for row in rows:
        assert isinstance(row, TableReservation)
        yield row
