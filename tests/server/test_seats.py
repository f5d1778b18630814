"""Seated events over HTTP: made in a venue, reserved by name or best available, blocked, shown as a map."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from server.parts import Options
from server.payloads import BLOCK_MAX_SEATS, LINE_MAX_SEATS
from server.placement import PlacementRule
from server.seat_maps import packed
from tests.server.conftest import OPERATOR, Answer, Api, Start
from tests.server.live_client import unpacked
from tests.unit.seated import HALL

VENUE = "01900000-0000-7000-8000-00000000aaaa"
PRICE = {"amount": 5000, "currency": "EUR"}
NO_SEAT = {"category": "x", "seats": ["S/Z/1"]}
TYPES = [
    {"code": "front", "name": "Front", "price": PRICE, "categories": ["front"]},
    {"code": "back", "name": "Back", "price": PRICE, "categories": ["back"]},
    {"code": "child", "name": "Child", "price": PRICE, "categories": ["back"], "quota": 4},
    {"code": "stand", "name": "Standing", "price": PRICE, "quota": 20},
]


async def make(api: Api, **changes: Any) -> Answer:
    api.gateway.plans[VENUE] = HALL
    seating = {"venue_id": VENUE} | changes.pop("seating", {})
    return await api.make_event(**({"ticket_types": TYPES, "seating": seating} | changes))


async def event_in_the_hall(api: Api, **changes: Any) -> str:
    made = await make(api, **changes)
    assert made.status == 201, made.raw
    return str(made.json["id"])


async def reserve(api: Api, event_id: str, *lines: dict[str, Any], **more: Any) -> Answer:
    body = {"lines": list(lines), "customer": {"name": "Ada", "email": "ada@example.org"}, **more}
    return await api.post(f"/api/v1/events/{event_id}/reservations", json=body)


def line(code: str, quantity: int, *seats: str) -> dict[str, Any]:
    return {"ticket_type": code, "quantity": quantity} | ({"seats": seats} if seats else {})


async def block(api: Api, event_id: str, *seats: str, un: str = "") -> Answer:
    path = f"/api/v1/events/{event_id}/seats/{un}block"
    return await api.post(path, json={"seats": seats}, headers=OPERATOR)


# --- making one ---------------------------------------------------------------------------------------


async def test_a_type_with_categories_has_all_their_seats_unless_its_quota_says_less(api: Api) -> None:
    made = await make(api)
    assert [kind["quota"] for kind in made.json["ticket_types"]] == [6, 12, 4, 20]
    assert made.json["ticket_types"][0]["categories"] == ["front"]
    assert made.json["seating"]["venue_id"] == VENUE
    shown = await api.get(f"/api/v1/events/{made.json['id']}")
    assert [kind["available"] for kind in shown.json["ticket_types"]] == [6, 12, 4, 20]


async def test_single_seats_can_be_of_a_category_of_their_own(api: Api) -> None:
    best = {**TYPES[0], "code": "best", "price": {"amount": 9900, "currency": "EUR"}, "categories": ["best"]}
    own = {"categories": [{"category": "best", "seats": ["S/A/3", "S/A/4"]}]}
    made = await make(api, ticket_types=[*TYPES, best], seating=own)
    assert [kind["quota"] for kind in made.json["ticket_types"]] == [4, 12, 4, 20, 2]
    held = await reserve(api, made.json["id"], line("best", 1, "S/A/3"))
    assert held.json["total"] == {"amount": 9900, "currency": "EUR"}
    assert (await reserve(api, made.json["id"], line("front", 1, "S/A/4"))).paths == ["lines[0].seats"]


@pytest.mark.parametrize(("from_capacity", "expected"), [(38, "dedicated"), (39, "pooled")])
async def test_seats_that_price_classes_share_are_counted_once_for_the_placement(
    start: Start, from_capacity: int, expected: str
) -> None:
    api = await start(Options(placement=PlacementRule(from_capacity=from_capacity)))
    event_id = await event_in_the_hall(api)
    assert (await api.get(f"/api/v1/events/{event_id}", headers=OPERATOR)).json["placement"] == expected


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"seating": {"venue_id": "nowhere"}}, "seating.venue_id"),
        ({"seating": {"venue_id": VENUE.replace("a", "b")}}, "seating.venue_id"),
        (
            {"seating": {"categories": [NO_SEAT]}},
            "seating.categories[0].seats[0]",
        ),
        ({"ticket_types": [{**TYPES[0], "categories": ["balcony"]}]}, "ticket_types[0].categories"),
        ({"ticket_types": [{**TYPES[0], "quota": 7}]}, "ticket_types[0].quota"),
        ({"ticket_types": [{"code": "s", "name": "S", "price": PRICE}]}, "ticket_types[0].quota"),
    ],
)
async def test_seats_that_are_not_there_are_refused(api: Api, changes: dict[str, Any], path: str) -> None:
    assert (await make(api, **changes)).paths == [path]


async def test_categories_need_seating(api: Api) -> None:
    made = await api.make_event(ticket_types=[TYPES[0]])
    assert made.paths == ["ticket_types[0].categories"]


# --- reserving ----------------------------------------------------------------------------------------


async def test_named_seats_stand_in_the_reply_and_are_held_from_then_on(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    held = await reserve(api, event_id, line("front", 2, "S/A/1", "S/A/2"), line("stand", 1))
    assert held.status == 201, held.raw
    assert held.json["lines"][0]["seats"] == ["S/A/1", "S/A/2"]
    assert "seats" not in held.json["lines"][1]
    again = await reserve(api, event_id, line("front", 1, "S/A/1"))
    assert (again.status, again.code, again.json["seat"]) == (423, "held", "S/A/1")
    assert again.headers["Retry-After"] == "900"
    token = {"Reservation-Token": held.json["token"]}
    await api.post(f"/api/v1/reservations/{held.json['id']}/confirm", headers=token)
    sold = await reserve(api, event_id, line("front", 1, "S/A/1"))
    assert (sold.status, sold.code) == (409, "sold_out")


async def test_the_best_seats_are_side_by_side_and_the_caller_says_what_else_will_do(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    await block(api, event_id, "S/B/2", "S/B/4", "S/C/4")
    refused = await reserve(api, event_id, line("back", 3))
    assert (refused.status, refused.code) == (409, "no_fitting_seats")
    held = await reserve(api, event_id, line("back", 3), best={"fallback": "gaps"})
    assert {seat.rpartition("/")[0] for seat in held.json["lines"][0]["seats"]} == {"S/B"}
    accessible = await reserve(api, event_id, line("back", 2), best={"accessible": 1})
    assert sorted(accessible.json["lines"][0]["seats"]) == ["S/C/1", "S/C/2"]


async def test_a_hold_moves_to_other_seats_all_or_none(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    held = await reserve(api, event_id, line("front", 1, "S/A/1"))
    await reserve(api, event_id, line("front", 1, "S/A/3"))
    path, token = f"/api/v1/reservations/{held.json['id']}", {"Reservation-Token": held.json["token"]}
    refused = await api.patch(path, json={"lines": [line("front", 2, "S/A/2", "S/A/3")]}, headers=token)
    assert (refused.status, refused.code) == (423, "held")
    moved = await api.patch(path, json={"lines": [line("front", 1, "S/A/2")]}, headers=token)
    assert moved.json["lines"][0]["seats"] == ["S/A/2"]
    assert (await reserve(api, event_id, line("front", 1, "S/A/1"))).status == 201


@pytest.mark.parametrize(
    ("seats", "expected"), [(LINE_MAX_SEATS, "lines[0].seats"), (LINE_MAX_SEATS + 1, "lines[0].seats")]
)
async def test_a_line_names_so_many_seats_at_most(api: Api, seats: int, expected: str) -> None:
    event_id = await event_in_the_hall(api)
    names = [f"S/A/{number}" for number in range(seats)]
    refused = await reserve(api, event_id, line("front", seats, *names))
    assert refused.paths[0] == expected
    known = any("no such seat" in error["message"] for error in refused.json["errors"])
    assert known == (seats <= LINE_MAX_SEATS)


# --- a match that is postponed ------------------------------------------------------------------------


async def test_a_postponed_match_keeps_its_seats_and_gives_back_its_time(api: Api) -> None:
    event_id = await event_in_the_hall(api, starts_at="2027-01-01T20:00:00Z")
    other = await event_in_the_hall(api, starts_at="2027-01-08T20:00:00Z")
    path = f"/api/v1/events/{event_id}"
    held = await reserve(api, event_id, line("front", 1, "S/A/1"))
    sold = await reserve(api, event_id, line("front", 1, "S/A/2"))
    token = {"Reservation-Token": sold.json["token"]}
    await api.post(f"/api/v1/reservations/{sold.json['id']}/confirm", headers=token)
    taken = await api.patch(path, json={"starts_at": "2027-01-08T21:59:59Z"}, headers=OPERATOR)
    assert (taken.status, taken.code) == (409, "venue_taken")
    times = {"starts_at": "2027-01-08T22:00:00Z", "ends_at": "2027-01-08T23:30:00Z"}
    moved = await api.patch(path, json=times, headers={"If-Match": '"1"', **OPERATOR})
    assert (moved.status, moved.json["version"], moved.json["reservations"]) == (200, 2, 2)
    shown = await api.get(f"{path}/seats")
    assert unpacked(shown.json)[:3] == [1, 2, 0]
    again = {"Reservation-Token": held.json["token"]}
    assert (await api.post(f"/api/v1/reservations/{held.json['id']}/confirm", headers=again)).status == 200
    assert (await make(api, starts_at="2027-01-01T20:00:00Z")).status == 201
    back = await api.patch(path, json=times, headers={"If-Match": '"1"', **OPERATOR})
    assert (back.status, back.code) == (412, "stale")
    assert (await api.get(f"/api/v1/events/{other}")).json["version"] == 1


async def test_an_event_keeps_its_plan_also_when_the_venue_gets_another(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    path = f"/api/v1/events/{event_id}"
    refused = await api.patch(path, json={"seating": {"venue_id": VENUE}}, headers=OPERATOR)
    assert refused.paths == ["seating"]
    row = msgspec.structs.replace(HALL.sections[0], rows=HALL.sections[0].rows[:1])
    api.gateway.plans[VENUE] = msgspec.structs.replace(HALL, sections=(row,))
    assert (await reserve(api, event_id, line("back", 1, "S/C/6"))).status == 201
    none = await api.patch(
        path, json={"ticket_types": [{"code": "front", "categories": ["balcony"]}]}, headers=OPERATOR
    )
    assert none.paths == ["ticket_types[0].categories"]


# --- blocking and the map -----------------------------------------------------------------------------


async def test_a_blocked_seat_cannot_be_had_until_it_is_unblocked(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    assert (await block(api, event_id, "S/A/1")).json["ticket_types"][0]["available"] == 5
    assert (await reserve(api, event_id, line("front", 1, "S/A/1"))).code == "sold_out"
    await block(api, event_id, "S/A/1", un="un")
    assert (await reserve(api, event_id, line("front", 1, "S/A/1"))).status == 201
    taken = await block(api, event_id, "S/A/1", "S/A/2")
    assert (taken.status, taken.code, taken.json["seat"]) == (409, "in_use", "S/A/1")


@pytest.mark.parametrize("un", ["", "un"])
async def test_seats_are_blocked_and_unblocked_only_in_the_version_that_is_meant(api: Api, un: str) -> None:
    event_id = await event_in_the_hall(api)
    first = await block(api, event_id, "S/A/1")
    path, names = f"/api/v1/events/{event_id}/seats/{un}block", {"seats": ["S/A/1" if un else "S/A/2"]}
    old = str(int(first.headers["ETag"].strip('"')) - 1)
    stale = await api.post(path, json=names, headers=OPERATOR | {"If-Match": f'"{old}"'})
    assert (stale.status, stale.code) == (412, "stale")
    unchanged = await api.get(f"/api/v1/events/{event_id}")
    assert unchanged.headers["ETag"] == first.headers["ETag"]
    meant = OPERATOR | {"If-Match": f'"{old}", {first.headers["ETag"]}'}
    done = await api.post(path, json=names, headers=meant)
    assert done.status == 200
    assert done.headers["ETag"] != first.headers["ETag"]


async def test_only_the_operator_blocks(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    refused = await api.post(f"/api/v1/events/{event_id}/seats/block", json={"seats": ["S/A/1"]})
    assert (refused.status, refused.code) == (401, "unauthorized")


async def test_so_many_seats_are_blocked_at_once_at_most(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    assert (await block(api, event_id, *["S/A/1"] * BLOCK_MAX_SEATS)).status == 200
    assert (await block(api, event_id, *["S/A/1"] * (BLOCK_MAX_SEATS + 1))).paths == ["seats"]


async def test_the_map_shows_what_is_free_held_sold_and_blocked(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    await reserve(api, event_id, line("front", 1, "S/A/1"))
    sold = await reserve(api, event_id, line("front", 1, "S/A/2"))
    token = {"Reservation-Token": sold.json["token"]}
    await api.post(f"/api/v1/reservations/{sold.json['id']}/confirm", headers=token)
    await block(api, event_id, "S/C/6")
    shown = await api.get(f"/api/v1/events/{event_id}/seats")
    assert shown.headers["ETag"] == f'"{shown.json["sequence"]}"'
    assert unpacked(shown.json) == [1, 2, *[0] * 15, 3]


async def test_who_knows_a_sequence_gets_what_has_changed_since(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    path = f"/api/v1/events/{event_id}/seats"
    first = (await api.get(path)).json
    nothing = (await api.get(path, params={"since": first["sequence"]})).json
    assert (nothing["changes"], nothing["since"]) == ([], first["sequence"])
    unknown = (await api.get(path, params={"since": 0})).json
    assert "states" in unknown


async def test_an_event_without_seats_has_no_map(api: Api) -> None:
    event_id = await api.new_event()
    assert (await api.get(f"/api/v1/events/{event_id}/seats")).code == "not_found"


def test_a_stadium_of_60_000_seats_is_a_map_of_less_than_25_kb() -> None:
    states = bytes(number % 4 for number in range(60_000))
    text = packed(states)
    assert len(text) < 25_000
    raw = base64.b64decode(text)
    assert bytes(raw[seat // 4] >> 2 * (seat % 4) & 3 for seat in range(60_000)) == states
