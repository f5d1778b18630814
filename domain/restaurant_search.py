"""The times of a day that a party can have, with the tables that fit it best then.

All times of the grid are looked at together: a table's free times are the bits of one number, in which each
reservation of its diary clears a run. The best fit takes what it can of the wanted times, the next best of
what is left. So the work grows with tables and with that day's reservations, not with days that are open.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from domain.local_time import MINUTE_MS, local_of, moment_ms
from domain.messages import Code, Rejected
from domain.restaurant_choice import first_start_ms
from domain.restaurant_messages import FreeTime, FreeTimes, SearchTables
from domain.restaurant_state import State, closed, hours_of, stay_of, terms_of
from domain.restaurant_tables import Diary, Option, fitting

ALTERNATIVES_MAX = 3
ALTERNATIVES_MAX_MS = 120 * MINUTE_MS


class Start(NamedTuple):
    """A time of the grid at which the restaurant could take a party."""

    at_ms: int
    day: int
    minute: int


def search(state: State, command: SearchTables, now_ms: int) -> FreeTimes | Rejected:
    terms, size = terms_of(state), command.party_size
    if not terms.party_smallest <= size <= terms.party_largest:
        return _wrong("party_size", f"From {terms.party_smallest} to {terms.party_largest}.")
    options = fitting(state.options, size, command.traits)
    starts = [
        start
        for start in _starts(state, command.day, size, now_ms)
        if command.from_minute <= start.minute <= command.until_minute
    ]
    times = _free(state, options, starts, size)
    if command.wished_minute is None:
        return FreeTimes(tuple(times))
    wished_ms = moment_ms(terms.time_zone, command.day, command.wished_minute)
    if wished_ms is None:
        return _wrong("time", "The restaurant's clocks never show this time.")
    return FreeTimes(tuple(times), tuple(_alternatives(state, options, wished_ms, size, now_ms)))


def times_of_day(state: State, day: int, party_size: int) -> tuple[FreeTime, ...]:
    """The free times of a day, whatever the time is now: that some are past, or too soon or too far ahead to
    be had, is not looked at. So they follow from the state alone."""
    terms = terms_of(state)
    if closed(state) is not None or not terms.party_smallest <= party_size <= terms.party_largest:
        return ()
    starts = _of_hours(state, day, party_size)
    return tuple(_free(state, fitting(state.options, party_size), starts, party_size))


def _alternatives(
    state: State, options: Sequence[Option], wished_ms: int, party_size: int, now_ms: int
) -> list[FreeTime]:
    """The nearest free times, before or after; none if the wished one is free."""
    zone, furthest_ms = terms_of(state).time_zone, ALTERNATIVES_MAX_MS
    first_day, _ = local_of(zone, wished_ms - furthest_ms)
    last_day, _ = local_of(zone, wished_ms + furthest_ms)
    near = [
        start
        for day in range(first_day, last_day + 1)
        for start in _starts(state, day, party_size, now_ms)
        if abs(start.at_ms - wished_ms) <= furthest_ms
    ]
    free = _free(state, options, near, party_size)
    if any(time.start_ms == wished_ms for time in free):
        return []
    free.sort(key=lambda time: abs(time.start_ms - wished_ms))
    return free[:ALTERNATIVES_MAX]


def _starts(state: State, day: int, party_size: int, now_ms: int) -> list[Start]:
    """The times of a day that the house rules allow such a party, in order."""
    first_ms = first_start_ms(state, day, now_ms)
    if first_ms is None or closed(state) is not None:
        return []
    return [start for start in _of_hours(state, day, party_size) if start.at_ms >= first_ms]


def _of_hours(state: State, day: int, party_size: int) -> list[Start]:
    """The times of a day at which a party's stay may begin by the hours alone."""
    starts = hours_of(state).starts(day, terms_of(state).stay_minutes_of(party_size))
    return [Start(at_ms, day, minute) for at_ms, minute in starts]


def _free(
    state: State, options: Sequence[Option], starts: Sequence[Start], party_size: int
) -> list[FreeTime]:
    """Those of the starts that can be had, each with the first option that is free then."""
    if not starts:
        return []
    moments = [start.at_ms for start in starts]
    terms = terms_of(state)
    stay = stay_of(terms, moments[0], terms.stay_minutes_of(party_size))
    span_ms = stay.free_at_ms - stay.start_ms
    masks: dict[str, int] = {}
    wanted = _in_pace(state, moments, party_size)
    found: list[FreeTime] = []
    for option in options:
        free = wanted
        for table_id in option.tables:
            if table_id not in masks:
                masks[table_id] = _free_mask(state.diaries[table_id], moments, span_ms)
            free &= masks[table_id]
        wanted &= ~free
        found += [_shown(starts[at], option) for at in _bits(free)]
        if not wanted:
            break
    return sorted(found, key=lambda time: time.start_ms)


def _free_mask(diary: Diary, moments: Sequence[int], span_ms: int) -> int:
    """Bit i: a stay from moments[i] on, of this span, overlaps nothing in the diary."""
    mask = (1 << len(moments)) - 1
    for entry in diary.within(moments[0], moments[-1] + span_ms):
        first = bisect_right(moments, entry.start_ms - span_ms)
        until = bisect_left(moments, entry.free_at_ms)
        if first < until:
            mask &= ~(((1 << (until - first)) - 1) << first)
    return mask


def _in_pace(state: State, moments: Sequence[int], party_size: int) -> int:
    """Bit i: the kitchen can serve such a party more that sits down from moments[i] on."""
    terms = terms_of(state)
    everything = (1 << len(moments)) - 1
    if terms.covers_per_slot_max is None:
        return everything
    slot_ms = terms.slot_grid_minutes * MINUTE_MS
    covers = [party_size] * len(moments)
    for table_id, diary in state.diaries.items():
        for entry in diary.starting(moments[0], moments[-1] + slot_ms):
            at = bisect_right(moments, entry.start_ms) - 1
            if entry.tables[0] == table_id and entry.start_ms < moments[at] + slot_ms:
                covers[at] += entry.party_size
    return sum(1 << at for at, number in enumerate(covers) if number <= terms.covers_per_slot_max)


def _bits(mask: int) -> list[int]:
    return [at for at in range(mask.bit_length()) if mask >> at & 1]


def _shown(start: Start, option: Option) -> FreeTime:
    return FreeTime(
        start.day,
        start.minute,
        start.at_ms,
        option.tables,
        option.largest,
        option.area,
        tuple(sorted(option.traits)),
    )


def _wrong(path: str, message: str) -> Rejected:
    return Rejected(Code.INVALID, "This cannot be searched for.", errors=((path, message),))
