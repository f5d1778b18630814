"""What follows for a payment from what its provider says: a provider that is told of it before it charges."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.event_messages import Line, PaidBy, Reservation, ReservationReply, Status
from domain.payment import (
    PAUSE_FIRST_MS,
    REFUND_LOOK_MAX_MS,
    Part,
    Payment,
    Step,
    after_owners,
    after_provider,
    next_step,
)
from domain.provider_answers import Captured, NeedsAction, PaidBack, Prepared, Unclear
from domain.refund import MAY_FAIL_MS, Reason, Refund, RefundStep, after_pay_back

DEADLINE_MS = 1_000
CHARGING = Payment(
    id="p",
    inventory_id="i",
    reservation_id="r",
    provider="x",
    deadline_ms=DEADLINE_MS,
    step=Step.CHARGE,
    amount=5,
    currency="EUR",
)


def test_what_is_prepared_is_charged_at_once_under_the_name_that_is_durable_by_then() -> None:
    turn = after_provider(CHARGING, Step.CHARGE, Prepared("ref"))
    assert (turn.payment.step, turn.payment.provider_ref, turn.pause_ms) == (Step.CHARGE, "ref", 0)
    charged = after_provider(turn.payment, Step.CHARGE, Captured("ref", 5, "EUR"))
    assert charged.payment.step is Step.CONFIRM


def test_what_stays_prepared_is_asked_again_later_and_later() -> None:
    turn = after_provider(replace(CHARGING, provider_ref="ref"), Step.CHARGE, Prepared("ref"))
    again = after_provider(turn.payment, Step.CHARGE, Prepared("ref"))
    assert (turn.pause_ms, again.pause_ms) == (PAUSE_FIRST_MS, 2 * PAUSE_FIRST_MS)


def test_what_is_prepared_is_not_charged_past_the_deadline() -> None:
    prepared = after_provider(CHARGING, Step.CHARGE, Prepared("ref")).payment
    assert next_step(prepared, DEADLINE_MS - 1) is Step.CHARGE
    assert next_step(prepared, DEADLINE_MS) is Step.CANCEL


@pytest.mark.parametrize("amount", [1, 2, 8, 10, 10**12])
def test_other_money_for_several_is_shared_by_them_and_all_of_it_goes_back(amount: int) -> None:
    parts = tuple(Part(f"p{price}", "i", "r", price) for price in (1, 3, 5))
    whole = replace(CHARGING, parts=parts, amount=9, reservation_id="", inventory_id="")
    after = after_provider(whole, Step.CHARGE, Captured("ref", amount, "GBP")).payment
    assert (after.step, after.captured, after.amount, after.currency) == (
        Step.GIVE_BACK,
        True,
        amount,
        "GBP",
    )
    shares = [part.amount or 0 for part in after.parts]
    assert sum(shares) == amount
    assert all(abs(9 * share - price * amount) < 9 for share, price in zip(shares, (1, 3, 5), strict=True))


@pytest.mark.parametrize("kept", [0, 3, 10])
def test_what_its_holder_cancelled_of_a_purchase_that_is_undone_is_paid_back_by_the_events_rules(
    kept: int,
) -> None:
    names = ("cancelled", "expired", "paid otherwise")
    parts = tuple(Part(f"p{number}", "i", name, 10) for number, name in enumerate(names))
    whole = replace(CHARGING, parts=parts, amount=30, captured=True, step=Step.GIVE_BACK)
    replies = [
        _reply(names[0], Status.CANCELLED, PaidBy("p0", 0, kept)),
        _reply(names[1], Status.EXPIRED, None),
        _reply(names[2], Status.CANCELLED, PaidBy("another", 0, kept)),
    ]
    after = after_owners(whole, Step.GIVE_BACK, replies, 0).payment
    assert [part.undone for part in after.parts] == [kept == 0, True, True]


def _reply(reservation_id: str, status: Status, paid_by: PaidBy | None) -> ReservationReply:
    line = Line("ga", 1, 10)
    return ReservationReply(
        Reservation(reservation_id, status, 0, (line,), b"", 0, paid_by=paid_by), "EUR", b""
    )


BACK = Refund(
    id="b",
    payment_id="p",
    inventory_id="i",
    reservation_id="r",
    provider="x",
    amount=5,
    currency="EUR",
    reason=Reason.CONCESSION,
    step=RefundStep.PAY_BACK,
)


def test_a_refund_that_may_still_fail_is_asked_about_each_time_it_is_twice_as_old_for_a_month() -> None:
    day_ms, now_ms, refund = 86_400_000, 0, BACK
    asked_days = []
    while (turn := after_pay_back(refund, PaidBack("ref", for_good=False), now_ms)).pause_ms:
        refund, now_ms = turn.refund, now_ms + turn.pause_ms
        asked_days.append(now_ms // day_ms)
    assert (asked_days, turn.refund.step) == ([1, 2, 4, 8, 16, 32], RefundStep.DONE)
    assert after_pay_back(BACK, PaidBack("ref"), 0).pause_ms == 0, "it cannot fail any more"


def test_of_one_cancelled_event_refunds_are_not_all_asked_about_in_one_minute() -> None:
    said = PaidBack("ref", for_good=False)
    pauses = [after_pay_back(replace(BACK, id=f"b{n}"), said, 0).pause_ms for n in range(60)]
    assert max(pauses) - min(pauses) > 1_800_000


def test_a_question_about_a_refund_that_was_made_is_asked_ever_less_often_while_nobody_answers() -> None:
    refund, pauses = replace(BACK, step=RefundStep.DONE), []
    for _ in range(20):
        turn = after_pay_back(refund, Unclear("no answer"), 0)
        refund, pauses = turn.refund, [*pauses, turn.pause_ms]
    assert (refund.step, pauses[0], pauses[-1]) == (RefundStep.DONE, PAUSE_FIRST_MS, REFUND_LOOK_MAX_MS)
    assert after_pay_back(refund, Unclear("no answer"), 2 * MAY_FAIL_MS - 1).pause_ms == REFUND_LOOK_MAX_MS
    assert after_pay_back(refund, Unclear("no answer"), 2 * MAY_FAIL_MS).pause_ms == 0, "in vain"


def test_where_to_confirm_is_in_no_note() -> None:
    assert "https://bank.example/secret" not in repr(NeedsAction("ref", "https://bank.example/secret"))
