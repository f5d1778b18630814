"""Moving a reservation to another time, table or size: the old place is kept until the new one is had."""

import pytest

from domain.messages import Code
from domain.restaurant_messages import MoveReservation, ReservationMoved, StayOfParty
from tests.unit.dining import MINUTE_MS, TODAY, Dining, at, code, path, reservation


def test_to_another_time_the_table_is_kept_where_it_is_free() -> None:
    dining = Dining()
    booked = dining.book(party_size=3)
    moved = reservation(dining.move(booked, "20:00"))
    assert (moved.tables, moved.start_ms, moved.end_ms) == (
        booked.tables,
        at("2026-11-20 20:00"),
        at("2026-11-20 22:00"),
    )
    assert isinstance(dining.facts[-1], ReservationMoved)


def test_a_table_that_was_asked_for_is_kept_though_another_would_fit_better() -> None:
    dining = Dining()
    booked = dining.book(table_id="t4b")
    assert reservation(dining.move(booked, "20:00")).tables == ("t4b",)


def test_to_another_day() -> None:
    dining = Dining()
    moved = reservation(dining.move(dining.book(), day=TODAY + 1))
    assert moved.start_ms == at("2026-11-21 19:00")


def test_where_its_table_is_taken_the_restaurant_chooses_another() -> None:
    dining = Dining()
    booked = dining.book(table_id="t2")
    dining.book("21:00", table_id="t2")
    assert reservation(dining.move(booked, "20:00")).tables == ("t4",)


def test_to_a_given_table_at_the_same_time() -> None:
    dining = Dining()
    booked = dining.book(table_id="t2")
    moved = reservation(dining.move(booked, table_id="t4"))
    assert (moved.tables, moved.start_ms) == (("t4",), booked.start_ms)
    dining.hold(table_id="t2")


def test_changing_tables_needs_no_notice() -> None:
    dining = Dining()
    booked = dining.book(table_id="t2")
    dining.now_ms = booked.start_ms + MINUTE_MS
    assert reservation(dining.move(booked, table_id="t4")).tables == ("t4",)


@pytest.mark.parametrize(("confirmed", "expected"), [(True, Code.TAKEN), (False, Code.HELD)])
def test_what_cannot_be_had_leaves_the_old_place_as_it_was(confirmed: bool, expected: Code) -> None:
    dining = Dining()
    booked = dining.book("17:00", table_id="t2")
    other = dining.hold("20:00", table_id="t2")
    if confirmed:
        dining.confirm(other)
    facts = len(dining.facts)
    assert code(dining.move(booked, "19:00", table_id="t2")) is expected
    assert dining.state.reservations[booked.id] == booked
    assert len(dining.facts) == facts
    assert code(dining.place("17:00", table_id="t2")) is Code.TAKEN


def test_a_reservation_is_not_in_its_own_way() -> None:
    dining = Dining()
    booked = dining.book("19:00", table_id="t2")
    assert reservation(dining.move(booked, "19:15", table_id="t2")).tables == ("t2",)


def test_a_hold_keeps_its_end() -> None:
    dining = Dining()
    held = dining.hold()
    dining.now_ms += MINUTE_MS
    assert reservation(dining.move(held, "20:00")).expires_at_ms == held.expires_at_ms


def test_the_new_time_is_bound_by_the_house_rules() -> None:
    dining = Dining()
    booked = dining.book()
    assert path(dining.move(booked, "19:01")) == "time"
    assert code(dining.move(booked, "13:45")) is Code.SALES_CLOSED
    assert code(dining.move(booked, day=TODAY + 91)) is Code.SALES_CLOSED
    assert code(dining.move(booked, "16:00")) is Code.SALES_CLOSED


def test_another_time_can_be_had_up_to_the_deadline_for_cancelling() -> None:
    dining = Dining(cancel_until_minutes=60)
    booked = dining.book()
    dining.wait_until("2026-11-20 18:00")
    assert reservation(dining.move(booked, "20:00")).start_ms == at("2026-11-20 20:00")
    dining.wait_until("2026-11-20 19:00")
    dining.now_ms += 1
    assert code(dining.move(booked, day=TODAY + 1)) is Code.TOO_LATE


def test_a_larger_party_gets_a_larger_table_and_its_stay() -> None:
    dining = Dining(stays=(StayOfParty(2, 90),))
    booked = dining.book(party_size=2)
    moved = reservation(dining.move(booked, party_size=5))
    assert (moved.party_size, moved.tables) == (5, ("t6",))
    assert moved.end_ms - moved.start_ms == 120 * MINUTE_MS
    assert path(dining.move(booked, party_size=13)) == "party_size"


def test_another_number_of_persons_needs_no_notice_and_another_time_does() -> None:
    dining = Dining()
    booked = dining.book(party_size=2)
    dining.now_ms = booked.start_ms - 119 * MINUTE_MS
    assert code(dining.move(booked, "18:45")) is Code.SALES_CLOSED
    assert reservation(dining.move(booked, party_size=4)).party_size == 4
    dining.now_ms = booked.start_ms + MINUTE_MS
    assert reservation(dining.move(booked, party_size=3)).party_size == 3


def test_another_number_of_persons_needs_no_day_within_reach_and_another_time_does() -> None:
    dining = Dining()
    booked = dining.book(day=TODAY + 80)
    dining.change(days_ahead_max=79)
    assert reservation(dining.move(booked, party_size=3)).party_size == 3
    assert code(dining.move(booked, "20:00")) is Code.SALES_CLOSED


def test_a_larger_party_that_stays_longer_needs_hours_for_all_of_it() -> None:
    dining = Dining(stays=(StayOfParty(2, 90),))
    booked = dining.book("21:30", party_size=2)
    assert code(dining.move(booked, party_size=3)) is Code.SALES_CLOSED
    assert reservation(dining.move(booked, "21:00", party_size=3)).party_size == 3


def test_the_pace_counts_a_larger_party_and_no_other_table() -> None:
    dining = Dining(covers_per_slot_max=4)
    booked, _ = dining.book(party_size=2), dining.book(party_size=2)
    assert code(dining.move(booked, party_size=3)) is Code.TAKEN
    assert reservation(dining.move(booked, table_id="t4b")).tables == ("t4b",)


def test_moving_to_where_it_is_changes_nothing() -> None:
    dining = Dining()
    booked = dining.book()
    facts = len(dining.facts)
    assert reservation(dining.move(booked, "19:00")) == booked
    assert len(dining.facts) == facts


def test_a_seated_party_changes_tables_and_not_its_time() -> None:
    dining = Dining()
    seated = dining.dine(table_id="t2")
    moved = reservation(dining.move(seated, table_id="t4"))
    assert (moved.tables, moved.status.value) == (("t4",), "seated")
    assert code(dining.move(seated, "20:00")) is Code.WRONG_STATE


def test_what_has_ended_cannot_be_moved() -> None:
    dining = Dining()
    booked = dining.book()
    dining.cancel(booked)
    assert code(dining.move(booked, "20:00")) is Code.WRONG_STATE
    assert code(dining.ask(MoveReservation("none"))) is Code.NOT_FOUND
