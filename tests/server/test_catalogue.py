"""The catalogue over HTTP: its queries' bounds, its cursors, its tags, what an operator is told of sales."""

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from domain.event_messages import PlaceHold
from server.handlers_reports import EXPORTS_MAX
from server.payloads_catalogue import CURSOR_MAX_CHARACTERS, SEARCH_MAX_CHARACTERS
from tests.server.conftest import OPERATOR, Api, Start
from tests.server.direct_gateway import START_MS
from tests.server.test_seats import event_in_the_hall, line, reserve

EVENTS = "/api/v1/events"
DAY_MS = 86_400_000


async def names(api: Api, query: str) -> list[str]:
    found = await api.get(f"{EVENTS}?{query}")
    assert found.status == 200, found.raw
    return [item["name"] for item in found.json["items"]]


@pytest.fixture
async def filled(api: Api) -> Api:
    """Three events that differ in all that can be asked for."""
    await api.new_event(
        name="Älteste Oper", venue="Große Halle", city="Zürich", starts_at="2027-01-01T20:00:00Z"
    )
    api.gateway.now_ms += 1
    sold_out = await api.new_event(name="Jazz", city="New York", starts_at="2027-02-01T20:00:00Z", capacity=1)
    assert (await api.hold(sold_out)).status == 201
    await api.new_event(name="Zirkus", description="Jazz und Oper", starts_at="2027-03-01T20:00:00Z")
    return api


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Älteste Oper", "Jazz", "Zirkus"]),
        ("q=jazz", ["Jazz", "Zirkus"]),
        ("q=OPER+%C3%A4l", ["Älteste Oper"]),
        ("venue=grosse", ["Älteste Oper"]),
        ("city=york", ["Jazz"]),
        ("city=zurich", ["Älteste Oper"]),
        ("q=%3F", []),
        ("starts_from=2027-02-01T20:00:00Z", ["Jazz", "Zirkus"]),
        ("starts_until=2027-02-01T21:00:00%2B01:00", ["Älteste Oper"]),
        ("available=true", ["Älteste Oper", "Zirkus"]),
        ("available=false", ["Jazz"]),
        ("available=true&q=jazz", ["Zirkus"]),
        ("sort=-starts_at", ["Zirkus", "Jazz", "Älteste Oper"]),
        ("sort=name", ["Älteste Oper", "Jazz", "Zirkus"]),
        ("sort=-name&q=oper", ["Zirkus", "Älteste Oper"]),
        ("sort=created_at&limit=1", ["Älteste Oper"]),
    ],
)
async def test_events_are_found_by_what_is_asked(filled: Api, query: str, found: list[str]) -> None:
    assert await names(filled, query) == found


async def test_drafts_are_found_by_operators_only_and_each_status_by_its_name(filled: Api) -> None:
    await filled.new_event(name="Soon", status="draft", starts_at="2027-04-01T20:00:00Z")
    gone = await filled.new_event(name="Gone", starts_at="2027-05-01T20:00:00Z")
    await filled.post(f"{EVENTS}/{gone}/cancel", headers=OPERATOR)
    assert await names(filled, "starts_from=2027-03-02T00:00:00Z") == ["Gone"]
    everything = await filled.get(f"{EVENTS}?starts_from=2027-03-02T00:00:00Z", headers=OPERATOR)
    assert [item["name"] for item in everything.json["items"]] == ["Soon", "Gone"]
    assert await names(filled, "status=draft") == []
    assert await names(filled, "status=cancelled") == ["Gone"]
    assert await names(filled, "status=cancelled&available=true") == []
    drafts = await filled.get(f"{EVENTS}?status=draft", headers=OPERATOR)
    assert [item["name"] for item in drafts.json["items"]] == ["Soon"]


async def test_an_operators_cursor_is_none_of_the_public_list(filled: Api) -> None:
    following = (await filled.get(f"{EVENTS}?limit=1", headers=OPERATOR)).json["next"]
    assert (await filled.get(f"{EVENTS}?cursor={following}", headers=OPERATOR)).status == 200
    assert (await filled.get(f"{EVENTS}?cursor={following}")).paths == ["cursor"]


@pytest.mark.parametrize(
    ("name", "within", "beyond"),
    [
        ("status", "closed", "open"),
        ("q", "x", ""),
        ("q", "\U0001f0a1" * 100, "x" * 101),
        ("venue", "x" * 100, "x" * 101),
        ("city", "x" * 100, "x" * 101),
        ("city", "\0", ""),
        ("sort", "-created_at", "created"),
        ("available", "false", "maybe"),
        ("starts_from", "0001-01-01T00:00:00+14:00", "2027-01-01T00:00:00"),
        ("starts_until", "9999-12-31T23:59:59-14:00", "soon"),
        ("limit", "200", "201"),
        ("limit", "1", "0"),
    ],
)
async def test_bounds_of_a_question(api: Api, name: str, within: str, beyond: str) -> None:
    assert (await api.get(f"{EVENTS}?{name}={quote(within)}")).status == 200
    assert (await api.get(f"{EVENTS}?{name}={quote(beyond)}")).paths == [name]


async def test_the_longest_question_there_is_fits_into_a_request(api: Api) -> None:
    words = quote("\U0001f0a1" * SEARCH_MAX_CHARACTERS)
    moment = quote("2027-01-01T20:00:00.123456+14:00")
    path = (
        f"{EVENTS}?q={words}&venue={words}&city={words}&starts_from={moment}&starts_until={moment}"
        "&available=false&status=cancelled&sort=-created_at&limit=200&cursor=" + "A" * CURSOR_MAX_CHARACTERS
    )
    assert (
        await api.session.get(URL(path, encoded=True))
    ).status == 422  # the cursor is none, all else is well
    assert (await api.session.get(URL(path.partition("&cursor")[0], encoded=True))).status == 200


async def test_a_page_of_the_longest_names_has_a_next(api: Api) -> None:
    for letter in "ab":
        await api.new_event(name="\U0001f0a1" * 199 + letter)
    first = (await api.get(f"{EVENTS}?sort=name&limit=1")).json
    rest = (await api.get(f"{EVENTS}?sort=name&limit=1&cursor={first['next']}")).json
    assert len({first["items"][0]["id"], rest["items"][0]["id"]}) == 2
    assert rest["next"] is None


async def test_the_cursor_of_one_list_of_events_is_none_of_another(filled: Api) -> None:
    following = (await filled.get(f"{EVENTS}?limit=1&q=oper")).json["next"]
    assert (await filled.get(f"{EVENTS}?q=oper&limit=2&cursor={following}")).status == 200
    for other in ("", "q=jazz", "q=oper&sort=name", "q=oper&available=true", "venue=oper"):
        assert (await filled.get(f"{EVENTS}?{other}&cursor={following}")).paths == ["cursor"]


async def test_a_page_that_is_the_same_is_not_sent_again(filled: Api) -> None:
    first = await filled.get(f"{EVENTS}?q=jazz")
    tag = {"If-None-Match": first.headers["ETag"]}
    again = await filled.get(f"{EVENTS}?q=jazz", headers=tag)
    assert (again.status, again.raw, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert (await filled.get(f"{EVENTS}?q=oper", headers=tag)).status == 200
    await filled.hold(first.json["items"][1]["id"])
    changed = await filled.get(f"{EVENTS}?q=jazz", headers=tag)
    assert changed.status == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


async def test_a_city_is_shown_changed_and_taken_away(api: Api) -> None:
    path = f"{EVENTS}/{await api.new_event(city='Köln')}"
    assert (await api.get(path)).json["city"] == "Köln"
    assert (await api.patch(path, json={"city": "Bonn"}, headers=OPERATOR)).json["city"] == "Bonn"
    assert (await api.patch(path, json={"city": None}, headers=OPERATOR)).json["city"] is None


# --- statistics -----------------------------------------------------------------------------------


async def sell(api: Api, event_id: str, *sales: tuple[int, str]) -> None:
    for number, (quantity, code) in enumerate(sales):
        path, token = await api.new_hold(
            event_id, quantity=quantity, code=code, email=f"{number}@example.org"
        )
        assert (await api.post(f"{path}/confirm", headers=token)).status == 200


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


async def test_an_event_says_what_it_has_sold_by_type_and_over_time(api: Api) -> None:
    event_id = await api.new_event()
    await sell(api, event_id, (2, "ga"), (1, "vip"))
    api.gateway.now_ms += 3_600_000
    await sell(api, event_id, (3, "ga"))
    await api.new_hold(event_id, code="vip", email="held@example.org")
    told = (await api.get(f"{EVENTS}/{event_id}/statistics?buckets=3", headers=OPERATOR)).json
    assert (told["sold"], told["held"], told["revenue"]) == (6, 1, euros(5 * 4500 + 9000))
    assert told["ticket_types"] == [
        {"code": "ga", "sold": 5, "held": 0, "revenue": euros(5 * 4500)},
        {"code": "vip", "sold": 1, "held": 1, "revenue": euros(9000)},
    ]
    over_time = [(span["sold"], span["revenue"]["amount"]) for span in told["over_time"]]
    assert over_time == [(0, 0), (3, 18_000), (3, 13_500)]
    assert [span["begins_at"][11:] for span in told["over_time"]] == [
        f"{hour:02}:00:00.000Z"
        for hour in range((START_MS // 3_600_000 - 1) % 24, (START_MS // 3_600_000 - 1) % 24 + 3)
    ]


async def test_what_is_cancelled_is_sold_no_more(api: Api) -> None:
    event_id = await api.new_event(cancel_until="2027-01-01T00:00:00Z")
    path, token = await api.new_hold(event_id)
    for action in ("confirm", "cancel"):
        assert (await api.post(f"{path}/{action}", headers=token)).status == 200
    told = (await api.get(f"{EVENTS}/{event_id}/statistics", headers=OPERATOR)).json
    assert (told["sold"], told["revenue"]["amount"], len(told["over_time"])) == (0, 0, 48)
    assert not any(span["sold"] for span in told["over_time"])


@pytest.mark.parametrize(
    ("path", "name", "within", "beyond"),
    [
        ("/events/{id}/statistics", "bucket", "day", "week"),
        ("/events/{id}/statistics", "buckets", "1440", "1441"),
        ("/events/{id}/statistics", "buckets", "1", "0"),
        ("/statistics", "window_s", "60", "59"),
        ("/statistics", "window_s", "86400", "86401"),
    ],
)
async def test_bounds_of_statistics(api: Api, path: str, name: str, within: str, beyond: str) -> None:
    url = f"/api/v1{path.replace('{id}', await api.new_event())}?{name}="
    assert (await api.get(url + within, headers=OPERATOR)).status == 200
    assert (await api.get(url + beyond, headers=OPERATOR)).paths == [name]


async def test_the_first_five_events_are_those_that_sold_most(api: Api) -> None:
    for number in range(7):
        await sell(api, await api.new_event(name=f"Event {number}"), (number + 1, "ga"))
    api.gateway.now_ms += 600_000
    await sell(api, await api.new_event(name="Dear"), (2, "vip"), (2, "ga"))
    told = (await api.get("/api/v1/statistics", headers=OPERATOR)).json
    assert [one["name"] for one in told["by_sales"]] == ["Event 6", "Event 5", "Event 4", "Event 3", "Dear"]
    assert [one["revenue"]["amount"] for one in told["by_revenue"]] == [
        31_500,
        27_000,
        27_000,
        22_500,
        18_000,
    ]
    assert [(one["name"], one["sold_in_window"]) for one in told["by_speed"]] == [("Dear", 4)]


# --- exports --------------------------------------------------------------------------------------


async def exported(api: Api, event_id: str) -> list[dict[str, str]]:
    answer = await api.get(f"{EVENTS}/{event_id}/reservations.csv", headers=OPERATOR)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert f'filename="reservations-{event_id}.csv"' in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.raw.decode(), newline=""), strict=True))


async def test_a_reservation_is_exported_line_by_line(api: Api) -> None:
    event_id = await api.new_event()
    lines = [{"ticket_type": "ga", "quantity": 2}, {"ticket_type": "vip", "quantity": 1}]
    customer = {"name": 'Ada "Lace", Lovelace\nof London', "email": "ada@example.org"}
    path = f"{EVENTS}/{event_id}/reservations"
    made = (await api.post(path, json={"lines": lines, "customer": customer})).json
    rows = await exported(api, event_id)
    assert rows[0] == {
        "reservation_id": made["id"],
        "status": "held",
        "created_at": made["created_at"],
        "expires_at": made["expires_at"],
        "customer_name": customer["name"],
        "customer_email": customer["email"],
        "ticket_type": "ga",
        "quantity": "2",
        "unit_price": "4500",
        "amount": "9000",
        "currency": "EUR",
        "seats": "",
    }
    assert [(row["ticket_type"], row["amount"]) for row in rows] == [("ga", "9000"), ("vip", "9000")]
    api.gateway.now_ms += DAY_MS
    assert {row["status"] for row in await exported(api, event_id)} == {"expired"}


async def test_the_seats_of_a_line_are_exported_with_it(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    held = await reserve(api, event_id, line("front", 2, "S/A/1", "S/A/2"), line("stand", 1))
    assert held.status == 201
    assert [row["seats"] for row in await exported(api, event_id)] == ["S/A/1\nS/A/2", ""]


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
async def test_what_a_spreadsheet_would_take_for_a_formula_is_text(api: Api, begins: str) -> None:
    event_id = await api.new_event()
    body = {"lines": [{"ticket_type": "ga", "quantity": 1}]}
    customer = {
        "name": f'{begins}HYPERLINK("http://x";"y")',
        "email": f"{begins if begins in '=+-' else 'x'}a@example.org",
    }
    path = f"{EVENTS}/{event_id}/reservations"
    assert (await api.post(path, json=body | {"customer": customer})).status == 201
    row = (await exported(api, event_id))[0]
    assert row["customer_name"] == "'" + customer["name"]
    assert row["customer_email"] == ("'" if begins in "=+-" else "") + customer["email"]


async def test_an_export_is_of_all_pages_each_reservation_once(api: Api) -> None:
    event_id = await many_holds(api, 1_234)
    ids = [row["reservation_id"] for row in await exported(api, event_id)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids) == 1_234


async def test_an_event_without_reservations_is_exported_as_its_header(api: Api) -> None:
    path = f"{EVENTS}/{await api.new_event()}/reservations.csv"
    answer = await api.get(path, headers=OPERATOR)
    assert answer.raw.endswith(b"currency,seats\r\n")
    head = await api.ask("HEAD", path, headers=OPERATOR)
    assert (head.status, head.raw) == (200, b"")


async def test_so_many_exports_at_once_and_no_more(start: Start) -> None:
    api = await start()
    path = f"{EVENTS}/{await many_holds(api, 10_000)}/reservations.csv"
    waiting = [await api.session.get(path, headers=OPERATOR) for _ in range(EXPORTS_MAX)]
    assert (await api.get(path, headers=OPERATOR)).code == "overloaded"
    for answer in waiting:
        answer.close()
    small = f"{EVENTS}/{await api.new_event()}/reservations.csv"
    while (await api.get(small, headers=OPERATOR)).status == 503:
        pass
    assert (await api.get(small, headers=OPERATOR)).status == 200


async def test_for_a_client_that_does_not_read_no_more_pages_are_read(start: Start) -> None:
    api = await start()
    reads = api.reads
    path = f"{EVENTS}/{await many_holds(api, 10_000)}/reservations.csv"
    async with api.session.get(path, headers=OPERATOR) as answer:
        before = -1
        while reads.pages_exported > before:  # as long as something is taken by what lies between
            before = reads.pages_exported
            for _ in range(20):
                assert (await api.get("/healthz")).status == 200
        assert reads.pages_exported < 10
        rest = await answer.read()
    assert rest.count(b"\r\n") == 10_001
    assert reads.pages_exported == 21


async def many_holds(api: Api, amount: int) -> str:
    """An event with so many reservations, made without HTTP."""
    kind = {"code": "ga", "name": "x", "quota": amount, "price": {"amount": 1, "currency": "EUR"}}
    event_id = await api.new_event(ticket_types=[kind])
    contact = b'{"name":"' + b"Ada " * 1_200 + b'","email":"ada@example.org"}'
    for number in range(amount):
        made = PlaceHold(f"0190{number:04x}-0000-7000-8000-{number:012x}", (("ga", 1),), b"customer", contact)
        await api.gateway.ask(event_id, made)
    return event_id


@pytest.mark.parametrize("path", ["/statistics", "/events/{id}/statistics", "/events/{id}/reservations.csv"])
async def test_what_was_sold_is_told_to_operators_only(api: Api, path: str) -> None:
    url = "/api/v1" + path.replace("{id}", await api.new_event())
    assert (await api.get(url)).code == "unauthorized"
    assert (await api.get(url, headers=OPERATOR)).status == 200
    nowhere = "/api/v1" + path.replace("{id}", "01890000-0000-7000-8000-000000000001")
    if "{id}" in path:
        assert (await api.get(nowhere, headers=OPERATOR)).code == "not_found"
