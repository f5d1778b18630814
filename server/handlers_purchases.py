"""Purchases: what an account holds, in one payment: all of it that is named is bought, or nothing.

It is named because a guest may place a hold under any e-mail: what stands in an account's name is not all of
its own choosing.
"""

from __future__ import annotations

from aiohttp import web

from domain.event_messages import Status
from domain.messages import Rejected
from domain.payment import Part, Payment
from domain.views import FoundReservation
from server import views
from server.addressed import is_of
from server.bodies import Payload, read_body
from server.callers import Caller, caller_of
from server.ids import parse_id, uuid7
from server.keys import key_of
from server.parts import Parts
from server.paying import accepted, begun_reply, check_provider, method_of
from server.payloads_payments import NewPurchase
from server.problems import Problem, invalid, not_found, refusal
from server.replies import Reply

_NEW = Payload(NewPurchase)


class PurchaseHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def buy(self, request: web.BaseRequest) -> Reply:
        """Begin to pay for these reservations, all of them one's own, in one payment: all or nothing."""
        parts, caller = self._parts, caller_of(request)
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _NEW.parse(request, body)
        check_provider(parts, wanted.provider, wanted.method)
        key = key_of(request, body)
        try:
            held = await self._named(caller, wanted.reservations)
        except Problem:
            # What is being paid is no longer held: a retry, be it beside the first, meets its purchase.
            made = await parts.payments.of_request(key.request_id, key.fingerprint) if key else None
            if made is None:
                raise
        else:
            made = await accepted(parts, self._purchase(wanted, caller, held), key)
        if isinstance(made, Rejected):
            return refusal(made)
        return await begun_reply(parts, request, made)

    def _purchase(self, wanted: NewPurchase, caller: Caller, held: list[FoundReservation]) -> Payment:
        parts = self._parts
        now_ms = parts.reads.now_ms()
        return Payment(
            id=uuid7(now_ms),
            inventory_id="",
            reservation_id="",
            provider=wanted.provider,
            method=method_of(wanted.provider, wanted.method, caller),
            deadline_ms=now_ms + parts.options.payment_duration_s * 1000,
            created_ms=now_ms,
            parts=tuple(Part(uuid7(now_ms), one.inventory_id, one.reply.reservation.id) for one in held),
        )

    async def _named(self, caller: Caller, texts: tuple[str, ...]) -> list[FoundReservation]:
        """These, all of them one's own and to be paid."""
        found: list[FoundReservation] = []
        for position, text in enumerate(texts):
            reservation_id = parse_id(text)
            if reservation_id in [one.reply.reservation.id for one in found]:
                raise invalid(f"reservations[{position}]", "Each reservation once.")
            one = await self._parts.reads.reservation(reservation_id) if reservation_id else None
            if one is None or not is_of(caller, one.reply.reservation.customer):
                raise not_found("reservation")
            self._check_payable(one)
            found.append(one)
        return found

    def _check_payable(self, found: FoundReservation) -> None:
        status = views.as_read(found.reply, self._parts.reads.now_ms(), found.stage).reservation.status
        if status is Status.EXPIRED:
            raise Problem("hold_expired", "A hold's time has run out.")
        if status is not Status.HELD or not _costs(found):
            detail = "Nothing is to be paid for it." if status is Status.HELD else f"It is {status.value}."
            raise Problem("wrong_state", detail, reservation_status=status.value)


def _costs(found: FoundReservation) -> bool:
    """Free tickets, and tables without a deposit, are confirmed without a payment."""
    return found.reply.reservation.total > 0
