"""The ratios to reach, as a table: what at least, what at best, what was measured.

Absolute figures do not travel between machines; ratios within one run do. Each is computed pair by pair
within the rounds, and the median is shown. Figures nobody has measured yet in this run are shown as such,
never left out. `GOALS` are those of `make bench`; `KIND_GOALS`, of seats, restaurants, pools, accounts and
live streams, are told by the commands that measure them, each of its own.
"""

import statistics
from collections.abc import Callable, Mapping

import msgspec

from loadtest.bench.plan import ECHO, TURNSTILE
from loadtest.bench.results import Commit, Measured, Results, Scenario

WIDE, NARROW, SINGLE = 256, 64, 1
REDIS_FORMS = ("redis_lua", "redis_pipelined")


class Goal(msgspec.Struct, frozen=True):
    """`at_most`: smaller is better. `value` finds the measured figure, None if there is none; `stretch` None:
    nothing more is hoped for."""

    what: str
    least: float
    stretch: float | None
    unit: str
    value: Callable[[Results], float | None]
    at_most: bool = False


class Reached(msgspec.Struct, frozen=True):
    goal: Goal
    value: float | None

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        stretch = self.goal.stretch
        if stretch is not None and is_reached(self.value, stretch, self.goal.at_most):
            return "stretch"
        return "yes" if is_reached(self.value, self.goal.least, self.goal.at_most) else "no"


def is_reached(value: float, bound: float, at_most: bool) -> bool:
    return value <= bound if at_most else value >= bound


def beside(
    peer: str, connections: int, commit: Commit = "as it is", scenario: Scenario = "hold"
) -> Callable[[Results], float | None]:
    return lambda results: results.ratio(TURNSTILE, peer, scenario, connections, commit)


def beside_best(
    peers: tuple[str, ...], connections: int, commit: Commit = "as it is"
) -> Callable[[Results], float | None]:
    """Against whichever of a peer's forms is the fastest there; not measured unless all of them were."""

    def find(results: Results) -> float | None:
        ratios = [beside(peer, connections, commit)(results) for peer in peers]
        measured = [ratio for ratio in ratios if ratio is not None]
        return min(measured) if len(measured) == len(peers) else None

    return find


def median_of(of: Callable[[Measured], float], scenario: Scenario) -> Callable[[Results], float | None]:
    return lambda results: results.median(of, TURNSTILE, scenario, WIDE, "as it is")


def against_floor(results: Results) -> float | None:
    """p50 at one connection over one bare Ray call plus one bare commit of the same round."""
    floors = {floor.round: floor for floor in results.floors if floor.commit == "as it is"}
    ratios = [
        one.p50_ms * 1e3 / (floors[one.case.round].ray_call_p50_us + floors[one.case.round].commit_p50_us)
        for one in results.find(TURNSTILE, "hold", SINGLE, "as it is")
        if one.case.round in floors
    ]
    return statistics.median(ratios) if ratios else None


def extra(figure: str, name: str) -> Callable[[Results], float | None]:
    """A figure of one of the further commands, if it has been run."""

    def find(results: Results) -> float | None:
        value = results.extra.get(figure, {}).get(name)
        return float(value) if value is not None else None

    return find


GOALS = (
    Goal("durable holds, 256 connections, against bare echo", 0.45, 0.60, "x", beside(ECHO, WIDE)),
    Goal("the same at 64 connections", 0.30, 0.40, "x", beside(ECHO, NARROW)),
    Goal(
        "CPU per durable hold, all processes, 256 connections",
        120,
        90,
        "us",
        median_of(lambda one: one.cpu_sum_us, "hold"),
        at_most=True,
    ),
    Goal("against row lock, 256 connections", 1.8, 2.5, "x", beside("row_lock", WIDE)),
    Goal("the same, commit of 2 ms", 12, 20, "x", beside("row_lock", WIDE, "2 ms")),
    Goal(
        "against the faster form of Redis Lua + insert, 256 connections",
        1.5,
        2.2,
        "x",
        beside_best(REDIS_FORMS, WIDE),
    ),
    Goal("the same, commit of 2 ms", 1.4, 2.0, "x", beside_best(REDIS_FORMS, WIDE, "2 ms")),
    Goal("against one Ray call per request, 256 connections", 4, 6, "x", beside("ray_call", WIDE)),
    Goal(
        "one connection: p50 over one bare Ray call plus one commit",
        1.5,
        1.2,
        "x",
        against_floor,
        at_most=True,
    ),
    Goal(
        "sold-out 409, 256 connections, against bare echo",
        0.50,
        0.65,
        "x",
        beside(ECHO, WIDE, scenario="sold out"),
    ),
    Goal(
        "holds at half the peak rate: p99",
        60,
        30,
        "ms",
        median_of(lambda one: one.p99_ms, "fixed rate"),
        at_most=True,
    ),
    Goal(
        "activation of an event with 100,000 live reservations",
        1.0,
        0.5,
        "s",
        extra("activation", "activation_s"),
        at_most=True,
    ),
    Goal(
        "longest stall of the pool's others meanwhile",
        30,
        10,
        "ms",
        extra("activation", "longest_stall_ms"),
        at_most=True,
    ),
    Goal(
        "memory of an active pooled event without reservations",
        20,
        8,
        "KB",
        extra("memory", "event_kb"),
        at_most=True,
    ),
    Goal(
        "memory of one live reservation in its owner",
        1000,
        700,
        "B",
        extra("memory", "reservation_bytes"),
        at_most=True,
    ),
    Goal(
        "owner killed under load: longest time without a success",
        3.0,
        2.0,
        "s",
        extra("failover", "longest_s"),
        at_most=True,
    ),
    Goal("idle: share of one core, of its own making", 3, 1, "%", extra("idle", "own_percent"), at_most=True),
)


LIVE_READERS = 2_000
LIVE_REACH = Goal(
    f"a change is with 99 % of {LIVE_READERS:,} readers: p99 after it was decided",
    500,
    None,
    "ms",
    extra("live", "reach_p99_ms"),
    at_most=True,
)
LIVE_SALES = Goal(
    f"sales while {LIVE_READERS:,} watch, against the rate with nobody watching",
    0.8,
    None,
    "x",
    extra("live", "sales_x"),
)
LIVE_READS = Goal(
    "reads of availability, 256 connections, against bare echo", 0.7, None, "x", extra("live", "reads_x")
)
KIND_GOALS = (
    Goal(
        "best available 4 of 60,000 seats, up to 95 % sold: owner CPU, mean",
        300,
        None,
        "us",
        extra("seats", "best_mean_us"),
        at_most=True,
    ),
    Goal("the same, worst", 3, None, "ms", extra("seats", "best_worst_ms"), at_most=True),
    Goal(
        "named seats, 64 connections, against holds of a ticket type",
        0.7,
        None,
        "x",
        extra("seats", "named_64_x"),
    ),
    Goal("the same, 256 connections", 0.7, None, "x", extra("seats", "named_256_x")),
    Goal(
        "activation of an event with 57,000 sold seats",
        1.0,
        None,
        "s",
        extra("seats", "activation_s"),
        at_most=True,
    ),
    Goal(
        "search of a restaurant of 60 tables: owner CPU, 16 connections, the dearest question",
        2,
        None,
        "ms",
        extra("search", "owner_16_ms"),
        at_most=True,
    ),
    Goal("the same, one at a time", 2, None, "ms", extra("search", "owner_1_ms"), at_most=True),
    Goal(
        "1,000 restaurants of 20 tables with their reservations: resident memory of all owners",
        1_500,
        None,
        "MB",
        extra("restaurants", "resident_mb"),
        at_most=True,
    ),
    Goal(
        "their searches, against holds of one event (the slower of 64 and 256 connections)",
        0.3,
        None,
        "x",
        extra("restaurants", "searches_x"),
    ),
    Goal("their reservations, the same", 0.3, None, "x", extra("restaurants", "reservations_x")),
    Goal(
        "CPU of a hold, pool of one, most from 1 to 1,000 selling events, against one",
        1.3,
        None,
        "x",
        extra("pool of 1", "most_x"),
        at_most=True,
    ),
    Goal("the same, pool of four", 2, None, "x", extra("pool of 4", "most_x"), at_most=True),
    Goal(
        "holds by who is signed in, against guests', 64 connections",
        0.85,
        None,
        "x",
        extra("accounts", "signed_in_64_x"),
    ),
    Goal("the same, 256 connections", 0.85, None, "x", extra("accounts", "signed_in_256_x")),
    LIVE_REACH,
    LIVE_SALES,
    LIVE_READS,
)


def judge(results: Results, goals: tuple[Goal, ...] = GOALS) -> list[Reached]:
    return [Reached(goal, goal.value(results)) for goal in goals]


def verdicts_of(figure: str, values: Mapping[str, float]) -> list[str]:
    """A line for each goal that one of these figures of a command is of."""
    judged = judge(Results({}, {}, extra={figure: dict(values)}), KIND_GOALS)
    return [verdict_line(one) for one in judged if one.value is not None]


def verdict_line(one: Reached) -> str:
    goal, value = one.goal, one.value or 0.0
    bound = f"{'at most' if goal.at_most else 'at least'} {goal.least:g} {goal.unit}"
    return (
        f"{'missed' if one.verdict == 'no' else 'reached'}: {goal.what}: {value:,.2f} {goal.unit} ({bound})"
    )
