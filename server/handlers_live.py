"""What is available, live (`server/live.py`): an event's tickets and seats, a restaurant's times of a day."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from msgspec import Meta
from multidict import istr

from domain.event_messages import Stage
from domain.local_time import local_of
from domain.views import TableDay
from server.callers import caller_of
from server.handlers_restaurants import restaurant_id_of
from server.ids import parse_event_id
from server.live import EventStream
from server.live_counts import LiveCounts
from server.live_rows import LiveSeats, LiveTimes
from server.paging import parse_query
from server.parts import Parts
from server.payloads_restaurants import WatchQuery
from server.problems import invalid, not_found
from server.replies import Reply
from server.views_restaurants import day_of

LAST_EVENT_ID = istr("Last-Event-ID")
SEQUENCE_MAX_DIGITS = 15

LiveEvents = Annotated[
    str,
    Meta(
        description="Server-sent events; an id is the sequence. First `state`, its data an AvailabilityView,"
        " then `delta`, its data an AvailabilityDelta since the event before. Where ticket types are added"
        " or removed, `state` again. With Last-Event-ID the first may be a `delta` since that. Comments keep"
        " the connection open; who does not read is cut off, and goes on with Last-Event-ID."
    ),
]

LiveSeatEvents = Annotated[
    str,
    Meta(
        description="Server-sent events; an id is the sequence. First `state`, its data a SeatMapView with"
        " all `states`, then `delta`, its data a SeatMapView with the `changes` since the event before; where"
        " these would be longer than the map, `state` again. All else as for an event's availability."
    ),
]
LiveTimeEvents = Annotated[
    str,
    Meta(
        description="Server-sent events; an id is the restaurant's sequence. First `state`, its data a"
        " DayTimesView, then `delta`, its data a DayTimesDelta since the event before. All else as for an"
        " event's availability."
    ),
]


class LiveHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def stream(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Watch what is available: all of it first, then what changes."""
        parts = self._parts
        event_id = parse_event_id(event_text)
        last = _last_sequence(request)
        found = await parts.reads.availability(event_id, last or 0) if event_id else None
        if found is None or (found.draft and not await parts.belongings.takes_charge(request, event_id)):
            raise not_found("event")
        parts.live.check_room()
        return EventStream(parts.live, LiveCounts(found), last)

    async def seats(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Watch which seats are free: the whole map first, then what changes in it."""
        parts = self._parts
        event_id = parse_event_id(event_text)
        last = _last_sequence(request)
        reading = parts.seat_maps.of(event_id) if event_id else None
        found = await reading.current(last or 0) if reading else None
        if reading is None or found is None:
            raise not_found("event with seats")
        if found.states.hidden and not await parts.belongings.takes_charge(request, event_id):
            raise not_found("event with seats")
        parts.live.check_room()
        return EventStream(parts.live, LiveSeats(reading, found), last)

    async def times(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Watch which times of a date a party can have: all of them first, then what changes."""
        parts = self._parts
        restaurant_id = restaurant_id_of(restaurant_text)
        query = parse_query(request, WatchQuery)
        last = _last_sequence(request)
        reading = parts.table_days.of((restaurant_id, day_of(query.date)))
        day = await reading.current(last or 0)
        if day is None or (
            day.found.stage is Stage.DRAFT and not caller_of(request).organises(day.found.terms.organiser_id)
        ):
            raise not_found("restaurant")
        _check(day.found, query.party_size, parts.reads.now_ms())
        parts.live.check_room()
        times = await day.times(query.party_size)
        return EventStream(parts.live, LiveTimes(reading, day, query.party_size, times), last)


def _check(found: TableDay, party_size: int, now_ms: int) -> None:
    """Raises a problem where nothing can ever be had."""
    terms = found.terms
    today, _ = local_of(terms.time_zone, now_ms)
    if not today <= found.day <= today + terms.days_ahead_max:
        raise invalid("date", f"From the restaurant's today to {terms.days_ahead_max} days ahead.")
    if not terms.party_smallest <= party_size <= terms.party_largest:
        raise invalid("party_size", f"From {terms.party_smallest} to {terms.party_largest}.")


def _last_sequence(request: web.BaseRequest) -> int | None:
    """None: the client has had nothing, or nothing of ours."""
    text = request.headers.get(LAST_EVENT_ID, "")
    is_ours = text.isascii() and text.isdecimal() and len(text) <= SEQUENCE_MAX_DIGITS
    return int(text) if is_ours else None
