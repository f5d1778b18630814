"""The arrays of an append: its rows turned into columns, as `unnest` wants them.

Where a column is the same for all rows (the status of holds, their end, their lines) it is sent once, and
SQL repeats it: `unnest` fills up shorter arrays with NULL, and `coalesce` puts the first element there. With
that a batch of 128 holds costs a quarter less in PostgreSQL and nearly half less in asyncpg.
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from domain.event_messages import ENDS_PAID
from domain.kinds import AnyReservation
from persistence.rows import encoded_what
from persistence.store import Append

Numbered = Sequence[tuple[int, Append]]
Columns = list[object]
Part = tuple[str, Columns | None]
"""A common table expression and its arrays; None where the batch has nothing for it."""
TIME_BITS = 48
"""For milliseconds since 1970: enough for eight thousand years."""


def rows_of(columns: str, alias: str, numbered: bool = False) -> str:
    """A FROM item over the arrays $1, $2, ...: words `name:type`, with a `*` where it may be sent once.

    `numbered` adds a column `n` that counts the rows from 1.
    """
    words = [(*word.rstrip("*").split(":"), word.endswith("*")) for word in columns.split()]
    arrays = ", ".join(f"${i}::{kind}[]" for i, (_, kind, _) in enumerate(words, 1))
    names = ", ".join(str(name) for name, _, _ in words)
    if numbered:
        return f"unnest({arrays}) WITH ORDINALITY AS {alias}({names}, n)"
    if not any(once for _, _, once in words):
        return f"unnest({arrays}) AS {alias}({names})"
    picked = ", ".join(
        f"coalesce(u.{name}, (${i}::{kind}[])[1]) AS {name}" if once else f"u.{name}"
        for i, (name, kind, once) in enumerate(words, 1)
    )
    return f"(SELECT {picked} FROM unnest({arrays}) AS u({names})) AS {alias}"


def range_of(owned_id: str, start_ms: int, end_ms: int) -> str:
    """The time of a table or a venue as a `numrange`: its id, 48 bits to the left, plus milliseconds.

    Without extensions PostgreSQL can exclude ranges that overlap, but not "of the same table".
    """
    number = UUID(owned_id).int << TIME_BITS
    return f"[{number + start_ms},{number + end_ms})"


def fence_columns(writing: Sequence[Append]) -> Columns:
    return [
        [entry.inventory_id for entry in writing],
        [entry.epoch for entry in writing],
        [entry.seq for entry in writing],
        [entry.at_ms for entry in writing],
        [entry.next_due_ms for entry in writing],
        [entry.live for entry in writing],
        [entry.live_reservations for entry in writing],
        [entry.facts for entry in writing],
    ]


def redefining_columns(writing: Sequence[Append]) -> Columns:
    definitions = [entry.definition for entry in writing]
    return [
        *fence_columns(writing),
        [definition is not None for definition in definitions],
        [definition and definition.capacity for definition in definitions],
    ]


def asked_columns(asking: Sequence[Append]) -> Columns:
    return [
        [entry.inventory_id for entry in asking],
        [entry.epoch for entry in asking],
        [entry.seq for entry in asking],
    ]


def created_columns(entry: Append, owner: str) -> Columns:
    capacity = entry.definition.capacity if entry.definition else None
    recorded = len(entry.requests)
    return [
        entry.inventory_id,
        entry.kind,
        owner,
        entry.next_due_ms,
        entry.live,
        capacity,
        entry.at_ms,
        entry.facts,
        recorded,
    ]


def placed_columns(entries: Numbered) -> Columns | None:
    placed = [(n, stored) for n, entry in entries for stored in entry.placed]
    if not placed:
        return None
    rows = [stored.reservation for _, stored in placed]
    return [
        once([n for n, _ in placed]),
        [row.id for row in rows],
        once([row.status for row in rows]),
        once([row.expires_at_ms for row in rows]),
        once([encoded_what(row) for row in rows]),
        [row.customer for row in rows],
        [stored.contact for _, stored in placed],
        once([row.extensions for row in rows]),
        once([row.created_at_ms for row in rows]),
    ]


def changed_columns(entries: Numbered) -> Columns | None:
    rows = changed(entries)
    if not rows:
        return None
    return [
        once([n for n, _ in rows]),
        [row.id for _, row in rows],
        once([row.status for _, row in rows]),
        once([row.expires_at_ms for _, row in rows]),
        once([encoded_what(row) for _, row in rows]),
        once([row.extensions for _, row in rows]),
    ]


def placed(entries: Numbered) -> list[tuple[int, AnyReservation]]:
    return [(n, stored.reservation) for n, entry in entries for stored in entry.placed]


def changed(entries: Numbered) -> list[tuple[int, AnyReservation]]:
    """By inventory and id: whoever erases a customer locks rows in that order too."""
    return [(n, row) for n, entry in entries for row in sorted(entry.changed, key=_id)]


def _id(row: AnyReservation) -> str:
    return row.id


def paid(entries: Numbered) -> bool:
    """Is one of them of a payment?"""
    for _, entry in entries:
        for row in entry.changed:
            if row.paid_by is not None:
                return True
        for stored in entry.placed:
            if stored.reservation.paid_by is not None:
                return True
    return False


def with_payments(columns: Columns | None, rows: list[tuple[int, AnyReservation]]) -> Columns | None:
    if columns is None:
        return None
    marks = [row.paid_by for _, row in rows]
    return [
        *columns,
        [None if mark is None else mark.payment_id for mark in marks],
        [None if mark is None else mark.hold_ends_ms for mark in marks],
        [None if mark is None else mark.kept or None for mark in marks],
    ]


def ended_paid_columns(entries: Numbered) -> Columns | None:
    """Of those that a payment had confirmed and that have ended, with how much of it is kept."""
    ended = [
        (n, row.id, row.paid_by)
        for n, row in [*placed(entries), *changed(entries)]
        if row.status in ENDS_PAID and row.paid_by is not None
    ]
    if not ended:
        return None
    return [
        once([n for n, _, _ in ended]),
        [reservation_id for _, reservation_id, _ in ended],
        [mark.payment_id for _, _, mark in ended],
        once([mark.kept for _, _, mark in ended]),
    ]


def request_columns(entries: Numbered) -> Columns | None:
    requests = [(n, request) for n, entry in entries for request in entry.requests]
    if not requests:
        return None
    return [
        once([n for n, _ in requests]),
        [request.request_id for _, request in requests],
        once([request.fingerprint for _, request in requests]),
        [request.reply for _, request in requests],
        once([request.expires_ms for _, request in requests]),
    ]


def once(column: list[object]) -> list[object]:
    """The column, or only its first element where all are equal to that."""
    return column[:1] if column.count(column[0]) == len(column) else column
