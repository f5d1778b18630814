"""What all payments have in common at the front end, whatever they are for: how they begin and are shown."""

from __future__ import annotations

from aiohttp import web

from actors.gateway import Key
from domain.account import Scope
from domain.messages import Rejected
from domain.payment import NewPayment as Asked
from domain.payment import Payment, Standing
from server.callers import Caller, caller_of
from server.ids import id_bytes
from server.parts import Parts
from server.preferences import applied_wait, preferred_wait_s
from server.problems import Problem, invalid
from server.replies import Reply
from server.views import encode
from server.views_payments import payment_view


async def accepted(parts: Parts, payment: Payment, key: Key | None) -> Payment | Rejected:
    """It, or the one that the key made before: durable, and seen through from now on."""
    named = (key.request_id, key.fingerprint) if key else (id_bytes(payment.id), b"")
    return await parts.payments.accept(Asked(payment=payment, request_id=named[0], fingerprint=named[1]))


async def begun_reply(parts: Parts, request: web.BaseRequest, payment: Payment) -> Reply:
    """202, and where it is found."""
    lines = f"Location: /api/v1/payments/{payment.id}\r\n".encode()
    return await followed(parts, request, payment, Reply(202, b"", lines))


async def followed(parts: Parts, request: web.BaseRequest, payment: Payment, reply: Reply) -> Reply:
    """With the payment as it stands, or, for who would rather wait, once it is no longer pending."""
    wait_s = preferred_wait_s(request)
    if wait_s and payment.standing is Standing.PENDING:
        payment = await parts.following.change(payment, wait_s)
    reply.lines += applied_wait(wait_s)
    reply.payload = await shown(parts, payment, caller_of(request))
    return reply


async def shown(parts: Parts, payment: Payment, caller: Caller) -> bytes:
    """A payment as JSON. That a refund was refused, and why, is for who may ask for one; to others what is on
    its way or has gone back costs a read, and nothing else does."""
    looked_for = payment.promised or caller.in_charge
    refunds = await parts.payments.refunds_of(payment.id) if looked_for else []
    return encode(payment_view(payment, refunds, caller.is_admin))


def check_provider(parts: Parts, provider: str, method: str) -> None:
    """Beside wallets there is one for cards: Stripe or, where that is not set up, the sandbox."""
    card_provider = parts.options.card_provider
    if provider not in (card_provider, "wallet"):
        raise invalid("provider", f"Here it is {card_provider}, or wallet.")
    if provider == "stripe" and not method:
        raise invalid("method", "A payment method of Stripe's: pm_...")


def method_of(provider: str, method: str, caller: Caller) -> str:
    """What the provider is told. A wallet is its account's own; an operator may say whose, but a till that is
    only there to sell may not."""
    if provider != "wallet":
        return method
    if caller.is_admin and method:
        if not caller.may(Scope.MANAGE):
            raise Problem("forbidden", "This machine token is not for customers' wallets.")
        return method
    if caller.is_admin and caller.account_id is None:
        raise invalid("method", "Whose wallet: the operator's token has none.")
    if caller.account_id is None:
        raise Problem("unauthorized", "A wallet is for who is signed in.")
    if method not in ("", caller.account_id):
        raise invalid("method", "This is not your wallet.")
    return caller.account_id
