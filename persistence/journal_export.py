"""Takes old days of the journal out of the database: written to files first, dropped afterwards.

A day becomes `journal-YYYY-MM-DD.jsonl.gz` in the given folder: one JSON object per journal row, by inventory
and sequence, with its facts as arrays. What the default partition holds of days before becomes one more file.

What the outbox has not been read for yet (`persistence.news`) is not dropped: Refused.

A day is dropped in steps, and an interruption between any two of them loses nothing: its partition is
detached, so that nothing can be added; in the same transaction, with additions shut out, it was seen that
everybody has been told of what is in it; it is written to a file, which gets its name when it is whole and on
disk; the file is read back; only then the partition goes. What an interrupted run left detached, the next
one finds. Rows are read in pages by key, so that no transaction stays open.
"""

# ruff: noqa: S608 - names of partitions come from the catalogue, and match a pattern
from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec

from persistence.connection import Connection, Limits, Links, Row
from persistence.maintenance import LOCK_TIMEOUT_MS, day_of, ms_of, name_of
from persistence.news import unread_in
from persistence.rows import NOW
from persistence.store import OutcomeUnknown, Refused

PAGE_MAX_ROWS = 2_000
DETACH_TRIES = 20
DETACH_PAUSE_S = 0.5
DEFAULT = "journal_default"
NEVER_MS = 2**62
"""Later than any append."""

DAYS = r"""
SELECT c.relname AS name FROM pg_class c
 WHERE c.relkind = 'r' AND c.relname ~ '^journal_\d{8}$' AND c.relname < $1
   AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'journal'::regclass)
 ORDER BY c.relname"""
ATTACHED = """
SELECT 1 FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
 WHERE h.inhparent = 'journal'::regclass AND c.relname = $1"""
ALONE = f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}; LOCK TABLE {{}} IN SHARE MODE"
"""Nothing is added to that part of the journal for the rest of the transaction."""


@dataclass(slots=True, frozen=True)
class Exported:
    """A part of the journal that is on disk."""

    partition: str
    file: Path
    rows: int


class JournalExport:
    """Days of one database into one folder."""

    def __init__(self, database_url: str, folder: Path, limits: Limits | None = None) -> None:
        self._links = Links(database_url, "turnstile journal export", limits or Limits(), 1)
        self._folder = folder

    async def run(self, before: date, drop: bool) -> AsyncIterator[Exported]:
        """Every day before `before`, oldest first, as it is done; last what no day's partition covers.

        Only days that are over, and to be dropped only what everybody has been told of: else raises Refused.
        """
        now_ms = int((await self._links.fetch(NOW))[0][0])
        if before > day_of(now_ms):
            raise Refused(f"{day_of(now_ms).isoformat()} is not over")
        self._folder.mkdir(parents=True, exist_ok=True)
        for row in await self._links.fetch(DAYS, name_of(before)):
            name = row["name"]
            if drop:
                await self._detach(name)
            file = self._folder / f"journal-{name[8:12]}-{name[12:14]}-{name[14:]}.jsonl.gz"
            rows = await self._export(name, ms_of(before), file)
            if drop:
                await self._links.execute(f"DROP TABLE {name}")
            yield Exported(name, file, rows)
        if await self._links.fetch(f"SELECT 1 FROM {DEFAULT} WHERE at_ms < $1 LIMIT 1", ms_of(before)):
            yield await self._empty_default(before, drop)

    async def close(self) -> None:
        await self._links.close()

    async def _empty_default(self, before: date, drop: bool) -> Exported:
        file = self._folder / f"journal-other-before-{before.isoformat()}.jsonl.gz"
        if drop:
            work = self._links.run(lambda connection: _unread(connection, DEFAULT, ms_of(before)))
            _refuse(DEFAULT, await work)
        rows = await self._export(DEFAULT, ms_of(before), file)
        if drop:
            await self._links.fetch(f"DELETE FROM {DEFAULT} WHERE at_ms < $1", ms_of(before))
        return Exported(DEFAULT, file, rows)

    async def _export(self, partition: str, before_ms: int, target: Path) -> int:
        new = target.with_name(target.name + ".new")
        rows = 0
        with new.open("wb") as raw:
            with gzip.open(raw, "wb") as file:
                async for page in self._pages(partition, before_ms):
                    await asyncio.to_thread(file.write, b"".join(_line(row) for row in page))
                    rows += len(page)
            raw.flush()
            await asyncio.to_thread(os.fsync, raw.fileno())
        written = await asyncio.to_thread(_lines_in, new)
        if written != rows:
            raise OSError(f"{new} has {written} of {rows} rows")
        new.replace(target)
        await asyncio.to_thread(_sync_folder, self._folder)
        return rows

    async def _pages(self, partition: str, before_ms: int) -> AsyncIterator[list[Row]]:
        page = f"""
        SELECT inventory_id::text, seq, at_ms, facts FROM {partition}
         WHERE (inventory_id, seq, at_ms) > ($1, $2, $3) AND at_ms < $4
         ORDER BY inventory_id, seq, at_ms LIMIT $5"""
        last: tuple[object, ...] = ("00000000-0000-0000-0000-000000000000", 0, 0)
        while rows := await self._links.fetch(page, *last, before_ms, PAGE_MAX_ROWS):
            yield rows
            last = (rows[-1]["inventory_id"], rows[-1]["seq"], rows[-1]["at_ms"])

    async def _detach(self, partition: str) -> None:
        """Waits for its lock only briefly, because appends would queue behind it; tries again."""
        for left in reversed(range(DETACH_TRIES)):
            if not await self._links.fetch(ATTACHED, partition):
                return
            try:
                unread = await self._links.run(lambda connection: _detach(connection, partition))
                _refuse(partition, unread)
            except OutcomeUnknown:
                if not left:
                    raise
                await asyncio.sleep(DETACH_PAUSE_S)


async def _detach(connection: Connection, partition: str) -> int:
    """How many of its appends nobody has been told of yet; if there are none, it is detached."""
    async with connection.transaction():
        await connection.execute(ALONE.format(partition))
        unread = await unread_in(connection, partition, NEVER_MS)
        if not unread:
            await connection.execute(f"ALTER TABLE journal DETACH PARTITION {partition}")
    return unread


async def _unread(connection: Connection, partition: str, before_ms: int) -> int:
    async with connection.transaction():
        return await unread_in(connection, partition, before_ms)


def _refuse(partition: str, unread: int) -> None:
    if unread:
        raise Refused(
            f"{partition} holds {unread} appends that nobody has been told of yet, by mail or webhook: they"
            " stay. Try again when the running server has read them"
        )


def _line(row: Row) -> bytes:
    facts = msgspec.msgpack.decode(row["facts"])
    fields = {"inventory_id": row["inventory_id"], "seq": row["seq"], "at_ms": row["at_ms"], "facts": facts}
    return msgspec.json.encode(fields) + b"\n"


def _lines_in(path: Path) -> int:
    """Reads the whole file, checksum included."""
    with gzip.open(path, "rb") as file:
        return sum(1 for _ in file)


def _sync_folder(folder: Path) -> None:
    """A name is only durable when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
