"""Could one event alone, asked one command at a time, have said all that its clients heard? (I8)

The search of Wing and Gong with Lowe's memo: take any operation that nothing else precedes in real time, see
whether the sequential object (a `Model`) answers it so, go on, step back. What makes it
quick: an operation that changes nothing is taken as soon as it fits, for it can only fit worse later, and
what changes something is tried in the journal's order first.

The end of a hold, or of a party's stay, is an operation too: it happens within the clocks' skew of that
end, whoever notices and when. So a refusal because of a hold past its end fits nowhere, and nor does a
confirmation of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol, Self

from msgspec.structs import replace

from domain.event_messages import ReservationReply
from domain.kinds import Command, Reply
from domain.messages import Rejected
from domain.restaurant_messages import TableReply
from domain.ticket_messages import TicketReply

SEARCH_MAX = 3_000
"""Steps; a history that fits takes about one for each operation."""


class Model(Protocol):
    """An inventory that is asked one command at a time."""

    version: int

    @property
    def reservations(self) -> Any:
        """All that ever were."""

    def copy(self) -> Self:
        """Another one that is as this one, and stays so."""

    def key(self) -> object:
        """Equal for equal states."""

    def ask(self, command: Any, now_ms: int) -> Any:
        """What it answers; changes it."""

    def expire_one(self, reservation_id: str, end_ms: int) -> list[str]:
        """That time has come; whom it was the time of, if anybody's."""


def bare(reply: Any) -> Any:
    """A reply without the words and the personal data, which are no rule's business."""
    if isinstance(reply, Rejected):
        return Rejected(reply.code, "", reply.facts, reservations=reply.reservations)
    return (
        replace(reply, contact=b"")
        if isinstance(reply, ReservationReply | TableReply | TicketReply)
        else reply
    )


@dataclass(slots=True, eq=False)
class Operation:
    """`changes`: it had an effect, at `at_ms`. Else it only told, at some time of its interval."""

    name: str
    begin_s: float
    end_s: float
    command: Command | None = None
    reply: Reply | None = None
    changes: bool = False
    at_ms: int = 0
    window_ms: tuple[int, int] = (0, 0)
    order: tuple[int, ...] = ()
    hold: tuple[str, int] | None = None
    """The end of this hold or stay, if it is that: reservation and time."""
    after: Operation | None = None
    """Cannot be before this one."""
    before: Operation | None = None
    """Cannot be after this one."""


@dataclass
class Search:
    """One history. `best` is the longest way that fitted, for the report."""

    operations: list[Operation]
    steps: int = 0
    best: list[Operation] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    _seen: set[object] = field(default_factory=set)

    def fits(self, start: Model) -> bool:
        """True if there is an order."""
        ordered = sorted(self.operations, key=lambda operation: operation.begin_s)
        stack: list[Iterator[tuple[Model, list[Operation], list[Operation]]]] = []
        state, left, done = self._tell(start, ordered, [])
        while left:
            stack.append(self._ways(state, left, done))
            while stack:
                found = next(stack[-1], None)
                if found is not None:
                    break
                stack.pop()
            else:
                return False
            state, left, done = found
            self.steps += 1
            if self.steps > SEARCH_MAX:
                return False
        return True

    def _ways(
        self, state: Model, left: list[Operation], done: list[Operation]
    ) -> Iterator[tuple[Model, list[Operation], list[Operation]]]:
        """What could happen next, and all that can be told after it."""
        first_end_s = min(operation.end_s for operation in left)
        could = [found for found in left if found.begin_s <= first_end_s and _allowed(found, left)]
        for operation in sorted(could, key=lambda found: found.order or (1 << 60,)):
            after = _happen(state, operation)
            if after is None:
                continue
            rest = [found for found in left if found is not operation]
            key = (frozenset(map(id, rest)), after.key())
            if key in self._seen:
                continue
            self._seen.add(key)
            yield self._tell(after, rest, [*done, operation])
        if len(done) >= len(self.best):
            self.best, self.stuck = done, [found.name for found in left if found.begin_s <= first_end_s]

    def _tell(
        self, state: Model, left: list[Operation], done: list[Operation]
    ) -> tuple[Model, list[Operation], list[Operation]]:
        """Take all that only told, and fits, as long as there is any."""
        while left:
            first_end_s = min(operation.end_s for operation in left)
            told = [
                found
                for found in left
                if found.begin_s <= first_end_s and _allowed(found, left) and _told(state, found)
            ]
            if not told:
                break
            left = [found for found in left if found not in told]
            done = [*done, *told]
        return state, left, done


def _allowed(operation: Operation, left: list[Operation]) -> bool:
    if operation.after is not None and operation.after in left:
        return False
    return operation.before is None or operation.before in left


def _happen(state: Model, operation: Operation) -> Model | None:
    """The state after a change; None if it would have gone otherwise."""
    after = state.copy()
    if operation.hold is not None:
        return after if operation.hold[0] in after.expire_one(*operation.hold) else None
    if not operation.changes or operation.command is None or operation.reply is None:
        return None
    return after if bare(after.ask(operation.command, operation.at_ms)) == bare(operation.reply) else None


def _told(state: Model, operation: Operation) -> bool:
    """It changes nothing here, and would have been told so."""
    if operation.hold is not None:
        return not state.copy().expire_one(*operation.hold)
    if operation.changes or operation.command is None or operation.reply is None:
        return False
    early, late = (_ask(state, operation.command, now_ms) for now_ms in operation.window_ms)
    reply = operation.reply
    seconds = _seconds(reply, reply)
    if seconds is not None:
        # They count down; at one side of its interval the sale may have been closed.
        most, least = _seconds(early, reply), _seconds(late, reply)
        return (most, least) != (None, None) and (least or 0) <= seconds <= (most or inf)
    return bare(reply) in (early, late)


def _ask(state: Model, command: Command, now_ms: int) -> Reply | None:
    after = state.copy()
    reply = after.ask(command, now_ms)
    return bare(reply) if after.key() == state.key() else None


def _seconds(reply: Reply | None, like: Reply) -> int | None:
    """After how long to ask again, where a reply says so, with the code that the other one has."""
    if not isinstance(reply, Rejected) or not isinstance(like, Rejected) or reply.code is not like.code:
        return None
    seconds = reply.facts.get("retry_after_s")
    return None if seconds is None else int(seconds)


UNACKNOWLEDGED_S = inf
"""The end of an operation whose reply nobody saw, but whose effect is in the journal."""
