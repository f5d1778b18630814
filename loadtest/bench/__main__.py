"""The command line of the benchmark: `python -m loadtest.bench --help`. `make bench` gives no options."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, cast, get_args

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from loadtest.bench import (
    accounts,
    dining,
    further,
    goals,
    live,
    live_page,
    plan,
    plots,
    pools,
    purchases,
    report,
    seated,
    targets,
    wrk,
)
from loadtest.bench.activation import NotMeasured
from loadtest.bench.api import Refused
from loadtest.bench.children import DidNotStart
from loadtest.bench.plan import Options
from loadtest.bench.results import Commit, Results
from loadtest.bench.run import run

OUT = Path("docs/benchmarks")
EXIT_UNUSABLE = 2
POOL_FIGURES = ("idle", "one", "four", "moves", "restaurants", "search")
POOL_GOALS = {"one": "pool of 1", "four": "pool of 4"}
"""Under which name the goals have a figure, where it is another."""
COMMITS: dict[str, tuple[Commit, ...]] = {
    "both": ("as it is", "2 ms"),
    "none": ("as it is",),
    "2ms": ("2 ms",),
}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


def chosen(given: str, known: tuple[str, ...], what: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in given.split(",")) if given else known
    unknown = [name for name in names if name not in known]
    if unknown:
        raise typer.BadParameter(f"unknown {what}: {', '.join(unknown)}; known: {', '.join(known)}")
    return names


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    seconds: Annotated[int, typer.Option(min=1, max=300, help="Length of each measurement.")] = 8,
    warmup: Annotated[
        int, typer.Option(min=0, max=60, help="Seconds of load before each, not measured.")
    ] = 1,
    connections: Annotated[str, typer.Option(help="Numbers of connections for holds.")] = "1,64,256",
    rounds: Annotated[
        int, typer.Option(min=1, max=20, help="Interleaved, so that drift hits all alike.")
    ] = 2,
    only: Annotated[str, typer.Option(help=f"Of {', '.join(targets.NAMES)}. Default: all.")] = "",
    scenarios: Annotated[str, typer.Option(help=f"Of {', '.join(plan.SCENARIOS)}. Default: all.")] = "",
    commit_delay: Annotated[str, typer.Option(help="both: as the machine is, and 2 ms; none; 2ms.")] = "both",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Front-end processes, of each target.")] = 1,
    endpoints: Annotated[Path | None, typer.Option(help="endpoints.json of a running server to use.")] = None,
    further_figures: Annotated[
        bool, typer.Option("--further/--no-further", help="Also activation, memory, failover.")
    ] = True,
    out: Annotated[Path, typer.Option(help="Folder for the table, the plots and the raw JSON.")] = OUT,
) -> None:
    """Turnstile beside its peers in one run: rate, latency and CPU time per request. Needs wrk."""
    if context.invoked_subcommand is not None:
        return
    if commit_delay not in COMMITS:
        raise typer.BadParameter(f"--commit-delay is one of {', '.join(COMMITS)}")
    options = Options(
        seconds=seconds,
        warmup_s=warmup,
        connections=tuple(sorted({int(number) for number in connections.split(",")})),
        rounds=rounds,
        targets=chosen(only, targets.NAMES, "target"),
        commits=COMMITS[commit_delay],
        scenarios=tuple(
            one for one in plan.SCENARIOS if one in chosen(scenarios, plan.SCENARIOS, "scenario")
        ),
        workers=workers,
    )
    results = measured(options, endpoints)
    if further_figures and endpoints is None:
        measure_further(results, further.NAMES, further.LIVE_RESERVATIONS, further.KILLS)
    write(results, out)


@app.command("further")
def further_only(
    figure: Annotated[str, typer.Argument(help=f"One of {', '.join(further.NAMES)}; default: all.")] = "",
    live: Annotated[int, typer.Option(min=100, help="Live reservations.")] = further.LIVE_RESERVATIONS,
    kills: Annotated[
        int, typer.Option(min=1, max=1000, help="How often the owner is killed.")
    ] = further.KILLS,
    out: Annotated[Path, typer.Option(help="Folder with the results of an earlier run, if any.")] = OUT,
) -> None:
    """Only the figures that need no peers; they are put into the results that are there."""
    earlier = out / "results.json"
    results = msgspec.json.decode(earlier.read_bytes(), type=Results) if earlier.exists() else Results({}, {})
    measure_further(results, chosen(figure, further.NAMES, "figure"), live, kills)
    write(results, out)


@app.command("live")
def live_only(
    seconds: Annotated[int, typer.Option(min=2, max=120, help="Length of each measurement.")] = 10,
    readers: Annotated[str, typer.Option(help="Numbers of streams.")] = "2000,5000,10000",
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Of reads beside echo.")] = 3,
    watch: Annotated[str, typer.Option(help="counts: of ticket types; seats: the map of 60,000.")] = "counts",
    out: Annotated[Path, typer.Option(help="Folder for live.md, or live-seats.md.")] = OUT,
) -> None:
    """Live streams while an event sells at half its peak; reads of availability beside echo. Needs wrk."""
    wrk.executable()
    numbers = tuple(int(number) for number in readers.split(","))
    what = cast(live.What, chosen(watch, get_args(live.What), "thing to watch")[0])
    found = live.measure_all(what, numbers, seconds, rounds, print_line)
    out.mkdir(parents=True, exist_ok=True)
    name = live_page.WORDS[found.what].name
    (out / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    (out / f"{name}.md").write_text(live_page.markdown(found))
    print_line(f"written to {out}/{name}.md, {name}.json")
    print_verdicts("live", live_page.figures(found))


@app.command("seats")
def seats_only(
    seconds: Annotated[int, typer.Option(min=1, max=8, help="Length of each measurement.")] = 4,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Pairs for each number of connections.")] = 3,
) -> None:
    """Holds of named seats beside holds of a ticket type. Needs wrk."""
    wrk.executable()
    print_verdicts("seats", seated.measure(seconds, rounds, print_line))


@app.command("accounts")
def accounts_only(
    seconds: Annotated[int, typer.Option(min=1, max=60, help="Length of each measurement.")] = 5,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Pairs for each number of connections.")] = 3,
) -> None:
    """Holds by who is signed in beside holds by guests. Needs wrk."""
    wrk.executable()
    print_verdicts("accounts", accounts.measure(seconds, rounds, print_line))


@app.command("purchases")
def purchases_only(
    seconds: Annotated[int, typer.Option(min=1, max=60, help="Length of each measurement.")] = 8,
    connections: Annotated[str, typer.Option(help="Numbers of connections.")] = "64,256",
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Interleaved.")] = 2,
) -> None:
    """Hold, pay by wallet, confirmed: whole purchases beside echo. Needs wrk."""
    purchases.measure(tuple(int(number) for number in connections.split(",")), seconds, rounds, print_line)


@app.command("pools")
def pools_only(
    figure: Annotated[str, typer.Argument(help=f"One of {', '.join(POOL_FIGURES)}; default: all.")] = "",
    seconds: Annotated[int, typer.Option(min=1, max=30, help="Length of each measurement.")] = 5,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Interleaved.")] = 3,
    events: Annotated[int, typer.Option(min=2_000, max=1_000_000, help="In the pool, idle.")] = 100_000,
    rate: Annotated[float, typer.Option(min=10, max=10_000, help="Holds a second, of all events.")] = 1_000,
    moves: Annotated[int, typer.Option(min=2, max=100, help="Of a selling event between owners.")] = 20,
) -> None:
    """Owners that own many: idle and selling events, moves, restaurants. Needs wrk."""
    wrk.executable()
    measures: dict[str, Callable[[], dict[str, float]]] = {
        "idle": lambda: pools.idle_events(events, print_line),
        "one": lambda: pools.selling_events(1, rate, seconds, rounds, print_line),
        "four": lambda: pools.selling_events(4, rate, seconds, rounds, print_line),
        "moves": lambda: pools.moves(moves, print_line),
        "restaurants": lambda: dining.street(seconds, rounds, print_line),
        "search": lambda: dining.large_search(seconds, print_line),
    }
    for name in chosen(figure, POOL_FIGURES, "figure"):
        print_verdicts(POOL_GOALS.get(name, name), measures[name]())


def measure_further(results: Results, names: tuple[str, ...], live: int, kills: int) -> None:
    for name in names:
        try:
            results.extra[name] = further.measure(name, print_line, live, kills)
        except NotMeasured as problem:
            print_line(f"{name}: not measured: {problem}")


def print_verdicts(figure: str, values: dict[str, float]) -> None:
    for line in goals.verdicts_of(figure, values):
        print_line(line)


def print_line(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def measured(options: Options, endpoints: Path | None) -> Results:
    wrk.executable()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        minutes = plan.expected_s(options) / 60
        task = progress.add_task(f"about {minutes:.0f} min", total=plan.case_count(options))

        def show(text: str) -> None:
            print_line(text)
            if "round" in text:
                progress.advance(task)

        try:
            return run(options, endpoints, show)
        except KeyboardInterrupt:
            show("interrupted: all stopped, nothing written")
            raise


def write(results: Results, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    (out / "results.md").write_text(report.markdown(results))
    plots.draw(results, out)
    console.print(f"written to {out}/results.md, results.json, holds.svg, holds.png", highlight=False)


def main() -> None:
    """Exit code 2 and one clear line if something is missing, 130 if interrupted."""
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell may have started us with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    try:
        app()
    except (wrk.WrkMissing, DidNotStart, Refused) as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(EXIT_UNUSABLE)


if __name__ == "__main__":
    main()
