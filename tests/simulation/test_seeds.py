"""Thousands of scenarios, every one checked. One that fails can be played again by its number."""

import os

import pytest

from tests.simulation.run import Outcome, play, play_all

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "2000"))
LOOKED_AT = 40
"""The first ones, of which is told what happened in them."""


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    chunks = play_all(range(max(SEEDS, LOOKED_AT)), os.cpu_count() or 1)
    return [outcome for chunk in chunks for outcome in chunk]


def test_no_scenario_breaks_an_invariant(outcomes: list[Outcome]) -> None:
    failed = {outcome.seed: outcome.wrong for outcome in outcomes if outcome.wrong}
    assert len(outcomes) >= SEEDS
    assert [outcome.seed for outcome in outcomes] == [*range(len(outcomes))]
    assert not failed, f"play one again: python -m tests.simulation --seed {min(failed)} -v"


def test_the_scenarios_meet_every_kind_of_trouble_and_answer(outcomes: list[Outcome]) -> None:
    first = outcomes[:LOOKED_AT]
    assert len({kind for outcome in first for kind in outcome.kinds}) >= 23
    assert any(not outcome.kinds for outcome in first)
    assert sum(outcome.attempts for outcome in first) > LOOKED_AT * 25
    assert sum(outcome.revived for outcome in first) > 20, "inventories rest, and are asked for again"


def test_a_seed_replays_exactly_in_another_process_too(outcomes: list[Outcome]) -> None:
    for seed in (3, 14, 159):
        again = play(seed)
        assert again == play(seed)
        assert seed >= len(outcomes) or again == outcomes[seed]


def test_different_seeds_are_different_scenarios(outcomes: list[Outcome]) -> None:
    assert len({outcome.trace_hash for outcome in outcomes[:LOOKED_AT]}) == LOOKED_AT
