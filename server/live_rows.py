"""What is watched and read from rows: an event's seats, and the times that a restaurant has on a day.

Copies say only that there is something new; then rows are read, for all feeds of the same thing together
(`server.readings`).
"""

from __future__ import annotations

from domain import restaurant
from domain.restaurant_messages import FreeTime, RestaurantDefinition
from domain.restaurant_search import times_of_day
from domain.views import Availability, TableDay
from server import views_restaurants
from server.live_messages import Changes
from server.readings import Reading
from server.seat_maps import SeatMap


class LiveSeats:
    """An event's map of seats. See `live_feed.Watched`.

    The map is shared: it may be further than what readers have been told, so it counts what they have."""

    def __init__(self, reading: Reading[SeatMap], seat_map: SeatMap) -> None:
        states = seat_map.states
        self.first = Availability(states.event_id, states.sequence, states.at_ms, ())
        self.key = ("seats", states.event_id)
        self._reading = reading
        self._map = seat_map
        self._heard = self._told = states.sequence

    @property
    def sequence(self) -> int:
        return self._map.sequence

    def hear(self, copy: Availability) -> bool:
        self._heard = max(self._heard, copy.sequence)
        return self._heard > self._told

    async def refresh(self) -> bool:
        found = await self._reading.current(self._heard, of_any_age=True)
        if found is None:
            return False
        self._map, self._told = found, found.sequence
        return True

    def state(self) -> bytes:
        return self._map.whole()

    def delta(self, since: int) -> bytes | None:
        return self._map.since(since)


class LiveTimes:
    """The times of a restaurant's day that a party of one size can have. See `live_feed.Watched`."""

    def __init__(self, reading: Reading[TableDay], day: TableDay, party_size: int) -> None:
        self.first = Availability(day.restaurant_id, day.sequence, day.at_ms, ())
        self.key = ("times", day.restaurant_id, str(day.day), str(party_size))
        self._reading = reading
        self._place = day.restaurant_id, day.day, party_size
        self._heard = day.sequence
        self._changes = Changes(day.sequence, _times(day, party_size))

    @property
    def sequence(self) -> int:
        return self._changes.sequence

    def hear(self, copy: Availability) -> bool:
        self._heard = max(self._heard, copy.sequence)
        return self._heard > self.sequence

    async def refresh(self) -> bool:
        found = await self._reading.current(self._heard, of_any_age=True)
        if found is None:
            return False
        if found.sequence > self.sequence:
            self._changes.take(found.sequence, _times(found, self._place[2]))
        return True

    def state(self) -> bytes:
        return views_restaurants.day_times(*self._place, self.sequence, self._changes.values.values())

    def delta(self, since: int) -> bytes | None:
        found = self._changes.since(since)
        if found is None:
            return None
        return views_restaurants.day_times_delta(*self._place, self.sequence, since, *found)


def _times(found: TableDay, party_size: int) -> dict[int, FreeTime]:
    """By minute of the day. The rules themselves say it, from what stands in the rows."""
    state = restaurant.restored(
        found.restaurant_id, RestaurantDefinition(found.terms, found.version, found.paused), 0
    )
    for reservation in found.reservations:
        restaurant.admit(state, reservation)
    return {time.minute: time for time in times_of_day(state, found.day, party_size)}
