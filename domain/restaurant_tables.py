"""What stands in the diaries of a restaurant's tables, and which tables fit which party.

Live reservations of one table never overlap, so that in a diary the order of their starts is the order of
their ends as well. What lies within some time is therefore one piece of a sorted list, found by bisection,
however many days are open.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from domain.restaurant_messages import RestaurantTerms, Table, TableReservation


class Stay(NamedTuple):
    """A half-open interval [start, free_at): the stay up to its end, and the buffer after it."""

    start_ms: int
    end_ms: int
    free_at_ms: int


class Diary:
    """One table's live reservations, in order of time. All intervals here are [start, free_at)."""

    __slots__ = ("_starts", "entries")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self.entries: list[TableReservation] = []

    def add(self, reservation: TableReservation) -> None:
        at = bisect_left(self._starts, reservation.start_ms)
        self._starts.insert(at, reservation.start_ms)
        self.entries.insert(at, reservation)

    def remove(self, reservation: TableReservation) -> None:
        at = bisect_left(self._starts, reservation.start_ms)
        del self._starts[at], self.entries[at]

    def within(self, start_ms: int, until_ms: int) -> list[TableReservation]:
        """Those whose time overlaps [start, until), in order."""
        until = bisect_left(self._starts, until_ms)
        since = until
        while since and self.entries[since - 1].free_at_ms > start_ms:
            since -= 1
        return self.entries[since:until]

    def starting(self, from_ms: int, until_ms: int) -> list[TableReservation]:
        """Those that start in [from, until)."""
        return self.entries[bisect_left(self._starts, from_ms) : bisect_left(self._starts, until_ms)]


class Option(NamedTuple):
    """Tables that together take a party: one, or such as may be joined."""

    tables: tuple[str, ...]
    smallest: int
    largest: int
    area: str
    traits: frozenset[str]

    def takes(self, party_size: int) -> bool:
        return self.smallest <= party_size <= self.largest


def options_of(terms: RestaurantTerms) -> tuple[Option, ...]:
    """All that can be had, best fit first: single tables by size, then joined ones, fewest and smallest.

    So a party of two gets no table for six while a smaller one is free, and tables are joined last. Among
    equals the operator's order decides.
    """
    active = {table.id: table for table in terms.tables if table.active}
    single = [_option([table], table.smallest, table.largest) for table in active.values()]
    joined = [
        _option([active[table_id] for table_id in join.tables], join.smallest, join.largest)
        for join in terms.joins
        if all(table_id in active for table_id in join.tables)
    ]
    return tuple(sorted(single + joined, key=lambda option: (len(option.tables), option.largest)))


def fitting(options: Iterable[Option], party_size: int, traits: Sequence[str] = ()) -> list[Option]:
    """Those that take the party and have all of the traits, on every table."""
    return [option for option in options if option.takes(party_size) and option.traits.issuperset(traits)]


def _option(tables: list[Table], smallest: int, largest: int) -> Option:
    areas = {table.area for table in tables}
    traits = frozenset.intersection(*(frozenset(table.traits) for table in tables))
    ids = tuple(table.id for table in tables)
    return Option(ids, smallest, largest, areas.pop() if len(areas) == 1 else "", traits)
