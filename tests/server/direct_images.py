"""Images in memory, under the same rules."""

from __future__ import annotations

from domain.images import IMAGES_MAX, Image
from domain.messages import Code, Rejected
from persistence.images import FULL


class DirectImages:
    """What there is, and what keys have made."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[Image, bytes]] = {}
        self.recorded: dict[bytes, tuple[bytes, Image]] = {}

    async def add(self, image: Image, content: bytes, key: tuple[bytes, bytes] | None) -> Image | Rejected:
        if key is not None and key[0] in self.recorded:
            fingerprint, made = self.recorded[key[0]]
            reused = Rejected(Code.KEY_REUSED, "This key came with another body.")
            return made if fingerprint == key[1] else reused
        if len(await self.of(image.restaurant_id)) >= IMAGES_MAX:
            return FULL
        self.kept[image.id] = (image, content)
        if key is not None:
            self.recorded[key[0]] = (key[1], image)
        return image

    async def of(self, restaurant_id: str) -> list[Image]:
        return [image for image, _ in self.kept.values() if image.restaurant_id == restaurant_id]

    async def image(self, restaurant_id: str, image_id: str) -> Image | None:
        return next((image for image in await self.of(restaurant_id) if image.id == image_id), None)

    async def content(self, image_id: str) -> bytes | None:
        found = self.kept.get(image_id)
        return found[1] if found else None

    async def remove(self, restaurant_id: str, image_id: str | None = None) -> bool:
        gone = [image.id for image in await self.of(restaurant_id) if image_id in (None, image.id)]
        for one in gone:
            del self.kept[one]
        return bool(gone)
