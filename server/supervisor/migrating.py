"""Brings the database's schema up to date, in a process of its own: a supervisor stays small and imports no
SQL.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from server.embedded.part import log_tail
from server.supervisor.data_folder import DataFolder
from server.supervisor.failures import StartFailure
from server.supervisor.processes import Program, end, start

MIGRATE_TIMEOUT_S = 300.0


async def migrate(data: DataFolder, database_url: str) -> None:
    """Runs `turnstile migrate` against that database. Raises StartFailure with what it said."""
    log = data.log("migrate")
    log.unlink(missing_ok=True)
    program = Program(
        "migrate", [sys.executable, "-m", "server.cli", "migrate"], {"DATABASE_URL": database_url}, log
    )
    child = await start(program)
    try:
        code = await asyncio.wait_for(child.wait(), MIGRATE_TIMEOUT_S)
    except TimeoutError:
        raise StartFailure(f"the migration did not end within {MIGRATE_TIMEOUT_S:.0f} s; see {log}") from None
    finally:
        await end(child, signal.SIGTERM, 2.0)
    if code != 0:
        raise StartFailure(f"the migration failed: {log_tail(log).removeprefix('turnstile: ')}")
