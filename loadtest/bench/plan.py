"""Which cases are measured, and in which order.

Rounds are interleaved: within a round every target gets the same case right after the other, so that a
machine that slows down slows down all; every second round goes through the targets backwards. Only holds
are measured at every number of connections, the other scenarios at the largest.
"""

from collections.abc import Sequence

import msgspec

from loadtest.bench.results import Case, Commit, Scenario

TURNSTILE = "turnstile"
ECHO = "echo"
SETTLE_S = 1.5
SCENARIOS: tuple[Scenario, ...] = ("hold", "keyed", "sold out", "purchase", "fixed rate")


class Options(msgspec.Struct, frozen=True):
    seconds: int
    warmup_s: int
    connections: tuple[int, ...]
    rounds: int
    targets: tuple[str, ...]
    commits: tuple[Commit, ...]
    scenarios: tuple[Scenario, ...]
    workers: int


def targets_of(scenario: Scenario, targets: Sequence[str]) -> list[str]:
    """The peers know no Idempotency-Key; at a fixed rate echo shows what the generator itself adds."""
    if scenario == "keyed":
        return [target for target in targets if target == TURNSTILE]
    if scenario == "fixed rate":
        return [target for target in targets if target in (TURNSTILE, ECHO)]
    return list(targets)


def block(options: Options, round_number: int, commit: Commit) -> list[Case]:
    """The cases of one round with one length of commit."""
    cases: list[Case] = []
    order = options.targets if round_number % 2 else tuple(reversed(options.targets))
    for scenario in options.scenarios:
        numbers = options.connections if scenario == "hold" else (max(options.connections),)
        for connections in numbers:
            named = targets_of(scenario, order)
            cases += [Case(round_number, commit, scenario, connections, target) for target in named]
    return cases


def blocks(options: Options) -> list[tuple[int, Commit]]:
    return [(number, commit) for number in range(1, options.rounds + 1) for commit in options.commits]


def case_count(options: Options) -> int:
    return sum(len(block(options, number, commit)) for number, commit in blocks(options))


def expected_s(options: Options) -> float:
    """About how long a run takes, without starting and stopping."""
    return case_count(options) * (options.seconds + options.warmup_s + SETTLE_S)
