"""Seats of an event: which are free, as a map needs it (`server.seat_maps`); blocked and unblocked."""

from __future__ import annotations

from aiohttp import web

from domain.event_messages import BlockSeats, EventReply, UnblockSeats
from domain.messages import Rejected
from server import views
from server.bodies import Payload, read_body
from server.event_version import if_event_version
from server.ids import parse_event_id
from server.keys import key_of
from server.paging import parse_query
from server.parts import Parts
from server.payloads import NamedSeats, SeatsQuery
from server.problems import not_found, refusal
from server.replies import Reply

_NAMED = Payload(NamedSeats)


class SeatHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Show which seats are free, held, sold or blocked, or what has changed since a sequence."""
        query = parse_query(request, SeatsQuery)
        event_id = parse_event_id(event_text)
        since = query.since if isinstance(query.since, int) else None
        found = await self._parts.seat_maps.of(event_id).current(since or 0) if event_id else None
        if found is None:
            raise not_found("event with seats")
        if found.states.hidden and not await self._parts.belongings.takes_charge(request, event_id):
            raise not_found("event with seats")
        tag = b'ETag: "%d"\r\nCache-Control: no-cache\r\n' % found.states.sequence
        changes = found.since(since) if since is not None else None
        return Reply(200, found.whole() if changes is None else changes, tag)

    async def block(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Keep seats off the sale: all of those named, or none."""
        return await self._switch(request, event_text, BlockSeats)

    async def unblock(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Put seats on sale again."""
        return await self._switch(request, event_text, UnblockSeats)

    async def _switch(
        self, request: web.BaseRequest, event_text: str, make: type[BlockSeats | UnblockSeats]
    ) -> Reply:
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        seats = _NAMED.parse(request, body).seats
        event_id = parse_event_id(event_text)
        if event_id is None:
            raise not_found("event")
        command = make(seats, await if_event_version(parts, request, event_id))
        answer = await parts.gateway.ask(event_id, command, key_of(request, body))
        parts.metrics.commanded(make, answer)
        if isinstance(answer, Rejected):
            return refusal(answer)
        assert isinstance(answer, EventReply)
        return Reply(200, views.encode(views.event_view(answer)), b'ETag: "%d"\r\n' % answer.version)
