"""Local dates and times of a time zone as moments, and back. The one file of the rules that knows calendars.

It imports `datetime` and `zoneinfo`, which the rules else may not: not for the clock, which nobody asks here,
but because whoever writes calendar arithmetic again writes its faults again. The zones are the installation's
data (the system's, or the package `tzdata`), read once per zone and process; with one version of them every
function here is a pure function of its arguments. Two versions can differ about a date to come. That changes
what is decided, as another version of the rules would, and never what has happened: facts hold moments.

A day is counted since 1970-01-01, a minute from local midnight by the clock on the wall. A time that the
clocks skip (spring) is no time; of one that they show twice (autumn) the first is meant.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAYS_KEPT_MAX = 8_192
DAY_MIN, DAY_MAX = 0, 2_932_530
"""1970-01-01 and 9998-12-31, as the bounds of a moment are."""
MINUTES_OF_DAY = 1_440
MINUTE_MS = 60_000
DAY_MS = MINUTES_OF_DAY * MINUTE_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def known_zone(name: str) -> bool:
    """Whether there is an IANA time zone of this name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # none such; no path below the data; a folder of it
        return False
    return True


def weekday(day: int) -> int:
    """0 is Monday. 1970-01-01 was a Thursday."""
    return (day + 3) % 7


def moment_ms(zone: str, day: int, minute: int) -> int | None:
    """When the clocks show this for the first time; None if they never do."""
    at_ms = bound_ms(zone, day, minute)
    if at_ms is None or _start_of_plain_day_ms(zone, day + minute // MINUTES_OF_DAY) is not None:
        return at_ms
    shown = local_of(zone, at_ms)
    return at_ms if shown == (day + minute // MINUTES_OF_DAY, minute % MINUTES_OF_DAY) else None


def moments_of(zone: str, day: int, step_minutes: int) -> list[tuple[int, int]]:
    """The times of a day at every so many minutes from midnight, as (moment, minute), in order."""
    minutes = range(0, MINUTES_OF_DAY, step_minutes)
    start_ms = _start_of_plain_day_ms(zone, day) if DAY_MIN < day < DAY_MAX else None
    if start_ms is not None:
        return [(start_ms + minute * MINUTE_MS, minute) for minute in minutes]
    found = ((moment_ms(zone, day, minute), minute) for minute in minutes)
    return [(at_ms, minute) for at_ms, minute in found if at_ms is not None]


def bound_ms(zone: str, day: int, minute: int) -> int | None:
    """The same for the bound of an interval: a time that is skipped is as long after the last one before.

    None only for days outside of the bounds."""
    day, minute = day + minute // MINUTES_OF_DAY, minute % MINUTES_OF_DAY
    if not DAY_MIN < day < DAY_MAX:
        return None
    start_ms = _start_of_plain_day_ms(zone, day)
    if start_ms is not None:
        return start_ms + minute * MINUTE_MS
    return day * DAY_MS + minute * MINUTE_MS - _offset_ms(zone, day, minute)


def local_of(zone: str, at_ms: int) -> tuple[int, int]:
    """The day and minute that clocks show at a moment."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    local_ms = at_ms + offset // _MILLISECOND
    return local_ms // DAY_MS, local_ms % DAY_MS // MINUTE_MS


@lru_cache(maxsize=DAYS_KEPT_MAX)
def _start_of_plain_day_ms(zone: str, day: int) -> int | None:
    """When a day begins on which no clock is changed, as on nearly all; None for the others."""
    offset_ms = _offset_ms(zone, day, 0)
    return day * DAY_MS - offset_ms if offset_ms == _offset_ms(zone, day + 1, 0) else None


def _offset_ms(zone: str, day: int, minute: int) -> int:
    """Local time minus UTC; of a time shown twice its first, of a skipped one that before the change."""
    shown = (_EPOCH + timedelta(days=day, minutes=minute)).replace(tzinfo=ZoneInfo(zone), fold=0)
    offset = shown.utcoffset()
    assert offset is not None
    return offset // _MILLISECOND
