"""From measurements to ratios, verdicts and the page; all without measuring anything."""

from pathlib import Path

import msgspec
import pytest

from loadtest.bench import plots
from loadtest.bench.activation import stalls_ms
from loadtest.bench.failover import longest_gap_s
from loadtest.bench.goals import GOALS, KIND_GOALS, Goal, judge, verdicts_of
from loadtest.bench.plan import Options, block, case_count
from loadtest.bench.report import markdown, table
from loadtest.bench.results import Case, Commit, Floor, Measured, Results, Scenario

OPTIONS = Options(
    seconds=8,
    warmup_s=1,
    connections=(1, 64, 256),
    rounds=2,
    targets=("turnstile", "echo", "row_lock"),
    commits=("as it is", "2 ms"),
    scenarios=("hold", "keyed", "sold out", "purchase", "fixed rate"),
    workers=1,
)

KIND_FIGURES = {
    "seats": ("best_mean_us", "best_worst_ms", "named_64_x", "named_256_x", "activation_s"),
    "search": ("owner_16_ms", "owner_1_ms"),
    "restaurants": ("resident_mb", "searches_x", "reservations_x"),
    "pool of 1": ("most_x",),
    "pool of 4": ("most_x",),
    "accounts": ("signed_in_64_x", "signed_in_256_x"),
    "live": ("reach_p99_ms", "sales_x", "reads_x"),
}
"""What the commands measure."""


def measured(
    target: str,
    rate: float,
    round_number: int = 1,
    scenario: Scenario = "hold",
    connections: int = 256,
    commit: Commit = "as it is",
    trouble: str = "",
) -> Measured:
    return Measured(
        case=Case(round_number, commit, scenario, connections, target),
        rate_per_s=rate,
        p50_ms=2.0,
        p99_ms=20.0,
        count=int(rate * 8),
        cpu_us={"front end": 60.0, "owner": 40.0},
        generator_us=10.0,
        other_s={},
        machine_busy_s=15.0,
        seconds=8.0,
        trouble=trouble,
    )


def results(*found: Measured) -> Results:
    return Results({"CPU": "some"}, msgspec.json.decode(msgspec.json.encode(OPTIONS)), list(found))


def verdicts(found: Results) -> dict[str, str]:
    return {one.goal.what: one.verdict for one in judge(found)}


def test_ratios_pair_rounds_so_that_drift_cancels_out() -> None:
    """The machine was twice as fast in round 2; the ratio was 0.5 in both."""
    found = results(
        measured("turnstile", 5_000, 1),
        measured("echo", 10_000, 1),
        measured("turnstile", 10_000, 2),
        measured("echo", 20_000, 2),
        measured("turnstile", 9_000, 3),
    )
    assert found.ratio("turnstile", "echo", "hold", 256, "as it is") == pytest.approx(0.5)


def test_a_ratio_without_a_pair_is_not_measured() -> None:
    assert results(measured("turnstile", 5_000)).ratio("turnstile", "echo", "hold", 256, "as it is") is None


@pytest.mark.parametrize(
    ("rate", "verdict"), [(4_499, "no"), (4_500, "yes"), (5_999, "yes"), (6_000, "stretch")]
)
def test_a_goal_is_judged_on_both_sides_of_its_bounds(rate: float, verdict: str) -> None:
    found = results(measured("turnstile", rate), measured("echo", 10_000))
    assert verdicts(found)["durable holds, 256 connections, against bare echo"] == verdict


def test_goals_of_cost_are_reached_from_below() -> None:
    found = results(measured("turnstile", 5_000))
    assert verdicts(found)["CPU per durable hold, all processes, 256 connections"] == "yes"


@pytest.mark.parametrize(("one_by_one", "pipelined"), [(4_000, 2_000), (2_000, 4_000)])
@pytest.mark.parametrize("commit", ["as it is", "2 ms"])
def test_redis_is_judged_by_the_faster_of_its_two_forms(
    one_by_one: float, pipelined: float, commit: Commit
) -> None:
    found = results(
        measured("turnstile", 6_000, commit=commit),
        measured("redis_lua", one_by_one, commit=commit),
        measured("redis_pipelined", pipelined, commit=commit),
    )
    assert _against_redis(found, commit) == pytest.approx(1.5)


def test_redis_is_not_judged_by_one_of_its_forms_alone() -> None:
    for one in ("redis_lua", "redis_pipelined"):
        assert _against_redis(results(measured("turnstile", 6_000), measured(one, 2_000)), "as it is") is None


def _against_redis(found: Results, commit: Commit) -> float | None:
    """The goal of that commit: the one with 2 ms stands after the other."""
    judged = judge(found)
    first = next(place for place, one in enumerate(judged) if "Redis Lua" in one.goal.what)
    return judged[first + (commit == "2 ms")].value


def test_the_floor_is_one_call_plus_one_commit_of_the_same_round() -> None:
    found = results(measured("turnstile", 400, connections=1))
    found.floors = [Floor(1, "as it is", 1_300.0, 300.0), Floor(1, "2 ms", 1.0, 1.0)]
    goal = next(one for one in judge(found) if one.goal.what.startswith("one connection"))
    assert goal.value == pytest.approx(2_000 / 1_600)
    assert goal.verdict == "yes"


def test_nothing_measured_is_said_and_not_left_out() -> None:
    assert set(verdicts(results()).values()) == {"not measured"}
    assert len(judge(results())) == len(GOALS)


@pytest.mark.parametrize("goal", KIND_GOALS, ids=lambda goal: goal.what)
def test_a_goal_of_a_kind_is_judged_on_both_sides_of_its_bound_by_who_measures_it(goal: Goal) -> None:
    figures = [
        (figure, name)
        for figure, names in KIND_FIGURES.items()
        for name in names
        if goal.value(Results({}, {}, extra={figure: {name: 1.0}})) is not None
    ]
    ((figure, name),) = figures
    worse = goal.least * (1.01 if goal.at_most else 0.99)
    (reached,), (missed,) = (verdicts_of(figure, {name: value}) for value in (goal.least, worse))
    assert reached.startswith(f"reached: {goal.what}: ")
    assert missed.startswith(f"missed: {goal.what}: ")


def test_every_figure_of_a_kind_has_a_goal_and_what_has_none_is_not_told() -> None:
    assert sum(len(names) for names in KIND_FIGURES.values()) == len(KIND_GOALS)
    assert verdicts_of("idle", {}) == []
    assert verdicts_of("seats", {"unheard_of": 1.0}) == []


def test_the_page_has_the_goals_a_row_per_target_and_what_was_wrong() -> None:
    found = results(
        measured("turnstile", 5_000), measured("echo", 10_000), measured("row_lock", 2_000, trouble="3 x 503")
    )
    found.missed = ["ray_call        hold: 503"]
    found.extra["failover"] = {"longest_s": 1.5}
    page = markdown(found)
    assert "- not measured: ray_call hold: 503" in page
    assert "| **Turnstile** | 256 | 5,000 | 0.50 | 2.00 | 20.00 | 100 | 60 |" in page
    assert "row_lock, hold, 256 connections, commit as it is, round 1: 3 x 503" in page
    assert (
        "| owner killed under load: longest time without a success | 3.00 s | 2.00 s | 1.50 s | stretch |"
        in page
    )


def test_a_table_lines_figures_up_to_the_right() -> None:
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"


def test_results_come_back_from_json_as_they_were() -> None:
    found = results(measured("turnstile", 5_000))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Results) == found


def test_plots_are_written_as_png_and_svg(tmp_path: Path) -> None:
    found = results(
        measured("turnstile", 5_000), measured("echo", 10_000), measured("echo", 9_000, commit="2 ms")
    )
    assert {path.name for path in plots.draw(found, tmp_path)} == {"holds.png", "holds.svg"}
    assert all(path.stat().st_size > 1_000 for path in tmp_path.iterdir())


def test_rounds_interleave_the_targets_and_every_second_goes_backwards() -> None:
    first = [case.target for case in block(OPTIONS, 1, "as it is")][:3]
    second = [case.target for case in block(OPTIONS, 2, "as it is")][:3]
    assert first == ["turnstile", "echo", "row_lock"]
    assert second == first[::-1]


def test_each_scenario_has_its_targets_and_connections() -> None:
    cases = block(OPTIONS, 1, "as it is")
    by_scenario = {scenario: [c for c in cases if c.scenario == scenario] for scenario in OPTIONS.scenarios}
    assert len(by_scenario["hold"]) == 9
    assert [case.target for case in by_scenario["keyed"]] == ["turnstile"]
    assert {case.connections for case in by_scenario["sold out"]} == {256}
    assert [case.target for case in by_scenario["fixed rate"]] == ["turnstile", "echo"]
    assert case_count(OPTIONS) == 4 * len(cases)


def test_the_gap_after_a_kill_is_the_one_that_overlaps_it() -> None:
    gaps = [(90.0, 200.0), (99.9, 1_500.0), (103.0, 60.0), (120.0, 9_000.0)]
    assert longest_gap_s(gaps, killed_at=100.0, window_s=5.0) == 1.5
    assert longest_gap_s([], killed_at=100.0, window_s=5.0) == 0.05


def test_the_stall_is_looked_for_during_the_activation() -> None:
    windows = [(10.0, 99.0), (11.5, 3.0), (12.0, 25.0), (12.5, 7.0), (14.0, 500.0)]
    assert stalls_ms(windows, began=12.0, seconds=0.6) == (3.0, 25.0)
