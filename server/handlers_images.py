"""Images of restaurants: stored by operators, shown to all who may see the restaurant.

An image never changes, so whoever has it may keep it; of drafts nothing is kept on the way.
"""

from __future__ import annotations

from aiohttp import web

from domain.event_messages import Stage
from domain.images import IMAGE_MAX_BYTES, MEDIA_TYPES, Image, flaws, head_of
from domain.messages import Rejected
from domain.restaurant_messages import RestaurantReply
from server.bodies import read_body
from server.entity_tags import IF_NONE_MATCH, matches
from server.handlers_restaurants import found_restaurant, visible_restaurant
from server.ids import parse_id, uuid7
from server.keys import key_of
from server.parts import Parts
from server.problems import FieldError, Problem, not_found, refusal
from server.replies import Reply
from server.views import encode, page
from server.views_restaurants import image_view

KEPT_MAX_S = 31_536_000
"""A year: for ever, to a cache."""


class ImageHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def add(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Store an image of a restaurant: the file itself is the body."""
        parts = self._parts
        content = await read_body(request, IMAGE_MAX_BYTES)
        media_type = request.content_type
        if media_type not in MEDIA_TYPES:
            raise Problem("malformed", f"The content type must be one of {', '.join(MEDIA_TYPES)}.")
        restaurant = await found_restaurant(parts, restaurant_text)
        key = key_of(request, content)
        head = head_of(content)
        wrong = flaws(head, media_type)
        if head is None or wrong:
            errors = [FieldError(path, message) for path, message in wrong]
            raise Problem("invalid", "The image cannot be stored.", errors=errors)
        now_ms = parts.reads.now_ms()
        measures = (head.media_type, head.width, head.height, len(content))
        image = Image(uuid7(now_ms), restaurant.id, *measures, now_ms)
        stored = await parts.images.add(image, content, (key.request_id, key.fingerprint) if key else None)
        if isinstance(stored, Rejected):
            return refusal(stored)
        shown = image_view(stored)
        return Reply(201, encode(shown), f"Location: {shown.url}\r\n".encode())

    async def list_all(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """List a restaurant's images, the oldest first."""
        restaurant = await visible_restaurant(self._parts, request, restaurant_text)
        found = await self._parts.images.of(restaurant.id)
        return Reply(200, page([image_view(image) for image in found], None))

    async def show(self, request: web.BaseRequest, restaurant_text: str, image_text: str) -> Reply:
        """Send an image."""
        restaurant = await visible_restaurant(self._parts, request, restaurant_text)
        image_id = parse_id(image_text)
        image = await self._parts.images.image(restaurant.id, image_id) if image_id else None
        if image is None:
            raise not_found("image")
        lines = f'ETag: "{image.id}"\r\nCache-Control: {_kept(restaurant)}\r\n'.encode()
        if matches(request.headers.get(IF_NONE_MATCH), image.id):
            return Reply(304, b"", lines, content_type="")
        content = await self._parts.images.content(image.id)
        if content is None:
            raise not_found("image")
        return Reply(200, content, lines, image.media_type)

    async def remove(self, request: web.BaseRequest, restaurant_text: str, image_text: str) -> Reply:
        """Remove an image. Who has a copy may keep it."""
        parts = self._parts
        restaurant = await found_restaurant(parts, restaurant_text)
        image_id = parse_id(image_text)
        if image_id is None or not await parts.images.remove(restaurant.id, image_id):
            raise not_found("image")
        return Reply(204, content_type="")


def _kept(restaurant: RestaurantReply) -> str:
    if restaurant.stage is Stage.DRAFT:
        return "private, no-store"
    return f"public, max-age={KEPT_MAX_S}, immutable"
