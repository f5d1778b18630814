"""What is a customer's own: reservations of the account's e-mail, opened by its access token alone."""

from __future__ import annotations

from typing import Any

import pytest

from server.contacts import KEPT_MS
from tests.server.conftest import OPERATOR, Api, hold_body
from tests.server.people import ADA, ME, Person, signed_in
from tests.server.test_restaurants import RESTAURANTS, House, house_body

RECOVER = "/api/v1/reservations/recover"
BOB = "bob@example.org"


@pytest.fixture
async def event_id(api: Api) -> str:
    return await api.new_event()


async def held_by(api: Api, person: Person, event_id: str, **changes: Any) -> dict[str, Any]:
    body = {"lines": hold_body()["lines"], **changes}
    held = await api.post(f"/api/v1/events/{event_id}/reservations", json=body, headers=person.headers)
    assert held.status == 201, held.raw
    reservation: dict[str, Any] = held.json
    return reservation


def path_of(reservation: dict[str, Any]) -> str:
    return f"/api/v1/reservations/{reservation['id']}"


async def test_who_is_signed_in_reserves_for_himself_without_saying_who_he_is(
    api: Api, event_id: str
) -> None:
    ada = await signed_in(api)
    held = await held_by(api, ada, event_id)
    assert held["customer"] == {"name": "Ada Lovelace", "email": ADA}
    nobody = await api.post(f"/api/v1/events/{event_id}/reservations", json={"lines": hold_body()["lines"]})
    assert nobody.paths == ["customer"]
    operator = await api.post(
        f"/api/v1/events/{event_id}/reservations", json={"lines": hold_body()["lines"]}, headers=OPERATOR
    )
    assert operator.paths == ["customer"]


async def test_a_new_name_is_on_what_is_reserved_a_minute_later(api: Api, event_id: str) -> None:
    ada = await signed_in(api)
    await held_by(api, ada, event_id)
    await api.patch(ME, json={"name": "Countess"}, headers=ada.headers)
    api.gateway.now_ms += KEPT_MS
    await api.tokens.look(api.accounts, api.machines)
    assert (await held_by(api, ada, event_id))["customer"]["name"] == "Countess"


async def test_ones_own_needs_no_token_and_anothers_is_not_there(api: Api, event_id: str) -> None:
    ada, bob = await signed_in(api), await signed_in(api, BOB)
    path = path_of(await held_by(api, ada, event_id))
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", path, {}),
        ("PATCH", path, {"json": {"lines": hold_body(2)["lines"]}}),
        ("POST", f"{path}/extend", {}),
        ("POST", f"{path}/cancel", {}),
    ]
    for method, at, given in asked:
        assert (await api.ask(method, at, headers=bob.headers, **given)).code == "not_found", at
        assert (await api.ask(method, at, headers=ada.headers, **given)).status == 200, at
    assert (await api.get(path, headers=ada.headers)).json["status"] == "released"


async def test_a_guests_reservation_of_the_same_address_is_the_accounts_too(api: Api, event_id: str) -> None:
    path, _ = await api.new_hold(event_id, email="ADA@example.org")
    ada = await signed_in(api)
    assert (await api.post(f"{path}/confirm", headers=ada.headers)).json["status"] == "confirmed"


async def test_a_token_that_was_given_away_opens_it_to_another_account_and_a_wrong_one_does_not(
    api: Api, event_id: str
) -> None:
    path, token = await api.new_hold(event_id)
    bob = await signed_in(api, BOB)
    assert (await api.get(path, headers=bob.headers)).code == "not_found"
    assert (await api.get(path, headers=bob.headers | token)).status == 200
    own, _ = await api.new_hold(event_id, email=BOB)
    assert (await api.get(own, headers=bob.headers | token)).code == "not_found"


async def test_ones_own_are_listed_in_pages_the_newest_first(api: Api, event_id: str) -> None:
    ada = await signed_in(api)
    ids = []
    for _ in range(5):
        ids.append((await held_by(api, ada, event_id))["id"])
        api.gateway.now_ms += 1
    await api.new_hold(event_id, email=BOB)
    first = (await api.get(f"{ME}/reservations?limit=3", headers=ada.headers)).json
    second = (await api.get(f"{ME}/reservations?limit=3&cursor={first['next']}", headers=ada.headers)).json
    assert [one["id"] for one in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None
    assert "token" not in first["items"][0]
    assert (await api.get(f"{ME}/reservations?cursor=AAAA", headers=ada.headers)).paths == ["cursor"]
    exported = (await api.get(f"{ME}/export", headers=ada.headers)).json
    assert [one["id"] for one in exported["reservations"]] == ids[::-1]


async def test_a_table_is_ones_own_as_a_ticket_is(api: Api) -> None:
    made = await api.post(RESTAURANTS, json=house_body(), headers=OPERATOR)
    house = House(api, made.json)
    house.at(14, 13, day=18)
    await api.tokens.look(api.accounts, api.machines)
    ada, bob = await signed_in(api, "guest@example.org"), await signed_in(api, BOB)
    held = await house.hold(customer={"name": "Guest", "email": "guest@example.org"})
    assert held.status == 201, held.raw
    path = path_of(held.json)
    assert (await api.get(path, headers=bob.headers)).code == "not_found"
    assert (await api.post(f"{path}/confirm", headers=ada.headers)).status == 200
    listed = (await api.get(f"{ME}/reservations", headers=ada.headers)).json["items"]
    assert [one["restaurant_id"] for one in listed] == [made.json["id"]]


async def test_links_are_mailed_to_who_has_live_reservations_and_the_answer_is_the_same(
    api: Api, event_id: str
) -> None:
    path, _ = await api.new_hold(event_id)
    ended, ended_token = await api.new_hold(event_id)
    assert (await api.post(f"{ended}/cancel", headers=ended_token)).status == 200
    answers = [await api.post(RECOVER, json={"email": email}) for email in (" ADA@example.org", BOB)]
    assert {(answer.status, answer.raw) for answer in answers} == {(202, b'{"status":"accepted"}')}
    assert [mail.recipient for mail in api.accounts.mails] == ["ADA@example.org"]
    assert api.accounts.mails[0].parameters == {"reservation_ids": [path.rpartition("/")[2]]}


async def test_a_key_asks_for_links_once(api: Api, event_id: str) -> None:
    await api.new_hold(event_id)
    key = {"Idempotency-Key": "recover-once"}
    for _ in range(2):
        assert (await api.post(RECOVER, json={"email": ADA}, headers=key)).status == 202
    assert len(api.accounts.mails) == 1
    assert (await api.post(RECOVER, json={"email": BOB}, headers=key)).code == "key_reused"


async def test_what_is_no_address_is_no_address_here_either(api: Api) -> None:
    assert (await api.post(RECOVER, json={"email": "a\u200bc@b"})).paths == ["email"]
    assert (await api.post(RECOVER, json={"email": "x"})).paths == ["email"]
