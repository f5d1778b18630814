"""Images: what a file is, by its first bytes and never by what its sender calls it, and how large it may be.

Only the head of a file is read, and only for its type and its measures: nothing is decoded here. Formats:
PNG (W3C PNG, section 11.2.1), JPEG (ITU T.81, annex B), WebP (RFC 9649, sections 2.4 to 2.7).
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from domain.messages import Errors

IMAGE_MAX_BYTES = 2_097_152
IMAGES_MAX = 20
"""Of one restaurant."""
IMAGE_SIDE_MAX_PIXELS = 8_192
IMAGE_AREA_MAX_PIXELS = 40_000_000
"""What a reader has to make room for, however small the file is."""

PNG, JPEG, WEBP = MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp")
_PNG = b"\x89PNG\r\n\x1a\n"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG's markers of a frame; the three are of tables and extensions."""
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))
"""JPEG's markers without a length."""


class Image(msgspec.Struct, frozen=True):
    """A stored image of a restaurant. It never changes: another one is another image."""

    id: str
    restaurant_id: str
    media_type: str
    width: int
    height: int
    size_bytes: int
    created_ms: int


@dataclass(frozen=True, slots=True)
class Head:
    """What the first bytes of a file say."""

    media_type: str
    width: int
    height: int


def head_of(content: bytes) -> Head | None:
    """None for what is none of the three types, or is cut off before it says its measures."""
    if content.startswith(_PNG):
        media_type, measures = PNG, _of_png(content)
    elif content.startswith(b"\xff\xd8\xff"):
        media_type, measures = JPEG, _of_jpeg(content)
    elif content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        media_type, measures = WEBP, _of_webp(content)
    else:
        return None
    return None if measures is None else Head(media_type, *measures)


def flaws(head: Head | None, media_type: str) -> Errors:
    """What is wrong with an image that was sent as `media_type`; nothing if it can be stored."""
    if head is None:
        return (("body", "Not a PNG, JPEG or WebP file."),)
    if head.media_type != media_type:
        return (("body", f"It was sent as {media_type} and is {head.media_type}."),)
    if not 1 <= min(head.width, head.height) <= max(head.width, head.height) <= IMAGE_SIDE_MAX_PIXELS:
        return (("body", f"Each side from 1 to {IMAGE_SIDE_MAX_PIXELS} pixels."),)
    if head.width * head.height > IMAGE_AREA_MAX_PIXELS:
        return (("body", f"At most {IMAGE_AREA_MAX_PIXELS} pixels."),)
    return ()


def _of_png(content: bytes) -> tuple[int, int] | None:
    if content[8:16] != b"\0\0\0\rIHDR" or len(content) < 24:
        return None
    return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])


def _of_jpeg(content: bytes) -> tuple[int, int] | None:
    """From segment to segment, up to the first that begins a frame."""
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF or marker in _BARE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(content[at + 2 : at + 4])
        if marker in _FRAMES:
            sound = length >= 8 and at + 9 <= len(content)
            height, width = content[at + 5 : at + 7], content[at + 7 : at + 9]
            return (int.from_bytes(width), int.from_bytes(height)) if sound else None
        if length < 2:
            return None
        at += 2 + length
    return None


def _of_webp(content: bytes) -> tuple[int, int] | None:
    if len(content) < 30:
        return None
    match content[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
        case b"VP8L" if content[20] == 0x2F:
            bits = int.from_bytes(content[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 " if content[23:26] == b"\x9d\x01\x2a":
            width, height = int.from_bytes(content[26:28], "little"), int.from_bytes(content[28:30], "little")
            return width & 0x3FFF, height & 0x3FFF
        case _:
            return None
