"""The ledger: who has how much, as movements from one account to another.

A movement takes an amount from one account and gives it to another of the same currency: two entries that sum
to zero, in one row, which is never changed. An account is a wallet, which belongs to somebody and never goes
below zero, or one of the house's, whose balance is what its entries sum to. A movement's id is its
idempotency: said again it is the same movement.
"""

from __future__ import annotations

import enum

import msgspec

AMOUNT_MAX = 1_000_000_000_000
"""Of one movement, in minor units."""


class Kind(enum.StrEnum):
    """What a movement is."""

    CHARGE = "charge"
    PAY = "pay"
    REFUND = "refund"
    WITHDRAW = "withdraw"
    ADJUST = "adjust"
    VOID = "void"
    """Nothing moves under this id, from now on."""


class House(enum.StrEnum):
    """The house's own accounts: what came in from outside, what was sold, and what was put right."""

    OUTSIDE = "outside"
    SALES = "sales"
    ADJUSTMENTS = "adjustments"


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """So much from one account to another. `done_by`: whose work it was, never a name."""

    id: str
    kind: Kind
    from_id: str
    to_id: str
    amount: int
    currency: str
    payment_id: str | None = None
    reason: str | None = None
    done_by: str | None = None
    number: int = 0
    at_ms: int = 0


def is_same(there: Movement, wanted: Movement) -> bool:
    """Whether what is wanted under an id is what was made under it."""
    said = ("kind", "from_id", "to_id", "amount", "currency", "reason")
    return all(getattr(there, name) == getattr(wanted, name) for name in said)


class Account(msgspec.Struct, frozen=True):
    """A wallet or an account of the house's. `name`: whose wallet, or which account."""

    id: str
    kind: str
    name: str
    currency: str
    balance: int


class Refusal(enum.StrEnum):
    """Why a movement was not made."""

    NOT_ENOUGH = "not_enough"
    VOIDED = "voided"
    KEY_REUSED = "key_reused"
    NO_ACCOUNT = "no_account"
