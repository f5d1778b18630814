"""When a party may come: grid, notice, days ahead, hours, party size; each on both sides of its bound."""

import pytest

from domain.messages import Code
from domain.restaurant_messages import HoldTable, Service, SpecialDay, StayOfParty, Table
from tests.unit.dining import MINUTE_MS, NOON_MS, TODAY, Dining, at, code, path, refused


@pytest.mark.parametrize(
    ("time", "wrong"), [("19:00", ""), ("19:15", ""), ("19:14", "time"), ("19:16", "time")]
)
def test_a_stay_begins_on_the_grid_of_15_minutes(time: str, wrong: str) -> None:
    reply = Dining().place(time)
    assert (path(reply) == wrong) if wrong else Dining().hold(time)


def test_the_grid_is_a_setting() -> None:
    dining = Dining(slot_grid_minutes=20)
    dining.hold("19:20")
    assert path(dining.place("19:15")) == "time"


@pytest.mark.parametrize("minute", [-15, -1])
def test_a_minute_before_midnight_of_its_day_is_no_time(minute: int) -> None:
    assert path(Dining().ask(HoldTable("r", TODAY + 1, minute, 2, b"ada", b"{}"))) == "time"


def test_a_party_is_from_1_to_12_persons() -> None:
    dining = Dining(joins=(), tables=(_large(1, 20),))
    dining.hold(party_size=1)
    dining.hold(party_size=12, day=TODAY + 1)
    assert path(dining.place(party_size=0)) == "party_size"
    assert path(dining.place(party_size=13)) == "party_size"


def test_smallest_and_largest_party_are_settings() -> None:
    dining = Dining(joins=(), tables=(_large(1, 20),), party_smallest=3, party_largest=14)
    dining.hold(party_size=3)
    dining.hold(party_size=14, day=TODAY + 1)
    assert path(dining.place(party_size=2)) == "party_size"
    assert path(dining.place(party_size=15)) == "party_size"


def test_on_the_same_day_two_hours_of_notice_are_needed() -> None:
    dining = Dining(now_ms=at("2026-11-20 16:00"))
    dining.hold("18:00")
    dining.now_ms += 1
    assert code(dining.place("18:00")) is Code.SALES_CLOSED


def test_on_another_day_half_an_hour_of_notice_is_enough() -> None:
    night = tuple(Service(weekday, 0, 4 * 60) for weekday in range(7))
    dining = Dining(now_ms=at("2026-11-20 23:45"), services=night)
    dining.hold("00:15", day=TODAY + 1)
    dining.now_ms += 1
    assert code(dining.place("00:15", day=TODAY + 1)) is Code.SALES_CLOSED
    dining.hold("00:30", day=TODAY + 1)


def test_both_notices_are_settings() -> None:
    dining = Dining(now_ms=at("2026-11-20 17:00"), notice_same_day_minutes=0)
    dining.hold("17:00")
    dining = Dining(now_ms=at("2026-11-20 17:00"), notice_minutes=24 * 60)
    assert code(dining.place("12:00", day=TODAY + 1)) is Code.SALES_CLOSED
    dining.hold("17:00", day=TODAY + 1)


def test_what_is_past_cannot_be_reserved_even_without_notice() -> None:
    dining = Dining(now_ms=at("2026-11-20 17:15"), notice_same_day_minutes=0, notice_minutes=0)
    dining.hold("17:15")
    assert "past" in refused(dining.place("17:00")).detail
    assert code(dining.place("19:00", day=TODAY - 1)) is Code.SALES_CLOSED


def test_at_most_90_days_ahead_counted_in_local_days() -> None:
    dining = Dining(now_ms=at("2026-11-20 23:59"))
    dining.hold(day=TODAY + 90)
    assert code(dining.place(day=TODAY + 91)) is Code.SALES_CLOSED
    dining.now_ms += MINUTE_MS
    dining.hold(day=TODAY + 91)


def test_how_far_ahead_is_a_setting() -> None:
    dining = Dining(days_ahead_max=0)
    dining.hold(day=TODAY)
    assert code(dining.place(day=TODAY + 1)) is Code.SALES_CLOSED


@pytest.mark.parametrize(
    ("time", "open_"),
    [("11:45", False), ("12:00", True), ("13:00", True), ("13:15", False), ("16:45", False), ("21:00", True)],
)
def test_a_stay_lies_within_one_service(time: str, open_: bool) -> None:
    reply = Dining().place(time, day=TODAY + 1)
    assert open_ is not (getattr(reply, "code", None) is Code.SALES_CLOSED)


def test_a_service_past_midnight_belongs_to_the_day_on_which_it_began() -> None:
    friday = (Service(4, 18 * 60, 26 * 60),)
    dining = Dining(services=friday)
    dining.hold("23:30")
    dining.hold("00:00", day=TODAY + 1)
    assert code(dining.place("00:15", day=TODAY + 1)) is Code.SALES_CLOSED
    assert code(dining.place("18:00", day=TODAY + 1)) is Code.SALES_CLOSED


def test_a_special_day_replaces_the_hours_of_its_weekday() -> None:
    eve = SpecialDay(TODAY + 1, ((10 * 60, 13 * 60),), "a wedding")
    dining = Dining(special_days=(eve, SpecialDay(TODAY + 2, (), "closed")))
    dining.hold("10:00", day=TODAY + 1)
    assert code(dining.place("19:00", day=TODAY + 1)) is Code.SALES_CLOSED
    assert code(dining.place("19:00", day=TODAY + 2)) is Code.SALES_CLOSED
    dining.hold("19:00", day=TODAY + 3)


def test_a_stay_is_two_hours_long() -> None:
    held = Dining().hold("19:00")
    assert (held.start_ms, held.end_ms) == (at("2026-11-20 19:00"), at("2026-11-20 21:00"))


def test_a_stay_is_as_long_as_the_party_is_large() -> None:
    dining = Dining(stays=(StayOfParty(2, 90), StayOfParty(4, 105)))
    minutes = [
        (held.end_ms - held.start_ms) // MINUTE_MS
        for held in (dining.hold(party_size=size, day=TODAY + size) for size in (1, 2, 3, 4, 5))
    ]
    assert minutes == [90, 90, 105, 105, 120]


def test_a_longer_stay_has_to_begin_earlier() -> None:
    dining = Dining(stay_minutes=180)
    dining.hold("12:00", day=TODAY + 1)
    assert code(dining.place("12:15", day=TODAY + 1)) is Code.SALES_CLOSED


def test_a_hold_lasts_15_minutes_and_its_end_is_too_late() -> None:
    dining = Dining()
    held = dining.hold()
    assert held.expires_at_ms == NOON_MS + 15 * MINUTE_MS
    dining.now_ms = held.expires_at_ms - 1
    assert not dining.look()
    dining.now_ms += 1
    assert code(dining.confirm(held)) is Code.HOLD_EXPIRED


def test_how_long_a_hold_lasts_is_a_setting() -> None:
    assert Dining(hold_duration_s=30).hold().expires_at_ms == NOON_MS + 30_000


def _large(smallest: int, largest: int) -> Table:
    return Table("long", "1", smallest, largest)
