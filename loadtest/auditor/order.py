"""The journal's order against real time: what was answered before something else was asked comes before it.

The journal is one sequential explanation of all effects. It is the right one only if it agrees with what
clients could see: A acknowledged before B was sent, then A's fact stands before B's. This looks at every
effect, in the time that sorting takes; `linear` searches for any explanation at all, of short histories.
A hold that ran out is nobody's effect, whoever is told of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.auditor.claims import EXPIRED
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.promises import EFFECTS
from loadtest.auditor.watching import Folded, Shown
from loadtest.record import Call, Sitting, View

Target = tuple[str, View | Sitting]


@dataclass(slots=True)
class Effect:
    """From the first request that may have caused it to the first reply that told of it."""

    sent_us: int
    got_us: int
    position: int = -1


class Order:
    """A watcher: where in the journal each acknowledged effect stands."""

    def __init__(self, calls: Iterable[Call], findings: Findings) -> None:
        self._findings = findings
        self._effects: dict[Target, Effect] = {}
        self._targets: set[str] = set()
        calls = [call for call in calls if call.op in EFFECTS]
        first_sent = _first_sent(calls)
        for call in calls:
            if call.done and call.said is not None and call.said.status != EXPIRED:
                self._expect(call, first_sent[_request(call)])

    def changed(self, book: Folded, reservation_id: str, claim: Shown, at_ms: int) -> None:
        if reservation_id not in self._targets:
            return
        effect = self._effects.get((reservation_id, claim.view()))
        if effect is not None and effect.position < 0:
            effect.position = book.facts

    def row_ended(self, book: Folded, at_ms: int) -> None:
        pass

    def ended(self, book: Folded) -> None:
        """Sweep through time, with the furthest position among all that was acknowledged until then."""
        found = [(effect, target) for target, effect in self._effects.items() if effect.position >= 0]
        by_reply = sorted(found, key=lambda pair: pair[0].got_us)
        furthest, next_reply = -1, 0
        for effect, target in sorted(found, key=lambda pair: pair[0].sent_us):
            while by_reply[next_reply][0].got_us < effect.sent_us:
                furthest = max(furthest, by_reply[next_reply][0].position)
                next_reply += 1
            detail = (
                f"{book.inventory_id}: {target[0]} {target[1].status} before what was acknowledged earlier"
            )
            self._findings.expect(Check.ORDER, effect.position > furthest, detail)

    def _expect(self, call: Call, sent_us: int) -> None:
        assert call.said is not None
        self._targets.add(call.reservation)
        target = (call.reservation, call.said)
        effect = self._effects.setdefault(target, Effect(sent_us, call.got_us))
        effect.sent_us = min(effect.sent_us, sent_us)
        effect.got_us = min(effect.got_us, call.got_us)


def _request(call: Call) -> tuple[str, str, str]:
    """What its retries share: the key, or where there is none the path and the body."""
    return (call.op, call.key, "") if call.key else (call.op, call.reservation, call.sent)


def _first_sent(calls: Iterable[Call]) -> dict[tuple[str, str, str], int]:
    first: dict[tuple[str, str, str], int] = {}
    for call in calls:
        request = _request(call)
        first[request] = min(first.get(request, call.sent_us), call.sent_us)
    return first
