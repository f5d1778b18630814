"""Two front ends on one port, on a PostgreSQL and a Valkey that are given, without Ray's dashboard: they sell
as one, and each goes on without the other.

The tests follow one sale, in the order of the file; the last one stops the server.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
import redis.asyncio

from server.supervisor.processes import Child
from tests.persistence.servers import frozen, throwaway_postgres, throwaway_valkey
from tests.served import Served, assert_gone, clean_environment, data_folder, listens, served, until

WORKERS = ("worker-1", "worker-2")
HOLDS_EACH = 3
TIMEOUT_S = 30.0
JSON = {"Content-Type": "application/json"}


class Sale:
    """A server with two front ends and an event on sale there, and what it was given."""

    def __init__(self, server: Served, database_url: str, database: Child, redis_url: str) -> None:
        self.server = server
        self.database_url = database_url
        self.database = database
        self.redis_url = redis_url
        self.event_id = ""
        self.held = 0

    @property
    def port(self) -> int:
        return int(self.server.endpoints["http"].rpartition(":")[2])

    @property
    def hold_path(self) -> str:
        return f"/api/v1/events/{self.event_id}/reservations"

    def line_to(self, worker: str) -> HTTPConnection:
        """A connection that this front end has accepted. The kernel deals them out, so several are tried."""
        with ExitStack() as others:

            def tried() -> HTTPConnection | None:
                line = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
                assert _ask(line, "GET", "/healthz")[0] == 200
                if self._accepted_by(worker, line):
                    return line
                others.callback(line.close)
                return None

            line: HTTPConnection = until(tried, TIMEOUT_S, f"a connection to {worker}")
            return line

    def create(self, line: HTTPConnection) -> None:
        kind = {"code": "std", "name": "Standard", "quota": 100, "price": {"amount": 4500, "currency": "EUR"}}
        body = {"name": "First night", "starts_at": "2030-01-01T20:00:00Z", "ticket_types": [kind]}
        token = self.server.endpoints["admin_token"]
        status, event = _ask(line, "POST", "/api/v1/events", body, Authorization=f"Bearer {token}")
        assert status == 201, event
        self.event_id = event["id"]

    def hold(self, line: HTTPConnection) -> None:
        status, reply = _ask(line, "POST", self.hold_path, hold_body())
        assert status == 201, reply
        self.held += 1

    def availability(self, line: HTTPConnection) -> tuple[int, int]:
        """(sequence, tickets held)."""
        status, reply = _ask(line, "GET", f"/api/v1/events/{self.event_id}/availability")
        assert status == 200, reply
        return reply["sequence"], reply["ticket_types"][0]["held"]

    def _accepted_by(self, worker: str, line: HTTPConnection) -> bool:
        mine = line.sock.getsockname()[1]
        process = psutil.Process(self.server.endpoints["pids"][worker])
        return any(one.raddr and one.raddr.port == mine for one in process.net_connections("inet"))


def hold_body() -> dict[str, Any]:
    return {
        "lines": [{"ticket_type": "std", "quantity": 1}],
        "customer": {"name": "Ada", "email": "ada@example.org"},
    }


def _ask(line: HTTPConnection, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Status and answer: decoded if it is JSON."""
    text = None if body is None else json.dumps(body)
    line.request(method, path, text, JSON | headers)
    with line.getresponse() as reply:
        said = reply.read().decode()
        return reply.status, json.loads(said) if "json" in reply.headers["Content-Type"] else said


@pytest.fixture(scope="module")
def sale() -> Iterator[Sale]:
    settings = {
        "TURNSTILE_WORKERS": "2",
        "TURNSTILE_DASHBOARD": "false",
        "TURNSTILE_POOL_OWNERS": "1",
        "TURNSTILE_TIMERS": "1",
    }
    with throwaway_postgres() as (url, database), throwaway_valkey() as valkey, data_folder() as data:
        given = {"DATABASE_URL": url, "REDIS_URL": valkey.url}
        with served(data, settings | given) as server:
            yield Sale(server, url, database, valkey.url)


def test_without_a_dashboard_none_is_announced(sale: Sale) -> None:
    assert sale.server.endpoints["dashboard"] is None
    assert "it asks for a token" not in sale.server.output.read_text()
    assert "no dashboard" in sale.server.output.read_text()


def test_both_sell_and_whoever_is_asked_the_availability_never_goes_back(sale: Sale) -> None:
    with closing(sale.line_to("worker-1")) as one, closing(sale.line_to("worker-2")) as two:
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
    with closing(sale.line_to("worker-1")) as one, closing(sale.line_to("worker-2")) as two:
        wrong = {"email": "ada@example.org", "password": f"{password}?"}
        assert _ask(one, "POST", "/api/v1/sessions", wrong)[0] == 401
        status, said = _ask(one, "POST", "/api/v1/sessions", wrong | {"password": password})
        assert status == 201, said
        bearer = {"Authorization": f"Bearer {said['access_token']}"}
        rotated = turnstile(sale.server.data, "keys", "rotate")
        assert rotated.returncode == 0, rotated.stderr
        for line in (one, two):
            assert _ask(line, "GET", me, **bearer)[1]["role"] == "admin"
            assert _ask(line, "GET", "/api/v1/owners", **bearer)[0] == 200
        assert _delete(one, "/api/v1/sessions/current", bearer) == 204
        assert _ask(one, "GET", me, **bearer)[0] == 401
        until(lambda: _ask(two, "GET", me, **bearer)[0] == 401, TIMEOUT_S, "the other knows too")


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
    with closing(sale.line_to("worker-2")) as other:
        os.kill(before["worker-1"], signal.SIGKILL)
        sale.hold(other)
        until(
            lambda: sale.server.endpoints["pids"]["worker-1"] != before["worker-1"], TIMEOUT_S, "it is back"
        )
        sale.hold(other)
    with closing(sale.line_to("worker-1")) as back:
        sale.hold(back)
    assert sale.server.endpoints["pids"]["worker-2"] == before["worker-2"]
    _until_both_count(sale)


def test_a_request_under_way_at_the_stop_is_answered_and_nothing_is_left(sale: Sale) -> None:
    family, port = sale.server.family(), sale.port
    with closing(sale.line_to("worker-1")) as line, closing(sale.line_to("worker-1")) as other:
        with frozen(sale.database):
            line.request("POST", sale.hold_path, json.dumps(hold_body()), JSON)
            assert _ask(other, "GET", "/healthz")[0] == 200, (
                "what came later is answered: the hold is under way"
            )
            sale.server.process.send_signal(signal.SIGTERM)
            until(lambda: not listens(port), TIMEOUT_S, "nothing new is accepted")
        assert line.getresponse().status == 201
    assert sale.server.process.wait(TIMEOUT_S) == 0
    assert_gone(family)
    assert "SIGTERM received" not in sale.server.output.read_text(), "Ray reports a signal as a crash"


def _until_both_count(sale: Sale) -> None:
    """Each shows what both have sold, what is still to be written down (once a second) included."""
    counted = f'turnstile_commands_total{{kind="PlaceHold",outcome="ok"}} {sale.held}.0\n'
    for worker in WORKERS:
        with closing(sale.line_to(worker)) as line:
            until(lambda line=line: counted in _ask(line, "GET", "/metrics")[1], TIMEOUT_S, counted)
