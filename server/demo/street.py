"""A street of restaurants, and who has reserved a table for the coming evenings.

Reservations name their table, and each table has at most two parties an evening, early and late, whose stays
do not touch: nothing is refused, in whatever order they are made. One large party takes joined tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

from server.demo import names
from server.demo.plan import Offer, Size, Visit
from server.demo.stages import ZONE

STREET = "Mill Lane"
AREAS = (
    ("Window", ("window",)),
    ("Main room", ()),
    ("Garden", ("outdoors", "quiet")),
    ("Bar", ("high table",)),
)
TABLE_SIZES = (2, 2, 4, 4, 2, 6, 4, 8)
EARLY, LATE = ("18:00", "18:15", "18:30"), ("20:30", "20:45", "21:00")
STAYS = ((2, 90), (4, 105), (12, 120))
"""(largest party, minutes): the longest, from the last early time on, ends as the first late one begins."""
JOINED_PARTY = 10
EVENING_CLOSES = "00:30"
WEEKEND = (4, 5)
NOTES = ("Birthday", "By the window, if you can", "With a pram", "Nut allergy", "Anniversary")


def street(seed: int, city: str, mark: str, size: Size, first_day: date) -> Iterator[Offer]:
    """House by house."""
    rng = Random(f"{seed} street")
    words, forms = names.shuffled(names.KITCHEN_WORDS, rng), names.shuffled(names.KITCHENS, rng)
    for number in range(size.restaurants):
        name = forms[number % len(forms)].format(words[number])
        yield _house(Random(f"{seed} restaurant {number}"), name, number, city, mark, size, first_day)


def _house(rng: Random, name: str, number: int, city: str, mark: str, size: Size, first_day: date) -> Offer:
    closed = rng.choice((0, 1, 6))
    tables = _tables(rng, rng.randint(8, 22))
    body = {
        "name": name,
        "time_zone": str(ZONE),
        "city": city,
        "address": f"{2 * number + 1} {STREET}",
        "phone": f"+00 555 {1000 + rng.randrange(9000)}",
        "description": f"{rng.choice(('Slow food', 'Small plates', 'Open fire', 'Family kitchen'))}. {mark}",
        "tables": tables,
        "joins": [{"tables": ["1", "2", "3"], "smallest": 9, "largest": JOINED_PARTY}],
        "services": _services(closed, rng.random() < 0.6),
        "special_days": [{"date": (first_day + timedelta(days=40)).isoformat(), "reason": "Inventory"}],
        "stays": [{"party_largest": party, "stay_minutes": minutes} for party, minutes in STAYS],
        "buffer_minutes": 0,
        "cancel_until_minutes": 120,
        "notice_minutes": 60,
    }
    return Offer("restaurant", name, body, _reservations(rng, tables, closed, size, first_day))


def _tables(rng: Random, count: int) -> list[dict[str, Any]]:
    found = []
    for number in range(count):
        area, traits = AREAS[0] if number < 3 else rng.choice(AREAS)
        largest = TABLE_SIZES[number % len(TABLE_SIZES)]
        found.append({"number": str(number + 1), "largest": largest, "area": area, "traits": list(traits)})
    return found


def _services(closed: int, lunch: bool) -> list[dict[str, Any]]:
    """Every day but one, in the evening, and at some at noon."""
    hours = [("12:00", "14:30")] * lunch + [("17:30", EVENING_CLOSES)]
    return [
        {"weekday": day, "opens": opens, "closes": closes}
        for day in range(7)
        if day != closed
        for opens, closes in hours
    ]


def _reservations(
    rng: Random, tables: list[dict[str, Any]], closed: int, size: Size, first_day: date
) -> tuple[Visit, ...]:
    """Fuller at weekends, emptier the further ahead."""
    visits: list[Visit] = []
    for ahead in range(1, size.evenings + 1):
        day = first_day + timedelta(days=ahead)
        if day.weekday() == closed:
            continue
        busy = (0.75 if day.weekday() in WEEKEND else 0.45) * 0.95**ahead
        joined = rng.random() < busy / 2
        if joined:
            visits.append(_visit(rng, visits, day, rng.choice(LATE), JOINED_PARTY, ""))
        for table in tables:
            for times in (EARLY, LATE):
                if rng.random() < busy and not (joined and int(table["number"]) <= 3):
                    party = max(1, table["largest"] - rng.choice((0, 0, 0, 1)))
                    visits.append(_visit(rng, visits, day, rng.choice(times), party, table["number"]))
    return tuple(visits)


def _visit(rng: Random, before: list[Visit], day: date, time: str, party: int, table: str) -> Visit:
    customer = names.person(rng, len(before) + 1)
    body = {"date": day.isoformat(), "time": time, "party_size": party, "customer": customer}
    if rng.random() < 0.1:
        body["note"] = rng.choice(NOTES)
    return Visit(customer["email"], body, "confirmed" if rng.random() < 0.95 else "cancelled", table)
