"""Which owner an event belongs to: its own, or one that it shares. Can be changed while it sells."""

from __future__ import annotations

from aiohttp import web

from server import views
from server.bodies import Payload, read_body
from server.ids import parse_event_id
from server.parts import Parts
from server.payloads import NewPlacement
from server.placement import placement_of
from server.problems import not_found
from server.replies import Reply

_NEW = Payload(NewPlacement)


class PlacementHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Show which owner an event belongs to."""
        self._parts.access.require_operator(request)
        return _shown(*await self._found(event_text))

    async def change(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Give an event an owner of its own, or one that it shares, while it sells.

        The one it had loses the fence, and what was under way is asked of the new one.
        """
        parts = self._parts
        parts.access.require_operator(request)
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _NEW.parse(request, body).placement
        event_id, present = await self._found(event_text)
        owner = parts.options.placement.owner(event_id, wanted)
        if owner != present and not await parts.gateway.place(event_id, owner):
            raise not_found("event")
        return _shown(event_id, owner)

    async def _found(self, event_text: str) -> tuple[str, str]:
        event_id = parse_event_id(event_text)
        if event_id is None or await self._parts.reads.event(event_id) is None:
            raise not_found("event")
        owner = await self._parts.gateway.owner_of(event_id)
        if owner is None:
            raise not_found("event")
        return event_id, owner


def _shown(event_id: str, owner: str) -> Reply:
    return Reply(200, views.encode(views.PlacementView(event_id, placement_of(owner), owner)))
