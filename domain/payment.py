"""A payment: what is to be done next for it, and what follows from what came of that.

Its saga: begin (the owner lets the hold wait for it) -> charge (the provider takes the money) -> confirm (the
owner confirms), or give back. It is a row that says at which of these it stands, and whoever works on it may
die between any two: the next one does the same step again, so each is safe to repeat. To its owner a payment
says its own id; to a provider each step goes under a key made of that id, which has one effect.

- What a provider did not answer is looked up, never assumed. Where it knows nothing, it is asked again, under
  the same key.
- From the deadline on nothing is charged any more: the key is cancelled at the provider, which then says
  whether it has the money after all.
- Money that is here and that the owner has no use for (the hold expired and others have what it had, or the
  event is cancelled) goes back by itself, all of it.
- Captured is shown once the money is here and the reservation is confirmed.

A refund has its own saga: the owner lets go of what it is for, if it is for something, then the provider pays
it back. What is promised back of a payment is counted before anything is done, so it is never more than
was captured.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import assert_never

import msgspec
from msgspec.structs import replace

from domain.event_messages import (
    BeginPayment,
    FailPayment,
    FinishPayment,
    ReduceReservation,
    ReservationReply,
    Status,
    VoidReservation,
    Wanted,
)
from domain.kinds import Reply
from domain.messages import Code, Rejected

PAUSE_FIRST_MS = 200
PAUSE_MAX_MS = 10_000
LOOK_EVERY_MS = 1_000
"""While a buyer has something to do, or the provider has."""


class Standing(enum.StrEnum):
    """Where a payment stands, for who pays."""

    PENDING = "pending"
    NEEDS_ACTION = "needs_action"
    CAPTURED = "captured"
    FAILED = "failed"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"

    @property
    def over(self) -> bool:
        """Who pays has nothing more to wait for."""
        return self is not Standing.PENDING and self is not Standing.NEEDS_ACTION


class Step(enum.StrEnum):
    """What is to be done next."""

    BEGIN = "begin"
    CHARGE = "charge"
    LOOK_UP = "look_up"
    CONFIRM = "confirm"
    GIVE_BACK = "give_back"
    CANCEL = "cancel"
    """Of the provider; a step that is only ever taken in place of a charge or a look-up."""
    DONE = "done"


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One payment. `amount` in minor units, known once it has begun; `error` in words for who pays, `detail`
    for operators; `promised` and `refunded`: so much of it is to go, and has gone, back. `attempts` counts
    who has worked on it: it fences what an earlier one still writes."""

    id: str
    inventory_id: str
    reservation_id: str
    provider: str
    deadline_ms: int
    created_ms: int = 0
    method: str = ""
    step: Step = Step.BEGIN
    standing: Standing = Standing.PENDING
    amount: int | None = None
    currency: str | None = None
    captured: bool = False
    promised: int = 0
    refunded: int = 0
    provider_ref: str | None = None
    action_url: str | None = None
    error: str | None = None
    detail: str | None = None
    attempts: int = 0
    pauses: int = 0
    """In a row, without anything new."""

    def key(self, step: str) -> str:
        """Under which a provider is asked for that step."""
        return f"{self.id}:{step}"


# --- what a provider says --------------------------------------------------------------------------


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
class NeedsAction:
    """Who pays has something to do first, there."""

    ref: str
    url: str


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
    """A refund was made."""

    ref: str


Said = Captured | Declined | NeedsAction | Working | Unknown | Unclear
OwnerCommand = BeginPayment | FinishPayment | FailPayment


class Turn(msgspec.Struct, frozen=True):
    """A payment after a step: when it is to be looked at again (0: at once), and what is to go back of it."""

    payment: Payment
    pause_ms: int = 0
    back: int = 0


# --- its saga ----------------------------------------------------------------------------------------


def next_step(payment: Payment, now_ms: int) -> Step:
    """What is to be done for it now."""
    charging = payment.step in (Step.CHARGE, Step.LOOK_UP)
    return Step.CANCEL if charging and now_ms >= payment.deadline_ms else payment.step


def owner_command(payment: Payment, step: Step) -> OwnerCommand:
    """What its owner is asked in a step that is the owner's."""
    if step is Step.BEGIN:
        return BeginPayment(payment.reservation_id, payment.id, payment.deadline_ms)
    if step is Step.GIVE_BACK:
        return FailPayment(payment.reservation_id, payment.id)
    assert step is Step.CONFIRM
    return FinishPayment(payment.reservation_id, payment.id, payment.amount or 0)


def after_owner(payment: Payment, step: Step, reply: Reply) -> Turn:
    """What follows from the owner's answer."""
    if isinstance(reply, Rejected) and reply.code in (Code.OVERLOADED, Code.UNAVAILABLE):
        return _again(payment, PAUSE_FIRST_MS)
    match step:
        case Step.BEGIN if isinstance(reply, ReservationReply):
            amount, currency = reply.reservation.total, reply.currency
            return Turn(replace(payment, step=Step.CHARGE, amount=amount, currency=currency, pauses=0))
        case Step.BEGIN:
            assert isinstance(reply, Rejected)
            return Turn(_failed(payment, _WORDS.get(reply.code, _NOT_POSSIBLE), reply.detail))
        case Step.GIVE_BACK:
            return Turn(_failed(payment, payment.error or _NOT_POSSIBLE, payment.detail or ""))
        case Step.CONFIRM if isinstance(reply, ReservationReply):
            return Turn(replace(payment, step=Step.DONE, standing=Standing.CAPTURED, pauses=0))
        case Step.CONFIRM:
            assert isinstance(reply, Rejected)
            late = replace(
                payment, step=Step.DONE, standing=Standing.CAPTURED, error=_TOO_LATE, detail=reply.detail
            )
            return Turn(replace(late, promised=late.amount or 0, pauses=0), back=late.amount or 0)
    raise AssertionError(step)


def after_provider(payment: Payment, step: Step, said: Said) -> Turn:
    """What follows from what its provider said to a charge, a look-up or a cancellation."""
    match said:
        case Captured() if (said.amount, said.currency) != (payment.amount, payment.currency):
            wrong = f"captured {said.amount} {said.currency} of {payment.amount} {payment.currency}"
            return _again(replace(payment, detail=wrong, step=Step.LOOK_UP), PAUSE_MAX_MS)
        case Captured():
            here = replace(payment, captured=True, provider_ref=said.ref, action_url=None, pauses=0)
            return Turn(replace(here, step=Step.CONFIRM))
        case Declined():
            gone = replace(payment, step=Step.GIVE_BACK, error=said.error, detail=said.detail, pauses=0)
            return Turn(gone)
        case NeedsAction():
            waits = replace(payment, step=Step.LOOK_UP, standing=Standing.NEEDS_ACTION, pauses=0)
            return Turn(replace(waits, provider_ref=said.ref, action_url=said.url), LOOK_EVERY_MS)
        case Working():
            ref = said.ref or payment.provider_ref
            return Turn(replace(payment, step=Step.LOOK_UP, provider_ref=ref, pauses=0), LOOK_EVERY_MS)
        case Unknown():
            return _again(replace(payment, step=Step.CHARGE), 0 if payment.pauses == 0 else PAUSE_FIRST_MS)
        case Unclear():
            return _again(replace(payment, step=Step.LOOK_UP, detail=said.detail), PAUSE_FIRST_MS)
        case _:
            assert_never(said)


def _again(payment: Payment, first_ms: int) -> Turn:
    """Later, and later each time."""
    pause_ms = min(first_ms * 2 ** min(payment.pauses, 10), PAUSE_MAX_MS)
    return Turn(replace(payment, pauses=payment.pauses + 1), pause_ms)


def _failed(payment: Payment, error: str, detail: str) -> Payment:
    return replace(
        payment,
        step=Step.DONE,
        standing=Standing.FAILED,
        error=error,
        detail=detail,
        action_url=None,
        pauses=0,
    )


_NOT_POSSIBLE = "This payment could not be made. Nothing was charged."
_TOO_LATE = "The payment came too late: the places are taken. The full amount goes back."
_WORDS = {
    Code.HOLD_EXPIRED: "The hold's time ran out before the payment began. Nothing was charged.",
    Code.NOT_FOUND: "There is no such reservation any more. Nothing was charged.",
    Code.WRONG_STATE: "This reservation cannot be paid as it stands. Nothing was charged.",
    Code.TOO_LATE: "The time for this payment has passed. Nothing was charged.",
}


def standing_after_refunds(payment: Payment) -> Standing:
    """Of what was captured: has some of it gone back, or all?"""
    if not payment.refunded:
        return Standing.CAPTURED
    whole = payment.refunded >= (payment.amount or 0)
    return Standing.REFUNDED if whole else Standing.PARTLY_REFUNDED


# --- refunds -----------------------------------------------------------------------------------------


class Reason(enum.StrEnum):
    """Why money goes back. A concession leaves the reservation as it is; for the first two there is nothing
    more to let go of."""

    LATE = "late"
    CANCELLED = "cancelled"
    OPERATOR = "operator"
    LINES = "lines"
    CONCESSION = "concession"


class RefundStep(enum.StrEnum):
    """What is to be done next."""

    LET_GO = "let_go"
    PAY_BACK = "pay_back"
    DONE = "done"
    REFUSED = "refused"


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """So much of a payment back. `lines`, `before`: what its reservation becomes, and was."""

    id: str
    payment_id: str
    inventory_id: str
    reservation_id: str
    provider: str
    amount: int
    currency: str
    reason: Reason
    step: RefundStep
    provider_ref: str = ""
    """Of the payment."""
    lines: Wanted = ()
    before: Wanted = ()
    error: str | None = None
    attempts: int = 0
    pauses: int = 0

    @property
    def key(self) -> str:
        return f"{self.payment_id}:refund:{self.id}"


class RefundTurn(msgspec.Struct, frozen=True):
    refund: Refund
    pause_ms: int = 0


def let_go_command(refund: Refund) -> VoidReservation | ReduceReservation:
    """What the owner is asked first."""
    if refund.reason is Reason.LINES:
        return ReduceReservation(refund.reservation_id, refund.lines, refund.before)
    return VoidReservation(refund.reservation_id)


def after_let_go(refund: Refund, reply: Reply) -> RefundTurn:
    """A refusal is the refund's end; nothing has gone back."""
    if isinstance(reply, Rejected) and reply.code in (Code.OVERLOADED, Code.UNAVAILABLE):
        return _refund_again(refund)
    if isinstance(reply, Rejected):
        return RefundTurn(replace(refund, step=RefundStep.REFUSED, error=reply.detail, pauses=0))
    assert isinstance(reply, ReservationReply)
    assert reply.reservation.status in (Status.CANCELLED, Status.CONFIRMED)
    return RefundTurn(replace(refund, step=RefundStep.PAY_BACK, pauses=0))


def after_pay_back(refund: Refund, said: PaidBack | Unclear) -> RefundTurn:
    if isinstance(said, Unclear):
        return _refund_again(replace(refund, error=said.detail))
    return RefundTurn(replace(refund, step=RefundStep.DONE, error=None, pauses=0))


def _refund_again(refund: Refund) -> RefundTurn:
    pause_ms = min(PAUSE_FIRST_MS * 2 ** min(refund.pauses, 10), PAUSE_MAX_MS)
    return RefundTurn(replace(refund, pauses=refund.pauses + 1), pause_ms)


# --- what front ends ask for -------------------------------------------------------------------------


class NewPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that is asked for. The same `request_id` with the same fingerprint is the same payment."""

    payment: Payment
    request_id: bytes
    fingerprint: bytes = b""


class NewRefund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund that is asked for; `amount` None: all that is left of the payment."""

    id: str
    payment_id: str
    amount: int | None
    reason: Reason
    request_id: bytes
    fingerprint: bytes = b""
    lines: Wanted = ()
    before: Wanted = ()

    @property
    def first_step(self) -> RefundStep:
        lets_go = self.reason in (Reason.OPERATOR, Reason.LINES)
        return RefundStep.LET_GO if lets_go else RefundStep.PAY_BACK


KEY_REUSED = Rejected(Code.KEY_REUSED, "This Idempotency-Key was used for another request.")
NO_PAYMENT = Rejected(Code.NOT_FOUND, "There is no such payment.")


def not_refundable(payment: Payment, amount: int | None) -> Rejected | None:
    """Why so much cannot go back of it."""
    if not payment.captured or payment.step is not Step.DONE:
        return Rejected(Code.WRONG_STATE, f"The payment is {payment.standing.value}.")
    left = (payment.amount or 0) - payment.promised
    if left <= 0:
        return Rejected(Code.WRONG_STATE, "All of it has gone back already.")
    if amount is not None and amount > left:
        numbers: dict[str, int | str] = {"limit": left, "requested": amount}
        return Rejected(Code.LIMIT_EXCEEDED, f"At most {left} of it is left.", numbers)
    return None
