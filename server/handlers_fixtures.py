"""A season's events: made from a list in one request, and what one has copied to another.

Each event of a list is an inventory of its own, made by a command of its own, so each is made or refused by
itself, in the list's order, and the answer says of each which. The list is checked as a whole first. With an
Idempotency-Key each event has a key made of it and of the event's place in the list: after a crash or an
outage the same request makes what is missing, and nothing twice.

All of them belong to whom the venue belongs to.

An event that gets blocked seats is a draft until it has them: nobody can buy one of them meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib

import msgspec
from aiohttp import web

from actors.gateway import Key
from domain.event_messages import (
    Copied,
    CopyFromEvent,
    CreateEvent,
    EventCommand,
    EventReply,
    PublishEvent,
    Stage,
    Terms,
)
from domain.event_operator import COPY_MAX_SEATS
from domain.kinds import Reply as Answer
from domain.messages import Code, Rejected
from domain.venue import Venue
from server import views
from server.belongings import check_wishes
from server.bodies import Payload, read_body
from server.callers import caller_of
from server.event_version import if_event_version
from server.fixtures import Common, common_of_event, common_of_template, terms_at
from server.ids import parse_event_id, parse_id, uuid7
from server.keys import key_of
from server.parts import Parts
from server.payloads import CopyFrom
from server.payloads_fixtures import FIXTURES_BODY_MAX_BYTES, NewFixture, NewFixtures
from server.placement import Placement
from server.problems import Problem, invalid, not_found, problem_body, refusal
from server.replies import Reply
from server.views_fixtures import FixturesView, FixtureView

FIXTURES_MAX_S = 30.0
"""After so long no more events of a list are begun."""
_NEW = Payload(NewFixtures)
_COPY = Payload(CopyFrom)
_NOT_TRIED = Rejected(
    Code.OVERLOADED, "Not tried, because of those before it: nothing happened.", {"retry_after_s": 1}
)
_OUTAGES = (Code.OVERLOADED, Code.UNAVAILABLE)
_encode = msgspec.json.Encoder().encode


class FixtureHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def make(self, request: web.BaseRequest, venue_text: str) -> Reply:
        """Make events in a venue from a list; each is made or refused by itself, in the list's order."""
        parts = self._parts
        body = await read_body(request, FIXTURES_BODY_MAX_BYTES)
        wanted = _NEW.parse(request, body)
        check_wishes(request, wanted.placement, wanted.expected_crowd)
        key = key_of(request, body)
        venue = await self._venue(venue_text)
        common, blocked = await self._common(request, wanted, venue)
        fixtures = [
            (fixture, terms_at(position, fixture, common.terms))
            for position, fixture in enumerate(wanted.fixtures)
        ]
        rule = parts.options.placement
        placement = rule.placement(wanted.placement, common.capacity, wanted.expected_crowd)
        season = _Season(parts, wanted, placement, blocked, key)
        items = await season.make(fixtures)
        made = sum(item.problem is None for item in items)
        return Reply(200, views.encode(FixturesView(venue.id, made, len(items) - made, items)))

    async def copy(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Take over another event's prices and blocked seats: all of it or nothing."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _COPY.parse(request, body)
        key = key_of(request, body)
        event_id = parse_event_id(event_text)
        if event_id is None:
            raise not_found("event")
        if not (wanted.prices or wanted.blocks):
            raise invalid("prices", "One of prices and blocks.")
        if_version = await if_event_version(parts, request, event_id)
        command = CopyFromEvent(await self._copied(request, wanted), if_version)
        answer = await parts.gateway.ask(event_id, command, key)
        parts.metrics.commanded(CopyFromEvent, answer)
        if isinstance(answer, Rejected):
            return refusal(answer)
        assert isinstance(answer, EventReply)
        return Reply(200, views.encode(views.event_view(answer)), b'ETag: "%d"\r\n' % answer.version)

    async def _copied(self, request: web.BaseRequest, wanted: CopyFrom) -> Copied | None:
        """None where there is no such event: the owner says so, unless it has a reply to repeat."""
        source = await self._source(request, wanted.event_id)
        if source is None:
            return None
        terms = source.terms
        blocked = await self._parts.reads.blocked_seats(source.id) if wanted.blocks else ()
        if not wanted.prices:
            return Copied(terms.currency, blocked=blocked)
        overrides = None if terms.seating is None else terms.seating.overrides
        return Copied(terms.currency, terms.ticket_types, overrides, blocked)

    async def _source(self, request: web.BaseRequest, event_text: str | None) -> EventReply | None:
        """The event to copy from, if it is the caller's."""
        event_id = parse_id(event_text or "")
        found = await self._parts.reads.event(event_id) if event_id is not None else None
        if found is None or not caller_of(request).organises(found.terms.organiser_id):
            return None
        return found

    async def _venue(self, venue_text: str) -> Venue:
        venue_id = parse_id(venue_text)
        venue = await self._parts.venues.venue(venue_id) if venue_id is not None else None
        if venue is None:
            raise not_found("venue")
        return venue

    async def _common(
        self, request: web.BaseRequest, wanted: NewFixtures, venue: Venue
    ) -> tuple[Common, tuple[str, ...]]:
        """What all have in common, and which seats are blocked at each."""
        parts = self._parts
        if (wanted.template is None) == (wanted.copy_from is None):
            raise invalid("template", "One of template and copy_from.")
        if venue.plan is None:
            raise invalid("venue_id", "The venue has no plan of seats.")
        if wanted.template is not None:
            extensions = parts.options.hold_extensions_max
            return await common_of_template(wanted.template, venue, extensions, parts.reads), ()
        source = await self._source(request, wanted.copy_from)
        if source is None:
            raise invalid("copy_from", "There is no such event.")
        common = await common_of_event(source.terms, venue, parts.reads)
        blocked = await parts.reads.blocked_seats(source.id) if wanted.blocks else ()
        if blocked:
            _check_blocked(blocked, source.terms, common.terms)
        return common, blocked


def _check_blocked(blocked: tuple[str, ...], source: Terms, common: Terms) -> None:
    assert source.seating is not None
    assert common.seating is not None
    if source.seating.plan_id != common.seating.plan_id:
        raise invalid("blocks", "Its blocked seats are of another plan than the venue's present one.")
    if len(blocked) > COPY_MAX_SEATS:
        detail = f"At most {COPY_MAX_SEATS} blocked seats are copied."
        raise Problem("limit_exceeded", detail, limit=COPY_MAX_SEATS, requested=len(blocked))


class _Season:
    """The making of one list."""

    def __init__(
        self,
        parts: Parts,
        wanted: NewFixtures,
        placement: Placement,
        blocked: tuple[str, ...],
        key: Key | None,
    ) -> None:
        self._parts = parts
        self._wanted = wanted
        self._placement = placement
        self._blocked = blocked
        self._key = key
        self._said = _encode(msgspec.structs.replace(wanted, fixtures=()))

    async def make(self, fixtures: list[tuple[NewFixture, Terms]]) -> list[FixtureView]:
        """After an outage, or when time is up, the rest is not tried."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + FIXTURES_MAX_S
        items: list[FixtureView] = []
        out = False
        for position, (fixture, terms) in enumerate(fixtures):
            out = out or loop.time() > until_s
            event_id, refused = (None, _NOT_TRIED) if out else await self._one(position, fixture, terms)
            out = out or (refused is not None and refused.code in _OUTAGES)
            problem = None if refused is None else problem_body(refused)
            items.append(FixtureView(position, fixture.name, event_id, problem))
        return items

    async def _one(
        self, position: int, fixture: NewFixture, terms: Terms
    ) -> tuple[str | None, Rejected | None]:
        """The event's id, once it is made, and why it is not, or not as was asked for."""
        parts, wanted = self._parts, self._wanted
        keys = _Keys(self._key, position, self._said + _encode(fixture))
        event_id = uuid7(parts.reads.now_ms())
        owner = parts.options.placement.owner(event_id, self._placement)
        stage = Stage.DRAFT if self._blocked else Stage(wanted.status)
        answer = await parts.gateway.create(CreateEvent(event_id, terms, stage), owner, keys.of("create"))
        parts.metrics.commanded(CreateEvent, answer)
        if isinstance(answer, Rejected):
            return None, answer
        assert isinstance(answer, EventReply)
        following: list[EventCommand] = []
        if self._blocked:
            following.append(CopyFromEvent(Copied(terms.currency, blocked=self._blocked)))
            following += [PublishEvent()] if wanted.status == "published" else []
        for command in following:
            said = await self._ask(answer.id, command, keys.of(type(command).__name__))
            if isinstance(said, Rejected):
                return answer.id, said
        return answer.id, None

    async def _ask(self, event_id: str, command: EventCommand, key: Key | None) -> Answer:
        answer = await self._parts.gateway.ask(event_id, command, key)
        self._parts.metrics.commanded(type(command), answer)
        return answer


class _Keys:
    """One event's keys: of the request's key, the event's place in the list, and what is done; they belong to
    what was said of this event and of all, so another entry of the list may be mended under the same key."""

    def __init__(self, key: Key | None, position: int, said: bytes) -> None:
        self._key = key
        self._place = b"%d\0" % position
        self._fingerprint = _digest(said)

    def of(self, what: str) -> Key | None:
        if self._key is None:
            return None
        return Key(_digest(self._key.request_id + self._place + what.encode()), self._fingerprint)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
