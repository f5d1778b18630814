"""Two organisers' shows: plays in a theatre of numbered seats, concerts in a hall of standing places."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from server.demo import names
from server.demo.crowd import Wanted, crowd
from server.demo.plan import Offer, Size, Venue, ticket_type

ZONE = ZoneInfo("Europe/Berlin")
THEATRE_ROWS, THEATRE_ROW_SEATS = 18, 26
STALLS_LAST_ROW, CIRCLE_LAST_ROW = 5, 12
CLASSES = (
    ("stalls", "Stalls", 6_800, STALLS_LAST_ROW, 3),
    ("circle", "Circle", 4_900, CIRCLE_LAST_ROW - STALLS_LAST_ROW, 4),
    ("balcony", "Balcony", 2_400, THEATRE_ROWS - CIRCLE_LAST_ROW, 2),
)
"""(code, name, price, rows, demand)."""
FIRST_IN_DAYS = 6
CANCEL_UNTIL = timedelta(days=1)
CLUB_PLACES = 60


def theatre(seed: int, city: str, mark: str) -> Venue:
    rng = Random(f"{seed} theatre")
    name = f"{rng.choice(names.COLOURS)} {rng.choice(names.CREATURES)} Theatre"
    block = {
        "section": "House",
        "rows": THEATRE_ROWS,
        "seats_per_row": THEATRE_ROW_SEATS,
        "categories": [
            {"category": "stalls", "last_row": STALLS_LAST_ROW},
            {"category": "circle", "last_row": CIRCLE_LAST_ROW},
            {"category": "balcony", "last_row": THEATRE_ROWS},
        ],
        "aisles": [THEATRE_ROW_SEATS // 2],
        "accessible": 3,
    }
    body = {"name": name, "city": city, "address": f"{rng.randint(1, 90)} Playhouse Square. {mark}"}
    return Venue(name, {**body, "plan": {"block": block}})


def plays(seed: int, city: str, mark: str, size: Size, first_day: date, venue: Venue) -> Iterator[Offer]:
    """Each play on several evenings in a row."""
    rng = Random(f"{seed} plays")
    heads, tails = names.shuffled(names.PLAY_HEADS, rng), names.shuffled(names.PLAY_TAILS, rng)
    for number in range(size.plays):
        title = f"{heads[number]} {tails[number % len(tails)]}"
        for night in range(size.nights):
            starts = at(first_day, FIRST_IN_DAYS + number * 8 + night, 19, 30)
            body = _terms(title, starts, 140, city, venue.name, f"Lantern & Fox present a play. {mark}")
            body["ticket_types"] = [
                ticket_type(code, label, price, categories=[code], max_per_order=8)
                for code, label, price, _, _ in CLASSES
            ]
            wanted = [Wanted(code, rows * THEATRE_ROW_SEATS, demand) for code, _, _, rows, demand in CLASSES]
            own = Random(f"{seed} play {number} {night}")
            visits = crowd(own, wanted, own.uniform(0.2, 0.8), size.visits_max, seated=True)
            yield Offer("show", title, body, visits, venue.name)


def concerts(seed: int, city: str, mark: str, size: Size, first_day: date) -> Iterator[Offer]:
    """Standing, with early tickets; the first is in a small club and sold out where the size allows it."""
    rng = Random(f"{seed} concerts")
    bands = names.shuffled(names.BANDS, rng)
    for number in range(size.concerts):
        own = Random(f"{seed} concert {number}")
        small = number == 0
        places = CLUB_PLACES if small else own.randrange(400, 1_600, 100)
        early = places // 10
        price = own.randrange(2_200, 5_200, 100)
        starts = at(first_day, FIRST_IN_DAYS + 3 + number * 5, 20, 0)
        where = "The Cellar" if small else "Northlight Hall"
        told = f"Northlight Live present {bands[number]}. {mark}"
        body = _terms(f"{bands[number]} live", starts, 180, city, where, told)
        body["capacity"] = places
        body["max_per_customer"] = 8
        body["ticket_types"] = [
            ticket_type("early", "Early bird", price - 700, quota=early, max_per_order=4),
            ticket_type("standing", "Standing", price, quota=places - early, max_per_order=8),
        ]
        wanted = [Wanted("early", early, 5), Wanted("standing", places - early, 3)]
        share = 1.0 if small else own.uniform(0.2, 0.7)
        visits = crowd(own, wanted, share, max(size.visits_max, CLUB_PLACES if small else 0), seated=False)
        yield Offer("show", f"{bands[number]} live", body, visits)


def at(first_day: date, days: int, hour: int, minute: int) -> datetime:
    """A moment by the city's clocks."""
    return datetime.combine(first_day + timedelta(days=days), time(hour, minute), ZONE)


def _terms(name: str, starts: datetime, minutes: int, city: str, venue: str, told: str) -> dict[str, Any]:
    return {
        "name": name,
        "starts_at": starts.isoformat(),
        "ends_at": (starts + timedelta(minutes=minutes)).isoformat(),
        "cancel_until": (starts - CANCEL_UNTIL).isoformat(),
        "city": city,
        "venue": venue,
        "description": told,
    }
