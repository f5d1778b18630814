"""A server with two front ends, for the files that follow one sale after the other on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import psutil
import pytest

from server.supervisor.processes import Child
from tests.persistence.servers import ValkeyServer, throwaway_postgres, throwaway_valkey
from tests.served import Served, data_folder, served, until

WORKERS = ("worker-1", "worker-2")
TIMEOUT_S = 30.0
JSON = {"Content-Type": "application/json"}
SETTINGS = {
    "TURNSTILE_WORKERS": "2",
    "TURNSTILE_DASHBOARD": "false",
    "TURNSTILE_POOL_OWNERS": "1",
    "TURNSTILE_TIMERS": "1",
}


@dataclass
class TwoFrontEnds:
    """The server, and what it was given."""

    server: Served
    database_url: str
    database: Child
    valkey: ValkeyServer

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.server.endpoints["http"].rpartition(":")[2])

    def worker_of(self, port: int) -> str:
        """The front end that has accepted the connection from this port."""
        for worker in WORKERS:
            process = psutil.Process(self.server.endpoints["pids"][worker])
            if any(one.raddr and one.raddr.port == port for one in process.net_connections("inet")):
                return worker
        return ""

    def line_to(self, worker: str) -> HTTPConnection:
        """A connection that this front end has accepted. The kernel deals them out, so several are tried."""
        with ExitStack() as others:

            def tried() -> HTTPConnection | None:
                line = HTTPConnection(*self.address, timeout=TIMEOUT_S)
                assert ask(line, "GET", "/healthz")[0] == 200
                if self.worker_of(line.sock.getsockname()[1]) == worker:
                    return line
                others.callback(line.close)
                return None

            line: HTTPConnection = until(tried, TIMEOUT_S, f"a connection to {worker}")
            return line


def ask(line: HTTPConnection, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Status and answer: decoded if it is JSON."""
    text = None if body is None else json.dumps(body)
    line.request(method, path, text, JSON | headers)
    with line.getresponse() as reply:
        said = reply.read().decode()
        return reply.status, json.loads(said) if "json" in reply.headers["Content-Type"] else said


def hold_body() -> dict[str, Any]:
    return {
        "lines": [{"ticket_type": "std", "quantity": 1}],
        "customer": {"name": "Ada", "email": "ada@example.org"},
    }


@pytest.fixture(scope="session")
def two_front_ends() -> Iterator[TwoFrontEnds]:
    """On one port, on a PostgreSQL and a Valkey that are given, without Ray's dashboard."""
    with throwaway_postgres() as (url, database), throwaway_valkey() as valkey, data_folder() as data:
        given = {"DATABASE_URL": url, "REDIS_URL": valkey.url}
        with served(data, SETTINGS | given) as server:
            yield TwoFrontEnds(server, url, database, valkey)
