"""Placing, keeping and losing a hold: the sale's window and a hold's end, both sides of each bound."""

import pytest

from domain.event_messages import HoldExpired, Line, Status, TicketTypeChange
from domain.messages import Code
from tests.unit.sale import BOB, HOLD_MS, HOUR_MS, START_MS, Sale, code, event_terms, refused, reservation


def test_a_hold_takes_what_was_asked_for_at_the_price_of_the_moment() -> None:
    sale = Sale()
    held = sale.hold((("std", 3), ("vip", 1)))
    assert held.status is Status.HELD
    assert held.lines == (Line("std", 3, 4500), Line("vip", 1, 9900))
    assert held.total == 3 * 4500 + 9900
    assert held.created_at_ms == START_MS
    assert (sale.available("std"), sale.available("vip")) == (7, 1)


def test_all_lines_are_taken_or_none() -> None:
    sale = Sale()
    assert code(sale.place((("std", 1), ("vip", 3)))) is Code.SOLD_OUT
    assert (sale.available("std"), sale.available("vip")) == (10, 2)


def test_the_last_ticket_can_be_held_and_none_after_it() -> None:
    sale = Sale()
    sale.hold((("std", 10),))
    assert sale.available("std") == 0
    assert code(sale.place()) is Code.HELD


def test_a_full_type_blocks_no_other() -> None:
    sale = Sale()
    sale.buy((("vip", 2),))
    assert code(sale.place((("vip", 1),))) is Code.SOLD_OUT
    assert sale.hold((("std", 10),)).quantity == 10


def test_prices_of_later_holds_are_the_new_ones() -> None:
    sale = Sale()
    early = sale.hold()
    sale.change(ticket_types=(TicketTypeChange("std", price=5000),))
    assert sale.hold().lines[0].unit_price == 5000
    assert sale.state.reservations[early.id].lines[0].unit_price == 4500


# --- the sale's window --------------------------------------------------------------------------------


def can_place(sale: Sale, now_ms: int) -> bool:
    sale.now_ms = now_ms
    reply = sale.place()
    if reservation_made := not hasattr(reply, "code"):
        return reservation_made
    assert code(reply) is Code.SALES_CLOSED
    return False


@pytest.mark.parametrize(("offset_ms", "is_open"), [(-1, False), (0, True)])
def test_the_sale_begins_at_its_start(offset_ms: int, is_open: bool) -> None:
    sale = Sale(sales_start_ms=START_MS + HOUR_MS)
    assert can_place(sale, START_MS + HOUR_MS + offset_ms) is is_open


@pytest.mark.parametrize(("offset_ms", "is_open"), [(-1, True), (0, False)])
def test_the_sale_ends_at_its_end_which_is_outside_it(offset_ms: int, is_open: bool) -> None:
    sale = Sale(sales_end_ms=START_MS + HOUR_MS)
    assert can_place(sale, START_MS + HOUR_MS + offset_ms) is is_open


@pytest.mark.parametrize(("offset_ms", "is_open"), [(-1, True), (0, False)])
def test_without_an_end_the_sale_ends_when_the_event_starts(offset_ms: int, is_open: bool) -> None:
    assert can_place(Sale(), event_terms().starts_at_ms + offset_ms) is is_open


def test_a_sale_may_go_on_after_the_event_has_started_if_its_end_says_so() -> None:
    starts_at_ms = event_terms().starts_at_ms
    assert can_place(Sale(sales_end_ms=starts_at_ms + HOUR_MS), starts_at_ms + HOUR_MS - 1)


def test_what_is_held_can_be_confirmed_after_the_sale_has_ended() -> None:
    sale = Sale(sales_end_ms=START_MS + 1_000)
    held = sale.hold()
    sale.now_ms = START_MS + 2_000
    assert reservation(sale.confirm(held.id)).status is Status.CONFIRMED


def test_what_is_held_can_be_extended_made_smaller_and_released_after_the_sale_has_ended() -> None:
    sale = Sale(sales_end_ms=START_MS + 1_000)
    held = sale.hold((("std", 2),))
    sale.now_ms = START_MS + 1_000
    assert reservation(sale.extend(held.id)).extensions == 1
    assert reservation(sale.change_lines(held.id, (("std", 1),))).quantity == 1
    assert code(sale.change_lines(held.id, (("std", 2),))) is Code.SALES_CLOSED
    assert reservation(sale.cancel(held.id)).status is Status.RELEASED


def test_an_event_for_members_refuses_guests() -> None:
    sale = Sale(guests=False)
    assert code(sale.place(guest=True)) is Code.UNAUTHORIZED
    assert reservation(sale.place(guest=False))


# --- a hold's end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("hold_duration_s", [10, 900, 86_400])
def test_a_hold_lasts_as_long_as_the_terms_say(hold_duration_s: int) -> None:
    sale = Sale(hold_duration_s=hold_duration_s, starts_at_ms=START_MS + 100 * HOUR_MS)
    assert sale.hold().expires_at_ms == START_MS + hold_duration_s * 1000


def test_the_instant_before_its_end_a_hold_can_be_confirmed() -> None:
    sale = Sale()
    held = sale.hold()
    sale.now_ms = held.expires_at_ms - 1
    assert reservation(sale.confirm(held.id)).status is Status.CONFIRMED


def test_the_end_of_a_hold_itself_is_too_late() -> None:
    sale = Sale()
    held = sale.hold()
    sale.now_ms = held.expires_at_ms
    assert code(sale.confirm(held.id)) is Code.HOLD_EXPIRED
    assert sale.facts[-1] == HoldExpired(held.expires_at_ms, held.id)


def test_from_its_end_on_a_hold_refuses_nobody() -> None:
    sale = Sale()
    held = sale.hold((("vip", 2),))
    sale.now_ms = held.expires_at_ms - 1
    assert code(sale.place((("vip", 2),), BOB)) is Code.HELD
    sale.now_ms = held.expires_at_ms
    assert reservation(sale.place((("vip", 2),), BOB))


def test_an_expired_hold_says_that_its_time_ran_out() -> None:
    sale = Sale()
    held = sale.hold()
    sale.now_ms = held.expires_at_ms
    assert code(sale.confirm(held.id)) is Code.HOLD_EXPIRED
    assert code(sale.extend(held.id)) is Code.HOLD_EXPIRED
    assert code(sale.change_lines(held.id, (("std", 2),))) is Code.HOLD_EXPIRED


def test_a_confirmed_reservation_does_not_expire() -> None:
    sale = Sale()
    bought = sale.buy()
    sale.now_ms = bought.expires_at_ms + HOUR_MS
    assert sale.expire() == []
    assert sale.count("std").confirmed == 1


# --- extending ----------------------------------------------------------------------------------------


def test_a_hold_is_extended_once_by_default() -> None:
    sale = Sale()
    held = sale.hold()
    sale.now_ms += 60_000
    assert reservation(sale.extend(held.id)).expires_at_ms == START_MS + 60_000 + HOLD_MS
    refusal = refused(sale.extend(held.id))
    assert refusal.code is Code.LIMIT_EXCEEDED
    assert refusal.facts == {"limit": 1, "requested": 2}


@pytest.mark.parametrize("times", [0, 1, 3])
def test_a_hold_is_extended_as_often_as_the_terms_say(times: int) -> None:
    sale = Sale(hold_extensions_max=times)
    held = sale.hold()
    for done in range(times):
        assert reservation(sale.extend(held.id)).extensions == done + 1
    assert code(sale.extend(held.id)) is Code.LIMIT_EXCEEDED


def test_an_extended_hold_lives_past_its_first_end_and_ends_at_its_second() -> None:
    sale = Sale()
    held = sale.hold()
    sale.now_ms += 1_000
    extended = reservation(sale.extend(held.id))
    sale.now_ms = held.expires_at_ms
    assert sale.expire() == []
    sale.now_ms = extended.expires_at_ms
    assert sale.expire() == [HoldExpired(extended.expires_at_ms, held.id)]


def test_extending_never_shortens_a_hold() -> None:
    sale = Sale()
    held = sale.hold()
    sale.change(hold_duration_s=10)
    assert reservation(sale.extend(held.id)).expires_at_ms == held.expires_at_ms


def test_only_what_is_held_can_be_extended() -> None:
    sale = Sale()
    refusal = refused(sale.extend(sale.buy().id))
    assert refusal.code is Code.WRONG_STATE
    assert refusal.facts == {"status": "confirmed"}


# --- confirming, releasing, cancelling ----------------------------------------------------------------


def test_confirming_twice_answers_the_same_and_happens_once() -> None:
    sale = Sale()
    bought = sale.buy()
    before = len(sale.facts)
    assert reservation(sale.confirm(bought.id)) == bought
    assert len(sale.facts) == before


def test_a_released_hold_frees_its_tickets_once() -> None:
    sale = Sale()
    held = sale.hold((("std", 4),))
    assert reservation(sale.cancel(held.id)).status is Status.RELEASED
    assert sale.available("std") == 10
    assert reservation(sale.cancel(held.id)).status is Status.RELEASED
    assert sale.available("std") == 10


def test_a_released_hold_cannot_be_confirmed() -> None:
    sale = Sale()
    held = sale.hold()
    sale.cancel(held.id)
    refusal = refused(sale.confirm(held.id))
    assert refusal.code is Code.WRONG_STATE
    assert refusal.facts == {"status": "released"}


def test_without_a_time_for_cancelling_a_confirmed_reservation_is_final() -> None:
    sale = Sale()
    assert code(sale.cancel(sale.buy().id)) is Code.TOO_LATE
    assert sale.count("std").confirmed == 1


@pytest.mark.parametrize(("offset_ms", "allowed"), [(0, True), (1, False)])
def test_a_confirmed_reservation_is_cancelled_up_to_and_at_cancel_until(
    offset_ms: int, allowed: bool
) -> None:
    sale = Sale(cancel_until_ms=START_MS + HOUR_MS)
    bought = sale.buy((("std", 2),))
    sale.now_ms = START_MS + HOUR_MS + offset_ms
    reply = sale.cancel(bought.id)
    if allowed:
        assert reservation(reply).status is Status.CANCELLED
    else:
        assert code(reply) is Code.TOO_LATE
    assert sale.available("std") == (10 if allowed else 8)


def test_a_second_cancel_answers_the_present_state_and_frees_nothing() -> None:
    sale = Sale(cancel_until_ms=START_MS + HOUR_MS)
    bought = sale.buy((("std", 2),))
    first = sale.cancel(bought.id)
    before = len(sale.facts)
    sale.now_ms = START_MS + 2 * HOUR_MS
    assert sale.cancel(bought.id) == first
    assert (len(sale.facts), sale.available("std")) == (before, 10)


def test_cancelling_an_expired_hold_answers_that_it_is_expired() -> None:
    sale = Sale()
    held = sale.hold()
    sale.now_ms = held.expires_at_ms
    assert reservation(sale.cancel(held.id)).status is Status.EXPIRED


@pytest.mark.parametrize("ask", ["confirm", "cancel", "extend"])
def test_an_unknown_reservation_is_not_found(ask: str) -> None:
    assert code(getattr(Sale(), ask)("nobody")) is Code.NOT_FOUND
