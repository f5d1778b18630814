"""Every bound of what clients send, at it and one beyond it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.conftest import OPERATOR, Api, event_body, hold_body

TYPE = {"code": "ga", "name": "Standing", "quota": 1, "price": {"amount": 1, "currency": "EUR"}}
BILLION = 1_000_000_000
PRICE = {"amount": 1000 * BILLION, "currency": "EUR"}


def _types(count: int) -> list[dict[str, Any]]:
    return [TYPE | {"code": f"type-{number}"} for number in range(count)]


EVENT_BOUNDS: list[tuple[str, Any, Any]] = [
    ("name", "x", ""),
    ("name", "ü" * 200, "ü" * 201),
    ("venue", "x", ""),
    ("venue", "x" * 200, "x" * 201),
    ("description", "x" * 10_000, "x" * 10_001),
    ("capacity", 0, -1),
    ("capacity", 10_000_000, 10_000_001),
    ("hold_duration_s", 10, 9),
    ("hold_duration_s", 86_400, 86_401),
    ("expected_crowd", 0, -1),
    ("expected_crowd", 10_000_000, 10_000_001),
    ("hold_extensions_max", 0, -1),
    ("hold_extensions_max", 100, 101),
    ("cancel_keeps_percent", 0, -1),
    ("cancel_keeps_percent", 100, 101),
    ("postponed_refund_days", 0, -1),
    ("postponed_refund_days", 365, 366),
    ("time_zone", "Europe/Rome", "Europe/Rom"),
    ("time_zone", "UTC", ""),
    ("time_zone", "UTC", "x" * 65),
    ("max_per_customer", 1, 0),
    ("max_per_customer", 10_000_000, 10_000_001),
    ("starts_at", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z"),
    ("starts_at", "9998-12-31T23:59:59.999Z", "9999-01-01T00:00:00Z"),
    ("cancel_until", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z"),
    ("ticket_types", _types(1), []),
    ("ticket_types", _types(100), _types(101)),
]
TYPE_BOUNDS: list[tuple[str, str, Any, Any]] = [
    ("code", "code", "x", ""),
    ("code", "code", "x" * 64, "x" * 65),
    ("code", "code", "a.B_c-9", "-a"),
    ("code", "code", "a", "a/b"),
    ("code", "code", "std", "std\n"),
    ("name", "name", "x", ""),
    ("name", "name", "x" * 200, "x" * 201),
    ("quota", "quota", 0, -1),
    ("quota", "quota", 10_000_000, 10_000_001),
    ("max_per_order", "max_per_order", 1, 0),
    ("max_per_order", "max_per_order", 10_000, 10_001),
    ("price", "price.amount", PRICE | {"amount": 0}, PRICE | {"amount": -1}),
    ("price", "price.amount", PRICE, PRICE | {"amount": 1000 * BILLION + 1}),
    ("price", "price.currency", PRICE, PRICE | {"currency": "EURO"}),
    ("price", "price.currency", PRICE, PRICE | {"currency": "eur"}),
    ("price", "price.currency", PRICE, PRICE | {"currency": "EUR\n"}),
]


@pytest.mark.parametrize(("name", "within", "beyond"), EVENT_BOUNDS)
async def test_bounds_of_an_event(api: Api, name: str, within: Any, beyond: Any) -> None:
    assert (await api.make_event(**{name: within})).status == 201
    assert (await api.make_event(**{name: beyond})).paths == [name]


@pytest.mark.parametrize(
    ("name", "within", "beyond"),
    [row for row in EVENT_BOUNDS if row[0] not in ("ticket_types", "expected_crowd")],
)
async def test_a_patch_has_the_same_bounds(api: Api, name: str, within: Any, beyond: Any) -> None:
    path = f"/api/v1/events/{await api.new_event()}"
    assert (await api.patch(path, json={name: within}, headers=OPERATOR)).status == 200
    assert (await api.patch(path, json={name: beyond}, headers=OPERATOR)).paths == [name]


@pytest.mark.parametrize(("name", "path", "within", "beyond"), TYPE_BOUNDS)
async def test_bounds_of_a_ticket_type(api: Api, name: str, path: str, within: Any, beyond: Any) -> None:
    assert (await api.make_event(ticket_types=[TYPE | {name: within}])).status == 201
    assert (await api.make_event(ticket_types=[TYPE | {name: beyond}])).paths == [f"ticket_types[0].{path}"]


@pytest.mark.parametrize(("name", "path", "within", "beyond"), TYPE_BOUNDS)
async def test_a_patched_ticket_type_has_the_same_bounds(
    api: Api, name: str, path: str, within: Any, beyond: Any
) -> None:
    url = f"/api/v1/events/{await api.new_event()}"
    changed = await api.patch(url, json={"ticket_types": [TYPE | {name: within}]}, headers=OPERATOR)
    assert changed.status == 200
    refused = await api.patch(url, json={"ticket_types": [TYPE | {name: beyond}]}, headers=OPERATOR)
    assert refused.paths == [f"ticket_types[0].{path}"]


async def test_a_patch_names_at_most_a_hundred_ticket_types(api: Api) -> None:
    path = f"/api/v1/events/{await api.new_event(ticket_types=_types(1))}"
    for name, rows in (("ticket_types", _types(101)), ("removed_ticket_types", ["x"] * 101)):
        assert (await api.patch(path, json={name: rows}, headers=OPERATOR)).paths == [name]
    assert (await api.patch(path, json={"ticket_types": _types(100)}, headers=OPERATOR)).status == 200
    gone = [kind["code"] for kind in _types(100)][1:]
    assert (await api.patch(path, json={"removed_ticket_types": gone}, headers=OPERATOR)).status == 200


async def test_quantities_are_from_1_to_10000(api: Api) -> None:
    event_id = await api.new_event(ticket_types=[TYPE | {"quota": 20_000}])
    for quantity in (1, 10_000):
        assert (await api.hold(event_id, quantity=quantity)).status == 201
    for quantity in (0, 10_001):
        assert (await api.hold(event_id, quantity=quantity)).paths == ["lines[0].quantity"]


async def test_a_reservation_has_1_to_100_lines(api: Api) -> None:
    event_id = await api.new_event(ticket_types=_types(100))
    path = f"/api/v1/events/{event_id}/reservations"
    lines = [{"ticket_type": kind["code"], "quantity": 1} for kind in _types(101)]
    customer = hold_body()["customer"]
    assert (await api.post(path, json={"lines": lines[:100], "customer": customer})).status == 201
    for wrong in ([], lines):
        assert (await api.post(path, json={"lines": wrong, "customer": customer})).paths == ["lines"]


@pytest.mark.parametrize(("within", "beyond"), [("x", ""), ("x" * 64, "x" * 65)])
async def test_bounds_of_a_wanted_type(api: Api, within: str, beyond: str) -> None:
    event_id = await api.new_event(ticket_types=[TYPE | {"code": within}])
    assert (await api.hold(event_id, code=within)).status == 201
    assert (await api.hold(event_id, code=beyond)).paths == ["lines[0].ticket_type"]


@pytest.mark.parametrize(("within", "beyond"), [("x", ""), ("ü" * 200, "ü" * 201)])
async def test_bounds_of_a_customers_name(api: Api, within: str, beyond: str) -> None:
    path = f"/api/v1/events/{await api.new_event()}/reservations"
    for name, status in ((within, 201), (beyond, 422)):
        body = hold_body() | {"customer": {"name": name, "email": "a@b"}}
        assert (await api.post(path, json=body)).status == status


GOOD_ADDRESSES = [
    "a@b",
    "first.last+tag@sub.example.org",
    " a@b ",
    "ü@exämple.org",
    "x" * 64 + "@" + "y" * 189,
]
BAD_ADDRESSES = [
    "",
    "a",
    "@b",
    "a@",
    "a@b@c",
    "a b@c",
    "a@b c",
    "a\n@b",
    "a\x01@b",
    "x" * 65 + "@b",
    "x@" + "y" * 253,
]


@pytest.mark.parametrize("email", GOOD_ADDRESSES)
async def test_addresses_that_are_taken(api: Api, email: str) -> None:
    assert (await api.hold(await api.new_event(), email=email)).status == 201


@pytest.mark.parametrize("email", BAD_ADDRESSES)
async def test_addresses_that_are_refused(api: Api, email: str) -> None:
    assert (await api.hold(await api.new_event(), email=email)).paths == ["customer.email"]


async def test_unknown_fields_are_named(api: Api) -> None:
    event_id = await api.new_event()
    path, token = await api.new_hold(event_id)
    bodies: list[tuple[str, str, dict[str, Any], dict[str, str]]] = [
        ("POST", "/api/v1/events", event_body(), OPERATOR),
        ("PATCH", f"/api/v1/events/{event_id}", {"name": "x"}, OPERATOR),
        ("POST", f"/api/v1/events/{event_id}/reservations", hold_body(), {}),
        ("PATCH", path, {"lines": hold_body()["lines"]}, token),
    ]
    for method, url, body, headers in bodies:
        assert (await api.ask(method, url, json=body | {"colour": 1}, headers=headers)).paths == ["colour"]


async def test_unknown_fields_are_refused_at_every_depth(api: Api) -> None:
    path = f"/api/v1/events/{await api.new_event()}/reservations"
    body = hold_body()
    body["lines"][0]["seat"] = 1
    assert (await api.post(path, json=body)).paths == ["lines[0].seat"]
    body = hold_body()
    body["customer"]["phone"] = "1"
    assert (await api.post(path, json=body)).paths == ["customer.phone"]


@pytest.mark.parametrize("name", ["name", "starts_at", "ticket_types"])
async def test_missing_fields_are_named(api: Api, name: str) -> None:
    assert (await api.make_event(**{name: ...})).paths == [name]


@pytest.mark.parametrize(
    "moment", ["2027-01-01T20:00:00", "2027-01-01", "tomorrow", 1798833600, "2027-13-01T00:00:00Z"]
)
async def test_times_without_an_offset_and_no_times_at_all_are_refused(api: Api, moment: Any) -> None:
    assert (await api.make_event(starts_at=moment)).paths == ["starts_at"]


async def test_the_greatest_order_adds_up(api: Api) -> None:
    types = [kind | {"quota": 10_000, "price": PRICE} for kind in _types(100)]
    path = f"/api/v1/events/{await api.new_event(ticket_types=types)}/reservations"
    lines = [{"ticket_type": kind["code"], "quantity": 10_000} for kind in types]
    held = await api.post(path, json=hold_body() | {"lines": lines})
    assert held.json["total"]["amount"] == 10_000 * 100 * 1000 * BILLION
