"""A world from its seed: the same names, prices, times of day and visitors each time.

A larger size has all that a smaller one has, and more. Dates count from the world's first day.
"""

from __future__ import annotations

from datetime import date
from random import Random

from server.demo import names
from server.demo.commons import sessions
from server.demo.plan import SIZES, Venue, World
from server.demo.season import matches, stadium
from server.demo.stages import concerts, plays, theatre
from server.demo.street import street


def home_of(seed: int) -> tuple[str, str, Venue]:
    """The city, the mark that everything of the world bears, and the venue that is made first."""
    city, mark = Random(f"{seed} city").choice(names.CITIES), f"Demo world {seed}."
    return city, mark, stadium(seed, city, mark)


def make_world(seed: int, size_name: str, first_day: date) -> World:
    city, mark, ground = home_of(seed)
    size, house = SIZES[size_name], theatre(seed, city, mark)
    told = (seed, city, mark, size, first_day)
    offers = (
        *plays(*told, house),
        *concerts(*told),
        *matches(*told, ground),
        *street(*told),
        *sessions(*told),
    )
    return World(seed, city, mark, (ground, house), offers)
