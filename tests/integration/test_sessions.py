"""A community's session through the real server: 64 clients at once, exact to the last place."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from typing import Any

import aiohttp
import pytest

from loadtest.auditor.audit import Auditor, Records
from loadtest.auditor.database import Database
from loadtest.auditor.findings import Result
from loadtest.endpoints import find_server
from loadtest.faults.processes import Target, target
from tests.served import Served

CLIENTS = 64
ENDED_TIMEOUT_S = 60.0
POLL_S = 0.1
COPY_TIMEOUT_S = 10.0
"""Availability is a copy, up to 2 s old; a busy machine is given more."""
Answer = tuple[int, dict[str, Any]]


class Community:
    """One session and its clients."""

    def __init__(self, http: aiohttp.ClientSession, operator: dict[str, str]) -> None:
        self._http = http
        self.operator = operator
        self.event_id = ""

    async def open(self, capacity: int, **more: Any) -> None:
        free = {"code": "place", "name": "Place", "quota": 100, "price": {"amount": 0, "currency": "EUR"}}
        body = {
            "name": "A session",
            "starts_at": "2031-01-01T20:00:00Z",
            "cancel_until": "2031-01-01T20:00:00Z",
            "capacity": capacity,
            "one_per_customer": True,
            "listed": "while_open",
            "ticket_types": [free],
            **more,
        }
        status, made = await self.post("/api/v1/events", body, self.operator)
        assert status == 201, made
        self.event_id = made["id"]

    async def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        async with self._http.post(path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str = "") -> dict[str, Any]:
        async with self._http.get(f"/api/v1/events/{self.event_id}{path}", headers=self.operator) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def reserve(self, email: str, confirm: bool = True, key: dict[str, str] | None = None) -> Answer:
        body = {
            "lines": [{"ticket_type": "place", "quantity": 1}],
            "customer": {"name": email, "email": email},
            "confirm": confirm,
        }
        return await self.post(f"/api/v1/events/{self.event_id}/reservations", body, key)

    async def reserve_at_last(self, email: str) -> Answer:
        """With a key, and as often as it takes to know."""
        key = {"Idempotency-Key": f"{self.event_id} {email}".replace(" ", "-")}
        while True:
            try:
                status, body = await self.reserve(email, key=key)
            except aiohttp.ClientConnectionError:
                continue
            if status != 503:
                return status, body
            await asyncio.sleep(POLL_S)

    async def owner(self, server: Served) -> Target:
        """The process that owns the event, which has a placement of its own."""
        async with self._http.get("/api/v1/owners", headers=self.operator) as answer:
            owners = (await answer.json())["items"]
        pid = next(one["pid"] for one in owners if one["name"] == f"event:{self.event_id}")
        return target("owner", pid, server.process.pid)

    async def say(self, what: str, body: Any = None) -> Answer:
        return await self.post(f"/api/v1/events/{self.event_id}/{what}", body, self.operator)

    async def listed(self) -> bool:
        async with self._http.get("/api/v1/events?limit=200") as answer:
            return self.event_id in [event["id"] for event in (await answer.json())["items"]]


@pytest.fixture
async def community(running_server: Served) -> Any:
    operator = {"Authorization": f"Bearer {running_server.endpoints['admin_token']}"}
    async with aiohttp.ClientSession(running_server.endpoints["http"]) as http:
        yield Community(http, operator)


def codes(answers: list[Answer]) -> Counter[str]:
    return Counter(body["status"] if status < 400 else body["code"] for status, body in answers)


async def audited(server: Served, event_id: str) -> None:
    """The journal and the rows, by code that shares nothing with what wrote them."""

    def audit() -> list[Result]:
        with Database(find_server(server.data).database_url) as database:
            verdict = Auditor(database, Records()).run([event_id])
        return [result for result in verdict.results if result.failures]

    assert await asyncio.to_thread(audit) == []


@pytest.mark.parametrize("capacity", [1, 5])
async def test_64_clients_get_as_many_places_as_there_are(
    running_server: Served, community: Community, capacity: int
) -> None:
    await community.open(capacity)
    answers = await asyncio.gather(*(community.reserve(f"c{n}@example.org") for n in range(CLIENTS)))
    assert codes(answers) == {"confirmed": capacity, "sold_out": CLIENTS - capacity}
    assert (await community.get())["reservations"] == capacity
    assert not await community.listed()

    winners = [body for status, body in answers if status == 201]
    tries = [{"email": one["customer"]["email"], "code": one["code"]} for one in winners for _ in range(4)]
    cancelled = await asyncio.gather(*(community.say("reservations/cancel", body) for body in tries))
    assert codes(cancelled) == {"cancelled": capacity, "not_found": 3 * capacity}
    assert (await community.get())["reservations"] == 0
    assert await community.listed()
    await audited(running_server, community.event_id)


@pytest.mark.parametrize("capacity", [1, 5])
async def test_one_address_has_one_place_however_often_it_asks_at_once(
    running_server: Served, community: Community, capacity: int
) -> None:
    await community.open(capacity)
    spellings = ("ada@example.org", "ADA@example.org", " ada@Example.org ")
    answers = await asyncio.gather(*(community.reserve(spellings[n % 3]) for n in range(CLIENTS)))
    assert codes(answers) == {"confirmed": 1, "already_reserved": CLIENTS - 1}
    assert (await community.get())["reservations"] == 1
    await audited(running_server, community.event_id)


@pytest.mark.parametrize("capacity", [1, 5])
async def test_it_is_exact_though_the_owner_is_killed_meanwhile(
    running_server: Served, community: Community, capacity: int
) -> None:
    await community.open(capacity, placement="dedicated")
    first = await community.reserve_at_last("first@example.org")
    victim = await community.owner(running_server)
    names = (f"c{n}@example.org" for n in range(CLIENTS - 1))
    clients = [asyncio.create_task(community.reserve_at_last(name)) for name in names]
    await asyncio.wait(clients, return_when=asyncio.FIRST_COMPLETED)
    assert victim.send(signal.SIGKILL)
    answers = [first, *await asyncio.gather(*clients)]
    assert codes(answers) == {"confirmed": capacity, "sold_out": CLIENTS - capacity}
    assert (await community.get())["reservations"] == capacity
    await audited(running_server, community.event_id)


async def test_what_a_cancelled_event_had_ends_though_its_owner_is_killed(
    running_server: Served, community: Community
) -> None:
    await community.open(CLIENTS, placement="dedicated")
    await asyncio.gather(*(community.reserve(f"c{n}@example.org") for n in range(CLIENTS)))
    victim = await community.owner(running_server)
    assert (await community.say("cancel"))[1]["status"] == "cancelled"
    assert victim.send(signal.SIGKILL)
    async with asyncio.timeout(ENDED_TIMEOUT_S):
        while (await community.get("/reservations?status=confirmed"))["items"]:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
    items = (await community.get("/reservations?limit=200"))["items"]
    assert [item["status"] for item in items] == ["cancelled"] * CLIENTS
    await audited(running_server, community.event_id)


async def test_clients_of_an_event_that_is_cancelled_meanwhile_all_end_up_without_a_place(
    running_server: Served, community: Community
) -> None:
    await community.open(CLIENTS)
    first = await asyncio.gather(
        *(community.reserve(f"a{n}@example.org", n % 2 == 0) for n in range(CLIENTS // 2))
    )
    assert codes(first) == {"confirmed": CLIENTS // 4, "held": CLIENTS // 4}
    later = [community.reserve(f"b{n}@example.org") for n in range(CLIENTS // 2)]
    *answers, (status, cancelled) = await asyncio.gather(*later, community.say("cancel"))
    assert (status, cancelled["status"], cancelled["reservations"]) == (200, "cancelled", 0)
    assert set(codes(answers)) <= {"confirmed", "sales_closed"}
    assert codes([await community.reserve("late@example.org")]) == {"sales_closed": 1}
    ended: Counter[str] = Counter()
    for item in (await community.get("/reservations?limit=200"))["items"]:
        ended[item["status"]] += 1
    assert ended == {
        "released": CLIENTS // 4,
        "cancelled": CLIENTS // 4 + codes(answers)["confirmed"],
    }
    async with asyncio.timeout(COPY_TIMEOUT_S):
        while (await community.get("/availability"))["ticket_types"][0]["available"]:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
    await audited(running_server, community.event_id)
