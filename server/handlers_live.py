"""What is available of an event, live (`server/live.py`)."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from msgspec import Meta
from multidict import istr

from server.ids import parse_event_id
from server.live import EventStream
from server.parts import Parts
from server.problems import not_found
from server.replies import Reply

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
        if found is None or (found.draft and not parts.access.sees_all(request)):
            raise not_found("event")
        parts.live.check_room()
        return EventStream(parts.live, found, last)


def _last_sequence(request: web.BaseRequest) -> int | None:
    """None: the client has had nothing, or nothing of ours."""
    text = request.headers.get(LAST_EVENT_ID, "")
    is_ours = text.isascii() and text.isdecimal() and len(text) <= SEQUENCE_MAX_DIGITS
    return int(text) if is_ours else None
