"""What bounds a sale: quotas, the shared capacity, limits per order and per customer, and what a no says."""

import pytest

from domain.event_messages import TicketType, Wanted
from domain.messages import Code
from tests.unit.sale import ADA, BOB, HOLD_MS, START_MS, Sale, code, refused, reservation

STD, VIP = TicketType("std", "Standard", 10, 4500), TicketType("vip", "Premium", 2, 9900)


def limited(most: int | None) -> tuple[TicketType, ...]:
    return (TicketType("std", "Standard", 10, 4500, most), VIP)


# --- what can be asked for ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ((), "lines"),
        ((("none", 1),), "lines[0].ticket_type"),
        ((("std", 1), ("std", 1)), "lines[1].ticket_type"),
        ((("std", 0),), "lines[0].quantity"),
        ((("std", 1), ("vip", -1)), "lines[1].quantity"),
    ],
)
def test_lines_that_make_no_sense_are_invalid_and_named(lines: Wanted, path: str) -> None:
    refusal = refused(Sale().place(lines))
    assert refusal.code is Code.INVALID
    assert [found for found, _ in refusal.errors] == [path]


# --- per order and per customer -----------------------------------------------------------------------


@pytest.mark.parametrize(("quantity", "allowed"), [(4, True), (5, False)])
def test_one_order_takes_at_most_max_per_order_of_a_type(quantity: int, allowed: bool) -> None:
    reply = Sale(ticket_types=limited(4)).place((("std", quantity),))
    if allowed:
        assert reservation(reply).quantity == quantity
    else:
        assert refused(reply).code is Code.LIMIT_EXCEEDED
        assert refused(reply).facts == {"limit": 4, "requested": 5}


def test_without_max_per_order_an_order_may_take_the_quota() -> None:
    assert reservation(Sale(ticket_types=limited(None)).place((("std", 10),))).quantity == 10


def test_max_per_order_holds_for_a_change_of_lines_too() -> None:
    sale = Sale(ticket_types=limited(4))
    held = sale.hold((("std", 4),))
    assert code(sale.change_lines(held.id, (("std", 5),))) is Code.LIMIT_EXCEEDED


def test_max_per_customer_counts_all_live_reservations_of_all_types() -> None:
    sale = Sale(max_per_customer=4)
    sale.buy((("std", 2),))
    sale.hold((("vip", 1),))
    refusal = refused(sale.place((("std", 2),)))
    assert refusal.code is Code.LIMIT_EXCEEDED
    assert refusal.facts == {"limit": 4, "requested": 5}
    assert reservation(sale.place((("std", 1),)))


def test_max_per_customer_leaves_other_customers_alone() -> None:
    sale = Sale(max_per_customer=2)
    sale.hold((("std", 2),), ADA)
    assert reservation(sale.place((("std", 2),), BOB))


@pytest.mark.parametrize("end", ["release", "expiry", "cancellation"])
def test_what_ended_no_longer_counts_for_its_customer(end: str) -> None:
    sale = Sale(max_per_customer=2, cancel_until_ms=START_MS + 10 * HOLD_MS)
    held = sale.hold((("std", 2),))
    if end == "cancellation":
        sale.confirm(held.id)
    if end == "expiry":
        sale.now_ms = held.expires_at_ms
    else:
        sale.cancel(held.id)
    assert reservation(sale.place((("std", 2),)))


def test_a_change_of_lines_counts_what_it_replaces_only_once() -> None:
    sale = Sale(max_per_customer=4)
    held = sale.hold((("std", 3),))
    assert reservation(sale.change_lines(held.id, (("std", 4),))).quantity == 4
    assert code(sale.change_lines(held.id, (("std", 4), ("vip", 1)))) is Code.LIMIT_EXCEEDED


def test_a_limit_per_customer_that_comes_later_counts_what_is_live_already() -> None:
    sale = Sale()
    sale.buy((("std", 3),))
    sale.change(max_per_customer=3)
    assert code(sale.place()) is Code.LIMIT_EXCEEDED
    sale.change(max_per_customer=None)
    assert reservation(sale.place())


def test_a_hold_may_be_made_smaller_though_a_limit_was_lowered_below_what_remains() -> None:
    sale = Sale()
    held = sale.hold((("std", 5), ("vip", 1)))
    sale.change(max_per_customer=2)
    assert reservation(sale.change_lines(held.id, (("std", 4), ("vip", 1)))).quantity == 5
    assert code(sale.change_lines(held.id, (("std", 4), ("vip", 2)))) is Code.LIMIT_EXCEEDED


# --- the shared capacity ------------------------------------------------------------------------------


def test_all_types_together_sell_up_to_the_capacity_and_no_further() -> None:
    sale = Sale(capacity=5)
    sale.buy((("std", 4),))
    assert (sale.available("std"), sale.available("vip")) == (1, 1)
    assert code(sale.place((("vip", 2),))) is Code.SOLD_OUT
    assert reservation(sale.place((("vip", 1),)))
    assert code(sale.place((("std", 1),))) is Code.HELD


def test_capacity_bounds_the_sum_of_an_orders_lines() -> None:
    sale = Sale(capacity=3)
    assert code(sale.place((("std", 2), ("vip", 2)))) is Code.SOLD_OUT
    assert reservation(sale.place((("std", 2), ("vip", 1))))


def test_a_full_capacity_lets_a_hold_swap_types() -> None:
    sale = Sale(capacity=2)
    held = sale.hold((("std", 2),))
    assert reservation(sale.change_lines(held.id, (("std", 1), ("vip", 1)))).quantity == 2
    assert code(sale.change_lines(held.id, (("std", 2), ("vip", 1)))) is Code.SOLD_OUT


# --- held or sold out ---------------------------------------------------------------------------------


def test_what_holds_could_free_is_held_and_says_when_to_ask_again() -> None:
    sale = Sale()
    sale.hold((("vip", 1),))
    sale.now_ms += 60_000
    sale.hold((("vip", 1),), BOB)
    refusal = refused(sale.place((("vip", 1),)))
    assert refusal.code is Code.HELD
    assert refusal.facts == {"retry_after_s": (HOLD_MS - 60_000) // 1000}


@pytest.mark.parametrize(("before_ms", "seconds"), [(1_001, 2), (1_000, 1), (1, 1)])
def test_retry_after_is_rounded_up_and_at_least_one_second(before_ms: int, seconds: int) -> None:
    sale = Sale()
    held = sale.hold((("vip", 2),))
    sale.now_ms = held.expires_at_ms - before_ms
    assert refused(sale.place((("vip", 1),))).facts == {"retry_after_s": seconds}


def test_what_no_hold_can_free_is_sold_out() -> None:
    sale = Sale()
    sale.buy((("vip", 1),))
    sale.hold((("vip", 1),))
    assert code(sale.place((("vip", 1),))) is Code.HELD
    assert code(sale.place((("vip", 2),))) is Code.SOLD_OUT


def test_holds_of_another_type_do_not_make_a_type_held() -> None:
    sale = Sale()
    sale.buy((("vip", 2),))
    sale.hold((("std", 5),))
    assert code(sale.place((("vip", 1),))) is Code.SOLD_OUT


def test_an_order_is_sold_out_if_one_of_its_lines_is_though_another_is_only_held() -> None:
    sale = Sale()
    sale.hold((("std", 10),))
    sale.buy((("vip", 2),))
    assert code(sale.place((("std", 1), ("vip", 1)))) is Code.SOLD_OUT


def test_a_type_whose_holds_may_end_is_sold_out_where_the_capacity_will_not_come_free() -> None:
    sale = Sale(capacity=10, ticket_types=(STD, TicketType("vip", "Premium", 5, 9900)))
    sale.buy((("vip", 5),))
    sale.hold((("std", 5),))
    assert code(sale.place((("std", 6),), BOB)) is Code.SOLD_OUT
    assert code(sale.place((("std", 5),), BOB)) is Code.HELD


def test_a_hold_that_wants_more_is_told_when_the_first_of_the_others_ends() -> None:
    sale = Sale()
    mine = sale.hold((("vip", 1),), ADA)
    sale.now_ms += 60_000
    sale.hold((("vip", 1),), BOB)
    refusal = refused(sale.change_lines(mine.id, (("vip", 2),)))
    assert refusal.code is Code.HELD
    assert refusal.facts == {"retry_after_s": HOLD_MS // 1000}


def test_a_hold_cannot_wait_for_itself() -> None:
    sale = Sale()
    mine = sale.hold((("vip", 1),))
    sale.buy((("vip", 1),))
    assert code(sale.change_lines(mine.id, (("vip", 2),))) is Code.SOLD_OUT
