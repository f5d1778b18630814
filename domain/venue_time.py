"""When an event has its venue to itself: events of one venue never overlap in time.

Two events are two inventories, perhaps with two owners, so no rule of one of them can decide this: the
database excludes the overlap when an event is made or changed, and its refusal is the answer (`VENUE_TAKEN`).
The end itself is free for the next. Drafts have their time too; what is cancelled or deleted gives it back.
"""

from __future__ import annotations

from typing import NamedTuple

from domain.event_messages import EventDefinition, Stage
from domain.messages import Code, Rejected

ASSUMED_DURATION_MS = 2 * 3600 * 1000
"""Of an event that does not say when it ends."""
NO_VENUE = "There is no such venue, or it has no plan of seats."
VENUE_GONE = Rejected(Code.INVALID, NO_VENUE, errors=(("seating.venue_id", NO_VENUE),))
"""It was there when the event was asked for, and is removed by now."""
VENUE_TAKEN = Rejected(Code.VENUE_TAKEN, "Another event has the venue at that time.")


class VenueTime(NamedTuple):
    """From `start_ms` until `end_ms`, itself outside."""

    venue_id: str
    start_ms: int
    end_ms: int


def venue_time(event: EventDefinition) -> VenueTime | None:
    """None for an event without seats of a venue, and for a cancelled or deleted one."""
    terms = event.terms
    if terms.seating is None or event.stage is Stage.CANCELLED or event.deleted:
        return None
    end_ms = terms.starts_at_ms + ASSUMED_DURATION_MS if terms.ends_at_ms is None else terms.ends_at_ms
    return VenueTime(terms.seating.venue_id, terms.starts_at_ms, end_ms)
