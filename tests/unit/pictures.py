"""The smallest files whose first bytes say what they are and how large."""

from __future__ import annotations


def png(width: int = 4, height: int = 3) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\0\0\0"


def jpeg(width: int = 4, height: int = 3, frame: int = 0xC0, before: bytes = b"") -> bytes:
    """`before`: segments ahead of the frame's."""
    head = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    measures = b"\x08" + height.to_bytes(2) + width.to_bytes(2) + b"\x03"
    return head + before + bytes((0xFF, frame)) + (8).to_bytes(2) + measures


def webp(kind: str = "VP8 ", width: int = 4, height: int = 3) -> bytes:
    match kind:
        case "VP8X":
            data = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        case "VP8L":
            bits = (width - 1) | (height - 1) << 14
            data = b"\x2f" + bits.to_bytes(4, "little") + bytes(5)
        case _:
            data = b"\0\0\0\x9d\x01\x2a" + width.to_bytes(2, "little") + height.to_bytes(2, "little")
    chunk = kind.encode() + len(data).to_bytes(4, "little") + data
    return b"RIFF" + (len(chunk) + 4).to_bytes(4, "little") + b"WEBP" + chunk
