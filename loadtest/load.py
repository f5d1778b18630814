"""What `make load` runs: an on-sale by Locust against the running server, then the auditor, then a report.

Locust runs headless as a process of its own and is ended with this one. Everything that clients recorded
lies in a temporary folder, removed at the end; what stays is the report.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loadtest.auditor.audit import Records
from loadtest.auditor.database import Database
from loadtest.auditor.run import run_audit
from loadtest.auditor.verdict import Verdict
from loadtest.bench.children import child
from loadtest.bench.stack import free_port
from loadtest.endpoints import NoServer, Server, find_server, refuse_far_hosts
from loadtest.mix import MIX_HELP, ONLY_TICKETS, WrongMix, described, parse_mix
from loadtest.progress import Tail
from loadtest.record import read_records
from loadtest.report import write_report
from loadtest.shapes import SHAPES
from loadtest.statistics import record_statistics

HOST = "127.0.0.1"
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
EXIT_UNSOUND = 1
EXIT_COULD_NOT_RUN = 2
EXIT_INTERRUPTED = 130
STOP_USERS_WITHIN_S = 40
"""A user may finish the request under way, its retries included; Locust ends it after that."""
OVERRUN_MAX_S = 120
WORKERS_WITHIN_S = 60
LOOK_EVERY_S = 1.0
LOG_SHOWN_MAX_CHARACTERS = 1_500
HOLDS_END_MARGIN_S = 5.0
USERS_MAX = 20_000
USERS_OF_KIND_MIN = 10
SEATS_MAX, TABLES_MAX, PLACES_MAX = 100_000, 500, 100_000
SHAPE_HELP = (
    "on-sale (a crowd waits, then a spike), steady, evening (they come and go slowly) or waves (three times)."
)
DURATION_MAX_S = 3_600


@dataclass(frozen=True)
class Options:
    """One run."""

    users: int
    spawn_rate: float
    duration_s: int
    capacity: int
    hold_duration_s: int
    shape: str
    workers: int
    seed: int
    mix: str = ONLY_TICKETS
    seats: int = 2_000
    tables: int = 60
    places: int = 100
    allow_host: tuple[str, ...] = ()

    @property
    def described(self) -> str:
        """For the head of the report."""
        return f"{self.users:,} clients ({described(parse_mix(self.mix))}), {self.shape}"


def load(
    users: Annotated[int, typer.Option(min=10, max=USERS_MAX, help="Clients at the height of it.")] = 300,
    spawn_rate: Annotated[float, typer.Option(min=0.1, help="Clients that come or go in a second.")] = 50,
    duration: Annotated[int, typer.Option(min=10, max=DURATION_MAX_S, help="Seconds in all.")] = 60,
    mix: Annotated[str, typer.Option(help=f"{MIX_HELP}.")] = ONLY_TICKETS,
    capacity: Annotated[int, typer.Option(min=10, help="Tickets on sale.")] = 5_000,
    seats: Annotated[int, typer.Option(min=75, max=SEATS_MAX, help="Seats on sale (rows of 25).")] = 2_000,
    tables: Annotated[int, typer.Option(min=2, max=TABLES_MAX, help="Tables of the restaurant.")] = 60,
    places: Annotated[int, typer.Option(min=1, max=PLACES_MAX, help="Places of each session.")] = 100,
    hold_duration: Annotated[int, typer.Option(min=10, max=3_600, help="Seconds a hold lasts.")] = 15,
    shape: Annotated[str, typer.Option(help=SHAPE_HELP)] = "on-sale",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Locust processes.")] = 1,
    seed: Annotated[int, typer.Option(help="Of what the clients do.")] = 1,
    data: Annotated[Path, typer.Option(help="Data folder of the running server.")] = Path(".turnstile"),
    host: Annotated[str, typer.Option(help="Front end to load, if not the one the data folder names.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report; default: DATA/reports/<time>.")
    ] = None,
    keep_records: Annotated[bool, typer.Option("--keep-records", help="Keep what clients recorded.")] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A host of your own, beside this machine, to load.")
    ] = None,
) -> None:
    """Sell out an event to a crowd with Locust, or seats, tables and sessions too (--mix), then audit every
    promise made to it.

    The server must run (make serve). Exit code: 0 all invariants hold, 1 one fails, 2 it could not run.
    For Locust's own web page: locust -f loadtest/locustfile.py --data .turnstile
    """
    console = Console()
    if shape not in SHAPES:
        raise typer.BadParameter(f"one of {', '.join(sorted(SHAPES))}", param_hint="--shape")
    try:
        needed = USERS_OF_KIND_MIN * len(parse_mix(mix))
    except WrongMix as problem:
        raise typer.BadParameter(str(problem), param_hint="--mix") from None
    if users < needed:
        raise typer.BadParameter(f"at least {needed}, ten of each kind", param_hint="--users")
    allowed = tuple(allow_host or ())
    options = Options(
        users,
        spawn_rate,
        duration,
        capacity,
        hold_duration,
        shape,
        workers,
        seed,
        mix,
        seats,
        tables,
        places,
        allowed,
    )
    folder = out or data / "reports" / datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S")
    try:
        server = _server(data, host, allowed)
        verdict = _run(server, data, options, folder, keep_records, console)
    except NoServer as problem:
        console.print(f"load: {problem}", style="red", markup=False, highlight=False)
        sys.exit(EXIT_COULD_NOT_RUN)
    except KeyboardInterrupt:
        console.print("load: interrupted; nothing was audited", style="red")
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(0 if verdict.sound else EXIT_UNSOUND)


def _server(data: Path, host: str, allowed: tuple[str, ...]) -> Server:
    found = find_server(data)
    server = Server(host or found.http, found.database_url, found.admin_token)
    refuse_far_hosts(server.http, allowed)
    refuse_far_hosts(server.database_url, allowed)
    return server


def _run(
    server: Server, data: Path, options: Options, folder: Path, keep_records: bool, console: Console
) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="turnstile-load-") as temporary:
        records = folder / "records" if keep_records else Path(temporary) / "records"
        records.mkdir(parents=True)
        _locust(server, data, options, records, Path(temporary) / "locust.log", console)
        return audit_and_report(server, options, records, folder, console)


def _locust(server: Server, data: Path, options: Options, records: Path, log: Path, console: Console) -> None:
    """Runs it to its end, with progress. Raises `NoServer` with the end of its log if it fails."""
    tail = Tail(records)
    limit_s = time.monotonic() + options.duration_s + STOP_USERS_WITHIN_S + OVERRUN_MAX_S
    words, cluster = command(server, data, options, records), master_words(options)
    with ExitStack() as stack, console.status("starting") as status:
        process = stack.enter_context(child([*words, *cluster], log))
        family = [process]
        for number in range(options.workers if cluster else 0):
            worker = child([*words, *worker_words(cluster)], log.with_suffix(f".{number}"))
            family.append(stack.enter_context(worker))
        stack.enter_context(killing_when_interrupted(family))
        while process.poll() is None and time.monotonic() < limit_s:
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_EVERY_S)
            tail.look()
            status.update(tail.line())
    console.print(tail.line())
    # Locust's own 1 says only that some request failed: the auditor judges that.
    if process.returncode not in (0, 1) or not tail.calls:
        raise NoServer(f"Locust ended with {process.returncode}: {_reason(log.read_text())}")


@contextmanager
def killing_when_interrupted(processes: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """What was under way is not audited then, so nobody has to wait for users to finish."""
    try:
        yield
    except BaseException:
        for process in processes:
            process.kill()
        raise


def _reason(log: str) -> str:
    """What the locustfile says, or else the end of what Locust does."""
    said = [line.removeprefix("load: ") for line in log.splitlines() if line.startswith("load: ")]
    return said[0] if said else log[-LOG_SHOWN_MAX_CHARACTERS:]


def command(server: Server, data: Path, options: Options, records: Path) -> list[str]:
    """Locust's command line. The operator's token is not in it: Locust reads the data folder itself."""
    words: dict[str, object] = {
        "-f": LOCUSTFILE,
        "--users": options.users,
        "--spawn-rate": options.spawn_rate,
        "--duration": options.duration_s,
        "--stop-timeout": STOP_USERS_WITHIN_S,
        "--host": server.http,
        "--data": data,
        "--records": records,
        "--mix": options.mix,
        "--capacity": options.capacity,
        "--seats": options.seats,
        "--tables": options.tables,
        "--places": options.places,
        "--hold-duration": options.hold_duration_s,
        "--shape": options.shape,
        "--seed": options.seed,
    }
    pairs = [str(word) for pair in words.items() for word in pair]
    far = [word for host in options.allow_host for word in ("--allow-host", host)]
    return [sys.executable, "-m", "locust", "--headless", "--only-summary", *pairs, *far]


def master_words(options: Options) -> list[str]:
    """What makes it a master of workers, who find it on the loopback; nothing for one process."""
    if options.workers == 1:
        return []
    waits = ["--expect-workers", str(options.workers), "--expect-workers-max-wait", str(WORKERS_WITHIN_S)]
    return ["--master", "--master-bind-host", HOST, "--master-bind-port", str(free_port()), *waits]


def worker_words(master: list[str]) -> list[str]:
    port = master[master.index("--master-bind-port") + 1]
    return ["--worker", "--master-host", HOST, "--master-port", port]


def audit_and_report(
    server: Server, options: Options, records: Path, folder: Path, console: Console
) -> Verdict:
    """Waits for the holds that clients walked away from to end, then judges."""
    found = Records(read_records(records))
    offered = [sale.event for sale in found.sales.values() if not sale.witnessed]
    offered += [one.restaurant for one in found.dinings.values() if not one.witnessed]
    wait_for_holds(server.database_url, offered, options.hold_duration_s, console)
    record_statistics(server, found.sales, found.dinings, records)
    found = Records(read_records(records))
    verdict = run_audit(server.database_url, found, [*found.sales, *found.dinings], console)
    verdict.write(folder / "verdict.json")
    write_report(folder / "report.html", found, verdict, options.described)
    verdict.show(console)
    console.print(f"report: {folder / 'report.html'}", highlight=False)
    if not any(one.reservations for one in verdict.inventories if one.inventory_id in offered):
        raise NoServer("nothing could be sold, so the audit says nothing; see what clients were answered")
    return verdict


def wait_for_holds(url: str, inventories: list[str], hold_duration_s: int, console: Console) -> None:
    """Until no hold is left, or until each must have ended; what still holds then is the auditor's to find.

    A hold may have been extended once, by its own length.
    """
    limit_s = time.monotonic() + 2 * hold_duration_s + HOLDS_END_MARGIN_S
    with Database(url) as database, console.status("waiting for the last holds to end"):
        while any(database.still_held(one) for one in inventories) and time.monotonic() < limit_s:
            time.sleep(LOOK_EVERY_S)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    typer.run(load)
