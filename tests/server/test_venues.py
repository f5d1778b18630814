"""Venues over HTTP: imported or made by figures, shown with their plan, changed, removed; every bound."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from domain.seat_generators import SECTORS_MAX, TIERS_MAX
from domain.seat_plan import COORDINATE_MAX, LABEL_MAX_CHARACTERS, ROW_MAX_SEATS, SEATS_MAX
from domain.venue import ADDRESS_MAX_CHARACTERS, CITY_MAX_CHARACTERS
from persistence.venues import PostgresVenues
from server.payloads import NAME_MAX_CHARACTERS
from server.payloads_venues import (
    ACCESSIBLE_MAX_PAIRS,
    PITCH_MAX_CM,
    SEATS_ADDED_MAX,
    TIER_MAX_ROWS,
    VENUE_BODY_MAX_BYTES,
)
from tests.persistence.conftest import postgres_url
from tests.server.conftest import OPERATOR, Answer, Api, Start

__all__ = ["postgres_url"]

VENUES = "/api/v1/venues"
SEATS = [
    {"label": "1", "category": "gold", "x": 10, "y": -20},
    {"label": "2", "category": "gold", "aisle_after": True},
    {"label": "3", "category": "silver", "accessible": True},
    {"label": "4", "category": "silver", "companion": True},
]
SECTIONS = [{"label": "Stalls", "rows": [{"label": "A", "seats": SEATS}]}]


def body(**changes: Any) -> dict[str, Any]:
    return {"name": "The Hall", "city": "Vienna", **changes}


async def make(api: Api, headers: dict[str, str] | None = None, **changes: Any) -> Answer:
    return await api.post(VENUES, json=body(**changes), headers=OPERATOR | (headers or {}))


async def send(api: Api, large: bytes) -> Answer:
    """The same of a body of megabytes."""
    headers = {"Content-Type": "application/json", **OPERATOR}
    return await api.post(VENUES, data=io.BytesIO(large), headers=headers)


async def path_of(api: Api, **changes: Any) -> str:
    made = await make(api, **changes)
    assert made.status == 201, made.raw
    return made.headers["Location"]


@pytest.fixture(params=["memory", "postgres"])
async def either(request: pytest.FixtureRequest, start: Start) -> AsyncIterator[Api]:
    """A front end over venues in memory, and over those in PostgreSQL."""
    if request.param == "memory":
        yield await start()
        return
    venues = PostgresVenues(request.getfixturevalue("postgres_url"))
    yield await start(venues=venues)
    await venues.close()


async def test_an_imported_plan_is_shown_as_it_was_given(either: Api) -> None:
    made = await make(either, plan={"sections": SECTIONS}, address="Ring 1")
    assert made.status == 201
    assert made.headers["ETag"] == '"1"'
    path = made.headers["Location"]
    venue = (await either.get(path)).json
    assert venue == made.json
    assert path == f"{VENUES}/{venue['id']}"
    assert (venue["name"], venue["city"], venue["address"], venue["version"]) == (
        "The Hall",
        "Vienna",
        "Ring 1",
        1,
    )
    assert venue["plan"]["categories"] == [
        {"category": "gold", "seats": 2},
        {"category": "silver", "seats": 2},
    ]
    plan = (await either.get(f"{path}/plan")).json
    assert plan == {
        "venue_id": venue["id"],
        "id": venue["plan"]["id"],
        "number": 1,
        "sections": SECTIONS,
    }


async def test_a_plan_s_copy_is_good_until_its_number_changes(either: Api) -> None:
    path = await path_of(either, plan={"block": {"section": "S", "rows": 2, "seats_per_row": 3}})
    first = await either.get(f"{path}/plan")
    tag = {"If-None-Match": first.headers["ETag"]}
    assert (await either.get(f"{path}/plan", headers=tag)).status == 304
    await either.patch(path, json={"name": "Arena"}, headers=OPERATOR)
    assert (await either.get(f"{path}/plan", headers=tag)).status == 304
    changed = await either.patch(
        path, json={"plan": {"block": {"section": "S", "rows": 1, "seats_per_row": 3}}}, headers=OPERATOR
    )
    assert (changed.json["version"], changed.json["plan"]["number"], changed.json["plan"]["seats"]) == (
        3,
        2,
        3,
    )
    second = await either.get(f"{path}/plan", headers=tag)
    assert (second.status, second.json["number"]) == (200, 2)


async def test_a_stadium_is_made_by_figures(either: Api) -> None:
    tiers = [
        {"label": "Lower", "sectors": 40, "rows": 20, "seats_per_row": 30, "categories": ["gold", "silver"]},
        {"label": "Upper", "sectors": 40, "rows": 20, "seats_per_row": 40, "seats_added": 1, "accessible": 2},
    ]
    path = await path_of(either, plan={"bowl": {"tiers": tiers}})
    venue = (await either.get(path)).json
    assert venue["plan"]["seats"] == 40 * 20 * 30 + 40 * (20 * 40 + 190)
    assert [(one["category"], one["seats"]) for one in venue["plan"]["categories"]] == [
        ("gold", 12_000),
        ("silver", 12_000),
        ("standard", 39_600),
    ]
    plan = (await either.get(f"{path}/plan")).json
    assert len(plan["sections"]) == 80
    again = await send(either, msgspec.json.encode(body(plan={"sections": plan["sections"]})))
    assert again.status == 201, "a plan can be given in the shape in which it is shown"
    assert again.json["plan"]["categories"] == venue["plan"]["categories"]


async def test_a_key_makes_one_venue(either: Api) -> None:
    key = {"Idempotency-Key": "make-the-hall-once"}
    first, again = await make(either, key, name="A"), await make(either, key, name="A")
    assert (again.status, again.raw, again.headers["Location"]) == (201, first.raw, first.headers["Location"])
    assert (await make(either, key, name="B")).code == "key_reused"


async def test_two_operators_meet_in_if_match(either: Api) -> None:
    path = await path_of(either)
    first = {"If-Match": '"1"', **OPERATOR}
    changed = await either.patch(path, json={"city": "Graz", "address": None}, headers=first)
    assert (changed.status, changed.headers["ETag"], changed.json["city"]) == (200, '"2"', "Graz")
    stale = await either.patch(path, json={"city": "Linz"}, headers=first)
    assert (stale.status, stale.code, stale.json["version"]) == (412, "stale", 2)
    assert (await either.ask("DELETE", path, headers=first)).code == "stale"
    assert (await either.get(path)).json["city"] == "Graz"
    assert (await either.ask("DELETE", path, headers={"If-Match": '"1", "2"', **OPERATOR})).status == 204
    assert (await either.get(path)).code == "not_found"


async def test_what_is_removed_is_not_there(either: Api) -> None:
    path = await path_of(either, plan={"sections": SECTIONS})
    removed = await either.ask("DELETE", path, headers=OPERATOR)
    assert (removed.status, removed.raw) == (204, b"")
    for method, at in (("GET", path), ("GET", f"{path}/plan"), ("PATCH", path), ("DELETE", path)):
        asked = await either.ask(method, at, headers=OPERATOR, **({"json": {}} if method == "PATCH" else {}))
        assert asked.code == "not_found"


async def test_venues_are_listed_in_pages_without_their_seats(api: Api) -> None:
    names = [f"Hall {number}" for number in range(5)]
    ids = [(await make(api, name=name)).json["id"] for name in names]
    first = (await api.get(f"{VENUES}?limit=3")).json
    second = (await api.get(f"{VENUES}?limit=3&cursor={first['next']}")).json
    assert sorted(ids) == [venue["id"] for venue in first["items"] + second["items"]]
    assert second["next"] is None
    assert (await api.get(f"{VENUES}?cursor=AAAA")).paths == ["cursor"]


async def test_only_operators_make_change_and_remove(api: Api) -> None:
    path = await path_of(api)
    for method, at in (("POST", VENUES), ("PATCH", path), ("DELETE", path)):
        assert (await api.ask(method, at, json=body())).code == "unauthorized"
    assert (await api.get(path)).json["version"] == 1


@pytest.mark.parametrize("nowhere", ["x", "0190f000-0000-7000-8000-000000000000"])
async def test_there_is_no_venue_of_another_id(api: Api, nowhere: str) -> None:
    for method, at in (("GET", ""), ("GET", "/plan"), ("PATCH", ""), ("DELETE", "")):
        given = {"json": {}} if method == "PATCH" else {}
        assert (
            await api.ask(method, f"{VENUES}/{nowhere}{at}", headers=OPERATOR, **given)
        ).code == "not_found"


async def test_a_venue_without_a_plan_has_none_to_show_until_it_gets_one(api: Api) -> None:
    path = await path_of(api)
    assert (await api.get(path)).json["plan"] is None
    assert (await api.get(f"{path}/plan")).code == "not_found"
    planned = await api.patch(path, json={"plan": {"sections": SECTIONS}}, headers=OPERATOR)
    assert planned.json["plan"]["number"] == 1
    assert (await api.get(f"{path}/plan")).status == 200


# --- bounds -----------------------------------------------------------------------------------------


def block(**changes: Any) -> dict[str, Any]:
    return {"plan": {"block": {"section": "S", "rows": 2, "seats_per_row": 4, **changes}}}


def bowl(count: int = 1, pitch: int = 9_000, **changes: Any) -> dict[str, Any]:
    tier = {"label": "T", "sectors": 2, "rows": 2, "seats_per_row": 4, **changes}
    tiers = [{**tier, "label": f"{tier['label']}{number or ''}"} for number in range(count)]
    return {"plan": {"bowl": {"tiers": tiers, "pitch_length": pitch, "pitch_width": pitch}}}


def seat(**changes: Any) -> dict[str, Any]:
    row = {"label": "A", "seats": [{"label": "1", "category": "gold", **changes}]}
    return {"plan": {"sections": [{"label": "S", "rows": [row]}]}}


def row(count: int) -> dict[str, Any]:
    seats = [{"label": str(number), "category": "gold"} for number in range(count)]
    return {"plan": {"sections": [{"label": "S", "rows": [{"label": "A", "seats": seats}]}]}}


@pytest.mark.parametrize(
    ("at_the_bound", "beyond"),
    [
        ({"name": "x" * NAME_MAX_CHARACTERS}, {"name": "x" * (NAME_MAX_CHARACTERS + 1)}),
        ({"name": "x"}, {"name": ""}),
        ({"city": "x" * CITY_MAX_CHARACTERS}, {"city": "x" * (CITY_MAX_CHARACTERS + 1)}),
        ({"city": "x"}, {"city": ""}),
        ({"address": "x" * ADDRESS_MAX_CHARACTERS}, {"address": "x" * (ADDRESS_MAX_CHARACTERS + 1)}),
        ({"plan": None}, {"plan": {}}),
        (seat(), {"plan": {**seat()["plan"], **block()["plan"]}}),
        (seat(), {"plan": {"sections": []}}),
        (seat(), {"plan": {"sections": [{"label": "S", "rows": []}]}}),
        (row(ROW_MAX_SEATS), row(ROW_MAX_SEATS + 1)),
        (row(1), row(0)),
        (seat(label="x" * LABEL_MAX_CHARACTERS), seat(label="x" * (LABEL_MAX_CHARACTERS + 1))),
        (seat(label="x y"), seat(label="x/y")),
        (seat(label="x"), seat(label=" x")),
        (seat(x=COORDINATE_MAX, y=-COORDINATE_MAX), seat(x=COORDINATE_MAX + 1)),
        (seat(x=-COORDINATE_MAX, y=COORDINATE_MAX), seat(y=-COORDINATE_MAX - 1)),
        (seat(accessible=True), seat(accessible=True, companion=True)),
        (seat(category="a"), seat(category="a b")),
        (block(rows=SEATS_MAX // ROW_MAX_SEATS, seats_per_row=ROW_MAX_SEATS),
         block(rows=SEATS_MAX // ROW_MAX_SEATS + 1, seats_per_row=ROW_MAX_SEATS)),
        (block(rows=1), block(rows=0)),
        (block(seats_per_row=ROW_MAX_SEATS), block(seats_per_row=ROW_MAX_SEATS + 1)),
        (block(accessible=ACCESSIBLE_MAX_PAIRS), block(accessible=ACCESSIBLE_MAX_PAIRS + 1)),
        (block(categories=[{"category": "A", "last_row": 1}]), block(categories=[])),
        (block(aisles=[1]), block(aisles=[0])),
        (bowl(TIERS_MAX), bowl(TIERS_MAX + 1)),
        (bowl(sectors=SECTORS_MAX), bowl(sectors=SECTORS_MAX + 1)),
        (bowl(rows=TIER_MAX_ROWS), bowl(rows=TIER_MAX_ROWS + 1)),
        (bowl(seats_added=SEATS_ADDED_MAX), bowl(seats_added=SEATS_ADDED_MAX + 1)),
        (bowl(rows=11, seats_added=49, seats_per_row=10), bowl(rows=11, seats_added=49, seats_per_row=11)),
        (bowl(sectors=200, rows=1, seats_per_row=500), bowl(2, sectors=200, rows=1, seats_per_row=251)),
        (bowl(pitch=PITCH_MAX_CM), bowl(pitch=PITCH_MAX_CM + 1)),
        (bowl(categories=["a"]), bowl(categories=[])),
    ],
)  # fmt: skip
async def test_each_bound_holds_on_both_sides(
    api: Api, at_the_bound: dict[str, Any], beyond: dict[str, Any]
) -> None:
    assert (await make(api, **at_the_bound)).status == 201
    path = await path_of(api)
    assert (await make(api, **beyond)).paths
    if beyond != {"plan": None}:
        assert (await api.patch(path, json=beyond, headers=OPERATOR)).paths
    assert (await api.get(path)).json["version"] == 1


async def test_a_flaw_of_an_import_says_where_it_is(api: Api) -> None:
    twice = [{"label": "A", "seats": [SEATS[0], {**SEATS[1], "label": "1"}]}]
    answer = await make(api, plan={"sections": [{"label": "S", "rows": twice}]})
    assert answer.paths == ["plan.sections[0].rows[0].seats[1].label"]


async def test_a_body_may_be_large_and_not_larger(api: Api) -> None:
    padding = " " * (VENUE_BODY_MAX_BYTES - len(msgspec.json.encode(body())))
    fits = msgspec.json.encode(body()) + padding.encode()
    assert (await send(api, fits)).status == 201
    assert (await send(api, fits + b" ")).code == "too_large"
