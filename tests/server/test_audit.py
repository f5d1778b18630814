"""The audit log over HTTP: every request of operators, organisers and staff that is to change something
leaves one entry, before its answer; nobody else's does, and none says what was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from domain.account import Role
from domain.audit import AuditEntry
from persistence.store import Unreachable
from server.audit import is_audited
from server.callers import Who
from server.front_end import PARTS
from server.handlers_service import ServiceHandlers
from server.route import Route
from server.routes import all_routes
from tests.server.conftest import OPERATOR, Api, event_body, hold_body
from tests.server.organised import machine_token, new_organiser, things, token_of
from tests.server.people import signed_in
from tests.server.test_belongings import MADE_UP, PLACE

AUDIT = "/api/v1/audit"
NO_CHANGE = ("GET", "HEAD")
THEIRS = (Who.OPERATOR, Who.ORGANISER, Who.STAFF)
UNPLACED = {
    "mail_id": "m",
    "wallet": "w",
    "token": "t",
    "name": "n",
    "submission_id": "s",
    "endpoint_id": "e",
    "delivery_id": "d",
    "provider": "p",
}


def _routes(api: Api) -> list[Route]:
    parts = api.app[PARTS]
    return [one for one in all_routes(parts, ServiceHandlers(parts)) if not one.path.endswith("/stream")]


def _path(route: Route, made: dict[str, str]) -> str:
    known = {**UNPLACED, **MADE_UP, **made}
    return PLACE.sub(lambda place: known[place[1]], route.path)


def _since(api: Api, before: int) -> list[AuditEntry]:
    return api.audit.kept[before:]


async def test_every_changing_route_of_theirs_leaves_one_entry_and_no_other_does(api: Api) -> None:
    wrong = []
    for route in _routes(api):
        path = _path(route, await things(api, None))
        before = len(api.audit.kept)
        answer = await api.ask(route.method, path, headers=OPERATOR)
        entries = _since(api, before)
        said = [(one.actor, one.method, one.route, one.path, one.status) for one in entries]
        changes = route.method not in NO_CHANGE
        theirs = route.who in (*THEIRS, Who.GUEST) or (route.who is Who.HOLDER and answer.status < 300)
        expected = [("operator", route.method, route.path, path, answer.status)]
        if said != (expected if changes and theirs else []) and not _holders(route, changes, said, expected):
            wrong.append((route.method, route.path, answer.status, said))
        if entries and entries[0].request_id != answer.headers["X-Request-Id"]:
            wrong.append((route.method, route.path, "request id"))
    assert not wrong, "\n".join(map(str, wrong))


def _holders(route: Route, changes: bool, said: Sequence[Any], expected: Sequence[Any]) -> bool:
    """Of what is a reservation's holder's an operator's refused request may leave an entry, or be refused
    before anybody has looked whose it is."""
    return route.who is Who.HOLDER and changes and said in ([], expected)


def test_who_may_what_is_audited_whoever_changes_it(api: Api) -> None:
    audited = {(one.method, one.path) for one in _routes(api) if is_audited(one)}
    assert ("POST", "/api/v1/accounts/me/organiser") in audited
    assert ("DELETE", "/api/v1/accounts/me/organiser") in audited
    assert ("POST", "/api/v1/reservations/recover") not in audited


async def test_who_reserves_for_somebody_as_an_operator_leaves_an_entry_and_a_guest_none(api: Api) -> None:
    event_id = await api.new_event()
    path = f"/api/v1/events/{event_id}/reservations"
    before = len(api.audit.kept)
    assert (await api.post(path, json=hold_body())).status == 201
    ada = await signed_in(api)
    assert (await api.post(path, json=hold_body(), headers=ada.headers)).status == 201
    assert _since(api, before) == []
    placed = await api.post(path, json=hold_body(), headers=OPERATOR)
    refused = await api.post(path, json=hold_body(quantity=11), headers=OPERATOR)
    assert [(one.actor, one.thing, one.status) for one in _since(api, before)] == [
        ("operator", event_id, 201),
        ("operator", event_id, refused.status),
    ]
    assert placed.status == 201


async def test_an_entry_says_who_did_what_to_which_thing_with_which_outcome(api: Api) -> None:
    own = await new_organiser(api)
    organiser = token_of(api, Role.ORGANISER, own)
    before = len(api.audit.kept)
    made = await api.post("/api/v1/events", json=event_body(), headers=organiser)
    event_id = made.json["id"]
    path = f"/api/v1/events/{event_id}"
    named = {**organiser, "X-Request-Id": "mine-1"}
    assert (await api.post(f"{path}/publish", headers=named)).status == 200
    await api.post(f"{path}/cancel", headers=named)
    assert (await api.post(f"{path}/publish", headers=named)).code == "wrong_state"
    assert (await api.patch(path, json={"nonsense": 1}, headers=named)).code == "invalid"
    first, *others = _since(api, before)
    assert first.actor.startswith("account:")
    assert (first.role, first.organiser_id, first.at_ms) == ("organiser", own, api.gateway.now_ms)
    assert (first.thing, first.made, first.status, first.problem) == (None, event_id, 201, None)
    assert {one.request_id for one in others} == {"mine-1"}
    assert [(one.thing, one.status, one.problem) for one in others] == [
        (event_id, 200, None),
        (event_id, 200, None),
        (event_id, 409, "wrong_state"),
        (event_id, 422, "invalid"),
    ]


async def test_a_machine_is_named_by_its_tokens_id(api: Api) -> None:
    event_id = await api.new_event()
    made = await machine_token(api, "manage")
    headers = {"Authorization": f"Bearer {made['token']}"}
    await api.post(f"/api/v1/events/{event_id}/pause", headers=headers)
    assert api.audit.kept[-1].actor == f"machine:{made['machine_token']['id']}"
    assert made["token"] not in repr(api.audit.kept)


async def test_what_holders_do_is_none_of_its_business_what_is_done_for_them_is(api: Api) -> None:
    own = await new_organiser(api)
    made = await things(api, own)
    organiser = token_of(api, Role.ORGANISER, own)
    event = f"/api/v1/events/{made['event_id']}/reservations"
    before = len(api.audit.kept)
    held = [(await api.post(event, json=hold_body(email=f"{n}@example.org"))).json for n in range(2)]
    for one, headers in zip(held, ({"Reservation-Token": held[0]["token"]}, organiser), strict=True):
        assert (await api.post(f"/api/v1/reservations/{one['id']}/cancel", headers=headers)).status == 200
    entries = _since(api, before)
    assert [(one.thing, one.role) for one in entries] == [(held[1]["id"], "organiser")]


async def test_who_is_refused_for_who_he_is_leaves_no_entry(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    made = await things(api, other)
    before = len(api.audit.kept)
    for role, organiser_id in ((Role.CUSTOMER, None), (Role.STAFF, own), (Role.ORGANISER, own)):
        headers = token_of(api, role, organiser_id, session=role.value)
        assert (await api.post(f"/api/v1/events/{made['event_id']}/pause", headers=headers)).status >= 403
    assert _since(api, before) == []


async def test_nothing_of_what_was_sent_is_in_an_entry(api: Api) -> None:
    secret = "secret-in-a-body"
    await api.make_event(name=secret, description=secret)
    await api.post("/api/v1/organisers", json={"name": secret}, headers=OPERATOR)
    await api.post("/api/v1/events", json={secret: secret}, headers=OPERATOR)
    assert api.audit.kept
    assert secret not in repr(api.audit.kept)


async def test_where_no_entry_can_be_written_the_answer_is_held_back_and_a_retry_brings_both(
    api: Api,
) -> None:
    headers = {**OPERATOR, "Idempotency-Key": "made-once"}
    api.audit.failing = Unreachable("down")
    assert (await api.post("/api/v1/events", json=event_body(), headers=headers)).code == "unavailable"
    api.audit.failing = None
    made = await api.post("/api/v1/events", json=event_body(), headers=headers)
    assert made.status == 201
    assert len((await api.get("/api/v1/events", headers=OPERATOR)).json["items"]) == 1
    assert [(one.made, one.status) for one in api.audit.kept] == [(made.json["id"], 201)]


async def test_what_became_of_it_is_unknown_where_a_part_fails(api: Api) -> None:
    event_id = await api.new_event()
    api.gateway.failing = Unreachable("down")
    assert (await api.post(f"/api/v1/events/{event_id}/pause", headers=OPERATOR)).code == "unavailable"
    assert (api.audit.kept[-1].thing, api.audit.kept[-1].status) == (event_id, None)
    api.audit.failing = ZeroDivisionError()  # the handler's own error is the one that is told
    assert (await api.post(f"/api/v1/events/{event_id}/pause", headers=OPERATOR)).code == "unavailable"


# --- reading --------------------------------------------------------------------------------------


async def test_entries_are_read_newest_first_in_pages(api: Api) -> None:
    ids = [await api.new_event() for _ in range(5)]
    seen: list[str] = []
    path = f"{AUDIT}?limit=2"
    while True:
        answer = await api.get(path, headers=OPERATOR)
        seen += [item["made"] for item in answer.json["items"]]
        if answer.json["next"] is None:
            break
        await api.new_event()  # what is added meanwhile shifts nothing
        path = f"{AUDIT}?limit=2&cursor={answer.json['next']}"
    assert seen == ids[::-1]
    assert answer.headers["Cache-Control"] == "no-store"


async def test_entries_are_found_by_who_what_when_and_route(api: Api) -> None:
    own = await new_organiser(api)
    organiser = token_of(api, Role.ORGANISER, own)
    event_id = await api.new_event(organiser_id=own)
    api.gateway.now_ms += 5_000
    await api.post(f"/api/v1/events/{event_id}/pause", headers=organiser)
    account = api.audit.kept[-1].actor

    async def found(**given: str) -> list[str]:
        answer = await api.get(AUDIT, params=given, headers=OPERATOR)
        return [item["route"].rpartition("/")[2] for item in answer.json["items"]]

    assert await found() == ["pause", "events", "organisers"]
    assert await found(actor=account) == ["pause"]
    assert await found(actor="operator") == ["events", "organisers"]
    assert await found(organiser_id=own) == ["pause"]
    assert await found(thing=event_id) == ["pause", "events"]
    assert await found(route="/api/v1/events") == ["events"]
    assert await found(since="2026-11-16T00:00:00Z", until="2026-11-17T00:00:00Z") == []
    moment = (await api.get(AUDIT, headers=OPERATOR)).json["items"][0]["at"]
    assert await found(since=moment) == ["pause"]
    assert await found(until=moment) == ["events", "organisers"]


@pytest.mark.parametrize(
    "query",
    [
        "actor=%00",
        "actor=Nobody",
        "actor=" + "a" * 101,
        "thing=%00",
        "thing=",
        "thing=" + "x" * 301,
        "route=x",
        "route=/" + "x" * 300,
        "organiser_id=x",
        "since=yesterday",
        "limit=201",
        "limit=0",
        "cursor=x",
        "nonsense=1",
    ],
)
async def test_what_no_entry_can_be_asked_by_is_invalid(api: Api, query: str) -> None:
    assert (await api.get(f"{AUDIT}?{query}", headers=OPERATOR)).status == 422


async def test_the_log_is_for_operators(api: Api) -> None:
    own = await new_organiser(api)
    for role in (Role.CUSTOMER, Role.STAFF, Role.ORGANISER):
        organiser_id = None if role is Role.CUSTOMER else own
        assert (await api.get(AUDIT, headers=token_of(api, role, organiser_id, session=role))).code == (
            "forbidden"
        )
