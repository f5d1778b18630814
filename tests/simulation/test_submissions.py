"""No accepted submission is lost or done twice, whoever dies between its acceptance and its answer."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import patch

import pytest

from domain.submission import Standing, Taken
from tests.simulation.submissions import QUOTA, SUBMISSIONS, Kept, Rush, SimSubmissions, wrong_in

SEEDS = 100


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Owners and submitters log what befalls them."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_every_accepted_submission_is_answered_whoever_dies() -> None:
    assert {seed: wrong for seed in range(SEEDS) if (wrong := wrong_in(seed))} == {}


def test_the_scenarios_take_some_more_than_once_and_reject_what_is_too_much() -> None:
    again = 0
    for seed in range(20):
        rush = Rush(seed)
        with rush.play():
            rows = rush.submissions.rows.values()
            again += sum(one.attempts > 1 for one in rows)
            standings = [one.found.standing for one in rows]
        assert standings.count(Standing.DONE) == QUOTA
        assert standings.count(Standing.REJECTED) == SUBMISSIONS - QUOTA
    assert again > 5


def _leased_for_good(taking: SimSubmissions) -> list[Kept]:
    return [one for one in _pending(taking) if not one.attempts]


_pending = SimSubmissions.pending


def test_a_lease_that_never_ends_is_noticed() -> None:
    with patch.object(SimSubmissions, "pending", _leased_for_good):
        assert any(wrong_in(seed) for seed in range(SEEDS))


def _under_another_id(store: SimSubmissions, one: Kept, now_ms: int) -> Taken:
    return replace(_taken(store, one, now_ms), request_id=os.urandom(16))


_taken = SimSubmissions._taken


def test_a_submission_that_is_put_again_under_another_request_id_is_noticed() -> None:
    with patch.object(SimSubmissions, "_taken", _under_another_id):
        assert any(wrong_in(seed) for seed in range(SEEDS))
