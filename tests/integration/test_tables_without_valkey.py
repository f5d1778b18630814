"""Tables on the real server while Valkey does not answer, is killed, and comes back: the same answers."""

from __future__ import annotations

import asyncio
import datetime as dt
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from loadtest.faults.processes import Target, target
from tests.integration.test_tables_audited import House, audited, codes, house, won
from tests.served import Served

__all__ = ["house"]
HOLD_S = 600
BACK_TIMEOUT_S = 60.0
POLL_S = 0.05


class Room(House):
    """One table, in UTC, open day and night."""

    @classmethod
    def of(cls, house: House) -> Room:
        return cls(house._http, house.operator)

    async def open_room(self) -> None:
        always = [{"weekday": day, "opens": "00:00", "closes": "00:00"} for day in range(7)]
        terms = {"time_zone": "UTC", "services": always, "hold_duration_s": HOLD_S, "stay_minutes": 60}
        notices = {"notice_same_day_minutes": 0, "notice_minutes": 0}
        await self.open(1, **terms, **notices)

    async def refused_reservation(self, who: str, **more: Any) -> tuple[int, str, str | None]:
        """Status, code and Retry-After."""
        body = {
            "date": DAY,
            "time": "19:30",
            "party_size": 2,
            "customer": {"name": who, "email": f"{who}@example.org"},
            **more,
        }
        path = f"/api/v1/restaurants/{self.id}/reservations"
        async with self._http.post(path, json=body) as answer:
            return answer.status, (await answer.json())["code"], answer.headers.get("Retry-After")

    async def free_times(self) -> list[str]:
        asked = f"date={DAY}&party_size=2"
        async with self._http.get(f"/api/v1/restaurants/{self.id}/search?{asked}") as answer:
            assert answer.status == 200, await answer.text()
            return [one["time"] for one in (await answer.json())["times"]]


DAY = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=5)).isoformat()


def valkey_of(server: Served) -> Target:
    pids = server.endpoints["pids"]
    return target("valkey", pids["valkey"], pids["supervisor"])


@asynccontextmanager
async def stopped(process: Target) -> AsyncIterator[None]:
    """It is there and says nothing, which is worse than being gone."""
    assert process.send(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send(signal.SIGCONT)


async def all_answers_are_right(server: Served, room: Room) -> None:
    """Free, held, confirmed, seated; and each seen by a search at once."""
    await room.open_room()
    assert "19:30" in await room.free_times()
    held = won([await room.reserve("ada")])[0]
    assert "19:30" not in await room.free_times()
    status, code, retry_after = await room.refused_reservation("bob")
    assert (status, code) == (423, "held")
    assert 0 < int(retry_after or 0) <= HOLD_S
    assert codes([await room.say(held, "confirm")]) == {"confirmed": 1}
    assert await room.refused_reservation("bob") == (409, "taken", None)
    assert codes([await room.say(held, "cancel")]) == {"cancelled": 1}
    assert "19:30" in await room.free_times()

    walk_in = {"party_size": 2, "stay_minutes": 720}
    path = f"/api/v1/restaurants/{room.id}/walk-ins"
    assert codes([await room.post(path, walk_in, room.operator)]) == {"seated": 1}
    soon = dt.datetime.now(dt.UTC).replace(minute=0) + dt.timedelta(hours=2)
    wished = {"date": f"{soon:%Y-%m-%d}", "time": f"{soon:%H:%M}"}
    assert await room.refused_reservation("bob", **wished) == (409, "taken", None)
    await audited(server, room.id)


async def test_a_lock_fell_open_while_redis_was_down(running_server: Served, house: House) -> None:
    """So it was with ReservaFlow (docs/five-systems.md). Here all is as always while Valkey says nothing."""
    async with stopped(valkey_of(running_server)):
        await all_answers_are_right(running_server, Room.of(house))


async def test_and_while_it_is_killed_and_comes_back_for_everybody_at_once(
    running_server: Served, house: House
) -> None:
    room, before = Room.of(house), valkey_of(running_server)
    assert before.send(signal.SIGKILL)
    await all_answers_are_right(running_server, room)
    async with asyncio.timeout(BACK_TIMEOUT_S):
        while running_server.endpoints["pids"]["valkey"] in (None, before.pid):  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
    await all_answers_are_right(running_server, Room.of(house))
    async with aiohttp.ClientSession(running_server.endpoints["http"]) as http, http.get("/readyz") as ready:
        assert ready.status == 200, await ready.text()
