"""Staff find guests by e-mail or telephone: their reservations, what they have done, their score."""

from __future__ import annotations

from typing import Any

import pytest

from domain.account import Role
from server import customers, handlers_tables
from server.customers import PHONE_MAX_DIGITS, PHONE_MIN_DIGITS, CustomerKeys, normalised_phone
from server.ids import uuid7
from tests.server.conftest import OPERATOR, Answer, Api
from tests.server.organised import new_organiser, token_of
from tests.server.test_restaurants import RESTAURANTS, House, house_body

ADA: dict[str, Any] = {"name": "Ada Lovelace", "email": "ada@example.org", "phone": "+39 06 123456"}
BOB: dict[str, Any] = {"name": "Bob", "email": "bob@example.org", "phone": "0039 (06) 12-34.56"}


@pytest.fixture
async def house(api: Api) -> House:
    made = await api.post(RESTAURANTS, json=house_body(), headers=OPERATOR)
    house = House(api, made.json)
    house.at(14, 13, day=18)
    return house


async def asked(house: House, what: str, **query: str) -> Answer:
    return await house.api.get(f"{house.path}/{what}", params=query, headers=OPERATOR)


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("+39 06 123456", "+3906123456"),
        ("0039 (06) 12-34.56", "+3906123456"),
        ("06/123456", "06123456"),
        ("1" * PHONE_MIN_DIGITS, "1" * PHONE_MIN_DIGITS),
        ("1" * (PHONE_MIN_DIGITS - 1), None),
        ("+" + "1" * PHONE_MAX_DIGITS, "+" + "1" * PHONE_MAX_DIGITS),
        ("+" + "1" * (PHONE_MAX_DIGITS + 1), None),
        ("+1+23456", None),
        ("-----", None),
    ],
)
def test_spellings_of_one_number_are_one(given: str, plain: str | None) -> None:
    assert normalised_phone(given) == plain


def test_a_number_and_an_address_never_have_one_key() -> None:
    keys, others = CustomerKeys(b"secret"), CustomerKeys(b"another")
    assert keys.phone_key("+3906123456") == keys.phone_key("0039 06 123456")
    assert keys.phone_key("06123456") not in (keys.key("06123456"), others.phone_key("06123456"), None)


async def test_reservations_are_found_by_address_and_by_number(house: House) -> None:
    ada = (await house.hold(customer=ADA)).json["id"]
    house.api.gateway.now_ms += 1
    again = (await house.hold(customer={**ADA, "phone": None}, time="18:00")).json["id"]
    house.api.gateway.now_ms += 1
    bob = (await house.hold(customer=BOB)).json["id"]
    house.api.gateway.now_ms += 1
    walked_in = await house.staff(f"{house.path}/walk-ins", json={"party_size": 2, "customer": BOB})
    assert walked_in.status == 201, walked_in.raw

    async def found(**query: str) -> list[str]:
        return [one["id"] for one in (await asked(house, "reservations", **query)).json["items"]]

    assert await found(email=" ADA@example.org") == [ada, again]
    assert await found(phone="+39-06-123456") == [ada, bob, walked_in.json["id"]]
    assert await found(phone="+3906123456", status="held") == [ada, bob]
    assert await found(phone="+3906123456", date="2026-11-18") == [walked_in.json["id"]]
    assert await found(email="nobody@example.org") == []
    assert await found(phone="06123456") == []
    first = (await asked(house, "reservations", phone="+3906123456", limit="2")).json
    rest = await found(phone="+3906123456", limit="2", cursor=first["next"])
    assert ([one["id"] for one in first["items"]], rest) == ([ada, bob], [walked_in.json["id"]])


async def test_what_a_guest_has_done_is_shown_with_the_score(house: House) -> None:
    came, missed, cancelled = [
        await house.confirmed(customer=ADA, time=at) for at in ("18:00",) * 2 + ("22:00",)
    ]
    await house.staff(f"{cancelled}/cancel")
    path, token = await house.held(customer=ADA, time="22:00")
    for what in ("confirm", "cancel"):
        assert (await house.api.post(f"{path}/{what}", headers=token)).status == 200
    house.at(18, 20)
    await house.staff(f"{came}/seat")
    await house.staff(f"{came}/complete")
    await house.staff(f"{missed}/no-show")
    await house.hold(customer=BOB, time="22:00")
    (ada,) = (await asked(house, "guests", email="ada@example.org")).json["items"]
    assert ada == {"customer": ADA, "visits": 1, "cancellations": 1, "no_shows": 1, "score": 85}
    both = (await asked(house, "guests", phone="+3906123456")).json["items"]
    assert {(one["customer"]["name"], one["score"]) for one in both} == {("Ada Lovelace", 85), ("Bob", 100)}
    assert (await asked(house, "guests", email="nobody@example.org")).json == {"items": [], "next": None}


async def test_only_the_guests_own_cancellations_count(house: House) -> None:
    held = [await house.held(customer=ADA, time=at) for at in ("18:00", "20:00", "22:00")]
    for path, token in held:
        assert (await house.api.post(f"{path}/confirm", headers=token)).status == 200
    (mine, token), (theirs, _), (_, _) = held

    async def cancellations() -> int:
        (ada,) = (await asked(house, "guests", email="ada@example.org")).json["items"]
        return int(ada["cancellations"])

    for path, headers in ((mine, token), (theirs, OPERATOR)):
        assert (await house.api.post(f"{path}/cancel", headers=headers)).json["status"] == "cancelled"
    assert await cancellations() == 1
    assert (await house.staff(f"{house.path}/cancel")).status == 200
    house.api.gateway.now_ms += 1
    await house.hold()
    ended = house.api.gateway.inventories[house.id].ended.values()
    assert [one.status for one in ended] == ["cancelled"] * 3
    assert await cancellations() == 1


async def test_an_organisers_staff_find_guests_of_their_own_restaurants(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    made = await api.post(RESTAURANTS, json=house_body(organiser_id=own), headers=OPERATOR)
    house = House(api, made.json)
    assert (await house.hold(customer=ADA)).status == 201
    path = f"{house.path}/guests?email=ada@example.org"
    found = await api.get(path, headers=token_of(api, Role.STAFF, own, session="own"))
    assert [one["customer"] for one in found.json["items"]] == [ADA]
    strangers = token_of(api, Role.STAFF, other, session="other")
    assert (await api.get(path, headers=strangers)).code == "not_found"


async def test_what_staff_cancel_with_the_guests_token_is_cancelled_by_the_guest(api: Api) -> None:
    own = await new_organiser(api)
    house = House(
        api, (await api.post(RESTAURANTS, json=house_body(organiser_id=own), headers=OPERATOR)).json
    )
    counts = []
    for role in (Role.STAFF, Role.ORGANISER):
        held, token = await house.held(customer=ADA, time="20:00")
        assert (await api.post(f"{held}/confirm", headers=token)).status == 200
        bearer = token_of(api, role, own, session=role.value)
        cancelled = await api.post(f"{held}/cancel", headers=bearer | token)
        assert cancelled.json["status"] == "cancelled"
        (ada,) = (await asked(house, "guests", email="ada@example.org")).json["items"]
        counts.append(ada["cancellations"])
    assert counts == [1, 1], "the organiser's is not the guest's"


@pytest.mark.parametrize("what", ["guests", "reservations"])
async def test_guests_are_found_by_staff_only_and_by_one_thing_at_a_time(house: House, what: str) -> None:
    path = f"{house.path}/{what}"
    assert (await house.api.get(f"{path}?email=ada@example.org")).code == "unauthorized"
    assert (await asked(house, what, email="a@b", phone="12345")).paths == ["query"]
    assert (await asked(house, what, email="")).paths == ["email"]
    assert (await asked(house, what, phone="1234")).paths == ["phone"]
    assert (await asked(house, what, phone="1" * (PHONE_MAX_DIGITS + 1))).paths == ["phone"]
    assert (await asked(house, what, phone="call me")).paths == ["phone"]
    for id_ in ("x", uuid7(1), await house.api.new_event()):
        url = f"{RESTAURANTS}/{id_}/{what}?phone=12345"
        assert (await house.api.get(url, headers=OPERATOR)).code == "not_found"


async def test_guests_are_not_listed_all_at_once(house: House) -> None:
    assert (await asked(house, "guests")).paths == ["query"]


@pytest.mark.parametrize("phone", ["call me", "1234", "1" * 16, "1" * 41, "+1\n23456"])
async def test_a_number_that_is_none_is_refused(house: House, phone: str) -> None:
    refused = await house.hold(customer={**ADA, "phone": phone})
    assert refused.paths == ["customer.phone"]
    walk_in = {"party_size": 2, "customer": {**ADA, "phone": phone}}
    assert (await house.staff(f"{house.path}/walk-ins", json=walk_in)).paths == ["customer.phone"]


# --- planted bugs -------------------------------------------------------------------------------------


async def test_numbers_told_apart_by_their_spelling_are_noticed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customers, "normalised_phone", lambda phone: phone)
    with pytest.raises(AssertionError):
        await test_reservations_are_found_by_address_and_by_number(house)


async def test_a_number_that_is_not_kept_is_noticed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers_tables, "_phone_key", lambda *_: b"")
    with pytest.raises(AssertionError):
        await test_reservations_are_found_by_address_and_by_number(house)
