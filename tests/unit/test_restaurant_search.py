"""Searching: which times are free, with which tables, and what is near where the wished time is taken."""

import pytest

from domain.event_messages import PauseSale
from domain.messages import Code
from domain.restaurant_messages import SearchTables, Service
from tests.unit.dining import TABLES, TODAY, Dining, at, clock, code, day_of, path

EVENING = {"from_minute": 17 * 60, "until_minute": 1439}


def test_all_times_of_the_grid_within_the_hours_are_free() -> None:
    found = Dining().search(day=TODAY + 1)
    assert [clock(time) for time in found.times] == [
        *("12:00", "12:15", "12:30", "12:45", "13:00"),
        *(f"{hour}:{minute:02}" for hour in (17, 18, 19, 20) for minute in (0, 15, 30, 45)),
        "21:00",
    ]
    assert {time.day for time in found.times} == {TODAY + 1}


def test_a_window_bounds_them_and_both_its_ends_count() -> None:
    found = Dining().search(from_minute=18 * 60, until_minute=18 * 60 + 30)
    assert [clock(time) for time in found.times] == ["18:00", "18:15", "18:30"]


def test_today_there_is_the_notice() -> None:
    dining = Dining(now_ms=at("2026-11-20 17:01"))
    assert clock(dining.search().times[0]) == "19:15"


@pytest.mark.parametrize(("ahead", "some"), [(-1, False), (0, True), (90, True), (91, False)])
def test_only_days_that_can_be_reserved_have_times(ahead: int, some: bool) -> None:
    assert bool(Dining().search(day=TODAY + ahead).times) is some


def test_a_time_comes_with_the_table_that_fits_best() -> None:
    (time,) = Dining().search(from_minute=1140, until_minute=1140).times
    assert (time.tables, time.largest, time.area, time.traits) == (("t2",), 2, "window", ("quiet", "view"))
    assert time.start_ms == at("2026-11-20 19:00")


def test_no_table_for_four_is_shown_to_two_while_one_for_two_is_free() -> None:
    dining = Dining()
    dining.book("19:00", table_id="t2")
    tables = {clock(time): time.tables for time in dining.search(**EVENING).times}
    assert (tables["17:00"], tables["17:15"], tables["20:45"], tables["21:00"]) == (
        ("t2",),
        ("t4",),
        ("t4",),
        ("t2",),
    )


def test_joined_tables_are_shown_last() -> None:
    dining = Dining()
    dining.book("19:00", party_size=6)
    tables = {clock(time): time for time in dining.search(party_size=6, **EVENING).times}
    assert tables["17:00"].tables == ("t6",)
    assert tables["19:00"].tables == ("t4", "t4b")
    assert (tables["19:00"].area, tables["19:00"].traits) == ("hall", ())


def test_traits_are_looked_for() -> None:
    dining = Dining()
    assert {time.tables for time in dining.search(traits=("quiet",)).times} == {("t2",)}
    dining.book("19:00", table_id="t2")
    dining.book("19:00", table_id="t4b")
    assert "19:00" not in [clock(time) for time in dining.search(traits=("quiet",)).times]
    assert dining.search(traits=("pool",)).times == ()


def test_the_pace_of_the_kitchen_hides_times() -> None:
    dining = Dining(covers_per_slot_max=6)
    dining.book("19:00", party_size=4)
    assert "19:00" in [clock(time) for time in dining.search(2).times]
    assert "19:00" not in [clock(time) for time in dining.search(3).times]
    assert "19:15" in [clock(time) for time in dining.search(3).times]


def test_a_paused_restaurant_has_no_times() -> None:
    dining = Dining()
    dining.ask(PauseSale())
    assert dining.search().times == ()


def test_a_wished_time_that_is_free_has_no_alternatives() -> None:
    assert Dining().search(wished="19:00").alternatives == ()


def test_for_a_taken_time_the_three_nearest_are_named_nearest_first() -> None:
    dining = Dining(tables=TABLES[:1], joins=())
    dining.book("18:00")
    found = dining.search(wished="19:45", from_minute=19 * 60 + 45, until_minute=19 * 60 + 45)
    assert found.times == ()
    assert [clock(time) for time in found.alternatives] == ["20:00", "20:15", "20:30"]


def test_of_two_equally_near_the_earlier_comes_first() -> None:
    dining = Dining(tables=TABLES[:1], joins=(), stay_minutes=30)
    dining.book("19:00")
    assert [clock(time) for time in dining.search(wished="19:00").alternatives] == ["18:30", "19:30", "18:15"]


def test_an_alternative_is_at_most_two_hours_away() -> None:
    dining = Dining(tables=TABLES[:1], joins=(), services=(Service(4, 12 * 60, 21 * 60),))
    dining.book("19:00")
    assert [clock(time) for time in dining.search(wished="19:00").alternatives] == ["17:00"]
    assert dining.search(wished="19:01").alternatives == ()


def test_alternatives_are_found_past_midnight() -> None:
    night = tuple(Service(weekday, 18 * 60, 28 * 60) for weekday in range(7))
    dining = Dining(tables=TABLES[:1], joins=(), services=night)
    dining.book("22:30")
    nearest = dining.search(wished="23:30").alternatives[0]
    assert (nearest.day, clock(nearest)) == (TODAY + 1, "00:30")


def test_when_the_restaurant_is_closed_at_the_wished_time_the_nearest_open_ones_are_named() -> None:
    found = Dining().search(wished="16:30", from_minute=990, until_minute=990)
    assert [clock(time) for time in found.alternatives] == ["17:00", "17:15", "17:30"]


def test_a_party_that_the_restaurant_does_not_take_is_told_so() -> None:
    assert path(Dining().ask(SearchTables(TODAY, 0))) == "party_size"
    assert path(Dining().ask(SearchTables(TODAY, 13))) == "party_size"


def test_a_search_changes_nothing() -> None:
    dining = Dining()
    facts = len(dining.facts)
    dining.search(wished="19:00")
    assert len(dining.facts) == facts


# --- when clocks are changed --------------------------------------------------------------------------

NIGHT = tuple(Service(weekday, 0, 6 * 60) for weekday in range(7))


@pytest.mark.parametrize(
    ("zone", "date", "missing", "there"),
    [
        ("Europe/Berlin", "2027-03-28", ("02:00", "02:45"), ("01:45", "03:00")),
        ("America/New_York", "2027-03-14", ("02:00", "02:45"), ("01:45", "03:00")),
        ("Australia/Lord_Howe", "2027-10-03", ("02:00", "02:15"), ("01:45", "02:30")),
    ],
)
def test_in_spring_times_that_are_skipped_are_neither_found_nor_reserved(
    zone: str, date: str, missing: tuple[str, str], there: tuple[str, str]
) -> None:
    day = day_of(date)
    dining = Dining(now_ms=at(f"{date} 12:00") - 3 * 86_400_000, time_zone=zone, services=NIGHT)
    found = [clock(time) for time in dining.search(day=day).times]
    assert not set(missing) & set(found)
    assert set(there) <= set(found)
    for time in missing:
        assert path(dining.place(time, day=day)) == "time"
    assert path(dining.ask(SearchTables(day, 2, wished_minute=135))) == "time"
    before = dining.hold(there[0], day=day, table_id="t6", party_size=6)
    assert before.end_ms - before.start_ms == 7_200_000
    assert code(dining.place(there[1], day=day, table_id="t6", party_size=6)) is Code.HELD


@pytest.mark.parametrize(
    ("zone", "date", "time"),
    [
        ("Europe/Berlin", "2027-10-31", "02:30"),
        ("America/New_York", "2026-11-01", "01:30"),
        ("Australia/Lord_Howe", "2027-04-04", "01:45"),
    ],
)
def test_in_autumn_a_time_shown_twice_is_found_once_and_means_the_first(
    zone: str, date: str, time: str
) -> None:
    day = day_of(date)
    dining = Dining(now_ms=at(f"{date} 12:00") - 3 * 86_400_000, time_zone=zone, services=NIGHT)
    found = [one for one in dining.search(day=day).times if clock(one) == time]
    assert [one.start_ms for one in found] == [at(f"{date} {time}", zone, fold=0)]
    held = dining.hold(time, day=day)
    assert held.start_ms == at(f"{date} {time}", zone, fold=0)
    assert held.end_ms - held.start_ms == 7_200_000


def test_hours_are_local_so_a_night_with_a_change_is_an_hour_longer_or_shorter() -> None:
    for date, extra in (("2027-03-28", -4), ("2027-10-31", 4), ("2027-03-27", 0)):
        day = day_of(date)
        dining = Dining(now_ms=at(f"{date} 12:00") - 2 * 86_400_000, services=NIGHT)
        times = dining.search(day=day).times
        moments = (times[-1].start_ms - times[0].start_ms) // 900_000
        assert moments == 16 + extra
