"""Venues: make, show, list, change, remove; and the plan of their seats, for a map."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web
from multidict import istr

from domain.messages import Rejected
from domain.venue import NumberedPlan, Venue, VenueChange, numbered
from server import views
from server.bodies import Payload, read_body
from server.entity_tags import matches, named
from server.ids import parse_id, uuid7
from server.keys import key_of
from server.paging import cursor_of, parse_query, sort_key_of
from server.parts import Parts
from server.payloads import PageQuery
from server.payloads_venues import VENUE_BODY_MAX_BYTES, NewPlan, NewVenue, VenuePatch
from server.plans import plan_of
from server.problems import Problem, invalid, not_found, refusal
from server.replies import Reply
from server.views_venues import plan_body, venue_view

IF_MATCH = istr("If-Match")
IF_NONE_MATCH = istr("If-None-Match")
PLAN_BODIES_KEPT_MAX = 8
"""Of a stadium some megabytes each."""
_NEW = Payload(NewVenue)
_PATCH = Payload(VenuePatch)


class VenueHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._plan_bodies: dict[str, bytes] = {}
        self._rendering = asyncio.Lock()

    async def create(self, request: web.BaseRequest) -> Reply:
        """Make a venue, with its seats or without."""
        parts = self._parts
        body = await read_body(request, VENUE_BODY_MAX_BYTES)
        wanted = _NEW.parse(request, body)
        key = key_of(request, body)
        now_ms = parts.reads.now_ms()
        plan = None if wanted.plan is None else await asyncio.to_thread(_plan, wanted.plan, uuid7(now_ms))
        said = None if plan is None else plan.said
        organiser_id = await parts.belongings.for_whom(request, wanted.organiser_id)
        said_of_it = (wanted.name, wanted.city, wanted.address)
        venue = Venue(uuid7(now_ms), 1, now_ms, *said_of_it, said, organiser_id)
        made = await parts.venues.create(venue, plan, (key.request_id, key.fingerprint) if key else None)
        if isinstance(made, Rejected):
            return refusal(made)
        return _shown(made, 201, f"Location: /api/v1/venues/{made.id}\r\n".encode())

    async def show(self, _request: web.BaseRequest, venue_text: str) -> Reply:
        """Show a venue."""
        return _shown(await self._found(venue_text))

    async def list_all(self, request: web.BaseRequest) -> Reply:
        """List venues, the oldest first."""
        query = parse_query(request, PageQuery)
        after = sort_key_of(query.cursor, str)
        if after is not None and parse_id(after) is None:
            raise invalid("cursor", "Not a cursor of this list.")
        found = await self._parts.venues.venues(after, query.limit + 1)
        shown = found[: query.limit]
        following = cursor_of(shown[-1].id) if len(found) > query.limit else None
        return Reply(200, views.page([venue_view(venue) for venue in shown], following))

    async def plan(self, request: web.BaseRequest, venue_text: str) -> Reply:
        """Show all seats of a venue, for a map. Large, and the same until the plan's number changes."""
        venue = await self._found(venue_text)
        if venue.plan is None:
            raise not_found("plan")
        tag = str(venue.plan.number)
        lines = f'ETag: "{tag}"\r\nCache-Control: no-cache\r\n'.encode()
        if matches(request.headers.get(IF_NONE_MATCH), tag):
            return Reply(304, b"", lines, content_type="")
        return Reply(200, await self._plan_body(venue), lines)

    async def change(self, request: web.BaseRequest, venue_text: str) -> Reply:
        """Change a venue: all of it or nothing. Events keep the plan that they were made with."""
        parts = self._parts
        body = await read_body(request, VENUE_BODY_MAX_BYTES)
        wanted = _PATCH.parse(request, body)
        venue_id = _venue_id(venue_text)
        now_ms = parts.reads.now_ms()
        if_version = await self._if_version(request, venue_id)
        change = VenueChange(wanted.name, wanted.city, wanted.address)
        if isinstance(wanted.plan, NewPlan):
            plan = await asyncio.to_thread(_plan, wanted.plan, uuid7(now_ms))
            change = msgspec.structs.replace(change, plan=plan)
        changed = await parts.venues.change(venue_id, change, if_version, now_ms)
        return refusal(changed) if isinstance(changed, Rejected) else _shown(changed)

    async def remove(self, request: web.BaseRequest, venue_text: str) -> Reply:
        """Remove a venue that no coming event has seats of."""
        parts = self._parts
        venue_id = _venue_id(venue_text)
        if_version = await self._if_version(request, venue_id)
        refused = await parts.venues.remove(venue_id, if_version, parts.reads.now_ms())
        return refusal(refused) if refused is not None else Reply(204, content_type="")

    async def _plan_body(self, venue: Venue) -> bytes:
        """Rendered once for each plan, whoever asks for it meanwhile."""
        assert venue.plan is not None
        kept = self._plan_bodies
        async with self._rendering:
            if venue.plan.id not in kept:
                plan = await self._parts.venues.plan(venue.plan.id)
                assert plan is not None
                if len(kept) >= PLAN_BODIES_KEPT_MAX:
                    del kept[next(iter(kept))]
                kept[venue.plan.id] = await asyncio.to_thread(plan_body, venue.id, venue.plan, plan)
            return kept[venue.plan.id]

    async def _found(self, venue_text: str) -> Venue:
        found = await self._parts.venues.venue(_venue_id(venue_text))
        if found is None:
            raise not_found("venue")
        return found

    async def _if_version(self, request: web.BaseRequest, venue_id: str) -> int | None:
        """The version that If-Match names; of several, the present one if it is among them."""
        given = request.headers.get(IF_MATCH)
        if given is None or given.strip() == "*":
            return None
        present = (await self._found(venue_id)).version
        if str(present) not in named(given):
            raise Problem("stale", "The venue has changed meanwhile.", version=present)
        return present


def _shown(venue: Venue, status: int = 200, lines: bytes = b"") -> Reply:
    return Reply(status, views.encode(venue_view(venue)), b'ETag: "%d"\r\n%b' % (venue.version, lines))


def _plan(wanted: NewPlan, plan_id: str) -> NumberedPlan:
    return numbered(plan_of(wanted), plan_id)


def _venue_id(venue_text: str) -> str:
    venue_id = parse_id(venue_text)
    if venue_id is None:
        raise not_found("venue")
    return venue_id
