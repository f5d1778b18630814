"""What operators may ask of the audit log; see `server/payloads.py`."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from server.payloads import _END, PAGE_DEFAULT_ITEMS, Cursor, Moment, OrganiserId, PageLimit, Payload

ACTOR_MAX_CHARACTERS = 100
THING_MAX_CHARACTERS = 300
ROUTE_MAX_CHARACTERS = 300


class AuditQuery(Payload, frozen=True):
    """A part of the entries that fit all that is given, the newest first."""

    actor: (
        Annotated[
            str,
            Meta(
                max_length=ACTOR_MAX_CHARACTERS,
                pattern="^[a-z]+(:[0-9a-f-]+)?" + _END,
                description="`operator`, `shell`, `account:<id>` or `machine:<id>`.",
            ),
        ]
        | None
    ) = None
    organiser_id: Annotated[OrganiserId, Meta(description="Of its members and machines.")] | None = None
    thing: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=THING_MAX_CHARACTERS,
                pattern="^[!-~]+" + _END,
                description="The id of what was asked about, or made.",
            ),
        ]
        | None
    ) = None
    route: (
        Annotated[
            str,
            Meta(
                max_length=ROUTE_MAX_CHARACTERS,
                pattern="^(/[!-~]*|turnstile( [!-~]+)+)" + _END,
                description="As it stands in this document: `/api/v1/events/{event_id}/cancel`; or an"
                " operator's command: `turnstile keys rotate`.",
            ),
        ]
        | None
    ) = None
    since: Moment | None = None
    until: Moment | None = None
    limit: PageLimit = PAGE_DEFAULT_ITEMS
    cursor: Cursor | UnsetType = UNSET
