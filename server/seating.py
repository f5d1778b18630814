"""The seats that a new event asks for: the venue's present plan, with categories of the event's own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from domain.event_messages import Seating
from domain.seat_plan import Layout, Overrides, Plan, override_flaws
from domain.venue_time import NO_VENUE
from server.ids import parse_id
from server.payloads import BLOCK_MAX_SEATS, NewSeating
from server.problems import FieldError, Problem, invalid
from server.reads import Reads

Counted = tuple[Seating, Mapping[str, int]]
"""And how many seats there are of each category."""


async def seating_of(wanted: NewSeating, reads: Reads) -> Counted:
    """Raises Problem where there is no such venue, or no such seat in its plan."""
    venue_id = parse_id(wanted.venue_id)
    found = await reads.present_plan(venue_id) if venue_id is not None else None
    if venue_id is None or found is None:
        raise invalid("seating.venue_id", NO_VENUE)
    overrides = tuple([(own.category, own.seats) for own in wanted.categories])
    if sum(len(seats) for _, seats in overrides) > BLOCK_MAX_SEATS:
        raise invalid("seating.categories", f"At most {BLOCK_MAX_SEATS} seats in all.")
    plan_id, plan = found
    # Beside the loop: a stadium takes a tenth of a second.
    categories = await asyncio.to_thread(_categories, plan, overrides)
    return Seating(venue_id, plan_id, overrides), categories


def _categories(plan: Plan, overrides: Overrides) -> Mapping[str, int]:
    layout = Layout(plan)
    flaws = override_flaws(layout, overrides)
    if flaws:
        errors = [FieldError(f"seating.categories{path}", message) for path, message in flaws]
        raise Problem("invalid", "The request is not valid.", errors=errors)
    return Layout(plan, overrides).categories if overrides else layout.categories
