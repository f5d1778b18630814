"""The audit log in PostgreSQL: only ever added to, which a trigger sees to.

What many front-end requests have to write at once goes in one statement, as movements of the ledger do.
"""

# ruff: noqa: S608 - statements are put together from constants of this file only
from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.audit import AuditEntry, WantedEntries
from persistence.append_columns import rows_of
from persistence.connection import Limits, Links, QueueLimits
from persistence.gathering import Gathering

CONNECTIONS_MAX = 2
WAITING_MAX_STATEMENTS = 1_000
TOGETHER_MAX_ENTRIES = 500
LIMITS = Limits(command_timeout_s=5.0, statement_timeout_s=4.0)

_COLUMNS = (
    "at_ms:bigint actor:text role:text organiser_id:text method:text route:text path:text thing:text"
    " made:text request_id:text status:int problem:text"
)
_NAMES = tuple(word.split(":")[0] for word in _COLUMNS.split())
WRITE = f"""
INSERT INTO audit_log ({", ".join(_NAMES)}) SELECT {", ".join(_NAMES)} FROM {rows_of(_COLUMNS, "u")}"""
CONDITIONS = {
    "actor": "actor = {}",
    "organiser_id": "organiser_id = {}",
    "thing": "(thing = {0} OR made = {0})",
    "route": "route = {}",
    "since_ms": "at_ms >= {}",
    "until_ms": "at_ms < {}",
}
"""Only those that are asked for are in the statement: each is to find its index."""


class PostgresAudit:
    """The `AuditLog` of front ends (see `server.audit`)."""

    def __init__(self, database_url: str, deadline_ms: int = 5_000) -> None:
        self._deadline_s = deadline_ms / 1000
        queue = QueueLimits(WAITING_MAX_STATEMENTS, deadline_ms / 2000)
        self._links = Links(database_url, "turnstile audit", LIMITS, CONNECTIONS_MAX, queue)
        self._writing: Gathering[AuditEntry, None] = Gathering(self._write, TOGETHER_MAX_ENTRIES)

    async def write(self, entry: AuditEntry) -> None:
        """Durable when this returns."""
        await self._writing.ask(entry)

    async def entries(self, wanted: WantedEntries, before: int, limit: int) -> list[tuple[int, AuditEntry]]:
        """With their numbers, the newest first, from that number down."""
        given = {name: getattr(wanted, name) for name in CONDITIONS}
        values = {name: value for name, value in given.items() if value is not None}
        sql = _page(values)
        rows = await self._links.answer(self._deadline_s, sql, before, limit, *values.values())
        return [(number, AuditEntry(*said)) for number, *said in rows]

    async def close(self) -> None:
        await self._links.close()

    async def _write(self, entries: Sequence[AuditEntry]) -> Sequence[None]:
        columns = [[getattr(entry, name) for entry in entries] for name in _NAMES]
        await self._links.answer(self._deadline_s, WRITE, *columns)
        return [None] * len(entries)


def _page(names: Iterable[str]) -> str:
    conditions = [CONDITIONS[name].format(f"${position}") for position, name in enumerate(names, 3)]
    where = " AND ".join(["number < $1", *conditions])
    return f"SELECT number, {', '.join(_NAMES)} FROM audit_log WHERE {where} ORDER BY number DESC LIMIT $2"
