"""Drafts, published, closed, cancelled and deleted restaurants over HTTP."""

from __future__ import annotations

import pytest

from server.ids import uuid7
from tests.server.conftest import OPERATOR, Api, hold_body
from tests.server.test_restaurants import RESTAURANTS, TOMORROW, House, house_body, wish


async def opened(api: Api, **changes: object) -> House:
    made = await api.post(RESTAURANTS, json=house_body(**changes), headers=OPERATOR)
    assert made.status == 201, made.raw
    house = House(api, made.json)
    house.at(14, 13, day=18)
    return house


async def listed(api: Api, **headers: str) -> list[str]:
    return [one["id"] for one in (await api.get(RESTAURANTS, headers=headers)).json["items"]]


async def test_a_restaurant_is_published_unless_it_is_made_as_a_draft(api: Api) -> None:
    for body, status in ((house_body(), "published"), (house_body(status="draft"), "draft")):
        assert (await api.post(RESTAURANTS, json=body, headers=OPERATOR)).json["status"] == status
    for wrong in ("closed", "cancelled", "Draft", None):
        refused = await api.post(RESTAURANTS, json=house_body(status=wrong), headers=OPERATOR)
        assert refused.paths == ["status"]


async def test_guests_cannot_tell_a_draft_from_what_is_not_there_nor_from_what_is_of_another_kind(
    api: Api,
) -> None:
    """Whichever path they ask at, and whether they wait for the answer or not."""
    house, event_id = await opened(api, status="draft"), await api.new_event(status="draft")
    ids = (house.id, event_id, uuid7(api.gateway.now_ms))
    for kind, body in (("restaurants", wish()), ("events", hold_body())):
        for headers in ({}, {"Prefer": "respond-async"}):
            urls = [f"/api/v1/{kind}/{one}/reservations" for one in ids]
            said = [await api.post(url, json=body, headers=headers) for url in urls]
            assert {(one.status, one.raw) for one in said} == {(404, said[0].raw)}
    urls = [f"{RESTAURANTS}/{one}/search?date={TOMORROW}&party_size=2" for one in ids]
    found = [await api.get(url) for url in urls]
    assert {(one.status, one.raw) for one in found} == {(404, found[0].raw)}


async def test_a_draft_is_there_for_operators_only(api: Api) -> None:
    house = await opened(api, status="draft")
    search = f"{house.path}/search?date={TOMORROW}&party_size=2"
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        for path in (house.path, search):
            hidden = await api.get(path, headers=headers)
            assert (hidden.status, hidden.json["detail"]) == (404, "There is no such restaurant.")
    assert (await house.hold()).json["detail"] == "There is no such restaurant."
    assert (await house.hold(OPERATOR)).code == "sales_closed"
    assert (await api.get(house.path, headers=OPERATOR)).json["status"] == "draft"
    assert (await api.get(search, headers=OPERATOR)).json["times"] == []
    published = await house.staff(f"{house.path}/publish")
    assert (published.json["status"], published.headers["ETag"]) == ("published", '"2"')
    assert (await house.hold()).status == 201
    assert (await api.get(search)).json["times"]


async def test_a_closed_restaurant_takes_nothing_new_and_keeps_what_is(api: Api) -> None:
    house = await opened(api)
    path, token = await house.held()
    closed = await house.staff(f"{house.path}/close")
    assert (closed.json["status"], closed.json["version"]) == ("closed", 2)
    assert (await house.hold()).code == "sales_closed"
    assert (await house.staff(f"{house.path}/walk-ins", json={"party_size": 2})).code == "sales_closed"
    moved = await api.post(f"{path}/move", json={"time": "22:00"}, headers=token)
    assert moved.code == "sales_closed"
    assert (await api.post(f"{path}/confirm", headers=token)).status == 200
    assert await listed(api) == [house.id]
    assert (await house.staff(f"{house.path}/publish")).json["version"] == 3
    assert (await house.hold()).status == 201


async def test_cancelling_a_restaurant_ends_all_that_it_had(api: Api) -> None:
    house = await opened(api)
    house.at(18)
    held, held_token = await house.held(time="22:00", table_id=house.tables["1"])
    booked = await house.confirmed(time="22:00", table_id=house.tables["2"])
    seated = await house.staff(f"{house.path}/walk-ins", json={"party_size": 4, "stay_minutes": 30})
    cancelled = await house.staff(f"{house.path}/cancel")
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
    walked_in = f"/api/v1/reservations/{seated.json['id']}"
    for path, status in ((held, "released"), (booked, "cancelled"), (walked_in, "completed")):
        assert (await api.get(path, headers=OPERATOR)).json["status"] == status, "before the facts say so"
    shown = (await api.get(f"{house.path}/reservations", headers=OPERATOR)).json["items"]
    assert {one["status"] for one in shown} == {"released", "cancelled", "completed"}
    assert (await house.hold()).code == "sales_closed"
    assert (await house.search()).json["times"] == []
    for path, status in ((held, "released"), (booked, "cancelled"), (walked_in, "completed")):
        refused = await house.staff(f"{path}/confirm")
        assert (refused.code, refused.json["reservation_status"]) == ("wrong_state", status)
        assert (await api.get(path, headers=OPERATOR)).json["status"] == status
    assert (await api.post(f"{held}/cancel", headers=held_token)).json["status"] == "released"


async def test_what_a_stage_does_not_allow_is_a_wrong_state(api: Api) -> None:
    draft, cancelled = await opened(api, status="draft"), await opened(api)
    await cancelled.staff(f"{cancelled.path}/cancel")
    for house, what, status in (
        (draft, "close", "draft"),
        (cancelled, "publish", "cancelled"),
        (cancelled, "close", "cancelled"),
    ):
        refused = await house.staff(f"{house.path}/{what}")
        assert (refused.status, refused.code) == (409, "wrong_state")
        assert refused.json["restaurant_status"] == status


@pytest.mark.parametrize("what", ["publish", "close", "cancel"])
async def test_moving_a_restaurant_is_the_operators_and_can_be_repeated(api: Api, what: str) -> None:
    house = await opened(api)
    url = f"{house.path}/{what}"
    assert (await api.post(url)).status == 401
    key = OPERATOR | {"Idempotency-Key": "once"}
    first = await api.post(url, headers=key)
    assert first.status == 200
    assert (await house.staff(url)).json == first.json
    assert (await api.post(url, headers=key)).json == first.json
    for id_ in ("01890000-0000-7000-8000-000000000001", await api.new_event(), "x"):
        assert (await house.staff(f"{RESTAURANTS}/{id_}/{what}")).code == "not_found"


async def test_a_restaurant_without_live_reservations_is_deleted_and_its_past_stays_readable(
    api: Api,
) -> None:
    house = await opened(api)
    path, token = await house.held()
    used = await api.ask("DELETE", house.path, headers=OPERATOR)
    assert (used.status, used.code, used.json["live"]) == (409, "in_use", 1)
    await api.post(f"{path}/cancel", headers=token)
    assert (await api.ask("DELETE", house.path)).status == 401
    assert (await api.ask("DELETE", house.path, headers=OPERATOR | {"If-Match": '"2"'})).code == "stale"
    deleted = await api.ask("DELETE", house.path, headers=OPERATOR | {"If-Match": '"1"'})
    assert (deleted.status, deleted.raw) == (204, b"")
    for wanted in ("", f"/search?date={TOMORROW}&party_size=2", "/reservations"):
        assert (await api.get(house.path + wanted, headers=OPERATOR)).status == 404
    assert await listed(api, **OPERATOR) == []
    assert (await api.post(f"{house.path}/reservations", json=wish())).code == "not_found"
    assert (await house.staff(f"{house.path}/publish")).code == "not_found"
    assert (await api.ask("DELETE", house.path, headers=OPERATOR)).code == "not_found"
    assert (await api.get(path, headers=token)).json["status"] == "released"


async def test_a_deleted_event_is_no_restaurant(api: Api) -> None:
    event_id = await api.new_event()
    assert (await api.ask("DELETE", f"{RESTAURANTS}/{event_id}", headers=OPERATOR)).code == "not_found"
    house = await opened(api)
    assert (await api.ask("DELETE", f"/api/v1/events/{house.id}", headers=OPERATOR)).code == "not_found"
    assert (await api.get(house.path)).status == 200
