"""Seats of an event: named or best available, whose they are, and what happens when they come free."""

import pytest

from domain.event_messages import BlockSeats, SeatsBlocked, Status, TicketType, UnblockSeats
from domain.event_seats import Seats, seats_of
from domain.messages import Code
from domain.seat_map import BEST_MAX_SEATS, Fallback
from domain.seat_plan import Layout, Plan, Row, Seat, Section
from tests.unit.sale import BOB, HOLD_MS, code, event, event_terms, refused, reservation
from tests.unit.seated import SEATING, Hall, seats_in

# --- named seats --------------------------------------------------------------------------------------


def test_the_named_seats_are_taken_and_stand_in_the_reservation() -> None:
    hall = Hall()
    held = hall.hold_seats((("front", 2),), "S/A/3 S/A/4")
    assert held.lines[0].seats == ("S/A/3", "S/A/4")
    assert hall.seats.holder("S/A/3") == held.id
    assert hall.available("front") == 4


def test_price_classes_share_the_seats_of_their_category() -> None:
    hall = Hall()
    held = hall.hold_seats((("back", 1), ("child", 2)), "S/B/1", "S/B/2 S/B/3")
    assert held.total == 5000 + 2 * 2500
    assert hall.available("back") == hall.available("child") == 9


def test_seats_and_standing_places_go_into_one_reservation() -> None:
    hall = Hall()
    held = hall.hold_seats((("front", 1), ("stand", 3)))
    assert [len(line.seats) for line in held.lines] == [1, 0]
    assert (hall.available("front"), hall.available("stand")) == (5, 17)


def test_a_seat_on_anothers_hold_is_held_until_that_ends() -> None:
    hall = Hall()
    hall.hold_seats((("front", 1),), "S/A/1")
    hall.now_ms += HOLD_MS - 1_500
    no = refused(hall.place_seats((("front", 2),), "S/A/1 S/A/2", customer=BOB))
    assert (no.code, no.facts) == (Code.HELD, {"seat": "S/A/1", "retry_after_s": 2})
    assert hall.seats.is_free("S/A/2")
    hall.now_ms += 1_500
    assert seats_in(hall.hold_seats((("front", 2),), "S/A/1 S/A/2")) == ["S/A/1", "S/A/2"]


def test_a_sold_seat_is_sold_out_even_beside_a_held_one() -> None:
    hall = Hall()
    hall.hold_seats((("front", 1),), "S/A/1")
    hall.confirm(hall.hold_seats((("front", 1),), "S/A/2").id)
    no = refused(hall.place_seats((("front", 2),), "S/A/1 S/A/2"))
    assert (no.code, no.facts) == (Code.SOLD_OUT, {"seat": "S/A/2"})


@pytest.mark.parametrize("how", ["expired", "released", "cancelled"])
def test_a_seat_is_free_again_when_its_reservation_ends(how: str) -> None:
    hall = Hall(cancel_until_ms=event_terms().starts_at_ms)
    held = hall.hold_seats((("front", 1),), "S/A/1")
    if how == "expired":
        hall.now_ms += HOLD_MS
    elif how == "released":
        hall.cancel(held.id)
    else:
        hall.confirm(held.id)
        hall.cancel(held.id)
    assert seats_in(hall.hold_seats((("front", 1),), "S/A/1")) == ["S/A/1"]


def test_the_end_of_an_earlier_hold_does_not_free_a_seat_that_is_anothers_now() -> None:
    hall = Hall()
    first = hall.hold_seats((("front", 1),), "S/A/1")
    hall.cancel(first.id)
    second = hall.hold_seats((("front", 1),), "S/A/1", customer=BOB)
    hall.confirm(second.id)
    hall.now_ms += 2 * HOLD_MS
    assert hall.expire() == []
    assert hall.seats.holder("S/A/1") == second.id


@pytest.mark.parametrize(
    ("line", "seats", "message"),
    [
        (("front", 1), "S/A/7", "no such seat"),
        (("front", 1), "S/B/1", "category back"),
        (("front", 2), "S/A/1", "1 seats for 2"),
        (("front", 2), "S/A/1 S/A/1", "once"),
        (("stand", 1), "S/A/1", "has no seats"),
    ],
)
def test_a_wish_that_cannot_be_meant_is_invalid(line: tuple[str, int], seats: str, message: str) -> None:
    hall = Hall()
    no = refused(hall.place_seats((line,), seats))
    assert no.code is Code.INVALID
    assert message in str(no.errors)


def test_one_seat_cannot_be_named_by_two_lines() -> None:
    hall = Hall()
    no = refused(hall.place_seats((("back", 1), ("child", 1)), "S/B/1", "S/B/1"))
    assert (no.code, no.errors[0][0]) == (Code.INVALID, "lines[1].seats")


# --- the best that are left ---------------------------------------------------------------------------


def test_a_group_of_several_price_classes_sits_side_by_side() -> None:
    hall = Hall()
    held = hall.hold_seats((("back", 2), ("child", 2)))
    row = [int(name.rsplit("/", 1)[1]) for name in seats_in(held)]
    assert sorted(row) == list(range(min(row), min(row) + 4))
    assert [len(line.seats) for line in held.lines] == [2, 2]


def test_without_a_row_for_all_it_is_refused_unless_they_may_be_split() -> None:
    hall = Hall()
    hall.hold_seats((("back", 1),), "S/B/3")
    hall.hold_seats((("back", 1),), "S/C/4")
    assert code(hall.place_seats((("back", 4),))) is Code.NO_FITTING_SEATS
    assert len(seats_in(hall.hold_seats((("back", 4),), fallback=Fallback.GAPS))) == 4
    assert code(hall.place_seats((("back", 3),))) is Code.NO_FITTING_SEATS
    assert len(seats_in(hall.hold_seats((("back", 3),), fallback=Fallback.SPLIT))) == 3


def test_accessible_seats_are_only_given_to_who_asks_for_them() -> None:
    hall = Hall()
    hall.hold_seats((("back", 6),))
    hall.hold_seats((("back", 4),))
    assert code(hall.place_seats((("back", 1),))) is Code.NO_FITTING_SEATS
    assert sorted(seats_in(hall.hold_seats((("back", 2),), accessible=1))) == ["S/C/1", "S/C/2"]


def test_more_accessible_seats_than_tickets_cannot_be_meant() -> None:
    hall = Hall()
    assert seats_in(hall.hold_seats((("back", 1),), accessible=1)) == ["S/C/1"]
    assert code(hall.place_seats((("back", 1),), accessible=2)) is Code.INVALID


@pytest.mark.parametrize(("quantity", "fits"), [(BEST_MAX_SEATS, True), (BEST_MAX_SEATS + 1, False)])
def test_only_so_many_seats_are_chosen_at_once(quantity: int, fits: bool) -> None:
    hall = Hall(ticket_types=(TicketType("long", "Long row", 100, 1, categories=("long",)),))
    row = Row("1", tuple(Seat(str(number), "long") for number in range(100)))
    hall.state.seats = Seats(Layout(Plan((Section("L", (row,)),))))
    reply = hall.place_seats((("long", quantity),))
    if fits:
        assert len(seats_in(reservation(reply))) == quantity
    else:
        no = refused(reply)
        assert (no.code, no.facts) == (
            Code.LIMIT_EXCEEDED,
            {"limit": BEST_MAX_SEATS, "requested": quantity},
        )


def test_a_full_category_is_held_while_holds_may_end_and_then_sold_out() -> None:
    hall = Hall()
    held = hall.hold_seats((("front", 6),))
    assert code(hall.place_seats((("front", 1),))) is Code.HELD
    hall.confirm(held.id)
    assert code(hall.place_seats((("front", 1),))) is Code.SOLD_OUT
    assert hall.available("back") == 12


def test_a_quota_below_the_seats_ends_the_sale_first() -> None:
    hall = Hall(ticket_types=(TicketType("front", "Front", 2, 9000, categories=("front",)),))
    hall.confirm(hall.hold_seats((("front", 2),)).id)
    assert code(hall.place_seats((("front", 1),))) is Code.SOLD_OUT


# --- changing a hold ----------------------------------------------------------------------------------


def test_a_hold_that_shrinks_keeps_its_first_seats() -> None:
    hall = Hall()
    held = hall.hold_seats((("front", 3),), "S/A/1 S/A/2 S/A/3")
    after = reservation(hall.change_seats(held.id, (("front", 2),)))
    assert seats_in(after) == ["S/A/1", "S/A/2"]
    assert hall.seats.is_free("S/A/3")


def test_a_hold_can_move_to_other_seats_and_keeps_its_own_if_these_are_taken() -> None:
    hall = Hall()
    held = hall.hold_seats((("front", 2),), "S/A/1 S/A/2")
    hall.hold_seats((("front", 1),), "S/A/5", customer=BOB)
    assert code(hall.change_seats(held.id, (("front", 2),), "S/A/4 S/A/5")) is Code.HELD
    assert hall.seats.holder("S/A/1") == held.id
    after = reservation(hall.change_seats(held.id, (("front", 2),), "S/A/2 S/A/3"))
    assert seats_in(after) == ["S/A/2", "S/A/3"]
    assert hall.seats.is_free("S/A/1")


def test_a_hold_that_grows_may_use_its_own_seats_again() -> None:
    hall = Hall()
    held = hall.hold_seats((("front", 4),))
    assert len(seats_in(reservation(hall.change_seats(held.id, (("front", 6),))))) == 6


# --- blocking -----------------------------------------------------------------------------------------


def test_blocked_seats_are_not_sold_until_they_are_unblocked() -> None:
    hall = Hall()
    blocked = event(hall.ask(BlockSeats(("S/A/1", "S/A/2"))))
    assert (blocked.version, blocked.counts[0].available) == (2, 4)
    assert hall.available("front") == 4
    assert code(hall.place_seats((("front", 1),), "S/A/1")) is Code.SOLD_OUT
    hall.ask(UnblockSeats(("S/A/1",)))
    assert seats_in(hall.hold_seats((("front", 1),), "S/A/1")) == ["S/A/1"]


def test_blocking_what_is_taken_is_refused_as_a_whole() -> None:
    hall = Hall()
    hall.hold_seats((("front", 1),), "S/A/2")
    no = refused(hall.ask(BlockSeats(("S/A/1", "S/A/2"))))
    assert (no.code, no.facts["seat"]) == (Code.IN_USE, "S/A/2")
    assert hall.seats.is_free("S/A/1")


def test_blocking_again_changes_nothing() -> None:
    hall = Hall()
    hall.ask(BlockSeats(("S/A/1",)))
    before = len(hall.facts)
    assert event(hall.ask(BlockSeats(("S/A/1",)))).version == 2
    assert len(hall.facts) == before


def test_blocking_a_seat_that_is_not_there_is_invalid() -> None:
    assert code(Hall().ask(BlockSeats(("S/Z/1",)))) is Code.INVALID


def test_only_what_was_not_blocked_stands_in_the_fact() -> None:
    hall = Hall()
    hall.ask(BlockSeats(("S/A/1",)))
    hall.ask(BlockSeats(("S/A/1", "S/A/2", "S/A/2")))
    assert hall.facts[-1] == SeatsBlocked(hall.now_ms, ("S/A/2",))


# --- terms --------------------------------------------------------------------------------------------


def test_types_with_categories_need_an_event_with_seating() -> None:
    hall = Hall(seating=None)
    assert hall.state.terms is None
    assert Hall(seating=SEATING).state.terms is not None


def test_the_seats_of_all_live_reservations_are_the_taken_ones() -> None:
    hall = Hall()
    kept = hall.hold_seats((("front", 2), ("back", 3), ("stand", 1)))
    hall.cancel(hall.hold_seats((("back", 2),)).id)
    assert kept.status is Status.HELD
    taken = [name for name in map(hall.seats.layout.name_of, range(18)) if not hall.seats.is_free(name)]
    assert sorted(taken) == sorted(seats_of(kept.lines))
