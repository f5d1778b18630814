"""Each safeguard switched off must turn the simulation red, and its being there is what keeps it green."""

import pytest

from tests.simulation.planted import PLANTS, Plant
from tests.simulation.run import Outcome, play

SEEDS_MAX = 400
"""A planted bug must show within so many scenarios."""


def first_red(plant: Plant) -> Outcome | None:
    with plant.planted() as parts:
        seeds = filter(plant.may_show, (plant.seen_in, *range(SEEDS_MAX)))
        return next((found for seed in seeds if (found := play(seed, parts)).wrong), None)


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found_and_its_scenario_is_good_without_it(name: str) -> None:
    found = first_red(PLANTS[name])
    assert found is not None, f"{SEEDS_MAX} scenarios with {name!r}, and none is red"
    assert play(found.seed).wrong == ()
