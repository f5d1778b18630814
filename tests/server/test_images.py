"""Images of restaurants over HTTP: stored by operators, shown to all, bounded, and never something else."""

from __future__ import annotations

import io

import pytest

from domain.images import IMAGE_MAX_BYTES, IMAGE_SIDE_MAX_PIXELS, IMAGES_MAX, Head, flaws
from server import handlers_images
from server.handlers_images import KEPT_MAX_S
from server.ids import uuid7
from tests.server.conftest import OPERATOR, Answer, Api
from tests.server.test_restaurants import RESTAURANTS, house_body
from tests.unit.pictures import jpeg, png, webp


async def opened(api: Api, **changes: object) -> str:
    """A restaurant's path."""
    made = await api.post(RESTAURANTS, json=house_body(**changes), headers=OPERATOR)
    return f"{RESTAURANTS}/{made.json['id']}"


async def add(api: Api, path: str, content: bytes, media_type: str = "image/png", **headers: str) -> Answer:
    given = OPERATOR | {"Content-Type": media_type} | headers
    return await api.post(f"{path}/images", data=io.BytesIO(content), headers=given)


@pytest.mark.parametrize(
    ("media_type", "content"),
    [("image/png", png(7, 5)), ("image/jpeg", jpeg(7, 5)), ("image/webp", webp("VP8X", 7, 5))],
)
async def test_an_image_is_stored_and_shown_as_it_was(api: Api, media_type: str, content: bytes) -> None:
    path = await opened(api)
    made = await add(api, path, content, media_type)
    assert made.status == 201, made.raw
    shown = made.json
    assert (shown["media_type"], shown["width"], shown["height"]) == (media_type, 7, 5)
    assert (shown["size_bytes"], made.headers["Location"]) == (len(content), shown["url"])
    file = await api.get(shown["url"])
    assert (file.status, file.raw, file.headers["Content-Type"]) == (200, content, media_type)
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert file.headers["Cache-Control"] == f"public, max-age={KEPT_MAX_S}, immutable"
    assert (await api.get(f"{path}/images")).json["items"] == [shown]
    tag = {"If-None-Match": file.headers["ETag"]}
    unchanged = await api.get(shown["url"], headers=tag)
    assert (unchanged.status, unchanged.raw, unchanged.headers["ETag"]) == (304, b"", file.headers["ETag"])
    head = await api.ask("HEAD", shown["url"])
    assert (head.status, head.raw, head.headers["Content-Length"]) == (200, b"", str(len(content)))


async def test_images_are_the_operators_to_store_and_remove(api: Api) -> None:
    path = await opened(api)
    image = (await add(api, path, png())).json["url"]
    assert (await api.post(f"{path}/images", data=png(), headers={"Content-Type": "image/png"})).status == 401
    assert (await api.ask("DELETE", image)).status == 401
    other = await opened(api)
    elsewhere = f"{other}/images/{image.rpartition('/')[2]}"
    assert (await api.get(elsewhere)).code == "not_found"
    assert (await api.ask("DELETE", elsewhere, headers=OPERATOR)).code == "not_found"
    assert (await api.ask("DELETE", image, headers=OPERATOR)).status == 204
    assert (await api.get(image)).code == "not_found"
    assert (await api.ask("DELETE", image, headers=OPERATOR)).code == "not_found"


@pytest.mark.parametrize(
    ("content", "media_type", "code"),
    [
        (png(), "image/gif", "malformed"),
        (png(), "text/html", "malformed"),
        (png(), "image/jpeg", "invalid"),
        (b"<script>alert(1)</script>", "image/png", "invalid"),
        (b"", "image/png", "invalid"),
        (png(IMAGE_SIDE_MAX_PIXELS, 1), "image/png", ""),
        (png(IMAGE_SIDE_MAX_PIXELS + 1, 1), "image/png", "invalid"),
        (png().ljust(IMAGE_MAX_BYTES, b"\0"), "image/png", ""),
        (png().ljust(IMAGE_MAX_BYTES + 1, b"\0"), "image/png", "too_large"),
    ],
)
async def test_what_is_no_image_or_too_large_is_refused(
    api: Api, content: bytes, media_type: str, code: str
) -> None:
    path = await opened(api)
    answer = await add(api, path, content, media_type)
    assert answer.status == 201 if not code else answer.code == code
    assert code != "invalid" or answer.paths == ["body"]
    assert len((await api.get(f"{path}/images")).json["items"]) == (not code)


async def test_a_body_without_an_announced_length_is_cut_off_at_the_bound(api: Api) -> None:
    path = await opened(api)

    async def pieces() -> object:
        for _ in range(IMAGE_MAX_BYTES // 65_536 + 1):
            yield png().ljust(65_536, b"\0")

    given = OPERATOR | {"Content-Type": "image/png"}
    assert (await api.post(f"{path}/images", data=pieces(), headers=given)).code == "too_large"


async def test_a_restaurant_has_so_many_images_and_not_one_more(api: Api) -> None:
    path = await opened(api)
    urls = [(await add(api, path, png())).json["url"] for _ in range(IMAGES_MAX)]
    refused = await add(api, path, png())
    assert (refused.status, refused.code) == (409, "limit_exceeded")
    assert (refused.json["limit"], refused.json["requested"]) == (IMAGES_MAX, IMAGES_MAX + 1)
    await api.ask("DELETE", urls[3], headers=OPERATOR)
    assert (await add(api, path, png())).status == 201


async def test_a_key_that_comes_again_stores_one_image(api: Api) -> None:
    path = await opened(api)
    first = await add(api, path, png(), **{"Idempotency-Key": "once"})
    again = await add(api, path, png(), **{"Idempotency-Key": "once"})
    assert (first.status, first.json) == (again.status, again.json)
    assert (await add(api, path, png(9, 9), **{"Idempotency-Key": "once"})).code == "key_reused"
    assert len((await api.get(f"{path}/images")).json["items"]) == 1


async def test_images_of_a_draft_are_the_operators_to_see_and_are_kept_by_nobody(api: Api) -> None:
    path = await opened(api, status="draft")
    image = (await add(api, path, png())).json["url"]
    for url in (image, f"{path}/images"):
        assert (await api.get(url)).code == "not_found"
    seen = await api.get(image, headers=OPERATOR)
    assert (seen.raw, seen.headers["Cache-Control"]) == (png(), "private, no-store")
    await api.post(f"{path}/publish", headers=OPERATOR)
    assert (await api.get(image)).raw == png()


async def test_images_go_with_their_restaurant(api: Api) -> None:
    path = await opened(api)
    image = (await add(api, path, png())).json["url"]
    assert (await api.ask("DELETE", path, headers=OPERATOR)).status == 204
    assert (await api.get(image)).code == "not_found"
    assert (await add(api, path, png())).code == "not_found"


async def test_what_is_no_restaurant_or_image_is_not_found(api: Api) -> None:
    path = await opened(api)
    for id_ in ("x", uuid7(1), await api.new_event()):
        nowhere = f"{RESTAURANTS}/{id_}"
        assert (await add(api, nowhere, png())).code == "not_found"
        assert (await api.get(f"{nowhere}/images")).code == "not_found"
    for id_ in ("x", uuid7(1)):
        assert (await api.get(f"{path}/images/{id_}")).code == "not_found"
        assert (await api.ask("DELETE", f"{path}/images/{id_}", headers=OPERATOR)).code == "not_found"


async def test_the_bounds_are_in_the_document(api: Api) -> None:
    paths = (await api.get("/openapi.json")).json["paths"]
    content = paths[f"{RESTAURANTS}/{{restaurant_id}}/images"]["post"]["requestBody"]["content"]
    assert set(content) == {"image/png", "image/jpeg", "image/webp"}
    assert {one["schema"]["maxLength"] for one in content.values()} == {IMAGE_MAX_BYTES}


# --- planted bugs -------------------------------------------------------------------------------------


async def test_an_image_whose_type_is_believed_is_noticed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers_images, "flaws", lambda head, _: flaws(head, head.media_type))
    with pytest.raises(AssertionError):
        await test_what_is_no_image_or_too_large_is_refused(api, png(), "image/jpeg", "invalid")


async def test_an_image_that_nobody_looks_into_is_noticed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers_images, "head_of", lambda _: Head("image/png", 1, 1))
    with pytest.raises(AssertionError):
        await test_what_is_no_image_or_too_large_is_refused(api, b"<script>", "image/png", "invalid")
