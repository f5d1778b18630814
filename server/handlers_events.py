"""Events: make, show, change, pause, publish, close and cancel, and what is available of them.

Drafts are there for operators and their organisers only; to everybody else there is no such event.
"""

from __future__ import annotations

from aiohttp import web
from msgspec import UNSET, UnsetType

from domain.event_messages import (
    CancelEvent,
    ChangeEvent,
    CloseEvent,
    CreateEvent,
    DeleteEvent,
    EventReply,
    PauseSale,
    PublishEvent,
    ResumeSale,
    Stage,
)
from domain.kinds import Command
from domain.kinds import Reply as Answer
from domain.messages import Rejected
from domain.views import Availability
from server import views
from server.belongings import check_wishes
from server.bodies import Payload, read_body
from server.callers import caller_of
from server.entity_tags import IF_NONE_MATCH, matches, versions
from server.event_version import if_event_version
from server.ids import parse_event_id, uuid7
from server.keys import key_of
from server.parts import Parts
from server.payloads import EventPatch, NewEvent, Nothing
from server.placement import Placement, capacity_of, placement_of
from server.problems import not_found, refusal
from server.replies import Reply
from server.seating import seating_of
from server.terms import change_of, terms_of

AVAILABILITIES_KEPT_MAX = 1024
_NEW = Payload(NewEvent)
_PATCH = Payload(EventPatch)
_NOTHING = Payload(Nothing)
_Switch = PauseSale | ResumeSale | PublishEvent | CloseEvent | CancelEvent
"""Commands that are all said by their path."""


class EventHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._rendered: dict[str, tuple[Availability, bytes]] = {}

    async def create(self, request: web.BaseRequest) -> Reply:
        """Make an event."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _NEW.parse(request, body)
        check_wishes(request, wanted.placement, wanted.expected_crowd)
        organiser_id = await parts.belongings.for_whom(request, wanted.organiser_id)
        seating = None
        if wanted.seating is not None:
            await parts.belongings.check_venue(request, wanted.seating.venue_id)
            seating = await seating_of(wanted.seating, parts.reads)
        terms = terms_of(wanted, parts.options.hold_extensions_max, seating, organiser_id)
        event_id = uuid7(parts.reads.now_ms())
        capacity = capacity_of(terms, seating[1] if seating is not None else {})
        placement = parts.options.placement.placement(wanted.placement, capacity, wanted.expected_crowd)
        owner = parts.options.placement.owner(event_id, placement)
        answer = await parts.gateway.create(
            CreateEvent(event_id, terms, Stage(wanted.status)), owner, key_of(request, body)
        )
        parts.metrics.commanded(CreateEvent, answer)
        if isinstance(answer, Rejected):
            return refusal(answer)
        assert isinstance(answer, EventReply)
        return _event(answer, 201, f"Location: /api/v1/events/{answer.id}\r\n".encode())

    async def show(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Show an event; to operators with its placement."""
        found = await self._visible(request, event_text)
        operator = caller_of(request).is_admin
        owner = await self._parts.gateway.owner_of(found.id) if operator else None
        return _event(found, placement=placement_of(owner) if owner is not None else UNSET)

    async def change(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Change an event, in one command: all of it or nothing."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _PATCH.parse(request, body)
        event_id = _event_id(event_text)
        priced = any(kind.price for kind in wanted.ticket_types)
        currency = (await self._found(event_text)).terms.currency if priced else ""
        if_version = await if_event_version(parts, request, event_id)
        command = ChangeEvent(change_of(wanted, currency), if_version)
        return self._shown(command, await parts.gateway.ask(event_id, command))

    async def remove(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Delete an event that has no live reservations.

        Those that have ended can still be read by who holds them.
        """
        event_id = _event_id(event_text)
        command = DeleteEvent(await if_event_version(self._parts, request, event_id))
        answer = await self._parts.gateway.ask(event_id, command)
        shown = self._shown(command, answer)
        return shown if isinstance(answer, Rejected) else Reply(204, content_type="")

    async def pause(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Take no new holds from here on; those that are, are kept."""
        return await self._switch(request, event_text, PauseSale())

    async def resume(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Sell again."""
        return await self._switch(request, event_text, ResumeSale())

    async def publish(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Put a draft on sale, or what was closed again."""
        return await self._switch(request, event_text, PublishEvent())

    async def close(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Take no new holds; those that are may still be confirmed."""
        return await self._switch(request, event_text, CloseEvent())

    async def cancel(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Cancel an event for good, and with it all that is held or confirmed."""
        return await self._switch(request, event_text, CancelEvent())

    async def ticket_type(self, request: web.BaseRequest, event_text: str, code: str) -> Reply:
        """Show a ticket type."""
        for kind in views.ticket_type_views(await self._visible(request, event_text)):
            if kind.code == code:
                return Reply(200, views.encode(kind))
        raise not_found("ticket type")

    async def availability(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Show what is available, at most some seconds old.

        Asked a hundred times for each sale: what was rendered for a copy serves as long as the copy.
        """
        parts = self._parts
        event_id = parse_event_id(event_text)
        seen = request.headers.get(IF_NONE_MATCH)
        at_least = max(versions(seen), default=0) if seen else 0
        found = await parts.reads.availability(event_id, at_least) if event_id else None
        if found is None or (found.draft and not await parts.belongings.takes_charge(request, event_id)):
            raise not_found("event")
        parts.metrics.availability_age_ms = max(0, parts.reads.now_ms() - found.at_ms)
        tag = b'ETag: "%d"\r\nCache-Control: no-cache\r\n' % found.sequence
        if matches(seen, str(found.sequence)):
            return Reply(304, b"", tag, content_type="")
        return Reply(200, self._render(found), tag)

    def _render(self, found: Availability) -> bytes:
        kept = self._rendered.get(found.event_id)
        if kept is not None and kept[0] is found:
            return kept[1]
        if len(self._rendered) >= AVAILABILITIES_KEPT_MAX:
            self._rendered.clear()
        body = views.availability(found)
        self._rendered[found.event_id] = (found, body)
        return body

    async def _switch(self, request: web.BaseRequest, event_text: str, command: _Switch) -> Reply:
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        if body:
            _NOTHING.parse(request, body)
        key = key_of(request, body)
        return self._shown(command, await parts.gateway.ask(_event_id(event_text), command, key))

    async def _visible(self, request: web.BaseRequest, event_text: str) -> EventReply:
        """The event, if whoever asks may see it."""
        found = await self._found(event_text)
        if found.stage is Stage.DRAFT and not caller_of(request).organises(found.terms.organiser_id):
            raise not_found("event")
        return found

    async def _found(self, event_text: str) -> EventReply:
        found = await self._parts.reads.event(_event_id(event_text))
        if found is None:
            raise not_found("event")
        return found

    def _shown(self, command: Command, answer: Answer) -> Reply:
        self._parts.metrics.commanded(type(command), answer)
        if isinstance(answer, Rejected):
            return refusal(answer)
        assert isinstance(answer, EventReply)
        return _event(answer)


def _event(
    reply: EventReply, status: int = 200, lines: bytes = b"", placement: Placement | UnsetType = UNSET
) -> Reply:
    body = views.encode(views.event_view(reply, placement))
    return Reply(status, body, b'ETag: "%d"\r\n%b' % (reply.version, lines))


def _event_id(event_text: str) -> str:
    event_id = parse_event_id(event_text)
    if event_id is None:
        raise not_found("event")
    return event_id
