"""Seats through the real server: 64 clients want the same, and it is exact, a killed owner or not."""

from __future__ import annotations

import asyncio
import base64
import signal
from collections import Counter
from typing import Any

import pytest

from tests.integration.test_sessions import CLIENTS, POLL_S, Answer, Community, audited, codes, community
from tests.served import Served

__all__ = ["community"]

SEATS = ["S/A/1", "S/A/2", "S/A/3", "S/A/4", "S/A/5"]
MAP_TIMEOUT_S = 10.0


class Match(Community):
    """A seated event of its own, and its clients."""

    async def open_hall(self, capacity: int, **more: Any) -> None:
        seats = [{"label": str(number), "category": "A"} for number in range(1, capacity + 1)]
        plan = {"sections": [{"label": "S", "rows": [{"label": "A", "seats": seats}]}]}
        status, venue = await self.post(
            "/api/v1/venues", {"name": "Hall", "city": "Vienna", "plan": plan}, self.operator
        )
        assert status == 201, venue
        ticket = {"code": "A", "name": "Seat", "price": {"amount": 0, "currency": "EUR"}, "categories": ["A"]}
        seating = {"venue_id": venue["id"]}
        await self.open(capacity, one_per_customer=False, ticket_types=[ticket], seating=seating, **more)

    async def take(self, name: str, seats: list[str] | None) -> Answer:
        """With a key, and as often as it takes to know; confirmed at once. No seats: the best there is."""
        line = {"ticket_type": "A", "quantity": 1 if seats is None else len(seats)}
        body = {
            "lines": [line if seats is None else line | {"seats": seats}],
            "customer": {"name": name, "email": f"{name}@example.org"},
            "confirm": True,
        }
        key = {"Idempotency-Key": f"{self.event_id}-{name}"}
        while True:
            answer = await self.post(f"/api/v1/events/{self.event_id}/reservations", body, key)
            if answer[0] != 503:
                return answer
            await asyncio.sleep(POLL_S)

    async def looks(self) -> list[int]:
        """Each seat as the map shows it."""
        shown = await self.get("/seats")
        raw = base64.b64decode(shown["states"])
        return [raw[seat // 4] >> 2 * (seat % 4) & 3 for seat in range(shown["seats"])]


@pytest.fixture
def match(community: Community) -> Match:
    return Match(community._http, community.operator)


def taken(answers: list[Answer]) -> list[str]:
    return sorted(name for status, body in answers if status == 201 for name in body["lines"][0]["seats"])


@pytest.mark.parametrize("capacity", [1, 5])
async def test_64_clients_who_name_the_same_seats_get_each_once(
    running_server: Served, match: Match, capacity: int
) -> None:
    await match.open_hall(capacity)
    wanted = [SEATS[n % capacity] for n in range(CLIENTS)]
    answers = await asyncio.gather(*(match.take(f"c{n}", [name]) for n, name in enumerate(wanted)))
    assert codes(answers) == {"confirmed": capacity, "sold_out": CLIENTS - capacity}
    assert taken(answers) == SEATS[:capacity]
    async with asyncio.timeout(MAP_TIMEOUT_S):
        while await match.looks() != [2] * capacity:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
    await audited(running_server, match.event_id)


async def test_pairs_and_singles_never_share_a_seat(running_server: Served, match: Match) -> None:
    await match.open_hall(5)
    wanted: list[list[str] | None] = [["S/A/1", "S/A/2"], ["S/A/2", "S/A/3"], ["S/A/4"], None]
    answers = await asyncio.gather(*(match.take(f"c{n}", wanted[n % 4]) for n in range(CLIENTS)))
    seats = Counter(taken(answers))
    assert set(seats.values()) == {1}
    assert seats.keys() <= set(SEATS)
    assert {body["code"] for status, body in answers if status != 201} <= {"sold_out", "no_fitting_seats"}
    await audited(running_server, match.event_id)


@pytest.mark.parametrize("capacity", [1, 5])
async def test_it_is_exact_though_the_owner_is_killed_meanwhile(
    running_server: Served, match: Match, capacity: int
) -> None:
    await match.open_hall(capacity, placement="dedicated")
    first = await match.take("first", None)
    victim = await match.owner(running_server)
    wanted = [None if n % 2 else [SEATS[n % capacity]] for n in range(CLIENTS - 1)]
    clients = [asyncio.create_task(match.take(f"c{n}", seats)) for n, seats in enumerate(wanted)]
    await asyncio.wait(clients, return_when=asyncio.FIRST_COMPLETED)
    assert victim.send(signal.SIGKILL)
    answers = [first, *await asyncio.gather(*clients)]
    assert codes(answers) == {"confirmed": capacity, "sold_out": CLIENTS - capacity}
    assert taken(answers) == SEATS[:capacity]
    await audited(running_server, match.event_id)
