"""Tickets over HTTP as their holders have them: lists, pictures, paper, calendars; passed on, replaced."""

from __future__ import annotations

import io
import re
from typing import Any

import icalendar
import pypdf
import pytest

from server.paging import cursor_of
from server.printing import TICKETS_PER_PDF_MAX
from tests.server.conftest import CODES, OPERATOR, Answer, Api
from tests.server.people import signed_in

RECEIVED = "/api/v1/accounts/me/tickets"
BOB = {"name": "Bob", "email": "bob@example.org"}
Bought = tuple[str, str, dict[str, str], list[str]]
"""The event, the reservation's path, its token as a header, and the codes of its tickets."""


async def bought(api: Api, quantity: int = 1, **event: Any) -> Bought:
    event_id = await api.new_event(**event)
    path, holder = await api.new_hold(event_id, quantity=quantity)
    assert (await api.post(f"{path}/confirm", headers=holder)).status == 200
    listed = await api.get(f"{path}/tickets", headers=holder)
    return event_id, path, holder, [ticket["code"] for ticket in listed.json["items"]]


async def check_in(api: Api, event_id: str, code: str) -> Answer:
    return await api.post(f"/api/v1/events/{event_id}/check-ins", json={"code": code}, headers=OPERATOR)


async def passed_on(api: Api, path: str, holder: dict[str, str], number: int = 1) -> Answer:
    return await api.post(f"{path}/tickets/{number}/transfer", json=BOB, headers=holder)


def text_of(content: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]


async def test_a_confirmed_reservation_has_a_ticket_for_each_place(api: Api) -> None:
    _, path, holder, codes = await bought(api, 3)
    listed = (await api.get(f"{path}/tickets?limit=2", headers=holder)).json
    assert listed["items"][0] == {
        "reservation_id": path.rpartition("/")[2],
        "number": 1,
        "ticket_type": "ga",
        "seat": None,
        "status": "valid",
        "transferred": False,
        "holder": {"name": "Ada Lovelace", "email": "ada@example.org"},
        "checked_in": None,
        "code": codes[0],
    }
    rest = (await api.get(f"{path}/tickets?limit=2&cursor={listed['next']}", headers=holder)).json
    assert ([ticket["number"] for ticket in rest["items"]], rest["next"]) == ([3], None)
    assert len(set(codes)) == 3


@pytest.mark.parametrize("what", ["tickets", "tickets.pdf", "tickets/1.svg"])
async def test_what_is_not_confirmed_has_no_tickets(api: Api, what: str) -> None:
    event_id = await api.new_event(cancel_until="2026-12-31T00:00:00Z")
    path, holder = await api.new_hold(event_id)
    held = await api.get(f"{path}/{what}", headers=holder)
    assert (held.code, held.json["reservation_status"]) == ("wrong_state", "held")
    await api.post(f"{path}/confirm", headers=holder)
    await api.post(f"{path}/cancel", headers=holder)
    assert (await api.get(f"{path}/{what}", headers=holder)).json["reservation_status"] == "cancelled"


@pytest.mark.parametrize("what", ["tickets", "tickets.pdf", "tickets/1.svg", "calendar.ics"])
async def test_tickets_are_their_holders(api: Api, what: str) -> None:
    _, path, _, _ = await bought(api)
    _, _, other, _ = await bought(api)
    assert (await api.get(f"{path}/{what}")).status == 401
    assert (await api.get(f"{path}/{what}", headers=other)).status == 404
    assert (await api.get(f"{path}/{what}", headers={"Ticket-Token": "x"})).status in (401, 404)
    assert (await api.get(f"{path}/{what}", headers=OPERATOR)).status == 200


@pytest.mark.parametrize("number", ["0", "3", "999999999", "x", "-1", "1.5", "\u0661"])
async def test_there_is_no_other_ticket(api: Api, number: str) -> None:
    _, path, holder, _ = await bought(api, 2)
    assert (await api.get(f"{path}/tickets/{number}.svg", headers=holder)).status == 404
    assert (await api.get(f"{path}/tickets/1.png", headers=holder)).status == 404
    assert (await api.post(f"{path}/tickets/{number}/transfer", json=BOB, headers=holder)).status == 404
    assert (await api.post(f"{path}/tickets/{number}/reissue", headers=holder)).status == 404


async def test_who_passes_a_ticket_on_has_its_code_no_more_and_the_old_one_is_dead(api: Api) -> None:
    event_id, path, holder, (code, other) = await bought(api, 2)
    passed = await passed_on(api, path, holder)
    assert passed.status == 200
    assert (passed.json["code"], passed.json["transferred"], passed.json["holder"]) == (None, True, BOB)
    assert (await check_in(api, event_id, code)).code == "ticket_replaced"
    listed = (await api.get(f"{path}/tickets", headers=holder)).json["items"]
    assert [ticket["code"] for ticket in listed] == [None, other]
    assert (await api.get(f"{path}/tickets/1.svg", headers=holder)).status == 404
    assert len(text_of((await api.get(f"{path}/tickets.pdf", headers=holder)).raw)) == 1
    assert (await passed_on(api, path, holder)).status == 404
    assert (await api.post(f"{path}/tickets/1/reissue", headers=holder)).status == 404


async def test_whom_a_ticket_was_passed_on_to_has_that_ticket_and_no_other(api: Api) -> None:
    event_id, path, holder, _ = await bought(api, 2)
    new = {"Ticket-Token": (await passed_on(api, path, holder)).json["token"]}
    (ticket,) = (await api.get(f"{path}/tickets", headers=new)).json["items"]
    assert (ticket["number"], ticket["holder"]) == (1, BOB)
    assert (await api.get(f"{path}/tickets/1.svg", headers=new)).status == 200
    assert (await api.get(f"{path}/tickets/2.svg", headers=new)).status == 404
    assert (await api.post(f"{path}/tickets/2/reissue", headers=new)).status == 404
    assert (await api.get(path, headers=new)).status == 401
    (page,) = text_of((await api.get(f"{path}/tickets.pdf", headers=new)).raw)
    assert "Bob" in page
    assert (await check_in(api, event_id, ticket["code"])).json["holder"] == BOB


async def test_who_is_signed_in_finds_what_was_passed_on_and_what_opens_it(api: Api) -> None:
    bob, eve = await signed_in(api, BOB["email"]), await signed_in(api, "eve@example.org")
    _, path, holder, _ = await bought(api, 2)
    tokens = [(await passed_on(api, path, holder, number)).json["token"] for number in (1, 2)]
    first = await api.get(f"{RECEIVED}?limit=1", headers=bob.headers)
    assert first.headers["Cache-Control"] == "no-store"
    rest = await api.get(f"{RECEIVED}?limit=1&cursor={first.json['next']}", headers=bob.headers)
    found = first.json["items"] + rest.json["items"]
    assert [(one["number"], one["token"]) for one in found] == [(2, tokens[1]), (1, tokens[0])]
    assert {one["reservation_id"] for one in found} == {path.rpartition("/")[2]}
    assert rest.json["next"] is None
    opens = {"Ticket-Token": found[0]["token"]}
    assert (await api.get(f"{path}/tickets", headers=opens)).json["items"][0]["number"] == 2
    assert (await api.get(RECEIVED, headers=eve.headers)).json["items"] == []
    for wrong in (cursor_of(["x", 1]), cursor_of([path.rpartition("/")[2], -1]), cursor_of(1)):
        assert (await api.get(f"{RECEIVED}?cursor={wrong}", headers=bob.headers)).paths == ["cursor"]


async def test_who_has_a_ticket_issued_again_shuts_out_whoever_had_its_token_or_code(api: Api) -> None:
    event_id, path, holder, _ = await bought(api)
    old = {"Ticket-Token": (await passed_on(api, path, holder)).json["token"]}
    (seen,) = (await api.get(f"{path}/tickets", headers=old)).json["items"]
    again = await api.post(f"{path}/tickets/1/reissue", headers=old)
    assert again.status == 200
    assert (await api.get(f"{path}/tickets", headers=old)).code == "ticket_replaced"
    assert (await check_in(api, event_id, seen["code"])).code == "ticket_replaced"
    new = {"Ticket-Token": again.json["token"]}
    (ticket,) = (await api.get(f"{path}/tickets", headers=new)).json["items"]
    assert ticket["code"] == again.json["code"]
    assert (await check_in(api, event_id, again.json["code"])).status == 200
    assert (await api.post(f"{path}/tickets/1/reissue", headers=new)).code == "already_checked_in"


async def test_a_repeated_transfer_with_its_key_is_one(api: Api) -> None:
    _, path, holder, _ = await bought(api)
    headers = holder | {"Idempotency-Key": "pass-on"}
    first = await passed_on(api, path, headers)
    assert first.status == 200
    assert (await passed_on(api, path, headers)).raw == first.raw


@pytest.mark.parametrize("what", ["reissue", "transfer"])
async def test_a_lost_answer_to_who_has_a_tickets_token_is_had_again_with_its_key(
    api: Api, what: str
) -> None:
    _, path, holder, _ = await bought(api)
    opens = {"Ticket-Token": (await passed_on(api, path, holder)).json["token"]}
    keyed, body = opens | {"Idempotency-Key": "once-more"}, BOB if what == "transfer" else {}
    first = await api.post(f"{path}/tickets/1/{what}", json=body, headers=keyed)
    assert first.status == 200
    assert (await api.post(f"{path}/tickets/1/{what}", json=body, headers=keyed)).raw == first.raw
    assert (await api.post(f"{path}/tickets/1/{what}", json=body, headers=opens)).code == "ticket_replaced"


async def test_a_picture_of_a_code_is_svg(api: Api) -> None:
    _, path, holder, _ = await bought(api)
    shown = await api.get(f"{path}/tickets/1.svg", headers=holder)
    assert (shown.status, shown.headers["Content-Type"]) == (200, "image/svg+xml")
    assert b"<svg" in shown.raw
    assert shown.headers["Cache-Control"] == "private, no-store"


async def test_a_printed_ticket_says_everything_in_every_script(api: Api) -> None:
    name = "Käthchen Ёлка Αντιγόνη 紅樓夢"
    event_id = await api.new_event(name=name, venue="Großes Haus", city="Jyväskylä")
    body = {
        "lines": [{"ticket_type": "ga", "quantity": 2}],
        "customer": {"name": "李小龍 Müßig", "email": "li@example.org"},
    }
    held = await api.post(f"/api/v1/events/{event_id}/reservations", json=body)
    path = f"/api/v1/reservations/{held.json['id']}"
    await api.post(f"{path}/confirm", headers=OPERATOR)
    printed = await api.get(f"{path}/tickets.pdf?time_zone=Europe/Madrid", headers=OPERATOR)
    assert (printed.status, printed.headers["Content-Type"]) == (200, "application/pdf")
    pages = text_of(printed.raw)
    assert len(pages) == 2
    plain = re.sub(r"\s+", " ", pages[1])
    for said in (name, "Großes Haus, Jyväskylä", "李小龍 Müßig", "Standing", "Ticket 2 of 2"):
        assert said in plain
    assert "Friday, 1 January 2027, 21:00 (Europe/Madrid)" in plain
    assert CODES.code(held.json["id"], 2, 1) in plain.replace(" ", "")


@pytest.mark.parametrize(
    ("zone", "said"),
    [("Asia/Tokyo", "Saturday, 2 January 2027, 05:00"), (None, "Friday, 1 January 2027, 20:00")],
)
async def test_a_printed_ticket_tells_the_time_of_its_event(api: Api, zone: str | None, said: str) -> None:
    _, path, holder, _ = await bought(api, time_zone=zone)
    (page,) = text_of((await api.get(f"{path}/tickets.pdf", headers=holder)).raw)
    assert f"{said} ({zone or 'UTC'})" in re.sub(r"\s+", " ", page)


async def test_a_file_has_so_many_tickets_and_each_can_be_had_alone(api: Api) -> None:
    kind = {"code": "ga", "name": "Standing", "quota": 99, "price": {"amount": 0, "currency": "EUR"}}
    _, path, holder, _ = await bought(api, TICKETS_PER_PDF_MAX, ticket_types=[kind])
    assert len(text_of((await api.get(f"{path}/tickets.pdf", headers=holder)).raw)) == TICKETS_PER_PDF_MAX
    _, path, holder, _ = await bought(api, TICKETS_PER_PDF_MAX + 1, ticket_types=[kind])
    refused = await api.get(f"{path}/tickets.pdf", headers=holder)
    assert (refused.code, refused.json["limit"]) == ("limit_exceeded", TICKETS_PER_PDF_MAX)
    one = await api.get(f"{path}/tickets.pdf?number=51", headers=holder)
    assert "Ticket 51 of 51" in text_of(one.raw)[0]
    assert (await api.get(f"{path}/tickets.pdf?number=52", headers=holder)).status == 404


@pytest.mark.parametrize("query", ["number=0", "time_zone=Mars/Olympus", "time_zone=../etc/passwd", "x=1"])
async def test_a_file_is_asked_for_rightly(api: Api, query: str) -> None:
    _, path, holder, _ = await bought(api)
    assert (await api.get(f"{path}/tickets.pdf?{query}", headers=holder)).status == 422


async def test_a_ticket_that_was_passed_on_comes_into_its_new_holders_calendar_alone(api: Api) -> None:
    event_id, path, holder, _ = await bought(api, 2)
    old = {"Ticket-Token": (await passed_on(api, path, holder, 2)).json["token"]}
    entered = await api.get(f"{path}/calendar.ics", headers=old)
    assert (entered.status, entered.headers["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    (entry,) = icalendar.Calendar.from_ical(entered.raw).walk("VEVENT")
    (buyers,) = icalendar.Calendar.from_ical(
        (await api.get(f"{path}/calendar.ics", headers=holder)).raw
    ).walk("VEVENT")
    assert (entry["description"], buyers["description"]) == ("1 x Standing", "2 x Standing")
    assert entry["uid"] != buyers["uid"]
    new = {"Ticket-Token": (await api.post(f"{path}/tickets/2/reissue", headers=old)).json["token"]}
    assert (await api.get(f"{path}/calendar.ics", headers=old)).code == "ticket_replaced"
    _, other, _, _ = await bought(api)
    assert (await api.get(f"{other}/calendar.ics", headers=new)).status == 404
    assert (await api.post(f"/api/v1/events/{event_id}/cancel", headers=OPERATOR)).status == 200
    gone = icalendar.Calendar.from_ical((await api.get(f"{path}/calendar.ics", headers=new)).raw)
    assert gone["method"] == "CANCEL"


async def test_a_reservation_comes_into_the_calendar_and_out_again(api: Api) -> None:
    event_id, path, holder, _ = await bought(api, 2, venue="Hall", cancel_until="2026-12-31T00:00:00Z")
    entered = await api.get(f"{path}/calendar.ics", headers=holder)
    assert entered.headers["Content-Type"] == "text/calendar; charset=utf-8"
    (entry,) = icalendar.Calendar.from_ical(entered.raw).walk("VEVENT")
    assert (entry["summary"], entry["location"], entry["status"]) == ("A concert", "Hall", "CONFIRMED")
    assert entry.decoded("dtstart").isoformat() == "2027-01-01T20:00:00+00:00"
    assert entry["description"] == "2 x Standing"
    await api.post(f"{path}/cancel", headers=holder)
    calendar = icalendar.Calendar.from_ical((await api.get(f"{path}/calendar.ics", headers=holder)).raw)
    (gone,) = calendar.walk("VEVENT")
    assert (calendar["method"], gone["status"], gone["uid"]) == ("CANCEL", "CANCELLED", entry["uid"])
    assert gone["sequence"] > entry["sequence"]
    held, token = await api.new_hold(event_id)
    assert (await api.get(f"{held}/calendar.ics", headers=token)).code == "wrong_state"
