"""From a list of fixtures to the terms of each event: what they have in common, moved to each one's start.

What is common is kept as terms that start at 0, so that every other moment is its distance from the start.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from domain.event_messages import Terms, TicketType
from domain.venue import Venue
from server.payloads import NewEvent, NewSeating, OwnCategory
from server.payloads_fixtures import NewFixture, Template
from server.placement import capacity_of
from server.problems import FieldError, Problem, invalid
from server.reads import Reads
from server.seating import seating_of
from server.terms import terms_of
from server.times import TIME_MAX_MS, TIME_MIN_MS, to_ms

_START = datetime.fromtimestamp(0, UTC)
_MOMENTS = ("ends_at", "sales_start", "sales_end", "cancel_until")
_OF_AN_EVENT = (
    "ticket_types",
    "description",
    "capacity",
    "hold_duration_s",
    "max_per_customer",
    "guests",
    "hold_extensions_max",
    "one_per_customer",
    "listed",
    "payment",
    "cancel_keeps_percent",
    "postponed_refund_days",
    "time_zone",
)


class Common(NamedTuple):
    """What all events of a list have; `capacity`: how many tickets each can sell."""

    terms: Terms
    capacity: int


async def common_of_template(
    template: Template, venue: Venue, hold_extensions_max: int, reads: Reads
) -> Common:
    """Raises Problem where the template does not fit the venue's present plan."""
    given = {name: getattr(template, name) for name in _OF_AN_EVENT}
    try:
        seated = await seating_of(NewSeating(venue.id, template.categories), reads)
        wanted = NewEvent(name="-", starts_at=_START, venue=venue.name, **given)
        terms = terms_of(wanted, hold_extensions_max, seated, venue.organiser_id)
    except Problem as problem:
        raise _elsewhere(problem, "template.") from None
    distances = {
        "ends_at_ms": _ms(template.duration_s, 1000),
        "sales_start_ms": _ms(template.sales_start_before_s, -1000),
        "sales_end_ms": _ms(template.sales_end_before_s, -1000),
        "cancel_until_ms": _ms(template.cancel_until_before_s, -1000),
    }
    return Common(replace(terms, city=venue.city, **distances), capacity_of(terms, seated[1]))


async def common_of_event(event: Terms, venue: Venue, reads: Reads) -> Common:
    """What another event has, on the venue's present plan. Raises Problem where that does not fit."""
    overrides = event.seating.overrides if event.seating is not None else ()
    own = tuple([OwnCategory(category, seats) for category, seats in overrides])
    try:
        seating, seats = await seating_of(NewSeating(venue.id, own), reads)
    except Problem as problem:
        raise _elsewhere(problem, "copy_from.") from None
    types = []
    for kind in event.ticket_types:
        unknown = [category for category in kind.categories if category not in seats]
        if unknown:
            raise invalid("copy_from", f"The venue's plan has no seats of its category {unknown[0]}.")
        types.append(_within(kind, sum(seats[category] for category in kind.categories)))
    moments = {f"{name}_ms": getattr(event, f"{name}_ms") for name in _MOMENTS}
    distances = {
        name: None if at_ms is None else at_ms - event.starts_at_ms for name, at_ms in moments.items()
    }
    terms = replace(
        event,
        starts_at_ms=0,
        moved_ms=None,
        **distances,
        venue=venue.name,
        city=venue.city,
        seating=seating,
        organiser_id=venue.organiser_id,
        ticket_types=tuple(types),
    )
    return Common(terms, capacity_of(terms, seats))


def terms_at(position: int, fixture: NewFixture, common: Terms) -> Terms:
    """The terms of one event. Raises Problem where one of its moments is none."""
    starts_at_ms = to_ms(fixture.starts_at)
    moments: dict[str, int | None] = {"starts_at": starts_at_ms}
    for name in _MOMENTS:
        given, distance_ms = getattr(fixture, name), getattr(common, f"{name}_ms")
        moments[name] = None if distance_ms is None else starts_at_ms + distance_ms
        if given is not None:
            moments[name] = to_ms(given)
    for name, at_ms in moments.items():
        if at_ms is not None and not TIME_MIN_MS <= at_ms <= TIME_MAX_MS:
            raise invalid(f"fixtures[{position}].{name}", "From 1970-01-01 to 9998-12-31, UTC.")
    times: dict[str, Any] = {f"{name}_ms": at_ms for name, at_ms in moments.items()}
    description = common.description if fixture.description is None else fixture.description
    return replace(common, name=fixture.name, description=description, **times)


def _within(kind: TicketType, seats: int) -> TicketType:
    """No more of it than there are seats; standing places as many as there were."""
    return replace(kind, quota=min(kind.quota, seats)) if kind.categories else kind


def _ms(seconds: int | None, factor: int) -> int | None:
    return None if seconds is None else seconds * factor


def _elsewhere(problem: Problem, where: str) -> Problem:
    """The same of what was not given as an event's own: errors say where the client has said it."""
    errors = [
        FieldError(where + error.path.removeprefix("seating."), error.message)
        for error in problem.members.get("errors", ())
    ]
    return Problem(problem.code, problem.detail, errors=errors)
