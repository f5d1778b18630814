"""Restaurants: make, show, list, change, delete, publish, close, cancel; and which times are free.

Drafts are there for operators and their organisers only; to everybody else there is no such restaurant.
"""

from __future__ import annotations

import datetime as dt

from aiohttp import web
from msgspec import UNSET, UnsetType

from domain.catalogue import PartyWish, WantedRestaurants
from domain.event_messages import PauseSale, ResumeSale, Stage
from domain.kinds import Command
from domain.kinds import Reply as Answer
from domain.local_time import DAY_MAX, DAY_MIN
from domain.messages import Rejected
from domain.restaurant_messages import (
    CancelRestaurant,
    ChangeRestaurant,
    CloseRestaurant,
    CreateRestaurant,
    DeleteRestaurant,
    FreeTimes,
    PublishRestaurant,
    RestaurantReply,
    SearchTables,
)
from server import views_restaurants as views
from server.belongings import check_wishes
from server.bodies import Payload, read_body
from server.callers import caller_of
from server.entity_tags import version_of, wanted_versions
from server.ids import parse_event_id, uuid7
from server.keys import key_of
from server.lists import page_reply, place_of, sees_everything, words
from server.paging import parse_query
from server.parts import Parts
from server.payloads import Nothing
from server.payloads_catalogue import RestaurantsQuery
from server.payloads_restaurants import DAY_BEGINS, DAY_ENDS, NewRestaurant, RestaurantPatch, SearchQuery
from server.placement import Placement, persons_of, placement_of
from server.problems import invalid, not_found, refusal
from server.replies import Reply
from server.terms_restaurants import change_of, terms_of
from server.views import encode

_NEW = Payload(NewRestaurant)
_PATCH = Payload(RestaurantPatch)
_NOTHING = Payload(Nothing)
_Switch = PauseSale | ResumeSale | PublishRestaurant | CloseRestaurant | CancelRestaurant
"""Commands that are all said by their path."""


class RestaurantHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def create(self, request: web.BaseRequest) -> Reply:
        """Make a restaurant with its tables."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _NEW.parse(request, body)
        check_wishes(request, wanted.placement, wanted.expected_crowd)
        now_ms = parts.reads.now_ms()
        restaurant_id = uuid7(now_ms)
        organiser_id = await parts.belongings.for_whom(request, wanted.organiser_id)
        terms, rule = terms_of(wanted, now_ms, organiser_id), parts.options.placement
        placement = rule.placement(wanted.placement, persons_of(terms), wanted.expected_crowd)
        owner = rule.owner(restaurant_id, placement)
        command = CreateRestaurant(restaurant_id, terms, Stage(wanted.status))
        answer = await parts.gateway.create(command, owner, key_of(request, body))
        parts.metrics.commanded(CreateRestaurant, answer)
        if isinstance(answer, Rejected):
            return refusal(answer)
        assert isinstance(answer, RestaurantReply)
        return _restaurant(answer, 201, f"Location: /api/v1/restaurants/{answer.id}\r\n".encode())

    async def show(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Show a restaurant; to operators with its placement."""
        found = await visible_restaurant(self._parts, request, restaurant_text)
        operator = caller_of(request).is_admin
        owner = await self._parts.gateway.owner_of(found.id) if operator else None
        return _restaurant(found, placement=placement_of(owner) if owner is not None else UNSET)

    async def list_all(self, request: web.BaseRequest) -> Reply:
        """List restaurants: those that fit, by name or by when they were made."""
        query = parse_query(request, RestaurantsQuery)
        wanted = _wanted(query, everything=sees_everything(request, query.organiser_id))
        after = place_of(query.cursor, wanted)
        page = await self._parts.reads.restaurants(wanted, after, query.limit)
        shown = [views.restaurant_view(one.restaurant) for one in page.found]
        return page_reply(request, shown, wanted, page.further)

    async def change(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Change a restaurant, in one command: all of it or nothing."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _PATCH.parse(request, body)
        present = await found_restaurant(parts, restaurant_text)
        change = change_of(wanted, present.terms, parts.reads.now_ms())
        version = version_of(wanted_versions(request), present.version)
        command = ChangeRestaurant(change, version, wanted.move)
        return self._shown(command, await parts.gateway.ask(present.id, command))

    async def remove(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Delete a restaurant that has no live reservations.

        Those that have ended can still be read by who holds them.
        """
        parts = self._parts
        present = await found_restaurant(parts, restaurant_text)
        command = DeleteRestaurant(version_of(wanted_versions(request), present.version))
        answer = await parts.gateway.ask(present.id, command)
        shown = self._shown(command, answer)
        if isinstance(answer, Rejected):
            return shown
        await parts.images.remove(present.id)
        return Reply(204, content_type="")

    async def pause(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Take no new reservations from here on; those that are, are kept."""
        return await self._switch(request, restaurant_text, PauseSale())

    async def resume(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Take reservations again."""
        return await self._switch(request, restaurant_text, ResumeSale())

    async def publish(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Let a draft take reservations, or what was closed again."""
        return await self._switch(request, restaurant_text, PublishRestaurant())

    async def close(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Take no new reservations; those that are may still be confirmed."""
        return await self._switch(request, restaurant_text, CloseRestaurant())

    async def cancel(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Cancel a restaurant for good, and with it all that is held, confirmed or seated."""
        return await self._switch(request, restaurant_text, CancelRestaurant())

    async def search(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Show the free times of a day for a party, as their owner knows them."""
        parts = self._parts
        restaurant_id = restaurant_id_of(restaurant_text)
        query = parse_query(request, SearchQuery)
        command = SearchTables(
            views.day_of(query.date),
            query.party_size,
            views.minute_of(query.earliest),
            views.minute_of(query.latest),
            tuple(query.traits.split(",")) if query.traits else (),
            views.minute_of(query.time) if query.time else None,
            not await parts.belongings.takes_charge(request, restaurant_id),
        )
        answer = await parts.gateway.ask(restaurant_id, command)
        parts.metrics.commanded(SearchTables, answer)
        if isinstance(answer, Rejected):
            return refusal(answer, "restaurant")
        assert isinstance(answer, FreeTimes)
        return Reply(200, encode(views.search_view(restaurant_id, answer)))

    async def _switch(self, request: web.BaseRequest, restaurant_text: str, command: _Switch) -> Reply:
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        if body:
            _NOTHING.parse(request, body)
        key = key_of(request, body)
        present = await found_restaurant(parts, restaurant_text)  # an event is paused by another path
        return self._shown(command, await parts.gateway.ask(present.id, command, key))

    def _shown(self, command: Command, answer: Answer) -> Reply:
        self._parts.metrics.commanded(type(command), answer)
        if isinstance(answer, Rejected):
            return refusal(answer)
        assert isinstance(answer, RestaurantReply)
        return _restaurant(answer)


async def found_restaurant(parts: Parts, restaurant_text: str) -> RestaurantReply:
    """The restaurant of that id, as it is stored."""
    found = await parts.reads.restaurant(restaurant_id_of(restaurant_text))
    if found is None:
        raise not_found("restaurant")
    return found


async def visible_restaurant(parts: Parts, request: web.BaseRequest, restaurant_text: str) -> RestaurantReply:
    """The same, if whoever asks may see it."""
    found = await found_restaurant(parts, restaurant_text)
    if found.stage is Stage.DRAFT and not caller_of(request).organises(found.terms.organiser_id):
        raise not_found("restaurant")
    return found


def restaurant_id_of(restaurant_text: str) -> str:
    restaurant_id = parse_event_id(restaurant_text)
    if restaurant_id is None:
        raise not_found("restaurant")
    return restaurant_id


def _restaurant(
    reply: RestaurantReply, status: int = 200, lines: bytes = b"", placement: Placement | UnsetType = UNSET
) -> Reply:
    body = encode(views.restaurant_view(reply, placement))
    return Reply(status, body, b'ETag: "%d"\r\n%b' % (reply.version, lines))


def _wanted(query: RestaurantsQuery, everything: bool) -> WantedRestaurants:
    return WantedRestaurants(
        words(query.q),
        words(query.city),
        _day("open_on", query.open_on) if query.open_on else None,
        query.status or None,
        everything,
        query.sort,
        query.organiser_id or None,
        _party_wish(query),
    )


def _party_wish(query: RestaurantsQuery) -> PartyWish | None:
    """A table for a party: of a day, and within times of it where these are given."""
    if not (query.free_on and query.party_size):
        for name in ("free_on", "party_size", "earliest", "latest"):
            if getattr(query, name) is not UNSET:
                raise invalid(name, "free_on and party_size go together, earliest and latest with them.")
        return None
    earliest, latest = query.earliest or DAY_BEGINS, query.latest or DAY_ENDS
    times = views.minute_of(earliest), views.minute_of(latest)
    return PartyWish(_day("free_on", query.free_on), query.party_size, *times)


def _day(name: str, date: dt.date) -> int:
    day = views.day_of(date)
    if not DAY_MIN <= day <= DAY_MAX:
        raise invalid(name, "From 1970-01-01 to 9998-12-31.")
    return day
