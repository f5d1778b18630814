"""Between two cases: nobody pays for what the one before has left to be done.

That is pages to be written, and, where there were purchases, letters to their buyers: the news actor writes
them when it gets to it, which may be a minute later.
"""

import asyncio
import time

import asyncpg

from loadtest.bench.commit_delay import STATEMENT_TIMEOUT_S, execute

LETTERS_TIMEOUT_S = 240.0
LOOK_EVERY_S = 0.5
_ALL_TOLD = """
SELECT NOT EXISTS (SELECT FROM inventories i LEFT JOIN outbox_positions p ON p.inventory_id = i.id
                    WHERE i.seq > coalesce(p.seq, 0))
   AND NOT EXISTS (SELECT FROM outgoing_mails WHERE status = 'pending' AND kind <> 'reminder')"""


def settled(database_url: str) -> bool:
    """Wait for it; whether every letter has been written by then."""
    all_told = asyncio.run(_letters_written(database_url))
    asyncio.run(execute(database_url, "CHECKPOINT"))
    return all_told


async def _letters_written(database_url: str) -> bool:
    until_s = time.monotonic() + LETTERS_TIMEOUT_S
    connection = await asyncpg.connect(database_url, timeout=STATEMENT_TIMEOUT_S)
    try:
        while not await connection.fetchval(_ALL_TOLD, timeout=STATEMENT_TIMEOUT_S):
            if time.monotonic() > until_s:
                return False
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        await connection.close()
    return True
