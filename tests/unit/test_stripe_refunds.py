"""What became of a refund at Stripe, as its list says; without Stripe's library (tests/stripe has that)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from actors.stripe_payments import OUR_REFUND, made_of
from domain.payment import PaidBack, Unclear


class Metadata(dict[str, str]):
    """As Stripe's library has it."""

    def to_dict(self) -> dict[str, str]:
        return dict(self)


@dataclass
class Listed:
    """One of an intent's refunds."""

    id: str
    status: str
    of: str = "ours"

    @property
    def metadata(self) -> Metadata:
        return Metadata({OUR_REFUND: self.of})


@pytest.mark.parametrize("status", ["succeeded", "pending", "requires_action"])
def test_a_refund_that_goes_has_been_paid_back(status: str) -> None:
    there = [Listed("re_1", "succeeded", "another"), Listed("re_2", status)]
    assert made_of("ours", there) == PaidBack("re_2")


@pytest.mark.parametrize("status", ["failed", "canceled", "of_a_later_year"])
def test_a_refund_that_does_not_go_has_paid_nothing_back(status: str) -> None:
    assert made_of("ours", [Listed("re_1", status)]) == Unclear(f"the refund is {status}")


def test_what_is_made_in_place_of_one_that_failed_counts() -> None:
    there = [Listed("re_1", "failed"), Listed("re_2", "succeeded")]
    assert made_of("ours", there) == made_of("ours", there[::-1]) == PaidBack("re_2")


def test_one_that_was_never_made_is_none() -> None:
    assert made_of("ours", []) is None
    assert made_of("ours", [Listed("re_1", "succeeded", "another")]) is None
