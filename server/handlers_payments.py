"""Payments: begun by who holds the reservation, seen through by payment actors, paid back by operators.

The row is durable before anything else is done, and the hold waits for the payment before its client is told
so: a front end that dies in between leaves a row that the actors go on with.
"""

from __future__ import annotations

from aiohttp import web
from msgspec import UnsetType

from actors.gateway import Key
from domain.event_messages import BeginPayment, ReservationReply, Wanted
from domain.messages import Rejected
from domain.payment import Payment, Standing, Step
from domain.refund import NewRefund as Back
from domain.refund import Reason
from server.addressed import addressed, found_by_holder, is_of
from server.bodies import Payload, read_body
from server.callers import Caller, caller_of
from server.handlers_live import LAST_EVENT_ID
from server.handlers_restaurants import found_restaurant
from server.ids import id_bytes, parse_event_id, parse_id, uuid7
from server.keys import key_of
from server.live import EVENT_STREAM, STREAM_LINES
from server.paging import cursor_of, parse_query, sort_key_of
from server.parts import Parts
from server.paying import accepted, begun_reply, check_provider, followed, method_of, shown
from server.payloads import PageQuery, WantedLine
from server.payloads_payments import NewPayment, NewRefund, PaymentsQuery, SandboxAct
from server.payment_stream import event_id, told
from server.problems import Problem, invalid, not_found, refusal
from server.replies import PRIVATE, Reply
from server.streaming import begun
from server.views import encode, page
from server.views_payments import payment_view, refund_view, steps_view

_NEW = Payload(NewPayment)
_BACK = Payload(NewRefund)
_ACT = Payload(SandboxAct)


class PaymentHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def pay(self, request: web.BaseRequest, reservation_text: str) -> Reply:
        """Begin to pay for a hold: it waits for the payment until the payment's deadline."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        caller = caller_of(request)
        place = await addressed(parts, request, reservation_text)
        wanted = _NEW.parse(request, body)
        check_provider(parts, wanted.provider, wanted.method)
        key = key_of(request, body)
        now_ms = parts.reads.now_ms()
        payment = Payment(
            id=uuid7(now_ms),
            inventory_id=place.inventory_id,
            reservation_id=place.reservation_id,
            provider=wanted.provider,
            method=method_of(wanted.provider, wanted.method, caller),
            deadline_ms=now_ms + parts.options.payment_duration_s * 1000,
            created_ms=now_ms,
        )
        said = await accepted(parts, payment, key)
        if isinstance(said, Rejected):
            return refusal(said)
        paying = await self._begun(said)
        if isinstance(paying, Rejected):
            return refusal(paying)
        return await begun_reply(parts, request, paying)

    async def _begun(self, payment: Payment) -> Payment | Rejected:
        """Has its hold begun to wait for it? What a payment that never began was told is decided anew, as the
        payment is. Where the owner was long in answering, a payment actor may have seen it through by then:
        then the refusal is of something that has been done."""
        parts = self._parts
        if payment.standing is Standing.FAILED and payment.amount is None:
            deadline_ms = parts.reads.now_ms() + parts.options.payment_duration_s * 1000
            payment = await parts.payments.begin_again(payment.id, deadline_ms)
        if payment.step is not Step.BEGIN:
            return payment
        begin = BeginPayment(payment.reservation_id, payment.id, payment.deadline_ms)
        answer = await parts.gateway.ask(payment.inventory_id, begin)
        parts.metrics.commanded(BeginPayment, answer)
        if not isinstance(answer, Rejected):
            return payment
        now = await parts.payments.find(payment.id)
        return answer if now is None or now.amount is None else now

    async def show(self, request: web.BaseRequest, payment_text: str) -> Reply:
        """Show a payment, and what has gone back of it."""
        return await followed(self._parts, request, await self._own(request, payment_text), Reply(200))

    async def stream(self, request: web.BaseRequest, payment_text: str) -> Reply:
        """Watch a payment: how it stands, and each change, until it is over."""
        parts = self._parts
        payment = await self._own(request, payment_text)
        heard = request.headers.get(LAST_EVENT_ID, "")
        if payment.standing.over and heard == event_id(payment):
            return Reply(204)
        parts.live.check_room()
        caller = caller_of(request)

        async def show(now: Payment) -> bytes:
            return await shown(parts, now, caller)

        events = told(parts.following, parts.metrics, payment, show, heard)
        return await begun(events, EVENT_STREAM, STREAM_LINES)

    async def list_own(self, request: web.BaseRequest) -> Reply:
        """List the payments of one's own reservations, and what one's wallet is charged with, the newest
        first."""
        query, caller = parse_query(request, PageQuery), caller_of(request)
        before = sort_key_of(query.cursor, str)
        if before is not None and parse_id(before) is None:
            raise invalid("cursor", "Not a cursor of this list.")
        assert caller.customer is not None, "every account has an e-mail"
        assert caller.account_id is not None
        own = caller.customer, caller.account_id
        found = await self._parts.payments.of_customer(*own, before, query.limit + 1)
        items = [payment_view(one, [], operator=False) for one in found[: query.limit]]
        following = cursor_of(items[-1].id) if len(found) > query.limit else None
        return Reply(200, page(items, following), PRIVATE)

    async def list_of_event(self, request: web.BaseRequest, event_text: str) -> Reply:
        """List an event's payments by id."""
        event_id = parse_event_id(event_text)
        if event_id is None or await self._parts.reads.event(event_id) is None:
            raise not_found("event")
        return await self._listed(request, event_id)

    async def list_of_restaurant(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """List the payments of a restaurant's deposits by id."""
        return await self._listed(request, (await found_restaurant(self._parts, restaurant_text)).id)

    async def _listed(self, request: web.BaseRequest, inventory_id: str) -> Reply:
        query = parse_query(request, PaymentsQuery)
        after = sort_key_of(query.cursor, str)
        if after is not None and parse_id(after) is None:
            raise invalid("cursor", "Not a cursor of this list.")
        standing = None if isinstance(query.status, UnsetType) else query.status
        found = await self._parts.payments.of_inventory(inventory_id, standing, after, query.limit + 1)
        operator = caller_of(request).is_admin
        items = [payment_view(one, [], operator) for one in found[: query.limit]]
        return Reply(200, page(items, cursor_of(items[-1].id) if len(found) > query.limit else None))

    async def act(self, request: web.BaseRequest, payment_text: str) -> Reply:
        """Say yes or no where the sandbox waits for who pays: who may look at the payment."""
        body = await read_body(request, self._parts.options.body_max_bytes)
        wanted = _ACT.parse(request, body)
        payment = await self._own(request, payment_text)
        if not await self._parts.payments.act(payment.id, wanted.approve):
            raise Problem("wrong_state", "Nothing waits for you here.")
        return Reply(202, encode(payment_view(payment, [], operator=False)))

    async def steps(self, request: web.BaseRequest, payment_text: str) -> Reply:
        """Show what was asked of owners and the provider for a payment, and what they said."""
        parts = self._parts
        payment = await self._found(payment_text)
        return Reply(200, encode(steps_view(payment.id, await parts.payments.notes_of(payment.id))))

    async def refund(self, request: web.BaseRequest, payment_text: str) -> Reply:
        """Pay back: all of it and cancel, so many tickets, or an amount."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _BACK.parse(request, body) if body else NewRefund()
        payment = await self._found(payment_text)
        key = key_of(request, body)
        try:
            back = await self._wanted_back(payment, wanted, key)
        except Problem:
            # Tickets that went back are there no more: a retry meets its refund.
            said = await parts.payments.refund_of_request(key.request_id, key.fingerprint) if key else None
            if said is None:
                raise
        else:
            said = await parts.payments.refund(back)
        if isinstance(said, Rejected):
            return refusal(said)
        lines_of_head = f"Location: /api/v1/payments/{payment.id}\r\n".encode()
        return Reply(202, encode(refund_view(said)), lines_of_head)

    async def _wanted_back(self, payment: Payment, wanted: NewRefund, key: Key | None) -> Back:
        new_id = uuid7(self._parts.reads.now_ms())
        named = (key.request_id, key.fingerprint) if key else (id_bytes(new_id), b"")
        amount, reason, lines, before = await self._what(payment, wanted)
        return Back(
            id=new_id,
            payment_id=payment.id,
            amount=amount,
            reason=reason,
            request_id=named[0],
            fingerprint=named[1],
            lines=lines,
            before=before,
        )

    async def _what(self, payment: Payment, wanted: NewRefund) -> tuple[int | None, Reason, Wanted, Wanted]:
        """How much, why, and what the reservation becomes of what it was."""
        if payment.wallet and wanted.lines:
            raise invalid("lines", "This payment has charged a wallet: an amount, or nothing.")
        if wanted.amount is not None:
            if wanted.lines:
                raise invalid("lines", "Lines or an amount, not both.")
            if wanted.amount.currency != payment.currency:
                raise invalid("amount.currency", f"This payment is in {payment.currency}.")
            reason = Reason.WALLET if payment.wallet else Reason.CONCESSION
            return wanted.amount.amount, reason, (), ()
        if payment.wallet:
            return None, Reason.WALLET, (), ()
        if not wanted.lines:
            return None, Reason.OPERATOR, (), ()
        found = await self._parts.reads.reservation(payment.reservation_id)
        if found is None:
            raise not_found("reservation")
        if not isinstance(found.reply, ReservationReply):
            raise invalid("lines", "A table's deposit has no tickets.")
        lines = found.reply.reservation.lines
        before = tuple((line.ticket_type, line.quantity) for line in lines)
        prices = {line.ticket_type: line.unit_price for line in lines}
        left = _left(dict(before), wanted.lines)
        if not left:
            return None, Reason.OPERATOR, (), ()
        amount = sum(line.quantity * prices[line.ticket_type] for line in wanted.lines)
        if not amount:
            raise invalid("lines", "These tickets cost nothing.")
        return amount, Reason.LINES, left, before

    async def _found(self, payment_text: str) -> Payment:
        payment_id = parse_id(payment_text)
        payment = await self._parts.payments.find(payment_id) if payment_id else None
        if payment is None:
            raise not_found("payment")
        return payment

    async def _own(self, request: web.BaseRequest, payment_text: str) -> Payment:
        """A payment that the caller may look at."""
        payment = await self._found(payment_text)
        if not caller_of(request).is_admin:
            await self._check_holder(request, payment)
        return payment

    async def _check_holder(self, request: web.BaseRequest, payment: Payment) -> None:
        """Of another reservation's payment nobody is told that there is one. A purchase, or what charges a
        wallet, is its account's."""
        if payment.parts or payment.wallet:
            await self._check_account(caller_of(request), payment)
            return
        try:
            await found_by_holder(self._parts, request, payment.reservation_id)
        except Problem as problem:
            if problem.code == "not_found":
                raise not_found("payment") from None
            raise

    async def _check_account(self, caller: Caller, payment: Payment) -> None:
        """Whose wallet this is charged it, and whose reservations these are bought them."""
        if caller.role is None:
            raise Problem("unauthorized", "This payment is for who is signed in.")
        if payment.wallet:
            if payment.wallet != caller.account_id:
                raise not_found("payment")
            return
        found = await self._parts.reads.reservation(payment.parts[0].reservation_id)
        if found is None or not is_of(caller, found.reply.reservation.customer):
            raise not_found("payment")


def _left(has: dict[str, int], given_back: tuple[WantedLine, ...]) -> Wanted:
    """What the reservation keeps."""
    seen = set()
    for position, line in enumerate(given_back):
        code = line.ticket_type
        if code in seen or line.quantity > has.get(code, 0):
            raise invalid(f"lines[{position}]", "Each ticket type once, and not more than there are.")
        seen.add(code)
        has[code] -= line.quantity
    return tuple((code, quantity) for code, quantity in has.items() if quantity)
