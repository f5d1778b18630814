"""A stadium of 60,000 seats, and the season of the club that plays there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from server.demo import names
from server.demo.crowd import Wanted, crowd
from server.demo.plan import Offer, Size, Venue, ticket_type
from server.demo.stages import at

SECTORS, TIER_ROWS = 40, 20
LOWER_ROW_SEATS, UPPER_ROW_SEATS = 30, 45
LOWER_CATEGORIES = ("main", "family", "opposite", "away")
UPPER_CATEGORIES = ("upper-main", "upper", "upper-opposite", "upper")
STANDS = (
    ("main", "Main stand", 8_500, 3),
    ("opposite", "Opposite stand", 7_000, 3),
    ("family", "Family corner", 2_500, 4),
    ("away", "Away end", 3_800, 2),
    ("upper-main", "Upper main", 5_500, 3),
    ("upper-opposite", "Upper opposite", 4_500, 3),
    ("upper", "Upper ends", 2_900, 5),
)
"""(code, name, price, demand)."""
SEATS = SECTORS * TIER_ROWS * (LOWER_ROW_SEATS + UPPER_ROW_SEATS)
FIRST_IN_DAYS, EVERY_DAYS = 8, 7
SATURDAY = 5
MATCH_MINUTES = 120
CROWDS, NEARER = 4, 0.75
"""A match has so many times the visits of a show, and each later one this share of the one before."""


def stadium(seed: int, city: str, mark: str) -> Venue:
    """The first thing of a world that is made: the day on which that was is the world's first day."""
    rng = Random(f"{seed} stadium")
    name = f"{city} {rng.choice(('Park', 'Arena', 'Bowl', 'Ground'))}"
    tiers = [
        _tier("Lower", LOWER_ROW_SEATS, LOWER_CATEGORIES, accessible=2),
        _tier("Upper", UPPER_ROW_SEATS, UPPER_CATEGORIES, accessible=0),
    ]
    body = {"name": name, "city": city, "address": f"{rng.randint(1, 9)} Stadium Way. {mark}"}
    return Venue(name, {**body, "plan": {"bowl": {"tiers": tiers}}})


def _tier(label: str, row_seats: int, categories: tuple[str, ...], accessible: int) -> dict[str, object]:
    return {
        "label": label,
        "sectors": SECTORS,
        "rows": TIER_ROWS,
        "seats_per_row": row_seats,
        "categories": list(categories),
        "accessible": accessible,
    }


def matches(seed: int, city: str, mark: str, size: Size, first_day: date, venue: Venue) -> Iterator[Offer]:
    """Saturdays, one after the other; the nearer, the more is sold."""
    rng = Random(f"{seed} season")
    home = f"{city} {rng.choice(names.CLUBS)}"
    towns, clubs = names.shuffled(names.TOWNS, rng), names.shuffled(names.CLUBS, rng)
    saturday = FIRST_IN_DAYS + (SATURDAY - (first_day + timedelta(days=FIRST_IN_DAYS)).weekday()) % 7
    for number in range(size.matches):
        name = f"{home} - {towns[number]} {clubs[number]}"
        starts = at(first_day, saturday + EVERY_DAYS * number, 15, 30)
        body = {
            "name": name,
            "starts_at": starts.isoformat(),
            "ends_at": (starts + timedelta(minutes=MATCH_MINUTES)).isoformat(),
            "cancel_until": (starts - timedelta(days=2)).isoformat(),
            "city": city,
            "venue": venue.name,
            "description": f"Matchday {number + 1} of the season. {mark}",
            "max_per_customer": 10,
            "ticket_types": [
                ticket_type(code, label, price, categories=[code], max_per_order=6)
                for code, label, price, _ in STANDS
            ],
        }
        own = Random(f"{seed} match {number}")
        wanted = [Wanted(code, SEATS // 20, demand) for code, _, _, demand in STANDS]
        visits = crowd(
            own, wanted, 0.9, max(1, round(size.visits_max * CROWDS * NEARER**number)), seated=True
        )
        yield Offer("match", name, body, visits, venue.name)
