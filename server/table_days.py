"""The tables of a restaurant's day as a front end has them: read from rows, for all who watch that day.

Which times a party can have follows from them by the rules. For a large house that is work of tens of
milliseconds, so it is done once for all who watch the same, beside the loop and one at a time in a front end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from domain import restaurant
from domain.restaurant_messages import FreeTime, RestaurantDefinition
from domain.restaurant_search import times_of_day
from domain.restaurant_state import State
from domain.views import TableDay
from server.readings import Readings
from server.reads import Reads

PARTIES_KEPT_MAX = 32
"""Of a day: sizes of parties whose times are known."""

TableDays = Readings[tuple[str, int], "DayOfTables"]


def table_days(reads: Reads) -> TableDays:
    """Those of a front end, by restaurant and day."""
    working = asyncio.Lock()

    async def read(place: tuple[str, int], _before: DayOfTables | None) -> DayOfTables | None:
        found = await reads.table_day(*place)
        return None if found is None else DayOfTables(found, working)

    return Readings(read)


class DayOfTables:
    """A day as it was read, and what has been worked out of it. Who works has the lock `working`."""

    def __init__(self, found: TableDay, working: asyncio.Lock) -> None:
        self.found = found
        self._working = working
        self._state: State | None = None
        self._times: dict[int, Mapping[int, FreeTime]] = {}

    @property
    def sequence(self) -> int:
        return self.found.sequence

    async def times(self, party_size: int) -> Mapping[int, FreeTime]:
        """What a party of that size can have, by minute of the day."""
        async with self._working:
            times = self._times.get(party_size)
            if times is None:
                times = await asyncio.to_thread(self._worked_out, party_size)
                if len(self._times) >= PARTIES_KEPT_MAX:
                    del self._times[next(iter(self._times))]
                self._times[party_size] = times
        return times

    def _worked_out(self, party_size: int) -> Mapping[int, FreeTime]:
        """The rules themselves say it, from what stands in the rows."""
        found = self.found
        if self._state is None:
            definition = RestaurantDefinition(found.terms, found.version, found.paused, found.stage)
            self._state = restaurant.rebuilt(found.restaurant_id, definition, found.reservations)
        return {time.minute: time for time in times_of_day(self._state, found.day, party_size)}
