"""I2: what a client was told is in the journal, exactly as it was told.

Each acknowledged reply shows a reservation as a command left it, so somewhere along the fold the
reservation must have looked just so: status, end, lines with their prices, total; or tables, times and party.
What is left over at the end was promised and is lost. A reply that needed no fact (a second confirm, the same
lines again) shows a state that the fold passes through too.
"""

from __future__ import annotations

from collections.abc import Iterable

from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.watching import Folded, Shown
from loadtest.record import Call, Sitting, View

_FITTING = {
    "hold": ("held", "confirmed"),
    "confirm": ("confirmed",),
    "cancel": ("released", "cancelled", "expired", "completed", "no_show"),
    "extend": ("held",),
    "change": ("held",),
    "move": ("held", "confirmed", "seated"),
    "seat": ("seated",),
    "complete": ("completed",),
    "no-show": ("no_show",),
    "prolong": ("seated",),
    "walk-in": ("seated",),
}
EFFECTS = tuple(_FITTING)
"""Requests that do something to a reservation."""


class Promises:
    """A watcher: crosses off what was promised for one inventory as the fold passes it."""

    def __init__(self, calls: Iterable[Call], findings: Findings) -> None:
        self._findings = findings
        self._open: dict[str, dict[View | Sitting, Call]] = {}
        for call in calls:
            if call.op in EFFECTS and call.done:
                self._expect(call)

    def changed(self, book: Folded, reservation_id: str, claim: Shown, at_ms: int) -> None:
        waiting = self._open.get(reservation_id)
        if waiting is None:
            return
        waiting.pop(claim.view(), None)
        if not waiting:
            del self._open[reservation_id]

    def row_ended(self, book: Folded, at_ms: int) -> None:
        pass

    def ended(self, book: Folded) -> None:
        """The fold is over: nothing may be left."""
        for reservation_id, waiting in self._open.items():
            for view, call in waiting.items():
                told = f"{call.op} of {reservation_id} was acknowledged, {_why(book, reservation_id, view)}"
                self._findings.fail(Check.ACKNOWLEDGED, told)

    def _expect(self, call: Call) -> None:
        self._findings.saw(Check.ACKNOWLEDGED)
        if call.said is None or not call.reservation:
            self._findings.fail(Check.ACKNOWLEDGED, f"{call.op} by {call.client} brought no reservation")
        elif call.said.status not in _FITTING[call.op]:
            told = f"{call.op} of {call.reservation} answered {call.said.status}"
            self._findings.fail(Check.ACKNOWLEDGED, told)
        else:
            self._open.setdefault(call.reservation, {})[call.said] = call


def _why(book: Folded, reservation_id: str, view: View | Sitting) -> str:
    claim = book.claims.get(reservation_id)
    if claim is None:
        return "the journal does not know it"
    return f"as {view}; the journal ends with {claim.view()}"
