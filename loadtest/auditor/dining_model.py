"""A restaurant as simply as it can be said, for the search: who has, or will have, which tables when.

For restaurants in which no hold's time runs out, no stay is over, and the kitchen keeps any pace. Which of
the free tables a party gets is not judged, only that they were free, that a table by itself takes the party,
and that the wished one was given. A refusal needs a moment in which somebody was in the way at each table
that would do. Of what nobody was told the tables may be any.
"""

from __future__ import annotations

from typing import NamedTuple

from loadtest.auditor.claims import CANCELLED, CONFIRMED, HELD, RELEASED
from loadtest.auditor.dining_stay import COMPLETED, MINUTE_MS, NO_SHOW, SEATED
from loadtest.auditor.histories import REFUSED, UNKNOWN, Operation
from loadtest.record import Dining, Sitting, Wish


class Party(NamedTuple):
    """A live reservation. `tables` None: nobody knows which."""

    reservation: str
    status: str
    tables: tuple[str, ...] | None
    start_ms: int
    end_ms: int
    size: int


State = frozenset[Party]
SILENT = Wish(0, 0)


class DiningModel:
    """What each operation does to a state."""

    nothing: State = frozenset()

    def __init__(self, dining: Dining) -> None:
        self._sizes = {table_id: (smallest, largest) for table_id, smallest, largest in dining.tables}
        self._stay_ms = dining.stay_minutes * MINUTE_MS
        self._buffer_ms = dining.buffer_minutes * MINUTE_MS

    def after(self, state: State, operation: Operation) -> State | None:
        """The state after it, with the outcome it had; None if it cannot have had that outcome here."""
        mine = next((party for party in state if party.reservation == operation.reservation), None)
        others = state - {mine} if mine else state
        match operation.op:
            case "hold" | "walk-in":
                return self._place(state, operation)
            case "confirm":
                return self._confirm(state, others, mine, operation)
            case "cancel":
                return self._cancel(state, others, mine, operation)
            case "extend":
                held = mine is not None and mine.status == HELD
                told = operation.outcome in (HELD, REFUSED + "limit_exceeded", UNKNOWN)
                return state if told is held else None
            case "move":
                return self._move(state, others, mine, operation)
            case _:
                return self._in_the_room(state, others, mine, operation)

    # --- a place --------------------------------------------------------------------------------------

    def _place(self, state: State, operation: Operation) -> State | None:
        asked, sitting = operation.wish or SILENT, operation.sitting
        status = SEATED if operation.op == "walk-in" else HELD
        if sitting is not None:
            party = _party(operation.reservation, sitting)
            fits = sitting.status == status and self._as_wished(party, asked, party.start_ms)
            return state | {party} if fits and self._free(state, party) else None
        start_ms = asked.start_ms or operation.sent_us // 1000
        end_ms = start_ms + (asked.minutes * MINUTE_MS or self._stay_ms)
        tables = (asked.table,) if asked.table else None
        party = Party(operation.reservation, status, tables, start_ms, end_ms, asked.party_size)
        if operation.outcome == UNKNOWN:
            return state | {party} if self._free(state, party) else None
        if operation.op == "walk-in":  # nobody knows when exactly it was refused
            return state
        return state if self._may_refuse(state, party, operation) else None

    def _move(self, state: State, others: State, mine: Party | None, operation: Operation) -> State | None:
        asked, sitting = operation.wish or SILENT, operation.sitting
        if operation.outcome in (REFUSED + "wrong_state", REFUSED + "hold_expired"):
            return state if mine is None or mine.status == SEATED else None
        if mine is None:
            return None
        if sitting is not None:
            party = _party(operation.reservation, sitting)
            wished = self._as_wished(party, asked, mine.start_ms)
            fits = wished and party.status == mine.status and self._free(others, party)
            return others | {party} if fits else None
        start_ms = asked.start_ms or mine.start_ms
        tables, end_ms = (asked.table,) if asked.table else None, start_ms + mine.end_ms - mine.start_ms
        size = asked.party_size or mine.size
        party = mine._replace(tables=tables, start_ms=start_ms, end_ms=end_ms, size=size)
        if operation.outcome == UNKNOWN:
            return others | {party} if self._free(others, party) else None
        return state if self._may_refuse(others, party, operation) else None

    def _as_wished(self, party: Party, asked: Wish, start_ms: int) -> bool:
        """Of the size, at the time and the table that were asked for, as far as they were."""
        same_size = asked.party_size in (0, party.size)
        return (
            same_size
            and party.start_ms == (asked.start_ms or start_ms)
            and (not asked.table or party.tables == (asked.table,))
            and self._takes(party)
        )

    def _takes(self, party: Party) -> bool:
        """What joined tables take is not known here."""
        if party.tables is None or len(party.tables) != 1:
            return True
        smallest, largest = self._sizes.get(party.tables[0], (0, 0))
        return smallest <= party.size <= largest

    def _free(self, others: State, party: Party) -> bool:
        return not any(
            not set(other.tables or ()).isdisjoint(party.tables or ()) for other in self._near(others, party)
        )

    def _near(self, others: State, party: Party) -> list[Party]:
        """Those whose time, and the buffer after it, overlaps the party's."""
        buffer_ms = self._buffer_ms
        return [
            other
            for other in others
            if other.start_ms < party.end_ms + buffer_ms and party.start_ms < other.end_ms + buffer_ms
        ]

    def _may_refuse(self, others: State, party: Party, operation: Operation) -> bool:
        """`held`: somewhere only holds are in the way; `taken`: nowhere. No other code is judged."""
        if operation.outcome not in (REFUSED + "held", REFUSED + "taken"):
            return True
        near = self._near(others, party)
        if any(other.tables is None for other in near):
            return True
        sizes = self._sizes.items()
        would_do = party.tables or [one for one, (least, most) in sizes if least <= party.size <= most]
        if operation.outcome == REFUSED + "taken":
            near = [other for other in near if other.status != HELD]
        elif not any(other.status == HELD for other in near):
            return False
        return all(any(table_id in (other.tables or ()) for other in near) for table_id in would_do)

    # --- what becomes of it ---------------------------------------------------------------------------

    def _confirm(self, state: State, others: State, mine: Party | None, operation: Operation) -> State | None:
        if operation.outcome not in (CONFIRMED, UNKNOWN):
            return state if mine is None or mine.status == SEATED else None
        if mine is None or mine.status == SEATED:
            return None
        return others | {mine._replace(status=CONFIRMED)}

    def _cancel(self, state: State, others: State, mine: Party | None, operation: Operation) -> State | None:
        if operation.outcome.startswith(REFUSED):
            needed = SEATED if operation.outcome == REFUSED + "wrong_state" else CONFIRMED
            return state if mine is not None and mine.status == needed else None
        if mine is None:
            return state
        ended = {HELD: RELEASED, CONFIRMED: CANCELLED}.get(mine.status)
        return others if ended is not None and operation.outcome in (ended, UNKNOWN) else None

    def _in_the_room(
        self, state: State, others: State, mine: Party | None, operation: Operation
    ) -> State | None:
        """Refusals go by the clock and are not judged; nor is who was moved for those who stay longer."""
        outcome, sitting = operation.outcome, operation.sitting
        if outcome.startswith(REFUSED):
            return state
        if operation.op in ("complete", "no-show"):
            if mine is None:
                return state if outcome != UNKNOWN else None
            ends = {"complete": (CONFIRMED, SEATED), "no-show": (CONFIRMED,)}[operation.op]
            fits = mine.status in ends and outcome in (COMPLETED, NO_SHOW, UNKNOWN)
            return others if fits else None
        if mine is None or mine.status not in (CONFIRMED, SEATED):
            return None
        after = mine._replace(status=SEATED) if sitting is None else _party(mine.reservation, sitting)
        if operation.op == "prolong":
            near = set(self._near(others, after))
            return others - near | {other._replace(tables=None) for other in near} | {after}
        return others | {after} if after.tables == mine.tables and self._free(others, after) else None


def _party(reservation: str, sitting: Sitting) -> Party:
    times = sitting.start_ms, sitting.end_ms
    return Party(reservation, sitting.status, sitting.tables, *times, sitting.party_size)
