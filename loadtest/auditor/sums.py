"""What was sold and for how much, by ticket type and minute: rows and statistics say what the fold says.

Sold is what is confirmed and not cancelled, at the prices of its lines; its minute is that of the fact which
confirmed it. What the statistics say comes with a sequence, and is held against the fold at that sequence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.auditor.claims import CONFIRMED, Claim
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.fold import Book
from loadtest.record import Ranked, Told

MINUTE_MS = 60_000
Sold = tuple[int, int]
"""Tickets, and what they were sold for in minor units."""


@dataclass(slots=True, frozen=True)
class SoldRow:
    """What the rows add up to for one ticket type and minute (since 1970)."""

    code: str
    minute: int
    tickets: int
    revenue: int


class Sums:
    """A watcher: when each reservation was confirmed, and what was told of each sequence."""

    def __init__(self, told: Iterable[Told], findings: Findings) -> None:
        self._findings = findings
        self._told: defaultdict[int, list[Told]] = defaultdict(list)
        for one in told:
            self._told[one.sequence].append(one)
        self._at_ms: dict[str, int] = {}

    def changed(self, book: Book, reservation_id: str, claim: Claim, at_ms: int) -> None:
        if claim.status == CONFIRMED:
            self._at_ms.setdefault(reservation_id, at_ms)
        else:
            self._at_ms.pop(reservation_id, None)

    def row_ended(self, book: Book, at_ms: int) -> None:
        for told in self._told.pop(book.seq, ()):
            self._check_told(book, told)

    def ended(self, book: Book, rows: Iterable[SoldRow], ranked: Iterable[Ranked]) -> None:
        """The fold is over: the rows of its sequence, and what was told of this event among others."""
        folded = self._sold(book)
        stored = {(row.code, row.minute): (row.tickets, row.revenue) for row in rows}
        for key in sorted(folded.keys() | stored.keys()):
            detail = f"{book.inventory_id}: {key} sold {stored.get(key)}, the facts say {folded.get(key)}"
            self._findings.expect(Check.SALES, stored.get(key) == folded.get(key), detail)
        self._findings.saw(Check.SALES)
        total = added(folded.values())
        for one in ranked:
            detail = f"{book.inventory_id}: ranked with {one.sold}, {one.revenue}, the facts say {total}"
            self._findings.expect(Check.STATISTICS, (one.sold, one.revenue) == total, detail)
        for sequence in self._told:
            detail = f"{book.inventory_id}: told of sequence {sequence}, the journal ends with {book.seq}"
            self._findings.expect(Check.STATISTICS, False, detail)

    def _sold(self, book: Book) -> dict[tuple[str, int], Sold]:
        """By ticket type and minute."""
        sums: dict[tuple[str, int], Sold] = {}
        for reservation_id, at_ms in self._at_ms.items():
            for code, quantity, price in book.claims[reservation_id].lines:
                key = code, at_ms // MINUTE_MS
                sums[key] = added((sums.get(key, (0, 0)), (quantity, quantity * price)))
        return sums

    def _check_told(self, book: Book, told: Told) -> None:
        sums = self._sold(book)
        first = told.since_ms // MINUTE_MS
        by_type = [
            (code, *added(sold for (of, _), sold in sums.items() if of == code), book.held[code])
            for code in book.types
        ]
        by_minute = [
            added(sold for (_, of), sold in sums.items() if of == minute)
            for minute in range(first, first + len(told.minutes))
        ]
        for said, folded in (
            ((told.sold, told.revenue), added(sums.values())),
            (list(told.types), by_type),
            (list(told.minutes), by_minute),
        ):
            detail = f"{book.where()}: told {said}, the facts say {folded}"
            self._findings.expect(Check.STATISTICS, said == folded, detail)


def added(sums: Iterable[Sold]) -> Sold:
    tickets = revenue = 0
    for more, money in sums:
        tickets, revenue = tickets + more, revenue + money
    return tickets, revenue
