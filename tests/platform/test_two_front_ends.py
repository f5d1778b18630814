"""Two front ends on one port, on a PostgreSQL and a Valkey that are given, without Ray's dashboard: they sell
as one, and each goes on without the other.

The tests follow one sale, in the order of the file. What they leave is what the streams of
test_two_front_ends_streams.py begin with, where the server is stopped too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from tests.platform.conftest import TIMEOUT_S, WORKERS, TwoFrontEnds, ask, hold_body
from tests.served import clean_environment, until

HOLDS_EACH = 3


class Sale:
    """A server with two front ends and an event on sale there, and what it was given."""

    def __init__(self, running: TwoFrontEnds) -> None:
        self.running = running
        self.server = running.server
        self.database_url = running.database_url
        self.redis_url = running.valkey.url
        self.event_id = ""
        self.held = 0

    @property
    def hold_path(self) -> str:
        return f"/api/v1/events/{self.event_id}/reservations"

    def create(self, line: HTTPConnection) -> None:
        kind = {"code": "std", "name": "Standard", "quota": 100, "price": {"amount": 4500, "currency": "EUR"}}
        body = {"name": "First night", "starts_at": "2030-01-01T20:00:00Z", "ticket_types": [kind]}
        token = self.server.endpoints["admin_token"]
        status, event = ask(line, "POST", "/api/v1/events", body, Authorization=f"Bearer {token}")
        assert status == 201, event
        self.event_id = event["id"]

    def hold(self, line: HTTPConnection) -> None:
        status, reply = ask(line, "POST", self.hold_path, hold_body())
        assert status == 201, reply
        self.held += 1

    def availability(self, line: HTTPConnection) -> tuple[int, int]:
        """(sequence, tickets held)."""
        status, reply = ask(line, "GET", f"/api/v1/events/{self.event_id}/availability")
        assert status == 200, reply
        return reply["sequence"], reply["ticket_types"][0]["held"]


@pytest.fixture(scope="module")
def sale(two_front_ends: TwoFrontEnds) -> Sale:
    return Sale(two_front_ends)


def test_without_a_dashboard_none_is_announced(sale: Sale) -> None:
    assert sale.server.endpoints["dashboard"] is None
    assert "it asks for a token" not in sale.server.output.read_text()
    assert "no dashboard" in sale.server.output.read_text()


def test_both_sell_and_whoever_is_asked_the_availability_never_goes_back(sale: Sale) -> None:
    with closing(sale.running.line_to("worker-1")) as one, closing(sale.running.line_to("worker-2")) as two:
        sale.create(one)
        seen = []
        for _ in range(HOLDS_EACH):
            for selling in (one, two):
                sale.hold(selling)
                seen += [sale.availability(line)[0] for line in (two, one, two)]
        assert seen == sorted(seen)
        for line in (one, two):
            until(lambda line=line: sale.availability(line)[1] == sale.held, TIMEOUT_S, "all that is held")


async def test_what_was_sold_is_in_the_database_that_was_given_and_no_other_was_started(sale: Sale) -> None:
    assert {*sale.server.endpoints["pids"]} == {"supervisor", "ray", *WORKERS}
    connection = await asyncpg.connect(sale.database_url)
    sold = await connection.fetchval(
        "SELECT count(*) FROM reservations WHERE inventory_id = $1", sale.event_id
    )
    await connection.close()
    assert sold == sale.held == 2 * HOLDS_EACH
    async with redis.asyncio.from_url(sale.redis_url) as valkey:
        assert len(await valkey.client_list()) > len(WORKERS), "front ends and an owner"


def test_the_metrics_of_either_are_the_sum_of_both(sale: Sale) -> None:
    _until_both_count(sale)


def test_who_is_signed_in_at_one_is_known_at_the_other_and_known_to_have_left(sale: Sale) -> None:
    me, password = "/api/v1/accounts/me", "correct horse battery"
    user_create(sale.server.data, "ada@example.org", password)
    with closing(sale.running.line_to("worker-1")) as one, closing(sale.running.line_to("worker-2")) as two:
        wrong = {"email": "ada@example.org", "password": f"{password}?"}
        assert ask(one, "POST", "/api/v1/sessions", wrong)[0] == 401
        status, said = ask(one, "POST", "/api/v1/sessions", wrong | {"password": password})
        assert status == 201, said
        bearer = {"Authorization": f"Bearer {said['access_token']}"}
        rotated = turnstile(sale.server.data, "keys", "rotate")
        assert rotated.returncode == 0, rotated.stderr
        for line in (one, two):
            assert ask(line, "GET", me, **bearer)[1]["role"] == "admin"
            assert ask(line, "GET", "/api/v1/owners", **bearer)[0] == 200
        assert _delete(one, "/api/v1/sessions/current", bearer) == 204
        assert ask(one, "GET", me, **bearer)[0] == 401
        until(lambda: ask(two, "GET", me, **bearer)[0] == 401, TIMEOUT_S, "the other knows too")


def user_create(data: Path, email: str, password: str) -> None:
    made = turnstile(data, "user", "create", "--role", "admin", "--email", email, said=password)
    assert made.returncode == 0, made.stderr
    assert password not in made.stdout


def turnstile(data: Path, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """The command, told something on its standard input."""
    return subprocess.run(
        [sys.executable, "-m", "server.cli", *words],
        input=f"{said}\n",
        env=clean_environment({"TURNSTILE_DATA": str(data)}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def _delete(line: HTTPConnection, path: str, headers: dict[str, str]) -> int:
    line.request("DELETE", path, headers=headers)
    with line.getresponse() as reply:
        reply.read()
        return reply.status


def test_one_that_is_killed_comes_back_and_the_other_sells_meanwhile(sale: Sale) -> None:
    before = sale.server.endpoints["pids"]
    with closing(sale.running.line_to("worker-2")) as other:
        os.kill(before["worker-1"], signal.SIGKILL)
        sale.hold(other)
        until(
            lambda: sale.server.endpoints["pids"]["worker-1"] != before["worker-1"], TIMEOUT_S, "it is back"
        )
        sale.hold(other)
    with closing(sale.running.line_to("worker-1")) as back:
        sale.hold(back)
    assert sale.server.endpoints["pids"]["worker-2"] == before["worker-2"]
    _until_both_count(sale)


def _until_both_count(sale: Sale) -> None:
    """Each shows what both have sold, what is still to be written down (once a second) included."""
    counted = f'turnstile_commands_total{{kind="PlaceHold",outcome="ok"}} {sale.held}.0\n'
    for worker in WORKERS:
        with closing(sale.running.line_to(worker)) as line:
            until(lambda line=line: counted in ask(line, "GET", "/metrics")[1], TIMEOUT_S, counted)
