"""RFC 3339 out of, and into, whole milliseconds since 1970.

Out: always UTC with `Z` and three digits. In: any offset, but none at all is refused by the payload types.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
TIME_MIN_MS = 0
TIME_MAX_MS = 253_370_764_799_999
"""9998-12-31T23:59:59.999Z: a year before RFC 3339 ends, so that a hold's end can still be written."""
SECONDS_KEPT_MAX = 8192
_FRACTIONS = [f".{millisecond:03d}Z" for millisecond in range(1000)]


@lru_cache(maxsize=SECONDS_KEPT_MAX)
def _second(since_1970_s: int) -> str:
    return (_EPOCH + timedelta(seconds=since_1970_s)).strftime("%Y-%m-%dT%H:%M:%S")


def rfc3339(at_ms: int) -> str:
    """As `2026-11-20T12:00:00.123Z`. The second's text is remembered: holds of one second share it."""
    return _second(at_ms // 1000) + _FRACTIONS[at_ms % 1000]


def rfc3339_or_none(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)


def to_ms(moment: datetime) -> int:
    """Of a moment with an offset; what is finer than a millisecond is cut off."""
    return (moment - _EPOCH) // _MILLISECOND
