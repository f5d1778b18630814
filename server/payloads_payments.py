"""What clients send about payments, refunds and wallets."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from domain.ledger import AMOUNT_MAX, Kind
from domain.payment import Standing
from domain.purchase import PARTS_MAX
from server.payloads import (
    _END,
    CODE_MAX_CHARACTERS,
    CURSOR_MAX_CHARACTERS,
    LINES_MAX,
    NAME_MAX_CHARACTERS,
    PAGE_DEFAULT_ITEMS,
    PAGE_MAX_ITEMS,
    Moment,
    Payload,
    WantedLine,
)

METHOD_MAX_CHARACTERS = 200
ID_CHARACTERS = 36
CardProvider = Literal["sandbox", "stripe"]
Provider = Literal["sandbox", "stripe", "wallet"]
Reason = Annotated[str, Meta(min_length=1, max_length=NAME_MAX_CHARACTERS)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}" + _END)]


class NewPayment(Payload, frozen=True):
    """How it is to be paid. `method`: the provider's token for it: of Stripe a payment method (`pm_...`);
    of the sandbox, which is there where Stripe is not, the outcome that is wanted; of a wallet, whose, for
    operators to say."""

    provider: Provider
    method: Annotated[str, Meta(max_length=METHOD_MAX_CHARACTERS)] = ""


class NewPurchase(Payload, frozen=True):
    """How it is to be paid, as in NewPayment. `reservations`: the ids of all that is to be bought. They are
    named because anybody can hold something under anybody's e-mail."""

    provider: Provider
    reservations: Annotated[
        tuple[Annotated[str, Meta(max_length=ID_CHARACTERS)], ...], Meta(min_length=1, max_length=PARTS_MAX)
    ]
    method: Annotated[str, Meta(max_length=METHOD_MAX_CHARACTERS)] = ""


class SandboxAct(Payload, frozen=True):
    """What who pays says at the sandbox's stand-in for a bank's page."""

    approve: bool


class PaymentsQuery(Payload, frozen=True):
    """A page of an event's payments, of one status or of all."""

    status: Standing | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX_ITEMS)] = PAGE_DEFAULT_ITEMS
    cursor: Annotated[str, Meta(max_length=CURSOR_MAX_CHARACTERS)] | UnsetType = UNSET


class PositiveMoney(Payload, frozen=True):
    """An amount over 0, in minor units of a currency (ISO 4217)."""

    amount: Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]
    currency: Currency


class NewRefund(Payload, frozen=True):
    """Neither: all that is left, and the reservation is cancelled. `amount`: so much, and the reservation
    stays. `lines`: these tickets are given back, at their price."""

    amount: PositiveMoney | None = None
    lines: Annotated[tuple[WantedLine, ...], Meta(max_length=LINES_MAX)] = ()


class Adjustment(Payload, frozen=True):
    """So much into a wallet, or out of it, and why."""

    amount: PositiveMoney
    direction: Literal["in", "out"]
    reason: Reason


class NewCharge(Payload, frozen=True):
    """So much into a wallet, and how it is to be paid, as in NewPayment; a wallet does not charge another."""

    amount: PositiveMoney
    provider: CardProvider
    method: Annotated[str, Meta(max_length=METHOD_MAX_CHARACTERS)] = ""


class Withdrawal(Payload, frozen=True):
    """So much of a wallet is paid out, through a provider. `method`: to whom, as the provider names it;
    of the sandbox the outcome that is wanted."""

    amount: PositiveMoney
    provider: CardProvider
    method: Annotated[str, Meta(max_length=METHOD_MAX_CHARACTERS)] = ""
    reason: Reason | None = None


class WalletQuery(Payload, frozen=True):
    currency: Currency


class StatementQuery(Payload, frozen=True):
    """A part of a wallet's movements, newest first."""

    currency: Currency
    kind: Kind | None = None
    since: Moment | None = None
    until: Moment | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX_ITEMS)] = PAGE_DEFAULT_ITEMS
    cursor: Annotated[str, Meta(max_length=CURSOR_MAX_CHARACTERS)] | UnsetType = UNSET


class MovementsQuery(Payload, frozen=True):
    """A part of all movements, newest first; `wallet` takes a `currency`."""

    wallet: Annotated[str, Meta(min_length=1, max_length=CODE_MAX_CHARACTERS)] | None = None
    currency: Currency | None = None
    kind: Kind | None = None
    since: Moment | None = None
    until: Moment | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX_ITEMS)] = PAGE_DEFAULT_ITEMS
    cursor: Annotated[str, Meta(max_length=CURSOR_MAX_CHARACTERS)] | UnsetType = UNSET
