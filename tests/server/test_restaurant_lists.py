"""The list of restaurants over HTTP: filters, orders, cursors, tags."""

from __future__ import annotations

import pytest

from tests.server.conftest import OPERATOR, Api
from tests.server.test_restaurants import RESTAURANTS, house_body

WEEKEND = [{"weekday": day, "opens": "12:00", "closes": "15:00"} for day in (5, 6)]
MONDAY, SATURDAY = "2026-11-23", "2026-11-28"


async def names(api: Api, query: str = "", **headers: str) -> list[str]:
    found = await api.get(f"{RESTAURANTS}?{query}", headers=headers)
    assert found.status == 200, found.raw
    return [one["name"] for one in found.json["items"]]


@pytest.fixture
async def filled(api: Api) -> Api:
    """Three restaurants that differ in all that can be asked for."""
    for body in (
        house_body(name="Zur Straße", city="Zürich", address="Große Gasse 3"),
        house_body(name="Brunch", city="New York", description="Nur am Wochenende", services=WEEKEND),
        house_body(name="Álvaro", city="York", status="draft"),
    ):
        assert (await api.post(RESTAURANTS, json=body, headers=OPERATOR)).status == 201
        api.gateway.now_ms += 1
    return api


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Álvaro", "Brunch", "Zur Straße"]),
        ("sort=-name", ["Zur Straße", "Brunch", "Álvaro"]),
        ("sort=created_at", ["Zur Straße", "Brunch", "Álvaro"]),
        ("sort=-created_at&city=york", ["Álvaro", "Brunch"]),
        ("q=STRASSE+gasse", ["Zur Straße"]),
        ("q=wochenende", ["Brunch"]),
        ("q=%3F", []),
        ("city=zurich", ["Zur Straße"]),
        (f"open_on={MONDAY}", ["Álvaro", "Zur Straße"]),
        (f"open_on={SATURDAY}&city=york", ["Álvaro", "Brunch"]),
        (f"free_on={MONDAY}&party_size=2", ["Zur Straße"]),
        (f"free_on={SATURDAY}&party_size=8&latest=14:00", ["Brunch"]),
        (f"free_on={SATURDAY}&party_size=2&earliest=13:15&latest=17:45", []),
        (f"free_on={SATURDAY}&party_size=12", []),
        ("free_on=2028-01-01&party_size=2", []),
        ("status=draft", ["Álvaro"]),
        ("status=published&q=brunch", ["Brunch"]),
    ],
)
async def test_filters_and_orders_are_the_querys(filled: Api, query: str, found: list[str]) -> None:
    assert await names(filled, query, **OPERATOR) == found
    assert await names(filled, query) == [name for name in found if name != "Álvaro"]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("q=", "q"),
        ("q=" + "x" * 101, "q"),
        ("city=" + "x" * 101, "city"),
        ("open_on=2026-02-30", "open_on"),
        ("open_on=1969-12-31", "open_on"),
        ("open_on=9999-01-01", "open_on"),
        ("free_on=2026-11-23", "free_on"),
        ("party_size=2", "party_size"),
        ("free_on=2026-11-23&party_size=0", "party_size"),
        ("free_on=9999-01-01&party_size=2", "free_on"),
        ("earliest=12:00", "earliest"),
        ("free_on=2026-11-23&party_size=2&latest=24:00", "latest"),
        ("status=paused", "status"),
        ("sort=starts_at", "sort"),
        ("limit=201", "limit"),
        ("venue=x", "venue"),
        ("cursor=!", "cursor"),
    ],
)
async def test_a_question_that_makes_no_sense_is_invalid(api: Api, query: str, path: str) -> None:
    assert (await api.get(f"{RESTAURANTS}?{query}")).paths == [path]


async def test_pages_go_on_where_they_ended_and_their_cursor_is_of_one_list(api: Api) -> None:
    for name in ("B", "A", "D", "C", "E"):
        await api.post(RESTAURANTS, json=house_body(name=name), headers=OPERATOR)
    first = (await api.get(f"{RESTAURANTS}?limit=2")).json
    await api.post(RESTAURANTS, json=house_body(name="AA"), headers=OPERATOR)
    cursor, seen = first["next"], [one["name"] for one in first["items"]]
    while cursor:
        page = (await api.get(f"{RESTAURANTS}?limit=2&cursor={cursor}")).json
        seen += [one["name"] for one in page["items"]]
        cursor = page["next"]
    assert seen == ["A", "B", "C", "D", "E"]
    for other in ("sort=-name", "city=rome", "status=published", f"open_on={MONDAY}"):
        assert (await api.get(f"{RESTAURANTS}?{other}&cursor={first['next']}")).paths == ["cursor"]
    assert (await api.get(f"/api/v1/events?cursor={first['next']}")).paths == ["cursor"]


async def test_a_table_that_is_taken_is_free_nowhere(api: Api) -> None:
    made = await api.post(
        RESTAURANTS, json=house_body(tables=[{"number": "1", "largest": 2}], joins=[]), headers=OPERATOR
    )
    evening = {
        "date": MONDAY,
        "time": "20:00",
        "party_size": 2,
        "customer": {"name": "A", "email": "a@b.org"},
    }
    query = f"free_on={MONDAY}&party_size=2"
    assert await names(api, f"{query}&earliest=19:00&latest=21:00") == ["Da Ada"]
    assert (await api.post(f"{RESTAURANTS}/{made.json['id']}/reservations", json=evening)).status == 201
    assert await names(api, f"{query}&earliest=18:15&latest=21:45") == []
    assert await names(api, query) == ["Da Ada"]


async def test_a_list_that_has_not_changed_is_not_sent_again(filled: Api) -> None:
    first = await filled.get(RESTAURANTS)
    tag = {"If-None-Match": first.headers["ETag"]}
    assert first.headers["Cache-Control"] == "no-cache"
    unchanged = await filled.get(RESTAURANTS, headers=tag)
    assert (unchanged.status, unchanged.raw, unchanged.headers["ETag"]) == (304, b"", first.headers["ETag"])
    await filled.post(RESTAURANTS, json=house_body(name="New"), headers=OPERATOR)
    assert (await filled.get(RESTAURANTS, headers=tag)).status == 200


async def test_events_are_listed_by_whether_they_have_seats(filled: Api) -> None:
    event_id = await filled.new_event()
    for kind, found in (("standing", [event_id]), ("seated", [])):
        listed = await filled.get(f"/api/v1/events?kind={kind}")
        assert [one["id"] for one in listed.json["items"]] == found
    assert (await filled.get("/api/v1/events?kind=free")).paths == ["kind"]
