"""What a file is, and how large a picture, by its first bytes; and which pictures are too large."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.images import (
    IMAGE_AREA_MAX_PIXELS,
    IMAGE_SIDE_MAX_PIXELS,
    JPEG,
    PNG,
    WEBP,
    Head,
    flaws,
    head_of,
)
from tests.unit.pictures import jpeg, png, webp

SIDES = some.integers(1, 16_383)


@given(SIDES, SIDES)
def test_each_format_says_its_measures(width: int, height: int) -> None:
    assert head_of(png(width, height)) == Head(PNG, width, height)
    for frame in (0xC0, 0xC1, 0xC2, 0xCF):
        assert head_of(jpeg(width, height, frame)) == Head(JPEG, width, height)
    for kind in ("VP8 ", "VP8L", "VP8X"):
        assert head_of(webp(kind, width, height)) == Head(WEBP, width, height)


def test_what_stands_before_a_jpegs_frame_is_passed_over() -> None:
    tables = b"\xff\xc4\0\x04ab\xff\xff\xff\xdb\0\x03a\xff\x01\xff\xd0"
    assert head_of(jpeg(7, 5, before=tables)) == Head(JPEG, 7, 5)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a" + bytes(40),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        png()[:23],
        png().replace(b"IHDR", b"IDAT"),
        jpeg()[:-1][:-1],
        jpeg().replace(b"\xff\xc0", b"\xff\xda"),
        b"\xff\xd8\xff\xe0\0\0" + bytes(40),
        b"\xff\xd8\xff" + b"\xff" * 40,
        webp()[:29],
        webp().replace(b"\x9d\x01\x2a", b"\x9d\x01\x2b"),
        webp("VP8L").replace(b"\x2f", b"\x2e"),
        webp().replace(b"WEBP", b"WAVE"),
        webp().replace(b"VP8 ", b"ALPH"),
    ],
)
def test_what_is_no_picture_or_cut_off_is_none(content: bytes) -> None:
    assert head_of(content) is None


@given(some.sampled_from((png(), jpeg(), webp(), webp("VP8L"), webp("VP8X"))), some.data())
def test_whatever_is_sent_is_looked_at_without_a_fault(content: bytes, data: some.DataObject) -> None:
    broken = bytearray(content[: data.draw(some.integers(0, len(content)))])
    for at in data.draw(some.lists(some.integers(0, max(0, len(broken) - 1)), max_size=4)):
        if broken:
            broken[at] = data.draw(some.integers(0, 255))
    found = head_of(bytes(broken))
    assert found is None or flaws(found, found.media_type) is not None


@pytest.mark.parametrize(
    ("width", "height", "sound"),
    [
        (1, 1, True),
        (0, 1, False),
        (1, 0, False),
        (IMAGE_SIDE_MAX_PIXELS, 1, True),
        (1, IMAGE_SIDE_MAX_PIXELS, True),
        (IMAGE_SIDE_MAX_PIXELS + 1, 1, False),
        (1, IMAGE_SIDE_MAX_PIXELS + 1, False),
        (8_000, IMAGE_AREA_MAX_PIXELS // 8_000, True),
        (8_000, IMAGE_AREA_MAX_PIXELS // 8_000 + 1, False),
    ],
)
def test_a_picture_has_bounds(width: int, height: int, sound: bool) -> None:
    assert (flaws(Head(PNG, width, height), PNG) == ()) is sound


def test_a_picture_is_what_it_is_said_to_be() -> None:
    assert flaws(Head(PNG, 1, 1), PNG) == ()
    assert [path for path, _ in flaws(Head(PNG, 1, 1), JPEG)] == ["body"]
    assert [path for path, _ in flaws(None, PNG)] == ["body"]
