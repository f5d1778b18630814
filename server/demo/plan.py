"""What a world is made of, as values: venues, and what is offered there, each with those who come.

Bodies are those of the API. What only the server knows (a venue's id, a table's) stands in them by name and
is put in by the builder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Body = dict[str, Any]
Fate = Literal["held", "confirmed", "cancelled"]
Kind = Literal["show", "match", "restaurant", "session"]
PLURALS: dict[Kind, str] = {
    "show": "shows",
    "match": "matches",
    "restaurant": "restaurants",
    "session": "sessions",
}


@dataclass(frozen=True)
class Size:
    """How much of everything there is."""

    plays: int
    concerts: int
    nights: int
    """How often each play is given."""
    matches: int
    restaurants: int
    sessions: int
    visits_max: int
    """Reservations of one show; what a full house would need more is left free."""
    evenings: int
    """For how many evenings ahead restaurants have reservations."""


SIZES: dict[str, Size] = {
    "small": Size(2, 2, 2, 3, 3, 4, visits_max=12, evenings=2),
    "medium": Size(4, 5, 3, 9, 8, 12, visits_max=60, evenings=5),
    "large": Size(8, 12, 6, 17, 20, 20, visits_max=300, evenings=14),
}


@dataclass(frozen=True)
class Venue:
    """A place. `body` is what creates it."""

    name: str
    body: Body


@dataclass(frozen=True)
class Visit:
    """One reservation, and how far it goes. `table`: the number of the table that is asked for."""

    email: str
    body: Body
    fate: Fate
    table: str = ""


@dataclass(frozen=True)
class Offer:
    """An event, or a restaurant, and who comes. `venue`: whose seats are sold."""

    kind: Kind
    name: str
    body: Body
    visits: tuple[Visit, ...]
    venue: str = ""


@dataclass(frozen=True)
class World:
    """Everything, in the order in which it is made."""

    seed: int
    city: str
    mark: str
    """Stands in descriptions and addresses, so that a world is found again."""
    venues: tuple[Venue, ...]
    offers: tuple[Offer, ...]

    @property
    def visits(self) -> int:
        return sum(len(offer.visits) for offer in self.offers)


def money(amount: int) -> Body:
    return {"amount": amount, "currency": "EUR"}


def ticket_type(code: str, name: str, amount: int, **more: Any) -> Body:
    return {"code": code, "name": name, "price": money(amount), **more}
