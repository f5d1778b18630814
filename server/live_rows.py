"""What is watched and read from rows: an event's seats, and the times that a restaurant has on a day.

Copies say only that there is something new; then rows are read, for all feeds of the same thing together
(`server.readings`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic

from domain.restaurant_messages import FreeTime
from domain.views import Availability
from server import views_restaurants
from server.live_messages import Changes
from server.readings import F, Reading
from server.seat_maps import SeatMap
from server.table_days import DayOfTables


class _FromRows(Generic[F]):
    """What both have in common: they hear of sequences and read rows that have reached them.

    Rows are shared, and may be further than what readers have been told: that is what is counted here."""

    def __init__(self, key: tuple[str, ...], first: Availability, reading: Reading[F], found: F) -> None:
        self.key = key
        self.first = first
        self._reading = reading
        self._found = found
        self._heard = self._told = found.sequence

    def hear(self, copy: Availability) -> bool:
        self._heard = max(self._heard, copy.sequence)
        return self._heard > self._told

    async def refresh(self) -> bool:
        found = await self._reading.current(self._heard, of_any_age=True)
        if found is None:
            return False
        self._found, self._told = found, found.sequence
        return True


class LiveSeats(_FromRows[SeatMap]):
    """An event's map of seats. See `live_feed.Watched`."""

    def __init__(self, reading: Reading[SeatMap], found: SeatMap) -> None:
        states = found.states
        first = Availability(states.event_id, states.sequence, states.at_ms, ())
        super().__init__(("seats", states.event_id), first, reading, found)

    @property
    def sequence(self) -> int:
        return self._found.sequence

    def state(self) -> bytes:
        return self._found.whole()

    def delta(self, since: int) -> bytes | None:
        return self._found.since(since)


class LiveTimes(_FromRows[DayOfTables]):
    """The times of a restaurant's day that a party of one size can have: `times` at first. See
    `live_feed.Watched`."""

    def __init__(
        self,
        reading: Reading[DayOfTables],
        day: DayOfTables,
        party_size: int,
        times: Mapping[int, FreeTime],
    ) -> None:
        found = day.found
        first = Availability(found.restaurant_id, found.sequence, found.at_ms, ())
        key = ("times", found.restaurant_id, str(found.day), str(party_size))
        super().__init__(key, first, reading, day)
        self._place = found.restaurant_id, found.day, party_size
        self._changes = Changes(found.sequence, times)

    @property
    def sequence(self) -> int:
        return self._changes.sequence

    async def refresh(self) -> bool:
        is_there = await super().refresh()
        if self._told > self.sequence:
            self._changes.take(self._told, await self._found.times(self._place[2]))
        return is_there

    def state(self) -> bytes:
        return views_restaurants.day_times(*self._place, self.sequence, self._changes.values.values())

    def delta(self, since: int) -> bytes | None:
        found = self._changes.since(since)
        if found is None:
            return None
        return views_restaurants.day_times_delta(*self._place, self.sequence, since, *found)
