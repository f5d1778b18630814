"""Writes what was measured as a Markdown page: the machine, the goals, and a table per scenario."""

from loadtest.bench.goals import Reached, judge
from loadtest.bench.groups import FRONT_END
from loadtest.bench.plan import SCENARIOS, TURNSTILE
from loadtest.bench.results import Commit, Measured, Results, Scenario
from loadtest.bench.targets import NAMES, title_of

SCENARIO_TITLES: dict[Scenario, str] = {
    "hold": "Durable holds",
    "keyed": "Durable holds, each with an Idempotency-Key",
    "sold out": "Sold out: 409",
    "purchase": "Purchases: hold, then confirm",
    "fixed rate": "Holds at half of Turnstile's peak rate (latency from the intended time of sending)",
}
COMMIT_TITLES: dict[Commit, str] = {"as it is": "the machine as it is", "2 ms": "a commit takes 2 ms"}

Rows = list[list[str]]


def markdown(results: Results) -> str:
    parts = ["# Benchmark results", "How to read this page: [README.md](README.md).", machine(results)]
    parts += ["![Durable holds per second](holds.svg)", "## Goals", goals(judge(results))]
    for scenario in SCENARIOS:
        parts += scenario_part(results, scenario)
    parts += ["## What it costs besides", besides(results)]
    parts += further(results)
    parts += troubles(results)
    return "\n\n".join(part for part in parts if part) + "\n"


def table(header: list[str], rows: Rows) -> str:
    """Figures to the right: every column but the first."""
    ruler = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, ruler, *rows])


def machine(results: Results) -> str:
    told = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    options = results.options
    if not options:
        return ""
    return (
        f"Machine: {told}. Load generator (wrk, one thread) on the same cores. {options['rounds']} round(s) "
        f"of {options['seconds']} s per case, {options['workers']} front-end process(es) each; medians."
    )


def goals(reached: list[Reached]) -> str:
    rows = [
        [
            one.goal.what,
            figure(one.goal.least, one.goal.unit),
            "" if one.goal.stretch is None else figure(one.goal.stretch, one.goal.unit),
            "" if one.value is None else figure(one.value, one.goal.unit),
            one.verdict,
        ]
        for one in reached
    ]
    return table(["", "at least", "stretch", "measured", "reached"], rows)


def figure(value: float, unit: str) -> str:
    return f"{value:.2f} {unit}" if abs(value) < 10 else f"{value:,.0f} {unit}"


def scenario_part(results: Results, scenario: Scenario) -> list[str]:
    parts: list[str] = []
    for commit, title in COMMIT_TITLES.items():
        rows = scenario_rows(results, scenario, commit)
        if rows:
            header = ["", "connections", "rate /s", "x echo", "p50 ms", "p99 ms", "CPU us", "of it front end"]
            parts += [f"### {title[0].upper()}{title[1:]}", table(header, rows)]
    return [f"## {SCENARIO_TITLES[scenario]}", *parts] if parts else []


def scenario_rows(results: Results, scenario: Scenario, commit: Commit) -> Rows:
    cases = [
        one.case for one in results.measured if one.case.scenario == scenario and one.case.commit == commit
    ]
    wanted = {(case.connections, case.target) for case in cases}
    ordered = sorted(wanted, key=lambda pair: (pair[0], NAMES.index(pair[1])))
    return [scenario_row(results, scenario, commit, connections, target) for connections, target in ordered]


def scenario_row(
    results: Results, scenario: Scenario, commit: Commit, connections: int, target: str
) -> list[str]:
    where = (target, scenario, connections, commit)
    rate = results.median(lambda one: one.rate_per_s, *where) or 0.0
    p50 = results.median(lambda one: one.p50_ms, *where) or 0.0
    p99 = results.median(lambda one: one.p99_ms, *where) or 0.0
    cpu = results.median(lambda one: one.cpu_sum_us, *where) or 0.0
    front = results.median(front_end_us, *where) or 0.0
    ratio = results.ratio(target, "echo", scenario, connections, commit)
    beside_echo = f"{ratio:.2f}" if ratio is not None else ""
    figures = [f"{rate:,.0f}", beside_echo, f"{p50:.2f}", f"{p99:.2f}", f"{cpu:,.0f}", f"{front:,.0f}"]
    return [title_of(target), str(connections), *figures]


def front_end_us(one: Measured) -> float:
    return sum(us for group, us in one.cpu_us.items() if group.startswith(FRONT_END))


def besides(results: Results) -> str:
    parts = [cpu_by_group(results), dashboard_line(results), idle_line(results), floors_line(results)]
    return "\n\n".join(part for part in parts if part)


def cpu_by_group(results: Results) -> str:
    """Where a durable hold's microseconds go in Turnstile."""
    rows: Rows = []
    groups: list[str] = []
    for connections in sorted(
        {one.case.connections for one in results.measured if one.case.scenario == "hold"}
    ):
        found = results.find(TURNSTILE, "hold", connections, "as it is")
        if found:
            groups = list(found[0].cpu_us)
            shares = [sum(one.cpu_us[group] for one in found) / len(found) for group in groups]
            generator = sum(one.generator_us for one in found) / len(found)
            rows.append([str(connections), *[f"{us:,.0f}" for us in [*shares, sum(shares), generator]]])
    if not rows:
        return ""
    header = ["connections", *groups, "sum", "(generator)"]
    return "CPU microseconds per durable hold in Turnstile, by process group:\n\n" + table(header, rows)


def dashboard_line(results: Results) -> str:
    pairs = {
        target: [one.rate_per_s for one in results.without_dashboard if one.case.target == target]
        for target in (TURNSTILE, "echo")
    }
    if not all(pairs.values()):
        return "What the dashboard costs was not measured in this run."
    without = sum(a / b for a, b in zip(pairs[TURNSTILE], pairs["echo"], strict=False)) / len(pairs["echo"])
    widest = max(one.case.connections for one in results.without_dashboard)
    usual = results.ratio(TURNSTILE, "echo", "hold", widest, "as it is")
    if usual is None:
        return ""
    return (
        f"Durable holds against echo, {widest} connections: "
        f"{usual:.2f} with the dashboard, {without:.2f} without."
    )


def idle_line(results: Results) -> str:
    told = ", ".join(f"{group} {percent:.1f}" for group, percent in sorted(results.idle_percent.items()))
    return f"Idle, in per cent of one core: {told}." if told else ""


def floors_line(results: Results) -> str:
    told = [
        f"{COMMIT_TITLES[floor.commit]}, round {floor.round}: Ray call {floor.ray_call_p50_us:,.0f}, "
        f"commit {floor.commit_p50_us:,.0f}"
        for floor in results.floors
    ]
    return f"Medians of one bare Ray call and one bare commit, in us: {'; '.join(told)}." if told else ""


def further(results: Results) -> list[str]:
    rows = [
        [figure, ", ".join(f"{name} {_rounded(value)}" for name, value in found.items())]
        for figure, found in results.extra.items()
    ]
    return ["## Further figures", table(["", "measured"], rows)] if rows else []


WHOLE_FROM = 100


def _rounded(value: object) -> str:
    """For reading; results.json has it in full."""
    match value:
        case float():
            return f"{value:,.{0 if abs(value) >= WHOLE_FROM else 2}f}"
        case int():
            return f"{value:,}"
        case list():
            return " ".join(map(_rounded, value))
        case _:
            return str(value)


def troubles(results: Results) -> list[str]:
    told = [
        f"- {one.case.target}, {one.case.scenario}, {one.case.connections} connections, "
        f"commit {one.case.commit}, round {one.case.round}: {one.trouble}"
        for one in results.measured
        if one.trouble
    ]
    told += [f"- not measured: {' '.join(missed.split())}" for missed in results.missed]
    return ["## Not as it should be", "\n".join(told)] if told else []
