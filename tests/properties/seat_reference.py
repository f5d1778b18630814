"""The best seats once more, slow and obvious: every way to seat the group is made, and the best one taken.

Shares with `domain.seat_map` the plan's messages, its bounds and its fallbacks, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domain.seat_map import BEST_MAX_SEATS, Fallback
from domain.seat_plan import Plan

Group = tuple["Place", ...]


@dataclass(frozen=True)
class Place:
    """A seat and where it is: `at` counts the row's seats and aisles."""

    number: int
    row: int
    at: int
    name: str
    category: str
    accessible: bool
    companion: bool


@dataclass(frozen=True)
class Wish:
    """What a group asks for."""

    categories: tuple[str, ...]
    quantity: int
    accessible: int = 0
    fallback: Fallback = Fallback.REFUSE
    orphans: bool = False


def places_of(plan: Plan, overrides: dict[str, str]) -> list[Place]:
    found: list[Place] = []
    row_number = 0
    for section in plan.sections:
        for row in section.rows:
            at = 0
            for seat in row.seats:
                name = f"{section.label}/{row.label}/{seat.label}"
                category = overrides.get(name, seat.category)
                found.append(
                    Place(len(found), row_number, at, name, category, seat.accessible, seat.companion)
                )
                at += 2 if seat.aisle_after else 1
            row_number += 1
    return found


class SlowMap:
    """Which places are free, and the best of them."""

    def __init__(self, plan: Plan, overrides: dict[str, str] | None = None) -> None:
        self.places = places_of(plan, overrides or {})
        self.free = set(self.places)
        self.rows = sorted({place.row for place in self.places})

    def best(self, wish: Wish) -> tuple[int, ...] | None:
        if not 1 <= wish.quantity <= BEST_MAX_SEATS or not 0 <= wish.accessible <= wish.quantity:
            return None
        found = self.in_one_row(wish, wish.quantity, wish.accessible, wish.fallback is not Fallback.REFUSE)
        if found is None and wish.fallback is Fallback.SPLIT:
            found = self.split(wish)
        return None if found is None else tuple(sorted(place.number for place in found))

    # --- one row ------------------------------------------------------------------------------------

    def in_one_row(self, wish: Wish, quantity: int, accessible: int, gaps: bool) -> Group | None:
        for ways in (self.adjacent, self.with_gaps) if gaps else (self.adjacent,):
            for must_be_clean in (False,) if wish.orphans else (True, False):
                for row in self.rows:
                    groups = [
                        group
                        for group in ways(self.eligible(wish, row, accessible > 0), quantity, accessible)
                        if not (must_be_clean and self.leaves_orphan(group))
                    ]
                    if groups:
                        return min(groups, key=lambda group: self.badness(group, ways == self.with_gaps))
        return None

    def eligible(self, wish: Wish, row: int, special: bool) -> list[Place]:
        return [
            place
            for place in self.places
            if place in self.free
            and place.row == row
            and (not wish.categories or place.category in wish.categories)
            and (special or not (place.accessible or place.companion))
        ]

    def adjacent(self, eligible: list[Place], quantity: int, accessible: int) -> Iterator[Group]:
        for first in range(len(eligible) - quantity + 1):
            group = tuple(eligible[first : first + quantity])
            side_by_side = group[-1].at - group[0].at == quantity - 1
            if side_by_side and sum(place.accessible for place in group) == accessible:
                yield group

    def with_gaps(self, eligible: list[Place], quantity: int, accessible: int) -> Iterator[Group]:
        for_wheels = [place for place in eligible if place.accessible]
        others = [place for place in eligible if not place.accessible]
        if accessible == 0:
            for first in range(len(others) - quantity + 1):
                yield tuple(others[first : first + quantity])
            return
        if len(others) < quantity - accessible:
            return
        for first in range(len(for_wheels) - accessible + 1):
            chosen = for_wheels[first : first + accessible]
            centre = (chosen[0].at + chosen[-1].at) / 2
            nearest = sorted(
                others, key=lambda place: (not place.companion, abs(place.at - centre), place.at)
            )
            yield tuple(sorted(chosen + nearest[: quantity - accessible], key=lambda place: place.at))

    def badness(self, group: Group, gaps: bool) -> tuple[float, ...]:
        """Less is better."""
        first, last = group[0].at, group[-1].at
        middle = max(place.at for place in self.places if place.row == group[0].row) / 2
        companions = sum(place.companion for place in group) if any(p.accessible for p in group) else 0
        return (0 if gaps else -companions, last - first, abs((first + last) / 2 - middle))

    # --- orphans ------------------------------------------------------------------------------------

    def leaves_orphan(self, group: Group) -> bool:
        after = self.free - set(group)
        return any(
            not self.accompanied(place, after) and self.accompanied(place, self.free) for place in after
        )

    def accompanied(self, place: Place, among: Iterable[Place]) -> bool:
        return any(other.row == place.row and abs(other.at - place.at) == 1 for other in among)

    # --- several rows -------------------------------------------------------------------------------

    def split(self, wish: Wish) -> Group | None:
        before = set(self.free)
        try:
            first: Group = ()
            if wish.accessible:
                found = self.accessible_part(wish)
                if found is None:
                    return None
                first = found
                self.free -= set(first)
            rest = self.spread(wish, wish.quantity - len(first))
            return None if rest is None else first + rest
        finally:
            self.free = before

    def accessible_part(self, wish: Wish) -> Group | None:
        """Each accessible seat with a companion, or all of them alone; some of the group must remain."""
        sizes = {min(2 * wish.accessible, wish.quantity - 1), wish.accessible}
        for size in sorted(sizes, reverse=True):
            if wish.accessible <= size < wish.quantity:
                found = self.in_one_row(wish, size, wish.accessible, True)
                if found is not None:
                    return found
        return None

    def spread(self, wish: Wish, quantity: int) -> Group | None:
        """Whole rows, those with most seats first, until the rest fits into one."""
        most = max((self.eligible(wish, row, False) for row in self.rows), key=len)
        if len(most) >= quantity:
            return self.in_one_row(wish, quantity, 0, True)
        if not most:
            return None
        self.free -= set(most)
        rest = self.spread(wish, quantity - len(most))
        return None if rest is None else tuple(most) + rest
