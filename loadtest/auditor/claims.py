"""A reservation as the auditor knows it, and which facts may happen to it when."""

from __future__ import annotations

from itertools import islice

from domain.event_messages import (
    HoldChanged,
    HoldExpired,
    HoldExtended,
    HoldReleased,
    PaymentBegun,
    PaymentFailed,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationPaid,
    ReservationReduced,
    ReservationRetaken,
    ReservationSold,
    ReservationVoided,
)
from loadtest.record import Lines, View

HELD, PAYING, CONFIRMED = "held", "paying", "confirmed"
RELEASED, EXPIRED, CANCELLED = "released", "expired", "cancelled"
LIVE = (HELD, PAYING, CONFIRMED)
ON_HOLD = (HELD, PAYING)

ClaimFact = (
    HoldChanged
    | HoldExtended
    | HoldExpired
    | HoldReleased
    | ReservationConfirmed
    | ReservationCancelled
    | ReservationSold
    | PaymentBegun
    | PaymentFailed
    | ReservationPaid
    | ReservationRetaken
    | ReservationReduced
    | ReservationVoided
)
"""What can happen to a reservation after it was placed."""


class Claim:
    """A reservation as the facts so far left it."""

    __slots__ = (
        "changes",
        "created_ms",
        "customer",
        "expires_ms",
        "extensions",
        "given_back_ms",
        "hold_ends_ms",
        "kept",
        "lines",
        "numbers",
        "paid",
        "payment_id",
        "status",
    )

    def __init__(self, created_ms: int, customer: bytes, lines: Lines, expires_ms: int) -> None:
        self.status = HELD
        self.created_ms = created_ms
        self.customer = customer
        self.lines = lines
        self.expires_ms = expires_ms
        self.numbers: tuple[int, ...] | None = None
        """Of its tickets, once some of them went back; until then they are counted from 1."""
        self.extensions = 0
        self.changes = 0
        self.payment_id: str | None = None
        self.paid = False
        """By that payment."""
        self.hold_ends_ms: int | None = None
        self.kept: int | None = None
        """Of its price, now that it is cancelled; None: nothing, or it was not paid for by a payment."""
        self.given_back_ms = 0
        """When its last payment failed: a hold whose time had run out by then ends with that."""

    @property
    def quantity(self) -> int:
        return sum(quantity for _, quantity, _ in self.lines)

    def has_ticket(self, number: int) -> bool:
        return 1 <= number <= self.quantity if self.numbers is None else number in self.numbers

    @property
    def price(self) -> int:
        """Of what is confirmed, or kept now that it is cancelled."""
        if self.status != CONFIRMED:
            return self.kept or 0
        return sum(quantity * price for _, quantity, price in self.lines)

    def view(self) -> View:
        total = sum(quantity * price for _, quantity, price in self.lines)
        return View(self.status, self.expires_ms, self.lines, total, self.created_ms)


_NEEDS: dict[type, tuple[str, ...]] = {
    HoldChanged: (HELD,),
    HoldExtended: (HELD,),
    HoldExpired: ON_HOLD,
    HoldReleased: (HELD,),
    ReservationConfirmed: (HELD,),
    ReservationSold: (HELD,),
    PaymentBegun: (HELD,),
    PaymentFailed: (PAYING,),
    ReservationPaid: (PAYING,),
    ReservationRetaken: (EXPIRED,),
    ReservationCancelled: (CONFIRMED,),
    ReservationReduced: (CONFIRMED,),
    ReservationVoided: (CONFIRMED,),
}


def misfit(claim: Claim, fact: ClaimFact) -> str:
    """Why the fact cannot happen to the claim as it stands; empty if it can."""
    if claim.status not in _NEEDS[type(fact)]:
        return f"it is {claim.status}"
    if isinstance(fact, PaymentFailed | ReservationPaid) and fact.payment_id != claim.payment_id:
        return f"it is being paid by {claim.payment_id}"
    over = fact.at_ms >= claim.expires_ms
    if isinstance(fact, HoldExpired):
        return "" if over else f"its end is {claim.expires_ms - fact.at_ms} ms ahead"
    if claim.status not in ON_HOLD:
        return ""
    return f"its end was {fact.at_ms - claim.expires_ms} ms before" if over else ""


def become(claim: Claim, fact: ClaimFact, lines: Lines) -> None:
    """Make the fact true of the claim; `lines` are those that it has from then on."""
    match fact:
        case HoldChanged():
            claim.lines = lines
            claim.changes += 1
        case HoldExtended():
            claim.expires_ms = fact.expires_at_ms
            claim.extensions += 1
        case ReservationConfirmed() | ReservationSold() | ReservationPaid():
            claim.status, claim.paid = CONFIRMED, isinstance(fact, ReservationPaid)
            if not isinstance(fact, ReservationPaid) and fact.clears_payment:
                claim.payment_id = claim.hold_ends_ms = None
        case PaymentBegun():
            claim.status, claim.payment_id = PAYING, fact.payment_id
            claim.hold_ends_ms, claim.expires_ms = claim.expires_ms, fact.deadline_ms
        case PaymentFailed():
            claim.status, claim.given_back_ms = HELD, fact.at_ms
            claim.expires_ms = claim.hold_ends_ms or 0
            if fact.clears_payment:
                claim.payment_id = claim.hold_ends_ms = None
        case ReservationRetaken():
            claim.status, claim.payment_id, claim.paid = CONFIRMED, fact.payment_id, True
            claim.hold_ends_ms = claim.hold_ends_ms or claim.expires_ms
        case ReservationReduced():
            claim.numbers = _left(claim, lines)
            claim.lines = lines
        case HoldExpired():
            claim.status = EXPIRED
        case HoldReleased():
            claim.status = RELEASED
        case ReservationCancelled():
            claim.status = CANCELLED
            claim.kept = fact.kept if fact.kept and claim.payment_id is not None else None
        case ReservationVoided():
            claim.status = CANCELLED


def _left(claim: Claim, lines: Lines) -> tuple[int, ...]:
    """The numbers of the tickets that it keeps: the first of each type, and none is renumbered."""
    kept, numbers = {code: quantity for code, quantity, _ in lines}, []
    had = iter(claim.numbers or range(1, claim.quantity + 1))
    for code, quantity, _ in claim.lines:
        numbers += list(islice(had, quantity))[: kept.get(code, 0)]
    return tuple(numbers)
