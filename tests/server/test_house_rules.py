"""The rules that restaurants have unless they say otherwise, over HTTP, each on both sides of its bound."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.conftest import OPERATOR, Api
from tests.server.test_restaurants import RESTAURANTS, House, house_body

ALL_DAY = [{"weekday": day, "opens": "00:00", "closes": "00:00"} for day in range(7)]
BANQUET = [{"number": "1", "largest": 12}, {"number": "2", "smallest": 2, "largest": 4}]


async def opened(api: Api, **changes: Any) -> House:
    made = await api.post(RESTAURANTS, json=house_body(**changes), headers=OPERATOR)
    assert made.status == 201, made.raw
    house = House(api, made.json)
    house.at(14, 13, day=18)
    return house


async def answer(house: House, **changes: Any) -> str:
    """ "" for a hold; else why there is none."""
    made = await house.hold(**changes)
    return "" if made.status == 201 else made.code


@pytest.mark.parametrize(
    ("wished", "refusal"),
    [
        ({"time": "20:00"}, ""),
        ({"time": "20:01"}, "invalid"),
        ({"time": "20:14"}, "invalid"),
        ({"time": "20:15"}, ""),
        ({"time": "17:45"}, "sales_closed"),
        ({"time": "18:00"}, ""),
        ({"time": "22:00"}, ""),
        ({"time": "22:15"}, "sales_closed"),
        ({"date": "2027-02-16"}, ""),
        ({"date": "2027-02-17"}, "sales_closed"),
        ({"date": "2026-11-17"}, "sales_closed"),
        ({"party_size": 0}, "invalid"),
        ({"party_size": 1}, ""),
    ],
)
async def test_grid_hours_days_ahead_and_the_smallest_party(
    api: Api, wished: dict[str, Any], refusal: str
) -> None:
    assert await answer(await opened(api), **wished) == refusal


@pytest.mark.parametrize(
    ("party_size", "table", "refusal"),
    [
        (12, None, ""),
        (13, None, "invalid"),
        (1, "2", "invalid"),
        (2, "2", ""),
        (4, "2", ""),
        (5, "2", "invalid"),
    ],
)
async def test_the_largest_party_and_what_a_table_takes(
    api: Api, party_size: int, table: str | None, refusal: str
) -> None:
    house = await opened(api, tables=BANQUET, joins=[])
    table_id = house.tables[table] if table else None
    assert await answer(house, party_size=party_size, table_id=table_id) == refusal


async def test_a_table_is_the_restaurants_own_and_not_retired(api: Api) -> None:
    house, other = await opened(api), await opened(api)
    assert await answer(house, table_id=other.tables["1"]) == "invalid"
    assert await answer(house, table_id=house.tables["1"]) == ""
    retired = {"tables": [{"id": house.tables["2"], "number": "2", "largest": 4, "active": False}]}
    assert (await api.patch(house.path, json=retired, headers=OPERATOR)).status == 200
    assert await answer(house, table_id=house.tables["2"]) == "invalid"
    assert await answer(house, table_id=house.tables["3"]) == ""


@pytest.mark.parametrize(
    ("hour", "minute", "wished", "refusal"),
    [
        (16, 0, {"date": "2026-11-18", "time": "18:00"}, ""),
        (16, 1, {"date": "2026-11-18", "time": "18:00"}, "sales_closed"),
        (23, 30, {"date": "2026-11-19", "time": "00:00"}, ""),
        (23, 31, {"date": "2026-11-19", "time": "00:00"}, "sales_closed"),
        (23, 31, {"date": "2026-11-19", "time": "00:15"}, ""),
    ],
)
async def test_two_hours_notice_on_the_same_day_and_half_an_hour_else(
    api: Api, hour: int, minute: int, wished: dict[str, Any], refusal: str
) -> None:
    house = await opened(api, services=ALL_DAY)
    house.at(hour, minute, day=18)
    assert await answer(house, **wished) == refusal


async def test_not_past_also_where_no_notice_is_wanted(api: Api) -> None:
    house = await opened(api, notice_same_day_minutes=0, notice_minutes=0)
    house.at(20)
    assert await answer(house) == ""
    api.gateway.now_ms += 1
    assert await answer(house) == "sales_closed"


async def test_a_stay_of_two_hours_is_in_the_way_until_its_end_whatever_its_minute(api: Api) -> None:
    house = await opened(api)
    await house.confirmed(time="20:00", table_id=house.tables["1"])
    for time, refusal in (("18:00", ""), ("18:15", "taken"), ("21:45", "taken"), ("22:00", "")):
        assert await answer(house, time=time, table_id=house.tables["1"]) == refusal, time


async def test_a_hold_is_kept_for_a_quarter_of_an_hour(api: Api) -> None:
    house = await opened(api)
    (one, token), (other, others) = await house.held(), await house.held()
    api.gateway.now_ms += 900_000 - 1
    assert (await api.post(f"{one}/confirm", headers=token)).json["status"] == "confirmed"
    api.gateway.now_ms += 1
    expired = await api.post(f"{other}/confirm", headers=others)
    assert (expired.status, expired.code) == (410, "hold_expired")


async def test_what_is_confirmed_is_cancelled_up_to_its_start(api: Api) -> None:
    house = await opened(api)
    for late_ms, status in ((0, 200), (1, 409)):
        house.at(14, 13, day=18)
        path = await house.confirmed()
        house.at(20)
        api.gateway.now_ms += late_ms
        cancelled = await house.staff(f"{path}/cancel")
        assert (cancelled.status, status == 200 or cancelled.code == "too_late") == (status, True)


async def test_a_no_show_is_one_a_quarter_of_an_hour_after_the_start(api: Api) -> None:
    house = await opened(api)
    path = await house.confirmed()
    house.at(20, 15)
    api.gateway.now_ms -= 1
    early = await house.staff(f"{path}/no-show")
    assert (early.code, early.headers["Retry-After"]) == ("wrong_state", "1")
    api.gateway.now_ms += 1
    assert (await house.staff(f"{path}/no-show")).json["status"] == "no_show"
    assert (await house.staff(f"{path}/complete")).code == "wrong_state"


@pytest.mark.parametrize(("no_shows", "visits", "refusal"), [(4, 0, ""), (5, 0, "score_too_low"), (5, 4, "")])
async def test_a_score_falls_by_twenty_rises_by_five_and_is_not_below_twenty(
    api: Api, no_shows: int, visits: int, refusal: str
) -> None:
    house = await opened(api)
    for number in range(no_shows + visits):
        day = 19 + number
        made = await house.hold(OPERATOR, date=f"2026-11-{day}")
        path = f"/api/v1/reservations/{made.json['id']}"
        await house.staff(f"{path}/confirm")
        house.at(20, 15, day)
        ends = "complete" if number < visits else "no-show"
        assert (await house.staff(f"{path}/{ends}")).status == 200
    assert await answer(house, date="2026-11-29") == refusal


@pytest.mark.parametrize(
    ("done", "refused"),
    [
        ((), ("seat", "complete", "no-show")),
        (("cancel",), ("confirm", "seat", "complete", "no-show", "extend")),
        (("confirm", "complete"), ("confirm", "seat", "no-show", "extend")),
        (("confirm", "no-show"), ("confirm", "seat", "complete", "extend")),
        (("confirm", "cancel"), ("confirm", "seat", "complete", "no-show")),
    ],
)
async def test_from_each_status_only_what_follows_from_it(
    api: Api, done: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    house = await opened(api, notice_same_day_minutes=0, no_show_grace_minutes=0)
    house.at(20)
    path, _ = await house.held()
    for what in done:
        assert (await house.staff(f"{path}/{what}")).status == 200
    for what in refused:
        assert (await house.staff(f"{path}/{what}")).code == "wrong_state", what


async def test_hours_that_end_over_a_reservation_are_refused_with_it(api: Api) -> None:
    house = await opened(api)
    path, _ = await house.held(time="22:00")
    kept, _ = await house.held(time="18:00")
    earlier = {"services": [{"weekday": day, "opens": "18:00", "closes": "23:00"} for day in range(7)]}
    refused = await api.patch(house.path, json=earlier, headers=OPERATOR)
    assert (refused.status, refused.code, refused.json["live"]) == (409, "in_use", 1)
    assert refused.json["reservations"] == [path.rpartition("/")[2]]
    closed = {"special_days": [{"date": "2026-11-19"}]}
    refused = await api.patch(house.path, json=closed, headers=OPERATOR)
    assert set(refused.json["reservations"]) == {one.rpartition("/")[2] for one in (path, kept)}
    assert (await api.get(house.path)).json["version"] == 1
    await house.staff(f"{path}/cancel")
    assert (await api.patch(house.path, json=earlier, headers=OPERATOR)).json["version"] == 2


@pytest.mark.parametrize("fate", ["removed", "retired", "smaller"])
async def test_a_table_that_goes_is_refused_with_its_reservations_or_these_are_moved(
    api: Api, fate: str
) -> None:
    house = await opened(api)
    table_id = house.tables["2"]
    path, _ = await house.held(party_size=4, table_id=table_id)
    as_it_was = {"id": table_id, "number": "2", "smallest": 2, "largest": 4}
    change: dict[str, Any] = {
        "removed": {"removed_tables": [table_id], "joins": []},
        "retired": {"tables": [as_it_was | {"active": False}]},
        "smaller": {"tables": [as_it_was | {"largest": 3}]},
    }[fate]
    refused = await api.patch(house.path, json=change, headers=OPERATOR)
    assert (refused.code, refused.json["reservations"]) == ("in_use", [path.rpartition("/")[2]])
    stale = await api.patch(house.path, json=change, headers=OPERATOR | {"If-Match": '"2"'})
    assert (stale.status, stale.code, stale.json["version"]) == (412, "stale", 1)
    moved = await api.patch(house.path, json=change | {"move": True}, headers=OPERATOR | {"If-Match": '"1"'})
    assert (moved.status, moved.headers["ETag"]) == (200, '"2"')
    assert (await api.get(path, headers=OPERATOR)).json["tables"] == [house.tables["3"]]
