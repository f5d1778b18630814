"""Whose a ticket is, and what it looks like to who asks.

- A reservation's holder has a right to its tickets, but not to those that were passed on: of these it is told
  that they are, and no code.
- Whom a ticket was passed on to has its token, and by that a right to that one ticket, for as long as it is
  of that generation.
- An operator sees them all, and so does the organiser to whom the event belongs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from aiohttp import web
from msgspec import UNSET, UnsetType
from multidict import istr

from domain.event_messages import Reservation, ReservationReply
from domain.event_tickets import Placed, not_issued, place_of, places
from domain.ticket_messages import ORDINARY, Ticket
from domain.views import FoundReservation, FoundTicket
from server import views
from server.addressed import found_by_holder
from server.callers import caller_of
from server.ids import parse_id
from server.parts import Parts
from server.problems import Problem, not_found, refused
from server.views_tickets import TicketView, ticket_view

TICKET_TOKEN = istr("Ticket-Token")
_NUMBER_MAX_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Right:
    """To what: one ticket in one generation, where a ticket's token was given; else to all of a reservation,
    but those that were passed on, if `as_buyer`."""

    number: int | None = None
    generation: int | None = None
    as_buyer: bool = False


@dataclass(frozen=True, slots=True)
class Tickets:
    """A confirmed reservation's tickets, for who has a right to them."""

    inventory_id: str
    reply: ReservationReply
    right: Right
    found: dict[int, FoundTicket]
    """Those of which something has happened."""

    @property
    def reservation(self) -> Reservation:
        return self.reply.reservation

    def page(self, after: int, limit: int) -> list[Placed]:
        """The next `limit` places that who asks is told of."""
        if self.right.number is not None:
            return [self.place(self.right.number)] if after < self.right.number else []
        return list(islice(places(self.reservation, after), limit))

    @property
    def own_count(self) -> int:
        """How many who asks has the codes of."""
        if self.right.number is not None:
            return 1
        return self.reservation.quantity - sum(not self.is_own(number) for number in self.found)

    def own(self) -> list[Placed]:
        """Those; not to be asked of a reservation with very many."""
        if self.right.number is not None:
            return [self.place(self.right.number)]
        return [place for place in places(self.reservation) if self.is_own(place.number)]

    def is_own(self, number: int) -> bool:
        return not (self.right.as_buyer and self.ticket(number).holder)

    def place(self, number: int) -> Placed:
        """One of them; raises `not_found` where there is no such right."""
        place = place_of(self.reservation, number)
        if place is None or self.right.number not in (None, number):
            raise not_found("ticket")
        return place

    def ticket(self, number: int) -> Ticket:
        found = self.found.get(number)
        return ORDINARY if found is None else found.ticket

    def contact(self, number: int) -> bytes:
        """Of whom it is: whom it was passed on to, or whom the reservation is of."""
        found = self.found.get(number)
        return found.contact if found is not None and found.ticket.holder else self.reply.contact

    def code(self, parts: Parts, number: int) -> str:
        return parts.codes.code(self.reservation.id, number, self.ticket(number).generation)

    def view(self, parts: Parts, place: Placed, token: str | UnsetType = UNSET) -> TicketView:
        number = place.number
        code = self.code(parts, number) if self.is_own(number) else None
        return ticket_view(self.reservation.id, place, self.ticket(number), self.contact(number), code, token)


def number_of(text: str) -> int:
    """A ticket's number in a path; raises `not_found` for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= _NUMBER_MAX_DIGITS):
        raise not_found("ticket")
    return int(text)


async def held_tickets(parts: Parts, request: web.BaseRequest, reservation_text: str) -> Tickets:
    """The tickets, once the caller is found to have a right to any. Raises the problem that there is else."""
    found, right = await _found(parts, request, reservation_text)
    if not isinstance(found.reply, ReservationReply):
        raise not_found("ticket")
    reply = views.as_read(found.reply, parts.reads.now_ms(), found.stage)
    rejected = not_issued(reply.reservation)
    if rejected is not None:
        raise refused(rejected)
    return await _with_tickets(parts, found.inventory_id, reply, right)


async def claimed_tickets(parts: Parts, request: web.BaseRequest, reservation_text: str) -> Tickets:
    """What a command goes by: the reservation of which the caller has, or once had, a right to tickets, and
    nothing read of these. Whether the right still stands is for their owner to say, who knows whether this
    very request has ended it."""
    found, right = await _found(parts, request, reservation_text)
    if not isinstance(found.reply, ReservationReply):
        raise not_found("ticket")
    return Tickets(found.inventory_id, found.reply, right, {})


async def held_reservation(
    parts: Parts, request: web.BaseRequest, reservation_text: str
) -> tuple[FoundReservation, Placed | None]:
    """The reservation, whatever its status, for its holder; for whom one of its tickets was passed on to, the
    place that this is of. Raises the problem that there is else."""
    found, right = await _found(parts, request, reservation_text)
    if right.number is None:
        return found, None
    assert isinstance(found.reply, ReservationReply), "a token is of a ticket"
    tickets = await _with_tickets(parts, found.inventory_id, found.reply, right)
    return found, tickets.place(right.number)


async def _with_tickets(parts: Parts, inventory_id: str, reply: ReservationReply, right: Right) -> Tickets:
    """Raises `ticket_replaced` where the right was to an earlier generation."""
    rows = await parts.reads.tickets(inventory_id, reply.reservation.id)
    tickets = Tickets(inventory_id, reply, right, {row.number: row for row in rows})
    if right.number is not None and tickets.ticket(right.number).generation != right.generation:
        raise Problem("ticket_replaced", "This token was replaced by another one.")
    return tickets


async def _found(
    parts: Parts, request: web.BaseRequest, reservation_text: str
) -> tuple[FoundReservation, Right]:
    given = request.headers.get(TICKET_TOKEN)
    if given is None:
        found = await found_by_holder(parts, request, reservation_text)
        return found, Right(as_buyer=not caller_of(request).in_charge)
    named = parts.codes.of_token(given)
    if named is None or named.reservation_id != parse_id(reservation_text):
        raise not_found("ticket")
    read = await parts.reads.reservation(named.reservation_id)
    if read is None:
        raise not_found("ticket")
    return read, Right(named.number, named.generation)
