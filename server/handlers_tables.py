"""Reservations of tables: place, list, and what is done with them at the door.

Showing, confirming, extending and cancelling are the same for all kinds: `server/handlers_reservations.py`.
"""

from __future__ import annotations

import datetime as dt

import msgspec
from aiohttp import web

from domain.event_messages import ReservationReply, Status
from domain.kinds import Command
from domain.kinds import Reply as Answer
from domain.local_time import bound_ms
from domain.messages import Rejected
from domain.restaurant_messages import (
    CompleteStay,
    HoldTable,
    MarkNoShow,
    MoveReservation,
    ProlongStay,
    RestaurantTerms,
    SeatParty,
    SeatWalkIn,
    TableReply,
)
from server import views_restaurants as views
from server.addressed import acted, addressed, view_of
from server.bodies import Payload, read_body
from server.callers import caller_of
from server.customers import PHONE_MAX_DIGITS, PHONE_MIN_DIGITS, CustomerKeys
from server.handlers_restaurants import found_restaurant, restaurant_id_of
from server.handlers_submissions import accepted
from server.ids import parse_id, uuid7
from server.keys import key_of
from server.paging import cursor_of, parse_query, sort_key_of
from server.parts import Parts
from server.payloads_restaurants import (
    Diner,
    GuestsQuery,
    NewTableReservation,
    NewWalkIn,
    Prolonging,
    StaysQuery,
    TableMove,
)
from server.preferences import prefers_async
from server.problems import invalid, refusal
from server.replies import Reply
from server.views import as_read, encode, page, stage_in_list

_NEW = Payload(NewTableReservation)
_WALK_IN = Payload(NewWalkIn)
_MOVE = Payload(TableMove)
_PROLONG = Payload(Prolonging)
GUESTS_SHOWN_MAX = 50
"""Who share a telephone number."""
_NO_NUMBER = f"From {PHONE_MIN_DIGITS} to {PHONE_MAX_DIGITS} digits."


class TableHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def place(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Hold a table: the one that is named, or the best fit."""
        parts = self._parts
        restaurant_id = restaurant_id_of(restaurant_text)
        caller = caller_of(request)
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _NEW.parse(request, body)
        customer = parts.customers.key(wanted.customer.email)
        command = HoldTable(
            uuid7(parts.reads.now_ms()),
            views.day_of(wanted.date),
            views.minute_of(wanted.time),
            wanted.party_size,
            customer,
            _contact(wanted.customer, wanted.note),
            table_id_of(wanted.table_id),
            wanted.traits,
            await parts.reads.history(restaurant_id, customer),
            not caller.is_admin,
            _phone_key(wanted.customer, parts.customers),
            caller.account_id is not None,
        )
        key, caps = key_of(request, body), parts.hold_caps
        places = caps.places(request, caller)
        if places:
            await caps.take(places, key, restaurant_id, command.reservation_id)
        if prefers_async(request):
            return await accepted(parts, places, key, (restaurant_id, "restaurant"), command)
        answer = await parts.gateway.ask(restaurant_id, command, key)
        if places:
            await caps.settle(places, key, command.reservation_id, answer)
        return self._placed(restaurant_id, command, answer)

    async def walk_in(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Seat a party that stands at the door."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _WALK_IN.parse(request, body)
        customer = wanted.customer
        command = SeatWalkIn(
            uuid7(parts.reads.now_ms()),
            wanted.party_size,
            parts.customers.key(customer.email) if customer else b"",
            _contact(customer, wanted.note),
            table_id_of(wanted.table_id),
            wanted.traits,
            wanted.stay_minutes,
            _phone_key(customer, parts.customers),
        )
        restaurant_id = restaurant_id_of(restaurant_text)
        answer = await parts.gateway.ask(restaurant_id, command, key_of(request, body))
        return self._placed(restaurant_id, command, answer)

    async def list_of_restaurant(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """List a restaurant's reservations by id: those of a day, a table, a status, a guest, or all."""
        parts = self._parts
        query = parse_query(request, StaysQuery)
        after = sort_key_of(query.cursor, str)
        if after is not None and parse_id(after) is None:
            raise invalid("cursor", "Not a cursor of this list.")
        restaurant = await found_restaurant(parts, restaurant_text)
        restaurant_id, now_ms = restaurant.id, parts.reads.now_ms()
        within_ms = _day_ms(restaurant.terms.time_zone, query.date) if query.date else None
        status, key = query.status or None, _key_of(query, parts.customers)
        table_id = _table_of(query.table, restaurant.terms) if query.table else None
        found = await parts.reads.table_reservations(
            restaurant_id, status, within_ms, after, query.limit + 1, now_ms, key, table_id
        )
        items = [
            view_of(restaurant_id, _with_warned(as_read(one.reply, now_ms, stage_in_list(one, status))))
            for one in found[: query.limit]
        ]
        following = cursor_of(items[-1].id) if len(found) > query.limit else None
        return Reply(200, page(items, following))

    async def guests(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Find guests by e-mail or by telephone: what they have done here, and their score."""
        parts = self._parts
        key = _key_of(parse_query(request, GuestsQuery), parts.customers)
        if key is None:
            raise invalid("query", "An email or a phone.")
        restaurant = await found_restaurant(parts, restaurant_text)
        found = await parts.reads.guests(restaurant.id, key, GUESTS_SHOWN_MAX)
        return Reply(200, page([views.guest_view(one, restaurant.terms) for one in found], None))

    async def move(self, request: web.BaseRequest, reservation_text: str) -> Reply:
        """Move a reservation to another time, table or size; the old place is kept until the new is had."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _MOVE.parse(request, body)
        place = await addressed(parts, request, reservation_text)
        command = MoveReservation(
            place.reservation_id,
            views.day_of(wanted.date) if wanted.date else None,
            views.minute_of(wanted.time) if wanted.time else None,
            wanted.party_size,
            table_id_of(wanted.table_id),
            wanted.traits,
        )
        return await acted(parts, request, body, place, command)

    async def seat(self, request: web.BaseRequest, reservation_text: str) -> Reply:
        """Seat a party that has arrived."""
        return await self._at_the_door(request, reservation_text, SeatParty)

    async def complete(self, request: web.BaseRequest, reservation_text: str) -> Reply:
        """Complete a stay: the rest of its time is free."""
        return await self._at_the_door(request, reservation_text, CompleteStay)

    async def no_show(self, request: web.BaseRequest, reservation_text: str) -> Reply:
        """Note that nobody came."""
        return await self._at_the_door(request, reservation_text, MarkNoShow)

    async def prolong(self, request: web.BaseRequest, reservation_text: str) -> Reply:
        """Let a seated party stay longer; who is in its way is warned of it, or moved."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _PROLONG.parse(request, body)
        place = await addressed(parts, request, reservation_text)
        command = ProlongStay(place.reservation_id, wanted.by_minutes, wanted.move_next)
        return await acted(parts, request, body, place, command)

    async def _at_the_door(
        self,
        request: web.BaseRequest,
        reservation_text: str,
        make: type[SeatParty | CompleteStay | MarkNoShow],
    ) -> Reply:
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        place = await addressed(parts, request, reservation_text)
        return await acted(parts, request, body, place, make(place.reservation_id))

    def _placed(self, restaurant_id: str, command: Command, answer: Answer) -> Reply:
        parts = self._parts
        parts.metrics.commanded(type(command), answer)
        if isinstance(answer, Rejected):
            return refusal(answer, "restaurant")
        assert isinstance(answer, TableReply)
        # A replay brings the reservation that the key made first, so its id is the one to go by.
        reservation_id = answer.reservation.id
        token, _ = parts.access.papers(restaurant_id, reservation_id)
        location = f"Location: /api/v1/reservations/{reservation_id}\r\n"
        shown = views.table_reservation_view(restaurant_id, answer, token)
        return Reply(201, encode(shown), location.encode())


def _with_warned(reply: ReservationReply | TableReply) -> ReservationReply | TableReply:
    """For the staff: while a party sits, whom its staying on has warned. It is no business of its own."""
    if not isinstance(reply, TableReply) or reply.reservation.status is not Status.SEATED:
        return reply
    return msgspec.structs.replace(reply, warned=reply.reservation.warned)


def _day_ms(zone: str, date: dt.date) -> tuple[int, int]:
    """A local day, from its midnight to the next."""
    day = views.day_of(date)
    since_ms, until_ms = bound_ms(zone, day, 0), bound_ms(zone, day + 1, 0)
    if since_ms is None or until_ms is None:
        raise invalid("date", "From 1970-01-02 to 9998-12-28.")
    return since_ms, until_ms


def _contact(customer: Diner | None, note: str | None) -> bytes:
    """What is stored of the party: see `views_restaurants.Contact`."""
    return encode({"customer": customer, "note": note})


def _phone_key(diner: Diner | None, customers: CustomerKeys) -> bytes:
    if diner is None or diner.phone is None:
        return b""
    key = customers.phone_key(diner.phone)
    if key is None:
        raise invalid("customer.phone", _NO_NUMBER)
    return key


def _key_of(query: StaysQuery | GuestsQuery, customers: CustomerKeys) -> bytes | None:
    """The key of the guest who is asked for; None: nobody is."""
    if query.email and query.phone:
        raise invalid("query", "Either email or phone.")
    if query.email:
        return customers.key(query.email)
    if not query.phone:
        return None
    key = customers.phone_key(query.phone)
    if key is None:
        raise invalid("phone", _NO_NUMBER)
    return key


def _table_of(text: str, terms: RestaurantTerms) -> str:
    """The id of a table that is named by its number or by that id: one that is gone has no number."""
    numbers = {table.number: table.id for table in terms.tables}
    found = numbers.get(text) or parse_id(text)
    if found is None:
        raise invalid("table", "There is no such table.")
    return found


def table_id_of(text: str | None) -> str | None:
    if text is None:
        return None
    found = parse_id(text)
    if found is None:
        raise invalid("table_id", "Not an id.")
    return found
