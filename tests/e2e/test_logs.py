"""What the server writes down about itself names nobody, and gives no secret away."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from server.embedded.ray_head import temporary_folder
from tests.e2e.confided import SOMEWHERE, confide, spellings
from tests.e2e.talk import Talk, address_of, operators, person
from tests.served import Served

FILE_MAX_BYTES = 100_000_000


def written(server: Served) -> list[Path]:
    """Every file that the server, its embedded servers and Ray have logged into."""
    ray_logs = temporary_folder(server.data).glob("session_*/logs/**/*")
    logs = [server.output, *(server.data / "logs").rglob("*"), *ray_logs]
    return [path for path in logs if path.is_file()]


def said_somewhere(server: Served, secrets: dict[str, str]) -> dict[tuple[str, str], bytes]:
    """What of these texts stands in which file, and the first line there."""
    looked_for = [(what, text.encode()) for secret, what in secrets.items() for text in spellings(secret)]
    found = {}
    for path in written(server):
        assert path.stat().st_size < FILE_MAX_BYTES, path
        log = path.read_bytes().lower()
        found |= {(what, path.name): line_at(log, log.find(text)) for what, text in looked_for if text in log}
    return found


def line_at(log: bytes, place: int) -> bytes:
    return log[log.rfind(b"\n", 0, place) + 1 : log.find(b"\n", place)]


def own_secrets(server: Served) -> dict[str, str]:
    """What the server has made for itself."""
    places = server.endpoints
    made = {path.read_text().strip(): path.name for path in (server.data / "secrets").iterdir()}
    given = {places[name]: name for name in ("database_url", "redis_url") if name in places}
    return {secret: what for secret, what in (made | given).items() if secret != places["admin_token"]}


async def a_sale_with_refusals_on_its_way(anybody: Talk, operator: Talk) -> None:
    """What a log is most likely to tell of."""
    body: dict[str, Any] = {"price": 0, "one_per_customer": True, "cancel_until": "2031-05-01T20:00:00Z"}
    event_id = await operator.new_event(1, **body)
    who = f"zerlina-{uuid.uuid4().hex}"
    held = (await anybody.holds(event_id, who)).body
    holder = anybody.as_one_with(Reservation_Token=held["token"])
    assert (await anybody.holds(event_id, who)).word == "already_reserved"
    assert (await holder.post(f"/reservations/{held['id']}/confirm")).word == "confirmed"
    assert (await holder.post(f"/reservations/{held['id']}/extend")).word == "wrong_state"
    wrong = {"email": f"{address_of(who)}\0", "code": held["code"]}
    assert (await anybody.post(f"/events/{event_id}/reservations/cancel", wrong)).status == 422
    stranger = anybody.as_one_with(Authorization=f"Bearer {who}")
    assert (await stranger.post("/events", body)).status == 401
    mistyped = f"/reservations/{held['token']}"
    assert (await anybody.ask("GET", mistyped)).status == 404
    assert (await anybody.ask("GET", f"{mistyped}?email={address_of(who)}")).status == 422


async def a_row_that_is_refused(server: Served) -> None:
    """PostgreSQL tells of it in its log, and by default shows the row."""
    row = person(f"octavian-{uuid.uuid4().hex}")
    confide("a row that was refused", row["name"])
    connection = await asyncpg.connect(server.endpoints["database_url"])
    try:
        with pytest.raises(asyncpg.NotNullViolationError):
            await connection.execute("INSERT INTO organisers (id, name) VALUES (NULL, $1)", row["name"])
    finally:
        await connection.close()


async def test_logs_name_nobody_and_give_no_secret_away(running_server: Served) -> None:
    """After all others with this server (`tests/workers.py`), each of whose requests is in the access log."""
    async with aiohttp.ClientSession(running_server.endpoints["http"]) as http:
        await a_sale_with_refusals_on_its_way(Talk(http), operators(http, running_server))
    await a_row_that_is_refused(running_server)
    places = running_server.endpoints
    operators_token = places["admin_token"]
    secrets = {secret: what for secret, what in SOMEWHERE.items() if secret != operators_token}
    names = {path.name for path in written(running_server)}
    assert {running_server.output.name, "postgres.log", "valkey.log", "ray.log"} <= names
    assert [name for name in names if re.fullmatch(r"worker-.*\.err", name)], "actors' logs"
    logged = {places["http"]: "where", "/api/v1/events/{event_id}/reservations": "the access log"}
    assert {what for what, _ in said_somewhere(running_server, logged)} == {*logged.values()}, (
        "the search finds what is there"
    )
    assert {"email", "name", "code", "token", "Authorization"} <= {
        what.split()[0] for what in secrets.values()
    }
    said = said_somewhere(running_server, secrets | own_secrets(running_server))
    assert not said, "\n".join(f"{what}, in {name}: {line!r}" for (what, name), line in said.items())
    # The operator's token is shown once, at the start, where the server was started.
    announced = said_somewhere(running_server, {operators_token: "operator"})
    assert announced.keys() <= {("operator", running_server.output.name)}


PLACES = ["/api/v1/events", "/healthz", "/docs", "/api/v1/reservations/x", "/nothing"]


@pytest.mark.parametrize("path", PLACES)
async def test_each_answer_forbids_guessing_its_type(running_server: Served, path: str) -> None:
    async with (
        aiohttp.ClientSession(running_server.endpoints["http"]) as http,
        http.get(path) as answer,
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_stop_leaves_nothing(running_server: Served) -> None:
    """Here, behind all others with it: it would cost a fifth of a core until the last test of all."""
    running_server.stop()
    assert running_server.process.poll() == 0
