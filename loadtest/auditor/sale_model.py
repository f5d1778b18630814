"""A sale as simply as it can be said, for the search: which reservations are live, with what, on which seats.

For sales in which no hold's time runs out and no seat is blocked. Which seats are the best is not judged,
only that those that were named were given, that they are of the type, and that nobody else had them. A
reservation of which nobody was told may have any seats, if it named none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from loadtest.auditor.claims import CANCELLED, CONFIRMED, HELD, RELEASED
from loadtest.auditor.histories import REFUSED, UNKNOWN, Operation
from loadtest.record import Wanted

Seats = tuple[str, ...] | None
"""None: nobody knows which."""
Claim = tuple[str, str, Wanted, Seats]
"""(reservation, held or confirmed, lines, seats)."""
State = frozenset[Claim]
"""The live reservations."""
NOTHING_SOLD: State = frozenset()


class SaleModel:
    """What each operation does to a state."""

    nothing = NOTHING_SOLD

    def __init__(
        self,
        quotas: Mapping[str, int],
        capacity: int | None,
        seats: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """`seats`: by ticket type, where it has any."""
        self._quotas = quotas
        self._capacity = capacity
        self._seats = seats or {}

    def after(self, state: State, operation: Operation) -> State | None:
        """The state after it, with the outcome it had; None if it cannot have had that outcome here."""
        match operation.op:
            case "hold":
                return self._hold(state, operation)
            case "change":
                return self._change(state, operation)
            case "confirm":
                return self._confirm(state, operation)
            case "cancel":
                return self._cancel(state, operation)
            case _:
                return self._extend(state, operation)

    def _hold(self, state: State, operation: Operation) -> State | None:
        if operation.outcome in (HELD, CONFIRMED, UNKNOWN):
            fits = self._missing(state, operation.wanted) == 0 and self._has(state, operation)
            status = CONFIRMED if operation.outcome == CONFIRMED else HELD
            return state | {_claim(operation, status)} if fits else None
        return state if self._may_refuse(state, operation) else None

    def _change(self, state: State, operation: Operation) -> State | None:
        mine = _of(state, operation.reservation)
        if operation.outcome in (HELD, UNKNOWN):
            others = state - {mine} if mine else state
            if mine is None or mine[1] != HELD or self._missing(others, operation.wanted):
                return None
            return others | {_claim(operation, HELD)} if self._has(others, operation) else None
        if operation.outcome == REFUSED + "wrong_state":
            return state if mine is None or mine[1] != HELD else None
        others = state - {mine} if mine else state
        return state if self._may_refuse(others, operation) else None

    def _confirm(self, state: State, operation: Operation) -> State | None:
        mine = _of(state, operation.reservation)
        if operation.outcome in (CONFIRMED, UNKNOWN):
            return state - {mine} | {(mine[0], CONFIRMED, *mine[2:])} if mine else None
        return state if mine is None else None

    def _cancel(self, state: State, operation: Operation) -> State | None:
        mine = _of(state, operation.reservation)
        if operation.outcome == REFUSED + "too_late":
            return state if mine is not None and mine[1] == CONFIRMED else None
        if mine is None:
            return state
        ended = RELEASED if mine[1] == HELD else CANCELLED
        return state - {mine} if operation.outcome in (ended, UNKNOWN) else None

    def _extend(self, state: State, operation: Operation) -> State | None:
        mine = _of(state, operation.reservation)
        held = mine is not None and mine[1] == HELD
        if operation.outcome in (HELD, REFUSED + "limit_exceeded", UNKNOWN):
            return state if held else None
        return None if held else state

    def _may_refuse(self, state: State, operation: Operation) -> bool:
        """`held`: some hold may end; `sold_out`: not enough even if all ended. Other codes are not judged."""
        held = frozenset(claim for claim in state if claim[1] == HELD)
        if operation.outcome == REFUSED + "held":
            return _in_the_way(held, operation) or bool(held and self._missing(state, operation.wanted))
        if operation.outcome == REFUSED + "sold_out":
            return _in_the_way(state - held, operation) or self._missing(state - held, operation.wanted) > 0
        return True

    def _has(self, others: State, operation: Operation) -> bool:
        """Whether its seats can be had: as many as it wants of its types, those that it named, all free."""
        given = operation.seats
        if not self._seats or given is None:
            return True
        seated = [(code, quantity) for code, quantity in operation.wanted if code in self._seats]
        own = {name for code, _ in seated for name in self._seats[code]}
        taken = {name for claim in others for name in claim[3] or ()}
        as_many = len(set(given)) == len(given) == sum(quantity for _, quantity in seated)
        return as_many and set(operation.named) <= set(given) <= own - taken

    def _missing(self, state: State, wanted: Wanted) -> int:
        """How many tickets there are too few."""
        live: Counter[str] = Counter()
        for _, _, lines, _ in state:
            for code, quantity in lines:
                live[code] += quantity
        missing = sum(max(0, live[code] + quantity - self._quotas[code]) for code, quantity in wanted)
        if self._capacity is None:
            return missing
        total = sum(live.values()) + sum(quantity for _, quantity in wanted)
        return max(missing, total - self._capacity)


def _claim(operation: Operation, status: str) -> Claim:
    return operation.reservation, status, operation.wanted, operation.seats


def _in_the_way(claims: State, operation: Operation) -> bool:
    """Whether one of them has, or may have, a seat that was named."""
    return bool(operation.named) and any(
        seats is None or not set(seats).isdisjoint(operation.named) for _, _, _, seats in claims
    )


def _of(state: State, reservation: str) -> Claim | None:
    return next((claim for claim in state if claim[0] == reservation), None)
