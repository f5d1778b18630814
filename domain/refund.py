"""Money that goes back: what is to be done next for a refund, and what follows from what came of that.

A refund has its own saga: the owner lets go of what it is for, if it is for something, then the provider pays
it back. What is promised back of a payment is counted before anything is done, so it is never more than
was captured. It has gone back once its provider says so, and no longer than that: one that failed, be it days
later, has paid nothing back. It stays promised, is not made again by itself, and is asked about ever less
often, for what is made in its place, unless its provider has something to tell. One that was made, and may
still fail, is asked about each time it is twice as old, for as long as it may (`MAY_FAIL_MS`).
"""

from __future__ import annotations

import enum
import zlib
from typing import assert_never

import msgspec
from msgspec.structs import replace

from domain.event_messages import (
    ReduceReservation,
    ReservationReply,
    Status,
    VoidReservation,
    Wanted,
)
from domain.kinds import Reply
from domain.messages import Code, Rejected
from domain.payment import (
    LOOK_EVERY_MS,
    PAUSE_FIRST_MS,
    PAUSE_MAX_MS,
    REFUND_LOOK_MAX_MS,
    Payment,
    Standing,
    Step,
)
from domain.provider_answers import Declined, PaidBack, Returned, SaidOfRefund, Unclear, Working
from domain.restaurant_messages import TableReply

MAY_FAIL_MS = 30 * 86_400_000
"""So long after it was asked for a refund that was made may fail."""
ASKED_AFTER_MS = 86_400_000
SPREAD_MS = 3_600_000
"""Those of one cancelled event are made in one minute, and not asked about in one."""


class Reason(enum.StrEnum):
    """Why money goes back. A concession leaves the reservation as it is; for the first two there is nothing
    more to let go of."""

    LATE = "late"
    CANCELLED = "cancelled"
    OPERATOR = "operator"
    LINES = "lines"
    CONCESSION = "concession"
    WALLET = "wallet"
    """Out of a wallet that was charged with it."""


class RefundStep(enum.StrEnum):
    """What is to be done next."""

    LET_GO = "let_go"
    PAY_BACK = "pay_back"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    """Its provider could not; what is made in its place there counts."""


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
    wallet: str = ""
    """Whose wallet the payment has charged, if it has."""
    created_ms: int = 0

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
    assert isinstance(reply, ReservationReply | TableReply)
    assert reply.reservation.status in (Status.CANCELLED, Status.CONFIRMED)
    return RefundTurn(replace(refund, step=RefundStep.PAY_BACK, pauses=0))


def after_taken(refund: Refund, said: PaidBack | Declined | Unclear) -> RefundTurn:
    """The wallet has given back what it was charged with; or it has not so much, and nothing goes back."""
    if isinstance(said, Unclear):
        return _refund_again(replace(refund, error=said.detail))
    if isinstance(said, Declined):
        return RefundTurn(replace(refund, step=RefundStep.REFUSED, error=said.error, pauses=0))
    return RefundTurn(replace(refund, step=RefundStep.PAY_BACK, error=None, pauses=0))


def after_pay_back(refund: Refund, said: SaidOfRefund, now_ms: int) -> RefundTurn:
    """What its provider says of it now; it may have said something else before."""
    match said:
        case PaidBack():
            pause_ms = 0 if said.for_good else _asked_again_in_ms(refund, now_ms)
            return RefundTurn(replace(refund, step=RefundStep.DONE, error=None, pauses=0), pause_ms)
        case Working():
            return _refund_looked_at(refund, RefundStep.PAY_BACK, None)
        case Returned():
            return _refund_looked_at(refund, RefundStep.FAILED, said.detail)
        case Unclear() if refund.step is RefundStep.DONE:
            return _asked_in_vain(replace(refund, error=said.detail), now_ms)
        case Unclear():
            return _refund_again(replace(refund, error=said.detail))
        case _:
            assert_never(said)


def _refund_looked_at(refund: Refund, step: RefundStep, error: str | None) -> RefundTurn:
    """From its provider there is nothing new, or something to be waited for."""
    pauses = refund.pauses if step is refund.step else 0
    pause_ms = min(LOOK_EVERY_MS * 2 ** min(pauses, 10), REFUND_LOOK_MAX_MS)
    return RefundTurn(replace(refund, step=step, error=error, pauses=pauses + 1), pause_ms)


def _asked_again_in_ms(refund: Refund, now_ms: int) -> int:
    """After a day, two, four; 0: no more."""
    age_ms = now_ms - refund.created_ms
    if age_ms >= MAY_FAIL_MS:
        return 0
    return max(age_ms, ASKED_AFTER_MS + zlib.crc32(refund.id.encode()) % SPREAD_MS)


def _asked_in_vain(refund: Refund, now_ms: int) -> RefundTurn:
    """Nobody waits for what is asked about a refund that was made; and in the end nobody asks."""
    if now_ms - refund.created_ms >= 2 * MAY_FAIL_MS:
        return RefundTurn(refund)
    return _refund_again(refund, REFUND_LOOK_MAX_MS)


def _refund_again(refund: Refund, longest_ms: int = PAUSE_MAX_MS) -> RefundTurn:
    pause_ms = min(PAUSE_FIRST_MS * 2 ** min(refund.pauses, 20), longest_ms)
    return RefundTurn(replace(refund, pauses=refund.pauses + 1), pause_ms)


def standing_after_refunds(payment: Payment) -> Standing:
    """Of what was captured: has some of it gone back, or all?"""
    if not payment.refunded:
        return Standing.CAPTURED
    whole = payment.refunded >= (payment.amount or 0)
    return Standing.REFUNDED if whole else Standing.PARTLY_REFUNDED


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
        lets_go = self.reason in (Reason.OPERATOR, Reason.LINES, Reason.WALLET)
        return RefundStep.LET_GO if lets_go else RefundStep.PAY_BACK


def not_refundable(payment: Payment, amount: int | None) -> Rejected | None:
    """Why so much cannot go back of it."""
    if payment.parts:
        return Rejected(Code.WRONG_STATE, "It is paid back in its parts, each of which is a payment.")
    if not payment.captured or payment.step is not Step.DONE:
        return Rejected(Code.WRONG_STATE, f"The payment is {payment.standing.value}.")
    left = (payment.amount or 0) - payment.promised
    if left <= 0:
        return Rejected(Code.WRONG_STATE, "All of it has gone back already.")
    if amount is not None and amount > left:
        numbers: dict[str, int | str] = {"limit": left, "requested": amount}
        return Rejected(Code.LIMIT_EXCEEDED, f"At most {left} of it is left.", numbers)
    return None
