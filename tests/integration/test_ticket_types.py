"""Tickets of one type through the real server: 64 clients at once, exact, also across a kill -9."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from typing import Any

import pytest

from tests.integration.test_sessions import CLIENTS, Answer, Community, audited, codes, community
from tests.served import Served

__all__ = ["community"]


class Show(Community):
    """An event that sells one type for money: held first, then confirmed."""

    async def open_show(self, quota: int, **more: Any) -> None:
        price = {"amount": 4500, "currency": "EUR"}
        ticket = {"code": "place", "name": "Standard", "quota": quota, "price": price}
        await self.open(100, one_per_customer=False, listed="always", ticket_types=[ticket], **more)

    async def reserve(self, email: str, confirm: bool = False, key: dict[str, str] | None = None) -> Answer:
        return await super().reserve(email, False, key)

    async def say_of(self, reservation: dict[str, Any], what: str) -> Answer:
        return await self.post(f"/api/v1/reservations/{reservation['id']}/{what}", None, self.operator)


@pytest.fixture
def show(community: Community) -> Show:
    return Show(community._http, community.operator)


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(status for status, _ in answers)


def won(answers: list[Answer]) -> list[dict[str, Any]]:
    return [body for status, body in answers if status < 400]


@pytest.mark.parametrize("quota", [1, 5])
async def test_64_clients_hold_and_confirm_as_many_tickets_as_there_are(
    running_server: Served, show: Show, quota: int
) -> None:
    await show.open_show(quota)
    answers = await asyncio.gather(*(show.reserve(f"c{n}@example.org") for n in range(CLIENTS)))
    assert statuses(answers) == {201: quota, 423: CLIENTS - quota}
    confirms = [show.say_of(one, "confirm") for one in won(answers) for _ in range(3)]
    assert codes(await asyncio.gather(*confirms)) == {"confirmed": 3 * quota}
    assert codes([await show.reserve("late@example.org")]) == {"sold_out": 1}
    assert (await show.get())["reservations"] == quota
    await audited(running_server, show.event_id)


@pytest.mark.parametrize("quota", [1, 5])
async def test_it_is_exact_though_the_owner_is_killed_meanwhile(
    running_server: Served, show: Show, quota: int
) -> None:
    await show.open_show(quota, placement="dedicated")
    first = await show.reserve_at_last("first@example.org")
    victim = await show.owner(running_server)
    names = (f"c{n}@example.org" for n in range(CLIENTS - 1))
    clients = [asyncio.create_task(show.reserve_at_last(name)) for name in names]
    await asyncio.wait(clients, return_when=asyncio.FIRST_COMPLETED)
    assert victim.send(signal.SIGKILL)
    answers = [first, *await asyncio.gather(*clients)]
    assert statuses(answers) == {201: quota, 423: CLIENTS - quota}
    items = (await show.get("/reservations?limit=200"))["items"]
    assert {item["id"] for item in items} == {one["id"] for one in won(answers)}
    await audited(running_server, show.event_id)
