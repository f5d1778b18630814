"""What an operator is told of sales: sums of events and restaurants, and their reservations as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from domain.local_time import bound_ms, local_of
from server import views_catalogue, views_stays
from server.csv_export import CSV, LINES, Sheet, reservations_csv, stays_of
from server.handlers_restaurants import found_restaurant
from server.ids import parse_event_id
from server.paging import parse_query
from server.parts import Parts
from server.payloads_catalogue import RankingQuery, StatisticsQuery, StayStatisticsQuery
from server.problems import Problem, invalid, not_found
from server.replies import Reply
from server.streaming import begun
from server.views_restaurants import day_of

EXPORTS_MAX = 8
"""Exports that a front end sends at once."""


class ReportHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._exports = 0

    async def ranking(self, request: web.BaseRequest) -> Reply:
        """Show the first five events by sales, by revenue, and by speed of sale."""
        window_s = parse_query(request, RankingQuery).window_s
        reads = self._parts.reads
        found = await reads.ranking(reads.now_ms() - window_s * 1000)
        return Reply(200, views_catalogue.ranking(found, window_s))

    async def of_event(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Show what an event has sold: by ticket type, and over time."""
        query = parse_query(request, StatisticsQuery)
        reads, width_ms = self._parts.reads, views_catalogue.WIDTHS_MS[query.bucket]
        first = reads.now_ms() // width_ms - query.buckets + 1
        event_id = parse_event_id(event_text)
        found = await reads.sales(event_id, first * width_ms, width_ms) if event_id else None
        if found is None:
            raise not_found("event")
        return Reply(200, views_catalogue.event_sales(found, query, first))

    async def of_restaurant(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Show a restaurant's reservations and covers: by status, by day, and what deposits brought."""
        query = parse_query(request, StayStatisticsQuery)
        restaurant = await found_restaurant(self._parts, restaurant_text)
        reads, zone = self._parts.reads, restaurant.terms.time_zone
        first = day_of(query.since) if query.since else local_of(zone, reads.now_ms())[0]
        bounds_ms = [bound_ms(zone, day, 0) for day in range(first, first + query.days + 1)]
        begins_ms = [at_ms for at_ms in bounds_ms if at_ms is not None]
        if len(begins_ms) != len(bounds_ms):
            raise invalid("since", "All of its days from 1970-01-02 to 9998-12-28.")
        found = await reads.stay_sums(restaurant.id, begins_ms)
        if found is None:
            raise not_found("restaurant")
        return Reply(200, views_stays.stay_statistics(found, first, query.days))

    async def export_of_event(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Send an event's reservations as CSV: one record for each of their lines."""
        event_id = parse_event_id(event_text)
        if event_id is None or await self._parts.reads.event(event_id) is None:
            raise not_found("event")
        return await self._sent(event_id, LINES)

    async def export_of_restaurant(self, request: web.BaseRequest, restaurant_text: str) -> Reply:
        """Send a restaurant's reservations as CSV: one record for each."""
        restaurant = await found_restaurant(self._parts, restaurant_text)
        return await self._sent(restaurant.id, stays_of(restaurant.terms))

    async def _sent(self, inventory_id: str, sheet: Sheet) -> Reply:
        if self._exports >= EXPORTS_MAX:
            raise Problem("overloaded", f"{EXPORTS_MAX} exports are under way.")
        name = f'Content-Disposition: attachment; filename="reservations-{inventory_id}.csv"\r\n'
        pieces = self._counted(inventory_id, sheet)
        return await begun(pieces, CSV, f"{name}Cache-Control: no-store\r\n".encode())

    async def _counted(self, inventory_id: str, sheet: Sheet) -> AsyncIterator[bytes]:
        self._exports += 1
        try:
            async for piece in reservations_csv(self._parts.reads, inventory_id, sheet):
                yield piece
        finally:
            self._exports -= 1
