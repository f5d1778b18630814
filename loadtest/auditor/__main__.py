"""Checks a database, and what clients recorded of it: `python -m loadtest.auditor --help`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loadtest.auditor.audit import Records
from loadtest.auditor.run import run_audit
from loadtest.endpoints import NoServer, find_server, refuse_far_hosts
from loadtest.record import read_records


def audit(
    data: Annotated[Path, typer.Option(help="Data folder of the running server.")] = Path(".turnstile"),
    database_url: Annotated[str, typer.Option(help="Audit this database instead.")] = "",
    records: Annotated[Path | None, typer.Option(help="Folder of what clients recorded.")] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="All inventories, not only those in the records.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write the verdict to this file, as JSON.")] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A host beside this machine to read from.")
    ] = None,
) -> None:
    """Fold the journal, hold rows and records against it, and say whether every invariant holds.

    Reads only. Exit code 1 if a check fails, 2 if there is nothing to read.
    """
    console = Console()
    try:
        url = database_url or find_server(data).database_url
        refuse_far_hosts(url, allow_host or ())
    except NoServer as problem:
        console.print(f"auditor: {problem}", style="red", markup=False)
        sys.exit(2)
    found = Records(read_records(records) if records else ())
    named = dict.fromkeys([*found.sales, *found.dinings, *found.calls])
    wanted = None if everything or not records else [one for one in named if one]
    verdict = run_audit(url, found, wanted, console)
    verdict.show(console)
    if out:
        verdict.write(out)
    sys.exit(0 if verdict.sound else 1)


if __name__ == "__main__":
    typer.run(audit)
