"""I7 behind the scenes: what was accepted there was answered as the journal says, and no otherwise.

A submission that is done names a reservation that the journal knows. One that was rejected has made none: the
journal does not know its id, and under its request id no effect is on record. One that is pending may still
become either.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from loadtest.auditor.findings import Check, Findings

DONE, REJECTED = "done", "rejected"


@dataclass(slots=True, frozen=True)
class SubmissionRow:
    """One submission. `had_effect`: its request id is on record with something else than the rejection."""

    id: str
    status: str
    reservation_id: str | None
    had_effect: bool


def check_submissions(
    inventory_id: str, known: Container[str], rows: Iterable[SubmissionRow], findings: Findings
) -> None:
    """`known`: the ids of the reservations that the journal made."""
    for row in rows:
        findings.saw(Check.SUBMISSIONS)
        if row.status == DONE and row.reservation_id not in known:
            wrong = f"is done, but the journal knows no reservation {row.reservation_id}"
        elif row.status == REJECTED and row.id in known:
            wrong = "was rejected, but the journal has its reservation"
        elif row.status == REJECTED and row.had_effect:
            wrong = "was rejected, but its request has had an effect"
        else:
            continue
        findings.fail(Check.SUBMISSIONS, f"{inventory_id}: submission {row.id} {wrong}")
