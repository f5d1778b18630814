"""Events that were there before the catalogue are found in it after the migration."""

from __future__ import annotations

from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, make_url
from sqlalchemy.ext.asyncio import create_async_engine

import persistence
from domain.catalogue import Sort, Wanted, words_of
from persistence.migrate import migrate
from tests.persistence.test_catalogue import reading

BEFORE = """
INSERT INTO inventories (id, kind, owner, epoch, seq, live, last_fact_ms)
SELECT ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'event', 'pool:0', 1, 1, 0, 1
  FROM generate_series(1, 2500) n;
INSERT INTO events (id, version, paused, created_ms, name, starts_at_ms, currency, venue,
                    hold_duration_s, guests, hold_extensions_max)
SELECT id, 1, false, 1, 'Soirée ' || row_number() OVER (), 1, 'EUR', 'Große Halle', 900, true, 1
  FROM inventories;
INSERT INTO ticket_types (inventory_id, code, position, name, quota, price, held, confirmed)
SELECT id, 'A', 0, 'A', 1, 1, 0, 0 FROM inventories"""


def _first_version(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(persistence.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")


async def test_events_that_were_there_before_are_found_by_their_words(empty_url: str) -> None:
    engine = create_async_engine(make_url(empty_url).set(drivername="postgresql+asyncpg"))
    async with engine.begin() as connection:
        await connection.run_sync(_first_version)
    await engine.dispose()
    plain = await asyncpg.connect(empty_url)
    await plain.execute(BEFORE)
    await plain.close()
    await migrate(empty_url)
    async with reading(empty_url) as reads:
        found = await reads.events(Wanted(text=words_of("soiree"), sort=Sort.NAME), None, 3_000)
        assert len(found) == 2_500
        assert [one.place.key for one in found[:2]] == ["soiree 1", "soiree 10"]
        assert len(await reads.events(Wanted(venue=words_of("GROSSE")), None, 3_000)) == 2_500
