"""The servers that tests of storage share, and both stores behind one face."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
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


@pytest.fixture
async def empty_url(postgres_url: str) -> AsyncIterator[str]:
    """A database of the test's own, without a schema."""
    name = f"test_{next(_numbers)}"
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        yield urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
async def database_url(empty_url: str) -> str:
    """A migrated database of the test's own."""
    await migrate(empty_url)
    return empty_url


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
