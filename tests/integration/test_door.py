"""The door on the real server: one ticket, 64 who come with it at once, and an owner that dies meanwhile."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import msgspec

from tests.integration.test_sessions import Answer, Community, audited, community
from tests.served import Served

__all__ = ["community"]
CLIENTS = 64
POLL_S = 0.1


async def bought(community: Community, quantity: int) -> tuple[dict[str, Any], list[str]]:
    """A confirmed reservation, and the codes of its tickets."""
    await community.open(100, placement="dedicated")
    body = {
        "lines": [{"ticket_type": "place", "quantity": quantity}],
        "customer": {"name": "Ada", "email": "ada@example.org"},
        "confirm": True,
    }
    status, made = await community.post(f"/api/v1/events/{community.event_id}/reservations", body)
    assert status == 201, made
    return made, [ticket["code"] for ticket in await tickets(community, made)]


async def tickets(community: Community, made: dict[str, Any]) -> list[dict[str, Any]]:
    path = f"/api/v1/reservations/{made['id']}/tickets"
    async with community._http.get(path, headers={"Reservation-Token": made["token"]}) as answer:
        listed: list[dict[str, Any]] = (await answer.json())["items"]
        return listed


async def scan(community: Community, code: str, gate: int) -> Answer:
    """With a key, and as often as it takes to know."""
    path = f"/api/v1/events/{community.event_id}/check-ins"
    headers = community.operator | {"Idempotency-Key": f"{code}-{gate}"}
    while True:
        status, said = await community.post(path, {"code": code, "gate": f"gate {gate}"}, headers)
        if status != 503:
            return status, said
        await asyncio.sleep(POLL_S)


async def test_of_64_who_come_with_one_ticket_one_is_let_in_and_the_others_are_told_by_whom(
    running_server: Served, community: Community
) -> None:
    _, codes = await bought(community, 2)
    answers = await asyncio.gather(*(scan(community, codes[0], gate) for gate in range(CLIENTS)))
    let_in = [said for status, said in answers if status == 200]
    turned_away = [said for status, said in answers if status == 409]
    assert (len(let_in), len(turned_away)) == (1, CLIENTS - 1)
    entry = let_in[0]["checked_in"]
    told = {name: entry[name] for name in ("at", "by", "gate")}
    assert [said["checked_in"] for said in turned_away] == [told] * (CLIENTS - 1)
    await audited(running_server, community.event_id)


async def test_nobody_is_let_in_twice_though_the_owner_is_killed_at_the_door(
    running_server: Served, community: Community
) -> None:
    made, codes = await bought(community, 16)
    victim = await community.owner(running_server)
    scans = [asyncio.create_task(scan(community, code, gate)) for gate in range(4) for code in codes]
    await asyncio.wait(scans, return_when=asyncio.FIRST_COMPLETED)
    assert victim.send(signal.SIGKILL)
    answers = await asyncio.gather(*scans)
    let_in = sorted(said["number"] for status, said in answers if status == 200)
    assert let_in == list(range(1, 17))
    assert {ticket["status"] for ticket in await tickets(community, made)} == {"checked_in"}
    path = f"/api/v1/events/{community.event_id}/check-ins/list"
    async with community._http.get(path, headers=community.operator) as answer:
        listed = [msgspec.json.decode(line) for line in (await answer.read()).splitlines()]
    assert [row["number"] for row in listed if row["checked_in"]] == let_in
    await audited(running_server, community.event_id)
