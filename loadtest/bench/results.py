"""What a run of the benchmark measured: the shapes of results.json, and how to look things up in them."""

import statistics
from collections.abc import Callable
from typing import Any, Literal

import msgspec

Scenario = Literal["hold", "keyed", "sold out", "purchase", "fixed rate"]
Commit = Literal["as it is", "2 ms"]


class Case(msgspec.Struct, frozen=True):
    """One measurement to make."""

    round: int
    commit: Commit
    scenario: Scenario
    connections: int
    target: str


class Measured(msgspec.Struct, frozen=True):
    """One measurement made. `rate_per_s` counts holds, refusals or purchases, whatever the scenario is about;
    `cpu_us` is per such piece of work, by process group, without the generator; `trouble` says what was not
    as it should be, replies of the wrong kind for example."""

    case: Case
    rate_per_s: float
    p50_ms: float
    p99_ms: float
    count: int
    cpu_us: dict[str, float]
    generator_us: float
    other_s: dict[str, float]
    machine_busy_s: float
    seconds: float
    trouble: str = ""

    @property
    def cpu_sum_us(self) -> float:
        return sum(self.cpu_us.values())


class Floor(msgspec.Struct, frozen=True):
    """Medians of what a request at one connection cannot do without."""

    round: int
    commit: Commit
    ray_call_p50_us: float
    commit_p50_us: float


class Results(msgspec.Struct):
    machine: dict[str, str]
    options: dict[str, Any]
    measured: list[Measured] = []
    floors: list[Floor] = []
    idle_percent: dict[str, float] = {}
    without_dashboard: list[Measured] = []
    missed: list[str] = []
    extra: dict[str, dict[str, Any]] = {}

    def find(self, target: str, scenario: Scenario, connections: int, commit: Commit) -> list[Measured]:
        """One per round, in the order of rounds."""
        wanted = (target, scenario, connections, commit)
        found = [
            one
            for one in self.measured
            if (one.case.target, one.case.scenario, one.case.connections, one.case.commit) == wanted
        ]
        return sorted(found, key=lambda one: one.case.round)

    def median(
        self,
        of: Callable[[Measured], float],
        target: str,
        scenario: Scenario,
        connections: int,
        commit: Commit,
    ) -> float | None:
        values = [of(one) for one in self.find(target, scenario, connections, commit)]
        return statistics.median(values) if values else None

    def ratio(
        self, target: str, beside: str, scenario: Scenario, connections: int, commit: Commit
    ) -> float | None:
        """Median of the rounds' ratios of rates: a pair is measured close together, so drift cancels out."""
        pairs = paired(
            self.find(target, scenario, connections, commit), self.find(beside, scenario, connections, commit)
        )
        ratios = [one.rate_per_s / other.rate_per_s for one, other in pairs if other.rate_per_s > 0]
        return statistics.median(ratios) if ratios else None


def paired(ones: list[Measured], others: list[Measured]) -> list[tuple[Measured, Measured]]:
    by_round = {other.case.round: other for other in others}
    return [(one, by_round[one.case.round]) for one in ones if one.case.round in by_round]
