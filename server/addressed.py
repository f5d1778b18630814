"""Commands to a reservation, whatever it is of: who may, which inventory is asked, how the answer is shown.

A command takes its inventory from the token, never from a read; who has none, because he is an operator or
because the reservation is by his account's e-mail, costs one. The row says whose it is, and that never
changes.
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
from server.access import RESERVATION_TOKEN
from server.callers import Caller, caller_of
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


async def addressed(
    parts: Parts, request: web.BaseRequest, reservation_text: str, by_staff: bool = False
) -> Place:
    """Where the reservation is, once the caller is found to be entitled. `by_staff`: as an organiser's staff
    too."""
    reservation_id = parse_id(reservation_text)
    if reservation_id is None:
        raise not_found("reservation")
    if not opened_by_bearer(request):
        return Place(reservation_id, parts.access.event_of(request, reservation_id))
    found = await parts.reads.reservation(reservation_id)
    if found is None or not await _is_open(parts, request, found, by_staff):
        raise not_found("reservation")
    return Place(reservation_id, found.inventory_id)


def opened_by_bearer(request: web.BaseRequest) -> bool:
    """Whether the bearer token is what is to open a reservation; else it takes the Reservation-Token. An
    account that sends both is asked for the latter: it may be another's, who gave it away."""
    caller = caller_of(request)
    return caller.in_charge or (caller.role is not None and RESERVATION_TOKEN not in request.headers)


async def _is_open(
    parts: Parts, request: web.BaseRequest, found: FoundReservation, by_staff: bool = False
) -> bool:
    """An admin's is every reservation, an organiser's those of what belongs to it, an account's those of its
    e-mail."""
    if await parts.belongings.takes_charge(request, found.inventory_id, by_staff):
        return True
    return is_of(caller_of(request), found.reply.reservation.customer)


def is_of(caller: Caller, customer: bytes) -> bool:
    """Whether what that customer has is the caller's to see."""
    return caller.is_admin or customer == caller.customer


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
    bearer = opened_by_bearer(request)
    inventory_id = None if bearer else parts.access.event_of(request, reservation_id)
    found = await parts.reads.reservation(reservation_id)
    if found is None or inventory_id not in (None, found.inventory_id):
        raise not_found("reservation")
    if bearer and not await _is_open(parts, request, found):
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
