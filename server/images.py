"""What the handlers ask of images: rows that nobody owns, stored and removed by front ends."""

from __future__ import annotations

from typing import Protocol

from domain.images import Image
from domain.messages import Rejected


class Images(Protocol):
    """Images of restaurants."""

    async def add(self, image: Image, content: bytes, key: tuple[bytes, bytes] | None) -> Image | Rejected:
        """Store it; `limit_exceeded` where the restaurant has as many as it may. `key`: an Idempotency-Key's
        id and its body's digest; if that has stored an image before, that one, or `key_reused`."""

    async def of(self, restaurant_id: str) -> list[Image]:
        """A restaurant's images, the oldest first."""

    async def image(self, restaurant_id: str, image_id: str) -> Image | None:
        """One of them."""

    async def content(self, image_id: str) -> bytes | None:
        """The file."""

    async def remove(self, restaurant_id: str, image_id: str | None = None) -> bool:
        """One of them, or all; False if there was none."""
