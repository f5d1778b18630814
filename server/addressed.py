"""Commands to a reservation, whatever it is of: who may, which inventory is asked, how the answer is shown.

A command takes its inventory from the token, never from a read; only an operator, who has none, costs one.
"""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

from actors.gateway import Key
from domain.event_messages import ReservationReply
from domain.kinds import Command
from domain.messages import Rejected
from domain.restaurant_messages import TableReply
from domain.views import FoundReservation
from server.callers import caller_of
from server.ids import parse_id
from server.keys import key_of
from server.parts import Parts
from server.problems import not_found, refusal
from server.replies import Reply
from server.views import ReservationView, encode, reservation_view
from server.views_restaurants import TableReservationView, table_reservation_view


class Place(NamedTuple):
    """A reservation, and the inventory that it is of."""

    reservation_id: str
    inventory_id: str


async def addressed(parts: Parts, request: web.BaseRequest, reservation_text: str) -> Place:
    """Where the reservation is, once the caller is found to be entitled."""
    reservation_id = parse_id(reservation_text)
    if reservation_id is None:
        raise not_found("reservation")
    if not caller_of(request).is_admin:
        return Place(reservation_id, parts.access.event_of(request, reservation_id))
    found = await parts.reads.reservation(reservation_id)
    if found is None:
        raise not_found("reservation")
    return Place(reservation_id, found.inventory_id)


async def acted(parts: Parts, request: web.BaseRequest, body: bytes, place: Place, command: Command) -> Reply:
    """The owner's answer to a command with a key."""
    return await asked(parts, place.inventory_id, command, key_of(request, body))


async def asked(parts: Parts, inventory_id: str, command: Command, key: Key | None = None) -> Reply:
    """The owner's answer: the reservation as the command left it."""
    answer = await parts.gateway.ask(inventory_id, command, key)
    parts.metrics.commanded(type(command), answer)
    if isinstance(answer, Rejected):
        return refusal(answer)
    assert isinstance(answer, ReservationReply | TableReply)
    return Reply(200, body_of(inventory_id, answer))


async def found_by_holder(parts: Parts, request: web.BaseRequest, reservation_text: str) -> FoundReservation:
    """The reservation as it is stored, for whoever is entitled to see it."""
    reservation_id = parse_id(reservation_text)
    if reservation_id is None:
        raise not_found("reservation")
    access = parts.access
    inventory_id = None if caller_of(request).is_admin else access.event_of(request, reservation_id)
    found = await parts.reads.reservation(reservation_id)
    if found is None or inventory_id not in (None, found.inventory_id):
        raise not_found("reservation")
    return found


def body_of(inventory_id: str, reply: ReservationReply | TableReply) -> bytes:
    """A reservation as JSON."""
    return encode(view_of(inventory_id, reply))


def view_of(
    inventory_id: str, reply: ReservationReply | TableReply
) -> ReservationView | TableReservationView:
    if isinstance(reply, TableReply):
        return table_reservation_view(inventory_id, reply)
    return reservation_view(inventory_id, reply)
