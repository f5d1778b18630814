"""What was there before a catalogue, or before guests could be found, is found after the migration."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import msgspec
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, make_url
from sqlalchemy.ext.asyncio import create_async_engine

import persistence
from domain.catalogue import RestaurantSort, Sort, Wanted, WantedRestaurants, words_of
from domain.restaurant_messages import Service, SpecialDay
from persistence.migrate import migrate
from tests.persistence.restaurants import terms
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

FIRST = "01900000-0000-7000-8000-000000000001"
MONDAY = 20_780
"""2026-11-23."""
HOUSES = """
INSERT INTO inventories (id, kind, owner, epoch, seq, live, live_reservations, last_fact_ms)
SELECT ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'restaurant', 'pool:0', 1, 1, 0, 0, 1
  FROM generate_series(1, 2500) n;
INSERT INTO restaurants (id, version, paused, created_ms, name, city, terms, stage, deleted)
SELECT id, 1, false, 1, 'Zur Straße ' || row_number() OVER (ORDER BY id), 'Zürich',
       jsonb_set({terms}, '{{1}}', to_jsonb('Zur Straße ' || row_number() OVER (ORDER BY id))),
       'published', false
  FROM inventories"""
RESERVATIONS = f"""
INSERT INTO inventories (id, kind, owner, epoch, seq, live, live_reservations, last_fact_ms)
SELECT ('01900000-0000-7000-8000-00000000000' || n)::uuid, CASE n WHEN 1 THEN 'restaurant' ELSE 'event' END,
       'pool:0', 1, 1, 0, 0, 1
  FROM generate_series(1, 2) n;
INSERT INTO restaurants (id, version, paused, created_ms, name, city, terms, stage, deleted, name_key, words,
                         weekdays, special_open, special_closed)
VALUES ('{FIRST}', 1, false, 1, 'Corner', NULL, '{{}}', 'published', false, 'corner', '', 0, '{{}}', '{{}}');
INSERT INTO reservations (id, inventory_id, status, live, expires_ms, lines, customer, contact, extensions,
                          created_ms, updated_ms)
SELECT gen_random_uuid(), i.id, 'cancelled', false, 0, '[]', who.key, 'contact', 0, 1, 1
  FROM inventories i, (VALUES ('ada'::bytea), ('bob'), ('')) who(key)"""


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(persistence.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def filled(url: str, revision: str, statements: str) -> None:
    """A database of that revision in which these were done, brought up to date."""
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade, revision)
    await engine.dispose()
    plain = await asyncpg.connect(url)
    await plain.execute(statements)
    await plain.close()
    await migrate(url)


async def test_events_that_were_there_before_are_found_by_their_words(empty_url: str) -> None:
    await filled(empty_url, "0001", BEFORE)
    async with reading(empty_url) as reads:
        found = await reads.events(Wanted(text=words_of("soiree"), sort=Sort.NAME), None, 3_000)
        assert len(found) == 2_500
        assert [one.place.key for one in found[:2]] == ["soiree 1", "soiree 10"]
        assert len(await reads.events(Wanted(venue=words_of("GROSSE")), None, 3_000)) == 2_500


async def test_restaurants_that_were_there_before_are_found_by_words_and_days(empty_url: str) -> None:
    """More of them than are filled in at once; open from Tuesday on, and on one Monday."""
    of = msgspec.structs.replace(
        terms(4),
        name="Zur Straße",
        city="Zürich",
        services=tuple(Service(weekday, 600, 1_000) for weekday in range(1, 7)),
        special_days=(SpecialDay(MONDAY, ((600, 900),)), SpecialDay(MONDAY + 1, ())),
    )
    encoded = msgspec.json.encode(of).decode().replace("'", "''")
    await filled(empty_url, "0010", HOUSES.format(terms=f"'{encoded}'::jsonb"))
    async with reading(empty_url) as reads:

        async def found(**wanted: object) -> int:
            page = await reads.restaurants(WantedRestaurants(**wanted), None, 3_000)  # type: ignore[arg-type]
            return len(page.found)

        assert await found(text=words_of("strasse"), city=words_of("zurich")) == 2_500
        assert await found(text=words_of("nowhere")) == 0
        assert await found(open_on=MONDAY) == await found(open_on=MONDAY + 2) == 2_500
        assert await found(open_on=MONDAY + 1) == await found(open_on=MONDAY + 7) == 0
        by_name = (await reads.restaurants(WantedRestaurants(sort=RestaurantSort.NAME), None, 2)).found
        assert [one.place.key for one in by_name] == ["zur strasse 1", "zur strasse 10"]


async def test_guests_that_were_there_before_are_found_by_their_key(empty_url: str) -> None:
    """A restaurant's, and of an event's customers none; who left no address has no key."""
    await filled(empty_url, "0011", RESERVATIONS)
    plain = await asyncpg.connect(empty_url)
    found = await plain.fetch(
        "SELECT d.inventory_id::text, d.key, r.customer FROM diners d"
        " JOIN reservations r ON r.id = d.reservation_id AND r.inventory_id = d.inventory_id ORDER BY d.key"
    )
    await plain.close()
    assert [tuple(row) for row in found] == [(FIRST, key, key) for key in (b"ada", b"bob")]
