"""What the migrations make is what the metadata says, and the hot statements find their rows by full keys."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from domain.event_messages import ConfirmReservation, Status, Terms
from persistence.append import append_statement
from persistence.connection import Limits
from persistence.customers import FORGET_TICKETS, OF_CUSTOMER, ON_HOLD, RECEIVED
from persistence.ledger import MOVE
from persistence.mail_queue import END, FAIL, GIVE_BACK
from persistence.migrate import migrate
from persistence.payment_statements import OF_CUSTOMER as PAYMENTS_OF_CUSTOMER
from persistence.payment_statements import REFUND_ENDED
from persistence.postgres import LIVE
from persistence.queries import MADE_AT, RESERVATIONS, STAYS_ON
from persistence.rows import TERMS_COLUMNS
from persistence.schema import metadata
from persistence.schema.events import events
from persistence.schema.inventories import JOURNAL_DEFAULT_PARTITION
from persistence.schema.ledger import LEDGER_ENTRIES
from persistence.submissions import POSTPONE, SETTLE
from tests.persistence.sales import Sale, new_id, place
from tests.persistence.worlds import PostgresWorld

DESCRIBED = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
         ORDER BY 1, 2""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY 1, 2""",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "relations": """
        SELECT relname, relkind::text, relpersistence::text, reloptions, pg_get_partkeydef(oid),
               pg_get_expr(relpartbound, oid)
          FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1""",
}


async def described(url: str) -> dict[str, list[str]]:
    connection = await asyncpg.connect(url)
    try:
        found = {name: await connection.fetch(sql) for name, sql in DESCRIBED.items()}
    finally:
        await connection.close()
    ours = {name: [str(tuple(row)) for row in rows] for name, rows in found.items()}
    return {
        name: [row for row in rows if "alembic" not in row and not re.search(r"journal_\d{8}", row)]
        for name, rows in ours.items()
    }


async def test_the_migrated_schema_is_the_metadata(empty_url: str, postgres_url: str) -> None:
    engine = create_async_engine(make_url(empty_url).set(drivername="postgresql+asyncpg"))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(JOURNAL_DEFAULT_PARTITION)
        await connection.execute(LEDGER_ENTRIES)
    await engine.dispose()
    of_metadata, migrated = await described(empty_url), await described(postgres_url)
    assert of_metadata == migrated
    assert sum(map(len, migrated.values())) > 80


def test_every_field_of_an_events_terms_has_its_column() -> None:
    assert {*TERMS_COLUMNS, "capacity", "ticket_types"} == set(Terms.__struct_fields__)
    assert {name: str(events.c[name].type).lower() for name in TERMS_COLUMNS} == TERMS_COLUMNS


async def test_several_may_migrate_at_once_and_again(empty_url: str) -> None:
    await asyncio.gather(*(migrate(empty_url) for _ in range(3)))
    before = await described(empty_url)
    await migrate(empty_url)
    assert await described(empty_url) == before


async def test_each_database_has_keys_of_its_own(empty_url: str, postgres_url: str) -> None:
    await migrate(empty_url)
    keys = []
    for url in (empty_url, postgres_url):
        connection = await asyncpg.connect(url)
        keys.append(dict(await connection.fetch("SELECT name, value FROM secrets")))
        await connection.close()
    lengths = {name.partition(":")[0]: len(value) for name, value in keys[0].items()}
    assert lengths == {
        "access_key": 32,
        "reservation_token": 32,
        "customer_key": 32,
        "ticket_key": 32,
        "webhook_key": 32,
        "sandbox_webhook": 32,
        "database_id": 16,
    }
    assert not set(keys[0].values()) & set(keys[1].values())


async def test_migrating_runs_as_a_program_with_the_address_on_its_input(empty_url: str) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "persistence.migrate", stdin=asyncio.subprocess.PIPE
    )
    await program.communicate(empty_url.encode() + b"\n")
    assert program.returncode == 0
    assert "inventories_due" in str(await described(empty_url))


# --- plans ----------------------------------------------------------------------------------------


async def plan_of(connection: Any, sql: str, values: Sequence[object]) -> str:
    """The plan that is made without knowing the values, as it is kept by a connection that prepared it."""
    kinds = dict(re.findall(r"\$(\d+)::([a-z]+(?:\[\])?)", sql, flags=re.IGNORECASE))
    declared = ", ".join(kinds.get(str(n), "unknown") for n in range(1, len(values) + 1))
    await connection.execute(f"PREPARE statement({declared}) AS {sql}")
    nothing = ", ".join("NULL" for _ in values)
    rows = await connection.fetch(f"EXPLAIN (GENERIC_PLAN) EXECUTE statement({nothing})")
    await connection.execute("DEALLOCATE statement")
    return "\n".join(row[0] for row in rows)


@pytest.fixture
async def planner(database_url: str) -> Any:
    """A connection as an owner opens it, to a database without a row: plans are made early, and kept."""
    connection = await asyncpg.connect(database_url, server_settings=Limits().server_settings("plans"))
    yield connection
    await connection.close()


async def test_an_append_finds_every_row_by_its_whole_key(planner: Any, postgres: PostgresWorld) -> None:
    store = postgres.store()
    sales = [await Sale.opened(store) for _ in range(2)]
    holds = [place() for _ in sales]
    for sale, hold in zip(sales, holds, strict=True):
        await sale.append(store, sale.decided(hold))
    confirm = [
        sale.decided(ConfirmReservation(hold.reservation_id), place())
        for sale, hold in zip(sales, holds, strict=True)
    ]
    sql, columns = append_statement(confirm, [Sale(new_id()).decided()])
    plan = await plan_of(planner, sql, columns)
    assert "Index Cond: (id = e.id)" in plan
    assert "Index Cond: (id = c_1.id)" in plan or "Index Cond: (id = c.id)" in plan
    assert re.search(r"Index Cond: \(\(inventory_id = c\w*\.inventory_id\) AND \(code = c\w*\.code\)\)", plan)
    assert "Index Cond: (id = a.id)" in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan


@pytest.mark.parametrize("status", [None, Status.HELD, Status.EXPIRED])
async def test_reservations_are_listed_along_their_inventorys_index(
    planner: Any, status: Status | None
) -> None:
    await filled(planner)
    query = RESERVATIONS[status]
    given = {"event_id": None, "after": None, "limit": None, "now_ms": None}
    assert "reservations_pkey" not in await plan_of(planner, query.sql, query.values(given))


@pytest.mark.parametrize("status", [None, Status.HELD, Status.EXPIRED, Status.CONFIRMED])
async def test_a_day_of_stays_is_found_along_their_starts(planner: Any, status: Status | None) -> None:
    await filled(planner)
    await planner.execute(
        "INSERT INTO reservations SELECT gen_random_uuid(), '00000000-0000-0000-0000-00000000000b',"
        " 'confirmed', true, 0, format('{\"tables\":[],\"start_ms\":%s}', n)::json, '', '', 0, 0, 0"
        " FROM generate_series(1, 5000) n; ANALYZE reservations"
    )
    query = STAYS_ON[status]
    given = dict.fromkeys(("event_id", "after", "limit", "now_ms", "since_ms", "until_ms", "table_id"))
    plan = await plan_of(planner, query.sql, query.values(given))
    assert "Index Scan using reservations_by_start" in plan or "on reservations_by_start" in plan
    assert "Seq Scan" not in plan
    assert "reservations_pkey" not in plan


async def test_live_reservations_are_loaded_along_their_inventorys_index(planner: Any) -> None:
    await filled(planner)
    plan = await plan_of(planner, LIVE.replace("$1", "$1::uuid").replace("$3", "$3::int"), (1, 2, 3))
    assert "Index Scan using reservations_of_inventory" in plan
    assert "reservations_pkey" not in plan
    assert "Sort" not in plan


async def test_what_a_code_belongs_to_is_looked_up_along_its_inventorys_index(planner: Any) -> None:
    await filled(planner)
    given = {"event_id": None, "customer": None, "first": None, "last": None}
    plan = await plan_of(planner, MADE_AT.sql, MADE_AT.values(given))
    assert plan.count("Index Scan on reservations_of_inventory") == 2
    assert "reservations_pkey" not in plan


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (RECEIVED, "Index Scan Backward using tickets_of_holder"),
        (FORGET_TICKETS, "Index Scan using tickets_of_holder"),
        (PAYMENTS_OF_CUSTOMER, "payments_of_wallet"),
    ],
)
async def test_what_belongs_to_an_account_is_found_by_an_index(planner: Any, sql: str, index: str) -> None:
    values = [None] * len({*re.findall(r"\$\d+", sql)})
    plan = await plan_of(planner, sql, values)
    assert index in plan
    assert not re.search(r"Seq Scan on (tickets|payments)\b", plan)


MANY = """
INSERT INTO payments (id, inventory_id, reservation_id, request_id, fingerprint, provider, method, step,
                      standing, captured, promised, conceded, refunded, deadline_ms, created_ms, updated_ms,
                      attempts, pauses, pays_out)
SELECT id, id, id, uuid_send(id), '', 'wallet', '', 'done', 'failed', false, 0, 0, 0, 0, 0, 0, 0, 0, false
  FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 2000)) new;
INSERT INTO ledger_accounts
SELECT gen_random_uuid(), 'wallet', n::text, 'EUR', 0, 0 FROM generate_series(1, 300) n;
INSERT INTO outgoing_mails (id, kind, status, parameters, created_ms, due_ms, attempts)
SELECT gen_random_uuid(), 'confirmed', 'pending', '{}', n, n, 0 FROM generate_series(1, 2000) n"""


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        (REFUND_ENDED, r"payments_pkey on payments .*\n.*Index Cond: \(id = e.payment_id\)"),
        (OF_CUSTOMER, r"reservations_pkey on reservations .*\n.*Index Cond: \(id = c.reservation_id\)"),
        (MOVE, r"on ledger_accounts a .*\n.*Index Cond: \(id = "),
        (END, r"outgoing_mails_pkey on outgoing_mails .*\n.*Index Cond: \(id = "),
        (FAIL, r"outgoing_mails_pkey on outgoing_mails .*\n.*Index Cond: \(id = "),
        (GIVE_BACK, r"outgoing_mails_pkey.*\n.*Index Cond: \(id = ANY"),
        (SETTLE, r"submissions_pkey on submissions s_1 .*\n.*Index Cond: \(id = "),
        (POSTPONE, r"submissions_pkey on submissions s .*\n.*Index Cond: \(id = "),
        (ON_HOLD, r"submissions_pkey.*\n.*Index Cond: \(id = ANY"),
    ],
)
async def test_what_is_asked_all_the_time_reads_its_own_rows_though_there_are_no_statistics_yet(
    planner: Any, sql: str, found: str
) -> None:
    values = [None] * len({*re.findall(r"\$\d+", sql)})
    for rows in ("SELECT", MANY):
        await planner.execute(rows)
        plan = await plan_of(planner, sql, values)
        assert re.search(found, plan)
        assert not re.search(r"_pkey on (?:payments|reservations) .*\n(?!.*Index Cond)", plan)


async def filled(connection: Any) -> None:
    """One large event and many small ones: statistics that tempt a planner."""
    await connection.execute(
        "INSERT INTO reservations SELECT gen_random_uuid(), CASE WHEN n % 10 = 0 THEN gen_random_uuid()"
        " ELSE '00000000-0000-0000-0000-00000000000a' END, 'held', true, 0, '[]', '', '', 0, 0, 0"
        " FROM generate_series(1, 20000) n; ANALYZE reservations"
    )
