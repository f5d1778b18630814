"""The auditor over what a real server has written, as it is and with one thing changed in the database."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import asyncpg
import pytest

from loadtest.auditor.audit import Auditor, Records
from loadtest.auditor.database import Database
from loadtest.auditor.findings import Check
from loadtest.auditor.verdict import Verdict
from loadtest.behaviours import OnSale, Person
from loadtest.endpoints import find_server
from loadtest.faults.clients import Clients
from loadtest.faults.stage import until
from loadtest.record import Recorder, Sale, read_records
from loadtest.sale import open_sale
from loadtest.statistics import record_statistics
from tests.loadtest.sound_sale import failed
from tests.served import Served

EFFECTS = 60
WITHIN_S = 60.0


class Sold:
    """A sale on the running server, and what its clients recorded."""

    def __init__(self, server: Served, folder: Path) -> None:
        self.url = find_server(server.data).database_url
        self.folder = folder
        with Recorder(folder, "operator") as recorder:
            self.sale = open_sale(find_server(server.data), recorder, "Audited", 1_000, 600)
        asyncio.run(_sell(find_server(server.data).http, self.sale, folder))
        record_statistics(find_server(server.data), [self.sale.event], (), folder)

    def audit(self) -> Verdict:
        with Database(self.url) as database:
            records = Records(read_records(self.folder))
            return Auditor(database, records, database.clock_ahead_ms()).run([self.sale.event])

    def execute(self, sql: str) -> None:
        """Behind the server's back."""
        asyncio.run(_execute(self.url, sql.replace("EVENT", f"'{self.sale.event}'")))


async def _sell(http: str, sale: Sale, folder: Path) -> None:
    with Recorder(folder, "clients") as recorder:
        clients = Clients(http, recorder)
        for number in range(8):
            person = Person(f"buyer-{number}", OnSale(sale.event, sale.opens_us), random.Random(number))
            clients.start(person, Person.buy)
        try:
            await until(lambda: len(clients.successes[sale.event]) >= EFFECTS, WITHIN_S, "sales")
        finally:
            await clients.stop()


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def sold(running_server: Served, tmp_path_factory: pytest.TempPathFactory) -> Sold:
    return Sold(running_server, tmp_path_factory.mktemp("records"))


def test_what_the_server_has_written_is_sound(sold: Sold) -> None:
    verdict = sold.audit()
    assert verdict.sound, [result for result in verdict.results if result.failures]
    assert verdict.inventories[0].facts >= EFFECTS
    looked_at = {result.check: result.looked_at for result in verdict.results}
    assert looked_at[Check.SALES.title] > 1
    assert looked_at[Check.STATISTICS.title] >= 3


ONE_HELD = "(SELECT min(id::text)::uuid FROM reservations WHERE inventory_id = EVENT)"
ONE_CONFIRMED = (
    "(SELECT min(id::text)::uuid FROM reservations WHERE inventory_id = EVENT AND status = 'confirmed')"
)
NOWHERE = "00000000-0000-0000-0000-000000000001"
LAST = "(SELECT max(seq) FROM journal WHERE inventory_id = EVENT)"


@pytest.mark.parametrize(
    ("damage", "repair", "check"),
    [
        (
            f"UPDATE reservations SET expires_ms = expires_ms + 1 WHERE id = {ONE_HELD}",
            f"UPDATE reservations SET expires_ms = expires_ms - 1 WHERE id = {ONE_HELD}",
            Check.RESERVATION_ROWS,
        ),
        (
            "UPDATE ticket_types SET confirmed = confirmed + 1 WHERE inventory_id = EVENT AND code = 'adult'",
            "UPDATE ticket_types SET confirmed = confirmed - 1 WHERE inventory_id = EVENT AND code = 'adult'",
            Check.TYPE_ROWS,
        ),
        (
            "UPDATE inventories SET live = live - 1 WHERE id = EVENT",
            "UPDATE inventories SET live = live + 1 WHERE id = EVENT",
            Check.INVENTORY_ROW,
        ),
        (
            f"UPDATE journal SET seq = seq + 1 WHERE inventory_id = EVENT AND seq = {LAST}",
            f"UPDATE journal SET seq = seq - 1 WHERE inventory_id = EVENT AND seq = {LAST}",
            Check.SEQUENCE,
        ),
        (
            "UPDATE events SET cancel_until_ms = cancel_until_ms + 1 WHERE id = EVENT",
            "UPDATE events SET cancel_until_ms = cancel_until_ms - 1 WHERE id = EVENT",
            Check.EVENT_ROW,
        ),
        (
            "UPDATE ticket_types SET price = price + 1 WHERE inventory_id = EVENT AND code = 'child'",
            "UPDATE ticket_types SET price = price - 1 WHERE inventory_id = EVENT AND code = 'child'",
            Check.TYPE_ROWS,
        ),
        (
            f"UPDATE reservations SET updated_ms = updated_ms - 60000 WHERE id = {ONE_CONFIRMED}",
            f"UPDATE reservations SET updated_ms = updated_ms + 60000 WHERE id = {ONE_CONFIRMED}",
            Check.SALES,
        ),
        (
            f"UPDATE requests SET scope = '{NOWHERE}' WHERE scope = EVENT",
            f"UPDATE requests SET scope = EVENT WHERE scope = '{NOWHERE}'",
            Check.REQUESTS,
        ),
    ],
)
def test_one_damaged_row_is_found(sold: Sold, damage: str, repair: str, check: Check) -> None:
    sold.execute(damage)
    try:
        assert check.title in failed(sold.audit())
    finally:
        sold.execute(repair)
    assert sold.audit().sound


def test_a_reservation_lost_behind_the_servers_back_is_missed_by_its_client(sold: Sold) -> None:
    """The last append and all it did are taken out; only whoever was told of it can know."""
    kept = f"CREATE TABLE kept AS SELECT * FROM journal WHERE inventory_id = EVENT AND seq = {LAST}"
    sold.execute(f"{kept}; DELETE FROM journal WHERE inventory_id = EVENT AND seq = {LAST}")
    try:
        assert Check.ACKNOWLEDGED.title in failed(sold.audit())
    finally:
        sold.execute("INSERT INTO journal SELECT * FROM kept; DROP TABLE kept")
    assert sold.audit().sound


def test_the_auditors_connection_cannot_write(sold: Sold) -> None:
    with Database(sold.url) as database, pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        database._fetch("DELETE FROM reservations WHERE id IS NULL")
