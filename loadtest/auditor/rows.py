"""Rows against the fold: what is stored as the present state is what the facts add up to.

The rows of one inventory have to be of one snapshot, and the fold has to stop at that snapshot's sequence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from loadtest.auditor.claims import HELD, LIVE, Claim
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.fold import Book
from loadtest.record import Lines

NEXT_DUE_LATE_MAX_MS = 1_000
"""`next_due_ms` may be rounded, but not so far that a hold could not end in time."""
_COMPARED = ("status", "expires_ms", "lines", "customer", "extensions", "created_ms")


@dataclass(slots=True, frozen=True)
class InventoryRow:
    """One inventory. `at_ms` is store time when the snapshot was taken."""

    id: str
    seq: int
    live: int
    capacity: int | None
    next_due_ms: int | None
    last_fact_ms: int
    at_ms: int


@dataclass(slots=True, frozen=True)
class TypeRow:
    """One ticket type's counts."""

    code: str
    quota: int
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


def check_inventory(book: Book, row: InventoryRow, findings: Findings) -> None:
    """The inventory's own row."""
    pairs: dict[str, tuple[Any, Any]] = {
        "seq": (row.seq, book.seq),
        "live": (row.live, book.live),
        "last_fact_ms": (row.last_fact_ms, book.at_ms),
    }
    if row.capacity is not None and book.terms is not None and book.terms.capacity is not None:
        pairs["capacity"] = (row.capacity, book.terms.capacity)
    wrong = _unlike(pairs) + _wrong_next_due(book, row)
    findings.expect(Check.INVENTORY_ROW, not wrong, f"{row.id}: {'; '.join(wrong)}")


def _unlike(pairs: dict[str, tuple[Any, Any]]) -> list[str]:
    return [f"{name} is {row}, the facts say {fold}" for name, (row, fold) in pairs.items() if row != fold]


def _wrong_next_due(book: Book, row: InventoryRow) -> list[str]:
    end_ms = min((claim.expires_ms for claim in book.claims.values() if claim.status == HELD), default=None)
    if end_ms is None:
        return []
    if row.next_due_ms is None or row.next_due_ms > end_ms + NEXT_DUE_LATE_MAX_MS:
        return [f"next_due_ms is {row.next_due_ms}, a hold ends at {end_ms}"]
    return []


def check_types(book: Book, rows: Iterable[TypeRow], findings: Findings) -> None:
    """The ticket types' counts."""
    stored = {row.code: row for row in rows}
    for code in book.types.keys() | stored.keys():
        row, kind = stored.get(code), book.types.get(code)
        said = (row.quota, row.held, row.confirmed) if row else None
        folded = (kind.quota, book.held[code], book.confirmed[code]) if kind else None
        detail = f"{book.inventory_id}: {code} (quota, held, confirmed) is {said}, the facts say {folded}"
        findings.expect(Check.TYPE_ROWS, said == folded, detail)


def check_reservations(book: Book, rows: Iterable[ReservationRow], findings: Findings) -> None:
    """Each reservation's row; afterwards every claim must have been seen."""
    seen = 0
    for row in rows:
        claim = book.claims.get(row.id)
        wrong = ["no fact has placed it"] if claim is None else _differences(claim, row)
        seen += claim is not None
        findings.saw(Check.RESERVATION_ROWS)
        if wrong:
            findings.fail(Check.RESERVATION_ROWS, f"{book.inventory_id}: {row.id}: {'; '.join(wrong)}")
    if seen != len(book.claims):
        missing = f"{len(book.claims) - seen} of {len(book.claims)} reservations have no row"
        findings.fail(Check.RESERVATION_ROWS, f"{book.inventory_id}: {missing}")


def _differences(claim: Claim, row: ReservationRow) -> list[str]:
    pairs = {name: (getattr(row, name), getattr(claim, name)) for name in _COMPARED}
    pairs["live"] = (row.live, claim.status in LIVE)
    return _unlike(pairs)
