"""When a restaurant is open, in moments; and the times of its grid at which a stay may begin.

Hours are local: open from 18:00 is open from 18:00 by the clock on the wall, summer and winter. A service
may end after midnight and still belongs to the day on which it began. A stay lasts its minutes, also in the
night when the clocks are changed; it begins on the grid and lies within one service.
"""

from __future__ import annotations

from collections.abc import Iterator

from domain.local_time import MINUTE_MS, bound_ms, local_of, moments_of, weekday
from domain.restaurant_messages import RestaurantTerms

Span = tuple[int, int]
"""[opens, closes) in milliseconds."""


class Hours:
    """The hours of one restaurant, found by day."""

    __slots__ = ("_grid_minutes", "_special", "_weekly", "zone")

    def __init__(self, terms: RestaurantTerms) -> None:
        self.zone = terms.time_zone
        self._grid_minutes = terms.slot_grid_minutes
        self._weekly: list[list[tuple[int, int]]] = [[] for _ in range(7)]
        for service in terms.services:
            self._weekly[service.weekday].append((service.opens_minute, service.closes_minute))
        self._special = {special.day: special.services for special in terms.special_days}

    def spans(self, day: int) -> list[Span]:
        """The services that begin on a day."""
        spans = []
        for opens_minute, closes_minute in self._special.get(day, self._weekly[weekday(day)]):
            opens_ms = bound_ms(self.zone, day, opens_minute)
            closes_ms = bound_ms(self.zone, day, closes_minute)
            if opens_ms is not None and closes_ms is not None:
                spans.append((opens_ms, closes_ms))
        return spans

    def open_during(self, start_ms: int, end_ms: int) -> bool:
        """Whether [start, end) lies within one service, of its day or of the night before."""
        day, _ = local_of(self.zone, start_ms)
        return _within(self.spans(day - 1) + self.spans(day), start_ms, end_ms)

    def starts(self, day: int, stay_minutes: int) -> Iterator[tuple[int, int]]:
        """The times of a day at which a stay may begin, as (moment, minute), in order."""
        stay_ms = stay_minutes * MINUTE_MS
        spans = [(opens_ms, closes_ms - stay_ms) for opens_ms, closes_ms in self.spans(day - 1)]
        spans += [(opens_ms, closes_ms - stay_ms) for opens_ms, closes_ms in self.spans(day)]
        if not spans:
            return
        # Asked for each search: 96 times of a grid, each of which costs next to nothing like this.
        for start_ms, minute in moments_of(self.zone, day, self._grid_minutes):
            for first_ms, last_ms in spans:
                if first_ms <= start_ms <= last_ms:
                    yield start_ms, minute
                    break


def _within(spans: list[Span], start_ms: int, end_ms: int) -> bool:
    return any(opens_ms <= start_ms and end_ms <= closes_ms for opens_ms, closes_ms in spans)
