"""Restaurants over HTTP: made, shown, changed, searched; their tables held, confirmed, moved, seated."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from domain.restaurant_terms import BOUNDS, PARTY_MAX_PERSONS, TABLES_MAX
from server.ids import uuid7
from server.payloads_restaurants import TABLE_MAX_CHARACTERS
from tests.server.conftest import OPERATOR, Answer, Api, event_body

RESTAURANTS = "/api/v1/restaurants"
TODAY = "2026-11-18"
"""The day of the gateway's clock, by which it is 14:13 in Rome."""
TOMORROW = "2026-11-19"
HOUSE = {
    "name": "Da Ada",
    "time_zone": "Europe/Rome",
    "city": "Rome",
    "services": [{"weekday": day, "opens": "18:00", "closes": "00:00"} for day in range(7)],
    "tables": [
        {"number": "1", "largest": 2, "area": "hall", "traits": ["quiet"]},
        {"number": "2", "smallest": 2, "largest": 4, "area": "terrace"},
        {"number": "3", "smallest": 2, "largest": 4, "area": "terrace"},
    ],
    "joins": [{"tables": ["2", "3"], "smallest": 5, "largest": 8}],
}


def house_body(**changes: Any) -> dict[str, Any]:
    body = {**copy.deepcopy(HOUSE), **changes}
    return {name: value for name, value in body.items() if value is not ...}


def wish(**changes: Any) -> dict[str, Any]:
    """A sound reservation for two."""
    customer = {"name": "Ada Lovelace", "email": "ada@example.org"}
    return {"date": TOMORROW, "time": "20:00", "party_size": 2, "customer": customer} | changes


class House:
    """One restaurant and a client of it."""

    def __init__(self, api: Api, shown: dict[str, Any]) -> None:
        self.api = api
        self.id = shown["id"]
        self.path = f"{RESTAURANTS}/{self.id}"
        self.tables = {table["number"]: table["id"] for table in shown["tables"]}

    async def hold(self, headers: Any = None, **changes: Any) -> Answer:
        return await self.api.post(f"{self.path}/reservations", json=wish(**changes), headers=headers)

    async def held(self, **changes: Any) -> tuple[str, dict[str, str]]:
        """A hold's path, and the header with its token."""
        answer = await self.hold(**changes)
        assert answer.status == 201, answer.raw
        return f"/api/v1/reservations/{answer.json['id']}", {"Reservation-Token": answer.json["token"]}

    async def confirmed(self, **changes: Any) -> str:
        path, token = await self.held(**changes)
        assert (await self.api.post(f"{path}/confirm", headers=token)).status == 200
        return path

    async def staff(self, path: str, **given: Any) -> Answer:
        return await self.api.post(path, headers=OPERATOR, **given)

    async def search(self, **query: Any) -> Answer:
        return await self.api.get(f"{self.path}/search", params={"date": TOMORROW, "party_size": 2} | query)

    def at(self, hour: int, minute: int = 0, day: int = 19) -> None:
        """Move the clock to a local time of November 2026 (Rome is an hour ahead of UTC)."""
        midnight_ms = 1_793_491_200_000  # 2026-11-01T00:00:00Z
        self.api.gateway.now_ms = midnight_ms + (((day - 1) * 24 + hour - 1) * 60 + minute) * 60_000


@pytest.fixture
async def house(api: Api) -> House:
    made = await api.post(RESTAURANTS, json=house_body(), headers=OPERATOR)
    assert made.status == 201, made.raw
    house = House(api, made.json)
    house.at(14, 13, day=18)
    return house


# --- restaurants ----------------------------------------------------------------------------------------


async def test_a_restaurant_is_shown_as_it_was_made(api: Api) -> None:
    made = await api.post(RESTAURANTS, json=house_body(), headers=OPERATOR)
    shown = await api.get(made.headers["Location"])
    assert (made.status, made.headers["ETag"], shown.json) == (201, '"1"', made.json)
    assert shown.json["services"][6] == {"weekday": 6, "opens": "18:00", "closes": "00:00"}
    assert shown.json["joins"] == HOUSE["joins"]
    assert [table["number"] for table in shown.json["tables"]] == ["1", "2", "3"]
    assert (shown.json["stay_minutes"], shown.json["days_ahead_max"], shown.json["paused"]) == (
        120,
        90,
        False,
    )


async def test_only_operators_make_and_change_restaurants(api: Api, house: House) -> None:
    assert (await api.post(RESTAURANTS, json=house_body())).code == "unauthorized"
    assert (await api.patch(house.path, json={"name": "Mine"})).code == "unauthorized"
    assert (await api.post(f"{house.path}/pause")).code == "unauthorized"
    assert (await api.post(f"{house.path}/walk-ins", json={"party_size": 2})).code == "unauthorized"


async def test_two_edits_of_one_version_meet_in_if_match(api: Api, house: House) -> None:
    first = await api.patch(house.path, json={"buffer_minutes": 15}, headers=OPERATOR | {"If-Match": '"1"'})
    second = await api.patch(house.path, json={"name": "Other"}, headers=OPERATOR | {"If-Match": '"1"'})
    assert (first.status, first.headers["ETag"], first.json["buffer_minutes"]) == (200, '"2"', 15)
    assert second.code == "stale"
    assert (await api.get(house.path)).json == first.json


async def test_a_table_is_added_changed_and_removed_by_its_id(api: Api, house: House) -> None:
    tables = [{"number": "4", "largest": 6}, {"id": house.tables["1"], "number": "1a", "largest": 3}]
    patch = {"tables": tables, "removed_tables": [house.tables["3"]], "joins": []}
    shown = (await api.patch(house.path, json=patch, headers=OPERATOR)).json
    assert [(table["number"], table["largest"]) for table in shown["tables"]] == [
        ("1a", 3),
        ("2", 4),
        ("4", 6),
    ]


async def test_a_table_is_removed_by_its_id_however_it_is_spelled(api: Api, house: House) -> None:
    patch = {"removed_tables": [house.tables["1"].upper()]}
    changed = await api.patch(house.path, json=patch, headers=OPERATOR)
    assert changed.status == 200, changed.raw
    assert [table["number"] for table in changed.json["tables"]] == ["2", "3"]
    wrong = await api.patch(house.path, json={"removed_tables": ["1"]}, headers=OPERATOR)
    assert wrong.paths == ["removed_tables[0]"]


async def test_a_table_with_reservations_refuses_to_go_or_they_move(api: Api, house: House) -> None:
    path, _ = await house.held(table_id=house.tables["2"])
    gone = {"removed_tables": [house.tables["2"]], "joins": []}
    refused = await api.patch(house.path, json=gone, headers=OPERATOR)
    assert (refused.status, refused.code) == (409, "in_use")
    assert refused.json["reservations"] == [path.rpartition("/")[2]]
    moved = await api.patch(house.path, json=gone | {"move": True}, headers=OPERATOR)
    assert moved.status == 200
    assert (await api.get(path, headers=OPERATOR)).json["tables"] == [house.tables["1"]]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"tables": []}, "tables"),
        ({"tables": [{"number": "1", "largest": PARTY_MAX_PERSONS + 1}]}, "tables[0].largest"),
        ({"tables": [{"number": "1", "largest": 2}] * (TABLES_MAX + 1)}, "tables"),
        ({"tables": [{"number": "1", "largest": 2}] * 2, "joins": []}, "tables"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"services": [{"weekday": 7, "opens": "18:00", "closes": "23:00"}]}, "services[0].weekday"),
        ({"services": [{"weekday": 1, "opens": "24:00", "closes": "23:00"}]}, "services[0].opens"),
        ({"joins": [{"tables": ["1", "9"], "largest": 4}]}, "joins[0].tables"),
        ({"slot_grid_minutes": 7}, "slot_grid_minutes"),
        ({"buffer_minutes": 241}, "buffer_minutes"),
        ({"nonsense": 1}, "nonsense"),
        ({"name": "a\0b"}, "name"),
    ],
)
async def test_a_restaurant_that_does_not_fit_is_refused_and_says_where(
    api: Api, change: dict[str, Any], path: str
) -> None:
    assert (await api.post(RESTAURANTS, json=house_body(**change), headers=OPERATOR)).paths == [path]


async def test_what_is_no_restaurant_is_not_found(api: Api, house: House) -> None:
    event = (await api.post("/api/v1/events", json=event_body(), headers=OPERATOR)).json["id"]
    for id_ in ("x", uuid7(1), event):
        path = f"{RESTAURANTS}/{id_}"
        assert (await api.get(path)).code == "not_found"
        assert (await api.patch(path, json={}, headers=OPERATOR)).code == "not_found"
        assert (await api.post(f"{path}/pause", headers=OPERATOR)).code == "not_found"
        assert (await api.get(f"{path}/search?date={TOMORROW}&party_size=2")).code == "not_found"
        assert (await api.post(f"{path}/reservations", json=wish())).code == "not_found"
    hold = {"lines": [{"ticket_type": "ga", "quantity": 1}], "customer": wish()["customer"]}
    assert (await api.post(f"/api/v1/events/{house.id}/reservations", json=hold)).code == "not_found"
    assert (await api.get(f"/api/v1/events/{house.id}")).code == "not_found"


# --- searching ------------------------------------------------------------------------------------------


async def test_a_search_shows_the_free_times_with_the_best_fit(house: House) -> None:
    found = await house.search(earliest="19:00", latest="19:30")
    assert found.status == 200
    assert [(one["time"], one["tables"]) for one in found.json["times"]] == [
        (time, [house.tables["1"]]) for time in ("19:00", "19:15", "19:30")
    ]
    assert found.json["times"][0]["starts_at"] == "2026-11-19T18:00:00.000Z"
    assert found.json["alternatives"] == []


async def test_a_wished_time_that_is_taken_brings_the_nearest_others(house: House) -> None:
    for _ in range(3):
        await house.confirmed()
    found = (await house.search(time="20:00")).json
    assert [one["time"] for one in found["alternatives"]] == ["18:00", "22:00"]


async def test_traits_choose_among_tables(house: House) -> None:
    assert (await house.search(traits="quiet")).json["times"]
    assert (await house.search(traits="quiet,view")).json["times"] == []


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"party_size": 0}, "party_size"),
        ({"party_size": 13}, "party_size"),
        ({"party_size": PARTY_MAX_PERSONS + 1}, "party_size"),
        ({"date": "2026-02-30"}, "date"),
        ({"time": "8pm"}, "time"),
        ({"unknown": "1"}, "unknown"),
    ],
)
async def test_a_search_that_makes_no_sense_is_invalid(
    house: House, query: dict[str, Any], path: str
) -> None:
    assert (await house.search(**query)).paths == [path]


async def test_a_search_needs_date_and_party(house: House) -> None:
    assert (await house.api.get(f"{house.path}/search")).status == 422


# --- reservations of tables -----------------------------------------------------------------------------


async def test_a_hold_is_shown_confirmed_and_cancelled_like_any_reservation(house: House) -> None:
    made = await house.hold(note="By the window", party_size=3)
    assert made.status == 201
    shown = made.json
    assert (shown["restaurant_id"], shown["status"], shown["party_size"]) == (house.id, "held", 3)
    assert (shown["starts_at"], shown["ends_at"]) == ("2026-11-19T19:00:00.000Z", "2026-11-19T21:00:00.000Z")
    assert (shown["customer"]["email"], shown["note"]) == ("ada@example.org", "By the window")
    path, token = made.headers["Location"], {"Reservation-Token": shown.pop("token")}
    assert (await house.api.get(path, headers=token)).json == shown
    assert (await house.api.get(path)).code == "unauthorized"
    extended = await house.api.post(f"{path}/extend", headers=token)
    assert extended.json["expires_at"] >= shown["expires_at"]
    confirmed = (await house.api.post(f"{path}/confirm", headers=token)).json
    assert (confirmed["status"], confirmed["expires_at"]) == ("confirmed", None)
    assert (await house.api.post(f"{path}/cancel", headers=token)).json["status"] == "cancelled"
    assert (
        await house.api.patch(path, json={"lines": [{"ticket_type": "a", "quantity": 1}]}, headers=token)
    ).code == "not_found"


async def test_a_hold_past_its_end_is_shown_as_expired_and_its_table_is_free(house: House) -> None:
    path, token = await house.held(table_id=house.tables["1"])
    house.api.gateway.now_ms += 900_000
    assert (await house.api.get(path, headers=token)).json["status"] == "expired"
    assert (await house.hold(table_id=house.tables["1"])).status == 201
    assert (await house.api.post(f"{path}/confirm", headers=token)).code == "hold_expired"


async def test_on_hold_is_held_and_confirmed_is_taken(house: House) -> None:
    path, token = await house.held(table_id=house.tables["1"])
    on_hold = await house.hold(table_id=house.tables["1"], time="21:00")
    assert (on_hold.status, on_hold.code, on_hold.headers["Retry-After"]) == (423, "held", "900")
    await house.api.post(f"{path}/confirm", headers=token)
    taken = await house.hold(table_id=house.tables["1"], time="21:00")
    assert (taken.status, taken.code) == (409, "taken")


async def test_a_key_that_comes_again_gets_the_same_reservation(house: House) -> None:
    key = {"Idempotency-Key": "a-key"}
    first, again = await house.hold(key), await house.hold(key)
    assert (first.status, first.json) == (again.status, again.json)
    assert (await house.hold(key, party_size=3)).code == "key_reused"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"time": "20:07"}, "time"),
        ({"time": "2000"}, "time"),
        ({"date": "tomorrow"}, "date"),
        ({"party_size": 0}, "party_size"),
        ({"party_size": 13}, "party_size"),
        ({"table_id": "1"}, "table_id"),
        ({"table_id": uuid7(1)}, "table_id"),
        ({"note": "x" * 1001}, "note"),
        ({"traits": ["view"]}, "traits"),
        ({"date": "2027-03-28", "time": "02:30"}, "time"),
    ],
)
async def test_a_reservation_that_does_not_fit_is_invalid(
    house: House, change: dict[str, Any], path: str
) -> None:
    assert (await house.hold(**change)).paths == [path]


async def test_closed_late_and_far_times_are_not_to_be_had(house: House) -> None:
    for change in (
        {"time": "12:00"},
        {"time": "23:00"},
        {"date": "2026-11-17"},
        {"date": TODAY, "time": "16:00"},
        {"date": "2027-02-17"},
    ):
        assert (await house.hold(**change)).code == "sales_closed", change


async def test_a_reservation_moves_and_its_old_place_is_free(house: House) -> None:
    path, token = await house.held(table_id=house.tables["1"])
    moved = await house.api.post(f"{path}/move", json={"time": "22:00"}, headers=token)
    assert (moved.status, moved.json["starts_at"]) == (200, "2026-11-19T21:00:00.000Z")
    assert moved.json["tables"] == [house.tables["1"]]
    assert (await house.hold(table_id=house.tables["1"])).status == 201
    blocked = await house.api.post(
        f"{path}/move", json={"time": "20:15", "table_id": house.tables["1"]}, headers=token
    )
    assert blocked.code == "held"
    assert (await house.api.get(path, headers=token)).json["starts_at"] == "2026-11-19T21:00:00.000Z"


async def test_a_party_is_seated_stays_longer_and_leaves(house: House) -> None:
    path = await house.confirmed()
    assert (await house.staff(f"{path}/seat")).code == "wrong_state"
    house.at(20, 5)
    assert (await house.staff(f"{path}/seat")).json["status"] == "seated"
    longer = await house.staff(f"{path}/prolong", json={"by_minutes": 30})
    assert longer.json["ends_at"] == "2026-11-19T21:30:00.000Z"
    house.at(21)
    assert (await house.staff(f"{path}/complete")).json["status"] == "completed"
    assert (await house.api.post(f"{path}/seat")).code == "unauthorized"


async def test_the_staffs_list_says_whom_a_party_that_stays_on_has_warned(house: House) -> None:
    path, token = await house.held(table_id=house.tables["1"])
    assert (await house.api.post(f"{path}/confirm", headers=token)).status == 200
    following = await house.confirmed(time="22:00", table_id=house.tables["1"])
    house.at(20)
    assert (await house.staff(f"{path}/seat")).status == 200

    async def listed() -> dict[str, Any]:
        items = (await house.api.get(f"{house.path}/reservations?date={TOMORROW}", headers=OPERATOR)).json
        return {one["id"]: one.get("warned") for one in items["items"]}

    sitting, warned = path.rpartition("/")[2], [following.rpartition("/")[2]]
    assert await listed() == {sitting: None, warned[0]: None}
    house.at(21, 50)
    assert (await house.staff(f"{path}/prolong", json={"by_minutes": 30})).json["warned"] == warned
    assert await listed() == {sitting: warned, warned[0]: None}
    assert "warned" not in (await house.api.get(path, headers=token)).json
    assert (await house.staff(f"{path}/complete")).status == 200
    assert await listed() == {sitting: None, warned[0]: None}


async def test_who_never_comes_is_refused_at_last(house: House) -> None:
    for day in range(19, 24):
        path = await house.confirmed(date=f"2026-11-{day}")
        assert (await house.staff(f"{path}/no-show")).code == "wrong_state"
        house.at(20, 15, day)
        assert (await house.staff(f"{path}/no-show")).json["status"] == "no_show"
    refused = await house.hold(date="2026-11-24")
    assert (refused.status, refused.code) == (403, "score_too_low")
    other = {"name": "Bob", "email": "bob@example.org"}
    assert (await house.hold(date="2026-11-24", customer=other)).status == 201


async def test_who_may_not_reserve_any_more_still_moves_what_they_have(house: House) -> None:
    booked, token = await house.held()
    assert (await house.api.post(f"{booked}/confirm", headers=token)).status == 200
    rules = {"min_score": 100, "score_start": 99, "guests": False}
    assert (await house.api.patch(house.path, json=rules, headers=OPERATOR)).status == 200
    assert (await house.hold()).code == "unauthorized"
    assert (await house.hold(OPERATOR)).code == "score_too_low"
    for change in ({"time": "21:00"}, {"party_size": 3}):
        moved = await house.api.post(f"{booked}/move", json=change, headers=token)
        assert moved.status == 200, moved.raw


async def test_a_walk_in_is_seated_at_once(house: House) -> None:
    house.at(19)
    made = await house.staff(f"{house.path}/walk-ins", json={"party_size": 2})
    assert (made.status, made.json["status"], made.json["customer"]) == (201, "seated", None)
    assert made.json["tables"] == [house.tables["1"]]


async def test_staff_list_reservations_by_status(house: House) -> None:
    paths = {(await house.held())[0], await house.confirmed()}
    everything = (await house.api.get(f"{house.path}/reservations", headers=OPERATOR)).json["items"]
    assert {f"/api/v1/reservations/{one['id']}" for one in everything} == paths
    assert [one["id"] for one in everything] == sorted(one["id"] for one in everything)
    of_one = await house.api.get(f"{house.path}/reservations?status=confirmed", headers=OPERATOR)
    assert [one["status"] for one in of_one.json["items"]] == ["confirmed"]
    assert (await house.api.get(f"{house.path}/reservations")).code == "unauthorized"


async def test_staff_list_a_day_as_the_restaurants_clocks_have_it(house: House) -> None:
    await house.hold(time="22:00", date="2026-11-20")
    await house.hold()
    for date, starts in (
        ("2026-11-19", ["2026-11-19T19:00:00.000Z"]),
        ("2026-11-20", ["2026-11-20T21:00:00.000Z"]),
        ("2026-11-21", []),
    ):
        shown = await house.api.get(f"{house.path}/reservations?date={date}", headers=OPERATOR)
        assert [one["starts_at"] for one in shown.json["items"]] == starts
    for date in ("0001-01-01", "9999-12-31", "2026-02-30"):
        shown = await house.api.get(f"{house.path}/reservations?date={date}", headers=OPERATOR)
        assert shown.paths == ["date"]


async def test_staff_list_a_table_by_its_number_or_id_alone_or_joined(house: House) -> None:
    one = (await house.hold(table_id=house.tables["2"])).json["id"]
    house.api.gateway.now_ms += 1
    joined = (await house.hold(party_size=8, date="2026-11-20")).json["id"]
    house.api.gateway.now_ms += 1
    other = await house.confirmed(table_id=house.tables["1"])

    async def listed(**query: str) -> list[str]:
        shown = await house.api.get(f"{house.path}/reservations", params=query, headers=OPERATOR)
        assert shown.status == 200, shown.raw
        return [each["id"] for each in shown.json["items"]]

    assert await listed(table="2") == await listed(table=house.tables["2"].upper()) == [one, joined]
    assert await listed(table="3") == [joined]
    assert await listed(table="2", date=TOMORROW) == [one]
    assert await listed(table="1", date=TOMORROW, status="confirmed") == [other.rpartition("/")[2]]
    assert await listed(table="1", status="held") == []
    assert await listed(table="2", email="ada@example.org") == [one, joined]
    assert await listed(table=uuid7(1)) == []
    gone = {"removed_tables": [house.tables["3"]], "joins": []}
    await house.staff(f"/api/v1/reservations/{joined}/cancel")
    assert (await house.api.patch(house.path, json=gone, headers=OPERATOR)).status == 200
    assert await listed(table=house.tables["3"]) == [joined], "of what is gone by its id"
    for unknown in ("3", "9", "", "x" * TABLE_MAX_CHARACTERS, "x" * (TABLE_MAX_CHARACTERS + 1)):
        shown = await house.api.get(f"{house.path}/reservations?table={unknown}", headers=OPERATOR)
        assert shown.paths == ["table"], unknown


async def test_a_party_that_stays_on_before_the_next_one_is_seen_in_its_tables_list(house: House) -> None:
    first, following = [
        await house.confirmed(table_id=house.tables["1"], time=at) for at in ("20:00", "22:00")
    ]
    house.at(20, 5)
    await house.staff(f"{first}/seat")
    house.at(22, 5)
    await house.search()  # with any question to the owner what is due becomes facts
    shown = await house.api.get(f"{house.path}/reservations?table=1&date={TOMORROW}", headers=OPERATOR)
    found = {one["id"]: (one["status"], one["ends_at"]) for one in shown.json["items"]}
    assert found == {
        first.rpartition("/")[2]: ("seated", "2026-11-19T21:00:00.000Z"),
        following.rpartition("/")[2]: ("confirmed", "2026-11-19T23:00:00.000Z"),
    }


async def test_while_paused_nothing_new_is_taken_and_what_is_held_can_be_confirmed(house: House) -> None:
    path, token = await house.held()
    assert (await house.staff(f"{house.path}/pause")).json["paused"] is True
    assert (await house.hold()).code == "sales_closed"
    assert (await house.search()).json["times"] == []
    assert (await house.api.post(f"{path}/confirm", headers=token)).status == 200
    assert (await house.staff(f"{house.path}/resume")).json["paused"] is False
    assert (await house.hold()).status == 201


async def test_what_is_answered_fits_its_schema(house: House) -> None:
    components = (await house.api.get("/openapi.json")).json["components"]
    held = await house.hold(note="By the window")
    answers = {
        "RestaurantView": await house.api.get(house.path),
        "TableReservationView": held,
        "SearchView": await house.search(time="20:00"),
    }
    for name, answer in answers.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": components}
        jsonschema.validate(answer.json, schema)


async def test_every_bound_of_the_house_rules_is_in_the_document(house: House) -> None:
    schemas = (await house.api.get("/openapi.json")).json["components"]["schemas"]
    given = schemas["NewRestaurant"]["properties"]
    for name, (least, most) in BOUNDS.items():
        schema = next((one for one in given[name].get("anyOf", ()) if "minimum" in one), given[name])
        assert (schema["minimum"], schema["maximum"]) == (least, most), name
    assert (given["tables"]["minItems"], given["tables"]["maxItems"]) == (1, TABLES_MAX)


@pytest.mark.parametrize("name", sorted({*BOUNDS} - {"party_smallest", "party_largest"}))
async def test_every_number_of_the_house_rules_is_taken_at_its_bounds_and_not_beyond(
    api: Api, name: str
) -> None:
    least, most = BOUNDS[name]
    for value, taken in ((least - 1, False), (least, True), (most, True), (most + 1, False)):
        made = await api.post(RESTAURANTS, json=house_body(**{name: value}), headers=OPERATOR)
        assert made.status == (201 if taken else 422), value
        assert taken or made.paths == [name]
