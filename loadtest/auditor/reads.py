"""Availability as clients read it: never older than 2 s, never going back, and true of its sequence.

An availability with sequence s is up to date until append s + 1 is decided. How far behind it was is taken
from the moment its request was sent, the earliest at which the answer can have been made. Nothing excuses it:
without Redis, an owner or PostgreSQL an availability that is too old must not be given.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable

from loadtest.auditor.claims import Claim
from loadtest.auditor.ends import CLOCKS_APART_MAX_MS
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.fold import Book
from loadtest.record import Call

BEHIND_MAX_MS = 2_000
Counts = tuple[tuple[str, int, int, int], ...]


class Reads:
    """A watcher: what one event's availability should have been at each sequence that a client saw."""

    def __init__(self, calls: Iterable[Call], ahead_ms: int, findings: Findings) -> None:
        self.oldest_ms = 0
        self._findings = findings
        self._ahead_ms = ahead_ms
        self._samples = [call for call in calls if call.op == "availability" and call.done]
        self._shown: defaultdict[int, set[Counts]] = defaultdict(set)
        for call in self._samples:
            self._shown[call.sequence].add(tuple(sorted(call.counts)))
        self._at_ms = array("q")

    def changed(self, book: Book, reservation_id: str, claim: Claim, at_ms: int) -> None:
        pass

    def row_ended(self, book: Book, at_ms: int) -> None:
        self._at_ms.append(at_ms)
        shown = self._shown.pop(book.seq, None)
        if shown is None:
            return
        sums = ((code, book.available(code), book.held[code], book.confirmed[code]) for code in book.types)
        folded = sorted(sums)
        for counts in shown:
            detail = f"{book.where()}: shown {counts}, the facts say {folded}"
            self._findings.expect(Check.COUNTS, list(counts) == folded, detail)

    def ended(self, book: Book) -> None:
        """The fold is over: look at each sample."""
        check_never_back(self._samples, self._findings)
        for sequence in self._shown:
            detail = f"{book.inventory_id}: sequence {sequence} was shown, the journal ends with {book.seq}"
            self._findings.expect(Check.COUNTS, False, detail)
        for call in self._samples:
            self._check_age(call)

    def _check_age(self, call: Call) -> None:
        sent_ms = call.sent_us // 1000 + self._ahead_ms
        following = call.sequence  # append s + 1 stands at index s
        since_ms = self._at_ms[following] if following < len(self._at_ms) else sent_ms
        behind_ms = sent_ms - since_ms
        self.oldest_ms = max(self.oldest_ms, behind_ms)
        late = behind_ms > BEHIND_MAX_MS + CLOCKS_APART_MAX_MS
        detail = f"{call.event}: sequence {call.sequence} was shown {behind_ms} ms after the next was decided"
        self._findings.expect(Check.AGE, not late, detail)


def check_never_back(samples: Iterable[Call], findings: Findings) -> None:
    """For each client and event, sequences never fall from one answer to the next request's."""
    latest: dict[tuple[str, str], Call] = {}
    for call in sorted(samples, key=lambda call: call.sent_us):
        place = (call.client, call.event)
        before = latest.get(place)
        if before is not None and before.got_us <= call.sent_us:
            detail = f"{call.event}: {call.client} saw sequence {before.sequence}, then {call.sequence}"
            findings.expect(Check.NEVER_BACK, call.sequence >= before.sequence, detail)
        if before is None or call.sequence >= before.sequence:
            latest[place] = call
