"""I3 in an event's facts: no seat in two live reservations, and none taken that is blocked."""

from __future__ import annotations

from collections.abc import Iterator

from domain.event_messages import Line


class SeatBook:
    """Whose each seat is, by the facts so far."""

    def __init__(self) -> None:
        self.holders: dict[str, str] = {}
        self.blocked: set[str] = set()
        self.of: dict[str, tuple[str, ...]] = {}
        """The seats that each reservation has, or had when it ended."""

    def takes(self, reservation_id: str, lines: tuple[Line, ...]) -> Iterator[str]:
        """The reservation has these lines instead of those it had; says what is wrong with that."""
        self.leaves(reservation_id)
        names = tuple(name for line in lines for name in line.seats)
        for line in lines:
            if line.seats and len(line.seats) != line.quantity:
                yield f"{len(line.seats)} seats for {line.quantity} of {line.ticket_type}"
        for name in names:
            if name in self.blocked:
                yield f"seat {name} is blocked"
            if name in self.holders:
                yield f"seat {name} is that of {self.holders[name]} already"
            self.holders[name] = reservation_id
        if names or reservation_id in self.of:
            self.of[reservation_id] = names

    def leaves(self, reservation_id: str) -> None:
        """The reservation is no longer live."""
        for name in self.of.get(reservation_id, ()):
            if self.holders.get(name) == reservation_id:
                del self.holders[name]

    def blocks(self, names: tuple[str, ...]) -> Iterator[str]:
        for name in names:
            if name in self.holders:
                yield f"seat {name} is blocked and that of {self.holders[name]}"
        self.blocked.update(names)

    def unblocks(self, names: tuple[str, ...]) -> None:
        self.blocked.difference_update(names)
