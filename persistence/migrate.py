"""Brings a database's schema up to date. Safe to run again, and by several at once: one of them does it.

Makes the journal's next partitions too, so that a new database has today's before its first append.

`python -m persistence.migrate` takes the database's address on its standard input, where no process list
shows it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from persistence.maintenance import Maintenance

MIGRATIONS_LOCK = 7_310_582_940_113_766
"""Number of the advisory lock that whoever migrates holds."""
LOCK_TIMEOUT_S = 60
"""How long a step waits for relations that are in use before it gives up with nothing done."""


async def migrate(database_url: str) -> None:
    """Run every step that this database has not seen, all in one transaction."""
    url = make_url(database_url).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATIONS_LOCK})
            await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"))
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()
    maintenance = Maintenance(database_url)
    try:
        await maintenance.make_partitions(await maintenance.now_ms())
    finally:
        await maintenance.close()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


if __name__ == "__main__":
    asyncio.run(migrate(sys.stdin.readline().strip()))
