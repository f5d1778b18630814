"""To whom things belong: every route of organisers, staff and holders, on a thing of each kind, tried by whom
it belongs to and by everybody else. What is not yours is not there.

Roles alone, on things that are not there, are tried in `test_who_may.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from domain.account import Role
from server.callers import Who
from server.front_end import PARTS
from server.handlers_service import ServiceHandlers
from server.route import Route
from server.routes import all_routes
from tests.server.conftest import OPERATOR, Answer, Api, event_body, hold_body
from tests.server.organised import NOBODYS_ID, new_organiser, things, token_of
from tests.server.test_restaurants import house_body

PLACE = re.compile(r"{(\w+)}")
AT_TABLES = ("/move", "/seat", "/complete", "/no-show", "/prolong")
MADE_UP = {
    **dict.fromkeys(("account_id", "image_id", "delivery_id"), NOBODYS_ID),
    "code": "ga",
    "number": "1",
    "file": "1.svg",
}

REFUSED: dict[Who, dict[str, str]] = {
    Who.ORGANISER: {
        "nobody": "unauthorized",
        "customer": "forbidden",
        "staff": "forbidden",
        "other staff": "forbidden",
        "other organiser": "not_found",
    },
    Who.STAFF: {
        "nobody": "unauthorized",
        "customer": "forbidden",
        "other staff": "not_found",
        "other organiser": "not_found",
    },
    Who.HOLDER: {
        "nobody": "unauthorized",
        "customer": "not_found",
        "staff": "not_found",
        "other staff": "not_found",
        "other organiser": "not_found",
    },
}
"""Whom a route refuses, of whom its thing is not, and how; the operator and the organiser are let in."""
LETS_STAFF_IN = "/api/v1/reservations/{reservation_id}/confirm"
"""Of what belongs to a reservation's holder: the box office."""
OPENED_OTHERWISE = "/api/v1/submissions/{submission_id}"
"""Only by the token that it was answered with."""


def _routes(api: Api) -> list[Route]:
    parts = api.app[PARTS]
    return [
        route
        for route in all_routes(parts, ServiceHandlers(parts))
        if route.who in REFUSED
        and "{" in route.path
        and route.path != OPENED_OTHERWISE
        and not route.path.endswith("/stream")  # its answer may not end; it is shown to whom the payment is
    ]


def _path(route: Route, made: dict[str, str]) -> str:
    known = {**MADE_UP, **made}
    if route.path.endswith(AT_TABLES):
        known["reservation_id"] = made["table"]
    return PLACE.sub(lambda place: known[place[1]], route.path)


def _problem(route: Route, answer: Answer) -> str | None:
    """The refusal of who may not; None: let in. What is in the thing may be missing, the thing is not."""
    problem = answer.json["code"] if answer.status in (401, 403, 404) and answer.raw else None
    place = PLACE.findall(route.path)[0].removesuffix("_id")
    missing = problem == "not_found" and answer.json["detail"] != f"There is no such {place}."
    return None if missing else problem


def _callers(api: Api, own: str, other: str, session: str) -> dict[str, dict[str, str]]:
    """Those who are refused first: who is let in may change what there is."""
    return {
        "nobody": {},
        "customer": token_of(api, Role.CUSTOMER, session=f"{session}c"),
        "other staff": token_of(api, Role.STAFF, other, session=f"{session}t"),
        "other organiser": token_of(api, Role.ORGANISER, other, session=f"{session}r"),
        "staff": token_of(api, Role.STAFF, own, session=f"{session}s"),
        "organiser": token_of(api, Role.ORGANISER, own, session=f"{session}o"),
    }


def _expected(route: Route, name: str) -> str | None:
    if name == "staff" and route.path == LETS_STAFF_IN:
        return None
    return REFUSED[route.who].get(name)


def _asked(route: Route) -> dict[str, object]:
    """A body that the handler can read, where it reads one before it looks whose it is."""
    return {"json": {}} if route.body is not None else {}


async def test_what_belongs_to_an_organiser_is_its_own_and_its_staffs(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    wrong = []
    for number, route in enumerate(_routes(api)):
        path = _path(route, await things(api, own))
        for name, headers in _callers(api, own, other, str(number)).items():
            answer = await api.ask(route.method, path, headers=headers, **_asked(route))
            problem, expected = _problem(route, answer), _expected(route, name)
            if problem != expected and not _wrong_before_that(route, expected, answer):
                wrong.append((route.method, route.path, name, expected, answer.status, answer.raw))
    assert not wrong, "\n".join(map(str, wrong))


def _wrong_before_that(route: Route, expected: str | None, answer: Answer) -> bool:
    """Of what a holder asks, a handler may first see that it makes no sense."""
    return route.who is Who.HOLDER and expected is not None and answer.status in (400, 422)


async def test_what_belongs_to_nobody_is_the_operators_alone(api: Api) -> None:
    own = await new_organiser(api)
    wrong = []
    made = await things(api, None)
    for number, route in enumerate(_routes(api)):
        path = _path(route, made)
        callers = {
            "organiser": token_of(api, Role.ORGANISER, own, session=f"{number}o"),
            "staff": token_of(api, Role.STAFF, own, session=f"{number}s"),
        }
        for name, headers in callers.items():
            answer = await api.ask(route.method, path, headers=headers, **_asked(route))
            expected = "forbidden" if (name, route.who) == ("staff", Who.ORGANISER) else "not_found"
            if _problem(route, answer) != expected and not _wrong_before_that(route, expected, answer):
                wrong.append((route.method, route.path, name, answer.status, answer.raw))
    assert not wrong, "\n".join(map(str, wrong))


async def test_what_is_anothers_and_what_is_not_there_are_answered_alike(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    made = await things(api, other)
    organiser = token_of(api, Role.ORGANISER, own)
    for kind in ("event", "restaurant", "venue"):
        paths = [f"/api/v1/{kind}s/{one}" for one in (made[f"{kind}_id"], NOBODYS_ID, "x")]
        answers = [await api.ask("PATCH", path, json={"name": "Mine"}, headers=organiser) for path in paths]
        assert {answer.raw for answer in answers} == {answers[0].raw}
        assert answers[0].code == "not_found"


async def test_one_kind_of_thing_is_not_reached_by_the_path_of_another(api: Api) -> None:
    own = await new_organiser(api)
    made, organiser = await things(api, own), token_of(api, Role.ORGANISER, own)
    swapped = (("events", "restaurant_id"), ("restaurants", "event_id"), ("venues", "event_id"))
    for kind, place in swapped:
        path = f"/api/v1/{kind}/{made[place]}"
        assert (await api.ask("DELETE", path, headers=organiser)).code == "not_found"


def test_a_route_of_organisers_whose_place_nobody_knows_cannot_be_made(api: Api) -> None:
    belongings = api.app[PARTS].belongings
    for who in (Who.STAFF, Who.ORGANISER):
        with pytest.raises(ValueError, match="mail_id"):
            belongings.check_of(who, "/api/v1/mails/{mail_id}")


# --- making ---------------------------------------------------------------------------------------


async def test_what_an_organiser_makes_is_its_own(api: Api) -> None:
    own = await new_organiser(api)
    organiser = token_of(api, Role.ORGANISER, own)
    for path, body in _new_things().items():
        for given in ({}, {"organiser_id": own}):
            made = await api.post(path, json={**body, **given}, headers=organiser)
            assert (made.status, made.json["organiser_id"]) == (201, own)
            shown = await api.get(f"{path}/{made.json['id']}")
            assert shown.json["organiser_id"] == own


async def test_nobody_gives_away_what_is_not_his(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    organiser = token_of(api, Role.ORGANISER, own)
    for path, body in _new_things().items():
        for headers, to in ((organiser, other), (organiser, NOBODYS_ID), (OPERATOR, NOBODYS_ID)):
            refused = await api.post(path, json={**body, "organiser_id": to}, headers=headers)
            assert refused.paths == ["organiser_id"]
        kept = await api.post(path, json=body, headers=OPERATOR)
        assert kept.json["organiser_id"] is None
        given = await api.post(path, json={**body, "organiser_id": own}, headers=OPERATOR)
        assert given.json["organiser_id"] == own


async def test_to_whom_it_belongs_is_not_changed(api: Api) -> None:
    own = await new_organiser(api)
    made = await things(api, own)
    for kind in ("event", "restaurant", "venue"):
        path = f"/api/v1/{kind}s/{made[f'{kind}_id']}"
        refused = await api.patch(path, json={"organiser_id": own}, headers=OPERATOR)
        assert (refused.status, refused.code) == (422, "invalid")
        changed = await api.patch(path, json={"name": "Other name"}, headers=OPERATOR)
        assert changed.json["organiser_id"] == own


async def test_seats_are_taken_from_own_venues_and_copies_from_own_events_only(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    organiser = token_of(api, Role.ORGANISER, own)
    mine, theirs = await things(api, own), await things(api, other)
    seated = event_body(seating={"venue_id": theirs["venue_id"]})
    assert (await api.post("/api/v1/events", json=seated, headers=organiser)).paths == ["seating.venue_id"]
    copied = {"event_id": theirs["event_id"], "prices": True}
    path = f"/api/v1/events/{mine['event_id']}/copy-from"
    refused = await api.post(path, json=copied, headers=organiser)
    nowhere = await api.post(path, json={**copied, "event_id": NOBODYS_ID}, headers=organiser)
    assert refused.paths == ["event_id"]
    assert refused.raw == nowhere.raw
    other_own = (await things(api, own))["event_id"]
    own_copy = await api.post(path, json={**copied, "event_id": other_own}, headers=organiser)
    assert own_copy.status == 200, own_copy.raw


def _new_things() -> dict[str, dict[str, object]]:
    return {
        "/api/v1/events": event_body(),
        "/api/v1/restaurants": house_body(),
        "/api/v1/venues": {"name": "Hall", "city": "Vienna"},
    }


# --- drafts and lists -----------------------------------------------------------------------------


async def test_a_draft_is_there_for_its_organiser_alone(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    organiser = token_of(api, Role.ORGANISER, own)
    for path, body in _new_things().items():
        if path.endswith("venues"):
            continue
        made = await api.post(path, json={**body, "status": "draft"}, headers=organiser)
        one = f"{path}/{made.json['id']}"
        sees = _sees(api, one, path)
        assert await sees(organiser) == [True] * 3
        assert await sees(token_of(api, Role.ORGANISER, other, session="x")) == [False] * 3
        assert await sees(token_of(api, Role.STAFF, own, session="y")) == [False] * 3
        assert await sees({}) == [False] * 3
        published = await api.post(f"{one}/publish", headers=organiser)
        assert published.status == 200


def _sees(api: Api, one: str, path: str) -> Callable[[dict[str, str]], object]:
    """Whether it is shown, listed among its organiser's, and whether what is free of it is told."""
    free = "search?date=2026-11-27&party_size=2" if "restaurants" in path else "availability"

    async def sees(headers: dict[str, str]) -> list[bool]:
        organiser_id = (await api.get(one, headers=OPERATOR)).json["organiser_id"]
        listed = (await api.get(f"{path}?organiser_id={organiser_id}", headers=headers)).json["items"]
        return [
            (await api.get(one, headers=headers)).status == 200,
            one.rpartition("/")[2] in {item["id"] for item in listed},
            (await api.get(f"{one}/{free}", headers=headers)).status == 200,
        ]

    return sees


async def test_a_list_by_organiser_has_its_things_and_no_others(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    made = {one: await things(api, one) for one in (own, other)}
    for kind in ("event", "restaurant"):
        for organiser_id in (own, other):
            listed = (await api.get(f"/api/v1/{kind}s?organiser_id={organiser_id}")).json["items"]
            assert [item["id"] for item in listed] == [made[organiser_id][f"{kind}_id"]]
        nobodys = await api.get(f"/api/v1/{kind}s?organiser_id={NOBODYS_ID}")
        assert nobodys.json["items"] == []
        assert (await api.get(f"/api/v1/{kind}s?organiser_id=x")).status == 422


# --- the box office -------------------------------------------------------------------------------


async def test_staff_sell_at_the_box_office_of_their_own_organiser(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    made = await api.make_event(organiser_id=own, payment="required")
    reservations = f"/api/v1/events/{made.json['id']}/reservations"
    staff = token_of(api, Role.STAFF, own)
    for sent in (False, True):
        held = await api.post(reservations, json=hold_body(), headers=staff)
        confirm = f"/api/v1/reservations/{held.json['id']}/confirm"
        token = {"Reservation-Token": held.json["token"]}
        strangers = token_of(api, Role.STAFF, other, session=f"x{sent}")
        refused = await api.post(confirm, json={"paid": "cash"}, headers=strangers | token)
        assert refused.code == "forbidden"
        assert (await api.post(confirm, headers=token)).code == "payment_due"
        headers = staff | token if sent else staff
        sold = await api.post(confirm, json={"paid": "cash"}, headers=headers)
        assert (sold.status, sold.json["status"]) == (200, "confirmed")
