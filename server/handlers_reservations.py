"""Reservations: place, show, change, extend, confirm, cancel, list.

A command takes its event from the path or from the token, never from a read; only an operator, who has no
token, costs one. The owner's answer is shown as it is; reads show a hold past its end as expired.
"""

from __future__ import annotations

from aiohttp import web
from msgspec import UNSET, Raw

from domain.cancel_codes import as_spelled, made_ms
from domain.event_messages import (
    CancelReservation,
    ChangeHold,
    ConfirmReservation,
    ExtendHold,
    PlaceHold,
    ReservationReply,
    SeatWish,
    SellReservation,
    Wanted,
)
from domain.kinds import Command
from domain.messages import Rejected
from server import views
from server.addressed import Place, acted, addressed, asked, body_of, found_by_holder, view_of
from server.bodies import Payload, read_body
from server.callers import caller_of
from server.handlers_submissions import accepted
from server.ids import parse_event_id, parse_id, uuid7
from server.keys import key_of
from server.paging import cursor_of, parse_query, sort_key_of
from server.parts import Parts
from server.payloads import (
    BestAvailable,
    BoxOffice,
    Cancellation,
    NewReservation,
    Nothing,
    PageQuery,
    ReservationPatch,
    ReservationsQuery,
    WantedLine,
)
from server.preferences import prefers_async
from server.problems import Problem, invalid, not_found, refusal
from server.replies import PRIVATE, Reply
from server.views_accounts import OwnReservationsView

_NEW = Payload(NewReservation)
_PATCH = Payload(ReservationPatch)
_NOTHING = Payload(Nothing)
_CODED = Payload(Cancellation)
_BOX_OFFICE = Payload(BoxOffice)


class ReservationHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def place(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Hold tickets, all lines or none; or confirm them at once where they cost nothing.

        The hot path.
        """
        parts = self._parts
        event_id = parse_event_id(event_text)
        if event_id is None:
            raise not_found("event")
        caller = caller_of(request)
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _NEW.parse(request, body)
        customer = wanted.customer
        if customer is UNSET:
            customer = await parts.contacts.own(caller)
        command = PlaceHold(
            uuid7(parts.reads.now_ms()),
            _lines(wanted.lines),
            parts.customers.key(customer.email),
            views.encode(customer),
            not caller.is_admin,
            wanted.confirm,
            _wish(wanted.lines, wanted.best),
            caller.account_id is not None,
        )
        key, caps = key_of(request, body), parts.hold_caps
        places = caps.places(request, caller)
        if places:
            await caps.take(places, key, event_id, command.reservation_id)
        if prefers_async(request):
            return await accepted(parts, places, key, (event_id, "event"), command)
        answer = await parts.gateway.ask(event_id, command, key)
        parts.metrics.commanded(PlaceHold, answer)
        if places:
            await caps.settle(places, key, command.reservation_id, answer)
        if isinstance(answer, Rejected):
            return refusal(answer, "event")
        assert isinstance(answer, ReservationReply)
        # A replay brings the reservation that the key made first, so its id is the one to go by.
        reservation_id = answer.reservation.id
        token, code = parts.access.papers(event_id, reservation_id)
        location = f"Location: /api/v1/reservations/{reservation_id}\r\n"
        return Reply(201, views.reservation(event_id, answer, token, code), location.encode())

    async def show(self, request: web.BaseRequest, reservation_text: str) -> Reply:
        """Show a reservation."""
        found = await found_by_holder(self._parts, request, reservation_text)
        current = views.as_read(found.reply, self._parts.reads.now_ms(), found.stage)
        return Reply(200, body_of(found.inventory_id, current))

    async def change(self, request: web.BaseRequest, reservation_text: str) -> Reply:
        """Change a hold's lines: all or none, and its end stays."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        place = await addressed(parts, request, reservation_text)
        wanted = _PATCH.parse(request, body)
        wish = _wish(wanted.lines, wanted.best)
        command = ChangeHold(place.reservation_id, _lines(wanted.lines), wish)
        return await asked(parts, place.inventory_id, command)

    async def extend(self, request: web.BaseRequest, reservation_text: str) -> Reply:
        """Give a hold a later end, a bounded number of times."""
        body, place = await self._addressed(request, reservation_text)
        return await acted(self._parts, request, body, place, ExtendHold(place.reservation_id))

    async def confirm(self, request: web.BaseRequest, reservation_text: str) -> Reply:
        """Confirm a hold, while it lasts; the box office also says how it was paid."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        paid = _BOX_OFFICE.parse(request, body).paid if body else None
        place = await addressed(parts, request, reservation_text, by_staff=True)
        sells = await parts.belongings.takes_charge(request, place.inventory_id, by_staff=True)
        if paid is not None and not sells:
            raise Problem("forbidden", "What was paid is for the box office to say.")
        caller = caller_of(request)
        command: Command = ConfirmReservation(place.reservation_id)
        if sells:
            command = SellReservation(place.reservation_id, caller.account_id or caller.scope, paid)
        return await acted(parts, request, body, place, command)

    async def cancel(self, request: web.BaseRequest, reservation_text: str) -> Reply:
        """Release a hold, or cancel what is confirmed."""
        parts = self._parts
        body, place = await self._addressed(request, reservation_text)
        by_operator = await parts.belongings.takes_charge(request, place.inventory_id)
        command = CancelReservation(place.reservation_id, by_operator=by_operator)
        return await acted(parts, request, body, place, command)

    async def cancel_by_code(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Cancel a reservation by its code and the e-mail that it is for.

        One without the other is not enough, and which of them was wrong is not said.
        """
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _CODED.parse(request, body)
        event_id = parse_event_id(event_text)
        reservation_id = await self._coded(event_id, wanted) if event_id else None
        if event_id is None or reservation_id is None:
            raise not_found("reservation")
        command = CancelReservation(reservation_id, if_live=True)
        return await asked(parts, event_id, command, key_of(request, body))

    async def _coded(self, event_id: str, wanted: Cancellation) -> str | None:
        """The reservation of that code, among those of that customer in that event."""
        code = as_spelled(wanted.code)
        if code is None:
            return None
        customer = self._parts.customers.key(wanted.email)
        for found in await self._parts.reads.made_at(event_id, customer, made_ms(code)):
            if self._parts.access.is_code_of(found, code):
                return found
        return None

    async def list_own(self, request: web.BaseRequest) -> Reply:
        """List the reservations of one's own e-mail, the newest first."""
        parts, query = self._parts, parse_query(request, PageQuery)
        before = sort_key_of(query.cursor, str)
        if before is not None and parse_id(before) is None:
            raise invalid("cursor", "Not a cursor of this list.")
        customer = caller_of(request).customer
        assert customer is not None, "every account has an e-mail"
        found = await parts.reads.of_customer(customer, before, query.limit + 1)
        now_ms = parts.reads.now_ms()
        shown = [Raw(body_of(one.inventory_id, views.as_read(one.reply, now_ms, one.stage))) for one in found]
        last = found[: query.limit][-1:]
        following = cursor_of(last[0].reply.reservation.id) if len(found) > query.limit else None
        return Reply(200, views.encode(OwnReservationsView(shown[: query.limit], following)), PRIVATE)

    async def list_of_event(self, request: web.BaseRequest, event_text: str) -> Reply:
        """List an event's reservations by id."""
        parts = self._parts
        event_id = parse_event_id(event_text)
        query = parse_query(request, ReservationsQuery)
        after = sort_key_of(query.cursor, str)
        if after is not None and parse_id(after) is None:
            raise invalid("cursor", "Not a cursor of this list.")
        if event_id is None or await parts.reads.event(event_id) is None:
            raise not_found("event")
        now_ms = parts.reads.now_ms()
        status = query.status or None
        found = await parts.reads.reservations(event_id, status, after, query.limit + 1, now_ms)
        items = [
            view_of(event_id, views.as_read(one.reply, now_ms, views.stage_in_list(one, status)))
            for one in found[: query.limit]
        ]
        following = cursor_of(items[-1].id) if len(found) > query.limit else None
        return Reply(200, views.page(items, following))

    async def _addressed(self, request: web.BaseRequest, reservation_text: str) -> tuple[bytes, Place]:
        """The body of a command that is all said by its path, and which reservation that is."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        if body:
            _NOTHING.parse(request, body)
        return body, await addressed(parts, request, reservation_text)


def _lines(wanted: tuple[WantedLine, ...]) -> Wanted:
    """As the rules take them; a type that comes twice is said here, without asking."""
    lines = tuple([(line.ticket_type, line.quantity) for line in wanted])
    if len(lines) > 1:
        seen: set[str] = set()
        for position, (code, _) in enumerate(lines):
            if code in seen:
                raise invalid(f"lines[{position}].ticket_type", "Each ticket type once.")
            seen.add(code)
    return lines


def _wish(lines: tuple[WantedLine, ...], best: BestAvailable | None) -> SeatWish | None:
    """What is wanted of the seats; most requests want nothing."""
    named = any(line.seats for line in lines)
    if best is None and not named:
        return None
    best = best or BestAvailable()
    seats = tuple([line.seats for line in lines]) if named else ()
    return SeatWish(seats, best.accessible, best.fallback, best.orphans)
