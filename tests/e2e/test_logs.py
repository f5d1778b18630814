"""What the server writes down about itself names nobody, and gives no secret away."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.embedded.ray_head import temporary_folder
from tests.e2e.talk import Talk, operators
from tests.served import Served

WHO = f"Zerlina-{uuid.uuid4().hex}"
FILE_MAX_BYTES = 50_000_000


def written(server: Served) -> list[Path]:
    """Every file that the server, its embedded servers and Ray have logged into."""
    ray_logs = temporary_folder(server.data).glob("session_*/logs/**/*")
    logs = [server.output, *(server.data / "logs").rglob("*"), *ray_logs]
    return [path for path in logs if path.is_file()]


def said_somewhere(server: Served, secrets: dict[str, str]) -> set[tuple[str, str]]:
    """Which of these texts stand in which file."""
    found = set()
    for path in written(server):
        assert path.stat().st_size < FILE_MAX_BYTES, path
        text = path.read_bytes()
        found |= {(name, path.name) for name, secret in secrets.items() if secret.encode() in text}
    return found


async def everything_that_is_secret(anybody: Talk, operator: Talk) -> dict[str, str]:
    """A sale with refusals on its way, and what of it is nobody's business."""
    body: dict[str, Any] = {"price": 0, "one_per_customer": True, "cancel_until": "2031-05-01T20:00:00Z"}
    event_id = await operator.new_event(1, **body)
    held = (await anybody.holds(event_id, WHO)).body
    holder = anybody.as_one_with(Reservation_Token=held["token"])
    assert (await anybody.holds(event_id, WHO)).word == "already_reserved"
    assert (await holder.post(f"/reservations/{held['id']}/confirm")).word == "confirmed"
    assert (await holder.post(f"/reservations/{held['id']}/extend")).word == "wrong_state"
    wrong = {"email": f"{WHO}@example.org\0", "code": held["code"]}
    assert (await anybody.post(f"/events/{event_id}/reservations/cancel", wrong)).status == 422
    stranger = anybody.as_one_with(Authorization=f"Bearer {WHO}")
    assert (await stranger.post("/events", body)).status == 401
    return {"name": WHO, "token": held["token"], "code": held["code"]}


async def test_logs_name_nobody_and_give_no_secret_away(running_server: Served) -> None:
    async with aiohttp.ClientSession(running_server.endpoints["http"]) as http:
        operator = operators(http, running_server)
        secrets = await everything_that_is_secret(Talk(http), operator)
    places = running_server.endpoints
    secrets |= {name: places[name] for name in ("database_url", "redis_url") if name in places}
    announced = {"operator": places["admin_token"]}
    assert len(written(running_server)) > 5
    assert said_somewhere(running_server, {"where": places["http"]}), "the search finds what is there"
    assert said_somewhere(running_server, secrets) == set()
    # The operator's token is shown once, at the start, where the server was started.
    assert said_somewhere(running_server, announced) <= {("operator", running_server.output.name)}


PLACES = ["/api/v1/events", "/healthz", "/docs", "/api/v1/reservations/x", "/nothing"]


@pytest.mark.parametrize("path", PLACES)
async def test_each_answer_forbids_guessing_its_type(running_server: Served, path: str) -> None:
    async with (
        aiohttp.ClientSession(running_server.endpoints["http"]) as http,
        http.get(path) as answer,
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
