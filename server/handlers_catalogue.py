"""The catalogue: the list of events, what they have sold, and their reservations as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from aiohttp import web
from msgspec import UnsetType

from domain.catalogue import Wanted
from server import views, views_catalogue
from server.csv_export import CSV, reservations_csv
from server.ids import parse_event_id
from server.lists import page_reply, place_of, sees_everything, words
from server.paging import parse_query
from server.parts import Parts
from server.payloads_catalogue import EventsQuery, RankingQuery, StatisticsQuery
from server.problems import Problem, not_found
from server.replies import Reply
from server.streaming import begun
from server.times import to_ms

EXPORTS_MAX = 8
"""Exports that a front end sends at once."""


class CatalogueHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._exports = 0

    async def events(self, request: web.BaseRequest) -> Reply:
        """List events: those that fit, in any of a few orders."""
        query = parse_query(request, EventsQuery)
        wanted = _wanted(query, everything=sees_everything(request, query.organiser_id))
        after = place_of(query.cursor, wanted)
        found = await self._parts.reads.events(wanted, after, query.limit + 1)
        shown = found[: query.limit]
        last = shown[-1].place if len(found) > query.limit else None
        return page_reply(request, [views.event_view(one.event) for one in shown], wanted, last)

    async def ranking(self, request: web.BaseRequest) -> Reply:
        """Show the first five events by sales, by revenue, and by speed of sale."""
        window_s = parse_query(request, RankingQuery).window_s
        reads = self._parts.reads
        found = await reads.ranking(reads.now_ms() - window_s * 1000)
        return Reply(200, views_catalogue.ranking(found, window_s))

    async def statistics(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Show what an event has sold: by ticket type, and over time."""
        query = parse_query(request, StatisticsQuery)
        reads, width_ms = self._parts.reads, views_catalogue.WIDTHS_MS[query.bucket]
        first = reads.now_ms() // width_ms - query.buckets + 1
        event_id = parse_event_id(event_text)
        found = await reads.sales(event_id, first * width_ms, width_ms) if event_id else None
        if found is None:
            raise not_found("event")
        return Reply(200, views_catalogue.event_sales(found, query, first))

    async def export(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Send an event's reservations as CSV: one record for each of their lines."""
        event_id = parse_event_id(event_text)
        if event_id is None or await self._parts.reads.event(event_id) is None:
            raise not_found("event")
        if self._exports >= EXPORTS_MAX:
            raise Problem("overloaded", f"{EXPORTS_MAX} exports are under way.")
        name = f'Content-Disposition: attachment; filename="reservations-{event_id}.csv"\r\n'
        return await begun(self._counted(event_id), CSV, f"{name}Cache-Control: no-store\r\n".encode())

    async def _counted(self, event_id: str) -> AsyncIterator[bytes]:
        self._exports += 1
        try:
            async for piece in reservations_csv(self._parts.reads, event_id):
                yield piece
        finally:
            self._exports -= 1


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
