"""Tickets as their holders have them: listed, as pictures, on paper, in the calendar; passed on, replaced."""

from __future__ import annotations

import asyncio

from aiohttp import web
from msgspec import UNSET

from actors.gateway import Key
from domain.event_messages import ReservationReply
from domain.event_tickets import Placed
from domain.messages import Rejected
from domain.restaurant_messages import TableReply
from domain.ticket_messages import ReissueTicket, TicketReply, TransferTicket
from domain.views import ReceivedTicket
from server import views
from server.bodies import Payload, read_body
from server.calendar_files import CALENDAR, of_event, of_table
from server.callers import caller_of
from server.ids import parse_id
from server.keys import key_of
from server.paging import cursor_of, parse_query, sort_key_of
from server.parts import Parts
from server.payloads import Customer, Nothing, PageQuery
from server.payloads_tickets import NewHolder, PdfQuery
from server.printing import PDF, TICKETS_PER_PDF_MAX
from server.problems import Problem, invalid, not_found, refusal
from server.replies import PRIVATE, Reply
from server.ticket_papers import paper_of
from server.ticket_pictures import SVG, picture
from server.tickets import Tickets, claimed_tickets, held_reservation, held_tickets, number_of
from server.views_tickets import received_view, ticket_view

_NEW_HOLDER = Payload(NewHolder)
_NOTHING = Payload(Nothing)
NUMBER_MAX = 2**31 - 1
_OF_ONE_ONLY = b"Cache-Control: private, no-store\r\n"


class TicketHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def list_all(self, request: web.BaseRequest, reservation_text: str) -> Reply:
        """List the tickets of a confirmed reservation, by their numbers."""
        query = parse_query(request, PageQuery)
        after = sort_key_of(query.cursor, int) or 0
        if after < 0:
            raise invalid("cursor", "Not a cursor of this list.")
        tickets = await held_tickets(self._parts, request, reservation_text)
        found = tickets.page(after, query.limit + 1)
        items = [tickets.view(self._parts, place) for place in found[: query.limit]]
        following = cursor_of(items[-1].number) if len(found) > query.limit else None
        return Reply(200, views.page(items, following), _OF_ONE_ONLY)

    async def list_received(self, request: web.BaseRequest) -> Reply:
        """List the tickets that were passed on to the account's e-mail, with what opens them, those of the
        newest reservation first."""
        query, caller = parse_query(request, PageQuery), caller_of(request)
        before = sort_key_of(query.cursor, tuple[str, int])
        if before is not None and (parse_id(before[0]) is None or not 0 <= before[1] <= NUMBER_MAX):
            raise invalid("cursor", "Not a cursor of this list.")
        assert caller.customer is not None, "every account has an e-mail"
        found = await self._parts.reads.received(caller.customer, before, query.limit + 1)
        items = [received_view(one, self._token(one)) for one in found[: query.limit]]
        following = cursor_of(found[query.limit - 1].key) if len(found) > query.limit else None
        return Reply(200, views.page(items, following), PRIVATE)

    async def svg(self, request: web.BaseRequest, reservation_text: str, file_text: str) -> Reply:
        """Show a ticket's code as a QR code."""
        number_text, _, ending = file_text.partition(".")
        if ending != "svg":
            raise not_found("ticket")
        tickets = await held_tickets(self._parts, request, reservation_text)
        place = _own_place(tickets, number_of(number_text))
        drawn = await asyncio.to_thread(picture, tickets.code(self._parts, place.number))  # some ms
        return Reply(200, drawn, _OF_ONE_ONLY, SVG)

    async def pdf(self, request: web.BaseRequest, reservation_text: str) -> Reply:
        """Print tickets, one to a page."""
        parts = self._parts
        query = parse_query(request, PdfQuery)
        tickets = await held_tickets(parts, request, reservation_text)
        if query.number is UNSET and tickets.own_count > TICKETS_PER_PDF_MAX:
            detail = f"At most {TICKETS_PER_PDF_MAX} tickets in one file; ask for each by its number."
            raise Problem("limit_exceeded", detail, limit=TICKETS_PER_PDF_MAX, requested=tickets.own_count)
        wanted = tickets.own() if query.number is UNSET else [_own_place(tickets, query.number)]
        event = await parts.reads.event(tickets.inventory_id)
        if event is None or not wanted:
            raise not_found("ticket")
        content = await parts.printer.print(paper_of(parts, event, tickets, wanted, query.time_zone or None))
        name = f"Content-Disposition: attachment; filename=tickets-{tickets.reservation.id}.pdf\r\n"
        return Reply(200, content, _OF_ONE_ONLY + name.encode(), PDF)

    async def calendar(self, request: web.BaseRequest, reservation_text: str) -> Reply:
        """Give a reservation, or a ticket that was passed on, as a file for calendars; of what was cancelled,
        one that takes it out again."""
        parts = self._parts
        found, place = await held_reservation(parts, request, reservation_text)
        reply = views.as_read(found.reply, parts.reads.now_ms(), found.stage)
        if isinstance(reply, TableReply):
            restaurant = await parts.reads.restaurant(found.inventory_id)
            content = of_table(reply.reservation, restaurant, parts.reads.now_ms()) if restaurant else None
        else:
            assert isinstance(reply, ReservationReply)
            event = await parts.reads.event(found.inventory_id)
            content = of_event(reply.reservation, event, place, parts.reads.now_ms()) if event else None
        if content is None:
            raise not_found("reservation")
        name = f"Content-Disposition: attachment; filename={reply.reservation.id}.ics\r\n"
        return Reply(200, content, _OF_ONE_ONLY + name.encode(), CALENDAR)

    async def transfer(self, request: web.BaseRequest, reservation_text: str, number_text: str) -> Reply:
        """Pass a ticket on to another person: its old code is dead, the new one is theirs.

        The token in the reply is the right to the ticket; they are mailed it too. Whoever else may have seen
        it is shut out when they have the ticket issued again.
        """
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _NEW_HOLDER.parse(request, body)
        tickets = await claimed_tickets(parts, request, reservation_text)
        place, right = tickets.place(number_of(number_text)), tickets.right
        command = TransferTicket(
            tickets.reservation.id,
            place.number,
            parts.customers.key(wanted.email),
            views.encode(Customer(wanted.name, wanted.email, wanted.language)),
            right.generation,
            right.as_buyer,
        )
        return await self._replaced(tickets, command, key_of(request, body), shows_code=not right.as_buyer)

    async def reissue(self, request: web.BaseRequest, reservation_text: str, number_text: str) -> Reply:
        """Make another code for a ticket: the old one is dead."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        if body:
            _NOTHING.parse(request, body)
        tickets = await claimed_tickets(parts, request, reservation_text)
        place, right = tickets.place(number_of(number_text)), tickets.right
        command = ReissueTicket(tickets.reservation.id, place.number, right.generation, right.as_buyer)
        return await self._replaced(tickets, command, key_of(request, body), shows_code=True)

    def _token(self, received: ReceivedTicket) -> str:
        return self._parts.codes.token(*received.key, received.found.ticket.generation)

    async def _replaced(
        self, tickets: Tickets, command: TransferTicket | ReissueTicket, key: Key | None, shows_code: bool
    ) -> Reply:
        parts = self._parts
        answer = await parts.gateway.ask(tickets.inventory_id, command, key)
        parts.metrics.commanded(type(command), answer)
        if isinstance(answer, Rejected):
            return refusal(answer)
        assert isinstance(answer, TicketReply)
        named = answer.reservation_id, answer.number, answer.ticket.generation
        view = ticket_view(
            answer.reservation_id,
            Placed(answer.number, answer.ticket_type, answer.seat),
            answer.ticket,
            answer.contact,
            parts.codes.code(*named) if shows_code else None,
            parts.codes.token(*named) if answer.ticket.holder else UNSET,
        )
        return Reply(200, views.encode(view), _OF_ONE_ONLY)


def _own_place(tickets: Tickets, number: int) -> Placed:
    place = tickets.place(number)
    if not tickets.is_own(number):
        raise not_found("ticket")
    return place
