"""Thousands of scenarios, every one checked. One that fails can be played again by its number."""

import os

from tests.simulation.run import play, play_all

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "2000"))


def test_no_scenario_breaks_an_invariant() -> None:
    outcomes = [outcome for chunk in play_all(range(SEEDS), os.cpu_count() or 1) for outcome in chunk]
    failed = {outcome.seed: outcome.wrong for outcome in outcomes if outcome.wrong}
    assert len(outcomes) == SEEDS
    assert not failed, f"play one again: python -m tests.simulation --seed {min(failed)} -v"


def test_the_scenarios_meet_every_kind_of_trouble_and_answer() -> None:
    outcomes = [play(seed) for seed in range(40)]
    assert len({kind for outcome in outcomes for kind in outcome.kinds}) >= 23
    assert any(not outcome.kinds for outcome in outcomes)
    assert sum(outcome.attempts for outcome in outcomes) > 40 * 25
    assert sum(outcome.revived for outcome in outcomes) > 20, "inventories rest, and are asked for again"


def test_a_seed_replays_exactly() -> None:
    for seed in (3, 14, 159):
        assert play(seed) == play(seed)


def test_different_seeds_are_different_scenarios() -> None:
    assert len({play(seed).trace_hash for seed in range(10)}) == 10
