"""Restaurants: make, show, list, change, pause and resume; and which times are free at their tables."""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web
from msgspec import UNSET, UnsetType

from domain.event_messages import PauseSale, ResumeSale
from domain.kinds import Command
from domain.kinds import Reply as Answer
from domain.messages import Rejected
from domain.restaurant_messages import (
    ChangeRestaurant,
    CreateRestaurant,
    FreeTimes,
    RestaurantReply,
    SearchTables,
)
from server import views_restaurants as views
from server.bodies import Payload, read_body
from server.entity_tags import version_of, wanted_versions
from server.ids import parse_event_id, parse_id, uuid7
from server.keys import key_of
from server.paging import cursor_of, parse_query, sort_key_of
from server.parts import Parts
from server.payloads import Nothing, PageQuery
from server.payloads_restaurants import NewRestaurant, RestaurantPatch, SearchQuery
from server.placement import Placement, persons_of, placement_of
from server.problems import invalid, not_found, refusal
from server.replies import Reply
from server.terms_restaurants import change_of, terms_of
from server.views import encode, page

_NEW = Payload(NewRestaurant)
_PATCH = Payload(RestaurantPatch)
_NOTHING = Payload(Nothing)


class _Place(NamedTuple):
    """Where a page of restaurants ended."""

    name: str
    id: str


class RestaurantHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def create(self, request: web.BaseRequest) -> Reply:
        """Make a restaurant with its tables."""
        parts = self._parts
        parts.access.require_operator(request)
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _NEW.parse(request, body)
        now_ms = parts.reads.now_ms()
        restaurant_id = uuid7(now_ms)
        terms, rule = terms_of(wanted, now_ms), parts.options.placement
        placement = rule.placement(wanted.placement, persons_of(terms), wanted.expected_crowd)
        owner = rule.owner(restaurant_id, placement)
        command = CreateRestaurant(restaurant_id, terms)
        answer = await parts.gateway.create(command, owner, key_of(request, body, operator=True))
        parts.metrics.commanded(CreateRestaurant, answer)
        if isinstance(answer, Rejected):
            return refusal(answer)
        assert isinstance(answer, RestaurantReply)
        return _restaurant(answer, 201, f"Location: /api/v1/restaurants/{answer.id}\r\n".encode())

    async def show(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Show a restaurant; to operators with its placement."""
        found = await found_restaurant(self._parts, restaurant_text)
        operator = self._parts.access.sees_all(request)
        owner = await self._parts.gateway.owner_of(found.id) if operator else None
        return _restaurant(found, placement=placement_of(owner) if owner is not None else UNSET)

    async def list_all(self, request: web.BaseRequest) -> Reply:
        """List restaurants by name, then id."""
        query = parse_query(request, PageQuery)
        after = sort_key_of(query.cursor, _Place)
        if after is not None and (parse_id(after.id) is None or "\0" in after.name):
            raise invalid("cursor", "Not a cursor of this list.")
        found = await self._parts.reads.restaurants(after, query.limit + 1)
        shown = found[: query.limit]
        last = shown[-1] if len(found) > query.limit else None
        following = cursor_of((last.terms.name, last.id)) if last else None
        return Reply(200, page([views.restaurant_view(one) for one in shown], following))

    async def change(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Change a restaurant, in one command: all of it or nothing."""
        parts = self._parts
        parts.access.require_operator(request)
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _PATCH.parse(request, body)
        present = await found_restaurant(parts, restaurant_text)
        change = change_of(wanted, present.terms, parts.reads.now_ms())
        version = version_of(wanted_versions(request), present.version)
        command = ChangeRestaurant(change, version, wanted.move)
        return self._shown(command, await parts.gateway.ask(present.id, command))

    async def pause(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Take no new reservations from here on; those that are, are kept."""
        return await self._switch(request, restaurant_text, PauseSale())

    async def resume(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Take reservations again."""
        return await self._switch(request, restaurant_text, ResumeSale())

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
        )
        answer = await parts.gateway.ask(restaurant_id, command)
        parts.metrics.commanded(SearchTables, answer)
        if isinstance(answer, Rejected):
            return refusal(answer)
        assert isinstance(answer, FreeTimes)
        return Reply(200, encode(views.search_view(restaurant_id, answer)))

    async def _switch(
        self, request: web.BaseRequest, restaurant_text: str, command: PauseSale | ResumeSale
    ) -> Reply:
        parts = self._parts
        parts.access.require_operator(request)
        body = await read_body(request, parts.options.body_max_bytes)
        if body:
            _NOTHING.parse(request, body)
        key = key_of(request, body, operator=True)
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
