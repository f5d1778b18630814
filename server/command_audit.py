"""What an operator does from a shell, in the audit log beside what is asked by HTTP.

There it is the `shell`'s: whoever may read the database's address is the operator, and a shell tells no
account of ours. A command leaves two entries of one `request_id`, for nothing that was written is changed:
that it has `begun`, before it does anything, and how it ended. One that is killed leaves the first: it may be
done or not.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from msgspec.structs import replace

from domain.account import Role
from domain.audit import AuditEntry
from persistence.audit import PostgresAudit
from persistence.directory import PostgresDirectory
from persistence.store import StoreError
from server.supervisor.failures import StartFailure

ACTOR = "shell"
METHOD = "RUN"
BEGUN, FAILED = "begun", "failed"
DONE = 200


@dataclass
class Deed:
    """What there is to say of it: the id of what was made, once it is known."""

    made: str | None = None


@asynccontextmanager
async def noted(database_url: str, command: str, thing: str | None = None) -> AsyncIterator[Deed]:
    """`command`: its words, `turnstile keys rotate`; `thing`: the id of what it is about. Raises StartFailure
    where no entry can be written; where the first cannot, nothing is done."""
    deed, done = Deed(), False
    entry = AuditEntry(
        at_ms=0,
        actor=ACTOR,
        role=Role.ADMIN.value,
        organiser_id=None,
        method=METHOD,
        route=command,
        path=command,
        thing=thing,
        made=None,
        request_id=str(uuid.uuid4()),
        status=None,
        problem=BEGUN,
    )
    try:
        await _write(database_url, entry)
    except StoreError as error:
        raise StartFailure(f"nothing is done: it cannot be noted in the audit log: {error}") from error
    try:
        yield deed
        done = True
    finally:
        status, problem = (DONE, None) if done else (None, FAILED)
        try:
            await _write(database_url, replace(entry, made=deed.made, status=status, problem=problem))
        except StoreError as error:
            if done:
                raise StartFailure(f"it is done, but could not be noted in the audit log: {error}") from error


async def _write(database_url: str, entry: AuditEntry) -> None:
    """At the store's time."""
    directory, log = PostgresDirectory(database_url), PostgresAudit(database_url)
    try:
        await log.write(replace(entry, at_ms=await directory.now_ms()))
    finally:
        await log.close()
        await directory.close()
