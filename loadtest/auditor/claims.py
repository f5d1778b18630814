"""A reservation as the auditor knows it, and which facts may happen to it when."""

from __future__ import annotations

from domain.event_messages import (
    HoldChanged,
    HoldExpired,
    HoldExtended,
    HoldReleased,
    ReservationCancelled,
    ReservationConfirmed,
)
from loadtest.record import Lines, View

HELD, CONFIRMED = "held", "confirmed"
RELEASED, EXPIRED, CANCELLED = "released", "expired", "cancelled"
LIVE = (HELD, CONFIRMED)

ClaimFact = (
    HoldChanged | HoldExtended | HoldExpired | HoldReleased | ReservationConfirmed | ReservationCancelled
)
"""What can happen to a reservation after it was placed."""


class Claim:
    """A reservation as the facts so far left it."""

    __slots__ = ("changes", "created_ms", "customer", "expires_ms", "extensions", "lines", "status")

    def __init__(self, created_ms: int, customer: bytes, lines: Lines, expires_ms: int) -> None:
        self.status = HELD
        self.created_ms = created_ms
        self.customer = customer
        self.lines = lines
        self.expires_ms = expires_ms
        self.extensions = 0
        self.changes = 0

    @property
    def quantity(self) -> int:
        return sum(quantity for _, quantity, _ in self.lines)

    def view(self) -> View:
        total = sum(quantity * price for _, quantity, price in self.lines)
        return View(self.status, self.expires_ms, self.lines, total, self.created_ms)


def misfit(claim: Claim, fact: ClaimFact) -> str:
    """Why the fact cannot happen to the claim as it stands; empty if it can."""
    needed = CONFIRMED if isinstance(fact, ReservationCancelled) else HELD
    if claim.status != needed:
        return f"it is {claim.status}"
    over = fact.at_ms >= claim.expires_ms
    if isinstance(fact, HoldExpired):
        return "" if over else f"its end is {claim.expires_ms - fact.at_ms} ms ahead"
    if isinstance(fact, ReservationCancelled):
        return ""
    return f"its end was {fact.at_ms - claim.expires_ms} ms before" if over else ""


def become(claim: Claim, fact: ClaimFact, lines: Lines) -> None:
    """Make the fact true of the claim; `lines` are those of a `HoldChanged`."""
    match fact:
        case HoldChanged():
            claim.lines = lines
            claim.changes += 1
        case HoldExtended():
            claim.expires_ms = fact.expires_at_ms
            claim.extensions += 1
        case ReservationConfirmed():
            claim.status = CONFIRMED
        case HoldExpired():
            claim.status = EXPIRED
        case HoldReleased():
            claim.status = RELEASED
        case ReservationCancelled():
            claim.status = CANCELLED
