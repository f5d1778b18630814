"""From recorded calls to the operations of a history: the retries of one key are one operation.

A success has had its effect between the first call of its key that may have had it and the first success.
A refusal is an operation of its own, since it is decided anew each time. A key that was never answered for
certain is an operation that may take effect whenever it likes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.auditor.promises import EFFECTS
from loadtest.auditor.retries import PLACING
from loadtest.record import Call, Sitting, Wanted, Wish

FOREVER_US = 1 << 62
UNKNOWN = "unknown"
REFUSED = "refused "
"""Before a refusal's code, since `held` is a code and a status."""
_NOTHING_HAPPENED = ("overloaded", "rate_limited", "key_reused")


@dataclass(slots=True, frozen=True)
class Operation:
    """`outcome`: the status of the reservation it left, `refused` and the code, or `unknown`."""

    op: str
    reservation: str
    wanted: Wanted
    outcome: str
    sent_us: int
    got_us: int
    named: tuple[str, ...] = ()
    """Seats that were asked for by their names."""
    seats: tuple[str, ...] | None = None
    """Seats that were given; None: nobody knows which, or there are none."""
    wish: Wish | None = None
    """What was asked of a restaurant."""
    sitting: Sitting | None = None
    """What it gave; None: nobody knows."""


def operations(calls: Iterable[Call]) -> list[Operation]:
    """All operations of a history, by the time they were sent."""
    groups: defaultdict[tuple[str, str, str], list[Call]] = defaultdict(list)
    for call in calls:
        if call.op in EFFECTS:
            alone = f"{call.client} {call.sent_us}"
            path = "" if call.op in PLACING else call.reservation
            groups[call.op, path, call.key or alone].append(call)
    found = [operation for group in groups.values() for operation in _of_one_key(group)]
    return sorted(found, key=lambda operation: operation.sent_us)


def _of_one_key(group: list[Call]) -> list[Operation]:
    group.sort(key=lambda call: call.sent_us)
    refused = [call for call in group if not (call.done or call.unknown or call.code in _NOTHING_HAPPENED)]
    found = [_operation(call, REFUSED + call.code, call.sent_us, call.got_us) for call in refused]
    unsure = [call for call in group if call.unknown]
    effects = [call for call in group if call.done]
    if effects:
        first = min(effects, key=lambda call: call.got_us)
        sent_us = min(call.sent_us for call in [first, *unsure, *effects])
        outcome = first.said.status if first.said else ""
        found.append(_operation(first, outcome, sent_us, first.got_us))
    elif unsure:
        found.append(_operation(unsure[0], UNKNOWN, unsure[0].sent_us, FOREVER_US))
    return found


def _operation(call: Call, outcome: str, sent_us: int, got_us: int) -> Operation:
    reservation = call.reservation or f"of key {call.key}"
    wanted = call.wanted
    if call.view is not None:
        wanted = tuple((code, quantity) for code, quantity, _ in call.view.lines)
    seats = call.seats or None
    if call.unknown and call.named and len(call.named) == sum(quantity for _, quantity in wanted):
        seats = call.named
    asked, given = call.wish, call.sitting
    return Operation(call.op, reservation, wanted, outcome, sent_us, got_us, call.named, seats, asked, given)
