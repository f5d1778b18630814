"""Stripe as a provider of payments: PaymentIntents, by Stripe's own library (an extra: `make stripe`).

- A payment is one intent. It is made first, which moves no money, and confirmed once its name is durable here
  (`Prepared`). So no money moves under a name that nobody knows: without one nothing was charged and nothing
  will be, however long Stripe remembers the key under which the intent was made.
- What is declined is cancelled at once: nobody can pay an intent later that was told to be over.
- What must not be charged any more is cancelled; Stripe refuses to cancel what it has the money of, and
  refuses to confirm what is cancelled, so one of the two is so for good.
- A refund is looked for before it is made again: a key is remembered for a day only. It has gone back once
  Stripe says `succeeded`, and may fail even then. One that failed or was cancelled is none, and is not made
  again by itself; one that an operator makes in its place counts.
- Nothing here raises, waits longer than `TIMEOUT_S`, or holds up the loop. Of an error its kind, its code and
  Stripe's name for the request are kept; never what was sent.

Amounts are in minor units, as Stripe wants them of nearly all currencies (of the Gulf's with three digits the
last has to be a 0, of ISK, UGX and TWD it expects two more).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeVar

import msgspec

from domain.payment import Payment
from domain.provider_answers import (
    Captured,
    Declined,
    NeedsAction,
    PaidBack,
    Prepared,
    Returned,
    Said,
    SaidOfPayout,
    SaidOfRefund,
    Unclear,
    Unknown,
    Working,
)
from domain.refund import Refund, RefundStep
from domain.webhooks import Told

STRIPE_URL = "https://api.stripe.com"
TIMEOUT_S = 8.0
"""For one question and its answer; the payment worker gives a step a little longer."""
REFUNDS_MAX = 100
REFUSALS = (400, 402, 404)
REFUND_ON_ITS_WAY = ("pending", "requires_action")
REFUND_GAVE_UP = ("failed", "canceled")
"""Its money is here."""
OURS = "turnstile_payment_id"
"""Under which an intent's metadata have the payment."""
OUR_REFUND = "turnstile_refund_id"
TOOK_TOO_LONG = "The payment took too long and was cancelled. Nothing was charged."
_DECLINED = "The card was declined. Nothing was charged."
_WORDS = {
    "authentication_required": "The bank asks for a confirmation that was not given. Nothing was charged.",
    "payment_intent_authentication_failure": "The bank did not confirm this payment. Nothing was charged.",
    "expired_card": "The card has expired. Nothing was charged.",
    "incorrect_cvc": "The card's security code is wrong. Nothing was charged.",
    "insufficient_funds": "There is not enough money on this card. Nothing was charged.",
    "processing_error": "The card could not be processed; try again in a moment. Nothing was charged.",
    "resource_missing": "This way of paying is not known. Nothing was charged.",
}
_BEST_FIRST: tuple[type[SaidOfRefund], ...] = (PaidBack, Working, Unclear, Returned)
T = TypeVar("T")


@dataclass(frozen=True)
class StripeConfig:
    """`secret_key` is nobody else's. `public_url`: where buyers come back to from their bank."""

    secret_key: str = field(repr=False)
    public_url: str
    url: str = STRIPE_URL


class StripePayments:
    """See the module; a provider as `actors.payment_ports` has it."""

    tells_unasked = True

    def __init__(self, config: StripeConfig, timeout_s: float = TIMEOUT_S) -> None:
        # Not there but where it is wanted; and no owner's process needs either of the two.
        stripe: Any = import_module("stripe")
        aiohttp: Any = import_module("aiohttp")
        stripe.enable_telemetry = False
        logging.getLogger("stripe").setLevel(logging.WARNING)  # it logs what it is told
        self._public_url = config.public_url
        self._http = stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(total=timeout_s))
        client = stripe.StripeClient(
            config.secret_key,
            base_addresses={"api": config.url},
            http_client=self._http,
            max_network_retries=0,
        )
        self._intents, self._refunds = client.v1.payment_intents, client.v1.refunds
        self._declines: type[Exception] = stripe.CardError
        self._refuses: type[Exception] = stripe.InvalidRequestError
        self._fails = (stripe.StripeError, aiohttp.ClientError, TimeoutError, OSError)

    async def charge(self, key: str, payment: Payment) -> Said:
        if payment.provider_ref is None:
            return await self._made(key, payment)
        back_to = f"{self._public_url}/payments/{payment.id}"
        options = {"idempotency_key": f"{key}:confirm"}
        ref = payment.provider_ref
        said = await self._asked(self._intents.confirm_async(ref, {"return_url": back_to}, options))
        return await self._as_it_is(ref) if isinstance(said, self._refuses) else await self._told(said, ref)

    async def look_up(self, key: str, payment: Payment) -> Said:
        return Unknown() if payment.provider_ref is None else await self._as_it_is(payment.provider_ref)

    async def cancel(self, key: str, payment: Payment) -> Said:
        if payment.provider_ref is None:
            return Declined(TOOK_TOO_LONG, "never confirmed")
        return await self._cancelled(payment.provider_ref, Declined(TOOK_TOO_LONG, "cancelled"))

    async def pay_back(self, key: str, refund: Refund) -> SaidOfRefund:
        if refund.attempts > 1:
            found = await self._found(refund)
            if found is not None:
                return found
            if refund.step is not RefundStep.PAY_BACK:
                return Unclear("a refund that was made is not there")
        wanted = {
            "payment_intent": refund.provider_ref,
            "amount": refund.amount,
            "metadata": {OUR_REFUND: refund.id},
        }
        said = await self._asked(self._refunds.create_async(wanted, {"idempotency_key": key}))
        return Unclear(_kind(said)) if isinstance(said, Exception) else _paid_back(said)

    async def pay_out(self, key: str, payment: Payment) -> SaidOfPayout:
        """Stripe pays out to whose account it is, to nobody else: what a wallet was charged with goes back to
        the card, as a refund."""
        return Declined("This cannot be paid out. It is in the wallet again.", "Stripe pays nobody out")

    async def close(self) -> None:
        await self._http.close_async()

    # --- one question ---------------------------------------------------------------------------------

    async def _made(self, key: str, payment: Payment) -> Said:
        wanted = {
            "amount": payment.amount,
            "currency": (payment.currency or "").lower(),
            "payment_method": payment.method,
            "payment_method_types": ["card"],
            "metadata": {OURS: payment.id},
        }
        said = await self._asked(self._intents.create_async(wanted, {"idempotency_key": key}))
        if isinstance(said, self._refuses) and getattr(said, "http_status", None) in REFUSALS:
            return _declined(said)
        return Unclear(_kind(said)) if isinstance(said, Exception) else Prepared(said.id)

    async def _as_it_is(self, ref: str) -> Said:
        said = await self._asked(self._intents.retrieve_async(ref))
        return await self._told(said, ref)

    async def _cancelled(self, ref: str, over: Declined) -> Said:
        said = await self._asked(self._intents.cancel_async(ref))
        if isinstance(said, self._refuses):
            as_it_is = await self._asked(self._intents.retrieve_async(ref))
            return _told_plainly(as_it_is, over)
        return _told_plainly(said, over)

    async def _told(self, said: Any, ref: str) -> Said:
        """What an intent, or an error in its place, says; it is over with whatever is declined."""
        if isinstance(said, self._declines):
            return await self._cancelled(ref, _declined(said))
        told = _told_plainly(said)
        return await self._cancelled(ref, told) if isinstance(told, Declined) and not _is_over(said) else told

    async def _found(self, refund: Refund) -> SaidOfRefund | None:
        """The same refund, made by somebody whose answer was lost."""
        wanted = {"payment_intent": refund.provider_ref, "limit": REFUNDS_MAX}
        said = await self._asked(self._refunds.list_async(wanted))
        if isinstance(said, Exception):
            return Unclear(_kind(said))
        return made_of(refund.id, said.data)

    async def _asked(self, question: Awaitable[T]) -> T | Exception:
        try:
            return await question
        except self._fails as error:
            return error


def made_of(refund_id: str, there: Sequence[Any]) -> SaidOfRefund | None:
    """What became of a refund of ours, of all that its intent has. None: it was never made. One that failed
    is not made again by itself, which may fail for ever: operators see it, and what they make in its place
    counts by its metadata."""
    own = [_paid_back(one) for one in there if _metadata(one).get(OUR_REFUND) == refund_id]
    return min(own, key=lambda said: _BEST_FIRST.index(type(said)), default=None)


def _paid_back(refund: Any) -> SaidOfRefund:
    said = f"the refund is {refund.status}"
    if refund.status == "succeeded":
        return PaidBack(refund.id, for_good=False)
    if refund.status in REFUND_ON_ITS_WAY:
        return Working(refund.id)
    if refund.status in REFUND_GAVE_UP:
        why = getattr(refund, "failure_reason", None)
        return Returned(f"{said}: {why}" if why else said)
    return Unclear(said)


def _told_plainly(said: Any, over: Declined | None = None) -> Said:
    """`over`: what it comes to if there will be no money."""
    if isinstance(said, Exception):
        return Unclear(_kind(said))
    match said.status:
        case "succeeded":
            return Captured(said.id, said.amount_received, said.currency.upper())
        case "requires_action":
            return NeedsAction(said.id, _where(said))
        case "processing":
            return Working(said.id)
        case "requires_confirmation":
            return Prepared(said.id)
        case "requires_payment_method" if over is None:
            return _declined_by(said.last_payment_error)
        case "canceled":
            return over or Declined(TOOK_TOO_LONG, "cancelled")
    return Unclear(f"the intent is {said.status}")


def _is_over(said: Any) -> bool:
    return getattr(said, "status", None) == "canceled"


def _metadata(of: Any) -> dict[str, str]:
    found: dict[str, str] = of.metadata.to_dict() if of.metadata else {}
    return found


def _where(intent: Any) -> str:
    """The bank's page for who pays."""
    redirect = getattr(intent.next_action, "redirect_to_url", None)
    return getattr(redirect, "url", None) or ""


def _declined(error: Any) -> Declined:
    body = getattr(error, "error", None)
    code = getattr(body, "decline_code", None) or getattr(error, "code", None) or ""
    return Declined(_WORDS.get(code, _DECLINED), f"{_kind(error)} {code}".strip())


def _declined_by(error: Any) -> Declined:
    code = getattr(error, "decline_code", None) or getattr(error, "code", None) or ""
    return Declined(_WORDS.get(code, _DECLINED), code)


def _kind(error: Any) -> str:
    """Never what it says: that may repeat what it was sent."""
    named = (type(error).__name__, getattr(error, "code", None), getattr(error, "request_id", None))
    return " ".join(str(one) for one in named if one)


# --- webhooks ------------------------------------------------------------------------------------------


class _About(msgspec.Struct):
    """An intent or a refund; of others what they are is enough."""

    object: str = ""
    amount: int = 0
    currency: str = ""
    metadata: dict[str, str] = {}


class _Data(msgspec.Struct):
    object: _About


class _Event(msgspec.Struct):
    id: str
    type: str
    data: _Data


_event = msgspec.json.Decoder(_Event)


def told_of(body: bytes) -> Told | None:
    """An event of Stripe's (`payment_intent.*`, `refund.*`, `charge.refund.updated`); one that is about no
    intent and no refund of ours names neither. None: it is no event."""
    try:
        event = _event.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    about = event.data.object
    payment_id = about.metadata.get(OURS, "") if about.object == "payment_intent" else ""
    refund_id = about.metadata.get(OUR_REFUND, "") if about.object == "refund" else ""
    return Told(event.id, payment_id, about.amount, about.currency.upper(), event.type, refund_id)
