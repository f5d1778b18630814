"""Old requests are forgotten, the journal has its days ahead, and old days leave for files without a loss."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.event import counts
from domain.event_messages import EventFact
from persistence import journal_export, maintenance
from persistence.journal_export import Exported, JournalExport
from persistence.maintenance import DAY_MS, DAYS_AHEAD, Maintenance, day_of, ms_of, name_of
from persistence.store import Refused
from tests.persistence.sales import Sale, folded
from tests.persistence.worlds import PostgresWorld

TODAY = date(2025, 6, 2)
"""Long before the days that a migration makes partitions of."""


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[PostgresWorld]:
    made = PostgresWorld(database_url)
    yield made
    await made.close()


@pytest.fixture
async def keeper(database_url: str) -> AsyncIterator[Maintenance]:
    made = Maintenance(database_url)
    yield made
    await made.close()


async def sold_on(world: PostgresWorld, day: date, batches: int = 3) -> Sale:
    """An inventory that was made and sold on that day only."""
    store = world.store()
    sale = await Sale.opened(store, at_ms=ms_of(day))
    for _ in range(batches):
        sale.now_ms += 1_000
        assert await sale.append(store, sale.holds(1, 1))
    return sale


async def partition_of(world: PostgresWorld, sale: Sale) -> set[str]:
    connection = await world.connection()
    rows = await connection.fetch(
        "SELECT tableoid::regclass::text FROM journal WHERE inventory_id = $1", sale.id
    )
    return {row[0] for row in rows}


# --- requests -------------------------------------------------------------------------------------


async def test_requests_are_forgotten_after_their_time_and_not_before(
    world: PostgresWorld, keeper: Maintenance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "PURGE_SLICE_BLOCKS", 2)
    monkeypatch.setattr(maintenance, "PURGE_PAUSE_S", 0)
    connection = await world.connection()
    await connection.execute(
        "INSERT INTO requests SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), gen_random_uuid(), '', '', n"
        " FROM generate_series(1, 5000) n"
    )
    assert await connection.fetchval(maintenance.BLOCKS, "requests") > 20
    assert await keeper.purge("requests", 3_001) == 3_000
    assert await connection.fetchval("SELECT min(expires_ms) FROM requests") == 3_001
    assert await connection.fetchval("SELECT count(*) FROM requests") == 2_000
    assert await keeper.purge("requests", 3_001) == 0


# --- partitions -----------------------------------------------------------------------------------


async def test_a_migrated_database_has_the_days_to_come(keeper: Maintenance) -> None:
    today = day_of(await keeper.now_ms())
    there = {partition.day for partition in await keeper.partitions()}
    assert there == {None, *(today + timedelta(days=n) for n in range(DAYS_AHEAD + 1))}
    assert all(partition.size_bytes > 0 for partition in await keeper.partitions())


async def test_days_are_made_once_by_however_many(keeper: Maintenance, database_url: str) -> None:
    others = [Maintenance(database_url) for _ in range(3)]
    made = await asyncio.gather(*(one.make_partitions(ms_of(TODAY), 2) for one in (keeper, *others)))
    days = [TODAY + timedelta(days=n) for n in range(3)]
    assert sorted({name for names in made for name in names}) == [name_of(day) for day in days]
    assert await keeper.make_partitions(ms_of(TODAY), 2) == []
    for one in others:
        await one.close()


async def test_an_append_goes_into_its_days_partition_and_never_fails_for_want_of_one(
    world: PostgresWorld, keeper: Maintenance
) -> None:
    await keeper.make_partitions(ms_of(TODAY), 0)
    assert await partition_of(world, await sold_on(world, TODAY)) == {name_of(TODAY)}
    tomorrow = TODAY + timedelta(days=1)
    assert await partition_of(world, await sold_on(world, tomorrow)) == {"journal_default"}
    assert await keeper.make_partitions(ms_of(TODAY), 2) == [name_of(TODAY + timedelta(days=2))]


async def test_making_a_day_does_not_stand_in_the_way_of_appends_while_the_journal_is_read(
    world: PostgresWorld, keeper: Maintenance
) -> None:
    sale = await sold_on(world, TODAY)
    reader = await world.connection()
    await reader.execute("BEGIN; SELECT count(*) FROM journal")
    making = asyncio.create_task(keeper.make_partitions(ms_of(TODAY), 1))
    async with asyncio.timeout(10):
        slowest_s = 0.0
        while not making.done():
            started_s = time.monotonic()
            assert await sale.append(world.store(), sale.holds(1))
            slowest_s = max(slowest_s, time.monotonic() - started_s)
        assert await making == []
        assert slowest_s < maintenance.LOCK_TIMEOUT_MS / 1000 + 2
    await reader.execute("ROLLBACK")
    assert await keeper.make_partitions(ms_of(TODAY), 1) == [name_of(TODAY + timedelta(days=1))]


async def test_rounds_go_on_after_one_that_failed(
    world: PostgresWorld, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await world.connection()
    await connection.execute("ALTER TABLE requests RENAME TO hidden")
    keeper = Maintenance(database_url)
    rounds = asyncio.create_task(keeper.run(lambda: ms_of(TODAY), every_s=0.02))
    async with asyncio.timeout(10):
        while "maintenance failed" not in caplog.text:  # noqa: ASYNC110 - it is told by a log
            await asyncio.sleep(0.01)
        await connection.execute("ALTER TABLE hidden RENAME TO requests")
        await connection.execute("INSERT INTO requests VALUES ('\\x01', gen_random_uuid(), '', '', 5)")
        await world.until("SELECT 1 WHERE NOT EXISTS (SELECT FROM requests)")
    rounds.cancel()
    await asyncio.gather(rounds, return_exceptions=True)
    await keeper.close()


# --- export ---------------------------------------------------------------------------------------


@pytest.fixture
async def days(world: PostgresWorld, keeper: Maintenance) -> list[Sale]:
    """Three days, each with an inventory of its own; two more days without a partition, one old, one not."""
    await keeper.make_partitions(ms_of(TODAY), 2)
    sold = [await sold_on(world, TODAY + timedelta(days=n)) for n in (0, 1, 2, -5, 10)]
    await told_of(world)
    return sold


async def told_of(world: PostgresWorld) -> None:
    """All that has been appended until now."""
    connection = await world.connection()
    await connection.execute(
        "INSERT INTO outbox_positions SELECT id, seq, last_fact_ms, '{}' FROM inventories"
        " ON CONFLICT (inventory_id) DO UPDATE SET seq = excluded.seq"
    )


async def exported(url: str, folder: Path, before: date, drop: bool) -> list[Exported]:
    export = JournalExport(url, folder)
    try:
        return [one async for one in export.run(before, drop)]
    finally:
        await export.close()


def lines(file: Path) -> list[dict[str, Any]]:
    with gzip.open(file, "rt") as opened:
        return [json.loads(line) for line in opened]


def finished_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.suffix == ".gz"]


def state_in(rows: list[dict[str, Any]], sale: Sale) -> Any:
    ours = [row for row in rows if row["inventory_id"] == sale.id]
    assert [row["seq"] for row in ours] == list(range(1, sale.seq + 1))
    facts = [msgspec.json.decode(msgspec.json.encode(row["facts"]), type=list[EventFact]) for row in ours]
    return folded([msgspec.msgpack.encode(one) for one in facts])


async def test_days_before_are_exported_as_what_can_be_folded_again(
    world: PostgresWorld, days: list[Sale], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_export, "PAGE_MAX_ROWS", 3)
    found = await exported(world.url, tmp_path / "new", TODAY + timedelta(days=2), drop=False)
    assert [one.partition for one in found] == [
        name_of(TODAY),
        name_of(TODAY + timedelta(days=1)),
        "journal_default",
    ]
    assert found[0].file.name == f"journal-{TODAY.isoformat()}.jsonl.gz"
    assert [one.rows for one in found] == [4, 4, 4]
    for one, sale in zip(found, (days[0], days[1], days[3]), strict=True):
        state = state_in(lines(one.file), sale)
        assert state.reservations == sale.state.reservations
        assert counts(state) == counts(sale.state)
        assert len((await world.rows(sale.id)).journal) == 4
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(
        one.file.name for one in found
    )


async def test_dropped_days_are_gone_from_the_database_and_the_others_stay(
    world: PostgresWorld, days: list[Sale], keeper: Maintenance, tmp_path: Path
) -> None:
    before = TODAY + timedelta(days=2)
    found = await exported(world.url, tmp_path, before, drop=True)
    assert [len(lines(one.file)) for one in found] == [4, 4, 4]
    assert [len((await world.rows(sale.id)).journal) for sale in days] == [0, 0, 4, 0, 4]
    there = {partition.name for partition in await keeper.partitions()}
    assert not there & {name_of(TODAY), name_of(TODAY + timedelta(days=1))}
    assert await exported(world.url, tmp_path, before, drop=True) == []
    assert await days[2].append(world.store(), days[2].holds(1))


async def test_a_day_that_an_interrupted_run_left_detached_is_still_exported(
    world: PostgresWorld, days: list[Sale], tmp_path: Path
) -> None:
    connection = await world.connection()
    await connection.execute(f"ALTER TABLE journal DETACH PARTITION {name_of(TODAY)}")
    found = await exported(world.url, tmp_path, TODAY + timedelta(days=1), drop=True)
    assert state_in(lines(found[0].file), days[0]).reservations == days[0].state.reservations
    assert await connection.fetchval("SELECT to_regclass($1)", name_of(TODAY)) is None


async def test_a_day_that_is_not_over_stays(
    world: PostgresWorld, keeper: Maintenance, tmp_path: Path
) -> None:
    today = day_of(await keeper.now_ms())
    with pytest.raises(Refused, match="is not over"):
        await exported(world.url, tmp_path, today + timedelta(days=1), drop=True)
    assert await exported(world.url, tmp_path, today, drop=True) == []
    assert name_of(today) in {partition.name for partition in await keeper.partitions()}


async def test_what_cannot_be_written_is_not_dropped(
    world: PostgresWorld, days: list[Sale], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_export, "_lines_in", lambda path: 3)
    with pytest.raises(OSError, match="3 of 4 rows"):
        await exported(world.url, tmp_path, TODAY + timedelta(days=1), drop=True)
    assert finished_in(tmp_path) == []
    connection = await world.connection()
    assert await connection.fetchval(f"SELECT count(*) FROM {name_of(TODAY)}") == 4
    monkeypatch.undo()
    assert (await exported(world.url, tmp_path, TODAY + timedelta(days=1), drop=True))[0].rows == 4


@pytest.mark.parametrize(("place", "stays"), [(0, name_of(TODAY)), (3, "journal_default")])
async def test_what_nobody_has_been_told_of_is_not_dropped(
    world: PostgresWorld, days: list[Sale], tmp_path: Path, place: int, stays: str
) -> None:
    connection = await world.connection()
    unread = "UPDATE outbox_positions SET seq = 1 WHERE inventory_id = $1"
    await connection.execute(unread, days[place].id)
    tomorrow = TODAY + timedelta(days=1)
    with pytest.raises(Refused, match=f"{stays} holds 3 appends that nobody has been told of yet"):
        await exported(world.url, tmp_path, tomorrow, drop=True)
    assert [one.rows for one in await exported(world.url, tmp_path, tomorrow, drop=False)][-1] == 4
    assert len((await world.rows(days[place].id)).journal) == 4
    await told_of(world)
    assert (await exported(world.url, tmp_path, tomorrow, drop=True))[-1].rows == 4
    assert (await world.rows(days[place].id)).journal == []


async def test_what_is_appended_to_a_day_while_it_is_dropped_is_not_lost(
    world: PostgresWorld, days: list[Sale], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_export, "DETACH_PAUSE_S", 0.05)
    late = await world.connection()
    await late.execute("BEGIN")
    await late.execute(
        "INSERT INTO journal SELECT inventory_id, seq + 1, at_ms, facts FROM journal"
        " WHERE inventory_id = $1 AND seq = $2",
        days[0].id,
        days[0].seq,
    )
    await late.execute("UPDATE inventories SET seq = seq + 1 WHERE id = $1", days[0].id)
    dropping = asyncio.create_task(exported(world.url, tmp_path, TODAY + timedelta(days=1), drop=True))
    await world.until("SELECT 1 FROM pg_locks WHERE NOT granted")
    await late.execute("COMMIT")
    with pytest.raises(Refused, match="holds 1 appends"):
        await dropping
    assert len((await world.rows(days[0].id)).journal) == 5


async def test_a_drop_waits_for_readers_without_holding_appends_up(
    world: PostgresWorld, days: list[Sale], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_export, "DETACH_PAUSE_S", 0.05)
    reader = await world.connection()
    await reader.execute("BEGIN; SELECT count(*) FROM journal")
    dropping = asyncio.create_task(exported(world.url, tmp_path, TODAY + timedelta(days=1), drop=True))
    async with asyncio.timeout(20):
        for _ in range(10):
            assert await days[2].append(world.store(), days[2].holds(1))
        assert not dropping.done()
        await reader.execute("ROLLBACK")
        assert (await dropping)[0].rows == 4


def test_a_day_is_24_hours_of_utc() -> None:
    assert ms_of(date(1970, 1, 2)) == DAY_MS
    assert day_of(DAY_MS - 1) == date(1970, 1, 1)
    assert day_of(DAY_MS) == date(1970, 1, 2)
