"""Which owner an event or a restaurant belongs to: its own, or one that it shares. Changed while it sells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

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
    """The handlers for one kind of inventory; each answers one route.

    `what` it is called where there is none, `read` is how it is found, `view` what is shown of it.
    """

    def __init__(
        self,
        parts: Parts,
        what: str,
        read: Callable[[str], Awaitable[object | None]],
        view: type[views.PlacementView | views.RestaurantPlacementView],
    ) -> None:
        self._parts = parts
        self._what = what
        self._read = read
        self._view = view

    async def show(self, _request: web.BaseRequest, inventory_text: str) -> Reply:
        """Show which owner it belongs to."""
        return self._shown(*await self._found(inventory_text))

    async def change(self, request: web.BaseRequest, inventory_text: str) -> Reply:
        """Give it an owner of its own, or one that it shares, while it sells.

        The one it had loses the fence, and what was under way is asked of the new one.
        """
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _NEW.parse(request, body).placement
        inventory_id, present = await self._found(inventory_text)
        owner = parts.options.placement.owner(inventory_id, wanted)
        if owner != present and not await parts.gateway.place(inventory_id, owner):
            raise not_found(self._what)
        return self._shown(inventory_id, owner)

    async def _found(self, inventory_text: str) -> tuple[str, str]:
        inventory_id = parse_event_id(inventory_text)
        if inventory_id is None or await self._read(inventory_id) is None:
            raise not_found(self._what)
        owner = await self._parts.gateway.owner_of(inventory_id)
        if owner is None:
            raise not_found(self._what)
        return inventory_id, owner

    def _shown(self, inventory_id: str, owner: str) -> Reply:
        return Reply(200, views.encode(self._view(inventory_id, placement_of(owner), owner)))


def event_placement(parts: Parts) -> PlacementHandlers:
    return PlacementHandlers(parts, "event", parts.reads.event, views.PlacementView)


def restaurant_placement(parts: Parts) -> PlacementHandlers:
    return PlacementHandlers(parts, "restaurant", parts.reads.restaurant, views.RestaurantPlacementView)
