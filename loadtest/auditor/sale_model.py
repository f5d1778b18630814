"""A sale as simply as it can be said, for the search: which reservations are live, and with what.

For sales in which no hold's time runs out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from loadtest.auditor.claims import CANCELLED, CONFIRMED, HELD, RELEASED
from loadtest.auditor.histories import REFUSED, UNKNOWN, Operation
from loadtest.record import Wanted

State = frozenset[tuple[str, str, Wanted]]
"""(reservation, held or confirmed, lines) of each live reservation."""
NOTHING_SOLD: State = frozenset()


class SaleModel:
    """What each operation does to a state."""

    def __init__(self, quotas: Mapping[str, int], capacity: int | None) -> None:
        self._quotas = quotas
        self._capacity = capacity

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
            fits = self._missing(state, operation.wanted) == 0
            status = CONFIRMED if operation.outcome == CONFIRMED else HELD
            return state | {(operation.reservation, status, operation.wanted)} if fits else None
        return state if self._may_refuse(state, operation.wanted, operation.outcome) else None

    def _change(self, state: State, operation: Operation) -> State | None:
        mine = _of(state, operation.reservation)
        if operation.outcome in (HELD, UNKNOWN):
            others = state - {mine} if mine else state
            if mine is None or mine[1] != HELD or self._missing(others, operation.wanted):
                return None
            return others | {(operation.reservation, HELD, operation.wanted)}
        if operation.outcome == REFUSED + "wrong_state":
            return state if mine is None or mine[1] != HELD else None
        others = state - {mine} if mine else state
        return state if self._may_refuse(others, operation.wanted, operation.outcome) else None

    def _confirm(self, state: State, operation: Operation) -> State | None:
        mine = _of(state, operation.reservation)
        if operation.outcome in (CONFIRMED, UNKNOWN):
            return state - {mine} | {(mine[0], CONFIRMED, mine[2])} if mine else None
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

    def _may_refuse(self, state: State, wanted: Wanted, outcome: str) -> bool:
        """`held`: some hold may end; `sold_out`: not enough even if all ended. Other codes are not judged."""
        if outcome == REFUSED + "held":
            return self._missing(state, wanted) > 0 and any(status == HELD for _, status, _ in state)
        if outcome == REFUSED + "sold_out":
            confirmed = frozenset(claim for claim in state if claim[1] == CONFIRMED)
            return self._missing(confirmed, wanted) > 0
        return True

    def _missing(self, state: State, wanted: Wanted) -> int:
        """How many tickets there are too few."""
        live: Counter[str] = Counter()
        for _, _, lines in state:
            for code, quantity in lines:
                live[code] += quantity
        missing = sum(max(0, live[code] + quantity - self._quotas[code]) for code, quantity in wanted)
        if self._capacity is None:
            return missing
        total = sum(live.values()) + sum(quantity for _, quantity in wanted)
        return max(missing, total - self._capacity)


def _of(state: State, reservation: str) -> tuple[str, str, Wanted] | None:
    return next((claim for claim in state if claim[0] == reservation), None)
