"""`turnstile mail`: where mails stand, and dead ones sent again, read and written in the database itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from domain.mail import MailStatus
from persistence.mail_list import PostgresMailList
from persistence.store import StoreError
from server.command_audit import noted
from server.ids import parse_id
from server.supervisor.failures import StartFailure


async def list_mails(database_url: str, status: MailStatus, limit: int, console: Console) -> None:
    """A line a mail. Raises StartFailure."""
    async with _opened(database_url) as mails:
        found = await mails.page(status, None, limit)
    if not found:
        console.print(f"No mail is {status.value}.")
        return
    table = Table("id", "kind", "created (UTC)", "attempts", "error", box=None)
    for mail in found:
        created = datetime.fromtimestamp(mail.created_ms / 1000, UTC)
        table.add_row(mail.id, mail.kind, f"{created:%Y-%m-%d %H:%M}", str(mail.attempts), mail.error or "")
    console.print(table)


async def replay_mails(database_url: str, mail_id: str | None, console: Console) -> None:
    """One, or all that are dead. Raises StartFailure."""
    async with _opened(database_url) as mails, noted(database_url, "turnstile mail replay", mail_id):
        if mail_id is None:
            console.print(f"To be sent again: {await mails.replay_all()}")
            return
        known = parse_id(mail_id)
        if known is None or await mails.replay(known) is None:
            raise StartFailure(f"no dead mail has the id {mail_id}")
        console.print(f"To be sent again: {known}")


@asynccontextmanager
async def _opened(database_url: str) -> AsyncIterator[PostgresMailList]:
    mails = PostgresMailList(database_url)
    try:
        yield mails
    except StoreError as error:
        raise StartFailure(str(error)) from error
    finally:
        await mails.close()
