"""What a provider says of a payment, a refund or a payout."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Captured:
    """It has the money: so much of that currency. `ref`: its own name for the payment."""

    ref: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Declined:
    """There will be no money. `error` in words for who pays."""

    error: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """It knows of it, under that name, and has charged nothing: to be asked again, once the name is
    durable."""

    ref: str


@dataclass(frozen=True, slots=True)
class NeedsAction:
    """Who pays has something to do first, there; the address is theirs alone."""

    ref: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Working:
    """It has not decided yet."""

    ref: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It has never heard of the key."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """It did not answer, or its answer was lost: perhaps it did it."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class PaidBack:
    """A refund was made. Not `for_good`: it may still fail."""

    ref: str
    for_good: bool = True


@dataclass(frozen=True, slots=True)
class Returned:
    """A refund reached nobody, be it that it was made before: its money is here."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class PaidOut:
    """What a wallet had has gone to whom it belongs."""

    ref: str


SaidOfPayout = PaidOut | Declined | Working | Unclear
"""`Declined`: nothing was paid out, and nothing will be under this key."""
SaidOfRefund = PaidBack | Working | Returned | Unclear
Said = Captured | Declined | Prepared | NeedsAction | Working | Unknown | Unclear
