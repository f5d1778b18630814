"""Whom the watchdog leaves alone: an owner that waits for PostgreSQL, and one that loads much.

Whom it ends, an owner that is stopped, is in `test_faults`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import psutil
import pytest

from loadtest.endpoints import Server, find_server
from loadtest.exchange import API
from loadtest.record import Recorder, Sale
from loadtest.sale import open_sale, operator
from tests.served import Served, until

WAITING_S = 6.0
"""Longer than `ask_timeout_ms` and the watchdog's look together."""
RESERVATIONS = 100_000
ANSWER_WITHIN_S = 60.0
HOLDS_MEANWHILE_MIN = 5
"""Of a mate while a large inventory loads: if that kept it waiting, its first would last until the end."""
FOUND_WITHIN_S = 30.0


class Desk:
    """What these tests do at a server."""

    def __init__(self, data: Path, folder: Path) -> None:
        self.server: Server = find_server(data)
        self.folder = folder

    def sale(self, name: str, capacity: int, placement: str = "pooled") -> Sale:
        with Recorder(self.folder, name) as recorder:
            return open_sale(self.server, recorder, name, capacity, 3_600, placement=placement)

    def hold(self, sale: Sale) -> float:
        """Insists with one key until there is a hold; how long that took, in seconds."""
        lines = [{"ticket_type": "adult", "quantity": 1}]
        customer = {"name": "A", "email": f"{uuid.uuid4()}@example.org"}
        body = msgspec.json.encode({"lines": lines, "customer": customer})
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        url, begun_s = f"{self.server.http}{API}/events/{sale.event}/reservations", time.monotonic()
        while time.monotonic() - begun_s < ANSWER_WITHIN_S:
            with contextlib.suppress(urllib.error.HTTPError):
                request = urllib.request.Request(url, body, headers)
                with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as reply:
                    assert reply.status == 201
                return time.monotonic() - begun_s
        raise AssertionError(f"no hold within {ANSWER_WITHIN_S} s")

    def owner(self, sale: Sale) -> dict[str, Any]:
        """The owner that has the event in memory."""

        def found() -> dict[str, Any] | None:
            owners = operator(self.server, f"{API}/owners")["items"]
            return next((one for one in owners if sale.event in one.get("owns", [])), None)

        owner: dict[str, Any] = until(found, FOUND_WITHIN_S, f"an owner has {sale.name}")
        return owner

    def sql(self, statement: str, *arguments: object) -> Any:
        return asyncio.run(_fetch(self.server.database_url, statement, *arguments))


async def _fetch(url: str, statement: str, *arguments: object) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(statement, *arguments)
    finally:
        await connection.close()


@pytest.fixture
def desk(running_server: Served, tmp_path: Path) -> Desk:
    return Desk(running_server.data, tmp_path)


@contextlib.contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """These processes stand still, and go on in any case."""
    processes = [psutil.Process(pid) for pid in pids]
    try:
        for process in processes:
            process.suspend()
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def test_an_owner_that_waits_for_postgresql_is_left_alone(desk: Desk) -> None:
    sale = desk.sale("Waits", 100, "dedicated")
    desk.hold(sale)
    owner = desk.owner(sale)
    sessions = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'turnstile owner%'"
    backends = [row["pid"] for row in desk.sql(sessions)]
    assert backends
    with ThreadPoolExecutor() as pool:
        with stopped(backends):
            waiting: Future[float] = pool.submit(desk.hold, sale)
            time.sleep(WAITING_S)
            assert not waiting.done()
        assert waiting.result() > WAITING_S - 1
    assert desk.owner(sale)["pid"] == owner["pid"]


def test_an_owner_that_loads_a_hundred_thousand_reservations_is_left_alone_and_serves_its_others(
    desk: Desk,
) -> None:
    large = desk.sale("Large", 2 * RESERVATIONS)
    mate = _mate_of(desk, large)
    desk.hold(large)
    desk.hold(mate)
    _fill(desk, large)
    killed = psutil.Process(desk.owner(mate)["pid"])
    killed.kill()
    desk.hold(mate)
    revived = desk.owner(mate)["pid"]
    assert revived != killed.pid
    holds_meanwhile = 0
    with ThreadPoolExecutor() as pool:
        loading = pool.submit(desk.hold, large)
        while not loading.done():
            desk.hold(mate)
            holds_meanwhile += not loading.done()
        loading.result()
    assert holds_meanwhile >= HOLDS_MEANWHILE_MIN
    assert desk.owner(large)["pid"] == revived


def _mate_of(desk: Desk, sale: Sale) -> Sale:
    """Another event of the same pool owner."""
    owners = "SELECT owner FROM inventories WHERE id = $1"
    wanted = desk.sql(owners, sale.event)[0]["owner"]
    for number in range(100):
        mate = desk.sale(f"Mate {number}", 1_000)
        if desk.sql(owners, mate.event)[0]["owner"] == wanted:
            return mate
    raise AssertionError("no event came to the same pool owner")


def _fill(desk: Desk, sale: Sale) -> None:
    """Confirmed reservations, put there behind the owner's back, while it is about to be killed."""
    desk.sql(
        "INSERT INTO reservations SELECT gen_random_uuid(), $1, 'confirmed', true, 0,"
        " '[[\"adult\",1,4500]]', decode(md5(n::text), 'hex'), '', 0, 0, 0"
        " FROM generate_series(1, $2::int) n",
        sale.event,
        RESERVATIONS,
    )
    desk.sql("UPDATE inventories SET live = live + $2::int WHERE id = $1", sale.event, RESERVATIONS)
    desk.sql(
        "UPDATE ticket_types SET confirmed = confirmed + $2::int WHERE inventory_id = $1 AND code = 'adult'",
        sale.event,
        RESERVATIONS,
    )
