"""An event changes its owner while it sells: nothing is lost, nothing sold twice, and nobody is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from tests.served import Served

QUOTA = 300
BUYERS = 20


async def test_an_event_moves_between_owners_while_it_sells(running_server: Served) -> None:
    operator = {"Authorization": f"Bearer {running_server.endpoints['admin_token']}"}
    async with aiohttp.ClientSession(running_server.endpoints["http"]) as session:
        event_id = await _new_event(session, operator)
        sold: list[dict[str, Any]] = []
        refused: list[str] = []
        one_more = asyncio.Event()

        async def buy() -> None:
            while not refused:
                status, body = await _hold(session, event_id)
                if status == 201:
                    sold.append(body)
                    one_more.set()
                else:
                    refused.append(body["code"])

        buyers = [asyncio.create_task(buy()) for _ in range(BUYERS)]
        path = f"/api/v1/events/{event_id}/placement"
        for wanted in ("dedicated", "pooled", "dedicated"):
            before = len(sold)
            async with session.put(path, json={"placement": wanted}, headers=operator) as moved:
                assert moved.status == 200
                assert (await moved.json())["placement"] == wanted
            while len(sold) < min(before + 40, QUOTA):
                one_more.clear()
                await one_more.wait()
        await asyncio.gather(*buyers)
        assert set(refused) == {"held"}, "sold to the last ticket, and never unavailable"
        assert len({one["id"] for one in sold}) == QUOTA
        async with session.get(path, headers=operator) as answer:
            assert (await answer.json())["owner"] == f"event:{event_id}"


async def _new_event(session: aiohttp.ClientSession, operator: dict[str, str]) -> str:
    body = {
        "name": "The moving show",
        "starts_at": "2031-01-01T20:00:00Z",
        "ticket_types": [
            {"code": "std", "name": "Standard", "quota": QUOTA, "price": {"amount": 1, "currency": "EUR"}}
        ],
    }
    async with session.post("/api/v1/events", json=body, headers=operator) as answer:
        assert answer.status == 201
        return str((await answer.json())["id"])


async def _hold(session: aiohttp.ClientSession, event_id: str) -> tuple[int, dict[str, Any]]:
    body = {
        "lines": [{"ticket_type": "std", "quantity": 1}],
        "customer": {"name": "Ada", "email": "ada@example.org"},
    }
    async with session.post(f"/api/v1/events/{event_id}/reservations", json=body) as answer:
        return answer.status, await answer.json()
