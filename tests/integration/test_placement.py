"""An event or a restaurant changes its owner while it sells: nothing lost or sold twice, nobody refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import aiohttp

from tests.served import Served

QUOTA = 300
BUYERS = 20
DAYS = 15
CUSTOMER = {"name": "Ada", "email": "ada@example.org"}
EVENT = {
    "name": "The moving show",
    "starts_at": "2031-01-01T20:00:00Z",
    "ticket_types": [
        {"code": "std", "name": "Standard", "quota": QUOTA, "price": {"amount": 1, "currency": "EUR"}}
    ],
}
RESTAURANT = {
    "name": "The moving table",
    "time_zone": "UTC",
    "services": [{"weekday": day, "opens": "00:00", "closes": "00:00"} for day in range(7)],
    "tables": [{"number": str(number), "largest": 2} for number in range(QUOTA // DAYS)],
}


async def test_an_event_moves_between_owners_while_it_sells(running_server: Served) -> None:
    hold = {"lines": [{"ticket_type": "std", "quantity": 1}], "customer": CUSTOMER}
    await _moves_while_it_sells(running_server, "/api/v1/events", EVENT, lambda _number: hold)


async def test_a_restaurant_moves_between_owners_while_it_sells(running_server: Served) -> None:
    first = datetime.now(UTC).date() + timedelta(days=2)

    def hold(number: int) -> dict[str, Any]:
        date = (first + timedelta(days=number % DAYS)).isoformat()
        return {"date": date, "time": "20:00", "party_size": 2, "customer": CUSTOMER}

    await _moves_while_it_sells(running_server, "/api/v1/restaurants", RESTAURANT, hold)


async def _moves_while_it_sells(
    server: Served, kind: str, body: dict[str, Any], hold: Callable[[int], dict[str, Any]]
) -> None:
    """`hold`: the body of each reservation; the first `QUOTA` of them are what there is."""
    operator = {"Authorization": f"Bearer {server.endpoints['admin_token']}"}
    async with aiohttp.ClientSession(server.endpoints["http"]) as session:
        status, made = await _post(session, kind, body, operator)
        assert status == 201, made
        path = f"{kind}/{made['id']}"
        sold: list[dict[str, Any]] = []
        refused: list[str] = []
        one_more = asyncio.Event()
        numbers = count()

        async def buy() -> None:
            while not refused:
                status, answer = await _post(session, f"{path}/reservations", hold(next(numbers)))
                if status == 201:
                    sold.append(answer)
                    one_more.set()
                else:
                    refused.append(answer["code"])

        buyers = [asyncio.create_task(buy()) for _ in range(BUYERS)]
        for wanted in ("dedicated", "pooled", "dedicated"):
            before = len(sold)
            placement = {"placement": wanted}
            async with session.put(f"{path}/placement", json=placement, headers=operator) as moved:
                assert moved.status == 200
                assert (await moved.json())["placement"] == wanted
            while len(sold) < min(before + 40, QUOTA):
                one_more.clear()
                await one_more.wait()
        await asyncio.gather(*buyers)
        assert set(refused) == {"held"}, "sold to the last place, and never unavailable"
        assert len({one["id"] for one in sold}) == QUOTA
        async with session.get(f"{path}/placement", headers=operator) as answer:
            assert (await answer.json())["owner"] == f"event:{made['id']}"


async def _post(
    session: aiohttp.ClientSession, path: str, body: dict[str, Any], headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    async with session.post(path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()
