"""What clients get of venues: see `server.views`. A plan is shown in the shape in which it can be given."""

from __future__ import annotations

import msgspec

from domain.seat_plan import Plan
from domain.venue import PlanSummary, Venue
from server.times import rfc3339
from server.views import View, encode


class CategoryView(View, frozen=True):
    """How many seats a category has."""

    category: str
    seats: int


class PlanSummaryView(View, frozen=True):
    """A plan without its seats. It never changes; a new one has the next `number`."""

    id: str
    number: int
    seats: int
    categories: list[CategoryView]


class VenueView(View, frozen=True):
    """`version`, the ETag, changes with each change; `plan` is the one that new events get."""

    id: str
    name: str
    city: str
    address: str | None
    created_at: str
    version: int
    plan: PlanSummaryView | None
    organiser_id: str | None


class SeatView(View, frozen=True, omit_defaults=True):
    """What is not said is 0 or false."""

    label: str
    category: str
    x: int = 0
    y: int = 0
    accessible: bool = False
    companion: bool = False
    aisle_after: bool = False


class RowView(View, frozen=True):
    """A row's seats from one end to the other."""

    label: str
    seats: list[SeatView]


class SectionView(View, frozen=True):
    """A section's rows, the best first."""

    label: str
    rows: list[RowView]


class PlanView(View, frozen=True):
    """All seats of a venue. They are numbered from 0 in the order in which they stand here."""

    venue_id: str
    id: str
    number: int
    sections: list[SectionView]


def venue_view(venue: Venue) -> VenueView:
    return VenueView(
        id=venue.id,
        name=venue.name,
        city=venue.city,
        address=venue.address,
        created_at=rfc3339(venue.created_ms),
        version=venue.version,
        plan=None if venue.plan is None else _summary(venue.plan),
        organiser_id=venue.organiser_id,
    )


def _summary(plan: PlanSummary) -> PlanSummaryView:
    categories = [CategoryView(category, seats) for category, seats in plan.categories.items()]
    return PlanSummaryView(plan.id, plan.number, plan.seats, categories)


def plan_body(venue_id: str, said: PlanSummary, plan: Plan) -> bytes:
    """A plan as JSON. Takes a while for a stadium: to be done beside an event loop."""
    sections = msgspec.convert(plan.sections, list[SectionView], from_attributes=True)
    return encode(PlanView(venue_id, said.id, said.number, sections))
