"""A community's free sessions: one place for each e-mail, listed while there are places."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from server.demo import names
from server.demo.crowd import members
from server.demo.plan import Offer, Size, ticket_type
from server.demo.stages import at

HOURS = (10, 14, 17, 18, 19)
FIRST_IN_DAYS = 2
SHARES = (1.0, 0.3, 0.6, 0.85)
"""How full they are, in turn: every fourth is full."""


def sessions(seed: int, city: str, mark: str, size: Size, first_day: date) -> Iterator[Offer]:
    rng = Random(f"{seed} sessions")
    titles = names.shuffled(names.GATHERINGS, rng)
    for number in range(size.sessions):
        own = Random(f"{seed} session {number}")
        places = own.randrange(8, 31)
        starts = at(first_day, FIRST_IN_DAYS + number, own.choice(HOURS), 0)
        body = {
            "name": titles[number],
            "starts_at": starts.isoformat(),
            "ends_at": (starts + timedelta(hours=2)).isoformat(),
            "cancel_until": starts.isoformat(),
            "city": city,
            "venue": own.choice(names.HOUSES),
            "description": f"Free, with a place for each who reserves one. {mark}",
            "one_per_customer": True,
            "listed": "while_open",
            "ticket_types": [ticket_type("place", "Place", 0, quota=places, max_per_order=1)],
        }
        yield Offer("session", titles[number], body, members(own, places, SHARES[number % len(SHARES)]))
