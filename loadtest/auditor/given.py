"""I3 as clients saw it: nobody was given a seat, or a table at a time, that another surely had.

This believes neither journal nor rows. A place is surely had from the reply that gave it to the moment in
which anything was asked that may have given it up, or in which its hold's time ran out; a request that was
refused gave up nothing. It looks at every recorded reservation, in little more than the time that sorting
takes; `linear` looks at short histories, but at all that was said there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from loadtest.auditor.claims import CONFIRMED, HELD
from loadtest.auditor.dining_stay import MINUTE_MS, SEATED
from loadtest.auditor.ends import CLOCKS_APART_MAX_MS
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.histories import FOREVER_US
from loadtest.auditor.promises import EFFECTS
from loadtest.record import Call, Dining

LIVE = (HELD, CONFIRMED, SEATED)
KEEPS = ("hold", "walk-in", "confirm", "extend")
"""What gives up no place, however it ends."""


@dataclass(slots=True)
class Had:
    """A place that a reservation surely had, from when until when on the clients' clock. Of a table also the
    stay, and the buffer after it, that it was had for; a seat is had for the whole event."""

    reservation: str
    place: str
    from_us: int
    until_us: int
    start_ms: int = 0
    free_at_ms: int = 1


def check_given(calls: Iterable[Call], dining: Dining | None, ahead_ms: int, findings: Findings) -> None:
    """All calls to one event or restaurant; `dining`: if it is one that the run has made."""
    buffer_ms = dining.buffer_minutes * MINUTE_MS if dining else 0
    calls = sorted((call for call in calls if call.op in EFFECTS and call.reservation), key=_by_reservation)
    found = [
        had
        for _, group in groupby(calls, key=lambda call: call.reservation)
        for had in _of_one(list(group), buffer_ms, ahead_ms)
    ]
    _cut_by_longer_stays(found, calls, buffer_ms)
    by_place: defaultdict[str, list[Had]] = defaultdict(list)
    for had in found:
        by_place[had.place].append(had)
    for place, those in by_place.items():
        findings.saw(Check.GIVEN, len(those))
        for one, other in _together(those):
            said = f"{place} was {one.reservation}'s and {other.reservation}'s"
            findings.fail(Check.GIVEN, f"{said} from {max(one.from_us, other.from_us)} us on")


def _by_reservation(call: Call) -> tuple[str, int]:
    return call.reservation, call.got_us


def _of_one(calls: list[Call], buffer_ms: int, ahead_ms: int) -> Iterator[Had]:
    """What one reservation had, by all calls about it, in the order of their replies."""
    keys = set()
    for call in calls:
        said = call.said
        if not call.done or said is None or said.status not in LIVE or call.op in ("confirm", "extend"):
            continue  # what was confirmed or extended had its place from another reply on
        if call.key and (call.op, call.key) in keys:
            continue  # a retry's reply tells how it was at first
        keys.add((call.op, call.key))
        until_us = _given_up_us(call, calls, ahead_ms)
        for seat in call.seats:
            yield Had(call.reservation, seat, call.got_us, until_us)
        if call.sitting is not None:
            stay = call.sitting.start_ms, call.sitting.end_ms + buffer_ms
            for table in call.sitting.tables:
                yield Had(call.reservation, table, call.got_us, until_us, *stay)


def _given_up_us(giving: Call, calls: list[Call], ahead_ms: int) -> int:
    """The first moment at which it may have been given up again."""
    tries = [call for call in calls if giving.key and (call.op, call.key) == (giving.op, giving.key)]
    first_us = min(call.sent_us for call in (giving, *tries))
    asked = [
        call.sent_us
        for call in calls
        if call.op not in KEEPS
        and (call.done or call.unknown)
        and call not in (giving, *tries)
        and (call.got_us > first_us or not call.done)
    ]
    until_us = min(asked, default=FOREVER_US)
    told = [call.said for call in calls if call.done and call.said is not None]
    if any(said.status not in (HELD, "released", "expired") for said in told):
        return until_us  # confirmed before its time ran out
    ends_ms = max(said.expires_ms for said in told) - ahead_ms - CLOCKS_APART_MAX_MS
    return min(until_us, ends_ms * 1000)


def _cut_by_longer_stays(found: list[Had], calls: Iterable[Call], buffer_ms: int) -> None:
    """Who was in the way of a party that stays longer may have been given another table."""
    for call in calls:
        if call.op != "prolong" or not (call.done or call.unknown):
            continue
        for had in found:
            in_the_way = call.sitting is None or (
                had.place in call.sitting.tables
                and had.start_ms < call.sitting.end_ms + buffer_ms
                and call.sitting.start_ms < had.free_at_ms
            )
            if in_the_way and had.reservation != call.reservation:
                had.until_us = min(had.until_us, call.sent_us)


def _together(those: list[Had]) -> Iterator[tuple[Had, Had]]:
    """Pairs that had one place at one time."""
    those.sort(key=lambda had: had.from_us)
    had_now: list[Had] = []
    for had in (had for had in those if had.until_us > had.from_us):
        had_now = [one for one in had_now if one.until_us > had.from_us]
        for one in had_now:
            apart = one.free_at_ms <= had.start_ms or had.free_at_ms <= one.start_ms
            if one.reservation != had.reservation and not apart:
                yield one, had
        had_now.append(had)
