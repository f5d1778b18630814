"""Images in PostgreSQL, stored and removed by front ends: each change is one statement.

They are rows because they are few, small and bounded, and every front end has to see them; they survive with
the database, and a dump has them. A restaurant's images have places from 0 on, each once: so the database
itself bounds how many there are, whoever adds some at the same time.
"""

# ruff: noqa: S608 - statements are put together from constants of this file only
from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from domain.images import IMAGES_MAX, Image
from domain.messages import Code, Rejected
from persistence.connection import Limits, Links, QueueLimits, Row
from persistence.rows import scope_id
from persistence.store import OutcomeUnknown, Refused

CONNECTIONS_MAX = 2
WAITING_MAX_STATEMENTS = 100
ADD_MAX_TRIES = 5
SCOPE = "images"
LIMITS = Limits(command_timeout_s=5.0, statement_timeout_s=4.0)
PLACE_TAKEN = "images_place"

FULL = Rejected(
    Code.LIMIT_EXCEEDED,
    f"A restaurant has at most {IMAGES_MAX} images.",
    {"limit": IMAGES_MAX, "requested": IMAGES_MAX + 1},
)

ADD = f"""
WITH free AS (
  SELECT n FROM generate_series(0, {IMAGES_MAX - 1}) n
   WHERE NOT EXISTS (SELECT FROM images WHERE restaurant_id = $2 AND place = n) ORDER BY n LIMIT 1),
recorded AS (
  INSERT INTO requests (request_id, scope, fingerprint, reply, expires_ms)
  SELECT $9::bytea, $10::uuid, $11::bytea, $12::bytea, $13::bigint FROM free WHERE $9 IS NOT NULL
  ON CONFLICT DO NOTHING RETURNING 1)
INSERT INTO images (id, restaurant_id, place, media_type, width, height, size_bytes, created_ms, content)
SELECT $1::uuid, $2::uuid, n, $3::text, $4::integer, $5::integer, $6::integer, $7::bigint, $8::bytea
  FROM free WHERE $9 IS NULL OR EXISTS (SELECT FROM recorded)
RETURNING 1"""
"""No row where all places are taken, or where the key has stored an image already."""

RECORDED = "SELECT fingerprint, reply FROM requests WHERE request_id = $1 AND scope = $2"

_IMAGES = """
SELECT id::text, restaurant_id::text, media_type, width, height, size_bytes, created_ms
  FROM images WHERE restaurant_id = $1"""
OF_RESTAURANT = _IMAGES + " ORDER BY id"
IMAGE = _IMAGES + " AND id = $2"
CONTENT = "SELECT content FROM images WHERE id = $1"
REMOVE = "DELETE FROM images WHERE restaurant_id = $1 AND ($2::uuid IS NULL OR id = $2) RETURNING 1"

_images = msgspec.msgpack.Decoder(Image)


class PostgresImages:
    """The `Images` of front ends (see `server.images`)."""

    def __init__(self, database_url: str, deadline_ms: int = 5_000, key_retention_s: int = 25 * 3600) -> None:
        queue = QueueLimits(WAITING_MAX_STATEMENTS, deadline_ms / 2000)
        self._links = Links(database_url, "turnstile images", LIMITS, CONNECTIONS_MAX, queue)
        self._deadline_ms = deadline_ms
        self._key_retention_ms = key_retention_s * 1000

    async def add(self, image: Image, content: bytes, key: tuple[bytes, bytes] | None) -> Image | Rejected:
        request_id, fingerprint = key or (None, b"")
        scope, expires_ms = scope_id(SCOPE), image.created_ms + self._key_retention_ms
        recorded = (request_id, scope, fingerprint, msgspec.msgpack.encode(image), expires_ms)
        measures = (image.media_type, image.width, image.height, image.size_bytes, image.created_ms)
        for _ in range(ADD_MAX_TRIES):
            try:
                if await self._ask(ADD, image.id, image.restaurant_id, *measures, content, *recorded):
                    return image
            except Refused as error:
                if error.constraint != PLACE_TAKEN:
                    raise
                continue  # somebody else had the same place in mind
            done = await self._ask(RECORDED, request_id, scope) if request_id else ()
            if not done:
                return FULL
            if done[0]["fingerprint"] != fingerprint:
                return Rejected(Code.KEY_REUSED, "This key came with another body.")
            return _images.decode(done[0]["reply"])
        return Rejected(Code.OVERLOADED, "Too many images are being added at once; nothing happened.")

    async def of(self, restaurant_id: str) -> list[Image]:
        return [Image(*row) for row in await self._ask(OF_RESTAURANT, restaurant_id)]

    async def image(self, restaurant_id: str, image_id: str) -> Image | None:
        rows = await self._ask(IMAGE, restaurant_id, image_id)
        return Image(*rows[0]) if rows else None

    async def content(self, image_id: str) -> bytes | None:
        rows = await self._ask(CONTENT, image_id)
        return rows[0]["content"] if rows else None

    async def remove(self, restaurant_id: str, image_id: str | None = None) -> bool:
        return bool(await self._ask(REMOVE, restaurant_id, image_id))

    async def close(self) -> None:
        await self._links.close()

    async def _ask(self, sql: str, *values: object) -> Sequence[Row]:
        try:
            async with asyncio.timeout(self._deadline_ms / 1000):
                return await self._links.fetch(sql, *values)
        except TimeoutError:
            raise OutcomeUnknown("PostgreSQL did not answer in time") from None
