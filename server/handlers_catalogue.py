"""The catalogue: the list of events."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from msgspec import UnsetType

from domain.catalogue import Wanted
from server import views
from server.lists import page_reply, place_of, sees_everything, words
from server.paging import parse_query
from server.parts import Parts
from server.payloads_catalogue import EventsQuery
from server.replies import Reply
from server.times import to_ms


class CatalogueHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def events(self, request: web.BaseRequest) -> Reply:
        """List events: those that fit, in any of a few orders."""
        query = parse_query(request, EventsQuery)
        wanted = _wanted(query, everything=sees_everything(request, query.organiser_id))
        after = place_of(query.cursor, wanted)
        found = await self._parts.reads.events(wanted, after, query.limit + 1)
        shown = found[: query.limit]
        last = shown[-1].place if len(found) > query.limit else None
        return page_reply(request, [views.event_view(one.event) for one in shown], wanted, last)


def _wanted(query: EventsQuery, everything: bool) -> Wanted:
    return Wanted(
        words(query.q),
        words(query.venue),
        words(query.city),
        _ms(query.starts_from),
        _ms(query.starts_until),
        None if isinstance(query.available, UnsetType) else query.available,
        query.status or None,
        everything,
        query.sort,
        query.kind or None,
        query.organiser_id or None,
    )


def _ms(moment: datetime | UnsetType) -> int | None:
    return None if isinstance(moment, UnsetType) else to_ms(moment)
