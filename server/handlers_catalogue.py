"""The catalogue: the list of events, what they have sold, and their reservations as a file."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, NamedTuple

from aiohttp import web
from msgspec import Meta, UnsetType

from domain.catalogue import Place, Wanted, Words, words_of
from server import views, views_catalogue
from server.csv_export import CSV, reservations_csv
from server.entity_tags import IF_NONE_MATCH, matches, tag_of
from server.ids import parse_event_id, parse_id
from server.paging import cursor_of, parse_query, sort_key_of
from server.parts import Parts
from server.payloads_catalogue import EventsQuery, RankingQuery, StatisticsQuery
from server.problems import Problem, invalid, not_found
from server.replies import Reply
from server.streaming import begun
from server.times import to_ms

EXPORTS_MAX = 8
"""Exports that a front end sends at once."""
_FINGERPRINT_BYTES = 8


class _Cursor(NamedTuple):
    """Where a page ended, and of which list. Anybody can write one, and PostgreSQL counts no further."""

    of: bytes
    key: Annotated[int, Meta(le=2**63 - 1)] | str
    id: str


class CatalogueHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._exports = 0

    async def events(self, request: web.BaseRequest) -> Reply:
        """List events: those that fit, in any of a few orders."""
        query = parse_query(request, EventsQuery)
        wanted = _wanted(query, everything=self._parts.access.sees_all(request))
        fingerprint = fingerprint_of(wanted)
        after = _place(sort_key_of(query.cursor, _Cursor), wanted, fingerprint)
        found = await self._parts.reads.events(wanted, after, query.limit + 1)
        shown = found[: query.limit]
        last = shown[-1].place if len(found) > query.limit else None
        following = cursor_of((fingerprint, last.key, last.id)) if last else None
        body = views.page([views.event_view(one.event) for one in shown], following)
        tag = tag_of(body)
        lines = f'ETag: "{tag}"\r\nCache-Control: no-cache\r\n'.encode()
        if matches(request.headers.get(IF_NONE_MATCH), tag):
            return Reply(304, b"", lines, content_type="")
        return Reply(200, body, lines)

    async def ranking(self, request: web.BaseRequest) -> Reply:
        """Show the first five events by sales, by revenue, and by speed of sale."""
        self._parts.access.require_operator(request)
        window_s = parse_query(request, RankingQuery).window_s
        reads = self._parts.reads
        found = await reads.ranking(reads.now_ms() - window_s * 1000)
        return Reply(200, views_catalogue.ranking(found, window_s))

    async def statistics(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Show what an event has sold: by ticket type, and over time."""
        self._parts.access.require_operator(request)
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
        self._parts.access.require_operator(request)
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
        _words(query.q),
        _words(query.venue),
        _words(query.city),
        _ms(query.starts_from),
        _ms(query.starts_until),
        None if isinstance(query.available, UnsetType) else query.available,
        query.status or None,
        everything,
        query.sort,
    )


def _words(text: str | UnsetType) -> Words | None:
    return None if isinstance(text, UnsetType) else words_of(text)


def _ms(moment: datetime | UnsetType) -> int | None:
    return None if isinstance(moment, UnsetType) else to_ms(moment)


def fingerprint_of(wanted: Wanted) -> bytes:
    """A list's own: a place in one list is none in another."""
    return hashlib.blake2b(repr(wanted).encode(), digest_size=_FINGERPRINT_BYTES).digest()


def _place(cursor: _Cursor | None, wanted: Wanted, fingerprint: bytes) -> Place | None:
    """Where a cursor of this very list says that the page before ended."""
    if cursor is None:
        return None
    by_name = wanted.sort.by == "name"
    fits = isinstance(cursor.key, str) == by_name and "\0" not in str(cursor.key)
    if cursor.of != fingerprint or not fits or parse_id(cursor.id) is None:
        raise invalid("cursor", "Not a cursor of this list.")
    return Place(cursor.key, cursor.id)
