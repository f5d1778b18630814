"""Bugs to plant: each switches one safeguard off, at one place. A check that never failed proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from actors import owner as owner_module
from actors.mailbox import Letter
from actors.meter import Clock
from actors.owner import InventoryOwner
from actors.timers import ExpiryTimer
from actors.turn import Held, Turn
from actors.wire import OVERLOADED, UNAVAILABLE, pack_reply
from domain import event_tickets, restaurant, restaurant_change, restaurant_state, stages
from domain.event_messages import (
    ExpireDue,
    HoldReleased,
    Reservation,
    ReservationCancelled,
    Stage,
    Status,
)
from domain.event_seats import SeatMove, Seats
from domain.messages import Code, Rejected
from domain.restaurant_messages import MoveReservation, TableReservation
from domain.restaurant_state import Decision, State
from domain.restaurant_tables import Diary
from domain.ticket_messages import Ticket
from persistence import memory_rows
from persistence.memory import MemoryDatabase
from persistence.memory_rows import Tables
from persistence.store import Append, OwnerStore, Request
from tests.simulation.world import Parts, World, has_restaurants

# --- in the store ---------------------------------------------------------------------------------------


class _NoEpoch(Tables):
    def fence_holds(self, entry: Append) -> bool:
        row = self.inventories.get(entry.inventory_id)
        return row is not None and row.seq == entry.seq


class _NoSequence(Tables):
    def fence_holds(self, entry: Append) -> bool:
        row = self.inventories.get(entry.inventory_id)
        return row is not None and row.epoch == entry.epoch


class FenceOff(MemoryDatabase):
    """Appends of former owners are stored."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms)
        self.tables = _NoEpoch()


class SequenceOff(MemoryDatabase):
    """An append is stored though another came between."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms)
        self.tables = _NoSequence()


# --- in the owner ---------------------------------------------------------------------------------------


class FenceReadOff(InventoryOwner):
    """What changes nothing is answered without asking whether the fence still holds."""

    async def _commit(self, turns: list[Turn]) -> None:
        for turn in turns:
            if not turn.facts:
                turn.settle()
        writing = [turn for turn in turns if turn.facts]
        if writing:
            await super()._commit(writing)


class IdempotencyOff(InventoryOwner):
    """Nobody looks whether a request has been done already."""

    async def _recorded(self, letters: list[Letter]) -> dict[tuple[str, bytes], Request]:
        return {}


class ReplyBeforeCommit(InventoryOwner):
    """Replies leave when they are decided."""

    async def _commit(self, turns: list[Turn]) -> None:
        for turn in turns:
            for letter in turn.letters:
                letter.deliver()
        await super()._commit(turns)


class ExpiryByTimerOnly(InventoryOwner):
    """Holds end when a timer says so, not with every batch."""

    async def _begin(self, held: Held, letters: list[Letter]) -> Turn:
        turn = await super()._begin(held, letters)
        if not any(isinstance(letter.ask.command, ExpireDue) for letter in letters):
            turn.expire = lambda limit: False  # type: ignore[method-assign]
        return turn


class ClockBelieved(InventoryOwner):
    """Decides by a clock that may be far off."""

    def __init__(self, name: str, store: OwnerStore, clock: Clock, *others: Any) -> None:
        super().__init__(name, store, _Believed(clock), *others)


class _Believed:
    trusted = True

    def __init__(self, clock: Clock) -> None:
        self.now_ms = clock.now_ms


class _DeadlineFirst(Turn):
    def take(self, letter: Letter, recorded: Request | None) -> None:
        if letter.ask.deadline_ms > self.now_ms:
            super().take(letter, recorded)
            return
        self.letters.append(letter)
        letter.reply = pack_reply(UNAVAILABLE if letter.ask.attempt else OVERLOADED)


class _ExpiryNotStored(Turn):
    """Ends holds in memory, and forgets to say so."""

    def expire(self, limit: int) -> bool:
        more = super().expire(limit)
        self.facts = []
        return more


_moves = Seats.moves


def _moves_without_ends(seats: Seats, reservations: Mapping[str, Reservation]) -> tuple[SeatMove, ...]:
    return tuple(move for move in _moves(seats, reservations) if move.before is None or move.after)


# --- in the rules of tables ---------------------------------------------------------------------------------


class _TimesMayOverlap(Tables):
    def append(self, batch: list[Append]) -> set[str]:
        with patch.object(memory_rows, "_check_times", lambda row, entry: None):
            return super().append(batch)


class TableTimesOff(MemoryDatabase):
    """The second line behind the tables is away, so that the rules stand alone."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms)
        self.tables = _TimesMayOverlap()


def _of_the_same_start(diary: Diary, start_ms: int, until_ms: int) -> list[TableReservation]:
    return [entry for entry in diary.entries if entry.start_ms == start_ms]


_place_for_a_move = restaurant._move


def _move_that_lets_go_first(
    state: State, found: TableReservation, command: MoveReservation, now_ms: int
) -> Decision:
    reply, facts = _place_for_a_move(state, found, command, now_ms)
    if isinstance(reply, Rejected) and reply.code in (Code.HELD, Code.TAKEN):
        gone = HoldReleased if found.status is Status.HELD else ReservationCancelled
        return reply, (gone(now_ms, found.id),)
    return reply, facts


_not_on_sale = stages.not_on_sale


def _on_sale_though_closed(stage: Stage, what: str) -> Rejected | None:
    return None if stage is Stage.CLOSED else _not_on_sale(stage, what)


# --- in passivation -----------------------------------------------------------------------------


class PassivatedWithItsLetters(InventoryOwner):
    """What has been idle is let go of, and with it the letters that wait for its revival."""

    def tidy(self) -> None:
        super().tidy()
        for inventory_id in list(self._activations._waiting):
            self._activations._waiting.pop(inventory_id)


@dataclass(frozen=True)
class Plant:
    """A bug and how to plant it: with other parts, or by putting something in the place of what is there."""

    parts: Parts = field(default_factory=Parts)
    replaced: tuple[object, str, object] | None = None
    seen_in: int = 0
    """A scenario that has shown it, and is tried before the others."""
    in_restaurants: bool = False
    """It cannot show where there is none, which is in half of the scenarios."""

    def may_show(self, seed: int) -> bool:
        return not self.in_restaurants or has_restaurants(seed)

    @contextmanager
    def planted(self) -> Iterator[Parts]:
        with patch.object(*self.replaced) if self.replaced else nullcontext():
            yield self.parts


def _let_in_again(ticket: Ticket) -> None:
    """Nobody looks whether it is in."""


PLANTS = {
    "fence off": Plant(Parts(database=FenceOff), seen_in=5),
    "fence read of a batch without facts skipped": Plant(Parts(owner=FenceReadOff)),
    "idempotency check off": Plant(Parts(owner=IdempotencyOff)),
    "sequence check off": Plant(Parts(database=SequenceOff), seen_in=7),
    "reply before commit": Plant(Parts(owner=ReplyBeforeCommit)),
    "expiry left to the timers": Plant(Parts(owner=ExpiryByTimerOnly)),
    "expiry not in the append": Plant(replaced=(owner_module, "Turn", _ExpiryNotStored)),
    "clock believed though it is off": Plant(Parts(owner=ClockBelieved), seen_in=63),
    "deadline looked at before the recorded reply": Plant(replaced=(owner_module, "Turn", _DeadlineFirst)),
    "a seat that came free stays taken in the rows": Plant(replaced=(Seats, "moves", _moves_without_ends)),
    "a ticket is let in again": Plant(replaced=(event_tickets, "_is_in", _let_in_again), seen_in=10),
    "overlap is equality of starts": Plant(
        Parts(database=TableTimesOff), (Diary, "within", _of_the_same_start), in_restaurants=True
    ),
    "a move lets go of the old place before the new one is had": Plant(
        replaced=(restaurant, "_move", _move_that_lets_go_first), seen_in=19, in_restaurants=True
    ),
    "a closed restaurant takes reservations": Plant(
        replaced=(restaurant_state, "not_on_sale", _on_sale_though_closed), seen_in=21, in_restaurants=True
    ),
    "what a cancelled restaurant had stays": Plant(
        replaced=(restaurant, "drained", lambda *_: []), seen_in=74, in_restaurants=True
    ),
    "a restaurant goes with what it has": Plant(
        replaced=(restaurant_change, "in_use", lambda *_: None), seen_in=60, in_restaurants=True
    ),
    "passivated though letters wait": Plant(Parts(owner=PassivatedWithItsLetters)),
    "a timer that has died does not come back": Plant(replaced=(World, "timer_is_back", lambda world: None)),
    "a timer looks too seldom": Plant(replaced=(ExpiryTimer, "POLL_S", 4.0)),
}
