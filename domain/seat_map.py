"""Which seats of a layout are free, and the best of them for a group.

- The best row is the first in the plan's order that has a place for the group; within a row the place
  nearest to its middle (`domain.seat_choice`).
- A placement that leaves an orphan, a single free seat that had a free neighbour, is taken only if there is
  none without in any row, or if the caller does not mind orphans.
- Where no row has the seats side by side, `Fallback` says what else will do: one row with gaps; or several
  rows, as few as can be: those with most seats are taken whole until the rest of the group fits into one.
- Accessible and companions' seats are given out only to groups with accessible seats. Those sit in one row;
  if the group is split, each of them with one companion if that can be, else alone, before the others.

How it is fast: for each question (categories, quantity, ...) there is one byte a row, which says whether the
row may have an answer. A row that was looked at and had none is not looked at again until one of its seats
changes. So the first row is found by a search for a byte, and what a search costs beyond that has been
caused, row by row, by changes since the one before.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from heapq import nlargest
from typing import NamedTuple

from domain import seat_choice
from domain.seat_plan import Layout

BEST_MAX_SEATS = 50
QUESTIONS_KEPT_MAX = 256


class Fallback(enum.StrEnum):
    """What will do where no row has the seats side by side. Each includes those before it."""

    REFUSE = "refuse"
    GAPS = "gaps"
    SPLIT = "split"


class _Question(NamedTuple):
    """What is looked for in a row."""

    categories: tuple[str, ...]
    quantity: int
    accessible: int
    gaps: bool
    clean: bool


class SeatMap:
    """The free seats of one event. All seats are free at first."""

    __slots__ = ("_counts", "_free", "_may_answer", "layout")

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._free = list(layout.places)
        self._counts = [layout.categories.get(code, 0) for code in layout.codes]
        self._may_answer: dict[_Question, bytearray] = {}

    def on(self, layout: Layout) -> SeatMap:
        """The same free seats on a layout that differs in categories only."""
        twin = SeatMap(layout)
        twin._free = list(self._free)
        twin._counts = layout.count_at(twin._free)
        return twin

    def take(self, numbers: Iterable[int]) -> None:
        """Make free seats taken."""
        self._change(numbers, -1)

    def release(self, numbers: Iterable[int]) -> None:
        """Make taken seats free."""
        self._change(numbers, 1)

    def is_free(self, number: int) -> bool:
        return self._free[self.layout.row_of[number]] >> self.layout.place_of[number] & 1 == 1

    def free_count(self, category: str) -> int:
        """Free seats of a category, accessible and companions' seats among them."""
        codes = self.layout.codes
        return self._counts[codes.index(category)] if category in codes else 0

    def best(
        self,
        categories: tuple[str, ...],
        quantity: int,
        accessible: int = 0,
        fallback: Fallback = Fallback.REFUSE,
        orphans: bool = False,
    ) -> tuple[int, ...] | None:
        """The numbers of the best free seats for a group, in order; None where there are none. Takes nothing.

        `categories`: empty for any. `quantity`: seats in all, `accessible` of them accessible ones.
        """
        if not (1 <= quantity <= BEST_MAX_SEATS and 0 <= accessible <= quantity):
            return None
        if len(categories) > 1:
            categories = tuple(sorted(set(categories)))
        gaps = fallback is not Fallback.REFUSE
        found = self._in_one_row(categories, quantity, accessible, gaps, orphans)
        if found is None and fallback is Fallback.SPLIT:
            return self._split(categories, quantity, accessible, orphans)
        return found

    def _change(self, numbers: Iterable[int], by: int) -> None:
        free, row_of, place_of, kind_of = (
            self._free,
            self.layout.row_of,
            self.layout.place_of,
            self.layout.kind_of,
        )
        changed = set()
        for number in numbers:
            row, bit = row_of[number], 1 << place_of[number]
            assert bool(free[row] & bit) == (by < 0), f"seat {number} is so already"
            free[row] ^= bit
            self._counts[kind_of[number]] += by
            changed.add(row)
        for may_answer in self._may_answer.values():
            for row in changed:
                may_answer[row] = 1

    # --- one row ----------------------------------------------------------------------------------

    def _in_one_row(
        self, categories: tuple[str, ...], quantity: int, accessible: int, gaps: bool, orphans: bool
    ) -> tuple[int, ...] | None:
        for with_gaps in (False, True) if gaps and quantity > 1 else (False,):
            for clean in (False,) if orphans else (True, False):
                found = self._first(_Question(categories, quantity, accessible, with_gaps, clean))
                if found is not None:
                    return found
        return None

    def _first(self, question: _Question) -> tuple[int, ...] | None:
        wanted = self.layout.wanted_places(question.categories, question.accessible > 0)
        may_answer = self._may_answer.get(question)
        if may_answer is None:
            may_answer = self._begin(question, wanted)
        free, quantity = self._free, question.quantity
        row = may_answer.find(1)
        while row >= 0:
            eligible = free[row] & wanted[row]
            seats = self._choose(question, row, eligible) if eligible.bit_count() >= quantity else 0
            if seats:
                return self.layout.numbers_at(row, seats)
            may_answer[row] = 0
            row = may_answer.find(1, row)
        return None

    def _begin(self, question: _Question, wanted: list[int]) -> bytearray:
        if len(self._may_answer) >= QUESTIONS_KEPT_MAX:
            del self._may_answer[next(iter(self._may_answer))]
        may_answer = bytearray(map(bool, wanted))
        self._may_answer[question] = may_answer
        return may_answer

    def _choose(self, question: _Question, row: int, eligible: int) -> int:
        _, quantity, accessible, gaps, clean = question
        free, width = self._free[row], self.layout.widths[row]
        if not accessible:
            choose = seat_choice.with_gaps if gaps else seat_choice.adjacent
            return choose(free, eligible, width, quantity, clean)
        places = self.layout.accessible_places[row], self.layout.companion_places[row]
        choose_accessible = seat_choice.with_gaps_accessible if gaps else seat_choice.adjacent_accessible
        return choose_accessible(free, eligible, width, quantity, clean, *places, accessible)

    # --- several rows -----------------------------------------------------------------------------

    def _split(
        self, categories: tuple[str, ...], quantity: int, accessible: int, orphans: bool
    ) -> tuple[int, ...] | None:
        """Parts are taken while the others are looked for, and given back at the end."""
        first: tuple[int, ...] = ()
        if accessible:
            found = self._accessible_part(categories, quantity, accessible, orphans)
            if found is None:
                return None
            first = found
        self.take(first)
        rest = self._spread(categories, quantity - len(first), orphans)
        self.release(first)
        return None if rest is None else tuple(sorted(first + rest))

    def _accessible_part(
        self, categories: tuple[str, ...], quantity: int, accessible: int, orphans: bool
    ) -> tuple[int, ...] | None:
        for size in (min(2 * accessible, quantity - 1), accessible):
            if accessible <= size < quantity:
                found = self._in_one_row(categories, size, accessible, True, orphans)
                if found is not None:
                    return found
        return None

    def _spread(self, categories: tuple[str, ...], quantity: int, orphans: bool) -> tuple[int, ...] | None:
        """Ordinary seats in as few rows as can be."""
        wanted = self.layout.wanted_places(categories, False)
        counts = [(free & places).bit_count() for free, places in zip(self._free, wanted, strict=True)]
        if sum(counts) < quantity:
            return None
        taken: tuple[int, ...] = ()
        for row in nlargest(quantity, range(len(counts)), key=lambda row: (counts[row], -row)):
            if counts[row] >= quantity - len(taken) or not counts[row]:
                break
            taken += self.layout.numbers_at(row, self._free[row] & wanted[row])
        self.take(taken)
        rest = self._in_one_row(categories, quantity - len(taken), 0, True, orphans)
        self.release(taken)
        return None if rest is None else taken + rest
