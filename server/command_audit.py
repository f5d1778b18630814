"""What an operator does from a shell, in the audit log beside what is asked by HTTP.

There it is the `shell`'s: whoever may read the database's address is the operator, and a shell tells no
account of ours. The entry is written when the deed is done or has failed; a command that is killed in between
leaves none.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from domain.account import Role
from domain.audit import AuditEntry
from persistence.audit import PostgresAudit
from persistence.directory import PostgresDirectory
from persistence.store import StoreError
from server.supervisor.failures import StartFailure

ACTOR = "shell"
METHOD = "RUN"
DONE, FAILED = 200, "failed"


@dataclass
class Deed:
    """What there is to say of it: the id of what was made, once it is known."""

    made: str | None = None


@asynccontextmanager
async def noted(database_url: str, command: str, thing: str | None = None) -> AsyncIterator[Deed]:
    """`command`: its words, `turnstile keys rotate`; `thing`: the id of what it is about. Raises StartFailure
    where no entry can be written."""
    deed, done = Deed(), False
    try:
        yield deed
        done = True
    finally:
        try:
            await _write(database_url, command, thing, deed, done)
        except StoreError as error:
            if done:
                raise StartFailure(f"it is done, but could not be noted in the audit log: {error}") from error


async def _write(database_url: str, command: str, thing: str | None, deed: Deed, done: bool) -> None:
    directory, log = PostgresDirectory(database_url), PostgresAudit(database_url)
    try:
        entry = AuditEntry(
            await directory.now_ms(),
            ACTOR,
            Role.ADMIN.value,
            None,
            METHOD,
            command,
            command,
            thing,
            deed.made,
            str(uuid.uuid4()),
            DONE if done else None,
            None if done else FAILED,
        )
        await log.write(entry)
    finally:
        await log.close()
        await directory.close()
