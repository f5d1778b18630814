"""What clients send to make many events of one venue: see `server.payloads`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from domain.event_messages import Due, Listed
from server.payloads import (
    CATEGORIES_MAX,
    Crowd,
    Description,
    HoldDuration,
    HoldExtensions,
    KeepsPercent,
    MaxPerCustomer,
    Moment,
    NewTicketTypes,
    OwnCategory,
    Payload,
    Quota,
    RefundDays,
    Text,
    Zone,
)
from server.placement import Placement

FIXTURES_MAX = 200
FIXTURES_BODY_MAX_BYTES = 256 * 1024
"""Of a list and its template together."""
DURATION_MAX_S = 31 * 86_400
DISTANCE_MAX_S = 5 * 366 * 86_400

Duration = Annotated[int, Meta(ge=1, le=DURATION_MAX_S, description="Seconds from the start to the end.")]
Before = Annotated[int, Meta(ge=-DISTANCE_MAX_S, le=DISTANCE_MAX_S, description="Seconds before the start.")]


class Template(Payload, frozen=True):
    """What the events have in common, as `NewEvent` has it; its moments by their distance from the start.
    `categories`: seats in categories of the events' own."""

    ticket_types: NewTicketTypes
    categories: Annotated[tuple[OwnCategory, ...], Meta(max_length=CATEGORIES_MAX)] = ()
    description: Description | None = None
    capacity: Quota | None = None
    hold_duration_s: HoldDuration = 900
    max_per_customer: MaxPerCustomer | None = None
    guests: bool = True
    hold_extensions_max: HoldExtensions | None = None
    one_per_customer: bool = False
    listed: Listed = "always"
    payment: Due = "none"
    cancel_keeps_percent: KeepsPercent = 0
    postponed_refund_days: RefundDays = 14
    time_zone: Zone | None = None
    duration_s: Duration | None = None
    sales_start_before_s: Before | None = None
    sales_end_before_s: Before | None = None
    cancel_until_before_s: Before | None = None


class NewFixture(Payload, frozen=True):
    """One of the events. A moment that is left out is as far from the start as in what all have in common."""

    name: Text
    starts_at: Moment
    ends_at: Moment | None = None
    description: Description | None = None
    sales_start: Moment | None = None
    sales_end: Moment | None = None
    cancel_until: Moment | None = None


class NewFixtures(Payload, frozen=True):
    """Events of one venue. What they have in common is said by a `template`, or is that of the event
    `copy_from`: its ticket types, seats, policies, and with `blocks` its blocked seats."""

    fixtures: Annotated[tuple[NewFixture, ...], Meta(min_length=1, max_length=FIXTURES_MAX)]
    template: Template | None = None
    copy_from: str | None = None
    blocks: bool = True
    status: Literal["draft", "published"] = "published"
    placement: Placement | UnsetType = UNSET
    expected_crowd: Crowd | None = None
