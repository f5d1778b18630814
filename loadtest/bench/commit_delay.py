"""Makes every commit take 2 ms, as on a cloud disk or with a synchronous replica, and undoes it.

`commit_delay` sleeps before the flush while other commits may join it; with `commit_siblings = 0` it always
does.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from loadtest.bench.results import Commit

DELAY_US: dict[Commit, int] = {"as it is": 0, "2 ms": 2000}
STATEMENT_TIMEOUT_S = 30.0


@contextmanager
def commit_takes(database_url: str, commit: Commit) -> Iterator[None]:
    if DELAY_US[commit] == 0:
        yield
        return
    statements = [
        f"ALTER SYSTEM SET commit_delay = {DELAY_US[commit]}",
        "ALTER SYSTEM SET commit_siblings = 0",
    ]
    try:
        asyncio.run(execute(database_url, *statements, "SELECT pg_reload_conf()"))
        yield
    finally:
        resets = ["ALTER SYSTEM RESET commit_delay", "ALTER SYSTEM RESET commit_siblings"]
        asyncio.run(execute(database_url, *resets, "SELECT pg_reload_conf()"))


async def execute(database_url: str, *statements: str) -> None:
    connection = await asyncpg.connect(database_url, timeout=STATEMENT_TIMEOUT_S)
    try:
        for statement in statements:
            await connection.execute(statement, timeout=STATEMENT_TIMEOUT_S)
    finally:
        await connection.close()


async def postgres_version(database_url: str) -> str:
    connection = await asyncpg.connect(database_url, timeout=STATEMENT_TIMEOUT_S)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
