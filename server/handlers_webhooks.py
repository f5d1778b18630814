"""Webhooks of providers: answered once they are stored, each once.

A provider tells that something has become of a payment; the payment's row is looked at again at once, and the
provider is asked what (`actors.payments`). So a webhook that is lost costs a second, one that comes twice
nothing, and one that is made up changes nothing even if the secret is known.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from multidict import istr

from actors import stripe_payments
from domain.payment import Payment
from domain.refund import Refund
from domain.webhooks import Told, is_signed, told_of
from server.bodies import read_body
from server.ids import parse_id
from server.parts import Parts
from server.problems import Problem, not_found
from server.replies import Reply
from server.views import encode
from server.views_payments import WebhookView

SIGNATURES = {"sandbox": istr("Webhook-Signature"), "stripe": istr("Stripe-Signature")}
"""The headers; the scheme is one."""
READS: dict[str, Callable[[bytes], Told | None]] = {"sandbox": told_of, "stripe": stripe_payments.told_of}
EVENT_ID_MAX_CHARACTERS = 255


class WebhookHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def told(self, request: web.BaseRequest, provider: str) -> Reply:
        """Hear of a payment from its provider: signed, in time, each event once."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        secret = parts.options.webhook_secrets.get(provider)
        if secret is None:
            raise not_found("provider")
        signature = request.headers.get(SIGNATURES[provider], "")
        if not is_signed(secret, body, signature, parts.reads.now_ms() // 1000):
            raise Problem("unauthorized", "The signature is wrong, or too old.")
        told = READS[provider](body)
        if told is None or not 1 <= len(told.id) <= EVENT_ID_MAX_CHARACTERS:
            raise Problem("malformed", "This is no event.")
        if not told.payment_id and not told.refund_id:
            return Reply(200, encode(WebhookView(told.id, None, first=False)))
        payment_id, refund_id = await self._about(provider, told)
        first = await parts.payments.hear(provider, told.id, payment_id, refund_id)
        return Reply(200, encode(WebhookView(told.id, payment_id, first)))

    async def _about(self, provider: str, told: Told) -> tuple[str, str | None]:
        """The payment's id, and the refund's if it is about one: this provider's, and of what is told."""
        about_id = parse_id(told.refund_id or told.payment_id)
        if about_id is None:
            raise Problem("malformed", "This is no event of a payment.")
        found: Payment | Refund | None
        if told.refund_id:
            found = await self._parts.payments.find_refund(about_id)
        else:
            found = await self._parts.payments.find(about_id)
        if found is None or found.provider != provider:
            raise not_found("refund" if told.refund_id else "payment")
        if (told.amount, told.currency) != (found.amount, found.currency):
            raise Problem("wrong_state", "It is of another amount or currency.")
        return (found.payment_id, found.id) if isinstance(found, Refund) else (found.id, None)
