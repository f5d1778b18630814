"""What clients may ask of the catalogue: the queries of lists, statistics and exports, and their bounds."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from domain.catalogue import Kind, RestaurantSort, Sort
from domain.event_messages import Stage
from server.payloads import PAGE_DEFAULT_ITEMS, Moment, OrganiserId, PageLimit, Payload
from server.payloads_restaurants import Clock, Persons

SEARCH_MAX_CHARACTERS = 100
"""Escaped for a URL one may become twelve, and all of a request's first line has to fit into 8,190."""
CURSOR_MAX_CHARACTERS = 700
"""A place in a list by name holds a hundred characters of it, of up to four bytes each."""
BUCKETS_MAX = 1_440
BUCKETS_DEFAULT = 48
DAYS_MAX = 366
DAYS_DEFAULT = 31
WINDOW_MIN_S = 60
WINDOW_MAX_S = 86_400
WINDOW_DEFAULT_S = 300

Search = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=SEARCH_MAX_CHARACTERS,
        description="Each word of it begins a word there, whatever the case and the accents.",
    ),
]
From = Annotated[Moment, Meta(description="Those that start then or later.")]
Until = Annotated[Moment, Meta(description="Those that start before then.")]
Available = Annotated[
    bool, Meta(description="true: at least one ticket can be had, by quotas and capacity; false: none.")
]
OrganisersOwn = Annotated[OrganiserId, Meta(description="Those that belong to this organiser.")]
Cursor = Annotated[
    str,
    Meta(
        max_length=CURSOR_MAX_CHARACTERS,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="`next` of the page before; of the same filters and order only.",
    ),
]


class EventsQuery(Payload, frozen=True):
    """A page of the events that fit all that is given. `q` looks into name, venue, city and description.

    Drafts, and what is listed `while_open` and is not, are there for operators, and for the organiser that
    asks for its own by `organiser_id`.
    """

    q: Search | UnsetType = UNSET
    venue: Search | UnsetType = UNSET
    city: Search | UnsetType = UNSET
    starts_from: From | UnsetType = UNSET
    starts_until: Until | UnsetType = UNSET
    available: Available | UnsetType = UNSET
    status: Stage | UnsetType = UNSET
    kind: Annotated[Kind, Meta(description="`seated`: some of its types have seats.")] | UnsetType = UNSET
    organiser_id: OrganisersOwn | UnsetType = UNSET
    sort: Sort = Sort.STARTS_AT
    limit: PageLimit = PAGE_DEFAULT_ITEMS
    cursor: Cursor | UnsetType = UNSET


class RestaurantsQuery(Payload, frozen=True):
    """A page of the restaurants that fit all that is given. `q` looks into name, address, city, description.

    Drafts are there for operators, and for the organiser that asks for its own by `organiser_id`.
    `free_on` and `party_size`: those whose search finds a time for such a party on that local date, from
    `earliest` to `latest`. A page then looks at 100 restaurants at most that fit all else: it may have
    fewer than `limit`, or none, and still have a `next`.
    """

    q: Search | UnsetType = UNSET
    city: Search | UnsetType = UNSET
    free_on: dt.date | UnsetType = UNSET
    party_size: Persons | UnsetType = UNSET
    earliest: Clock | UnsetType = UNSET
    latest: Clock | UnsetType = UNSET
    open_on: Annotated[dt.date, Meta(description="Those that open on that local date.")] | UnsetType = UNSET
    status: Stage | UnsetType = UNSET
    organiser_id: OrganisersOwn | UnsetType = UNSET
    sort: RestaurantSort = RestaurantSort.NAME
    limit: PageLimit = PAGE_DEFAULT_ITEMS
    cursor: Cursor | UnsetType = UNSET


class StatisticsQuery(Payload, frozen=True):
    """The last `buckets` minutes, hours or days (of UTC), the present one included."""

    bucket: Literal["minute", "hour", "day"] = "hour"
    buckets: Annotated[int, Meta(ge=1, le=BUCKETS_MAX)] = BUCKETS_DEFAULT


class StayStatisticsQuery(Payload, frozen=True):
    """Of so many local dates from `since` on; without it, from the restaurant's today on."""

    since: dt.date | UnsetType = UNSET
    days: Annotated[int, Meta(ge=1, le=DAYS_MAX)] = DAYS_DEFAULT


class RankingQuery(Payload, frozen=True):
    """Speed is what was sold in the last `window_s` seconds."""

    window_s: Annotated[int, Meta(ge=WINDOW_MIN_S, le=WINDOW_MAX_S)] = WINDOW_DEFAULT_S
