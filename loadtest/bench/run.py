"""Goes through the plan: starts the server and the peers, measures every case, returns what was measured."""

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from loadtest.bench import measure, plan, stack, targets
from loadtest.bench.api import Refused
from loadtest.bench.commit_delay import commit_takes
from loadtest.bench.groups import Roots
from loadtest.bench.machine import describe
from loadtest.bench.plan import ECHO, TURNSTILE, Options
from loadtest.bench.results import Case, Commit, Measured, Results
from loadtest.bench.settling import settled
from loadtest.bench.stack import Stack
from loadtest.bench.wrk import WrkFailed

IDLE_S = 10.0
LOOK_S, LOOKS_MAX = 3.0, 20
STANDING_MAX_PERCENT = 10.0
PEAK_SHARE = 0.5
WITHOUT_DASHBOARD = {"TURNSTILE_DASHBOARD": "false"}

Show = Callable[[str], None]


class Bench:
    """One running stack with its targets, and what is measured on it."""

    def __init__(self, options: Options, server: Stack, started: targets.Started, show: Show) -> None:
        self._options, self._server, self._started, self._show = options, server, started, show
        self._roots: Roots = measure.roots_of(server, started)
        self.results = Results(machine=describe(server.database_url), options=msgspec.to_builtins(options))

    def owners_stand(self) -> None:
        """Those of the pool are made after the start, one after the other; until then they use a core."""
        self._show("waiting until the owners stand")
        for _ in range(LOOKS_MAX):
            if measure.idle_percent(self._roots, LOOK_S).get("owner", 0.0) < STANDING_MAX_PERCENT:
                return

    def idle(self) -> None:
        self._show(f"idle for {IDLE_S:.0f} s")
        self.results.idle_percent = measure.idle_percent(self._roots, IDLE_S)

    def blocks(self) -> None:
        for number, commit in plan.blocks(self._options):
            with commit_takes(self._server.database_url, commit):
                self._floor(number, commit)
                for case in plan.block(self._options, number, commit):
                    self.case(case)

    def case(self, case: Case) -> None:
        """A case that cannot be measured is noted, and the others go on."""
        is_settled = settled(self._server.database_url)
        try:
            found = self._measure(case)
        except (Refused, WrkFailed) as problem:
            self.results.missed.append(f"{name_of(case)}: {problem}")
            self._show(self.results.missed[-1])
            return
        if found is None:
            return
        if not is_settled:
            trouble = f"{found.trouble}; letters of a case before were still being written".lstrip("; ")
            found = msgspec.structs.replace(found, trouble=trouble)
        self.results.measured.append(found)
        self._show(line(found))

    def _measure(self, case: Case) -> Measured | None:
        target = self._started.targets[case.target]
        if case.scenario != "fixed rate":
            return measure.closed_loop(
                case, target, self._roots, self._options.seconds, self._options.warmup_s
            )
        rate = self._half_of_peak(case)
        if rate is None:
            return None
        return measure.at_fixed_rate(case, target, self._roots, self._options.seconds, rate)

    def _half_of_peak(self, case: Case) -> float | None:
        """Of Turnstile's own peak, for echo too: it shows what the generator adds at that very rate."""
        found = self.results.find(TURNSTILE, "hold", case.connections, case.commit)
        return statistics.median(one.rate_per_s for one in found) * PEAK_SHARE if found else None

    def _floor(self, number: int, commit: Commit) -> None:
        if not self._server.ray_address:
            return
        found = measure.floor(self._server, number, commit)
        self.results.floors.append(found)
        self._show(f"bare Ray call {found.ray_call_p50_us:.0f} us, bare commit {found.commit_p50_us:.0f} us")


def name_of(case: Case) -> str:
    what = f"{case.scenario}, {case.connections} connections, commit {case.commit}, round {case.round}"
    return f"{case.target:15} {what}"


def line(found: Measured) -> str:
    figures = f"{found.rate_per_s:8.0f}/s  p50 {found.p50_ms:7.2f} ms  p99 {found.p99_ms:7.2f} ms"
    return f"{name_of(found.case)}: {figures}  {found.cpu_sum_us:5.0f} us  {found.trouble}".rstrip()


@contextmanager
def running(
    options: Options, endpoints: Path | None, settings: dict[str, str], show: Show
) -> Iterator[Bench]:
    """A server of our own, or the running one that `endpoints` describes, with the peers beside it."""
    with stack.temporary_folder() as logs:
        show("starting the server")
        with stack.given(endpoints) if endpoints else stack.started(options.workers, settings) as server:
            show("starting the peers")
            with targets.started(server, options.targets, options.workers, logs) as started:
                bench = Bench(options, server, started, show)
                bench.owners_stand()
                yield bench


def run(options: Options, endpoints: Path | None, show: Show) -> Results:
    with running(options, endpoints, {}, show) as bench:
        bench.idle()
        bench.blocks()
    if TURNSTILE in options.targets and ECHO in options.targets and endpoints is None:
        bench.results.without_dashboard = without_dashboard(options, show)
    return bench.results


def without_dashboard(options: Options, show: Show) -> list[Measured]:
    """The same holds on a server started without Ray's dashboard."""
    show("once more, without dashboard")
    few = msgspec.structs.replace(
        options,
        connections=(max(options.connections),),
        targets=(TURNSTILE, ECHO),
        commits=("as it is",),
        scenarios=("hold",),
    )
    with running(few, None, WITHOUT_DASHBOARD, show) as bench:
        bench.blocks()
    return bench.results.measured
