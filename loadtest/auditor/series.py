"""What was sold over time, from the journal: for the plots, thinned to a bounded number of points."""

from __future__ import annotations

from loadtest.auditor.claims import Claim
from loadtest.auditor.fold import Book

POINTS_MAX = 2_000


class Series:
    """A watcher: (store time, held, confirmed, capacity) after appends, every other one dropped when full."""

    def __init__(self) -> None:
        self.points: list[tuple[int, int, int, int]] = []
        self._every = 1
        self._rows = 0

    def changed(self, book: Book, reservation_id: str, claim: Claim, at_ms: int) -> None:
        pass

    def row_ended(self, book: Book, at_ms: int) -> None:
        self._rows += 1
        if self._rows % self._every:
            return
        self.points.append(point(book, at_ms))
        if len(self.points) >= POINTS_MAX:
            self.points = self.points[::2]
            self._every *= 2

    def ended(self, book: Book) -> None:
        """The last state is always shown."""
        if book.seq:
            self.points.append(point(book, book.at_ms))


def point(book: Book, at_ms: int) -> tuple[int, int, int, int]:
    quotas = sum(kind.quota for kind in book.types.values())
    most = book.terms.capacity if book.terms is not None else None
    capacity = quotas if most is None else min(most, quotas)
    return at_ms, sum(book.held.values()), sum(book.confirmed.values()), capacity
