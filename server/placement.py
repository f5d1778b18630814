"""Which owner an inventory is given when it is made: its own, or one that it shares with others.

The operator who makes it says so, or the rule does: what has so many places, or expects such a crowd, gets an
owner of its own. The rule is asked once; later only `PUT .../placement` moves an inventory. An owner of its
own is a process, so an organiser cannot ask for one.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from msgspec import UNSET, UnsetType

from domain.event_messages import Terms
from domain.restaurant_messages import RestaurantTerms
from server.ids import id_bytes

Placement = Literal["pooled", "dedicated"]
READY_OWNERS_MAX = 8


@dataclass(slots=True, frozen=True)
class PlacementRule:
    """The settings. `from_capacity` None: capacity says nothing."""

    pool_owners: int = 4
    from_capacity: int | None = None
    from_crowd: int = 5_000

    def placement(self, wanted: Placement | UnsetType, capacity: int, crowd: int | None) -> Placement:
        """`wanted`, or what the rule says of so many places and so many expected persons, bounds inside."""
        if wanted is not UNSET:
            return wanted
        large = self.from_capacity is not None and capacity >= self.from_capacity
        crowded = crowd is not None and crowd >= self.from_crowd
        return "dedicated" if large or crowded else "pooled"

    def owner(self, inventory_id: str, placement: Placement) -> str:
        """The name of the owner that it is given to."""
        if placement == "dedicated":
            return f"event:{inventory_id}"
        return _shared(zlib.crc32(id_bytes(inventory_id)) % self.pool_owners)

    @property
    def first_owners(self) -> tuple[str, ...]:
        """Of those that are shared, the ones to have ready: more than so few a server of many cores makes
        when they are needed."""
        return tuple(_shared(number) for number in range(min(self.pool_owners, READY_OWNERS_MAX)))


def _shared(number: int) -> str:
    return f"pool:{number}"


def placement_of(owner: str) -> Placement:
    return "dedicated" if owner.startswith("event:") else "pooled"


def capacity_of(terms: Terms, seats: Mapping[str, int]) -> int:
    """How many tickets an event can sell. `seats`: how many there are of each category; types that share
    categories, as price classes do, share their seats."""
    seated = [kind for kind in terms.ticket_types if kind.categories]
    categories = {category for kind in seated for category in kind.categories}
    places = min(sum(kind.quota for kind in seated), sum(seats[category] for category in categories))
    places += sum(kind.quota for kind in terms.ticket_types if not kind.categories)
    return places if terms.capacity is None else min(places, terms.capacity)


def persons_of(terms: RestaurantTerms) -> int:
    """How many persons can sit in a restaurant at a time."""
    return sum(table.largest for table in terms.tables if table.active)
