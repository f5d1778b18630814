"""Reservations asked for behind the scenes on the real server: what was accepted is answered, once, whoever
is killed in between.

The owner is stopped first, so that every submission is certainly still pending when its front end is killed,
and then the owner too.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from typing import Any

import aiohttp
import pytest

from loadtest.faults.processes import target
from tests.integration.test_sessions import Community, audited
from tests.served import Served

CLIENTS = 64
CAPACITY = 5
ANSWERED_TIMEOUT_S = 120.0
POLL_S = 0.1


class Client:
    """One who asks behind the scenes, with a key, and comes back for the answer."""

    def __init__(self, http: aiohttp.ClientSession, event_id: str, number: int) -> None:
        self._http = http
        self._path = f"/api/v1/events/{event_id}/reservations"
        self._key = {"Idempotency-Key": f"{event_id}-{number}"}
        self._body = {
            "lines": [{"ticket_type": "place", "quantity": 1}],
            "customer": {"name": f"Client {number}", "email": f"c{number}@example.org"},
            "confirm": True,
        }
        self.accepted: dict[str, Any] = {}
        self.location = ""

    async def ask(self) -> None:
        """Until it is accepted; asked again, it is the same submission."""
        status, said, headers = await self._post({**self._key, "Prefer": "respond-async"})
        assert status == 202, said
        assert self.accepted in ({}, said)
        self.accepted, self.location = said, headers["Location"]

    async def answer(self) -> dict[str, Any]:
        """What has become of it, as soon as something has."""
        token = {"Reservation-Token": self.accepted["token"]}
        while True:
            try:
                async with self._http.get(self.location, headers=token) as reply:
                    said: dict[str, Any] = await reply.json()
                    if reply.status == 200 and said["status"] != "pending":
                        return said
                    assert reply.status in (200, 503), said
            except aiohttp.ClientConnectionError:
                pass  # no front end, for now
            await asyncio.sleep(POLL_S)

    async def wait_for_it(self) -> tuple[int, dict[str, Any]]:
        """The same, asked with the same key and without the preference."""
        return (await self._post(self._key))[:2]

    async def _post(self, headers: dict[str, str]) -> tuple[int, dict[str, Any], Any]:
        """Again while a busy machine says 503: there is a key."""
        while True:
            async with self._http.post(self._path, json=self._body, headers=headers) as reply:
                if reply.status != 503:
                    return reply.status, await reply.json(), reply.headers
            await asyncio.sleep(POLL_S)


@pytest.fixture
async def community(running_server: Served) -> Any:
    operator = {"Authorization": f"Bearer {running_server.endpoints['admin_token']}"}
    async with aiohttp.ClientSession(running_server.endpoints["http"]) as http:
        yield Community(http, operator)


async def test_64_submissions_outlive_their_front_end_and_their_owner_and_five_of_them_get_a_place(
    running_server: Served, community: Community
) -> None:
    await community.open(CAPACITY, placement="dedicated")
    warm = await community.reserve_at_last("first@example.org")
    assert warm[0] == 201
    await community.say(
        "reservations/cancel", {"email": warm[1]["customer"]["email"], "code": warm[1]["code"]}
    )
    clients = [Client(community._http, community.event_id, number) for number in range(CLIENTS)]
    owner = await community.owner(running_server)
    front_end = target("front end", running_server.endpoints["pids"]["worker-1"], running_server.process.pid)
    assert owner.send(signal.SIGSTOP)
    await asyncio.gather(*(client.ask() for client in clients))
    assert front_end.send(signal.SIGKILL)
    assert owner.send(signal.SIGKILL)

    async with asyncio.timeout(ANSWERED_TIMEOUT_S):
        answers = await asyncio.gather(*(client.answer() for client in clients))
    said = Counter(answer.get("code") if answer["status"] == "rejected" else "made" for answer in answers)
    assert said == {"made": CAPACITY, "sold_out": CLIENTS - CAPACITY}
    assert (await community.get())["reservations"] == CAPACITY
    made = [
        (client, answer)
        for client, answer in zip(clients, answers, strict=True)
        if answer["status"] == "confirmed"
    ]
    for client, answer in made:
        assert answer["id"] == client.accepted["id"]
        assert answer["customer"]["email"] == client._body["customer"]["email"]

    await asyncio.gather(*(client.ask() for client in clients))
    waited = await asyncio.gather(*(client.wait_for_it() for client in clients))
    assert Counter(status for status, _ in waited) == {201: CAPACITY, 409: CLIENTS - CAPACITY}
    again = await asyncio.gather(*(client.answer() for client in clients))
    assert again == answers
    await audited(running_server, community.event_id)
