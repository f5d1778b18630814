"""Until when a holder may cancel, and what is kept: by the event's terms, and after its start was moved."""

from __future__ import annotations

import pytest

from domain.cancelling import DAY_MS
from domain.event_change import POSTPONED_REFUND_DAYS_MAX
from domain.event_messages import (
    BeginPayment,
    CancelEvent,
    CancelReservation,
    FinishPayment,
    ReservationCancelled,
    Status,
    VoidReservation,
)
from domain.messages import Code, Rejected
from tests.unit.sale import HOUR_MS, ONE, START_MS, Sale, code, refused, reservation

FAR_MS = START_MS + 400 * DAY_MS


class Postponed(Sale):
    """An event of which one ticket is sold, and that is then moved to far in the future."""

    def __init__(self, days: int = 3, to_ms: int = FAR_MS, **terms: object) -> None:
        super().__init__(postponed_refund_days=days, sales_end_ms=FAR_MS, **terms)
        self.sold = self.buy()
        self.now_ms += HOUR_MS
        self.moved_ms = self.now_ms
        self.change(starts_at_ms=to_ms)


@pytest.mark.parametrize(("off_ms", "allowed"), [(0, True), (1, False)])
@pytest.mark.parametrize("days", [1, 3, POSTPONED_REFUND_DAYS_MAX])
def test_what_was_bought_before_the_start_was_moved_is_cancelled_up_to_and_at_the_windows_end(
    days: int, off_ms: int, allowed: bool
) -> None:
    sale = Postponed(days)
    sale.now_ms = sale.moved_ms + days * DAY_MS + off_ms
    reply = sale.cancel(sale.sold.id)
    assert (code(reply) is Code.TOO_LATE) if not allowed else reservation(reply).status is Status.CANCELLED


def test_without_a_window_a_move_changes_nothing() -> None:
    sale = Postponed(days=0)
    assert code(sale.cancel(sale.sold.id)) is Code.TOO_LATE


def test_a_window_is_of_the_last_move_and_none_of_another_change() -> None:
    sale = Postponed()
    sale.now_ms += 2 * DAY_MS
    sale.change(name="Another name")
    assert sale.state.terms is not None
    assert sale.state.terms.moved_ms == sale.moved_ms
    sale.change(starts_at_ms=FAR_MS + DAY_MS)
    sale.now_ms += 3 * DAY_MS
    assert reservation(sale.cancel(sale.sold.id)).status is Status.CANCELLED


@pytest.mark.parametrize(("after_ms", "allowed"), [(0, True), (1, False)])
def test_who_came_after_the_move_knew_of_it(after_ms: int, allowed: bool) -> None:
    sale = Postponed()
    sale.now_ms += after_ms
    late = sale.buy()
    assert (reservation if allowed else refused)(sale.cancel(late.id))


@pytest.mark.parametrize(("off_ms", "allowed"), [(-1, True), (0, False)])
def test_the_window_ends_when_the_event_begins(off_ms: int, allowed: bool) -> None:
    sale = Postponed(days=300, to_ms=START_MS + 2 * DAY_MS)
    sale.now_ms = START_MS + 2 * DAY_MS + off_ms
    assert (reservation if allowed else refused)(sale.cancel(sale.sold.id))


def test_a_window_shortens_no_time_that_the_terms_give() -> None:
    sale = Postponed(days=1, cancel_until_ms=FAR_MS)
    sale.now_ms = sale.moved_ms + DAY_MS + 1
    assert reservation(sale.cancel(sale.sold.id)).status is Status.CANCELLED


def last(sale: Sale) -> ReservationCancelled:
    fact = sale.facts[-1]
    assert isinstance(fact, ReservationCancelled)
    return fact


@pytest.mark.parametrize(("percent", "kept"), [(0, 0), (1, 45), (33, 1485), (100, 4500)])
def test_the_event_keeps_its_share_of_the_price(percent: int, kept: int) -> None:
    sale = Sale(cancel_until_ms=FAR_MS, cancel_keeps_percent=percent)
    sale.cancel(sale.buy().id)
    assert last(sale).kept == kept


def test_a_share_is_rounded_down() -> None:
    sale = Sale(cancel_until_ms=FAR_MS, cancel_keeps_percent=1)
    sale.state.types["std"] = sale.state.types["std"].__class__("std", "S", 10, 199)
    sale.cancel(sale.buy().id)
    assert last(sale).kept == 1


@pytest.mark.parametrize(("off_ms", "kept"), [(0, 0), (1, 2250)])
def test_nothing_is_kept_while_the_window_after_a_move_lasts(off_ms: int, kept: int) -> None:
    sale = Postponed(cancel_until_ms=FAR_MS, cancel_keeps_percent=50)
    sale.now_ms = sale.moved_ms + 3 * DAY_MS + off_ms
    sale.cancel(sale.sold.id)
    assert last(sale).kept == kept


def test_what_is_kept_is_marked_where_a_payment_was() -> None:
    sale = Sale(payment="required", cancel_until_ms=FAR_MS, cancel_keeps_percent=50)
    held = sale.hold(ONE)
    sale.ask(BeginPayment(held.id, "p1", START_MS + 1))
    sale.ask(FinishPayment(held.id, "p1", held.total))
    after = reservation(sale.cancel(held.id))
    assert after.paid_by is not None
    assert after.paid_by.kept == 2250
    assert sale.state.ended[held.id] == after


def test_what_the_operator_cancels_goes_back_in_full() -> None:
    sale = Sale(cancel_until_ms=FAR_MS, cancel_keeps_percent=50)
    first, second, third = sale.buy(), sale.buy(), sale.buy()
    sale.ask(CancelReservation(third.id, by_operator=True))
    assert last(sale) == ReservationCancelled(sale.now_ms, third.id, 0, by_operator=True)
    sale.ask(VoidReservation(first.id))
    sale.ask(CancelEvent())
    sale.expire()
    assert last(sale) == ReservationCancelled(sale.now_ms, second.id, 0)


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [("cancel_keeps_percent", 0, 100), ("postponed_refund_days", 0, POSTPONED_REFUND_DAYS_MAX)],
)
def test_shares_and_windows_have_bounds(field: str, least: int, most: int) -> None:
    sale = Sale()
    for value, allowed in ((least, True), (most, True), (least - 1, False), (most + 1, False)):
        reply = sale.change(**{field: value})
        assert isinstance(reply, Rejected) is not allowed
