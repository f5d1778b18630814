"""Rows against the fold: what is stored as the present state is what the facts add up to.

The rows of one inventory have to be of one snapshot, and the fold has to stop at that snapshot's sequence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from domain.event_messages import Stage
from loadtest.auditor.claims import LIVE, ON_HOLD, Claim
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.fold import Book
from loadtest.record import Lines

NEXT_DUE_LATE_MAX_MS = 1_000
"""`next_due_ms` may be rounded, but not so far that a hold could not end in time."""
_COMPARED = (
    "status",
    "expires_ms",
    "lines",
    "customer",
    "extensions",
    "created_ms",
    "payment_id",
    "hold_ends_ms",
    "kept",
)
TERMS_COLUMNS = (
    "name",
    "starts_at_ms",
    "currency",
    "ends_at_ms",
    "venue",
    "description",
    "sales_start_ms",
    "sales_end_ms",
    "hold_duration_s",
    "max_per_customer",
    "cancel_until_ms",
    "guests",
    "hold_extensions_max",
    "one_per_customer",
    "listed",
    "city",
    "payment",
    "cancel_keeps_percent",
    "postponed_refund_days",
    "moved_ms",
    "organiser_id",
    "time_zone",
)
"""What an event's row says of its terms; the capacity stands in the inventory's row."""


@dataclass(slots=True, frozen=True)
class InventoryRow:
    """One inventory. `at_ms` is store time when the snapshot was taken."""

    id: str
    seq: int
    live: int
    live_reservations: int
    capacity: int | None
    next_due_ms: int | None
    last_fact_ms: int
    at_ms: int


@dataclass(slots=True, frozen=True)
class EventRow:
    """One event, as readers are shown it. `terms`: the columns of `TERMS_COLUMNS`."""

    version: int
    paused: bool
    stage: str
    deleted: bool
    created_ms: int
    terms: Mapping[str, object]


@dataclass(slots=True, frozen=True)
class TypeRow:
    """One ticket type, with its counts."""

    code: str
    name: str
    quota: int
    price: int
    max_per_order: int | None
    held: int
    confirmed: int


@dataclass(slots=True, frozen=True)
class ReservationRow:
    """One reservation; `email` out of its contact, None once erased."""

    id: str
    status: str
    live: bool
    expires_ms: int
    lines: Lines
    customer: bytes
    extensions: int
    created_ms: int
    email: str | None
    seats: tuple[str, ...] = ()
    payment_id: str | None = None
    hold_ends_ms: int | None = None
    kept: int | None = None


def check_inventory(book: Book, row: InventoryRow | None, findings: Findings) -> None:
    """The inventory's own row."""
    wrong = ["there is no row"] if row is None else _unlike(_inventory_pairs(book, row))
    if row is not None:
        wrong += _wrong_next_due(book, row)
    findings.expect(Check.INVENTORY_ROW, not wrong, f"{book.inventory_id}: {'; '.join(wrong)}")


def _inventory_pairs(book: Book, row: InventoryRow) -> dict[str, tuple[Any, Any]]:
    pairs: dict[str, tuple[Any, Any]] = {
        "seq": (row.seq, book.seq),
        "live": (row.live, book.live),
        "live_reservations": (row.live_reservations, book.live_claims),
        "last_fact_ms": (row.last_fact_ms, book.at_ms),
    }
    if book.terms is not None:
        pairs["capacity"] = (row.capacity, book.terms.capacity)
    return pairs


def _unlike(pairs: dict[str, tuple[Any, Any]]) -> list[str]:
    return [f"{name} is {row}, the facts say {fold}" for name, (row, fold) in pairs.items() if row != fold]


def _wrong_next_due(book: Book, row: InventoryRow) -> list[str]:
    if book.stage is Stage.CANCELLED:
        waits = any(claim.status in LIVE for claim in book.claims.values())
        end_ms = book.at_ms if waits else None
    else:
        ends = (claim.expires_ms for claim in book.claims.values() if claim.status in ON_HOLD)
        end_ms = min(ends, default=None)
    if end_ms is None:
        return []
    if row.next_due_ms is None or row.next_due_ms > end_ms + NEXT_DUE_LATE_MAX_MS:
        return [f"next_due_ms is {row.next_due_ms}, something ends at {end_ms}"]
    return []


def check_event(book: Book, row: EventRow | None, findings: Findings) -> None:
    """The event's row: terms, version, stage, whether its sale is paused."""
    wrong = ["there is no row"] if row is None else _unlike(_event_pairs(book, row))
    findings.expect(Check.EVENT_ROW, not wrong, f"{book.inventory_id}: {'; '.join(wrong)}")


def _event_pairs(book: Book, row: EventRow) -> dict[str, tuple[Any, Any]]:
    pairs: dict[str, tuple[Any, Any]] = {
        "version": (row.version, book.version),
        "paused": (row.paused, book.paused),
        "stage": (row.stage, book.stage),
        "deleted": (row.deleted, book.deleted),
        "created_ms": (row.created_ms, book.created_ms),
    }
    for name in TERMS_COLUMNS:
        pairs[name] = (row.terms[name], getattr(book.terms, name, None))
    return pairs


def check_types(book: Book, rows: Iterable[TypeRow], findings: Findings) -> None:
    """The ticket types, in the operator's order: what they are, and their counts."""
    folded = [
        TypeRow(
            kind.code,
            kind.name,
            kind.quota,
            kind.price,
            kind.max_per_order,
            book.held[kind.code],
            book.confirmed[kind.code],
        )
        for kind in book.types.values()
    ]
    for stored, expected in zip_longest(rows, folded):
        detail = f"{book.inventory_id}: the row is {stored}, the facts say {expected}"
        findings.expect(Check.TYPE_ROWS, stored == expected, detail)


def check_reservations(book: Book, rows: Iterable[ReservationRow], findings: Findings) -> None:
    """Each reservation's row; afterwards every claim must have been seen."""
    seen = 0
    for row in rows:
        claim = book.claims.get(row.id)
        wrong = ["no fact has placed it"] if claim is None else _differences(book, claim, row)
        told = book.seats.of.get(row.id, ())
        if row.seats != told:
            wrong.append(f"its seats are {row.seats}, the facts say {told}")
        seen += claim is not None
        findings.saw(Check.RESERVATION_ROWS)
        if wrong:
            findings.fail(Check.RESERVATION_ROWS, f"{book.inventory_id}: {row.id}: {'; '.join(wrong)}")
    if seen != len(book.claims):
        missing = f"{len(book.claims) - seen} of {len(book.claims)} reservations have no row"
        findings.fail(Check.RESERVATION_ROWS, f"{book.inventory_id}: {missing}")


def check_live_seats(book: Book, rows: dict[str, int], findings: Findings) -> None:
    """The relation that lets a seat be taken once: as many seats of each reservation as it has."""
    told = Counter(book.seats.holders.values())
    if rows or told:
        detail = f"{book.inventory_id}: {sum(rows.values())} seats are stored as taken, not {told.total()}"
        findings.expect(Check.SEATS, rows == told, detail)


def _differences(book: Book, claim: Claim, row: ReservationRow) -> list[str]:
    pairs = {name: (getattr(row, name), getattr(claim, name)) for name in _COMPARED}
    pairs["status"] = (row.status, book.tickets.status(row.id, claim))
    pairs["live"] = (row.live, claim.status in LIVE)
    return _unlike(pairs)
