"""The version of an event that a change is to be made of, by its If-Match."""

from __future__ import annotations

from aiohttp import web

from server.entity_tags import version_of, wanted_versions
from server.parts import Parts
from server.problems import not_found


async def if_event_version(parts: Parts, request: web.BaseRequest, event_id: str) -> int | None:
    """The version that If-Match names; of several, the present one if it is among them. None: any will do."""
    wanted = wanted_versions(request)
    if wanted is None or len(wanted) < 2:
        return version_of(wanted, 0)
    found = await parts.reads.event(event_id)
    if found is None:
        raise not_found("event")
    return version_of(wanted, found.version)
