"""A payment: what is to be done next for it, and what follows from what came of that.

Its saga: begin (the owner lets the hold wait for it) -> charge (the provider takes the money) -> confirm (the
owner confirms), or give back. It is a row that says at which of these it stands, and whoever works on it may
die between any two: the next one does the same step again, so each is safe to repeat. To its owner a payment
says its own id; to a provider each step goes under a key made of that id, which has one effect.

- A provider that has to be told of a payment before it charges for it is asked twice (`Prepared`).
- What a provider did not answer is looked up, never assumed. Where it knows nothing, it is asked again, under
  the same key.
- From the deadline on nothing is charged any more: the key is cancelled at the provider, which then says
  whether it has the money after all.
- Money that is here and that the owner has no use for (the hold expired and others have what it had, the
  event is cancelled, or it is not what was asked for) goes back by itself, all of it.
- Captured is shown once the money is here and the reservation is confirmed.

A purchase is a payment for several reservations, perhaps of several owners: all begin to wait for it, the sum
is captured once, all are confirmed; or all are as before. Each of them is a part, under an id of its own: to
its owner the part is the payment, and so it is to whatever comes later (`domain.purchase`).

- Where one refuses to begin, the others are given back. Where one cannot be confirmed (it comes too late, or
  its event was cancelled), the others are given back, what was confirmed by then is cancelled, and all the
  money goes back; but for what somebody has been let in by meanwhile, which stays and is paid.

A payment may charge a wallet: then no owner has a part in it. It begins with the charge, and what is
captured, however late, is put into the wallet. To be paid back it is taken out of there first. Or it pays out
of a wallet, the other way (`domain.payout`).

How money goes back is said in `domain.refund`, what a provider may answer in `domain.provider_answers`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import assert_never

import msgspec
from msgspec.structs import replace

from domain.event_messages import (
    BeginPayment,
    FailPayment,
    FinishPayment,
    ReservationReply,
)
from domain.kinds import Reply
from domain.messages import Code, Rejected
from domain.provider_answers import Captured, Declined, NeedsAction, Prepared, Said, Unclear, Unknown, Working
from domain.restaurant_messages import TableReply

PAUSE_FIRST_MS = 200
PAUSE_MAX_MS = 10_000
LOOK_EVERY_MS = 1_000
"""While a buyer has something to do, or the provider has."""
REFUND_LOOK_MAX_MS = 600_000
"""A refund that is on its way, or failed, is asked about at least so often."""


class Standing(enum.StrEnum):
    """Where a payment stands, for who pays."""

    PENDING = "pending"
    NEEDS_ACTION = "needs_action"
    CAPTURED = "captured"
    FAILED = "failed"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    PAID_OUT = "paid_out"

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
    TAKE = "take"
    PAY_OUT = "pay_out"
    PUT_BACK = "put_back"
    """These three are a payout's."""
    DONE = "done"


WAITS_FOR_PROVIDER = (Step.CHARGE, Step.LOOK_UP, Step.PAY_OUT)
"""What a provider tells is looked at in these. In others a worker may be asking the owners, and no other may
do so beside it: what one of them is late to confirm, the other may have paid back."""


class Part(msgspec.Struct, frozen=True):
    """One reservation of those that a purchase is for. `amount`: known once all have begun; `undone`: it was
    not to be had, and its money goes back."""

    payment_id: str
    inventory_id: str
    reservation_id: str
    amount: int | None = None
    undone: bool = False


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One payment, for a reservation or, as a purchase, for its `parts`. `amount` in minor units, known once
    it has begun; `error` in words for who pays, `detail` for operators; `promised` and `refunded`: so much of
    it is to go, and has gone, back. `attempts` counts who has worked on it: it fences what an earlier one
    still writes."""

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
    parts: tuple[Part, ...] = ()
    whole_id: str | None = None
    """The purchase of which this is a part."""
    wallet: str = ""
    """Whose wallet it charges, if it does; then it is for nothing else."""
    pays_out: bool = False
    """It does not charge the wallet, but pays out of it."""
    reason: str | None = None
    done_by: str | None = None
    """Why, and by whom a payout was asked for: never a name."""

    @property
    def paid_for(self) -> tuple[Part, ...]:
        """What it is for: its parts, or itself as the only one."""
        return self.parts or (Part(self.id, self.inventory_id, self.reservation_id, self.amount),)

    def key(self, step: str) -> str:
        """Under which a provider is asked for that step."""
        return f"{self.id}:{step}"


class NewPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that is asked for. The same `request_id` with the same fingerprint is the same payment."""

    payment: Payment
    request_id: bytes
    fingerprint: bytes = b""


OwnerCommand = BeginPayment | FinishPayment | FailPayment


class Turn(msgspec.Struct, frozen=True):
    """A payment after a step: when it is to be looked at again (0: at once), and what is to go back of it
    (of a purchase its parts say that)."""

    payment: Payment
    pause_ms: int = 0
    back: int = 0


# --- its saga ----------------------------------------------------------------------------------------


def next_step(payment: Payment, now_ms: int) -> Step:
    """What is to be done for it now."""
    charging = payment.step in (Step.CHARGE, Step.LOOK_UP)
    return Step.CANCEL if charging and now_ms >= payment.deadline_ms else payment.step


def owner_command(payment: Payment, part: Part, step: Step) -> OwnerCommand:
    """What the owner of a part is asked in a step that is the owners'."""
    if step is Step.BEGIN:
        return BeginPayment(part.reservation_id, part.payment_id, payment.deadline_ms)
    if step is Step.GIVE_BACK:
        never_begun = payment.standing is Standing.FAILED
        told = payment.captured, payment.deadline_ms, never_begun
        return FailPayment(part.reservation_id, part.payment_id, *told)
    assert step is Step.CONFIRM
    return FinishPayment(part.reservation_id, part.payment_id, part.amount or 0)


def after_owners(payment: Payment, step: Step, replies: Sequence[Reply], late_ms: int) -> Turn:
    """What follows from the answers for its parts, one after the other. They end with a refusal (unless parts
    are given back), or where time was up. `late_ms`: so long a front end's own command to begin may be under
    way."""
    last = replies[-1] if replies else OUT_OF_TIME
    if isinstance(last, Rejected) and last.code in (Code.OVERLOADED, Code.UNAVAILABLE):
        return again(payment, PAUSE_FIRST_MS)
    if isinstance(last, Rejected) and step is not Step.GIVE_BACK:
        return _not_begun(payment, last, late_ms) if step is Step.BEGIN else _too_late(payment, last)
    if len(replies) < len(payment.paid_for):
        return again(payment, PAUSE_FIRST_MS)
    if step is Step.GIVE_BACK:
        return _given_back(payment, replies)
    if step is Step.BEGIN:
        return _begun(
            payment, [reply for reply in replies if isinstance(reply, ReservationReply | TableReply)]
        )
    assert step is Step.CONFIRM
    return Turn(replace(payment, step=Step.DONE, standing=Standing.CAPTURED, pauses=0))


def _begun(payment: Payment, replies: Sequence[ReservationReply | TableReply]) -> Turn:
    """Each part's price is known now, and the sum of them."""
    amounts = [reply.reservation.total for reply in replies]
    currencies = {reply.currency for reply in replies}
    if len(currencies) > 1:
        return Turn(
            replace(payment, step=Step.GIVE_BACK, error=_CURRENCIES, detail=str(currencies), pauses=0)
        )
    parts = tuple(replace(part, amount=one) for part, one in zip(payment.parts, amounts, strict=False))
    begun = replace(payment, step=Step.CHARGE, amount=sum(amounts), currency=currencies.pop(), pauses=0)
    return Turn(replace(begun, parts=parts))


def _not_begun(payment: Payment, refusal: Rejected, late_ms: int) -> Turn:
    """It has failed. What is being paid otherwise, or costs nothing, may yet come to wait for it, should the
    front end be heard only later: so it is given back once no front end can be heard of it any more. Asked
    for again under its key it may begin after all."""
    error = _WORDS.get(refusal.code, _NOT_POSSIBLE)
    if payment.parts:
        return Turn(replace(payment, step=Step.GIVE_BACK, error=error, detail=refusal.detail, pauses=0))
    after = failed(payment, error, refusal.detail)
    if refusal.code is not Code.WRONG_STATE:
        return Turn(after)
    return Turn(replace(after, step=Step.GIVE_BACK), late_ms)


def _too_late(payment: Payment, refusal: Rejected) -> Turn:
    """The money is here, and what it is for is not to be had."""
    if payment.parts:
        return Turn(replace(payment, step=Step.GIVE_BACK, error=_NOT_ALL, detail=refusal.detail, pauses=0))
    return _all_back(replace(payment, error=_TOO_LATE, detail=refusal.detail))


def _all_back(payment: Payment) -> Turn:
    """Captured, and from then on on its way back."""
    here = replace(payment, step=Step.DONE, standing=Standing.CAPTURED, pauses=0)
    return Turn(replace(here, promised=here.amount or 0), back=here.amount or 0)


def _given_back(payment: Payment, replies: Sequence[Reply]) -> Turn:
    """Failed; or, where the money was here already, it goes back but for what was not to be undone."""
    if not payment.captured:
        return Turn(failed(payment, payment.error or _NOT_POSSIBLE, payment.detail or ""))
    if not payment.parts:
        return _all_back(payment)
    parts = tuple(
        replace(part, undone=not _stays(part, reply))
        for part, reply in zip(payment.parts, replies, strict=True)
    )
    return Turn(replace(payment, step=Step.DONE, standing=Standing.CAPTURED, parts=parts, pauses=0))


def _stays(part: Part, reply: Reply) -> bool:
    """Confirmed by it, and not to be cancelled any more; or cancelled by its holder meanwhile, and some of it
    kept by the event's rules, which say what goes back. What is of another payment by now is not its own."""
    if isinstance(reply, Rejected):
        return reply.code is Code.WRONG_STATE
    assert isinstance(reply, ReservationReply | TableReply)
    paid_by = reply.reservation.paid_by
    return paid_by is not None and paid_by.payment_id == part.payment_id and paid_by.kept > 0


def after_provider(payment: Payment, step: Step, said: Said) -> Turn:
    """What follows from what its provider said to a charge, a look-up or a cancellation."""
    match said:
        case Captured() if (said.amount, said.currency) != (payment.amount, payment.currency):
            return _other_money(payment, said)
        case Captured():
            here = replace(payment, captured=True, provider_ref=said.ref, action_url=None, pauses=0)
            return Turn(replace(here, step=Step.CONFIRM))
        case Declined() if payment.wallet:
            return Turn(failed(payment, said.error, said.detail))
        case Declined():
            gone = replace(payment, step=Step.GIVE_BACK, error=said.error, detail=said.detail, pauses=0)
            return Turn(gone)
        case Prepared():
            known = payment.provider_ref == said.ref
            after = replace(payment, step=Step.CHARGE, provider_ref=said.ref)
            return again(after, PAUSE_FIRST_MS) if known else Turn(replace(after, pauses=0))
        case NeedsAction():
            waits = replace(payment, step=Step.LOOK_UP, standing=Standing.NEEDS_ACTION, pauses=0)
            return Turn(replace(waits, provider_ref=said.ref, action_url=said.url), LOOK_EVERY_MS)
        case Working():
            ref = said.ref or payment.provider_ref
            return Turn(replace(payment, step=Step.LOOK_UP, provider_ref=ref, pauses=0), LOOK_EVERY_MS)
        case Unknown():
            return again(replace(payment, step=Step.CHARGE), 0 if payment.pauses == 0 else PAUSE_FIRST_MS)
        case Unclear():
            return again(replace(payment, step=Step.LOOK_UP, detail=said.detail), PAUSE_FIRST_MS)
        case _:
            assert_never(said)


def _other_money(payment: Payment, said: Captured) -> Turn:
    """What was captured is not the price. It goes back, all of it, of a purchase shared by its parts; in a
    wallet it is what it is. Nothing at all is asked about again."""
    wrong = f"captured {said.amount} {said.currency} of {payment.amount} {payment.currency}"
    if said.amount <= 0:
        return again(replace(payment, detail=wrong, step=Step.LOOK_UP), PAUSE_MAX_MS)
    here = replace(payment, captured=True, amount=said.amount, currency=said.currency, detail=wrong, pauses=0)
    here = replace(here, provider_ref=said.ref, action_url=None, parts=_shared(payment.parts, said.amount))
    if payment.wallet:
        return Turn(replace(here, step=Step.CONFIRM))
    return Turn(replace(here, step=Step.GIVE_BACK, error=_OTHER_MONEY))


def _shared(parts: tuple[Part, ...], amount: int) -> tuple[Part, ...]:
    """So much for each, by its price: together they are all of it."""
    price, before, shared = sum(part.amount or 0 for part in parts), 0, []
    for part in parts:
        upto = before + (part.amount or 0)
        share = amount * upto // price - amount * before // price
        shared.append(replace(part, amount=share))
        before = upto
    return tuple(shared)


def after_wallet(payment: Payment, said: Captured | Unclear) -> Turn:
    """What follows from what the ledger said to a wallet's charge."""
    if isinstance(said, Unclear):
        return again(replace(payment, detail=said.detail), PAUSE_FIRST_MS)
    return Turn(replace(payment, step=Step.DONE, standing=Standing.CAPTURED, pauses=0))


def again(payment: Payment, first_ms: int) -> Turn:
    """Later, and later each time."""
    pause_ms = min(first_ms * 2 ** min(payment.pauses, 10), PAUSE_MAX_MS)
    return Turn(replace(payment, pauses=payment.pauses + 1), pause_ms)


def failed(payment: Payment, error: str, detail: str) -> Payment:
    return replace(
        payment,
        step=Step.DONE,
        standing=Standing.FAILED,
        error=error,
        detail=detail,
        action_url=None,
        pauses=0,
    )


OUT_OF_TIME = Rejected(Code.UNAVAILABLE, "The owners were not asked in time.")
_NOT_ALL = "Not all of it can be had any more, so nothing was bought. What was paid for it goes back."
_CURRENCIES = "What is paid together has to be in one currency. Nothing was charged."
_NOT_POSSIBLE = "This payment could not be made. Nothing was charged."
_OTHER_MONEY = "Another amount was charged than was asked for. Nothing was bought, and all of it goes back."
_TOO_LATE = "The payment came too late: the places are taken. The full amount goes back."
_WORDS = {
    Code.HOLD_EXPIRED: "The hold's time ran out before the payment began. Nothing was charged.",
    Code.NOT_FOUND: "There is no such reservation any more. Nothing was charged.",
    Code.WRONG_STATE: "This reservation cannot be paid as it stands. Nothing was charged.",
    Code.TOO_LATE: "The time for this payment has passed. Nothing was charged.",
}


KEY_REUSED = Rejected(Code.KEY_REUSED, "This Idempotency-Key was used for another request.")
NO_PAYMENT = Rejected(Code.NOT_FOUND, "There is no such payment.")
