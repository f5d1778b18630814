"""Reservations over HTTP: every line of the contract, and every refusal that the rules know."""

from __future__ import annotations

import pytest

from tests.server.conftest import OPERATOR, Api, hold_body
from tests.server.direct_gateway import START_MS


async def test_a_hold_comes_back_whole_with_its_token_and_code(api: Api) -> None:
    event_id = await api.new_event()
    body = hold_body(quantity=2)
    body["lines"].append({"ticket_type": "vip", "quantity": 1})
    held = await api.post(f"/api/v1/events/{event_id}/reservations", json=body)
    assert held.status == 201
    shown = held.json
    assert held.headers["Location"] == f"/api/v1/reservations/{shown['id']}"
    assert shown.pop("token")
    assert shown.pop("code")
    assert list(shown) == [
        "id",
        "event_id",
        "status",
        "expires_at",
        "lines",
        "total",
        "customer",
        "created_at",
    ]
    assert (shown["event_id"], shown["status"]) == (event_id, "held")
    assert shown["created_at"] == "2026-11-18T11:06:40.000Z"
    assert shown["expires_at"] == "2026-11-18T11:21:40.000Z"
    assert shown["lines"] == [
        {"ticket_type": "ga", "quantity": 2, "unit_price": {"amount": 4500, "currency": "EUR"}},
        {"ticket_type": "vip", "quantity": 1, "unit_price": {"amount": 9000, "currency": "EUR"}},
    ]
    assert shown["total"] == {"amount": 18000, "currency": "EUR"}
    assert shown["customer"] == body["customer"]


async def test_a_reservation_reads_like_its_making_without_token_and_code(api: Api) -> None:
    held = await api.hold(await api.new_event())
    made = held.json
    token, _ = made.pop("token"), made.pop("code")
    read = await api.get(held.headers["Location"], headers={"Reservation-Token": token})
    assert (read.status, read.json) == (200, made)
    assert (await api.get(held.headers["Location"], headers=OPERATOR)).json == made


async def test_names_and_addresses_come_back_as_they_were_given(api: Api) -> None:
    event_id = await api.new_event()
    customer = {"name": 'Zoë "O\'Neil" \\ \U0001f600', "email": " Zoë.Mixed@Exämple.org "}
    body = {"lines": hold_body()["lines"], "customer": customer}
    held = await api.post(f"/api/v1/events/{event_id}/reservations", json=body)
    assert held.json["customer"] == customer


async def test_confirming_twice_answers_the_same(api: Api) -> None:
    path, token = await api.new_hold(await api.new_event())
    first = await api.post(f"{path}/confirm", headers=token)
    assert (first.status, first.json["status"]) == (200, "confirmed")
    assert (await api.post(f"{path}/confirm", headers=token)).json == first.json


async def test_a_hold_is_released_and_a_confirmed_reservation_cancelled(api: Api) -> None:
    event_id = await api.new_event(cancel_until="2026-12-31T00:00:00Z")
    path, token = await api.new_hold(event_id)
    released = await api.post(f"{path}/cancel", headers=token)
    assert (released.status, released.json["status"]) == (200, "released")
    assert (await api.post(f"{path}/cancel", headers=token)).json == released.json
    path, token = await api.new_hold(event_id)
    await api.post(f"{path}/confirm", headers=token)
    assert (await api.post(f"{path}/cancel", headers=token)).json["status"] == "cancelled"


async def test_a_final_reservation_cannot_be_cancelled(api: Api) -> None:
    path, token = await api.new_hold(await api.new_event())
    await api.post(f"{path}/confirm", headers=token)
    refused = await api.post(f"{path}/cancel", headers=token)
    assert (refused.status, refused.code) == (409, "too_late")


async def test_changing_a_hold_keeps_its_end_and_its_old_prices(api: Api) -> None:
    event_id = await api.new_event()
    path, token = await api.new_hold(event_id)
    before = (await api.get(path, headers=token)).json
    price = {"code": "ga", "price": {"amount": 5000, "currency": "EUR"}}
    await api.patch(f"/api/v1/events/{event_id}", json={"ticket_types": [price]}, headers=OPERATOR)
    api.gateway.now_ms += 1000
    changed = await api.patch(path, json=_lines(3), headers=token)
    assert changed.status == 200
    assert changed.json["expires_at"] == before["expires_at"]
    assert changed.json["total"] == {"amount": 13500, "currency": "EUR"}


async def test_a_change_that_does_not_fit_changes_nothing(api: Api) -> None:
    path, token = await api.new_hold(await api.new_event())
    before = (await api.get(path, headers=token)).json
    assert (await api.patch(path, json=_lines(11), headers=token)).code == "sold_out"
    assert (await api.get(path, headers=token)).json == before


async def test_a_hold_is_extended_a_bounded_number_of_times(api: Api) -> None:
    path, token = await api.new_hold(await api.new_event(hold_extensions_max=2))
    for seconds in (1, 2):
        api.gateway.now_ms = START_MS + seconds * 1000
        extended = await api.post(f"{path}/extend", headers=token)
        assert extended.json["expires_at"] == f"2026-11-18T11:21:4{seconds}.000Z"
    refused = await api.post(f"{path}/extend", headers=token)
    assert (refused.status, refused.code) == (409, "limit_exceeded")
    assert (refused.json["limit"], refused.json["requested"]) == (2, 3)


async def test_a_hold_past_its_end_reads_as_expired_before_anybody_noticed(api: Api) -> None:
    event_id = await api.new_event()
    path, token = await api.new_hold(event_id)
    listing = f"/api/v1/events/{event_id}/reservations"
    api.gateway.now_ms = START_MS + 900_000 - 1
    assert (await api.get(path, headers=token)).json["status"] == "held"
    api.gateway.now_ms += 1
    assert (await api.get(path, headers=token)).json["status"] == "expired"
    assert [one["status"] for one in (await api.get(listing, headers=OPERATOR)).json["items"]] == ["expired"]
    expired = await api.get(f"{listing}?status=expired", headers=OPERATOR)
    assert len(expired.json["items"]) == 1
    assert (await api.get(f"{listing}?status=held", headers=OPERATOR)).json["items"] == []


async def test_an_expired_hold_cannot_be_used_and_cancelling_it_shows_it(api: Api) -> None:
    path, token = await api.new_hold(await api.new_event())
    api.gateway.now_ms += 900_000
    for action in ("confirm", "extend"):
        refused = await api.post(f"{path}/{action}", headers=token)
        assert (refused.status, refused.code) == (410, "hold_expired")
    assert (await api.patch(path, json=_lines(1), headers=token)).code == "hold_expired"
    cancelled = await api.post(f"{path}/cancel", headers=token)
    assert (cancelled.status, cancelled.json["status"]) == (200, "expired")


async def test_the_wrong_state_is_named(api: Api) -> None:
    path, token = await api.new_hold(await api.new_event())
    await api.post(f"{path}/cancel", headers=token)
    refused = await api.post(f"{path}/confirm", headers=token)
    assert (refused.status, refused.code) == (409, "wrong_state")
    assert (refused.json["status"], refused.json["reservation_status"]) == (409, "released")


async def test_what_is_on_hold_for_others_says_when_it_may_come_free(api: Api) -> None:
    event_id = await api.new_event()
    await api.hold(event_id, quantity=10)
    refused = await api.hold(event_id)
    assert (refused.status, refused.code) == (423, "held")
    assert refused.headers["Retry-After"] == "900"
    assert refused.json["retry_after_s"] == 900


async def test_what_is_confirmed_is_sold_out(api: Api) -> None:
    event_id = await api.new_event()
    path, token = await api.new_hold(event_id, quantity=10)
    await api.post(f"{path}/confirm", headers=token)
    for _ in range(2):
        refused = await api.hold(event_id)
        assert (refused.status, refused.code) == (409, "sold_out")
        assert "Retry-After" not in refused.headers


async def test_limits_per_order_and_per_customer_are_named(api: Api) -> None:
    types = [
        {
            "code": "ga",
            "name": "Standing",
            "quota": 10,
            "price": {"amount": 1, "currency": "EUR"},
            "max_per_order": 2,
        }
    ]
    event_id = await api.new_event(ticket_types=types, max_per_customer=3)
    over = await api.hold(event_id, quantity=3)
    assert (over.code, over.json["limit"], over.json["requested"]) == ("limit_exceeded", 2, 3)
    await api.hold(event_id, quantity=2, email="Ada@Example.org")
    over = await api.hold(event_id, quantity=2, email=" ada@example.ORG ")
    assert (over.status, over.code, over.json["limit"], over.json["requested"]) == (
        409,
        "limit_exceeded",
        3,
        4,
    )
    assert (await api.hold(event_id, quantity=2, email="bob@example.org")).status == 201


async def test_sales_outside_their_window_are_closed(api: Api) -> None:
    assert (await api.hold(await api.new_event(sales_start="2026-12-01T00:00:00Z"))).code == "sales_closed"
    event_id = await api.new_event(sales_end="2026-11-18T11:06:40Z")
    refused = await api.hold(event_id)
    assert (refused.status, refused.code) == (409, "sales_closed")


async def test_an_event_without_guests_sells_to_the_operator_only(api: Api) -> None:
    event_id = await api.new_event(guests=False)
    refused = await api.hold(event_id)
    assert (refused.status, refused.code) == (401, "unauthorized")
    path = f"/api/v1/events/{event_id}/reservations"
    assert (await api.post(path, json=hold_body(), headers=OPERATOR)).status == 201


async def test_unknown_and_doubled_ticket_types_are_invalid(api: Api) -> None:
    event_id = await api.new_event()
    assert (await api.hold(event_id, code="none")).paths == ["lines[0].ticket_type"]
    doubled = hold_body()
    doubled["lines"] *= 2
    path = f"/api/v1/events/{event_id}/reservations"
    assert (await api.post(path, json=doubled)).paths == ["lines[1].ticket_type"]


async def test_an_operator_acts_on_any_reservation(api: Api) -> None:
    path, _ = await api.new_hold(await api.new_event())
    assert (await api.post(f"{path}/extend", headers=OPERATOR)).status == 200
    assert (await api.patch(path, json=_lines(2), headers=OPERATOR)).json["total"]["amount"] == 9000
    assert (await api.post(f"{path}/confirm", headers=OPERATOR)).json["status"] == "confirmed"


@pytest.mark.parametrize("reservation_id", ["01890000-0000-7000-8000-000000000001", "nonsense"])
async def test_a_reservation_that_is_not_there_is_not_found(api: Api, reservation_id: str) -> None:
    path = f"/api/v1/reservations/{reservation_id}"
    assert (await api.get(path, headers=OPERATOR)).code == "not_found"
    assert (await api.patch(path, json=_lines(1), headers=OPERATOR)).code == "not_found"
    for action in ("extend", "confirm", "cancel"):
        assert (await api.post(f"{path}/{action}", headers=OPERATOR)).code == "not_found"


def _lines(quantity: int) -> dict[str, object]:
    return {"lines": hold_body(quantity)["lines"]}
