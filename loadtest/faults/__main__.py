"""What `make faults` runs: `python -m loadtest.faults --help`."""

from __future__ import annotations

import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loadtest.bench.children import DidNotStart
from loadtest.bench.machine import describe
from loadtest.bench.stack import started
from loadtest.endpoints import NoServer
from loadtest.faults import page
from loadtest.faults.campaign import Group, play
from loadtest.faults.kinds import KINDS, STOPPED_S
from loadtest.faults.processes import NotOurs
from loadtest.faults.stage import TooSlow

EXIT_UNSOUND = 1
EXIT_COULD_NOT_RUN = 2
EXIT_INTERRUPTED = 130
STRIKES_MAX = 1_000
CLIENTS_MAX = 2_000


@dataclass(frozen=True)
class Plan:
    """Which faults how often, and where what comes of them goes."""

    counts: dict[str, int]
    clients: int
    seed: int
    out: Path | None
    records: Path | None


def faults(
    owners: Annotated[int, typer.Option(min=0, max=STRIKES_MAX, help="kill -9 of an owner.")] = 30,
    postgres: Annotated[
        int, typer.Option(min=0, max=STRIKES_MAX, help="Immediate stop (SIGQUIT) of PostgreSQL.")
    ] = 10,
    postgres_kills: Annotated[
        int, typer.Option(min=0, max=STRIKES_MAX, help="kill -9 of PostgreSQL's first process.")
    ] = 5,
    valkey: Annotated[int, typer.Option(min=0, max=STRIKES_MAX, help="kill -9 of Valkey.")] = 5,
    front_ends: Annotated[int, typer.Option(min=0, max=STRIKES_MAX, help="kill -9 of the front end.")] = 5,
    timers: Annotated[int, typer.Option(min=0, max=STRIKES_MAX, help="kill -9 of an expiry timer.")] = 2,
    watchdog: Annotated[int, typer.Option(min=0, max=STRIKES_MAX, help="kill -9 of the watchdog.")] = 2,
    stops: Annotated[
        int, typer.Option(min=0, max=STRIKES_MAX, help=f"SIGSTOP of an owner for {STOPPED_S:.0f} s.")
    ] = 3,
    clients: Annotated[int, typer.Option(min=8, max=CLIENTS_MAX, help="Clients at once.")] = 200,
    seed: Annotated[int, typer.Option(help="Of clients and strikes; what happens is not repeatable.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Write faults.md and faults.json here.")] = None,
    records: Annotated[Path | None, typer.Option(help="Keep what clients recorded in this folder.")] = None,
) -> None:
    """Kill and stop parts of a server of its own, under load, and audit after each kind of fault.

    Starts `turnstile serve` in a temporary folder on free ports, and leaves nothing behind. Exit code: 0 all
    sound, 1 an invariant failed or sales took too long to resume, 2 it could not run.
    """
    counts = {
        "owners": owners,
        "postgres": postgres,
        "postgres-kills": postgres_kills,
        "valkey": valkey,
        "front-ends": front_ends,
        "timers": timers,
        "watchdog": watchdog,
        "stops": stops,
    }
    console = Console()
    if records and any(records.rglob("*.jsonl")):
        raise typer.BadParameter("has records of another run in it", param_hint="--records")
    try:
        wanted = {kind: count for kind, count in counts.items() if count}
        groups = run(Plan(wanted, clients, seed, out, records), console)
    except (DidNotStart, NoServer, NotOurs, TooSlow) as problem:
        console.print(f"faults: {problem}", style="red", markup=False, highlight=False)
        sys.exit(EXIT_COULD_NOT_RUN)
    except KeyboardInterrupt:
        console.print("faults: interrupted", style="red")
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(0 if all(group.sound for group in groups) else EXIT_UNSOUND)


def run(plan: Plan, console: Console) -> list[Group]:
    """All groups against one server."""

    def show(text: str) -> None:
        console.print(text, highlight=False, markup=False)

    groups = []
    show("starting a server")
    with started(1, {"TURNSTILE_DASHBOARD_PORT": "0"}) as stack, tempfile.TemporaryDirectory() as temporary:
        data = stack.endpoints_file.parent
        for kind, count in plan.counts.items():
            folder = (plan.records or Path(temporary)) / kind
            groups.append(play(data, folder, KINDS[kind], count, plan.clients, plan.seed, show))
            page.show(groups[-1:], console)
        machine = describe(stack.database_url) if plan.out else {}
    page.show(groups, console)
    if plan.out:
        options = " ".join(f"--{kind} {count}" for kind, count in plan.counts.items())
        page.write(groups, machine, f"python -m loadtest.faults {options} --clients {plan.clients}", plan.out)
    return groups


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    typer.run(faults)
