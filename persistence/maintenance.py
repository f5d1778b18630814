"""What has to be done to the store now and then: forget old requests, submissions, mails and deliveries, make
the journal's next partitions, file reservations by their customers.

Nothing here is in anybody's way. Rows are purged by walking through their relation, a slice of blocks at a
time: no index over their end is kept for it, which each hold would pay for. Partitions are made days ahead;
where one is missing the default partition takes the rows, so an append never fails for want of it.
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from persistence.connection import Connection, Limits, Links
from persistence.customers import FILE, LAG_MS, SLICE_MAX_ROWS, first_id_of
from persistence.mails import MAILS_RETENTION_MS
from persistence.rows import NOW
from persistence.store import StoreError

ROUND_EVERY_S = 900.0
FILE_EVERY_S = 30.0
PURGE_SLICE_BLOCKS = 256
"""2 MB of rows, some ten thousand: a statement of a few milliseconds."""
PURGE_PAUSE_S = 0.02
DELIVERIES_RETENTION_MS = 30 * 86_400_000
"""So long a delivery is kept, whatever has become of it: an endpoint paused for longer misses some."""
DAYS_AHEAD = 7
DAY_MS = 86_400_000
ATTACH_LOCK = 7_310_582_940_113_767
"""Number of the advisory lock under which partitions are made, one after the other."""
LOCK_TIMEOUT_MS = 500
"""Attaching a partition waits no longer for readers of the whole journal: the next round will do it."""

log = logging.getLogger(__name__)

PURGES = {
    "requests": "DELETE FROM requests WHERE ctid >= $1 AND ctid < $2 AND expires_ms < $3 RETURNING 1",
    "submissions": """
        DELETE FROM submissions
         WHERE ctid >= $1 AND ctid < $2 AND expires_ms < $3 AND status <> 'pending' RETURNING 1""",
    "outgoing_mails": f"""
        DELETE FROM outgoing_mails
         WHERE ctid >= $1 AND ctid < $2 AND ended_ms < $3 - {MAILS_RETENTION_MS}::bigint
           AND status <> 'pending' RETURNING 1""",
    "webhook_deliveries": f"""
        DELETE FROM webhook_deliveries
         WHERE ctid >= $1 AND ctid < $2 AND created_ms < $3 - {DELIVERIES_RETENTION_MS}::bigint
        RETURNING 1""",
    "sessions": "DELETE FROM sessions WHERE ctid >= $1 AND ctid < $2 AND expires_ms < $3 RETURNING 1",
    "one_time_tokens": """
        DELETE FROM one_time_tokens WHERE ctid >= $1 AND ctid < $2 AND expires_ms < $3 RETURNING 1""",
}
"""Requests first: a rejection that is on record has the submission that it is of."""
BLOCKS = "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint"

PENDING = f"""
SELECT count(*) AS count, coalesce(({NOW}) - min(created_ms), 0) AS age_ms
  FROM submissions WHERE status = 'pending'"""

TAKEN = "SELECT 1 FROM journal_default WHERE at_ms >= $1 AND at_ms < $2 LIMIT 1"

PARTITIONS = """
SELECT c.relname AS name, pg_total_relation_size(c.oid) AS size_bytes
  FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
 WHERE h.inhparent = 'journal'::regclass ORDER BY c.relname"""


@dataclass(slots=True, frozen=True)
class Partition:
    """A part of the journal. `day` None: the default partition, for what no other covers."""

    name: str
    day: date | None
    size_bytes: int


class Maintenance:
    """Rounds over one database. Several may run at once; they only do each other's work."""

    def __init__(self, database_url: str, limits: Limits | None = None) -> None:
        self._links = Links(database_url, "turnstile maintenance", limits or Limits(), 1)

    async def run(self, now_ms: Callable[[], int], every_s: float = ROUND_EVERY_S) -> None:
        """A round, again and again. A database that does not answer is asked again in the next one."""
        while True:
            try:
                await self.make_partitions(now_ms())
                for relation in PURGES:
                    await self.purge(relation, now_ms())
            except StoreError as error:
                log.warning("maintenance failed", extra={"error": repr(error)})
            except Exception:
                log.exception("maintenance failed")
            await asyncio.sleep(every_s)

    async def keep_filing(self, now_ms: Callable[[], int], every_s: float = FILE_EVERY_S) -> None:
        """`file_customers`, again and again."""
        while True:
            try:
                await self.file_customers(now_ms())
            except StoreError as error:
                log.warning("filing reservations failed", extra={"error": repr(error)})
            except Exception:
                log.exception("filing reservations failed")
            await asyncio.sleep(every_s)

    async def file_customers(self, now_ms: int) -> int:
        """File by their customers the reservations that nobody is still making; how many they were."""
        until, filed = first_id_of(now_ms - LAG_MS), 0
        while count := (await self._links.fetch(FILE, until, SLICE_MAX_ROWS))[0]["count"]:
            filed += count
            await asyncio.sleep(PURGE_PAUSE_S)
        return filed

    async def purge(self, relation: str, before_ms: int) -> int:
        """Forget every row that was to be kept until before `before_ms`; how many they were."""
        blocks = int((await self._links.fetch(BLOCKS, relation))[0][0])
        purged = 0
        for block in range(0, blocks, PURGE_SLICE_BLOCKS):
            slice_end = (block + PURGE_SLICE_BLOCKS, 0)
            purged += len(await self._links.fetch(PURGES[relation], (block, 0), slice_end, before_ms))
            await asyncio.sleep(PURGE_PAUSE_S)
        return purged

    async def make_partitions(self, now_ms: int, days_ahead: int = DAYS_AHEAD) -> list[str]:
        """Today's and those of the days to come, where they are missing; the names of the new ones."""
        today = day_of(now_ms)
        there = {partition.day for partition in await self.partitions()}
        days = [today + timedelta(days=n) for n in range(days_ahead + 1)]
        return [name_of(day) for day in days if day not in there and await self._attach(day)]

    async def now_ms(self) -> int:
        return int((await self._links.fetch(NOW))[0][0])

    async def partitions(self) -> list[Partition]:
        """The journal's partitions with their sizes, indexes included."""
        rows = await self._links.fetch(PARTITIONS)
        return [Partition(row["name"], _day_in(row["name"]), row["size_bytes"]) for row in rows]

    async def pending_submissions(self) -> tuple[int, int]:
        """How many there are, and how old the oldest is, in milliseconds."""
        row = (await self._links.fetch(PENDING))[0]
        return row["count"], row["age_ms"]

    async def close(self) -> None:
        await self._links.close()

    async def _attach(self, day: date) -> bool:
        """False where it cannot be now: rows of that day are in the default partition, or it is in use."""

        async def work(connection: Connection) -> bool:
            async with connection.transaction():
                return await attach(connection, day)

        try:
            return await self._links.run(work)
        except StoreError:
            return False


async def attach(connection: Connection, day: date) -> bool:
    """Make a day's partition, in a transaction, without locking out appends to the others."""
    start_ms, end_ms = ms_of(day), ms_of(day) + DAY_MS
    await connection.execute(f"SELECT pg_advisory_xact_lock({ATTACH_LOCK})")
    if await connection.fetchval("SELECT to_regclass($1)", name_of(day)) is not None:
        return False
    if await connection.fetch(TAKEN, start_ms, end_ms):
        return False
    await connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
    await connection.execute(f"CREATE TABLE {name_of(day)} (LIKE journal INCLUDING ALL)")
    await connection.execute(
        f"ALTER TABLE journal ATTACH PARTITION {name_of(day)} FOR VALUES FROM ({start_ms}) TO ({end_ms})"
    )
    return True


def name_of(day: date) -> str:
    return f"journal_{day:%Y%m%d}"


def ms_of(day: date) -> int:
    """When that day begins, in UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def day_of(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date()


def _day_in(name: str) -> date | None:
    digits = name.removeprefix("journal_")
    return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC).date() if digits.isdigit() else None
