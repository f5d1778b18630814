"""The audit log, for operators to read."""

from __future__ import annotations

from aiohttp import web

from domain.audit import WantedEntries
from server.paging import cursor_of, parse_query, sort_key_of
from server.parts import Parts
from server.payloads_audit import AuditQuery
from server.problems import invalid
from server.replies import PRIVATE, Reply
from server.times import to_ms
from server.views import page
from server.views_audit import audit_entry_view

NUMBER_MAX = 2**63 - 1


class AuditHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def list_all(self, request: web.BaseRequest) -> Reply:
        """List what operators, organisers and their staff did, the newest first."""
        query = parse_query(request, AuditQuery)
        before = sort_key_of(query.cursor, int)
        if before is not None and not 0 <= before <= NUMBER_MAX:
            raise invalid("cursor", "Not a cursor of this list.")
        wanted = WantedEntries(
            query.actor,
            query.organiser_id,
            query.thing,
            query.route,
            None if query.since is None else to_ms(query.since),
            None if query.until is None else to_ms(query.until),
        )
        last = NUMBER_MAX if before is None else before
        found = await self._parts.audit.entries(wanted, last, query.limit + 1)
        items = [audit_entry_view(number, entry) for number, entry in found[: query.limit]]
        following = cursor_of(items[-1].number) if len(found) > query.limit else None
        return Reply(200, page(items, following), PRIVATE)
