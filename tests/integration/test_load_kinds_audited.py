"""Seats, tables and sessions on the real server, to clients who play what a load run plays: all is sound."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from loadtest.auditor.audit import Auditor, Records
from loadtest.auditor.database import Database
from loadtest.auditor.findings import Check
from loadtest.auditor.verdict import Verdict
from loadtest.browsing import Browser
from loadtest.endpoints import Server, find_server
from loadtest.evening import Diner
from loadtest.faults.clients import Clients
from loadtest.faults.stage import until
from loadtest.gathering import Neighbour
from loadtest.offers import Offers, Sizes, make_offers
from loadtest.record import Recorder, read_records
from loadtest.rush import Seatgoer
from loadtest.statistics import record_statistics
from tests.served import Served

SIZES = Sizes(tickets=100, seats=75, tables=8, places=10, hold_duration_s=600)
EFFECTS = 40
"""Acknowledged, of each kind, before clients stop."""
WITHIN_S = 60.0
STOP_WITHIN_S = 2.0
"""Who waits for what others hold is cut off; that is recorded as it is."""


def seed(name: str) -> random.Random:
    return random.Random(name)


async def play(server: Server, offers: Offers, recorder: Recorder) -> None:
    assert offers.seats is not None
    assert offers.tables is not None
    assert offers.sessions is not None
    clients = Clients(server.http, recorder, server.admin_token)
    for number in range(8):
        name = f"seats-{number}"
        clients.start(Seatgoer(name, offers.seats, seed(name)), Seatgoer.buy)
        name = f"tables-{number}"
        clients.start(Diner(name, offers.tables, seed(name)), Diner.dine)
    for number in range(3):
        name = f"more-{number}"
        clients.start(Seatgoer(f"seat-{name}", offers.seats, seed(name)), Seatgoer.witness)
        clients.start(Diner(f"table-{name}", offers.tables, seed(name)), Diner.witness)
        clients.start(Neighbour(f"neighbour-{name}", offers.sessions, seed(name)), Neighbour.join)
        clients.start(Browser(f"browser-{name}", seed(name)), Browser.browse)
    clients.start(Diner("staff", offers.tables, seed("staff")), Diner.serve)

    def enough() -> bool:
        wanted = (offers.seats.event, offers.tables.restaurant, offers.seats.witness_event)
        busy = all(len(clients.successes[one]) >= EFFECTS for one in wanted)
        return busy and any(clients.successes[one] for one in offers.sessions.sessions)

    try:
        await until(enough, WITHIN_S, "effects of each kind")
    finally:
        await clients.stop(STOP_WITHIN_S)


@pytest.fixture(scope="module")
def verdict(running_server: Served, tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    folder, server = tmp_path_factory.mktemp("records"), find_server(running_server.data)
    with Recorder(folder, "clients") as recorder:
        offers = make_offers(server, ("seats", "tables", "sessions"), SIZES, 0.0, recorder)
        asyncio.run(play(server, offers, recorder))
    return audited(server, folder)


def audited(server: Server, folder: Path) -> Verdict:
    found = Records(read_records(folder))
    record_statistics(server, found.sales, found.dinings, folder)
    with Database(server.database_url) as database:
        found = Records(read_records(folder))
        assert found.told_stays.keys() == found.dinings.keys() != set()
        return Auditor(database, found, database.clock_ahead_ms()).run([*found.sales, *found.dinings])


def test_what_they_were_told_and_what_the_server_has_written_agree(verdict: Verdict) -> None:
    assert verdict.sound, [result for result in verdict.results if result.failures]


@pytest.mark.parametrize(
    "check",
    [Check.SEATS, Check.TABLES, Check.ACKNOWLEDGED, Check.ASKED_FOR, Check.LINEARIZABLE, Check.STATISTICS],
)
def test_and_that_was_looked_at(verdict: Verdict, check: Check) -> None:
    looked_at = {result.check: result.looked_at for result in verdict.results}
    assert looked_at[check.title] > EFFECTS // 4


@pytest.mark.parametrize(
    "answer",
    ["seats: hold 201", "seats: map 200", "tables: search 200", "tables: walk-in 201", "browse: list 200"],
)
def test_each_kind_was_there(verdict: Verdict, answer: str) -> None:
    assert verdict.outcomes[answer] > 0
