"""What became of a refund at Stripe, as its list says; without Stripe's library (tests/stripe has that)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from actors.stripe_payments import OUR_REFUND, made_of
from domain.provider_answers import PaidBack, Returned, SaidOfRefund, Unclear, Working


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
    failure_reason: str | None = None

    @property
    def metadata(self) -> Metadata:
        return Metadata({OUR_REFUND: self.of})


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("succeeded", PaidBack("re_2", for_good=False)),
        ("pending", Working("re_2")),
        ("requires_action", Working("re_2")),
        ("failed", Returned("the refund is failed")),
        ("canceled", Returned("the refund is canceled")),
        ("of_a_later_year", Unclear("the refund is of_a_later_year")),
    ],
)
def test_only_a_refund_that_succeeded_has_been_paid_back(status: str, said: SaidOfRefund) -> None:
    there = [Listed("re_1", "succeeded", "another"), Listed("re_2", status)]
    assert made_of("ours", there) == said


def test_why_a_refund_failed_is_said() -> None:
    there = [Listed("re_1", "failed", failure_reason="lost_or_stolen_card")]
    assert made_of("ours", there) == Returned("the refund is failed: lost_or_stolen_card")


@pytest.mark.parametrize("status", ["succeeded", "pending"])
def test_what_is_made_in_place_of_one_that_failed_counts(status: str) -> None:
    there = [Listed("re_1", "failed"), Listed("re_2", status)]
    said = made_of("ours", there)
    assert said == made_of("ours", there[::-1]) == made_of("ours", there[1:])


def test_one_that_was_never_made_is_none() -> None:
    assert made_of("ours", []) is None
    assert made_of("ours", [Listed("re_1", "succeeded", "another")]) is None
