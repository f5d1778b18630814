"""Organisers over HTTP: made, listed, shown; members invited, joined, dismissed, and what they may then."""

from __future__ import annotations

import pytest

from domain.account import INVITATION_LIFE_MS, MEMBERS_MAX_ACCOUNTS, Account, Role
from tests.server.conftest import OPERATOR, Answer, Api
from tests.server.organised import NOBODYS_ID, ORGANISERS, new_organiser, things, token_of
from tests.server.people import ADA, SESSIONS, Person, log_in, mailed_token, person_of, signed_in

OWN = "/api/v1/accounts/me/organiser"
BOB = "bob@example.org"


async def invite(api: Api, organiser_id: str, headers: dict[str, str] = OPERATOR, **changes: str) -> Answer:
    body = {"email": ADA, "role": "staff", **changes}
    return await api.post(f"{ORGANISERS}/{organiser_id}/invitations", json=body, headers=headers)


async def join(api: Api, person: Person, token: str | None = None) -> Answer:
    return await api.post(OWN, json={"token": token or mailed_token(api)}, headers=person.headers)


async def member(api: Api, organiser_id: str, role: str = "staff", email: str = ADA) -> Person:
    """Who was invited, has joined, and is logged in with it."""
    person = await signed_in(api, email)
    assert (await invite(api, organiser_id, role=role, email=email)).status == 202
    joined = await join(api, person)
    assert (joined.status, joined.json["role"]) == (200, role)
    return person_of(await api.post(f"{SESSIONS}/refresh", json={"refresh_token": person.refresh}))


async def members(api: Api, organiser_id: str, headers: dict[str, str] = OPERATOR) -> list[str]:
    answer = await api.get(f"{ORGANISERS}/{organiser_id}/members", headers=headers)
    return [one["email"] for one in answer.json["items"]]


async def test_an_operator_makes_organisers_and_lists_them(api: Api) -> None:
    made = sorted([await new_organiser(api, name) for name in ("One", "Two", "Three")])
    first = await api.get(f"{ORGANISERS}?limit=2", headers=OPERATOR)
    assert [one["id"] for one in first.json["items"]] == made[:2]
    assert {one["name"] for one in first.json["items"]} < {"One", "Two", "Three"}
    rest = await api.get(f"{ORGANISERS}?cursor={first.json['next']}", headers=OPERATOR)
    assert ([one["id"] for one in rest.json["items"]], rest.json["next"]) == (made[2:], None)
    shown = await api.get(f"{ORGANISERS}/{made[0]}", headers=OPERATOR)
    assert shown.json == first.json["items"][0]
    assert (await api.get(f"{ORGANISERS}/{NOBODYS_ID}", headers=OPERATOR)).code == "not_found"
    assert (await api.get(f"{ORGANISERS}?cursor=x", headers=OPERATOR)).status == 422


async def test_an_organiser_is_made_once_for_a_key(api: Api) -> None:
    headers = {**OPERATOR, "Idempotency-Key": "made-once"}
    first, again = [await api.post(ORGANISERS, json={"name": "One"}, headers=headers) for _ in range(2)]
    assert (first.status, first.raw) == (again.status, again.raw) == (201, first.raw)
    other = await api.post(ORGANISERS, json={"name": "Two"}, headers=headers)
    assert other.code == "key_reused"


@pytest.mark.parametrize(("name", "status"), [("", 422), ("x", 201), ("x" * 200, 201), ("x" * 201, 422)])
async def test_the_bounds_of_a_name(api: Api, name: str, status: int) -> None:
    assert (await api.post(ORGANISERS, json={"name": name}, headers=OPERATOR)).status == status


async def test_who_is_invited_joins_and_may_what_the_role_may(api: Api) -> None:
    own = await new_organiser(api)
    made = await things(api, own)
    door = f"/api/v1/events/{made['event_id']}/check-ins/list"
    reservations = f"/api/v1/events/{made['event_id']}/reservations"
    before = await signed_in(api)
    assert (await api.get(door, headers=before.headers)).code == "forbidden"
    assert (await invite(api, own)).status == 202
    assert (await join(api, before)).json["organiser_id"] == own
    staff = person_of(await api.post(f"{SESSIONS}/refresh", json={"refresh_token": before.refresh}))
    assert (await api.get(door, headers=staff.headers)).status == 200
    assert (await api.get(reservations, headers=staff.headers)).code == "forbidden"
    organiser = await member(api, own, "organiser", BOB)
    assert (await api.get(reservations, headers=organiser.headers)).status == 200


async def test_organisers_look_after_their_own_members(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    organiser, ada = await member(api, own, "organiser", BOB), await signed_in(api)
    assert (await invite(api, own, organiser.headers)).status == 202
    assert (await join(api, ada)).status == 200
    assert await members(api, own, organiser.headers) == [BOB, ADA]
    for path in ("", "/members"):
        assert (await api.get(f"{ORGANISERS}/{other}{path}", headers=organiser.headers)).code == "not_found"
    assert (await invite(api, other, organiser.headers)).code == "not_found"


async def test_an_invitation_says_nothing_of_who_has_an_account(api: Api) -> None:
    own = await new_organiser(api)
    await signed_in(api)
    known, unknown = await invite(api, own), await invite(api, own, email="unknown@example.org")
    assert (known.status, known.raw) == (unknown.status, unknown.raw) == (202, known.raw)
    mails = [mail for mail in api.accounts.mails if mail.kind == "invitation"]
    assert [mail.recipient for mail in mails] == [ADA, "unknown@example.org"]


async def test_an_invitation_is_mailed_once_for_a_key(api: Api) -> None:
    own = await new_organiser(api)
    headers = {**OPERATOR, "Idempotency-Key": "invited-once"}
    assert [(await invite(api, own, headers)).status for _ in range(2)] == [202, 202]
    assert len([mail for mail in api.accounts.mails if mail.kind == "invitation"]) == 1
    assert (await invite(api, own, headers, role="organiser")).code == "key_reused"


async def test_nobody_joins_by_anothers_invitation_or_by_one_that_ran_out(api: Api) -> None:
    own = await new_organiser(api)
    await invite(api, own)
    token = mailed_token(api)
    stranger = await signed_in(api, BOB)
    assert (await join(api, stranger, token)).code == "not_found"
    assert (await join(api, stranger, "x" * 43)).code == "not_found"
    assert (await join(api, stranger, "x" * 42)).paths == ["token"]
    api.gateway.now_ms += INVITATION_LIFE_MS
    await api.tokens.look(api.accounts, api.machines)
    ada = await signed_in(api)
    assert (await join(api, ada, token)).code == "not_found"
    assert await members(api, own) == []


async def test_nobody_works_for_two(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    person = await member(api, own)
    await invite(api, other)
    assert (await join(api, person)).code == "in_use"
    await invite(api, own, role="organiser")
    promoted = await join(api, person)
    assert (promoted.json["role"], promoted.json["organiser_id"]) == ("organiser", own)


async def test_there_are_so_many_members_and_not_one_more(api: Api) -> None:
    own = await new_organiser(api)
    for number in range(MEMBERS_MAX_ACCOUNTS - 1):
        named = f"{number:08d}-0000-7000-8000-000000000000"
        account = Account(named, "a@b", named.encode(), "A", "en", Role.STAFF, own, 1, 0)
        api.accounts.kept[named] = account
    await member(api, own, email=BOB)
    assert len(await members(api, own)) == MEMBERS_MAX_ACCOUNTS
    ada = await signed_in(api)
    await invite(api, own)
    refused = await join(api, ada)
    assert (refused.code, refused.json["limit"]) == ("limit_exceeded", MEMBERS_MAX_ACCOUNTS)


@pytest.mark.parametrize("leaves", [True, False])
async def test_who_is_dismissed_or_leaves_is_a_customer_at_once(api: Api, leaves: bool) -> None:
    own = await new_organiser(api)
    made = await things(api, own)
    door = f"/api/v1/events/{made['event_id']}/check-ins/list"
    person = await member(api, own)
    await invite(api, own)
    later = mailed_token(api)
    one = f"{ORGANISERS}/{own}/members/{person.account['id']}"
    gone = await (
        api.ask("DELETE", OWN, headers=person.headers) if leaves else api.ask("DELETE", one, headers=OPERATOR)
    )
    assert gone.status == 204
    assert (await api.get(door, headers=person.headers)).code == "unauthorized"
    assert (await api.ask("DELETE", one, headers=OPERATOR)).code == "not_found"
    again = person_of(await log_in(api))
    assert again.account["role"] == "customer"
    assert (await join(api, again, later)).code == "not_found"
    assert (await api.ask("DELETE", OWN, headers=again.headers)).code == "not_found"


async def test_members_of_others_are_nobodys_to_dismiss(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    person = await member(api, other)
    organiser = token_of(api, Role.ORGANISER, own)
    for organiser_id in (own, other):
        path = f"{ORGANISERS}/{organiser_id}/members/{person.account['id']}"
        assert (await api.ask("DELETE", path, headers=organiser)).code == "not_found"
    assert await members(api, other) == [ADA]
