"""Venues in memory, under the same rules: for front ends whose events are in memory too."""

from __future__ import annotations

from domain.messages import Code, Rejected
from domain.seat_plan import Plan
from domain.venue import NumberedPlan, Venue, VenueChange, changed

NOT_FOUND = Rejected(Code.NOT_FOUND, "There is no such venue.")
KEY_REUSED = Rejected(Code.KEY_REUSED, "This key came with another body.")


class DirectVenues:
    """What there is, and what keys have made."""

    def __init__(self) -> None:
        self.kept: dict[str, Venue] = {}
        self.plans: dict[str, Plan] = {}
        self.recorded: dict[bytes, tuple[bytes, Venue]] = {}

    async def venue(self, venue_id: str) -> Venue | None:
        return self.kept.get(venue_id)

    async def venues(self, after: str | None, limit: int) -> list[Venue]:
        return [self.kept[key] for key in sorted(self.kept) if key > (after or "")][:limit]

    async def plan(self, plan_id: str) -> Plan | None:
        return self.plans.get(plan_id)

    async def create(
        self, venue: Venue, plan: NumberedPlan | None, key: tuple[bytes, bytes] | None
    ) -> Venue | Rejected:
        if key is not None and key[0] in self.recorded:
            fingerprint, made = self.recorded[key[0]]
            return made if fingerprint == key[1] else KEY_REUSED
        self.kept[venue.id] = venue
        if plan is not None:
            self.plans[plan.said.id] = plan.plan
        if key is not None:
            self.recorded[key[0]] = (key[1], venue)
        return venue

    async def change(
        self, venue_id: str, change: VenueChange, if_version: int | None, now_ms: int
    ) -> Venue | Rejected:
        before = self.kept.get(venue_id)
        if before is None:
            return NOT_FOUND
        if if_version not in (None, before.version):
            return Rejected(Code.STALE, "Changed.", {"version": before.version})
        self.kept[venue_id] = changed(before, change)
        if isinstance(change.plan, NumberedPlan):
            self.plans[change.plan.said.id] = change.plan.plan
        return self.kept[venue_id]

    async def remove(self, venue_id: str, if_version: int | None, now_ms: int) -> Rejected | None:
        before = self.kept.get(venue_id)
        if before is None:
            return NOT_FOUND
        if if_version not in (None, before.version):
            return Rejected(Code.STALE, "Changed.", {"version": before.version})
        del self.kept[venue_id]
        return None
