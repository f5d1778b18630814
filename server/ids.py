"""Ids: UUIDv7 (RFC 9562), so that rows made one after the other lie beside each other in an index.

A text from outside becomes an id only through `parse_id`; what is no UUID names nothing, and is answered
as what does not exist.
"""

from __future__ import annotations

import random
import re
from functools import lru_cache

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The two bits 10 of RFC 9562's variant, before two random ones."""
EVENT_IDS_KEPT_MAX = 4096


def uuid7(now_ms: int) -> str:
    """48 bits of time, then 74 random ones. Unique is what they have to be, not unguessable: an id opens
    nothing. (`random` seeds itself from the system, and again after a fork.)"""
    digits = f"{now_ms << 80 | random.getrandbits(80):032x}"
    return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"


def parse_id(text: str) -> str | None:
    """The id in its canonical spelling, lower case, or None."""
    if _CANONICAL.fullmatch(text):
        return text
    lowered = text.lower()
    return lowered if _CANONICAL.fullmatch(lowered) else None


def id_bytes(canonical: str) -> bytes:
    """The 16 bytes of an id."""
    return bytes.fromhex(canonical.replace("-", ""))


@lru_cache(maxsize=EVENT_IDS_KEPT_MAX)
def parse_event_id(text: str) -> str | None:
    """`parse_id`, remembered: on sale are few events, and each request names one."""
    return parse_id(text)
