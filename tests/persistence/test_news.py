"""The follower of the journal loses nothing and tells nothing twice, whatever commits when."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from msgspec.structs import replace
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

import persistence
from actors.meter import Meter
from actors.news.config import FollowerLimits
from actors.news.follower import Follower, Found
from domain.event_messages import CancelEvent, CancelReservation, ChangeEvent, Terms, TermsChange
from domain.news import REMIND_BEFORE_MS
from persistence.append import append_statement
from persistence.migrate import migrate
from persistence.news import PostgresNews, Read
from persistence.store import Append
from tests.mail.buyers import addresses, bought, sell_to
from tests.persistence.sales import NOW_MS, Sale, terms
from tests.persistence.worlds import PostgresWorld

DAY_MS = 86_400_000
CENTURY_DAYS = 36_500
"""Still to come, whenever this is run: what is due already is due at once, by PostgreSQL's clock."""
SEEDS = range(2)


@pytest.fixture
async def news(postgres: PostgresWorld) -> AsyncIterator[PostgresNews]:
    made = PostgresNews(postgres.url)
    yield made
    await made.close()


def follower(news: PostgresNews, **limits: int) -> Follower:
    return Follower(0, 1, news, Meter(), FollowerLimits(**limits))


async def follow(one: Follower) -> None:
    """Until nothing is new."""
    while await one.step():
        pass


async def mails_of(postgres: PostgresWorld, inventory_id: str) -> Counter[tuple[str, str]]:
    connection = await postgres.connection()
    rows = await connection.fetch(
        "SELECT kind, reservation_id::text FROM outgoing_mails WHERE inventory_id = $1", inventory_id
    )
    return Counter((row["kind"], row["reservation_id"]) for row in rows)


async def kinds_of(postgres: PostgresWorld, inventory_id: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for (kind, _), number in (await mails_of(postgres, inventory_id)).items():
        found[kind] += number
    return found


def bookable(days_ahead: int = 30) -> Terms:
    return replace(terms(1_000, starts_at_ms=NOW_MS + days_ahead * DAY_MS))


async def test_a_look_says_whether_more_is_left(postgres: PostgresWorld, news: PostgresNews) -> None:
    store = postgres.store()
    await follow(follower(news))
    await sell_to(store, await Sale.opened(store, bookable()), addresses(1))
    one = follower(news, appends_max=1)
    looks = [await one.step()]
    while looks[-1]:
        looks.append(await one.step())
    assert looks[:-2] == [Found.MORE] * len(looks[:-2])
    assert len(looks) > 2
    assert looks[-2:] == [Found.ALL, Found.NOTHING]


async def test_each_confirmation_is_told_of_once_with_a_reminder(
    postgres: PostgresWorld, news: PostgresNews
) -> None:
    store = postgres.store()
    sale = await Sale.opened(store, bookable(CENTURY_DAYS))
    made = await sell_to(store, sale, addresses(5))
    for _ in range(2):
        await follow(follower(news))
    expected = [(kind, id_) for id_ in made.values() for kind in ("reservation_confirmed", "reminder")]
    assert await mails_of(postgres, sale.id) == Counter(expected)
    connection = await postgres.connection()
    due = "SELECT DISTINCT due_ms FROM outgoing_mails WHERE inventory_id = $1 AND kind = 'reminder'"
    assert await connection.fetchval(due, sale.id) == NOW_MS + CENTURY_DAYS * DAY_MS - REMIND_BEFORE_MS


async def test_facts_that_cannot_be_read_keep_nobody_else_from_being_told(
    postgres: PostgresWorld, news: PostgresNews
) -> None:
    store = postgres.store()
    damaged, sound = await Sale.opened(store, bookable()), await Sale.opened(store, bookable())
    for sale in (damaged, sound):
        await sell_to(store, sale, addresses(1))
    connection = await postgres.connection()
    await connection.execute("UPDATE journal SET facts = '\\x9190' WHERE inventory_id = $1", damaged.id)
    await follow(follower(news))
    assert await kinds_of(postgres, damaged.id) == Counter()
    assert (await kinds_of(postgres, sound.id))["reservation_confirmed"] == 1


async def open_append(connection: Any, entry: Append) -> Any:
    """The transaction of an append that is done but not yet committed."""
    transaction = connection.transaction()
    await transaction.start()
    sql, values = append_statement([entry], [])
    assert await connection.fetch(sql, *values)
    return transaction


async def test_an_append_that_commits_after_a_later_one_is_not_lost(
    postgres: PostgresWorld, news: PostgresNews
) -> None:
    store = postgres.store()
    slow, quick = await Sale.opened(store, bookable()), await Sale.opened(store, bookable())
    _, commands = bought(slow, "slow@example.org")
    transaction = await open_append(await postgres.connection(), slow.decided(*commands))
    quick.now_ms += 60_000
    await sell_to(store, quick, addresses(1))
    await follow(follower(news))
    assert (await kinds_of(postgres, quick.id))["reservation_confirmed"] == 1
    assert await kinds_of(postgres, slow.id) == Counter()
    await transaction.commit()
    await follow(follower(news))
    assert (await kinds_of(postgres, slow.id))["reservation_confirmed"] == 1


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_lost_or_told_twice_in_any_order_of_commits(
    postgres: PostgresWorld, news: PostgresNews, seed: int
) -> None:
    dice = random.Random(seed)
    store = postgres.store()
    sales = [await Sale.opened(store, bookable()) for _ in range(4)]
    two = [follower(news, inventories_max=2, appends_max=1), follower(news)]
    connections = {sale.id: await postgres.connection() for sale in sales}
    pending: dict[str, Any] = {}
    sold: Counter[str] = Counter()
    for _ in range(40):
        sale = dice.choice(sales)
        if sale.id in pending:
            await pending.pop(sale.id).commit()
        else:
            sale.now_ms += dice.randint(0, 5_000)
            _, commands = bought(sale, addresses(1)[0])
            pending[sale.id] = await open_append(connections[sale.id], sale.decided(*commands))
            sale.seq += 1
            sold[sale.id] += 1
        if dice.random() < 0.5:
            await asyncio.gather(*(one.step() for one in dice.sample(two, dice.randint(1, 2))))
    for transaction in pending.values():
        await transaction.commit()
    await follow(two[1])
    for sale in sales:
        assert (await kinds_of(postgres, sale.id))["reservation_confirmed"] == sold[sale.id]


class DiesBeforeItsPositionMoves(PostgresNews):
    """As one that is killed there: what it spread to many is written, the rest is not."""

    async def write(self, read: Any) -> set[str]:
        raise ConnectionError("killed")


async def test_what_was_told_to_many_before_a_death_is_not_told_again(postgres: PostgresWorld) -> None:
    store = postgres.store()
    sale = await Sale.opened(store, bookable())
    made = await sell_to(store, sale, addresses(3))
    whole, dying = PostgresNews(postgres.url), DiesBeforeItsPositionMoves(postgres.url)
    await follow(follower(whole))
    later = TermsChange(starts_at_ms=NOW_MS + 40 * DAY_MS, venue="Arena")
    assert await sale.append(store, sale.decided(ChangeEvent(later)))
    with pytest.raises(ConnectionError):
        await follower(dying).step()
    assert (await kinds_of(postgres, sale.id))["event_changed"] == 3
    await follow(follower(whole))
    told = await mails_of(postgres, sale.id)
    assert [told["event_changed", id_] for id_ in made.values()] == [1, 1, 1]
    assert [told["reminder", id_] for id_ in made.values()] == [2, 2, 2]
    await whole.close()
    await dying.close()


async def test_of_two_who_read_the_same_one_writes(postgres: PostgresWorld, news: PostgresNews) -> None:
    store = postgres.store()
    sale = await Sale.opened(store, bookable())
    await follow(follower(news))
    await sell_to(store, sale, addresses(1))
    unread = next(one for one in await news.unread(0, 1, 10_000, 20) if one.inventory_id == sale.id)
    read = Read(sale.id, unread.seq, unread.appends[-1].seq, NOW_MS, unread.known)
    assert await news.write([read]) == {sale.id}
    assert await news.write([read]) == set()


async def test_who_gave_back_is_told_and_who_lost_with_the_event_is_told_so(
    postgres: PostgresWorld, news: PostgresNews
) -> None:
    store = postgres.store()
    sale = await Sale.opened(store, bookable())
    made = list((await sell_to(store, sale, addresses(3))).values())
    assert await sale.append(store, sale.decided(CancelReservation(made[0])))
    assert await sale.append(store, sale.decided(CancelEvent()))
    assert await sale.append(store, sale.decided())
    await follow(follower(news))
    told = await mails_of(postgres, sale.id)
    assert [told["reservation_cancelled", id_] for id_ in made] == [1, 0, 0]
    assert [told["event_cancelled", id_] for id_ in made] == [0, 1, 1]


async def test_only_its_own_part_is_followed(postgres: PostgresWorld, news: PostgresNews) -> None:
    store = postgres.store()
    sales = [await Sale.opened(store, bookable()) for _ in range(6)]
    for part in range(3):
        found = {one.inventory_id for one in await news.unread(part, 3, 10_000, 1)}
        mine = {sale.id for sale in sales if int(sale.id[-8:], 16) % 3 == part}
        assert found & {sale.id for sale in sales} == mine


async def test_appends_that_are_gone_from_the_journal_do_not_stop_it(
    postgres: PostgresWorld, news: PostgresNews
) -> None:
    store = postgres.store()
    sale = await Sale.opened(store, bookable())
    await sell_to(store, sale, addresses(1))
    connection = await postgres.connection()
    await connection.execute("DELETE FROM journal WHERE inventory_id = $1", sale.id)
    await follow(follower(news))
    assert await kinds_of(postgres, sale.id) == Counter()
    await sell_to(store, sale, addresses(1))
    await follow(follower(news))
    assert (await kinds_of(postgres, sale.id))["reservation_confirmed"] == 1


BEFORE = """
INSERT INTO inventories (id, kind, owner, epoch, seq, live, live_reservations, last_fact_ms)
VALUES ('01900000-0000-7000-8000-000000000001', 'restaurant', 'pool:0', 1, 7, 0, 0, 1)"""


def _before_mails(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(persistence.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "0013")


async def test_what_was_there_before_the_upgrade_is_told_to_nobody(empty_url: str) -> None:
    engine = create_async_engine(make_url(empty_url).set(drivername="postgresql+asyncpg"))
    async with engine.begin() as connection:
        await connection.run_sync(_before_mails)
        await connection.execute(text(BEFORE))
    await engine.dispose()
    await migrate(empty_url)
    news = PostgresNews(empty_url)
    assert await news.unread(0, 1, 10, 10) == []
    await news.close()
