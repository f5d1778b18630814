"""Measures one case: warm up, run the load, account the CPU time, and say what was not as it should be."""

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from loadtest.bench import wrk
from loadtest.bench.children import clean_environment
from loadtest.bench.cpu import Meter, Spent
from loadtest.bench.groups import GENERATOR, Roots
from loadtest.bench.open_loop import OpenLoopResult
from loadtest.bench.results import Case, Commit, Floor, Measured, Scenario
from loadtest.bench.stack import Stack
from loadtest.bench.targets import Started, Target
from loadtest.peers import wire

GRACE_S = 30
STRANGERS_MAX_SHARE = 0.10
FLOOR_REPEATS = 500
FLOOR_TIMEOUT_S = 120
WRK_MODE: dict[Scenario, wrk.Mode] = {
    "hold": "hold",
    "keyed": "keyed",
    "sold out": "hold",
    "purchase": "purchase",
}


def roots_of(stack: Stack, started: Started) -> Roots:
    return Roots(os.getpid(), stack.pid, started.peers, str(stack.folder))


def closed_loop(case: Case, target: Target, roots: Roots, seconds: int, warmup_s: int) -> Measured:
    path, mode = target.path(case.scenario), WRK_MODE[case.scenario]
    if warmup_s:
        wrk.run(target.url, path, mode, wire.TICKET_TYPE, case.connections, warmup_s)
    with Meter(roots) as meter:
        result = wrk.run(target.url, path, mode, wire.TICKET_TYPE, case.connections, seconds, seed=case.round)
    count = result.confirmed if case.scenario == "purchase" else result.requests
    return measured(
        case,
        target,
        meter.spent,
        count=count,
        seconds=result.seconds,
        p50_ms=result.p50_us / 1e3,
        p99_ms=result.p99_us / 1e3,
        trouble=trouble_of(case.scenario, result),
    )


def trouble_of(scenario: Scenario, result: wrk.WrkResult) -> str:
    """Sold out means that all are refused, the other scenarios that nobody is."""
    wrong = result.requests - result.refused if scenario == "sold out" else result.refused
    said = [f"{wrong} of {result.requests} replies of the wrong kind"] if wrong else []
    return "; ".join(said + ([f"{result.failed} without a reply"] if result.failed else []))


def at_fixed_rate(case: Case, target: Target, roots: Roots, seconds: int, rate_per_s: float) -> Measured:
    path = target.path(case.scenario)
    with Meter(roots) as meter:
        result = run_open_loop(target.url, path, rate_per_s, seconds, case.connections)
    wrong = {status: count for status, count in result.statuses.items() if status != "201"}
    said = [f"{count} x {status}" for status, count in wrong.items()]
    said += [f"{result.failed} without a reply"] if result.failed else []
    return measured(
        case,
        target,
        meter.spent,
        count=sum(result.statuses.values()),
        seconds=result.seconds,
        p50_ms=result.p50_ms,
        p99_ms=result.p99_ms,
        trouble="; ".join(said),
    )


def run_open_loop(
    url: str, path: str | Path, rate_per_s: float, seconds: float, connections: int
) -> OpenLoopResult:
    ended = subprocess.run(
        open_loop_command(url, path, rate_per_s, seconds, connections),
        capture_output=True,
        timeout=seconds + GRACE_S,
        check=True,
    )
    return msgspec.json.decode(ended.stdout, type=OpenLoopResult)


def open_loop_command(
    url: str, path: str | Path, rate_per_s: float, seconds: float, connections: int
) -> list[str]:
    """`path`: of an event's reservations; or a file of requests (`loadtest.bench.replay`)."""
    what = ["--requests", str(path)] if isinstance(path, Path) else ["--path", path]
    options = ["--port", url.rpartition(":")[2], *what, "--rate", f"{rate_per_s:.1f}"]
    options += ["--seconds", str(seconds), "--connections", str(connections)]
    return [sys.executable, "-m", "loadtest.bench.open_loop", *options]


def measured(
    case: Case,
    target: Target,
    spent: Spent,
    *,
    count: int,
    seconds: float,
    p50_ms: float,
    p99_ms: float,
    trouble: str,
) -> Measured:
    per_request = spent.per_request_us(count)
    strangers = spent.strangers_share(seconds, os.cpu_count() or 1)
    if strangers > STRANGERS_MAX_SHARE:
        trouble = "; ".join(filter(None, [trouble, f"other programs used {strangers:.0%} of the machine"]))
    return Measured(
        case=case,
        rate_per_s=count / seconds,
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        count=count,
        cpu_us={group: per_request.get(group, 0.0) for group in target.groups},
        generator_us=per_request.get(GENERATOR, 0.0),
        other_s={group: spent for group, spent in spent.groups_s.items() if group not in target.groups},
        machine_busy_s=spent.machine_s,
        seconds=seconds,
        trouble=trouble,
    )


def floor(stack: Stack, round_number: int, commit: Commit) -> Floor:
    """A bare Ray call and a bare commit, measured by a process of its own because it joins the cluster."""
    command = [sys.executable, "-m", "loadtest.peers.floor", "--endpoints", str(stack.endpoints_file)]
    command += ["--repeats", str(FLOOR_REPEATS)]
    environment = clean_environment(stack.ray_environment)
    ended = subprocess.run(command, capture_output=True, timeout=FLOOR_TIMEOUT_S, check=True, env=environment)
    found = msgspec.json.decode(ended.stdout.splitlines()[-1], type=dict[str, float])
    return Floor(round_number, commit, found["ray_call_p50_us"], found["commit_p50_us"])


def idle_percent(roots: Roots, seconds: float) -> dict[str, float]:
    """Per cent of one core that each group uses while nobody asks for anything."""
    with Meter(roots) as meter:
        time.sleep(seconds)
    return {group: 100 * spent / seconds for group, spent in meter.spent.groups_s.items()}
