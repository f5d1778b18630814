"""Who comes to an event: orders that fit into what there is of each ticket type, so that none is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from server.demo.names import person
from server.demo.plan import Body, Fate, Visit

QUANTITIES, QUANTITY_WEIGHTS = (1, 2, 3, 4), (20, 52, 12, 16)
FATES: tuple[Fate, ...] = ("confirmed", "held", "cancelled")
FATE_WEIGHTS = (90, 5, 5)


@dataclass(frozen=True)
class Wanted:
    """A ticket type, how many of it may be sold in all, and how much it is in demand."""

    code: str
    places: int
    weight: int


def crowd(
    rng: Random, wanted: Sequence[Wanted], share: float, visits_max: int, seated: bool
) -> tuple[Visit, ...]:
    """Orders until that share of all places is taken, or there are so many."""
    left = {one.code: one.places for one in wanted}
    goal = round(sum(left.values()) * share)
    visits: list[Visit] = []
    taken = 0
    while taken < goal and len(visits) < visits_max:
        open_ones = [one for one in wanted if left[one.code]]
        code = rng.choices(open_ones, [one.weight for one in open_ones])[0].code
        wish = rng.choices(QUANTITIES, QUANTITY_WEIGHTS)[0]
        quantity = min(wish, left[code], goal - taken)
        left[code] -= quantity
        taken += quantity
        fate = rng.choices(FATES, FATE_WEIGHTS)[0] if share < 1 else "confirmed"
        visits.append(_visit(rng, len(visits) + 1, code, quantity, fate, seated))
    return tuple(visits)


def members(rng: Random, places: int, share: float) -> tuple[Visit, ...]:
    """Who comes to a free session: one place each, confirmed at once."""
    visits = []
    for number in range(1, round(places * share) + 1):
        visit = _visit(rng, number, "place", 1, "confirmed", seated=False)
        visits.append(Visit(visit.email, {**visit.body, "confirm": True}, "confirmed"))
    return tuple(visits)


def _visit(rng: Random, number: int, code: str, quantity: int, fate: Fate, seated: bool) -> Visit:
    customer = person(rng, number)
    body: Body = {"lines": [{"ticket_type": code, "quantity": quantity}], "customer": customer}
    if seated:
        body["best"] = {"fallback": "split"}
    return Visit(customer["email"], body, fate)
