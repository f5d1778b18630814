"""A match in a stadium, from the venue to its seats, through a whole server: sold by many at once."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from typing import Any

import aiohttp

from tests.served import Served

CATEGORIES = ["gold", "silver", "bronze"]
TIERS = [
    {"label": "Lower", "sectors": 40, "rows": 20, "seats_per_row": 30, "categories": CATEGORIES},
    {"label": "Upper", "sectors": 40, "rows": 20, "seats_per_row": 45, "categories": CATEGORIES},
]
BUYERS = 64
GROUP = 4
PRICE = {"amount": 5000, "currency": "EUR"}


async def test_a_stadium_is_sold_to_many_at_once_and_no_seat_twice(running_server: Served) -> None:
    operator = {"Authorization": f"Bearer {running_server.endpoints['admin_token']}"}

    async def make(path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with session.post(f"/api/v1/{path}", json=body, headers=operator) as made:
            assert made.status == 201, await made.text()
            return dict(await made.json())

    async def buy() -> list[str]:
        lines = [{"ticket_type": "gold", "quantity": GROUP}]
        body = {"lines": lines, "customer": {"name": "Ada", "email": "ada@example.org"}}
        async with session.post(f"/api/v1/events/{match['id']}/reservations", json=body) as held:
            assert held.status == 201, await held.text()
            return [seat for line in (await held.json())["lines"] for seat in line["seats"]]

    async with aiohttp.ClientSession(running_server.endpoints["http"]) as session:
        venue = await make(
            "venues", {"name": "The Bowl", "city": "Vienna", "plan": {"bowl": {"tiers": TIERS}}}
        )
        assert venue["plan"]["seats"] == 60_000
        types = [{"code": code, "name": code, "price": PRICE, "categories": [code]} for code in CATEGORIES]
        seating = {"venue_id": venue["id"]}
        starts_at = "2031-05-01T18:00:00Z"
        match = await make(
            "events", {"name": "A match", "starts_at": starts_at, "ticket_types": types, "seating": seating}
        )
        groups = await asyncio.gather(*(buy() for _ in range(BUYERS)))
        assert set(Counter(seat for group in groups for seat in group).values()) == {1}
        for group in groups:
            rows = {seat.rpartition("/")[0] for seat in group}
            numbers = sorted(int(seat.rpartition("/")[2]) for seat in group)
            assert len(rows) == 1
            assert numbers == list(range(numbers[0], numbers[0] + GROUP)), "side by side"
        async with session.delete(f"/api/v1/venues/{venue['id']}", headers=operator) as kept:
            assert (kept.status, (await kept.json())["code"]) == (409, "in_use")


async def test_of_matches_in_one_stadium_at_one_time_one_is_made(running_server: Served) -> None:
    operator = {"Authorization": f"Bearer {running_server.endpoints['admin_token']}"}

    async def ask(method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        async with session.request(method, f"/api/v1/{path}", json=body, headers=operator) as answer:
            return answer.status, dict(await answer.json())

    async def match(hour: int) -> tuple[int, dict[str, Any]]:
        types = [{"code": "a", "name": "A", "price": PRICE, "categories": ["standard"]}]
        times = {"starts_at": f"2031-06-01T{hour:02}:00:00Z", "ends_at": f"2031-06-01T{hour + 2:02}:00:00Z"}
        seating = {"venue_id": venue["id"]}
        return await ask("POST", "events", {"name": "M", "ticket_types": types, "seating": seating, **times})

    async with aiohttp.ClientSession(running_server.endpoints["http"]) as session:
        plan = {"block": {"section": "S", "rows": 2, "seats_per_row": 5}}
        _, venue = await ask("POST", "venues", {"name": "The Ground", "city": "Vienna", "plan": plan})
        made = await asyncio.gather(*(match(18) for _ in range(12)))
        assert Counter(status for status, _ in made) == {201: 1, 409: 11}
        assert {body["code"] for status, body in made if status == 409} == {"venue_taken"}
        status, other = await match(20)
        assert status == 201
        path = f"events/{other['id']}"
        status, refused = await ask("PATCH", path, {"starts_at": "2031-06-01T19:59:59Z"})
        assert (status, refused["code"]) == (409, "venue_taken")
        status, changed = await ask("PATCH", path, {"name": "Still there, and at its time"})
        assert (status, changed["starts_at"]) == (200, "2031-06-01T20:00:00.000Z")


async def test_a_season_is_made_from_a_list_and_made_once(running_server: Served) -> None:
    operator = {"Authorization": f"Bearer {running_server.endpoints['admin_token']}"}

    async def ask(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """Again with the same key, as long as the outcome is unknown."""
        given = {"json": body} if body is not None else {}
        sent = operator | {"Idempotency-Key": str(uuid.uuid4())} | headers
        while True:
            async with session.request(method, f"/api/v1/{path}", headers=sent, **given) as answer:
                status, said = answer.status, dict(await answer.json())
            problems = {
                item["problem"] and item["problem"]["code"]
                for item in said.get("items", ())
                if "problem" in item
            }
            if status != 503 and problems.isdisjoint(("unavailable", "overloaded")):
                return status, said

    def matches(months: range) -> list[dict[str, Any]]:
        return [{"name": f"Match {n}", "starts_at": f"2033-{n:02}-01T18:00:00Z"} for n in months]

    async with aiohttp.ClientSession(running_server.endpoints["http"]) as session:
        plan = {"block": {"section": "S", "rows": 2, "seats_per_row": 5}}
        _, venue = await ask("POST", "venues", {"name": "The Ground", "city": "Vienna", "plan": plan})
        kind = {"code": "a", "name": "A", "price": PRICE, "categories": ["standard"]}
        path, body = f"venues/{venue['id']}/fixtures", {"template": {"ticket_types": [kind]}}
        _, first = await ask("POST", path, body | {"fixtures": matches(range(1, 2))})
        model = first["items"][0]["event_id"]
        assert (await ask("POST", f"events/{model}/seats/block", {"seats": ["S/1/1"]}))[0] == 200
        # The same request several times at once, as from an impatient client: each match is made once.
        season = {"copy_from": model, "fixtures": [*matches(range(2, 8)), *matches(range(3, 4))]}
        answers = await asyncio.gather(
            *(ask("POST", path, season, **{"Idempotency-Key": "season"}) for _ in range(4))
        )
        ids = {tuple(item["event_id"] for item in made["items"]) for _, made in answers}
        assert len(ids) == 1
        [found] = ids
        assert [event_id is None for event_id in found] == [*[False] * 6, True]
        assert {made["items"][6]["problem"]["code"] for _, made in answers} == {"venue_taken"}
        _, listed = await ask("GET", "events?venue=The%20Ground&starts_from=2033-01-01T00:00:00Z&limit=200")
        assert len([event for event in listed["items"] if event["seating"]["venue_id"] == venue["id"]]) == 7
        for event_id in found[:6]:
            _, event = await ask("GET", f"events/{event_id}")
            assert (event["status"], event["ticket_types"][0]["available"]) == ("published", 9)
        kind["price"] = {"amount": 9000, "currency": "EUR"}
        other, target = {"fixtures": matches(range(9, 10)), "template": {"ticket_types": [kind]}}, found[0]
        _, dear = await ask("POST", path, other)
        copied = {"event_id": dear["items"][0]["event_id"]}
        status, event = await ask("POST", f"events/{target}/copy-from", copied, **{"If-Match": '"3"'})
        assert (status, event["ticket_types"][0]["price"]["amount"]) == (200, 9000)
        status, stale = await ask("POST", f"events/{target}/copy-from", copied, **{"If-Match": '"3"'})
        assert (status, stale["code"]) == (412, "stale")
