"""To whom things belong: which organiser an event, a restaurant or a venue is of, and all that hangs on one.

What a route is for stands in its path, so whether it is in the caller's charge is looked up once, before the
handler runs, by the first place of the path (`check_of`). A route of staff or organisers whose path begins
with a place that nobody knows here cannot be made: nothing is open because it was forgotten. What has another
organiser, or none, is `not_found`, as is what is not there.

To whom an event or a restaurant belongs never changes, so it is remembered: the door asks it for each ticket.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from aiohttp import web
from msgspec import UNSET, UnsetType

from domain.venue_time import NO_VENUE
from server.callers import CALLER, Caller, Who, caller_of
from server.endpoints import Endpoints
from server.ids import parse_id
from server.machine_tokens import Machines
from server.organisers import Organisers
from server.payments import Payments
from server.placement import Placement
from server.problems import invalid, not_found
from server.reads import Reads
from server.venues import Venues

KEPT_MAX = 10_000
_PLACE = re.compile(r"{(\w+)}")
Check = Callable[[web.BaseRequest, Sequence[str]], Awaitable[None]]
Find = Callable[[str], Awaitable[str | None]]


class Belongings:
    """Looks it up."""

    def __init__(
        self,
        reads: Reads,
        venues: Venues,
        payments: Payments,
        organisers: Organisers,
        machines: Machines,
        endpoints: Endpoints,
    ) -> None:
        self._reads = reads
        self._venues = venues
        self._payments = payments
        self._organisers = organisers
        self._machines = machines
        self._endpoints = endpoints
        self._kept: dict[str, tuple[str, str | None]] = {}
        self._ways: dict[str, Find] = {
            "event_id": self._of_event,
            "restaurant_id": self._of_restaurant,
            "venue_id": self._of_venue,
            "reservation_id": self._of_reservation,
            "payment_id": self._of_payment,
            "token_id": self._of_machine_token,
            "endpoint_id": self._of_endpoint,
            "organiser_id": _itself,
        }

    def check_of(self, who: Who, path: str) -> Check | None:
        """What refuses a request for what is not in its caller's charge. None: the route does not ask, or
        its path names nothing, and what it makes or lists is the caller's own. Raises ValueError."""
        places = _PLACE.findall(path)
        if who not in (Who.STAFF, Who.ORGANISER) or not places:
            return None
        place = places[0]
        if place not in self._ways:
            raise ValueError(f"{path}: to whom a {place} belongs is not known")
        find, by_staff = self._ways[place], who is Who.STAFF

        async def check(request: web.BaseRequest, values: Sequence[str]) -> None:
            caller = caller_of(request)
            if caller.is_admin:
                return
            named = parse_id(values[0])
            if not _is_in_charge(caller, await find(named) if named else None, by_staff):
                raise not_found(place.removesuffix("_id"))
            request[CALLER] = replace(caller, given_charge=True)

        return check

    async def takes_charge(
        self, request: web.BaseRequest, inventory_id: str | None, by_staff: bool = False
    ) -> bool:
        """Whether what belongs to that event or restaurant is in the caller's charge, which is then noted.
        `by_staff`: in that of the organiser's staff too."""
        caller = caller_of(request)
        if caller.in_charge:
            return True
        if inventory_id is None or caller.organiser_id is None:
            return False
        if not _is_in_charge(caller, (await self._of_inventory(inventory_id))[1], by_staff):
            return False
        request[CALLER] = replace(caller, given_charge=True)
        return True

    async def for_whom(self, request: web.BaseRequest, wanted: str | UnsetType | None) -> str | None:
        """To whom a new thing is to belong: an organiser's own is the organiser's, and an operator says
        whose it is, or keeps it. Raises invalid."""
        caller = caller_of(request)
        if wanted is None or wanted is UNSET:
            return caller.organiser_id
        organiser_id = parse_id(wanted)
        if organiser_id is None or not caller.organises(organiser_id):
            raise invalid("organiser_id", "There is no such organiser.")
        if caller.is_admin and await self._organisers.organiser(organiser_id) is None:
            raise invalid("organiser_id", "There is no such organiser.")
        return organiser_id

    async def check_venue(self, request: web.BaseRequest, venue_text: str) -> None:
        """Whether events may be held there: an organiser's in a venue of its own. Raises invalid."""
        caller, venue_id = caller_of(request), parse_id(venue_text)
        if caller.is_admin:
            return
        if not caller.organises(await self._of_venue(venue_id) if venue_id else None):
            raise invalid("seating.venue_id", NO_VENUE)

    async def _of_inventory(self, inventory_id: str) -> tuple[str, str | None]:
        """What it is, and whose."""
        kept = self._kept.get(inventory_id)
        if kept is not None:
            return kept
        found = await self._reads.belongs(inventory_id)
        if found is None:
            return "", None
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[inventory_id] = found
        return found

    async def _of_event(self, event_id: str) -> str | None:
        kind, organiser_id = await self._of_inventory(event_id)
        return organiser_id if kind == "event" else None

    async def _of_restaurant(self, restaurant_id: str) -> str | None:
        kind, organiser_id = await self._of_inventory(restaurant_id)
        return organiser_id if kind == "restaurant" else None

    async def _of_venue(self, venue_id: str) -> str | None:
        found = await self._venues.venue(venue_id)
        return None if found is None else found.organiser_id

    async def _of_reservation(self, reservation_id: str) -> str | None:
        found = await self._reads.reservation(reservation_id)
        return None if found is None else (await self._of_inventory(found.inventory_id))[1]

    async def _of_payment(self, payment_id: str) -> str | None:
        found = await self._payments.find(payment_id)
        return None if found is None else (await self._of_inventory(found.inventory_id))[1]

    async def _of_machine_token(self, token_id: str) -> str | None:
        found = await self._machines.token(token_id)
        return None if found is None else found.organiser_id

    async def _of_endpoint(self, endpoint_id: str) -> str | None:
        found = await self._endpoints.find(endpoint_id)
        return None if found is None else found.organiser_id


async def _itself(organiser_id: str) -> str | None:
    return organiser_id


def check_wishes(request: web.BaseRequest, placement: Placement | UnsetType, crowd: int | None) -> None:
    """Which owner is to have a new thing is for operators to say. Raises invalid."""
    if caller_of(request).is_admin:
        return
    for name, wished in (("placement", placement is not UNSET), ("expected_crowd", crowd is not None)):
        if wished:
            raise invalid(name, "Only operators say which owner is to have it.")


def _is_in_charge(caller: Caller, organiser_id: str | None, by_staff: bool) -> bool:
    return caller.works_for(organiser_id) if by_staff else caller.organises(organiser_id)
