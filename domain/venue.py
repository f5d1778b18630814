"""Venues: what is known of a place where events are held, whose seats a plan names.

A venue is no inventory: nothing of it is sold, so it has no owner, and is a row that front ends change.
Its plans never change; a new one gets the next number, and events keep the plan that they were made with.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from domain.messages import Message
from domain.seat_plan import Layout, Plan

CITY_MAX_CHARACTERS = 100
ADDRESS_MAX_CHARACTERS = 500


class PlanSummary(Message, frozen=True):
    """A plan without its seats: how many there are, in all and of each category."""

    id: str
    number: int
    seats: int
    categories: dict[str, int]


class NumberedPlan(msgspec.Struct, frozen=True):
    """A plan with what is said of it."""

    said: PlanSummary
    plan: Plan


class Venue(Message, frozen=True):
    """`version` changes with each change of it; `plan` is the present one. `organiser_id`: to whom it
    belongs, for good; None: to the operator alone."""

    id: str
    version: int
    created_ms: int
    name: str
    city: str
    address: str | None = None
    plan: PlanSummary | None = None
    organiser_id: str | None = None


class VenueChange(msgspec.Struct, frozen=True):
    """The fields to change; what is unset stays. `plan` becomes the venue's next, whatever its number."""

    name: str | UnsetType = UNSET
    city: str | UnsetType = UNSET
    address: str | UnsetType | None = UNSET
    plan: NumberedPlan | UnsetType = UNSET


def numbered(plan: Plan, plan_id: str, number: int = 1) -> NumberedPlan:
    """A plan without flaws as a venue's. Goes through all seats: to be done beside an event loop."""
    layout = Layout(plan)
    return NumberedPlan(PlanSummary(plan_id, number, layout.size, layout.categories), plan)


def changed(venue: Venue, change: VenueChange) -> Venue:
    """The venue after a change; itself if that changes nothing. A given plan is a new one."""
    given = {"name": change.name, "city": change.city, "address": change.address}
    plain = {name: value for name, value in given.items() if value is not UNSET}
    after = msgspec.structs.replace(venue, **plain)
    if isinstance(change.plan, NumberedPlan):
        number = 1 if venue.plan is None else venue.plan.number + 1
        after = msgspec.structs.replace(after, plan=msgspec.structs.replace(change.plan.said, number=number))
    return venue if after == venue else msgspec.structs.replace(after, version=venue.version + 1)
