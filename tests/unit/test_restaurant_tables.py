"""Which tables a party gets: overlap, buffers, best fit, joined tables; and what stands in the way."""

import pytest

from domain.event_messages import PauseSale, ResumeSale
from domain.messages import Code
from domain.restaurant_messages import History, Join, Table
from tests.unit.dining import (
    BOB,
    MINUTE_MS,
    NOON_MS,
    TABLES,
    TODAY,
    Dining,
    at,
    clock,
    code,
    path,
    refused,
    reservation,
)


@pytest.mark.parametrize("time", ["17:15", "18:45", "19:00", "19:15", "20:45"])
def test_a_table_is_taken_for_every_time_that_overlaps_the_stay(time: str) -> None:
    dining = Dining()
    dining.book("19:00", table_id="t6", party_size=6)
    assert code(dining.place(time, table_id="t6", party_size=6)) is Code.TAKEN


@pytest.mark.parametrize("time", ["17:00", "21:00"])
def test_a_table_is_free_again_when_the_stay_ends(time: str) -> None:
    dining = Dining()
    dining.book("19:00", table_id="t6", party_size=6)
    assert dining.hold(time, table_id="t6", party_size=6).tables == ("t6",)


def test_between_two_stays_the_table_needs_its_buffer() -> None:
    dining = Dining(buffer_minutes=15, slot_grid_minutes=5)
    held = dining.hold("18:00", table_id="t2")
    assert held.free_at_ms == at("2026-11-20 20:15")
    assert code(dining.place("20:10", table_id="t2")) is Code.HELD
    dining.hold("20:15", table_id="t2")
    assert code(dining.place("18:00", table_id="t2")) is Code.HELD


def test_the_buffer_after_a_new_stay_counts_as_well() -> None:
    dining = Dining(buffer_minutes=15, slot_grid_minutes=5)
    dining.book("20:00", table_id="t2")
    assert code(dining.place("17:50", table_id="t2")) is Code.TAKEN
    dining.hold("17:45", table_id="t2")


def test_what_is_on_hold_for_others_says_when_to_ask_again() -> None:
    dining = Dining()
    dining.hold(table_id="t2")
    dining.now_ms += 60_500
    no = refused(dining.place(table_id="t2"))
    assert (no.code, no.facts) == (Code.HELD, {"retry_after_s": 840})


def test_confirmed_beats_held_where_both_are_in_the_way() -> None:
    dining = Dining()
    dining.book("18:00", table_id="t2")
    dining.hold("20:00", table_id="t2")
    assert code(dining.place("19:00", table_id="t2")) is Code.TAKEN


def test_a_hold_that_ran_out_refuses_nobody() -> None:
    dining = Dining()
    held = dining.hold(table_id="t2")
    dining.now_ms = held.expires_at_ms
    assert dining.hold(table_id="t2").tables == ("t2",)
    assert dining.status(held) == "expired"


def test_when_all_tables_are_taken_or_held_the_first_hold_to_end_is_waited_for() -> None:
    dining = Dining(joins=())
    dining.book(party_size=4)
    dining.now_ms += 60_000
    dining.hold(party_size=4)
    dining.now_ms += 60_000
    dining.hold(party_size=4)
    no = refused(dining.place(party_size=4))
    assert (no.code, no.facts["retry_after_s"]) == (Code.HELD, 14 * 60)


def test_joined_tables_wait_for_the_last_of_the_holds_in_their_way() -> None:
    dining = Dining()
    dining.hold(table_id="t4")
    dining.now_ms += 60_000
    dining.hold(table_id="t4b")
    assert refused(dining.place(party_size=8)).facts == {"retry_after_s": 15 * 60}


def test_the_smallest_table_that_takes_the_party_is_chosen() -> None:
    dining = Dining()
    chosen = [dining.hold(party_size=size).tables for size in (2, 2, 2, 3)]
    assert chosen == [("t2",), ("t4",), ("t4b",), ("t6",)]


def test_a_table_is_not_given_to_a_smaller_party_than_it_takes() -> None:
    dining = Dining()
    for _ in range(3):
        dining.book(party_size=2)
    assert code(dining.place(party_size=2)) is Code.TAKEN
    assert path(dining.place(party_size=2, table_id="t6")) == "party_size"
    assert path(dining.place(party_size=3, table_id="t2")) == "party_size"


def test_tables_are_joined_last() -> None:
    dining = Dining()
    assert dining.hold(party_size=6).tables == ("t6",)
    assert dining.hold(party_size=6).tables == ("t4", "t4b")


def test_joined_tables_are_taken_together_or_not_at_all() -> None:
    dining = Dining()
    dining.book("18:00", table_id="t4b")
    assert code(dining.place(party_size=8)) is Code.TAKEN
    assert dining.hold(table_id="t4").tables == ("t4",)
    joined = dining.book("21:00", party_size=8)
    for table_id in joined.tables:
        assert code(dining.place("21:00", table_id=table_id)) is Code.TAKEN
    dining.cancel(joined)
    for table_id in joined.tables:
        dining.hold("21:00", table_id=table_id)


def test_fewer_joined_tables_come_before_more() -> None:
    tables = tuple(Table(name, name, 1, 2) for name in "abc")
    dining = Dining(tables=tables, joins=(Join(("a", "b", "c"), 3, 4), Join(("b", "c"), 3, 4)))
    assert dining.hold(party_size=4).tables == ("b", "c")


def test_a_party_that_no_table_takes_is_told_so() -> None:
    assert path(Dining().place(party_size=9)) == "party_size"


def test_only_tables_with_all_of_the_traits_are_chosen() -> None:
    dining = Dining()
    assert dining.hold(traits=("quiet",)).tables == ("t2",)
    assert dining.hold(traits=("quiet",)).tables == ("t4b",)
    assert code(dining.place(traits=("quiet",))) is Code.HELD
    assert path(dining.place(traits=("quiet", "accessible"))) == "traits"


def test_an_unknown_or_retired_table_cannot_be_had() -> None:
    retired = Table("old", "9", 1, 4, active=False)
    dining = Dining(tables=(*TABLES, retired))
    assert path(dining.place(table_id="old")) == "table_id"
    assert path(dining.place(table_id="none")) == "table_id"


def test_the_kitchens_pace_bounds_those_who_sit_down_in_one_slot() -> None:
    dining = Dining(covers_per_slot_max=6)
    dining.book("19:00", party_size=2)
    dining.book("19:00", party_size=4)
    assert code(dining.place("19:00", party_size=1)) is Code.TAKEN
    dining.hold("19:15", party_size=2)


def test_the_pace_waits_for_holds_that_may_end() -> None:
    dining = Dining(covers_per_slot_max=8)
    dining.book("19:00", party_size=2)
    dining.hold("19:00", party_size=2)
    dining.now_ms += 60_000
    dining.hold("19:00", party_size=3)
    assert refused(dining.place("19:00", party_size=3)).facts == {"retry_after_s": 14 * 60}
    assert refused(dining.place("19:00", party_size=4)).facts == {"retry_after_s": 15 * 60}
    assert refused(dining.place("19:00", party_size=6)).facts == {"retry_after_s": 15 * 60}
    assert code(dining.place("19:00", party_size=7)) is Code.TAKEN


def test_a_party_at_joined_tables_counts_once() -> None:
    dining = Dining(covers_per_slot_max=11)
    assert dining.book("19:00", party_size=8).tables == ("t4", "t4b")
    assert "19:00" in [clock(time) for time in dining.search(3).times]
    assert code(dining.place("19:00", party_size=4)) is Code.TAKEN
    dining.hold("19:00", party_size=3)


def test_a_party_over_the_pace_by_itself_is_over_a_limit() -> None:
    no = refused(Dining(covers_per_slot_max=3).place(party_size=4))
    assert (no.code, no.facts) == (Code.LIMIT_EXCEEDED, {"limit": 3, "requested": 4})


def test_a_customer_with_a_score_of_20_gets_a_table_and_one_below_does_not() -> None:
    dining = Dining()
    dining.hold(history=History(no_shows=4))
    assert code(dining.place(history=History(no_shows=5))) is Code.SCORE_TOO_LOW
    dining.hold(day=TODAY + 1, history=History(visits=4, no_shows=5))
    assert code(dining.place(history=History(visits=3, no_shows=5))) is Code.SCORE_TOO_LOW


def test_what_a_score_is_made_of_are_settings() -> None:
    dining = Dining(score_start=10, score_no_show=-1, score_visit=2, min_score=9)
    dining.hold(history=History(no_shows=1))
    assert code(dining.place(history=History(no_shows=2))) is Code.SCORE_TOO_LOW
    dining.hold(history=History(visits=1, no_shows=3), day=TODAY + 1)


def test_cancellations_cost_no_score() -> None:
    Dining().hold(history=History(cancellations=1_000))


def test_a_restaurant_without_guests_wants_an_operator() -> None:
    dining = Dining(guests=False)
    assert code(dining.place()) is Code.UNAUTHORIZED
    dining.hold(guest=False)


def test_a_paused_restaurant_takes_no_holds_and_keeps_those_it_has() -> None:
    dining = Dining()
    held = dining.hold()
    dining.ask(PauseSale())
    assert code(dining.place()) is Code.SALES_CLOSED
    assert reservation(dining.confirm(held)).status.value == "confirmed"
    dining.ask(ResumeSale())
    dining.hold()


def test_a_cancelled_table_is_free_at_once() -> None:
    dining = Dining()
    booked = dining.book(table_id="t2")
    assert reservation(dining.cancel(booked)).status.value == "cancelled"
    dining.hold(table_id="t2", customer=BOB)


@pytest.mark.parametrize(("minutes", "last"), [(0, "19:00"), (120, "17:00")])
def test_what_is_confirmed_can_be_cancelled_up_to_the_deadline(minutes: int, last: str) -> None:
    dining = Dining(cancel_until_minutes=minutes)
    first, second = dining.book(), dining.book()
    dining.wait_until(f"2026-11-20 {last}")
    assert reservation(dining.cancel(first)).status.value == "cancelled"
    dining.now_ms += 1
    assert code(dining.cancel(second)) is Code.TOO_LATE


def test_a_hold_can_be_released_after_the_deadline_too() -> None:
    dining = Dining(cancel_until_minutes=600)
    assert reservation(dining.cancel(dining.hold())).status.value == "released"


def test_a_hold_is_extended_once_and_no_more() -> None:
    dining = Dining()
    held = dining.hold()
    dining.now_ms += 10 * MINUTE_MS
    assert reservation(dining.extend(held)).expires_at_ms == NOON_MS + 25 * MINUTE_MS
    assert refused(dining.extend(held)).facts == {"limit": 1, "requested": 2}


def test_confirming_and_cancelling_again_answer_the_present_state() -> None:
    dining = Dining()
    booked = dining.book()
    assert reservation(dining.confirm(booked)) == booked
    gone = reservation(dining.cancel(booked))
    facts = len(dining.facts)
    assert reservation(dining.cancel(booked)) == gone
    assert code(dining.confirm(booked)) is Code.WRONG_STATE
    assert len(dining.facts) == facts
