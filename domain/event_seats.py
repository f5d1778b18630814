"""Seats in an event's inventory: whose each is, which may be had, and which are given where none is named.

- A seat is free, blocked by the operator, or taken by one live reservation.
- A ticket type that has categories takes seats of these. A line names its seats, or leaves the choice: then
  all such lines for the same categories sit together, as one group.
- Given is the first row of the plan where the group fits side by side, near the row's middle, without leaving
  a single free seat between others where that can be avoided. `fallback` says what to do without such a row.
  Accessible seats are only given to who asks for them, to the first of several groups.
- A seat on another's hold is `held`, one that is confirmed or blocked is `sold_out`. Free seats enough, but
  none that fit the wish: `no_fitting_seats`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from domain.event_messages import Line, Reservation, SeatWish, TicketType, Wanted
from domain.messages import Code, Rejected
from domain.seat_map import BEST_MAX_SEATS, SeatMap
from domain.seat_plan import Layout, Overrides

_NO_WISH = SeatWish()
Chosen = tuple[tuple[str, ...], ...]
"""The names of each line's seats, in the lines' order; none for standing places."""


class SeatMove(NamedTuple):
    """What has become of a seat: whose it was, whose it is (ids of reservations), and how it looks now."""

    seat: int
    """Its number in the plan."""
    before: str | None
    after: str | None
    look: Look


class Look(enum.IntEnum):
    """How a seat looks on a map. Two bits."""

    FREE = 0
    HELD = 1
    SOLD = 2
    BLOCKED = 3


class Seats:
    """The seats of one event and who has them. Names go in and come out; inside are the plan's numbers."""

    __slots__ = ("_before", "_holders", "_map", "blocked", "layout")

    def __init__(self, layout: Layout, blocked: Iterable[str] = ()) -> None:
        self.layout = layout
        self.blocked: set[str] = set()
        self._map = SeatMap(layout)
        self._holders: dict[str, str] = {}
        self._before: dict[str, str | None] = {}
        """Seats that something was done with since `moves` was asked last, and whose they were then."""
        self.block(blocked)

    def recategorised(self, overrides: Overrides) -> Seats:
        """The same seats, whose they are now, with these categories for single ones. Raises KeyError where
        there is no such seat."""
        twin = Seats(self.layout.recategorised(overrides))
        twin._map = self._map.on(twin.layout)
        twin.blocked, twin._holders = set(self.blocked), dict(self._holders)
        twin._before = dict(self._before)
        return twin

    def left(self, categories: Iterable[str]) -> int:
        """How many seats of these categories are free."""
        return sum(self._map.free_count(category) for category in categories)

    def holder(self, name: str) -> str | None:
        """The id of the live reservation that has the seat."""
        return self._holders.get(name)

    def is_free(self, name: str) -> bool:
        number = self.layout.number_of(name)
        return number is not None and self._map.is_free(number)

    def best(self, categories: tuple[str, ...], quantity: int, wish: SeatWish) -> tuple[str, ...] | None:
        """The names of the seats to give to a group of so many. None: there are none that fit."""
        found = self._map.best(categories, quantity, wish.accessible, wish.fallback, wish.orphans)
        return None if found is None else tuple([self.layout.name_of(number) for number in found])

    def take(self, names: Iterable[str], reservation_id: str) -> None:
        number_of, before, holders = self.layout.number_of, self._before, self._holders
        numbers = []
        for name in names:
            number = number_of(name)
            if number is not None:
                numbers.append(number)
            before.setdefault(name, None)
            holders[name] = reservation_id
        self._map.take(numbers)

    def release(self, names: Iterable[str]) -> None:
        released = list(names)
        self._map.release(self._numbers(released))
        for name in released:
            self._before.setdefault(name, self._holders[name])
            del self._holders[name]

    def confirm(self, names: Iterable[str]) -> None:
        """The seats stay whose they are, but look otherwise."""
        for name in names:
            self._before.setdefault(name, self._holders[name])

    def block(self, names: Iterable[str]) -> None:
        fresh = [name for name in names if name not in self.blocked]
        self._map.take(self._numbers(fresh))
        self.blocked.update(fresh)
        self._before = dict.fromkeys(fresh) | self._before

    def unblock(self, names: Iterable[str]) -> None:
        gone = [name for name in names if name in self.blocked]
        self._map.release(self._numbers(gone))
        self.blocked.difference_update(gone)
        self._before = dict.fromkeys(gone) | self._before

    def blocked_numbers(self) -> tuple[int, ...]:
        return tuple(sorted(self._numbers(self.blocked)))

    def moves(self, reservations: Mapping[str, Reservation]) -> tuple[SeatMove, ...]:
        """What has become of the seats since this was asked last."""
        touched, self._before = self._before, {}
        found = []
        for name, before in touched.items():
            number = self.layout.number_of(name)
            assert number is not None
            found.append(SeatMove(number, before, self._holders.get(name), self.look(name, reservations)))
        return tuple(found)

    def settled(self) -> None:
        """What was done with them so far is stored already: `moves` tells what comes after."""
        self._before = {}

    def look(self, name: str, reservations: Mapping[str, Reservation]) -> Look:
        """How the seat looks on a map."""
        if name in self.blocked:
            return Look.BLOCKED
        holder = self._holders.get(name)
        if holder is None:
            return Look.FREE
        return Look.HELD if reservations[holder].status.on_hold else Look.SOLD

    def _numbers(self, names: Iterable[str]) -> list[int]:
        numbers = [self.layout.number_of(name) for name in names]
        return [number for number in numbers if number is not None]


def seats_of(lines: Iterable[Line]) -> list[str]:
    return [name for line in lines for name in line.seats]


# --- is the wish one that can be understood? --------------------------------------------------------


def ill_wished(
    seats: Seats | None, types: Mapping[str, TicketType], lines: Wanted, wish: SeatWish | None
) -> Rejected | None:
    """What is wrong with a wish by itself, whoever has the seats. The lines are known to be sound."""
    if wish is None:
        return None
    errors: list[tuple[str, str]] = []
    named = wish.named
    if named and len(named) != len(lines):
        errors.append(("lines", "Seats for each line, or for none."))
    seen: set[str] = set()
    for position, ((code, quantity), names) in enumerate(zip(lines, named, strict=False)):
        at = f"lines[{position}].seats"
        if names and len(names) != quantity:
            errors.append((at, f"{len(names)} seats for {quantity} tickets."))
        for name in names:
            flaw = _flaw(seats, types[code], name)
            if flaw is None and name in seen:
                flaw = "Each seat once."
            if flaw is not None:
                errors.append((at, f"{name}: {flaw}"))
            seen.add(name)
    if wish.accessible and wish.accessible > sum(quantity for _, quantity in lines):
        errors.append(("accessible", "More than there are tickets."))
    return Rejected(Code.INVALID, "The seats cannot be had so.", errors=tuple(errors)) if errors else None


def _flaw(seats: Seats | None, kind: TicketType, name: str) -> str | None:
    if seats is None or not kind.categories:
        return "This ticket type has no seats."
    number = seats.layout.number_of(name)
    if number is None:
        return "There is no such seat."
    category = seats.layout.category_of(number)
    if category not in kind.categories:
        return f"A seat of category {category}, not for this ticket type."
    return None


# --- which seats? -----------------------------------------------------------------------------------


def choose(
    seats: Seats,
    types: Mapping[str, TicketType],
    reservations: Mapping[str, Reservation],
    lines: Wanted,
    wish: SeatWish | None,
    now_ms: int,
) -> Chosen | Rejected:
    """The seats of each line, or why they cannot be had. Changes nothing, once it has answered."""
    wish = wish or _NO_WISH
    named = wish.named or ((),) * len(lines)
    refusal = _not_free(seats, reservations, [name for names in named for name in names], now_ms)
    if refusal is not None:
        return refusal
    chosen = list(named)
    groups: dict[tuple[str, ...], list[int]] = {}
    for position, (code, _) in enumerate(lines):
        if types[code].categories and not named[position]:
            groups.setdefault(types[code].categories, []).append(position)
    if not groups:
        return tuple(chosen)
    lent: list[str] = [name for names in named for name in names]
    seats.take(lent, "")
    try:
        for categories, positions in groups.items():
            found = _together(seats, categories, [lines[position][1] for position in positions], wish)
            if isinstance(found, Rejected):
                return found
            wish = msgspec.structs.replace(wish, accessible=0)
            for position, names in zip(positions, found, strict=True):
                chosen[position] = names
                seats.take(names, "")
                lent += names
    finally:
        seats.release(lent)
    return tuple(chosen)


def _together(
    seats: Seats, categories: tuple[str, ...], quantities: Sequence[int], wish: SeatWish
) -> Chosen | Rejected:
    """One group's seats, side by side, shared out to its lines."""
    wanted = sum(quantities)
    if wanted > BEST_MAX_SEATS:
        numbers: dict[str, int | str] = {"limit": BEST_MAX_SEATS, "requested": wanted}
        return Rejected(Code.LIMIT_EXCEEDED, f"At most {BEST_MAX_SEATS} seats that are not named.", numbers)
    found = seats.best(categories, wanted, wish)
    if found is None:
        return Rejected(Code.NO_FITTING_SEATS, "Seats are left, but none that fit the wish.")
    ends = [sum(quantities[: count + 1]) for count in range(len(quantities))]
    return tuple(found[end - quantity : end] for end, quantity in zip(ends, quantities, strict=True))


def _not_free(
    seats: Seats, reservations: Mapping[str, Reservation], names: Iterable[str], now_ms: int
) -> Rejected | None:
    """Sold, if one of the seats is; else held, if one is on another's hold."""
    ends: list[tuple[int, str]] = []
    for name in names:
        if seats.is_free(name):
            continue
        holder = reservations.get(seats.holder(name) or "")
        if holder is None or not holder.status.on_hold:
            return Rejected(Code.SOLD_OUT, f"Seat {name} is not for sale any more.", {"seat": name})
        ends.append((holder.expires_at_ms, name))
    if not ends:
        return None
    end_ms, name = min(ends)
    seconds = max(1, -((now_ms - end_ms) // 1000))
    return Rejected(
        Code.HELD, f"Seat {name} is on hold for another.", {"seat": name, "retry_after_s": seconds}
    )
