"""The audit log as rows: all that was written, in order, and nothing that was written goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from domain.audit import AuditEntry, WantedEntries
from persistence.audit import CONDITIONS, TOGETHER_MAX_ENTRIES, PostgresAudit
from tests.persistence.sales import NOW_MS, new_id
from tests.persistence.test_accounts import rows

__all__ = ["rows"]
LAST = 2**63 - 1


@pytest.fixture
async def audit(postgres_url: str) -> AsyncIterator[PostgresAudit]:
    made = PostgresAudit(postgres_url)
    yield made
    await made.close()


def an_entry(**changes: Any) -> AuditEntry:
    said = (
        NOW_MS,
        f"account:{new_id()}",
        "organiser",
        new_id(),
        "POST",
        "/api/v1/x/{event_id}",
        "/api/v1/x/1",
    )
    return replace(AuditEntry(*said, new_id(), new_id(), "request", 200, None), **changes)


async def test_what_many_write_at_once_is_all_there_once(audit: PostgresAudit) -> None:
    own = new_id()
    written = [an_entry(organiser_id=own) for _ in range(TOGETHER_MAX_ENTRIES + 50)]
    await asyncio.gather(*map(audit.write, written))
    found = await audit.entries(WantedEntries(organiser_id=own), LAST, 1_000)
    assert sorted(one.actor for _, one in found) == sorted(one.actor for one in written)
    numbers = [number for number, _ in found]
    assert numbers == sorted(numbers, reverse=True)


async def test_an_entry_is_read_as_it_was_written(audit: PostgresAudit) -> None:
    full = an_entry(problem="stale", status=412)
    bare = an_entry(organiser_id=None, thing=None, made=None, status=None, problem=None)
    for entry in (full, bare):
        await audit.write(entry)
        assert [one for _, one in await audit.entries(WantedEntries(actor=entry.actor), LAST, 2)] == [entry]


async def test_each_filter_and_all_of_them_find_the_entry_and_no_other(audit: PostgresAudit) -> None:
    entry = an_entry(route=f"/{new_id()}")
    for one in (entry, an_entry(), an_entry()):
        await audit.write(one)
    filters: list[dict[str, Any]] = [
        {"actor": entry.actor},
        {"organiser_id": entry.organiser_id},
        {"thing": entry.thing},
        {"thing": entry.made},
        {"route": entry.route},
    ]
    together = {name: value for one in filters for name, value in one.items()}
    filters.append({**together, "since_ms": NOW_MS, "until_ms": NOW_MS + 1})
    for given in filters:
        assert [one for _, one in await audit.entries(WantedEntries(**given), LAST, 10)] == [entry]
    for outside in ({"since_ms": NOW_MS + 1}, {"until_ms": NOW_MS}):
        assert await audit.entries(WantedEntries(actor=entry.actor, **outside), LAST, 10) == []
    assert set(filters[-1]) == set(CONDITIONS)


async def test_pages_follow_one_another_by_number(audit: PostgresAudit) -> None:
    own = new_id()
    for _ in range(5):
        await audit.write(an_entry(organiser_id=own))
    everything = await audit.entries(WantedEntries(organiser_id=own), LAST, 10)
    first = await audit.entries(WantedEntries(organiser_id=own), LAST, 3)
    rest = await audit.entries(WantedEntries(organiser_id=own), first[-1][0], 3)
    assert first + rest == everything


@pytest.mark.parametrize(
    "sql", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
async def test_nothing_that_was_written_is_changed_or_goes(audit: PostgresAudit, rows: Any, sql: str) -> None:
    entry = an_entry()
    await audit.write(entry)
    with pytest.raises(asyncpg.CheckViolationError, match="append-only"):
        await rows.execute(sql)
    assert len(await audit.entries(WantedEntries(actor=entry.actor), LAST, 2)) == 1
