"""I5: every hold ends within 2 s of its end, or within 2 s of the parts being back; reads know it at once.

An outage moves the bound of the holds that would have ended in it: nothing can be noted while the database
is away. What is still held in the rows is held against the time of the snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.event_messages import Stage
from loadtest.auditor.claims import EXPIRED, HELD, LIVE, ON_HOLD, Claim
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.fold import Book
from loadtest.record import Call, Fault

LATE_MAX_MS = 2_000
CLOCKS_APART_MAX_MS = 100
"""Between the generator's clock, corrected by what was measured, and store time."""


class Outages:
    """When parts were away, by store time."""

    def __init__(self, faults: Iterable[Fault] = (), ahead_ms: int = 0) -> None:
        """`ahead_ms`: how far store time is ahead of the clock that the faults were noted by."""
        faults = list(faults)
        late = (fault for fault in faults if fault.stops_sales or fault.delays_ends)
        self._without_ends = _spans(late, ahead_ms)
        self._cut = _spans((fault for fault in faults if fault.cuts_connections), ahead_ms)

    def deadline_ms(self, end_ms: int) -> int:
        """By when something due at `end_ms` must be noted."""
        deadline = end_ms + LATE_MAX_MS
        for from_ms, back_ms in self._without_ends:
            if from_ms <= deadline and back_ms >= end_ms:
                deadline = max(deadline, back_ms + LATE_MAX_MS)
        return deadline

    def cut(self, from_ms: int, until_ms: int) -> bool:
        """Whether connections were cut in that time, or so shortly before that clients still feel it."""
        return any(start <= until_ms and back + LATE_MAX_MS >= from_ms for start, back in self._cut)


def _spans(faults: Iterable[Fault], ahead_ms: int) -> Sequence[tuple[int, int]]:
    return sorted((fault.from_us // 1000 + ahead_ms, fault.back_us // 1000 + ahead_ms) for fault in faults)


class Ends:
    """A watcher: each `HoldExpired` against the hold's end."""

    def __init__(self, outages: Outages, findings: Findings) -> None:
        self.latest_ms = 0
        self._outages = outages
        self._findings = findings

    def changed(self, book: Book, reservation_id: str, claim: Claim, at_ms: int) -> None:
        if claim.status != EXPIRED:
            return
        self.latest_ms = max(self.latest_ms, at_ms - _end_ms(claim))
        before = f"the append before {at_ms - book.at_ms} ms earlier"
        self._check(f"{book.where()} ({before}): {reservation_id} ended", claim, at_ms)

    def row_ended(self, book: Book, at_ms: int) -> None:
        pass

    def ended(self, book: Book, at_ms: int) -> None:
        """What is still held when the rows were read, at `at_ms`."""
        if book.stage is Stage.CANCELLED:
            self._check_cancelled(book, at_ms)
            return
        for reservation_id, claim in book.claims.items():
            if claim.status in ON_HOLD:
                self._check(f"{book.inventory_id}: {reservation_id} is still {claim.status}", claim, at_ms)

    def _check_cancelled(self, book: Book, at_ms: int) -> None:
        """What a cancelled event has ends like a hold whose time has run out."""
        self._findings.saw(Check.HOLDS_END)
        left = sum(claim.status in LIVE for claim in book.claims.values())
        if left and at_ms > self._outages.deadline_ms(book.cancelled_ms):
            late = f"{left} are not ended {at_ms - book.cancelled_ms} ms after it was cancelled"
            self._findings.fail(Check.HOLDS_END, f"{book.inventory_id}: {late}")

    def _check(self, what: str, claim: Claim, at_ms: int) -> None:
        late_ms = at_ms - _end_ms(claim)
        self._findings.saw(Check.HOLDS_END)
        if late_ms > LATE_MAX_MS and at_ms > self._outages.deadline_ms(_end_ms(claim)):
            self._findings.fail(Check.HOLDS_END, f"{what}, {late_ms} ms past its end")


def _end_ms(claim: Claim) -> int:
    """The hold's end, or its payment's deadline; but not before a payment that failed gave it back."""
    return max(claim.expires_ms, claim.given_back_ms)


def check_reads(calls: Iterable[Call], ahead_ms: int, findings: Findings) -> None:
    """A reservation that was read after its end is not shown as held; `ahead_ms` as in `Outages`."""
    for call in calls:
        if call.op == "read" and call.done and call.view is not None:
            past_ms = call.sent_us // 1000 + ahead_ms - call.view.expires_ms
            wrong = call.view.status == HELD and past_ms > CLOCKS_APART_MAX_MS
            detail = f"{call.reservation} was shown as held {past_ms} ms past its end"
            findings.expect(Check.READS_END, not wrong, detail)
