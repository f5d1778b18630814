"""What restaurants did on the real server, under many clients and a kill -9: the auditor agrees."""

from __future__ import annotations

import asyncio
import datetime as dt
import signal
from collections import Counter
from typing import Any

import aiohttp
import pytest

from loadtest.auditor.audit import Auditor, Records
from loadtest.auditor.database import Database
from loadtest.auditor.findings import Check
from loadtest.auditor.verdict import Verdict
from loadtest.endpoints import find_server
from loadtest.faults.processes import Target, target
from tests.served import Served

CLIENTS = 64
POLL_S = 0.1
PAID_TIMEOUT_S = 60.0
DAY = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=5)).isoformat()
OVERLAPPING = tuple(f"{hour}:{minute:02}" for hour in (19, 20) for minute in (0, 15, 30, 45))
"""A stay of two hours from one of these overlaps a stay from any other."""
Answer = tuple[int, dict[str, Any]]


class House:
    """One restaurant and its clients."""

    def __init__(self, http: aiohttp.ClientSession, operator: dict[str, str]) -> None:
        self._http = http
        self.operator = operator
        self.id = ""
        self.tables: dict[str, str] = {}

    async def open(self, tables: int, **more: Any) -> None:
        body = {
            "name": "A restaurant",
            "time_zone": "Europe/Berlin",
            "services": [{"weekday": day, "opens": "12:00", "closes": "00:00"} for day in range(7)],
            "tables": [{"number": str(number), "largest": 4} for number in range(tables)],
            "no_show_grace_minutes": 0,
            **more,
        }
        status, made = await self.post("/api/v1/restaurants", body, self.operator)
        assert status == 201, made
        self.id = made["id"]
        self.tables = {table["number"]: table["id"] for table in made["tables"]}

    async def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        async with self._http.post(path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def reserve(self, who: str, key: dict[str, str] | None = None, **more: Any) -> Answer:
        body = {
            "date": DAY,
            "time": "19:00",
            "party_size": 2,
            "customer": {"name": who, "email": f"{who}@example.org"},
            **more,
        }
        return await self.post(f"/api/v1/restaurants/{self.id}/reservations", body, key)

    async def reserve_at_last(self, who: str, **more: Any) -> Answer:
        """With a key, and as often as it takes to know."""
        key = {"Idempotency-Key": f"{self.id}-{who}"}
        while True:
            try:
                status, body = await self.reserve(who, key, **more)
            except aiohttp.ClientConnectionError:
                continue
            if status != 503:
                return status, body
            await asyncio.sleep(POLL_S)

    async def say(self, reservation: dict[str, Any], what: str, body: Any = None) -> Answer:
        return await self.post(f"/api/v1/reservations/{reservation['id']}/{what}", body, self.operator)

    async def say_with(
        self, reservation: dict[str, Any], what: str, body: Any, headers: dict[str, str]
    ) -> Answer:
        path = f"/api/v1/reservations/{reservation['id']}/{what}"
        return await self.post(path, body, self.operator | headers)

    async def payments(self, status: str, count: int) -> list[int]:
        """The amounts of so many deposits, once they stand so."""
        path = f"/api/v1/restaurants/{self.id}/payments?status={status}"
        async with asyncio.timeout(PAID_TIMEOUT_S):
            while True:
                async with self._http.get(path, headers=self.operator) as answer:
                    found = (await answer.json()).get("items", [])
                if len(found) == count:
                    return [one["amount"]["amount"] for one in found]
                await asyncio.sleep(POLL_S)

    async def live(self) -> list[dict[str, Any]]:
        path = f"/api/v1/restaurants/{self.id}/reservations?limit=200"
        async with self._http.get(path, headers=self.operator) as answer:
            items: list[dict[str, Any]] = (await answer.json())["items"]
        return [one for one in items if one["status"] in ("held", "confirmed", "seated")]

    async def owner(self, server: Served) -> Target:
        """The process that owns the restaurant, which has a placement of its own."""
        async with self._http.get("/api/v1/owners", headers=self.operator) as answer:
            owners = (await answer.json())["items"]
        pid = next(one["pid"] for one in owners if one["name"].endswith(self.id))
        return target("owner", pid, server.process.pid)


@pytest.fixture
async def house(running_server: Served) -> Any:
    operator = {"Authorization": f"Bearer {running_server.endpoints['admin_token']}"}
    async with aiohttp.ClientSession(running_server.endpoints["http"]) as http:
        yield House(http, operator)


def codes(answers: list[Answer]) -> Counter[str]:
    return Counter(body["status"] if status < 400 else body["code"] for status, body in answers)


def won(answers: list[Answer]) -> list[dict[str, Any]]:
    return [body for status, body in answers if status < 400]


async def audited(server: Served, restaurant_id: str) -> None:
    """The journal and the rows, by code that shares nothing with what wrote them."""

    def audit() -> Verdict:
        with Database(find_server(server.data).database_url) as database:
            return Auditor(database, Records()).run([restaurant_id])

    verdict = await asyncio.to_thread(audit)
    assert [result for result in verdict.results if result.failures] == []
    looked = {result.check for result in verdict.results if result.looked_at}
    assert {
        one.title for one in (Check.TABLES, Check.TABLE_TIMES, Check.RESTAURANT_ROW, Check.LIFE)
    } <= looked


@pytest.mark.parametrize("tables", [1, 5])
async def test_64_clients_get_as_many_tables_as_there_are(
    running_server: Served, house: House, tables: int
) -> None:
    await house.open(tables)
    wishes = (house.reserve(f"c{n}", time=OVERLAPPING[n % len(OVERLAPPING)]) for n in range(CLIENTS))
    answers = await asyncio.gather(*wishes)
    assert len(won(answers)) == tables
    assert codes([one for one in answers if one[0] >= 400]) == {"held": CLIENTS - tables}

    confirmed = await asyncio.gather(*(house.say(one, "confirm") for one in won(answers)))
    assert codes(confirmed) == {"confirmed": tables}
    assert codes([await house.reserve("late")]) == {"taken": 1}
    again = [house.say(one, "cancel") for one in won(answers) for _ in range(3)]
    assert codes(await asyncio.gather(*again)) == {"cancelled": 3 * tables}
    assert codes([await house.reserve("later")]) == {"held": 1}
    await audited(running_server, house.id)


@pytest.mark.parametrize("tables", [1, 5])
async def test_it_is_exact_though_the_owner_is_killed_meanwhile(
    running_server: Served, house: House, tables: int
) -> None:
    await house.open(tables, placement="dedicated")
    first = await house.reserve_at_last("first")
    victim = await house.owner(running_server)
    clients = [
        asyncio.create_task(house.reserve_at_last(f"c{n}", time=OVERLAPPING[n % len(OVERLAPPING)]))
        for n in range(CLIENTS - 1)
    ]
    await asyncio.wait(clients, return_when=asyncio.FIRST_COMPLETED)
    assert victim.send(signal.SIGKILL)
    answers = [first, *await asyncio.gather(*clients)]
    assert len(won(answers)) == tables
    assert {body["id"] for body in won(answers)} == {one["id"] for one in await house.live()}
    assert codes([one for one in answers if one[0] >= 400]) == {"held": CLIENTS - tables}
    await audited(running_server, house.id)


async def test_joined_tables_are_had_together_or_not_at_all(running_server: Served, house: House) -> None:
    joins = [{"tables": ["0", "1"], "smallest": 5, "largest": 8}]
    await house.open(2, joins=joins)
    sizes = [8 if number % 2 else 2 for number in range(CLIENTS)]
    answers = await asyncio.gather(*(house.reserve(f"c{n}", party_size=sizes[n]) for n in range(CLIENTS)))
    assert sorted(one["party_size"] for one in won(answers)) in ([8], [2, 2])
    assert sum(len(one["tables"]) for one in await house.live()) == 2
    await audited(running_server, house.id)


async def test_of_many_who_move_to_one_table_one_gets_it_and_all_others_keep_their_place(
    running_server: Served, house: House
) -> None:
    await house.open(8)
    placed = won(await asyncio.gather(*(house.reserve(f"c{n}", time="13:00") for n in range(8))))
    assert len(placed) == 8
    await asyncio.gather(*(house.say(one, "confirm") for one in placed))
    to = {"time": "19:00", "table_id": house.tables["0"]}
    answers = await asyncio.gather(*(house.say(one, "move", to) for one in placed))
    assert codes(answers) == {"confirmed": 1, "taken": 7}
    assert Counter(one["starts_at"] for one in await house.live())[placed[0]["starts_at"]] == 7
    assert codes([await house.reserve("late", time="13:00")]) == {"held": 1}
    await audited(running_server, house.id)


async def test_an_evening_in_the_dining_room_is_sound(running_server: Served, house: House) -> None:
    always = [{"weekday": day, "opens": "00:00", "closes": "00:00"} for day in range(7)]
    await house.open(4, services=always, buffer_minutes=10)
    walk_in = f"/api/v1/restaurants/{house.id}/walk-ins"
    guests = [
        (await house.post(walk_in, {"party_size": 2, "stay_minutes": 30}, house.operator))[1]
        for _ in range(3)
    ]
    assert [one["status"] for one in guests] == ["seated"] * 3
    assert (await house.say(guests[0], "prolong", {"by_minutes": 60}))[0] == 200
    assert codes([await house.say(guests[1], "complete")]) == {"completed": 1}
    gone = won([await house.reserve("gone")])[0]
    assert codes([await house.say(gone, "confirm"), await house.say(gone, "cancel")]) == {
        "confirmed": 1,
        "cancelled": 1,
    }
    await audited(running_server, house.id)


async def test_deposits_are_paid_and_given_back_though_the_owner_is_killed_meanwhile(
    running_server: Served, house: House
) -> None:
    await house.open(6, placement="dedicated", deposit={"amount": {"amount": 500, "currency": "EUR"}})
    held = [(await house.reserve_at_last(f"p{number}"))[1] for number in range(6)]
    for one in held:
        key = {"Idempotency-Key": "pay"}
        while (await house.say_with(one, "payments", {"provider": "sandbox"}, key))[0] == 503:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
        if one is held[2]:
            (await house.owner(running_server)).send(signal.SIGKILL)
    assert await house.payments("captured", 6) == [1_000] * 6
    for one in held[:2]:
        assert (await house.say(one, "cancel"))[1]["status"] == "cancelled"
    assert await house.payments("refunded", 2) == [1_000] * 2
    assert codes([(200, one) for one in await house.live()]) == {"confirmed": 4}
    await audited(running_server, house.id)
