"""What a restaurant's operator is told over HTTP: sums by status, day and deposit; reservations as a file."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.server.conftest import OPERATOR, Api
from tests.server.test_restaurants import RESTAURANTS, TODAY, TOMORROW, House, house_body

DEPOSIT = {"amount": {"amount": 500, "currency": "EUR"}}


async def statistics(house: House, query: str = "") -> Any:
    answer = await house.api.get(f"{house.path}/statistics?{query}", headers=OPERATOR)
    assert answer.status == 200, answer.raw
    return answer.json


async def exported(house: House) -> list[dict[str, str]]:
    answer = await house.api.get(f"{house.path}/reservations.csv", headers=OPERATOR)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert f'filename="reservations-{house.id}.csv"' in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.raw.decode(), newline=""), strict=True))


def seatings(by_status: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    return [(one["status"], one["reservations"], one["covers"]) for one in by_status]


@pytest.fixture
async def house(api: Api) -> House:
    made = await api.post(RESTAURANTS, json=house_body(deposit=DEPOSIT), headers=OPERATOR)
    assert made.status == 201, made.raw
    house = House(api, made.json)
    house.at(14, 13, day=18)
    return house


async def sold(house: House, paid: str = "cash", **changes: Any) -> str:
    path, _ = await house.held(**changes)
    answer = await house.staff(f"{path}/confirm", json={"paid": paid})
    assert answer.status == 200, answer.raw
    return path


async def test_a_restaurant_says_what_it_has_by_status_and_day_and_what_deposits_brought(
    house: House,
) -> None:
    await sold(house, party_size=3)
    await sold(house, "free", party_size=2, date="2026-11-20")
    cancelled = await sold(house, party_size=4)
    assert (await house.staff(f"{cancelled}/cancel")).status == 200
    await house.hold(party_size=2, date=TODAY, time="22:00")
    told = await statistics(house, "days=3")
    assert (told["restaurant_id"], told["reservations"], told["covers"]) == (house.id, 4, 11)
    assert seatings(told["by_status"]) == [("held", 1, 2), ("confirmed", 2, 5), ("cancelled", 1, 4)]
    assert [(day["date"], seatings(day["by_status"])) for day in told["by_day"]] == [
        (TODAY, [("held", 1, 2)]),
        (TOMORROW, [("confirmed", 1, 3), ("cancelled", 1, 4)]),
        ("2026-11-20", [("confirmed", 1, 2)]),
    ]
    euros = {"currency": "EUR"}
    assert told["deposits"] == [{"taken": euros | {"amount": 1_500}, "kept": euros | {"amount": 0}}]
    since = await statistics(house, "since=2026-11-20&days=1")
    assert [day["date"] for day in since["by_day"]] == ["2026-11-20"]
    assert since["by_status"] == told["by_status"]
    assert since["sequence"] == told["sequence"] == 9


@pytest.mark.parametrize(
    ("name", "within", "beyond"),
    [
        ("days", "366", "367"),
        ("days", "1", "0"),
        ("since", "1970-01-02", "1970-01-01"),
        ("since", "9998-11-28", "9998-11-29"),
        ("since", "2026-11-19", "tomorrow"),
    ],
)
async def test_bounds_of_a_restaurants_statistics(house: House, name: str, within: str, beyond: str) -> None:
    url = f"{house.path}/statistics?{name}="
    assert (await house.api.get(url + within, headers=OPERATOR)).status == 200
    assert (await house.api.get(url + beyond, headers=OPERATOR)).paths == [name]


async def test_a_reservation_of_tables_is_exported_with_their_numbers(house: House) -> None:
    customer = {"name": '=SUM("A1")', "email": "ada@example.org", "phone": "+39 06 1234567"}
    held = await house.hold(party_size=6, customer=customer, note="@window")
    (row,) = await exported(house)
    assert row == {
        "reservation_id": held.json["id"],
        "status": "held",
        "created_at": held.json["created_at"],
        "expires_at": held.json["expires_at"],
        "starts_at": held.json["starts_at"],
        "ends_at": held.json["ends_at"],
        "tables": "2\n3",
        "party_size": "6",
        "customer_name": '\'=SUM("A1")',
        "customer_email": "ada@example.org",
        "customer_phone": "'+39 06 1234567",
        "note": "'@window",
        "deposit": "3000",
        "kept": "0",
        "currency": "EUR",
    }
    house.api.gateway.now_ms += 1  # ids are in order of time
    walk_in = await house.staff(f"{house.path}/walk-ins", json={"party_size": 1})
    house.at(15, day=18)
    assert [row["status"] for row in await exported(house)] == ["expired", "seated"]
    assert (await exported(house))[1]["customer_name"] == ""
    assert walk_in.status == 201


@pytest.mark.parametrize("what", ["statistics", "reservations.csv"])
async def test_an_event_is_no_restaurant_and_a_restaurant_no_event(house: House, what: str) -> None:
    event_id = await house.api.new_event()
    for path in (f"{RESTAURANTS}/{event_id}", f"/api/v1/events/{house.id}"):
        assert (await house.api.get(f"{path}/{what}", headers=OPERATOR)).code == "not_found"
