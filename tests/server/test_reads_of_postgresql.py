"""Reads over a real PostgreSQL: what it cannot count to is said before, and a frozen one holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from domain.catalogue import Sort, Wanted
from persistence.clock import StoreClock
from persistence.directory import PostgresDirectory
from persistence.migrate import migrate
from persistence.reads import PostgresReads, ReadBounds
from persistence.store import OutcomeUnknown, Overloaded, Unreachable
from server.lists import fingerprint_of
from server.paging import cursor_of
from server.supervisor.processes import Child
from tests.persistence.sales import new_id
from tests.persistence.servers import background_loop, frozen, throwaway_postgres
from tests.server.conftest import Api, Start

BOUNDS = ReadBounds(connections_max=2, queue_max_reads=20, deadline_ms=1_500)
PLACES = BOUNDS.connections_max + BOUNDS.queue_max_reads
ALL_ANSWERED_S = 30.0


@dataclass
class Database:
    """A migrated PostgreSQL of this file's own."""

    url: str
    server: Child


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with throwaway_postgres() as (url, server), background_loop() as run:
        run(migrate(url))
        yield Database(url, server)


@pytest.fixture
async def reads(database: Database) -> AsyncIterator[PostgresReads]:
    directory = PostgresDirectory(database.url)
    clock = StoreClock(directory.now_ms, 500)
    await clock.start()
    made = PostgresReads(database.url, clock, BOUNDS)
    yield made
    await made.close()
    await clock.stop()
    await directory.close()


@pytest.fixture
async def api(start: Start, reads: PostgresReads) -> Api:
    return await start(reads=reads)


async def test_a_cursor_that_postgresql_cannot_count_to_is_invalid(api: Api) -> None:
    own = fingerprint_of(Wanted())
    for start_ms in (-(2**63), 0, 2**63 - 1):
        path = f"/api/v1/events?cursor={cursor_of((own, start_ms, new_id()))}"
        assert (await api.get(path)).json == {"items": [], "next": None}
    for start in (2**63, 2**64 - 1, "A name", None):
        path = f"/api/v1/events?cursor={cursor_of((own, start, new_id()))}"
        assert (await api.get(path)).paths == ["cursor"]


async def test_a_cursor_of_a_list_by_name_with_what_postgresql_cannot_store_is_invalid(api: Api) -> None:
    own = fingerprint_of(Wanted(sort=Sort.NAME))
    for key, sound in (("", True), ("\U0010ffff" * 100, True), ("a\0b", False), (1, False)):
        answer = await api.get(f"/api/v1/events?sort=name&cursor={cursor_of((own, key, new_id()))}")
        assert answer.status == (200 if sound else 422)


async def test_a_frozen_postgresql_has_so_many_reads_waiting_and_not_one_more(
    reads: PostgresReads, database: Database
) -> None:
    await reads.ping()
    with frozen(database.server):
        waiting = [asyncio.create_task(reads.event(new_id())) for _ in range(PLACES)]
        await asyncio.sleep(0)  # each takes its place
        with pytest.raises(Overloaded):
            await reads.event(new_id())
        assert not any(read.done() for read in waiting)
        async with asyncio.timeout(ALL_ANSWERED_S):
            answers = await asyncio.gather(*waiting, return_exceptions=True)
    # Those that got a connection were asked in vain; those behind them were not asked.
    said = [OutcomeUnknown] * BOUNDS.connections_max + [Unreachable] * BOUNDS.queue_max_reads
    assert [type(answer) for answer in answers] == said
    assert await reads.event(new_id()) is None


async def test_with_a_frozen_postgresql_every_client_is_answered(api: Api, database: Database) -> None:
    path = f"/api/v1/events/{new_id()}"
    assert (await api.get(path)).code == "not_found"
    with frozen(database.server):
        async with asyncio.timeout(ALL_ANSWERED_S):
            answers = await asyncio.gather(*(api.get(path) for _ in range(3 * PLACES)))
    assert {answer.status for answer in answers} == {503}
    codes = [answer.code for answer in answers]
    assert codes.count("unavailable") >= PLACES
    assert codes.count("overloaded") > 0
    assert (await api.get(path)).code == "not_found"
