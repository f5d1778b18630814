"""Who may do what: every route, tried by every kind of caller, against what its `Who` says.

Things asked for are made up, so whoever is let in finds nothing, or is told what is wrong with the request;
who is not let in hears that and nothing else. What belongs to whom is tried in `test_belongings.py`, and
which reservations are whose in `test_own_reservations.py` and `test_tokens.py`.
"""

from __future__ import annotations

import re

import pytest

from domain.account import Account, Role, Scope
from server.callers import Who
from server.front_end import PARTS
from server.handlers_service import ServiceHandlers
from server.route import Route
from server.routes import all_routes
from tests.server.conftest import OPERATOR, Api
from tests.server.organised import machine

NOBODYS_ID = "01890000-0000-7000-8000-000000000001"
NOT_SIGNED_IN, NOT_ALLOWED = "unauthorized", "forbidden"

PERSONS_ONLY = [
    ("POST", "/api/v1/machine-tokens"),
    ("GET", "/api/v1/machine-tokens"),
    ("DELETE", f"/api/v1/machine-tokens/{NOBODYS_ID}"),
    ("POST", "/api/v1/organisers"),
    ("POST", f"/api/v1/organisers/{NOBODYS_ID}/invitations"),
    ("GET", f"/api/v1/organisers/{NOBODYS_ID}/members"),
    ("DELETE", f"/api/v1/organisers/{NOBODYS_ID}/members/{NOBODYS_ID}"),
    ("GET", "/api/v1/accounts/me"),
    ("POST", "/api/v1/wallets/w/adjustments"),
    ("POST", "/api/v1/wallets/w/withdrawals"),
]
"""What gives rights, and what moves money by hand."""

TAKEN: dict[Who, dict[str, str]] = {
    Who.ANYONE: {},
    Who.READER: {},
    Who.GUEST: {"wrong": NOT_SIGNED_IN},
    Who.HOLDER: {"nobody": NOT_SIGNED_IN, "wrong": NOT_SIGNED_IN},
    Who.ACCOUNT: {"nobody": NOT_SIGNED_IN, "wrong": NOT_SIGNED_IN, "operator": NOT_ALLOWED},
    Who.STAFF: {"nobody": NOT_SIGNED_IN, "wrong": NOT_SIGNED_IN, "customer": NOT_ALLOWED},
    Who.ORGANISER: {
        "nobody": NOT_SIGNED_IN,
        "wrong": NOT_SIGNED_IN,
        "customer": NOT_ALLOWED,
        "staff": NOT_ALLOWED,
    },
    Who.OPERATOR: {
        "nobody": NOT_SIGNED_IN,
        "wrong": NOT_SIGNED_IN,
        "customer": NOT_ALLOWED,
        "staff": NOT_ALLOWED,
        "organiser": NOT_ALLOWED,
    },
}
"""Whom a route refuses, and how; everybody else is let in."""


def callers(api: Api, session_id: str = NOBODYS_ID) -> dict[str, dict[str, str]]:
    """The headers of each kind of caller."""
    made: dict[str, dict[str, str]] = {
        "nobody": {},
        "wrong": {"Authorization": "Bearer wrong"},
        "operator": OPERATOR,
    }
    for role in Role:
        organiser = NOBODYS_ID if role in (Role.STAFF, Role.ORGANISER) else None
        account = Account(NOBODYS_ID, "a@b", b"c" * 16, "A", "en", role, organiser, 1, 0)
        token, _ = api.tokens.made(account, session_id + role.value)
        made[role.value] = {"Authorization": f"Bearer {token}"}
    return made


async def test_every_route_takes_whom_it_says_and_nobody_else(api: Api) -> None:
    parts = api.app[PARTS]
    wrong = []
    for number, route in enumerate(all_routes(parts, ServiceHandlers(parts))):
        if route.path.endswith("/stream"):
            continue  # its answer does not end; it is a reader's, as what it streams is
        path = re.sub(r"{\w+}", NOBODYS_ID, route.path)
        for name, headers in callers(api, str(number)).items():
            answer = await api.ask(route.method, path, headers=headers)
            problem = answer.json["code"] if answer.status in (401, 403) else None
            expected = TAKEN[route.who].get(name)
            if problem != expected and not _decided_later(route, answer.status, problem):
                wrong.append((route.method, route.path, name, expected, problem))
    assert not wrong, "\n".join(map(str, wrong))


def _decided_later(route: Route, status: int, problem: str | None) -> bool:
    """Of what anyone may ask, some is opened by what stands in the body; and whether a Reservation-Token is
    the right one is seen by the handler, to which a body or a name can be wrong before that. Let in it has
    nobody: what these are asked for is not there."""
    opened_by_body = route.who is Who.ANYONE and problem == NOT_SIGNED_IN
    return opened_by_body or (route.who is Who.HOLDER and 400 <= status < 500)


@pytest.mark.parametrize("scope", Scope)
async def test_a_machine_token_is_taken_where_its_scope_is_and_nowhere_else(api: Api, scope: Scope) -> None:
    parts, headers = api.app[PARTS], await machine(api, scope)
    wrong, taken = [], 0
    for route in all_routes(parts, ServiceHandlers(parts)):
        if route.path.endswith("/stream") or route.who in (Who.ANYONE, Who.READER):
            continue  # nobody is refused there
        path = re.sub(r"{\w+}", NOBODYS_ID, route.path)
        answer = await api.ask(route.method, path, headers=headers)
        problem = answer.json["code"] if answer.status in (401, 403) else None
        is_taken = route.scope is scope
        if problem != (None if is_taken else NOT_ALLOWED):
            wrong.append((route.method, route.path, problem))
        taken += is_taken
    assert not wrong, "\n".join(map(str, wrong))
    assert taken


async def test_what_is_for_persons_takes_no_machine(api: Api) -> None:
    headers = await machine(api, *Scope)
    for method, path in PERSONS_ONLY:
        assert (await api.ask(method, path, headers=headers)).code == NOT_ALLOWED


async def test_a_token_that_may_not_read_is_a_guest_among_readers(api: Api) -> None:
    event_id = await api.new_event(status="draft")
    path = f"/api/v1/events/{event_id}"
    assert (await api.get(path, headers=await machine(api, "read"))).status == 200
    assert (await api.get(path, headers=await machine(api, "manage", "sell", "check_in"))).code == "not_found"


def test_every_kind_of_route_is_decided() -> None:
    assert set(TAKEN) == set(Who)


@pytest.mark.parametrize("kind", [Who.OPERATOR, Who.ACCOUNT])
async def test_who_may_not_hears_the_same_whatever_there_is(api: Api, kind: Who) -> None:
    event_id = await api.new_event()
    customer = callers(api)["customer"]
    if kind is Who.ACCOUNT:
        assert (await api.get("/api/v1/accounts/me", headers=OPERATOR)).code == NOT_ALLOWED
        return
    answers = [
        await api.post(f"/api/v1/events/{one}/pause", headers=customer) for one in (event_id, NOBODYS_ID)
    ]
    assert {answer.code for answer in answers} == {NOT_ALLOWED}
    assert answers[0].raw == answers[1].raw
