"""Drafts, published, closed and cancelled events over HTTP, and the policies of a community's sessions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.conftest import OPERATOR, Answer, Api, hold_body

WORKSHOP = {
    "capacity": 2,
    "one_per_customer": True,
    "listed": "while_open",
    "ticket_types": [
        {"code": "ga", "name": "Place", "quota": 9, "price": {"amount": 0, "currency": "EUR"}},
        {"code": "vip", "name": "Lunch too", "quota": 9, "price": {"amount": 900, "currency": "EUR"}},
    ],
}


async def say(api: Api, event_id: str, what: str, **headers: str) -> Answer:
    return await api.post(f"/api/v1/events/{event_id}/{what}", headers=OPERATOR | headers)


async def reserve(api: Api, event_id: str, email: str = "ada@example.org", **more: Any) -> Answer:
    return await api.post(f"/api/v1/events/{event_id}/reservations", json=hold_body(email=email) | more)


async def listed(api: Api, **headers: str) -> list[str]:
    return [event["id"] for event in (await api.get("/api/v1/events", headers=headers)).json["items"]]


# --- stages -------------------------------------------------------------------------------------------


async def test_an_event_is_published_unless_it_is_made_as_a_draft(api: Api) -> None:
    assert (await api.make_event()).json["status"] == "published"
    assert (await api.make_event(status="draft")).json["status"] == "draft"
    for wrong in ("closed", "cancelled", "Draft", None):
        assert (await api.make_event(status=wrong)).paths == ["status"]


async def test_a_draft_is_there_for_operators_only(api: Api) -> None:
    event_id = await api.new_event(status="draft")
    for path in ("", "/availability", "/ticket-types/ga"):
        url = f"/api/v1/events/{event_id}{path}"
        for headers in ({}, {"Authorization": "Bearer nonsense"}):
            hidden = await api.get(url, headers=headers)
            assert (hidden.status, hidden.json["detail"]) == (404, "There is no such event.")
        assert (await api.get(url, headers=OPERATOR)).status == 200
    assert (await reserve(api, event_id)).json["detail"] == "There is no such event."
    assert await listed(api) == []
    assert await listed(api, **OPERATOR) == [event_id]


async def test_a_draft_that_is_published_is_there_for_all(api: Api) -> None:
    event_id = await api.new_event(status="draft")
    assert (await say(api, event_id, "publish")).json["status"] == "published"
    assert (await api.get(f"/api/v1/events/{event_id}/availability")).status == 200
    assert await listed(api) == [event_id]
    assert (await reserve(api, event_id)).status == 201


async def test_a_closed_event_sells_nothing_and_keeps_what_is(api: Api) -> None:
    event_id = await api.new_event()
    path, token = await api.new_hold(event_id)
    closed = await say(api, event_id, "close")
    assert (closed.json["status"], closed.json["version"], closed.headers["ETag"]) == ("closed", 2, '"2"')
    assert (await reserve(api, event_id)).code == "sales_closed"
    assert (await api.post(f"{path}/confirm", headers=token)).status == 200
    assert await listed(api) == [event_id]
    assert (await say(api, event_id, "publish")).json["version"] == 3
    assert (await reserve(api, event_id)).status == 201


async def test_cancelling_an_event_ends_all_that_it_had(api: Api) -> None:
    event_id = await api.new_event()
    held, held_token = await api.new_hold(event_id)
    bought, bought_token = await api.new_hold(event_id, email="bob@example.org")
    await api.post(f"{bought}/confirm", headers=bought_token)
    assert (await api.post(f"{bought}/cancel", headers=bought_token)).code == "too_late"
    cancelled = (await say(api, event_id, "cancel")).json
    assert (cancelled["status"], cancelled["reservations"]) == ("cancelled", 0)
    shown = (await api.get(f"/api/v1/events/{event_id}/availability")).json["ticket_types"]
    assert {(kind["available"], kind["held"], kind["confirmed"]) for kind in shown} == {(0, 0, 0)}
    assert (await reserve(api, event_id)).code == "sales_closed"
    for path, token, status in ((held, held_token, "released"), (bought, bought_token, "cancelled")):
        refused = await api.post(f"{path}/confirm", headers=token)
        assert (refused.code, refused.json["reservation_status"]) == ("wrong_state", status)
        assert (await api.post(f"{path}/cancel", headers=token)).json["status"] == status
        assert (await api.get(path, headers=token)).json["status"] == status


async def test_what_a_cancelled_event_had_is_read_as_it_ends_before_the_facts_say_so(api: Api) -> None:
    event_id = await api.new_event()
    held, _ = await api.new_hold(event_id)
    api.gateway.now_ms += 1
    bought, token = await api.new_hold(event_id, email="bob@example.org")
    await api.post(f"{bought}/confirm", headers=token)
    await say(api, event_id, "cancel")
    ends = ["released", "cancelled"]
    assert [(await api.get(path, headers=OPERATOR)).json["status"] for path in (held, bought)] == ends
    assert await reserved(api, event_id) == ends
    exported = await api.get(f"/api/v1/events/{event_id}/reservations.csv", headers=OPERATOR)
    assert [line.split(",")[1] for line in exported.raw.decode().splitlines()[1:]] == ends
    assert await reserved(api, event_id, "?status=confirmed") == ["confirmed"]
    assert await reserved(api, event_id, "?status=cancelled") == []
    await say(api, event_id, "cancel")  # with any command what is due becomes facts
    assert await reserved(api, event_id) == ends
    assert await reserved(api, event_id, "?status=confirmed") == []
    assert await reserved(api, event_id, "?status=cancelled") == ["cancelled"]


async def reserved(api: Api, event_id: str, query: str = "") -> list[str]:
    """What an operator's list says of each."""
    shown = await api.get(f"/api/v1/events/{event_id}/reservations{query}", headers=OPERATOR)
    return [one["status"] for one in shown.json["items"]]


async def test_what_a_stage_does_not_allow_is_a_wrong_state(api: Api) -> None:
    draft, cancelled = await api.new_event(status="draft"), await api.new_event()
    await say(api, cancelled, "cancel")
    for event_id, what, status in (
        (draft, "close", "draft"),
        (cancelled, "publish", "cancelled"),
        (cancelled, "close", "cancelled"),
    ):
        refused = await say(api, event_id, what)
        assert (refused.status, refused.code, refused.json["event_status"]) == (409, "wrong_state", status)


@pytest.mark.parametrize("what", ["publish", "close", "cancel"])
async def test_moving_an_event_is_the_operators_and_can_be_repeated(api: Api, what: str) -> None:
    event_id = await api.new_event()
    assert (await api.post(f"/api/v1/events/{event_id}/{what}")).status == 401
    first = await say(api, event_id, what, **{"Idempotency-Key": "once"})
    assert first.status == 200
    assert (await say(api, event_id, what)).json == first.json
    again = await say(api, event_id, what, **{"Idempotency-Key": "once"})
    assert again.json == first.json
    assert (await say(api, "01890000-0000-7000-8000-000000000001", what)).code == "not_found"


async def test_an_event_that_nobody_has_reserved_is_deleted_and_its_past_stays_readable(api: Api) -> None:
    event_id = await api.new_event()
    path, token = await api.new_hold(event_id)
    url = f"/api/v1/events/{event_id}"
    used = await api.ask("DELETE", url, headers=OPERATOR)
    assert (used.status, used.code, used.json["live"]) == (409, "in_use", 1)
    await api.post(f"{path}/cancel", headers=token)
    assert (await api.ask("DELETE", url)).status == 401
    assert (await api.ask("DELETE", url, headers=OPERATOR | {"If-Match": '"2"'})).code == "stale"
    deleted = await api.ask("DELETE", url, headers=OPERATOR | {"If-Match": '"1"'})
    assert (deleted.status, deleted.raw) == (204, b"")
    for wanted in ("", "/availability", "/ticket-types/ga", "/reservations", "/placement"):
        assert (await api.get(url + wanted, headers=OPERATOR)).status == 404
    assert await listed(api, **OPERATOR) == []
    assert (await reserve(api, event_id)).code == "not_found"
    assert (await say(api, event_id, "publish")).code == "not_found"
    assert (await api.ask("DELETE", url, headers=OPERATOR)).code == "not_found"
    assert (await api.get(path, headers=token)).json["status"] == "released"


# --- a community's sessions ---------------------------------------------------------------------------


async def test_a_free_place_is_confirmed_at_once_and_said_again_to_its_key(api: Api) -> None:
    event_id = await api.new_event(**WORKSHOP)
    path, key = f"/api/v1/events/{event_id}/reservations", {"Idempotency-Key": "mine"}
    body = hold_body() | {"confirm": True}
    made = await api.post(path, json=body, headers=key)
    assert (made.status, made.json["status"], made.json["total"]["amount"]) == (201, "confirmed", 0)
    again = await api.post(path, json=body, headers=key)
    assert (again.status, again.json) == (201, made.json)
    assert (await api.post(path, json=hold_body(), headers=key)).code == "key_reused"


@pytest.mark.parametrize("headers", [{}, OPERATOR])
async def test_what_is_to_be_paid_for_is_not_confirmed_at_once(api: Api, headers: dict[str, str]) -> None:
    path = f"/api/v1/events/{await api.new_event(**WORKSHOP)}/reservations"
    refused = await api.post(path, json=hold_body(code="vip") | {"confirm": True}, headers=headers)
    assert (refused.status, refused.code) == (409, "payment_due")
    assert refused.json["total"] == {"amount": 900, "currency": "EUR"}
    assert (await api.post(path, json=hold_body(code="vip"), headers=headers)).json["status"] == "held"


async def test_one_address_has_one_reservation_until_that_has_ended(api: Api) -> None:
    event_id = await api.new_event(**WORKSHOP)
    made = (await reserve(api, event_id, " ADA@example.org", confirm=False)).json
    for email in ("ada@example.org", "Ada@Example.ORG "):
        refused = await reserve(api, event_id, email, confirm=True)
        assert (refused.status, refused.code) == (409, "already_reserved")
    token = {"Reservation-Token": made["token"]}
    await api.post(f"/api/v1/reservations/{made['id']}/cancel", headers=token)
    assert (await reserve(api, event_id, confirm=True)).status == 201


async def test_a_full_and_a_started_session_are_refused(api: Api) -> None:
    event_id = await api.new_event(**WORKSHOP)
    for email in ("a@b", "b@b"):
        assert (await reserve(api, event_id, email, confirm=True)).status == 201
    assert (await reserve(api, event_id, "c@b", confirm=True)).code == "sold_out"
    started = await api.new_event(**WORKSHOP, starts_at="2026-01-01T20:00:00Z")
    assert (await reserve(api, started, confirm=True)).code == "sales_closed"


async def test_sessions_are_listed_while_places_are_free_and_the_start_lies_ahead(api: Api) -> None:
    event_id, always = await api.new_event(**WORKSHOP), await api.new_event()
    assert set(await listed(api)) == {event_id, always}
    await reserve(api, event_id, "a@b", confirm=True)
    made = (await reserve(api, event_id, "b@b", confirm=True)).json
    assert set(await listed(api)) == {always}
    assert set(await listed(api, **OPERATOR)) == {event_id, always}
    assert (await api.get(f"/api/v1/events/{event_id}")).status == 200
    await api.patch(f"/api/v1/events/{event_id}", json={"capacity": 3}, headers=OPERATOR)
    assert set(await listed(api)) == {event_id, always}
    await say(api, event_id, "close")
    assert set(await listed(api)) == {always}
    await say(api, event_id, "publish")
    start_ms = 1_798_833_600_000
    for now_ms, shown in ((start_ms - 1, {event_id, always}), (start_ms, {always})):
        api.gateway.now_ms = now_ms
        assert set(await listed(api)) == shown
    assert made["status"] == "confirmed"


async def test_everybody_sees_how_many_have_reserved_and_nobody_who(api: Api) -> None:
    event_id = await api.new_event(**WORKSHOP)
    await reserve(api, event_id, "a@b", confirm=True)
    await reserve(api, event_id, "b@b")
    shown = await api.get(f"/api/v1/events/{event_id}")
    assert shown.json["reservations"] == 2
    assert b"Ada" not in shown.raw
    assert (await api.get(f"/api/v1/events/{event_id}/reservations")).status == 401


# --- cancelling by code -------------------------------------------------------------------------------


async def cancel(api: Api, event_id: str, email: str, code: str, **headers: str) -> Answer:
    path = f"/api/v1/events/{event_id}/reservations/cancel"
    return await api.post(path, json={"email": email, "code": code}, headers=headers)


async def test_a_reservation_is_cancelled_by_its_code_and_its_address(api: Api) -> None:
    event_id = await api.new_event(**WORKSHOP, cancel_until="2027-01-01T00:00:00Z")
    held, bought = (
        (await reserve(api, event_id, "a@b")).json,
        (await reserve(api, event_id, "b@b", confirm=True)).json,
    )
    assert (await cancel(api, event_id, " A@B", held["code"])).json["status"] == "released"
    shown = (await cancel(api, event_id, "b@b", bought["code"])).json
    assert (shown["id"], shown["status"]) == (bought["id"], "cancelled")
    assert "code" not in shown
    assert "token" not in shown


@pytest.mark.parametrize(
    "typed", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code.replace('-', ' ')} "]
)
async def test_a_code_may_be_typed_as_people_type(api: Api, typed: Any) -> None:
    event_id = await api.new_event()
    code = (await reserve(api, event_id)).json["code"]
    assert (await cancel(api, event_id, "ada@example.org", typed(code))).status == 200


async def test_what_is_wrong_with_a_code_is_not_said(api: Api) -> None:
    event_id, other = await api.new_event(), await api.new_event()
    code = (await reserve(api, event_id)).json["code"]
    changed = code[:-1] + ("0" if code[-1] != "0" else "1")
    bobs = (await reserve(api, event_id, "bob@example.org")).json["code"]
    answers = [
        await cancel(api, event_id, "eve@example.org", code),
        await cancel(api, event_id, "ada@example.org", changed),
        await cancel(api, event_id, "ada@example.org", bobs),
        await cancel(api, event_id, "ada@example.org", "0000-0000-0000-0000-0000"),
        await cancel(api, event_id, "ada@example.org", "ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ"),
        await cancel(api, event_id, "ada@example.org", "hello"),
        await cancel(api, other, "ada@example.org", code),
        await cancel(api, "01890000-0000-7000-8000-000000000001", "ada@example.org", code),
        await cancel(api, "nonsense", "ada@example.org", code),
    ]
    assert {(one.status, one.raw) for one in answers} == {(404, answers[0].raw)}
    assert answers[0].code == "not_found"
    assert (await cancel(api, event_id, "ada@example.org", code)).status == 200
    again = await cancel(api, event_id, "ada@example.org", code)
    assert (again.status, again.raw) == (404, answers[0].raw)


async def test_what_is_cancelled_by_code_is_said_again_to_its_key(api: Api) -> None:
    event_id = await api.new_event()
    code = (await reserve(api, event_id)).json["code"]
    first = await cancel(api, event_id, "ada@example.org", code, **{"Idempotency-Key": "once"})
    again = await cancel(api, event_id, "ada@example.org", code, **{"Idempotency-Key": "once"})
    assert (again.status, again.json) == (200, first.json)


async def test_a_hold_that_ran_out_is_not_there_to_be_cancelled_by_code(api: Api) -> None:
    event_id = await api.new_event()
    code = (await reserve(api, event_id)).json["code"]
    api.gateway.now_ms += 900_000
    assert (await cancel(api, event_id, "ada@example.org", code)).code == "not_found"


async def test_the_rules_of_cancelling_hold_for_codes_too(api: Api) -> None:
    event_id = await api.new_event(**WORKSHOP)
    code = (await reserve(api, event_id, confirm=True)).json["code"]
    assert (await cancel(api, event_id, "ada@example.org", code)).code == "too_late"


async def test_bounds_of_a_code(api: Api) -> None:
    event_id = await api.new_event()
    for within in ("x", "x" * 64):
        assert (await cancel(api, event_id, "a@b", within)).status == 404
    for beyond in ("", "x" * 65):
        assert (await cancel(api, event_id, "a@b", beyond)).paths == ["code"]
    assert (await cancel(api, event_id, "nobody", "x")).paths == ["email"]
