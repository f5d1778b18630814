"""The servers that tests of storage share, and both stores behind one face."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from persistence.migrate import migrate
from tests.persistence.fronts import Front
from tests.persistence.servers import ValkeyServer, background_loop, throwaway_postgres, throwaway_valkey
from tests.persistence.worlds import MemoryWorld, PostgresWorld, World

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL with a migrated database, for tests that do not mind each other's rows."""
    with throwaway_postgres() as (url, _), background_loop() as run:
        run(migrate(url))
        yield url


@pytest.fixture(scope="session")
def migrated(postgres_url: str) -> str:
    """The name of a migrated database that nobody uses: making a copy of it is quicker than migrating."""
    with background_loop() as run:
        run(_create(postgres_url, "migrated", "template1"))
        run(migrate(_of(postgres_url, "migrated")))
    return "migrated"


@pytest.fixture
async def empty_url(postgres_url: str) -> AsyncIterator[str]:
    """A database of the test's own, without a schema."""
    async with _database(postgres_url, "template1") as url:
        yield url


@pytest.fixture
async def database_url(postgres_url: str, migrated: str) -> AsyncIterator[str]:
    """A migrated database of the test's own."""
    async with _database(postgres_url, migrated) as url:
        yield url


@asynccontextmanager
async def _database(server_url: str, template: str) -> AsyncIterator[str]:
    name = f"test_{next(_numbers)}"
    await _create(server_url, name, template)
    yield _of(server_url, name)
    await _execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _create(server_url: str, name: str, template: str) -> None:
    """File by file, which takes half as long as writing each page to the log does."""
    await _execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _of(server_url: str, name: str) -> str:
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[PostgresWorld]:
    """The world that is PostgreSQL, for what only it can do."""
    made = PostgresWorld(postgres_url)
    yield made
    await made.close()


@pytest.fixture(params=["memory", "postgres"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Each store in turn."""
    if request.param == "memory":
        yield MemoryWorld()
        return
    made = PostgresWorld(request.getfixturevalue("postgres_url"))
    yield made
    await made.close()


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """A Valkey of the test's own, to be killed and frozen."""
    with throwaway_valkey() as server:
        yield server


@pytest.fixture
async def front(valkey: ValkeyServer) -> AsyncIterator[Front]:
    made = Front(valkey.url)
    yield made
    await made.opened.aclose()
