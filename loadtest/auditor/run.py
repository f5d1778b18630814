"""One audit over a running server's database, with its progress shown."""

from __future__ import annotations

from rich.console import Console

from loadtest.auditor.audit import Auditor, Records
from loadtest.auditor.database import Database
from loadtest.auditor.verdict import Verdict


def run_audit(url: str, records: Records, wanted: list[str] | None, console: Console) -> Verdict:
    """All inventories, or those wanted."""
    with Database(url) as database, console.status("auditing") as status:

        def progress(inventory_id: str, facts: int) -> None:
            status.update(f"auditing {inventory_id}: {facts:,} facts")

        return Auditor(database, records, database.clock_ahead_ms(), progress).run(wanted)
