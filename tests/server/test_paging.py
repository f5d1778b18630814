"""Lists: in order, in pages, and what their queries take."""

from __future__ import annotations

import pytest

from tests.server.conftest import OPERATOR, Api

BAD_QUERIES = [
    "limit=0",
    "limit=201",
    "limit=x",
    "limit=",
    "limit=1.5",
    "limit=1&limit=2",
    "cursor=",
    "cursor=!",
    "cursor=AAAA",
    "cursor=" + "A" * 201,
    "cursor=%00",
    "cursor=%C3%A4",
    "sort=up",
    "limit=-1",
    "limit=99999999999999999999",
]


async def test_events_come_by_start_then_id(api: Api) -> None:
    late = await api.new_event(starts_at="2027-03-01T00:00:00Z")
    twins = [await api.new_event(starts_at="2027-02-01T00:00:00Z") for _ in range(3)]
    early = await api.new_event(starts_at="2027-01-01T00:00:00Z")
    items = (await api.get("/api/v1/events")).json["items"]
    assert [item["id"] for item in items] == [early, *sorted(twins), late]


async def test_pages_follow_each_other_without_gaps(api: Api) -> None:
    made = [await api.new_event(starts_at=f"2027-02-0{1 + number % 2}T00:00:00Z") for number in range(7)]
    seen: list[str] = []
    path = "/api/v1/events?limit=3"
    sizes = []
    while path:
        page = (await api.get(path)).json
        sizes.append(len(page["items"]))
        seen += [item["id"] for item in page["items"]]
        path = f"/api/v1/events?limit=3&cursor={page['next']}" if page["next"] else ""
    assert sizes == [3, 3, 1]
    assert sorted(seen) == sorted(made)
    assert len(set(seen)) == 7


async def test_a_last_page_that_is_full_has_no_next(api: Api) -> None:
    for _ in range(2):
        await api.new_event()
    assert (await api.get("/api/v1/events?limit=2")).json["next"] is None
    assert (await api.get("/api/v1/events?limit=1")).json["next"] is not None
    assert (await api.get("/api/v1/events?limit=200")).status == 200


async def test_a_list_shows_50_unless_asked_for_more(api: Api) -> None:
    event_id = await api.new_event(
        ticket_types=[{"code": "ga", "name": "x", "quota": 99, "price": {"amount": 0, "currency": "EUR"}}]
    )
    for _ in range(51):
        await api.hold(event_id)
    path = f"/api/v1/events/{event_id}/reservations"
    first = (await api.get(path, headers=OPERATOR)).json
    assert len(first["items"]) == 50
    assert [item["id"] for item in first["items"]] == sorted(item["id"] for item in first["items"])
    rest = (await api.get(f"{path}?cursor={first['next']}", headers=OPERATOR)).json
    assert (len(rest["items"]), rest["next"]) == (1, None)
    assert "token" not in first["items"][0]


async def test_reservations_are_listed_by_status(api: Api) -> None:
    event_id = await api.new_event()
    path, token = await api.new_hold(event_id)
    await api.new_hold(event_id)
    await api.post(f"{path}/confirm", headers=token)
    listing = f"/api/v1/events/{event_id}/reservations"
    for status, count in (("held", 1), ("confirmed", 1), ("released", 0), ("expired", 0), ("cancelled", 0)):
        items = (await api.get(f"{listing}?status={status}", headers=OPERATOR)).json["items"]
        assert [item["status"] for item in items] == [status] * count


@pytest.mark.parametrize("query", BAD_QUERIES)
async def test_bad_queries_are_invalid(api: Api, query: str) -> None:
    event_id = await api.new_event()
    assert (await api.get(f"/api/v1/events?{query}")).code == "invalid"
    listing = f"/api/v1/events/{event_id}/reservations?{query}"
    assert (await api.get(listing, headers=OPERATOR)).code == "invalid"


@pytest.mark.parametrize("status", ["", "null", "HELD", "paid"])
async def test_a_status_that_there_is_not_is_invalid(api: Api, status: str) -> None:
    listing = f"/api/v1/events/{await api.new_event()}/reservations?status={status}"
    assert (await api.get(listing, headers=OPERATOR)).paths == ["status"]


async def test_the_cursor_of_one_list_is_none_of_another(api: Api) -> None:
    event_id = await api.new_event()
    await api.new_event()
    for _ in range(2):
        await api.hold(event_id)
    listing = f"/api/v1/events/{event_id}/reservations"
    of_events = (await api.get("/api/v1/events?limit=1")).json["next"]
    of_reservations = (await api.get(f"{listing}?limit=1", headers=OPERATOR)).json["next"]
    assert (await api.get(f"{listing}?cursor={of_events}", headers=OPERATOR)).paths == ["cursor"]
    assert (await api.get(f"/api/v1/events?cursor={of_reservations}")).paths == ["cursor"]
