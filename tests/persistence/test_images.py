"""Images in PostgreSQL: stored whole, bounded in number whoever adds some, once for each key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from domain.images import IMAGES_MAX, Image
from domain.messages import Code, Rejected
from persistence.images import PostgresImages
from tests.persistence.sales import NOW_MS, new_id
from tests.persistence.worlds import PostgresWorld

CONTENT = bytes(range(256)) * 4


@pytest.fixture
async def images(postgres: PostgresWorld) -> AsyncIterator[PostgresImages]:
    made = PostgresImages(postgres.url)
    yield made
    await made.close()


def an_image(restaurant_id: str) -> Image:
    return Image(new_id(), restaurant_id, "image/png", 4, 3, len(CONTENT), NOW_MS)


async def test_an_image_is_read_as_it_was_stored(images: PostgresImages) -> None:
    mine, others = an_image(new_id()), an_image(new_id())
    assert await images.add(mine, CONTENT, None) == mine
    assert await images.add(others, b"another", None) == others
    assert await images.of(mine.restaurant_id) == [mine]
    assert await images.image(mine.restaurant_id, mine.id) == mine
    assert await images.image(mine.restaurant_id, others.id) is None
    assert await images.content(mine.id) == CONTENT
    assert await images.content(new_id()) is None


async def test_of_many_who_add_at_once_so_many_do_and_a_place_that_is_left_is_taken_again(
    postgres: PostgresWorld,
) -> None:
    restaurant_id, clients = new_id(), [PostgresImages(postgres.url) for _ in range(3)]
    wanted = [an_image(restaurant_id) for _ in range(IMAGES_MAX + 5)]

    async def add(number: int, image: Image) -> Image | Rejected:
        while True:
            stored = await clients[number % 3].add(image, CONTENT, None)
            if not (isinstance(stored, Rejected) and stored.code is Code.OVERLOADED):
                return stored

    stored = await asyncio.gather(*(add(number, image) for number, image in enumerate(wanted)))
    kept = [one for one in stored if isinstance(one, Image)]
    refused = {one.code for one in stored if isinstance(one, Rejected)}
    assert (len(kept), refused) == (IMAGES_MAX, {Code.LIMIT_EXCEEDED})
    assert await clients[0].of(restaurant_id) == sorted(kept, key=lambda one: one.id)
    assert await clients[0].remove(restaurant_id, kept[7].id)
    assert not await clients[0].remove(restaurant_id, kept[7].id)
    assert await clients[1].add(wanted[0] if wanted[0] not in kept else an_image(restaurant_id), b"", None)
    assert len(await clients[0].of(restaurant_id)) == IMAGES_MAX
    assert await clients[0].remove(restaurant_id)
    assert await clients[0].of(restaurant_id) == []
    for client in clients:
        await client.close()


async def test_a_key_stores_one_image_and_a_refusal_is_no_effect(images: PostgresImages) -> None:
    restaurant_id, key = new_id(), (new_id().encode(), b"body")
    for _ in range(IMAGES_MAX):
        await images.add(an_image(restaurant_id), b"", None)
    refused = await images.add(an_image(restaurant_id), b"", key)
    assert isinstance(refused, Rejected)
    assert refused.code is Code.LIMIT_EXCEEDED
    first = (await images.of(restaurant_id))[0]
    await images.remove(restaurant_id, first.id)
    stored = await images.add(an_image(restaurant_id), b"", key)
    assert isinstance(stored, Image)
    await images.remove(restaurant_id, stored.id)
    again = await images.add(replace(stored, id=new_id()), b"", key)
    assert again == stored
    other = await images.add(an_image(restaurant_id), b"", (key[0], b"another body"))
    assert isinstance(other, Rejected)
    assert other.code is Code.KEY_REUSED
