"""Talks to the started server as a client does, and keeps what a story needs of it short to write."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp

from tests.e2e.confided import confided_by
from tests.served import Served

IN_TIME_S = 60.0
POLL_S = 0.1
LATER = "2031-05-01T20:00:00Z"
FAMILY = uuid.uuid4().hex[:12]
"""Of everybody here, found nowhere else."""


def person(who: str, email: str | None = None) -> dict[str, str]:
    """A customer, under a name that can be looked for."""
    return {"name": f"{who.title()} Lovelace-{FAMILY}", "email": email or address_of(who)}


def address_of(who: str) -> str:
    return f"{who}@{FAMILY}.example.org"


class Answer(NamedTuple):
    """What came back; of a list, `body` is its items."""

    status: int
    body: Any

    @property
    def word(self) -> str:
        """The problem's code, or what has become of a reservation."""
        return str(self.body["code"] if self.status >= 400 else self.body["status"])


class Talk:
    """One client of the server. Without `headers` nobody in particular."""

    def __init__(self, http: aiohttp.ClientSession, headers: Mapping[str, str] | None = None) -> None:
        self._http = http
        self.headers = dict(headers or {})

    def as_one_with(self, **headers: str) -> Talk:
        """Another client: `Reservation_Token` is the header Reservation-Token."""
        return Talk(self._http, {name.replace("_", "-"): value for name, value in headers.items()})

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._http.request(method, f"/api/v1{path}", json=body, headers=sent) as reply:
            answer = await reply.json(content_type=None) if reply.status != 204 else None
            confided_by(method, path, body, sent, answer)
            return Answer(reply.status, answer)

    async def get(self, path: str, **headers: str) -> Any:
        """What is found there."""
        status, body = await self.ask("GET", path, **headers)
        assert status == 200, body
        return body

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """With a key, and again with it while the server cannot say: owners may take long to start."""
        key = {"Idempotency_Key": str(uuid.uuid4())} | headers
        end_s = time.monotonic() + IN_TIME_S
        while (answer := await self.ask("POST", path, body, **key)).status == 503:
            assert time.monotonic() < end_s, answer
            await asyncio.sleep(POLL_S)
        return answer

    async def makes(self, path: str, body: Any) -> Any:
        """What was created."""
        status, made = await self.post(path, body)
        assert status == 201, made
        return made

    async def new_event(self, quota: int, price: int = 4500, **more: Any) -> str:
        """The id of an event with one ticket type, `ga`."""
        kind = {
            "code": "ga",
            "name": "Admission",
            "quota": quota,
            "price": {"amount": price, "currency": "EUR"},
        }
        body = {"name": "A show", "starts_at": LATER, "ticket_types": [kind], **more}
        return str((await self.makes("/events", body))["id"])

    async def holds(self, event_id: str, who: str, quantity: int = 1, **more: Any) -> Answer:
        """Ask for tickets of type `ga`."""
        body = {
            "lines": [{"ticket_type": "ga", "quantity": quantity}],
            "customer": person(who),
            **more,
        }
        return await self.post(f"/events/{event_id}/reservations", body)

    async def available(self, event_id: str) -> int:
        """Tickets of type `ga`, by the rows: `availability` is a copy and may be behind."""
        event = await self.get(f"/events/{event_id}/ticket-types/ga")
        return int(event["available"])


def operators(http: aiohttp.ClientSession, server: Served) -> Talk:
    """The operator's own client."""
    return Talk(http, {"Authorization": f"Bearer {server.endpoints['admin_token']}"})


def words(answers: list[Answer]) -> Counter[str]:
    return Counter(answer.word for answer in answers)


async def in_time(look: Any, what: str) -> Any:
    """What `look` finds, once that is true of anything."""
    end_s = time.monotonic() + IN_TIME_S
    while not (found := await look()):
        assert time.monotonic() < end_s, f"not within {IN_TIME_S:.0f} s: {what}"
        await asyncio.sleep(POLL_S)
    return found


async def ended(talk: Talk, path: str) -> Any:
    """What has become of a thing that is worked on behind the scenes."""

    async def look() -> Any:
        found = await talk.get(path)
        return found if found["status"] not in ("pending", "begin", "needs_action") else None

    return await in_time(look, f"{path} has ended")
