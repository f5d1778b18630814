"""Which seats of one row a group takes. A row's seats are the bits of an integer (see `domain.seat_plan`).

- `free` are the row's free seats, `eligible` those of them that the group may have. Of several ways to sit
  the one nearest to the row's middle is taken, of two as near the one with the lower places.
- An orphan is a free seat that had a free neighbour and has none any more. A clean choice leaves none.
- Adjacent: in a run without a gap. With gaps: as close together as they can be, then nearest to the middle.
- A group with accessible seats has exactly so many; the others beside them are companions' seats as far as
  possible, else ordinary ones. With gaps the accessible seats are neighbours among the row's accessible
  ones, and the others are the nearest to them.

Every function answers the bits of the chosen seats, 0 where the row has no such choice.
"""

from __future__ import annotations

from collections.abc import Iterator


def adjacent(free: int, eligible: int, width: int, quantity: int, clean: bool) -> int:
    """`quantity` seats in a run."""
    starts = _starts(free, eligible, quantity, clean)
    return ((1 << quantity) - 1) << _nearest(starts, quantity, width) if starts else 0


def with_gaps(free: int, eligible: int, width: int, quantity: int, clean: bool) -> int:
    """`quantity` seats that follow each other among the eligible ones."""
    places = list(_places(eligible))
    groups = (places[first : first + quantity] for first in range(len(places) - quantity + 1))
    return _closest(free, groups, width, clean)


def adjacent_accessible(
    free: int,
    eligible: int,
    width: int,
    quantity: int,
    clean: bool,
    accessible: int,
    companion: int,
    count: int,
) -> int:
    """A run with `count` of the places `accessible`, and of those the run with most of `companion`."""
    if (eligible & accessible).bit_count() < count:
        return 0
    run, best, best_key = (1 << quantity) - 1, 0, None
    for start in _places(_starts(free, eligible, quantity, clean)):
        group = run << start
        if (group & accessible).bit_count() == count:
            key = (-(group & companion).bit_count(), abs(2 * start + quantity - width))
            if best_key is None or key < best_key:
                best, best_key = group, key
    return best


def with_gaps_accessible(
    free: int,
    eligible: int,
    width: int,
    quantity: int,
    clean: bool,
    accessible: int,
    companion: int,
    count: int,
) -> int:
    """`count` accessible seats that follow each other among those, and the nearest others."""
    others = list(_places(eligible & ~accessible))
    places = list(_places(eligible & accessible))
    if len(places) < count or len(others) < quantity - count:
        return 0
    groups = []
    for first in range(len(places) - count + 1):
        chosen = places[first : first + count]
        centre = chosen[0] + chosen[-1]
        others.sort(key=lambda place: (not companion >> place & 1, abs(2 * place - centre), place))
        groups.append(sorted(chosen + others[: quantity - count]))
    return _closest(free, iter(groups), width, clean)


def orphans(before: int, after: int) -> int:
    """The seats of `after` that had a neighbour in `before` and are now alone."""
    return _alone(after) & ~_alone(before)


def _alone(free: int) -> int:
    return free & ~(free << 1) & ~(free >> 1)


def _starts(free: int, eligible: int, quantity: int, clean: bool) -> int:
    """The places where a run of `quantity` eligible seats may begin.

    A run leaves an orphan where exactly one seat is free between it and what is taken or ends the row.
    """
    starts, length = eligible, 1
    while length < quantity and starts:
        step = min(length, quantity - length)
        starts &= starts >> step
        length += step
    if clean and starts:
        first, last = free & ~(free << 1), free & ~(free >> 1)
        starts &= ~(first << 1) & ~(last >> quantity)
    return starts


def _nearest(starts: int, quantity: int, width: int) -> int:
    """The start whose run is nearest to the row's middle."""
    slack = width - quantity
    ideal = slack >> 1
    left = (starts & ((2 << ideal) - 1)).bit_length() - 1
    above = starts >> (ideal + 1)
    if not above:
        return left
    right = ideal + (above & -above).bit_length()
    return left if left >= 0 and slack - 2 * left <= 2 * right - slack else right


def _closest(free: int, groups: Iterator[list[int]], width: int, clean: bool) -> int:
    """The group with the smallest span, then nearest to the middle, then first."""
    best, best_key = 0, None
    for group in groups:
        first, last = group[0], group[-1]
        key = (last - first, abs(first + last - width + 1))
        if best_key is None or key < best_key:
            bits = sum(1 << place for place in group)
            if not clean or not orphans(free, free & ~bits):
                best, best_key = bits, key
    return best


def _places(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
