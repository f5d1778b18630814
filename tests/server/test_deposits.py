"""Deposits of tables through HTTP: asked for, paid, given back, kept; and the staff's own."""

from __future__ import annotations

from typing import Any

import pytest

from domain.restaurant_terms import DEPOSIT_MAX, PARTY_MAX_PERSONS
from tests.server.conftest import OPERATOR, Api
from tests.server.test_payments import Sale
from tests.server.test_restaurants import RESTAURANTS, House, house_body


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


DEPOSIT: dict[str, Any] = {
    "amount": euros(500),
    "per": "cover",
    "from_party_size": 1,
    "after_visit": "settled",
}


@pytest.fixture
async def house(api: Api) -> House:
    made = await api.post(RESTAURANTS, json=house_body(deposit={"amount": euros(500)}), headers=OPERATOR)
    assert made.status == 201, made.raw
    assert made.json["deposit"] == DEPOSIT
    house = House(api, made.json)
    house.at(14, 13, day=18)
    return house


async def paid(house: House, till: Sale) -> tuple[str, dict[str, str], str]:
    path, token = await house.held()
    location = (await till.pay(path, token)).headers["Location"]
    await till.work()
    assert (await house.api.get(path, headers=token)).json["status"] == "confirmed"
    return path, token, location


@pytest.fixture
def till(house: House) -> Sale:
    return Sale(house.api, house.id)


async def test_a_table_is_confirmed_once_its_deposit_is_paid(house: House, till: Sale) -> None:
    path, token = await house.held()
    held = (await house.api.get(path, headers=token)).json
    assert (held["status"], held["deposit"]) == ("held", euros(1_000))
    due = await house.api.post(f"{path}/confirm", headers=token)
    assert (due.status, due.code, due.json["total"]) == (409, "payment_due", euros(1_000))
    begun = await till.pay(path, token)
    assert begun.status == 202
    paying = (await house.api.get(path, headers=token)).json
    assert (paying["status"], paying["expires_at"] is None) == ("paying", False)
    await till.work()
    shown = (await house.api.get(begun.headers["Location"], headers=token)).json
    assert (shown["status"], shown["amount"]) == ("captured", euros(1_000))
    listed = (await house.api.get(f"{house.path}/payments", headers=OPERATOR)).json["items"]
    assert [one["id"] for one in listed] == [shown["id"]]


async def test_a_deposit_goes_back_when_its_guest_cancels_in_time(house: House, till: Sale) -> None:
    path, token, location = await paid(house, till)
    assert (await house.api.post(f"{path}/cancel", headers=token)).json["status"] == "cancelled"
    await till.work()
    await till.work()
    assert (await house.api.get(location, headers=token)).json["status"] == "refunded"


async def test_a_no_shows_deposit_is_kept_and_the_staff_may_give_it_back(house: House, till: Sale) -> None:
    path, token, location = await paid(house, till)
    house.at(20, 15)
    assert (await house.staff(f"{path}/no-show")).json["status"] == "no_show"
    await till.work()
    await till.work()
    assert (await house.api.get(location, headers=token)).json["status"] == "captured"
    refused = await house.staff(f"{location}/refunds", json={"lines": [{"ticket_type": "x", "quantity": 1}]})
    assert refused.paths == ["lines"]
    back = await house.staff(f"{location}/refunds", json={"amount": euros(400)})
    assert back.status == 202


async def test_the_staff_void_what_was_paid_and_all_of_it_goes_back(house: House, till: Sale) -> None:
    path, token, location = await paid(house, till)
    assert (await house.staff(f"{location}/refunds")).status == 202
    await till.work()
    assert (await house.api.get(path, headers=token)).json["status"] == "cancelled"
    assert (await house.api.get(location, headers=token)).json["status"] == "refunded"


@pytest.mark.parametrize(("said", "deposit"), [("card", euros(1_000)), ("free", None)])
async def test_the_staff_take_a_deposit_or_waive_it(house: House, said: str, deposit: Any) -> None:
    path, token = await house.held()
    assert (await house.api.post(f"{path}/confirm", json={"paid": said}, headers=token)).code == "forbidden"
    sold = await house.staff(f"{path}/confirm", json={"paid": said})
    assert (sold.json["status"], sold.json["deposit"]) == ("confirmed", deposit)


async def test_a_paid_party_does_not_grow_into_a_higher_deposit(house: House, till: Sale) -> None:
    path, token, _ = await paid(house, till)
    refused = await house.api.post(f"{path}/move", json={"party_size": 3}, headers=token)
    assert (refused.status, refused.code, refused.json["total"]) == (409, "payment_due", euros(1_500))


async def test_a_restaurant_gives_up_its_deposit_and_holds_that_exist_keep_theirs(house: House) -> None:
    path, token = await house.held()
    patched = await house.api.patch(house.path, json={"deposit": None}, headers=OPERATOR)
    assert patched.json["deposit"] is None
    assert (await house.api.get(path, headers=token)).json["deposit"] == euros(1_000)
    free, free_token = await house.held(time="18:00")
    assert (await house.api.post(f"{free}/confirm", headers=free_token)).json["deposit"] is None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"amount": euros(0)}, "deposit.amount.amount"),
        ({"amount": euros(DEPOSIT_MAX + 1)}, "deposit.amount.amount"),
        ({"amount": {"amount": 1, "currency": "eur"}}, "deposit.amount.currency"),
        ({"from_party_size": 0}, "deposit.from_party_size"),
        ({"from_party_size": PARTY_MAX_PERSONS + 1}, "deposit.from_party_size"),
        ({"per": "table"}, "deposit.per"),
        ({"after_visit": "eaten"}, "deposit.after_visit"),
    ],
)
async def test_deposits_have_bounds(api: Api, change: dict[str, Any], path: str) -> None:
    made = await api.post(RESTAURANTS, json=house_body(deposit=DEPOSIT | change), headers=OPERATOR)
    assert made.paths == [path]


async def test_deposits_at_their_bounds_are_taken(api: Api) -> None:
    most = {"amount": euros(DEPOSIT_MAX), "from_party_size": PARTY_MAX_PERSONS}
    for change in ({"amount": euros(1)}, most):
        made = await api.post(RESTAURANTS, json=house_body(deposit=DEPOSIT | change), headers=OPERATOR)
        assert made.status == 201, made.raw
