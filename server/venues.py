"""What the handlers ask of venues: rows that nobody owns, read and changed by front ends themselves."""

from __future__ import annotations

from typing import Protocol

from domain.messages import Rejected
from domain.seat_plan import Plan
from domain.venue import NumberedPlan, Venue, VenueChange


class Venues(Protocol):
    """Venues and their plans. What was removed is not there, except that a plan can always be read."""

    async def venue(self, venue_id: str) -> Venue | None:
        """One venue."""

    async def venues(self, after: str | None, limit: int) -> list[Venue]:
        """Venues by id, which is the order they were made in, beginning after `after`."""

    async def plan(self, plan_id: str) -> Plan | None:
        """A plan of any venue, present or former."""

    async def create(
        self, venue: Venue, plan: NumberedPlan | None, key: tuple[bytes, bytes] | None
    ) -> Venue | Rejected:
        """Make it. `key`: an Idempotency-Key's id and its body's digest; if that has made a venue before,
        the venue as it was made then, or `key_reused`."""

    async def change(
        self, venue_id: str, change: VenueChange, if_version: int | None, now_ms: int
    ) -> Venue | Rejected:
        """All of the change or nothing; `stale` if the version is not the one meant."""

    async def remove(self, venue_id: str, if_version: int | None, now_ms: int) -> Rejected | None:
        """`in_use` if an event that is not over has seats of it."""
