"""What clients get of payments, refunds and wallets."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from domain.ledger import Account, Kind, Movement
from domain.payment import Part, Payment, Standing
from domain.refund import Reason, Refund, RefundStep
from server.times import rfc3339
from server.views import MoneyView, View

RefundStatus = Literal["pending", "done", "refused", "failed"]
NOT_PAID_BACK = "It could not be paid back yet. You still get it: it is being seen to."


class RefundView(View, frozen=True):
    """Money that goes back, or has gone; or was refused; or that its provider could not pay back (`failed`,
    be it after it was `done`), which an operator has to see to."""

    id: str
    payment_id: str
    status: RefundStatus
    amount: MoneyView
    reason: Reason
    error: str | None


class PartView(View, frozen=True):
    """What one of the reservations of a purchase costs, and the payment that it is by itself."""

    payment_id: str
    reservation_id: str
    event_id: str
    amount: MoneyView | None


class PaymentView(View, frozen=True):
    """A payment: of one reservation; of several, then it has `parts`, each of which is a payment too and is
    `part_of` it; or of a `wallet` that it charges, or, if it `pays_out`, out of which it pays. `amount` and
    `currency` are null until it has begun, and of one that failed; `error` says in words why it did.
    `action_url`: where who pays has something to do. The last three are for operators."""

    id: str
    reservation_id: str | None
    provider: str
    status: Standing
    amount: MoneyView | None
    currency: str | None
    refunded: MoneyView | None
    error: str | None
    action_url: str | None
    deadline: str
    created_at: str
    refunds: list[RefundView]
    parts: list[PartView]
    part_of: str | None
    wallet: str | None
    pays_out: bool
    step: str | UnsetType = UNSET
    provider_ref: str | UnsetType | None = UNSET
    detail: str | UnsetType | None = UNSET


PaymentEvents = Annotated[
    str,
    Meta(
        description="Server-sent events named `state`, the data of each a PaymentView: the payment as it"
        " stands, then as it changes, until it is captured, or has failed; then the stream ends. Who comes"
        " back with the Last-Event-ID of the last of them hears 204: there is nothing more. Comments keep it"
        " open."
    ),
]


class WebhookView(View, frozen=True):
    """A provider's event, stored. `first`: it had not been heard before. What is about no payment of ours is
    answered so too, without one, and not stored."""

    id: str
    payment_id: str | None
    first: bool


class StepView(View, frozen=True):
    """What was asked of somebody for a payment, and what was said. `key`: the provider's."""

    at: str
    step: str
    key: str
    result: str


class StepsView(View, frozen=True):
    """The last 200; what was said again, without anything new, is there once."""

    payment_id: str
    steps: list[StepView]


class WalletView(View, frozen=True):
    wallet: str
    balance: MoneyView


class MovementView(View, frozen=True):
    """So much from one account of the ledger to another."""

    id: str
    at: str
    kind: Kind
    from_account: str
    to_account: str
    amount: MoneyView
    payment_id: str | None
    reason: str | None
    done_by: str | None


class WholeWalletView(View, frozen=True):
    """A wallet and everything that was moved into it and out of it, the newest first."""

    wallet: str
    balance: MoneyView
    movements: list[MovementView]


_OVER: dict[RefundStep, RefundStatus] = {
    RefundStep.DONE: "done",
    RefundStep.REFUSED: "refused",
    RefundStep.FAILED: "failed",
}


def payment_view(payment: Payment, refunds: list[Refund], operator: bool) -> PaymentView:
    failed = payment.standing is Standing.FAILED
    known = payment.amount is not None and payment.currency is not None and not failed
    currency = payment.currency or ""
    return PaymentView(
        payment.id,
        payment.reservation_id or None,
        payment.provider,
        payment.standing,
        MoneyView(payment.amount or 0, currency) if known else None,
        currency if known else None,
        MoneyView(payment.refunded, currency) if known else None,
        payment.error,
        payment.action_url,
        rfc3339(payment.deadline_ms),
        rfc3339(payment.created_ms),
        [refund_view(refund) for refund in refunds],
        [_part_view(part, currency if known else None) for part in payment.parts],
        payment.whole_id,
        payment.wallet or None,
        payment.pays_out,
        payment.step.value if operator else UNSET,
        payment.provider_ref if operator else UNSET,
        payment.detail if operator else UNSET,
    )


def _part_view(part: Part, currency: str | None) -> PartView:
    amount = None if currency is None else MoneyView(part.amount or 0, currency)
    return PartView(part.payment_id, part.reservation_id, part.inventory_id, amount)


def refund_view(refund: Refund) -> RefundView:
    failed = NOT_PAID_BACK if refund.step is RefundStep.FAILED else None
    error = refund.error if refund.step is RefundStep.REFUSED else failed
    amount = MoneyView(refund.amount, refund.currency)
    status = _OVER.get(refund.step, "pending")
    return RefundView(refund.id, refund.payment_id, status, amount, refund.reason, error)


def steps_view(payment_id: str, notes: list[tuple[int, str, str, str]]) -> StepsView:
    return StepsView(payment_id, [StepView(rfc3339(at_ms), *said) for at_ms, *said in notes])


def wallet_view(account: Account) -> WalletView:
    return WalletView(account.name, MoneyView(account.balance, account.currency))


def movement_view(movement: Movement) -> MovementView:
    return MovementView(
        movement.id,
        rfc3339(movement.at_ms),
        movement.kind,
        movement.from_id,
        movement.to_id,
        MoneyView(movement.amount, movement.currency),
        movement.payment_id,
        movement.reason,
        movement.done_by,
    )
