"""I8: does a short history have a sequential explanation? Plain search, for sales to a few clients.

Wing and Gong's search with Lowe's just-in-time order ("Testing for linearizability", 2017): requests and
replies are gone through by time; at each reply its operation must take effect, after as many of the others
under way as needed. What is kept is the set of all configurations still possible: the live reservations,
and which operations under way have had their effect. It becoming empty means: no explanation. A history is
one event's, or what a restaurant's clients did about times that overlap (`windows`).

An operation without an answer may take effect at any later time, or never.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from loadtest.auditor.dining_model import DiningModel
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.histories import FOREVER_US, Operation, operations
from loadtest.auditor.sale_model import SaleModel
from loadtest.auditor.windows import windows
from loadtest.record import Call, Dining, Sale

CONFIGURATIONS_MAX = 20_000
OPEN_MAX_OPERATIONS = 64
"""Beyond either bound the history is too wide to be decided by search. That proves nothing, so it fails."""

Configuration = tuple[frozenset[Any], frozenset[int]]


class Model(Protocol):
    """What can be sold, as a sequence of operations would leave it."""

    @property
    def nothing(self) -> frozenset[Any]:
        """The state in which nothing has happened."""

    def after(self, state: Any, operation: Operation) -> frozenset[Any] | None:
        """The state after it, with the outcome it had; None if it cannot have had that outcome here."""


class TooWide(Exception):
    """The history has too many operations at once to be decided by search."""


@dataclass(slots=True, frozen=True)
class Answer:
    """`stuck` None: there is an explanation; else the operation whose reply has none."""

    looked_at: int
    stuck: Operation | None


def check_sale(sale: Sale, calls: Iterable[Call], findings: Findings) -> None:
    """One witnessed sale."""
    model = SaleModel(dict(sale.quotas), sale.capacity, dict(sale.seats))
    _check(sale.event, model, operations(calls), findings)


def check_dining(dining: Dining, calls: Iterable[Call], findings: Findings) -> None:
    """One witnessed restaurant, window by window."""
    model = DiningModel(dining)
    for history in windows(dining, operations(calls)):
        _check(dining.restaurant, model, history, findings)


def _check(inventory_id: str, model: Model, history: Sequence[Operation], findings: Findings) -> None:
    try:
        answer = explain(model, history)
    except TooWide as error:
        findings.fail(Check.LINEARIZABLE, f"{inventory_id}: undecided, {error}")
        return
    findings.saw(Check.LINEARIZABLE, answer.looked_at)
    if answer.stuck is not None:
        findings.fail(Check.LINEARIZABLE, f"{inventory_id}: nothing explains {answer.stuck}")


def explain(model: Model, history: Sequence[Operation]) -> Answer:
    """Go through the history's requests and replies. Raises `TooWide`."""
    possible: set[Configuration] = {(model.nothing, frozenset())}
    under_way: set[int] = set()
    looked_at = 0
    for _, is_reply, number in _moments(history):
        if not is_reply:
            under_way.add(number)
            if len(under_way) > OPEN_MAX_OPERATIONS:
                raise TooWide(f"{len(under_way)} operations at once")
            continue
        possible = _after_reply(model, history, possible, under_way, number)
        under_way.discard(number)
        looked_at += 1
        if not possible:
            return Answer(looked_at, history[number])
    return Answer(looked_at, None)


def _moments(history: Sequence[Operation]) -> list[tuple[int, bool, int]]:
    """Requests before replies of the same microsecond: then more is possible, never less."""
    moments = [(operation.sent_us, False, number) for number, operation in enumerate(history)]
    moments += [
        (operation.got_us, True, number)
        for number, operation in enumerate(history)
        if operation.got_us < FOREVER_US
    ]
    return sorted(moments)


def _after_reply(
    model: Model,
    history: Sequence[Operation],
    possible: set[Configuration],
    under_way: set[int],
    number: int,
) -> set[Configuration]:
    """All configurations in which operation `number` has had its effect."""
    done: set[Configuration] = set()
    seen = set(possible)
    open_ones = list(possible)
    while open_ones:
        state, applied = open_ones.pop()
        if number in applied:
            done.add((state, applied - {number}))
            continue
        for other in under_way - applied:
            after = model.after(state, history[other])
            if after is None:
                continue
            configuration = (after, applied | {other})
            if configuration not in seen:
                seen.add(configuration)
                open_ones.append(configuration)
        if len(seen) > CONFIGURATIONS_MAX:
            raise TooWide(f"more than {CONFIGURATIONS_MAX} configurations")
    return done
