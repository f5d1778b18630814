"""Live streams of two real front ends: told of a sale, whatever Valkey does, wherever one comes back; a stop.

The tests follow one sale, in the order of the file, on the server that has sold for test_two_front_ends.py;
the last one stops it.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from tests.persistence.servers import frozen
from tests.platform.conftest import JSON, TIMEOUT_S, WORKERS, TwoFrontEnds, ask, hold_body
from tests.served import assert_gone, listens, until
from tests.server.live_client import Stream, counts_path, seats_path, times_path, watching

HOLDS = 40
BUYERS = 4
SEATS = 12
PRICE = {"amount": 1, "currency": "EUR"}
ADA = {"name": "Ada", "email": "ada@example.org"}
HOUSE: dict[str, Any] = {
    "name": "Corner",
    "time_zone": "UTC",
    "services": [{"weekday": day, "opens": "12:00", "closes": "23:00"} for day in range(7)],
    "tables": [{"number": "1", "largest": 4}, {"number": "2", "largest": 4}],
}


class Sale:
    """A server with two front ends and an event on sale there."""

    def __init__(self, running: TwoFrontEnds) -> None:
        self.running = running
        self.server = running.server
        self.valkey = running.valkey
        self.event_id = ""
        self.held = 0

    @property
    def url(self) -> str:
        return str(self.server.endpoints["http"])

    @property
    def hold_path(self) -> str:
        return f"/api/v1/events/{self.event_id}/reservations"

    @asynccontextmanager
    async def watching(
        self, worker: str, last: int | None = None, path: str | None = None
    ) -> AsyncIterator[Stream]:
        """A stream of that front end. The kernel deals connections out, so several are tried."""
        path = path or counts_path(self.event_id)
        async with asyncio.timeout(TIMEOUT_S), AsyncExitStack() as stack:
            while True:
                stream = await stack.enter_async_context(watching(self.running.address, path, last))
                if await asyncio.to_thread(self.running.worker_of, stream.port) == worker:
                    break
            yield stream

    async def create(self) -> None:
        kind = {"code": "std", "name": "Standard", "quota": 10_000, "price": PRICE}
        body = {"name": "First night", "starts_at": "2030-01-01T20:00:00Z", "ticket_types": [kind]}
        self.event_id = await self.made("events", body)

    async def made(self, what: str, body: dict[str, Any]) -> str:
        """The id of what an operator made."""
        token = self.server.endpoints["admin_token"]
        async with aiohttp.ClientSession(self.url) as session:
            return await made(session, what, body, {"Authorization": f"Bearer {token}"})

    async def hold(self, session: aiohttp.ClientSession) -> None:
        async with session.post(self.hold_path, json=hold_body()) as held:
            assert held.status == 201, await held.text()
        self.held += 1

    async def sell(self, count: int = HOLDS) -> None:
        async with aiohttp.ClientSession(self.url) as session:
            for _ in range(count // BUYERS):
                await asyncio.gather(*(self.hold(session) for _ in range(BUYERS)))

    async def all_told(self, stream: Stream) -> None:
        """Until this stream has told of all that was sold."""
        await _until_held(stream, self.held)


@pytest.fixture(scope="module")
def sale(two_front_ends: TwoFrontEnds) -> Sale:
    return Sale(two_front_ends)


async def test_the_streams_of_both_tell_of_a_sale(sale: Sale) -> None:
    await sale.create()
    async with sale.watching("worker-1") as one, sale.watching("worker-2") as two:
        telling = asyncio.gather(*(_until_held(stream, HOLDS) for stream in (one, two)))
        await sale.sell()
        await telling
        assert one.known == two.known == {"std": HOLDS}
        assert one.last == two.last


async def test_who_comes_back_to_the_other_hears_nothing_older_and_all_that_it_missed(sale: Sale) -> None:
    last: int | None = None
    for number in range(6):
        async with sale.watching(WORKERS[number % 2], last) as stream:
            await sale.sell(BUYERS)
            # The client checks that no sequence is below the last one that it had before.
            await sale.all_told(stream)
            last = stream.last


async def test_streams_go_on_while_valkey_is_killed_and_when_it_is_back(sale: Sale) -> None:
    async with sale.watching("worker-1") as one, sale.watching("worker-2") as two:
        sale.valkey.kill()
        await sale.sell()
        for stream in (one, two):
            await sale.all_told(stream)
        sale.valkey.start()
        await sale.sell()
        for stream in (one, two):
            await sale.all_told(stream)


async def test_seats_and_times_are_told_while_valkey_is_frozen(sale: Sale) -> None:
    block = {"section": "S", "rows": 1, "seats_per_row": SEATS}
    venue = await sale.made("venues", {"name": "Hall", "city": "Town", "plan": {"block": block}})
    kind = {"code": "seat", "name": "Seat", "price": PRICE, "categories": ["standard"]}
    show = {"name": "Show", "starts_at": "2030-01-01T20:00:00Z", "ticket_types": [kind]}
    event = await sale.made("events", show | {"seating": {"venue_id": venue}})
    house = await sale.made("restaurants", HOUSE)
    date = (datetime.now(UTC).date() + timedelta(days=7)).isoformat()
    paths = (seats_path(event), times_path(house, date, 2))
    async with AsyncExitStack() as stack, aiohttp.ClientSession(sale.url) as session:
        streams = [
            [await stack.enter_async_context(sale.watching(worker, path=path)) for worker in WORKERS]
            for path in paths
        ]
        sale.valkey.send(signal.SIGSTOP)
        stack.callback(sale.valkey.send, signal.SIGCONT)
        for seat in range(1, SEATS, 2):
            lines = [{"ticket_type": "seat", "quantity": 1, "seats": [f"S/1/{seat}"]}]
            await made(session, f"events/{event}/reservations", {"lines": lines, "customer": ADA})
        for _ in HOUSE["tables"]:
            wish = {"date": date, "time": "19:00", "party_size": 2, "customer": ADA}
            await made(session, f"restaurants/{house}/reservations", wish)
        for seats, times in zip(*streams, strict=True):
            await _until_map(seats, [1, 0] * (SEATS // 2))
            await _until_taken(times, "19:00")
            assert "21:00" in times.known


async def test_at_a_stop_streams_say_when_to_come_back_a_request_under_way_is_answered_and_nothing_is_left(
    sale: Sale,
) -> None:
    line_to, family = sale.running.line_to, sale.server.family()
    async with sale.watching("worker-1") as one, sale.watching("worker-2") as two:
        for stream in (one, two):
            assert await stream.next() is not None
        with closing(line_to("worker-1")) as line, closing(line_to("worker-1")) as other:
            with frozen(sale.running.database):
                line.request("POST", sale.hold_path, json.dumps(hold_body()), JSON)
                assert ask(other, "GET", "/healthz")[0] == 200, (
                    "what came later is answered: the hold is under way"
                )
                await _stopped_accepting(sale)
                for stream in (one, two):
                    await stream.rest()
                    assert len(stream.retry_ms) == 2
            assert line.getresponse().status == 201
    assert await asyncio.to_thread(sale.server.process.wait, TIMEOUT_S) == 0
    assert_gone(family)
    assert "SIGTERM received" not in sale.server.output.read_text(), "Ray reports a signal as a crash"


async def _stopped_accepting(sale: Sale) -> None:
    _, port = sale.running.address
    sale.server.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(until, lambda: not listens(port), TIMEOUT_S, "nothing new is accepted")


async def _until_held(stream: Stream, count: int) -> None:
    await _until(stream, lambda: stream.known.get("std") == count)


async def _until_map(stream: Stream, looks: list[int]) -> None:
    await _until(stream, lambda: [stream.known.get(seat) for seat in range(SEATS)] == looks)


async def _until_taken(stream: Stream, time: str) -> None:
    await _until(stream, lambda: stream.known and time not in stream.known)


async def _until(stream: Stream, condition: Callable[[], object]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():
            assert await stream.next() is not None, "the stream ended"


async def made(
    session: aiohttp.ClientSession, what: str, body: dict[str, Any], headers: dict[str, str] | None = None
) -> str:
    async with session.post(f"/api/v1/{what}", json=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["id"])
