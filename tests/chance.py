"""How much chance there is in the tests.

None in `make test`: Hypothesis makes the same examples each time, whatever has run before them, and in a file
that runs alone too. So one commit has one verdict, and what failed on one machine fails on any. What else
there is to be found `make properties` looks for: EXAMPLES times as many, from a SEED that it prints, and that
plays them again.
"""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.internal.conjecture import providers

TIMES = int(os.environ.get("PROPERTIES_EXAMPLES", "1"))
SEED = int(os.environ.get("PROPERTIES_SEED", "0"))
"""0: no chance."""
CACHE = Path(__file__).parents[1] / ".pytest_cache" / "hypothesis"
OF_ONE_TEST = 100
"""Examples, where it does not say how many."""


def many(examples: int) -> int:
    """So many examples, or what `make properties` makes of them."""
    return examples * TIMES


def settle() -> None:
    """To be called once, before there are any tests."""
    set_hypothesis_home_dir(CACHE)
    # How long an example takes says how busy the machine is. What failed is kept nowhere: it is made again.
    settings.register_profile(
        "turnstile",
        deadline=None,
        database=None,
        derandomize=not SEED,
        max_examples=many(OF_ONE_TEST),
        print_blob=True,
    )
    settings.load_profile("turnstile")
    if not SEED:
        # It also tries the numbers and texts of whatever code of ours is imported by then, which depends on
        # what this process has run before.
        providers._get_local_constants = providers.Constants
