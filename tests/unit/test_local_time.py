"""Local times as moments: plain days, both changes of the clocks, days that have none; against zoneinfo."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.local_time import DAY_MAX, bound_ms, known_zone, local_of, moment_ms, moments_of, weekday
from tests.unit.dining import at, day_of, minute_of

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
MIDNIGHT_ZONES = ("America/Havana", "Asia/Beirut", "America/Asuncion")
"""Their clocks are, or were, changed at midnight."""


@pytest.mark.parametrize(
    ("zone", "day", "before", "skipped", "after", "first", "last"),
    [
        ("Europe/Berlin", "2026-03-29", "01:59", ("02:00", "02:59"), "03:00", "00:59Z", "01:00Z"),
        ("America/New_York", "2026-03-08", "01:59", ("02:00", "02:59"), "03:00", "06:59Z", "07:00Z"),
        # Half an hour, southern spring: at 02:00 (15:30 UTC of the day before) clocks go to 02:30.
        ("Australia/Lord_Howe", "2026-10-04", "01:59", ("02:00", "02:29"), "02:30", "15:29Z", "15:30Z"),
    ],
)
def test_in_spring_the_times_that_clocks_skip_are_none(
    zone: str, day: str, before: str, skipped: tuple[str, str], after: str, first: str, last: str
) -> None:
    number = day_of(day)
    for time in skipped:
        assert moment_ms(zone, number, minute_of(time)) is None
    shown = [moment_ms(zone, number, minute_of(time)) for time in (before, after)]
    assert shown == [at(f"{day} {before}", zone), at(f"{day} {after}", zone)]
    assert [_utc(moment) for moment in shown] == [first, last]


@pytest.mark.parametrize(
    ("zone", "day", "twice", "first", "after", "following"),
    [
        ("Europe/Berlin", "2026-10-25", "02:30", "00:30Z", "03:00", "02:00Z"),
        ("America/New_York", "2026-11-01", "01:30", "05:30Z", "02:00", "07:00Z"),
        ("Australia/Lord_Howe", "2026-04-05", "01:45", "14:45Z", "02:00", "15:30Z"),
    ],
)
def test_in_autumn_a_time_that_clocks_show_twice_is_the_first(
    zone: str, day: str, twice: str, first: str, after: str, following: str
) -> None:
    number = day_of(day)
    assert _utc(moment_ms(zone, number, minute_of(twice))) == first
    assert moment_ms(zone, number, minute_of(twice)) == at(f"{day} {twice}", zone, fold=0)
    assert _utc(moment_ms(zone, number, minute_of(after))) == following


CHANGES = ("2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-10-04", "2026-04-05")


@given(
    st.sampled_from(ZONES + MIDNIGHT_ZONES),
    st.integers(day_of("2000-01-01"), day_of("2037-12-31")) | st.sampled_from(CHANGES).map(day_of),
    st.sampled_from((5, 10, 15, 20, 30, 60)),
)
def test_the_times_of_a_day_are_its_moments_one_by_one(zone: str, day: int, step: int) -> None:
    one_by_one = [(moment_ms(zone, day, minute), minute) for minute in range(0, 1440, step)]
    assert moments_of(zone, day, step) == [found for found in one_by_one if found[0] is not None]


def test_days_outside_of_the_bounds_have_no_times() -> None:
    assert moments_of("UTC", DAY_MAX, 60) == moments_of("UTC", 0, 60) == []


@given(
    st.sampled_from(ZONES + MIDNIGHT_ZONES),
    st.integers(day_of("2000-01-01"), day_of("2037-12-31")),
    st.integers(0, 1439),
)
def test_a_moment_shows_the_time_that_it_was_made_of(zone: str, day: int, minute: int) -> None:
    moment = moment_ms(zone, day, minute)
    text = f"{date.fromordinal(day + date(1970, 1, 1).toordinal())} {minute // 60:02}:{minute % 60:02}"
    assert bound_ms(zone, day, minute) == at(text, zone)
    if moment is not None:
        assert moment == at(text, zone)
        assert local_of(zone, moment) == (day, minute)
    else:
        assert local_of(zone, at(text, zone)) != (day, minute)


@given(st.sampled_from(ZONES + MIDNIGHT_ZONES), st.integers(at("2000-01-01 00:00"), at("2037-12-31 00:00")))
def test_a_moments_local_time_leads_back_to_it_or_to_the_first_of_two(zone: str, at_ms: int) -> None:
    at_ms -= at_ms % 60_000
    found = moment_ms(zone, *local_of(zone, at_ms))
    assert found is not None
    assert at_ms - found in (0, 30 * 60_000, 60 * 60_000)


def test_minutes_past_midnight_are_those_of_the_next_day() -> None:
    zone = "Europe/Berlin"
    assert moment_ms(zone, day_of("2026-03-28"), 26 * 60) is None
    assert moment_ms(zone, day_of("2026-03-28"), 27 * 60) == at("2026-03-29 03:00")
    assert bound_ms(zone, day_of("2026-03-28"), 26 * 60 + 30) == at("2026-03-29 03:30")


def test_a_day_that_a_country_skipped_has_no_times() -> None:
    assert moment_ms("Pacific/Apia", day_of("2011-12-30"), 720) is None
    assert moment_ms("Pacific/Apia", day_of("2011-12-31"), 720) == at("2011-12-31 12:00", "Pacific/Apia")


@pytest.mark.parametrize("day", [-1, 0, DAY_MAX, 10**12, -(10**12)])
def test_days_out_of_bounds_have_no_times(day: int) -> None:
    assert moment_ms("Europe/Berlin", day, 0) is None
    assert bound_ms("Europe/Berlin", day, 0) is None


def test_the_last_days_within_bounds_have_times() -> None:
    assert moment_ms("Europe/Berlin", 1, 0) == 23 * 3_600_000
    last = moment_ms("Pacific/Kiritimati", DAY_MAX - 1, 1439)
    assert last is not None
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=last)


def test_weekdays_begin_with_monday() -> None:
    assert [weekday(day_of(text)) for text in ("2026-11-16", "2026-11-20", "2026-11-22")] == [0, 4, 6]


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"])
def test_iana_zones_are_known(name: str) -> None:
    assert known_zone(name)


@pytest.mark.parametrize(
    "name", ["", "Europe", "Europe/Atlantis", "../../etc/passwd", "/etc/localtime", "a\x00b", "é", "x" * 300]
)
def test_anything_else_is_no_zone(name: str) -> None:
    assert not known_zone(name)


def _utc(at_ms: int | None) -> str:
    assert at_ms is not None
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms):%H:%MZ}"
