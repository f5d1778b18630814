"""A restaurant's tables through the real server: 64 clients at once, exact to the last table."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import aiohttp
import asyncpg
import pytest

from loadtest.endpoints import find_server
from loadtest.faults.processes import Target, target
from tests.served import Served

CLIENTS = 64
POLL_S = 0.1
Answer = tuple[int, dict[str, Any]]
DAY = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
TIMES = ("19:00", "19:15", "19:45", "20:30")
"""All within one stay of two hours: who has a table at one of them has it at all."""


class House:
    """One restaurant and its clients."""

    def __init__(self, http: aiohttp.ClientSession, operator: dict[str, str]) -> None:
        self._http = http
        self.operator = operator
        self.id = ""

    async def open(self, tables: int, **more: Any) -> None:
        body = {
            "name": "A house",
            "time_zone": "Europe/Rome",
            "services": [{"weekday": day, "opens": "12:00", "closes": "00:00"} for day in range(7)],
            "tables": [{"number": str(number), "largest": 4} for number in range(tables)],
            **more,
        }
        status, made = await self.post("/api/v1/restaurants", body, self.operator)
        assert status == 201, made
        self.id = made["id"]

    async def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        async with self._http.post(path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> Any:
        async with self._http.get(f"/api/v1/restaurants/{self.id}{path}", headers=self.operator) as answer:
            return await answer.json()

    async def reserve(self, number: int, key: dict[str, str] | None = None) -> Answer:
        customer = {"name": f"c{number}", "email": f"c{number}@example.org"}
        wish = {"date": DAY, "time": TIMES[number % 4], "party_size": 2, "customer": customer}
        return await self.post(f"/api/v1/restaurants/{self.id}/reservations", wish, key)

    async def reserve_at_last(self, number: int) -> Answer:
        """With a key, and as often as it takes to know."""
        key = {"Idempotency-Key": f"{self.id}-{number}"}
        while True:
            try:
                status, body = await self.reserve(number, key)
            except aiohttp.ClientConnectionError:
                continue
            if status != 503:
                return status, body
            await asyncio.sleep(POLL_S)

    async def act(self, reservation: dict[str, Any], what: str) -> Answer:
        headers = {"Reservation-Token": reservation["token"]}
        return await self.post(f"/api/v1/reservations/{reservation['id']}/{what}", None, headers)

    async def owner(self, server: Served) -> Target:
        """The process that owns the restaurant, which has a placement of its own."""
        async with self._http.get("/api/v1/owners", headers=self.operator) as answer:
            owners = (await answer.json())["items"]
        pid = next(one["pid"] for one in owners if one["name"] == f"event:{self.id}")
        return target("owner", pid, server.process.pid)


@pytest.fixture
async def house(running_server: Served) -> Any:
    operator = {"Authorization": f"Bearer {running_server.endpoints['admin_token']}"}
    async with aiohttp.ClientSession(running_server.endpoints["http"]) as http:
        yield House(http, operator)


def codes(answers: list[Answer]) -> Counter[str]:
    return Counter(body["status"] if status < 400 else body["code"] for status, body in answers)


async def overlaps(server: Served, restaurant_id: str) -> list[Any]:
    """Pairs of live reservations that have a table at one time, as the rows say."""
    connection = await asyncpg.connect(find_server(server.data).database_url)
    try:
        rows = await connection.fetch(
            "SELECT t.table_id, (r.lines ->> 'start_ms')::bigint, (r.lines ->> 'free_at_ms')::bigint"
            "  FROM reservations r JOIN table_times t ON t.reservation_id = r.id"
            " WHERE r.inventory_id = $1 AND r.live ORDER BY 1, 2",
            restaurant_id,
        )
    finally:
        await connection.close()
    taken = [tuple(row) for row in rows]
    assert taken
    return [(one, other) for one, other in pairwise(taken) if one[0] == other[0] and other[1] < one[2]]


@pytest.mark.parametrize("tables", [1, 5])
async def test_64_clients_get_as_many_tables_as_there_are(
    running_server: Served, house: House, tables: int
) -> None:
    await house.open(tables)
    answers = await asyncio.gather(*(house.reserve(n) for n in range(CLIENTS)))
    assert codes(answers) == {"held": CLIENTS}
    held = [body for status, body in answers if status == 201]
    assert len(held) == tables
    assert {status for status, _ in answers} == {201, 423}
    assert await overlaps(running_server, house.id) == []

    confirmed = await asyncio.gather(*(house.act(one, "confirm") for one in held))
    assert codes(confirmed) == {"confirmed": tables}
    assert codes([await house.reserve(0)]) == {"taken": 1}
    free = await house.get(f"/search?date={DAY}&party_size=2&earliest=19:00&latest=20:30")
    assert free["times"] == []

    cancelled = await asyncio.gather(*(house.act(one, "cancel") for one in held for _ in range(3)))
    assert codes(cancelled) == {"cancelled": 3 * tables}
    assert (await house.reserve(0))[0] == 201


@pytest.mark.parametrize("tables", [1, 5])
async def test_it_is_exact_though_the_owner_is_killed_meanwhile(
    running_server: Served, house: House, tables: int
) -> None:
    await house.open(tables, placement="dedicated")
    first = await house.reserve_at_last(CLIENTS)
    victim = await house.owner(running_server)
    clients = [asyncio.create_task(house.reserve_at_last(n)) for n in range(CLIENTS - 1)]
    await asyncio.wait(clients, return_when=asyncio.FIRST_COMPLETED)
    assert victim.send(signal.SIGKILL)
    answers = [first, *await asyncio.gather(*clients)]
    assert sorted(status for status, _ in answers) == [201] * tables + [423] * (CLIENTS - tables)
    held = {body["id"] for status, body in answers if status == 201}
    assert {one["id"] for one in (await house.get("/reservations?status=held"))["items"]} == held
    assert await overlaps(running_server, house.id) == []
