"""Changing the lines of a hold: all or none, its end unchanged, its price kept."""

import pytest

from domain.event_messages import Line, TicketTypeChange
from domain.messages import Code
from tests.unit.sale import BOB, HOLD_MS, Sale, code, refused, reservation


def test_a_hold_can_change_its_lines_and_keeps_its_end_and_its_old_price() -> None:
    sale = Sale()
    held = sale.hold((("std", 2),))
    sale.change(ticket_types=(TicketTypeChange("std", price=6000),))
    sale.now_ms += 5_000
    changed = reservation(sale.change_lines(held.id, (("std", 3), ("vip", 1))))
    assert changed.lines == (Line("std", 3, 4500), Line("vip", 1, 9900))
    assert changed.expires_at_ms == held.expires_at_ms
    assert (sale.available("std"), sale.available("vip")) == (7, 1)


def test_a_change_of_lines_happens_as_a_whole_or_not_at_all() -> None:
    sale = Sale()
    held = sale.hold((("std", 2),))
    assert code(sale.change_lines(held.id, (("std", 1), ("vip", 3)))) is Code.SOLD_OUT
    assert sale.state.reservations[held.id] == held


def test_a_hold_may_grow_into_what_it_has_itself() -> None:
    sale = Sale()
    held = sale.hold((("std", 9),))
    assert reservation(sale.change_lines(held.id, (("std", 10),))).quantity == 10
    assert code(sale.change_lines(held.id, (("std", 11),))) is Code.SOLD_OUT


def test_a_type_that_is_dropped_from_a_hold_comes_free() -> None:
    sale = Sale()
    held = sale.hold((("std", 1), ("vip", 2)))
    sale.change_lines(held.id, (("std", 1),))
    assert sale.available("vip") == 2


def test_a_change_to_the_same_lines_changes_nothing() -> None:
    sale = Sale()
    held = sale.hold((("std", 2),))
    before = len(sale.facts)
    assert reservation(sale.change_lines(held.id, (("std", 2),))) == held
    assert len(sale.facts) == before


def test_a_hold_that_changed_its_lines_still_ends_in_time() -> None:
    sale = Sale()
    held = sale.hold((("std", 2),))
    sale.change_lines(held.id, (("vip", 1),))
    sale.now_ms = held.expires_at_ms
    sale.expire()
    assert (sale.available("std"), sale.available("vip")) == (10, 2)


@pytest.mark.parametrize("end", ["confirm", "cancel"])
def test_only_what_is_held_can_change_its_lines(end: str) -> None:
    sale = Sale()
    held = sale.hold()
    getattr(sale, end)(held.id)
    assert code(sale.change_lines(held.id, (("std", 2),))) is Code.WRONG_STATE


def test_lines_of_a_hold_are_checked_like_those_of_a_new_one() -> None:
    sale = Sale()
    held = sale.hold()
    assert code(sale.change_lines(held.id, ())) is Code.INVALID
    assert code(sale.change_lines(held.id, (("none", 1),))) is Code.INVALID
    assert code(sale.change_lines(held.id, (("std", 1), ("std", 2)))) is Code.INVALID


def test_a_type_that_a_hold_has_dropped_no_longer_waits_for_its_end() -> None:
    sale = Sale()
    dropped = sale.hold((("std", 1), ("vip", 1)))
    sale.change_lines(dropped.id, (("std", 1),))
    sale.now_ms += 60_000
    sale.hold((("vip", 2),), BOB)
    assert refused(sale.place((("vip", 1),))).facts == {"retry_after_s": HOLD_MS // 1000}
