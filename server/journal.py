"""`turnstile journal`: how large the journal is, and old days of it into files."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from persistence.journal_export import JournalExport
from persistence.maintenance import Maintenance
from persistence.store import StoreError
from server.command_audit import noted
from server.supervisor.failures import StartFailure


async def show_journal(database_url: str, console: Console) -> None:
    """A line a partition. Raises StartFailure."""
    maintenance = Maintenance(database_url)
    table = Table("partition", "day (UTC)", "MB", box=None)
    try:
        for partition in await maintenance.partitions():
            table.add_row(
                partition.name, str(partition.day or "any other"), f"{partition.size_bytes / 1e6:.1f}"
            )
    except StoreError as error:
        raise StartFailure(str(error)) from error
    finally:
        await maintenance.close()
    console.print(table)


async def export_journal(database_url: str, before: date, to: Path, drop: bool, console: Console) -> None:
    """A line a file, as it is done. Raises StartFailure."""
    export = JournalExport(database_url, to)
    files = 0
    entry = noted(database_url, "turnstile journal --drop", before.isoformat()) if drop else nullcontext()
    try:
        async with entry:
            async for done in export.run(before, drop):
                files += 1
                console.print(
                    f"{done.partition}: {done.rows} rows in {done.file}{', dropped' if drop else ''}"
                )
    except (StoreError, OSError) as error:
        raise StartFailure(str(error)) from error
    finally:
        await export.close()
    if not files:
        console.print(f"Nothing in the journal is older than {before.isoformat()}.")
