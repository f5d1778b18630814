"""In the dining room: arriving, leaving, no-shows, walk-ins, and parties that stay longer."""

import msgspec
import pytest

from domain.event_messages import HoldExpired
from domain.messages import Code
from domain.restaurant import next_due_ms
from domain.restaurant_floor import OVERSTAYS_MAX
from domain.restaurant_messages import StayCompleted, StayProlonged, TableReply
from domain.restaurant_state import SETTLE_AFTER_MS
from tests.unit.dining import MINUTE_MS, TABLES, Dining, at, code, path, refused, reservation

# --- arriving and leaving -----------------------------------------------------------------------------


def test_a_party_is_seated_when_it_arrives() -> None:
    dining = Dining()
    booked = dining.book()
    dining.now_ms = booked.start_ms
    assert reservation(dining.seat(booked)).status.value == "seated"
    assert reservation(dining.seat(booked)).start_ms == booked.start_ms
    assert code(dining.place(table_id="t2", time="19:00")) is Code.SALES_CLOSED


def test_a_party_may_be_seated_an_hour_early_where_its_table_is_free() -> None:
    dining = Dining()
    booked = dining.book("19:00")
    dining.wait_until("2026-11-20 17:59")
    early = refused(dining.seat(booked))
    assert (early.code, early.facts["retry_after_s"]) == (Code.WRONG_STATE, 60)
    dining.wait_until("2026-11-20 18:00")
    seated = reservation(dining.seat(booked))
    assert (seated.start_ms, seated.end_ms) == (dining.now_ms, booked.end_ms)


def test_who_comes_early_waits_for_those_who_sit_there() -> None:
    dining = Dining()
    first = dining.book("17:00", table_id="t2")
    second = dining.book("19:00", table_id="t2")
    dining.wait_until("2026-11-20 18:30")
    dining.seat(first)
    assert code(dining.seat(second)) is Code.TAKEN
    dining.complete(first)
    assert reservation(dining.seat(second)).start_ms == at("2026-11-20 18:30")


def test_a_late_party_is_seated_until_its_time_is_over() -> None:
    dining = Dining()
    booked, other = dining.book(), dining.book()
    dining.now_ms = booked.end_ms - 1
    assert reservation(dining.seat(booked)).start_ms == booked.start_ms
    dining.now_ms += 1
    assert code(dining.seat(other)) is Code.TOO_LATE


def test_only_what_is_confirmed_is_seated() -> None:
    dining = Dining(notice_same_day_minutes=0)
    held = dining.hold("12:00")
    assert code(dining.seat(held)) is Code.WRONG_STATE


def test_leaving_early_frees_the_rest_of_the_stay() -> None:
    dining = Dining(notice_same_day_minutes=0)
    seated = dining.dine("19:00", table_id="t2")
    dining.wait_until("2026-11-20 19:30")
    assert code(dining.place("19:30", table_id="t2")) is Code.TAKEN
    assert reservation(dining.complete(seated)).status.value == "completed"
    dining.hold("19:30", table_id="t2")
    assert reservation(dining.complete(seated)).status.value == "completed"


def test_a_stay_nobody_was_seated_for_can_be_completed_from_its_start_on() -> None:
    dining = Dining()
    booked = dining.book()
    dining.now_ms = booked.start_ms - 1
    assert code(dining.complete(booked)) is Code.WRONG_STATE
    dining.now_ms += 1
    assert reservation(dining.complete(booked)).status.value == "completed"


def test_a_seated_party_cannot_be_cancelled() -> None:
    dining = Dining()
    assert code(dining.cancel(dining.dine())) is Code.WRONG_STATE


# --- no-shows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("setting", "minutes"), [({}, 15), ({"no_show_grace_minutes": 40}, 40)])
def test_a_no_show_needs_its_grace(setting: dict[str, int], minutes: int) -> None:
    dining = Dining(**setting)
    booked = dining.book(table_id="t2")
    dining.now_ms = booked.start_ms + minutes * MINUTE_MS - 1
    assert code(dining.no_show(booked)) is Code.WRONG_STATE
    dining.now_ms += 1
    assert reservation(dining.no_show(booked)).status.value == "no_show"
    assert reservation(dining.no_show(booked)).status.value == "no_show"
    assert reservation(dining.walk_in(table_id="t2")).tables == ("t2",)


def test_who_sits_is_no_no_show() -> None:
    dining = Dining()
    seated = dining.dine()
    dining.now_ms += 60 * MINUTE_MS
    assert code(dining.no_show(seated)) is Code.WRONG_STATE


# --- walk-ins -----------------------------------------------------------------------------------------


def test_a_walk_in_is_seated_at_once_off_the_grid_and_without_notice() -> None:
    dining = Dining()
    dining.wait_until("2026-11-20 16:07")
    seated = reservation(dining.walk_in(party_size=3))
    assert (seated.status.value, seated.tables) == ("seated", ("t4",))
    assert (seated.start_ms, seated.end_ms) == (dining.now_ms, dining.now_ms + 120 * MINUTE_MS)


def test_a_walk_in_with_little_time_fits_before_the_next_reservation() -> None:
    dining = Dining()
    dining.book("17:00", table_id="t2")
    dining.wait_until("2026-11-20 16:07")
    assert code(dining.walk_in(table_id="t2")) is Code.TAKEN
    assert code(dining.walk_in(table_id="t2", stay_minutes=54)) is Code.TAKEN
    assert reservation(dining.walk_in(table_id="t2", stay_minutes=53)).free_at_ms == at("2026-11-20 17:00")


@pytest.mark.parametrize("minutes", [0, 721])
def test_how_long_a_walk_in_stays_is_bounded(minutes: int) -> None:
    dining = Dining()
    assert path(dining.walk_in(stay_minutes=minutes)) == "stay_minutes"
    dining.walk_in(stay_minutes=1)
    assert reservation(dining.walk_in(stay_minutes=720)).end_ms == dining.now_ms + 720 * MINUTE_MS


# --- staying longer -----------------------------------------------------------------------------------


def test_a_party_stays_longer_where_nobody_is_next() -> None:
    dining = Dining()
    seated = dining.dine("19:00", table_id="t2")
    longer = reservation(dining.prolong(seated, 30))
    assert longer.end_ms == at("2026-11-20 21:30")
    assert next_due_ms(dining.state) == longer.end_ms


def test_it_stays_up_to_the_next_reservation_and_that_one_is_warned_of() -> None:
    dining = Dining(buffer_minutes=10)
    seated = dining.dine("17:00", table_id="t2")
    following = dining.book("20:00", table_id="t2")
    reply = dining.prolong(seated, 90)
    assert isinstance(reply, TableReply)
    assert (reply.warned, reply.moved) == ((following.id,), ())
    assert reply.reservation.end_ms == at("2026-11-20 19:50")
    assert reply.reservation.free_at_ms == following.start_ms
    assert dining.state.reservations[following.id] == following


def test_a_stay_that_cannot_be_prolonged_stays_as_it_was_with_the_buffer_of_its_time() -> None:
    dining = Dining()
    seated = dining.dine("17:00", table_id="t2")
    following = dining.book("19:00", table_id="t2")
    dining.change(buffer_minutes=30)
    reply = dining.prolong(seated, 15)
    assert isinstance(reply, TableReply)
    assert reply.warned == (following.id,)
    after = msgspec.structs.replace(seated, warned=(following.id,))
    assert reply.reservation == after == dining.state.reservations[seated.id]


def test_or_the_next_is_moved_to_another_table_of_its_time() -> None:
    dining = Dining()
    seated = dining.dine("17:00", table_id="t2")
    following = dining.book("20:00", table_id="t2")
    reply = dining.prolong(seated, 90, move_next=True)
    assert isinstance(reply, TableReply)
    assert reply.warned == ()
    assert [(one.id, one.tables, one.start_ms) for one in reply.moved] == [
        (following.id, ("t4",), following.start_ms)
    ]
    assert reply.reservation.end_ms == at("2026-11-20 20:30")


def test_who_cannot_be_moved_is_warned_of_and_nobody_moves_in_vain() -> None:
    dining = Dining()
    seated = dining.dine("17:00", party_size=8)
    first = dining.book("19:15", table_id="t4", party_size=3)
    second = dining.book("19:15", table_id="t4b", party_size=3)
    reply = dining.prolong(seated, 30, move_next=True)
    assert isinstance(reply, TableReply)
    assert reply.reservation.end_ms == at("2026-11-20 19:15")
    assert (reply.moved, set(reply.warned)) == ((), {first.id, second.id})


def test_two_that_are_moved_do_not_get_the_same_table() -> None:
    dining = Dining()
    seated = dining.dine("17:00", table_id="t2")
    first, second = dining.book("19:00", table_id="t2"), dining.book("21:00", table_id="t2")
    reply = dining.prolong(seated, 300, move_next=True)
    assert isinstance(reply, TableReply)
    assert [one.id for one in reply.moved] == [first.id, second.id]
    assert len(dining.state.diaries["t2"].entries) == 1


@pytest.mark.parametrize("minutes", [0, 601])
def test_how_long_a_stay_can_become_is_bounded(minutes: int) -> None:
    dining = Dining()
    seated = dining.dine()
    assert path(dining.prolong(seated, minutes)) == "by_minutes"
    dining.prolong(seated, 600)


def test_only_who_sits_stays_longer() -> None:
    dining = Dining()
    assert code(dining.prolong(dining.book(), 15)) is Code.WRONG_STATE


def test_a_stay_that_is_over_goes_on_slot_by_slot_while_the_table_is_free() -> None:
    dining = Dining()
    seated = dining.dine("19:00", table_id="t2")
    dining.now_ms = seated.end_ms - 1
    assert dining.look() == []
    dining.now_ms += 1
    (fact,) = dining.look()
    assert isinstance(fact, StayProlonged)
    assert (fact.end_ms, fact.warned) == (at("2026-11-20 21:15"), ())
    assert next_due_ms(dining.state) == fact.end_ms


def test_and_so_often_only() -> None:
    dining = Dining()
    seated = dining.dine("17:00", table_id="t2")
    for _ in range(OVERSTAYS_MAX + 1):
        end_ms = next_due_ms(dining.state)
        assert end_ms is not None
        dining.now_ms = end_ms
        dining.look()
    left = dining.state.reservations[seated.id]
    assert left.end_ms == seated.end_ms + OVERSTAYS_MAX * 15 * MINUTE_MS
    assert next_due_ms(dining.state) == left.end_ms + SETTLE_AFTER_MS


def test_a_stay_that_is_over_warns_of_the_next_once() -> None:
    dining = Dining()
    seated = dining.dine("17:00", table_id="t2")
    following = dining.book("19:00", table_id="t2")
    dining.now_ms = seated.end_ms
    (fact,) = dining.look()
    assert isinstance(fact, StayProlonged)
    assert (fact.end_ms, fact.warned) == (seated.end_ms, (following.id,))
    dining.now_ms += 60 * MINUTE_MS
    assert dining.look() == []


def test_a_stay_of_which_nobody_said_anything_is_completed_in_the_end() -> None:
    dining = Dining()
    booked = dining.book()
    dining.now_ms = booked.end_ms + SETTLE_AFTER_MS - 1
    assert dining.look() == []
    dining.now_ms += 1
    assert dining.look() == [StayCompleted(dining.now_ms, booked.id)]
    assert next_due_ms(dining.state) is None


def test_after_a_long_sleep_a_seated_stay_is_completed_and_not_prolonged() -> None:
    dining = Dining()
    seated = dining.dine()
    dining.now_ms = seated.end_ms + SETTLE_AFTER_MS
    assert dining.look() == [StayCompleted(dining.now_ms, seated.id)]


def test_a_hold_that_runs_out_at_the_same_moment_is_not_in_the_way_of_who_stays_on() -> None:
    dining = Dining(tables=TABLES[:1], joins=(), notice_same_day_minutes=0, hold_duration_s=600)
    guests = reservation(dining.walk_in(stay_minutes=20))
    dining.wait_until("2026-11-20 12:10")
    dining.hold("12:30")
    dining.wait_until("2026-11-20 12:20")
    expired, prolonged = dining.look()
    assert isinstance(expired, HoldExpired)
    assert isinstance(prolonged, StayProlonged)
    assert (prolonged.reservation_id, prolonged.end_ms) == (guests.id, at("2026-11-20 12:35"))
    assert prolonged.warned == ()
