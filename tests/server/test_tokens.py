"""Who may: operators by bearer token, guests by the reservation's token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid

import pytest

from server.access import Access
from tests.server.conftest import ADMIN_TOKEN, OPERATOR, Api, event_body, hold_body

ANOTHER_ID = "01890000-0000-7000-8000-000000000001"
WRONG = [
    "Bearer wrong-token",
    "Bearer",
    "",
    "Basic b3A6dG9rZW4=",
    f"Bearer {ADMIN_TOKEN}x",
    f"Basic {ADMIN_TOKEN}",
]


def test_a_token_is_the_event_id_and_an_hmac_of_the_reservation_id() -> None:
    event, reservation = uuid.uuid4(), uuid.uuid4()
    for secret in (b"short", b"k" * 64, b"longer than a block" * 10):
        mac = hmac.digest(secret, reservation.bytes, hashlib.sha256)[:16]
        expected = base64.urlsafe_b64encode(event.bytes + mac).rstrip(b"=").decode()
        assert Access(ADMIN_TOKEN, secret).papers(str(event), str(reservation))[0] == expected


def test_an_empty_operators_token_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="empty"):
        Access("", b"secret")


@pytest.mark.parametrize("header", WRONG)
async def test_a_wrong_bearer_token_is_unauthorized_everywhere_it_counts(api: Api, header: str) -> None:
    event_id = await api.new_event()
    path, token = await api.new_hold(event_id)
    wrong = {"Authorization": header}
    answers = [
        await api.post("/api/v1/events", json=event_body(), headers=wrong),
        await api.patch(f"/api/v1/events/{event_id}", json={}, headers=wrong),
        await api.post(f"/api/v1/events/{event_id}/pause", headers=wrong),
        await api.post(f"/api/v1/events/{event_id}/resume", headers=wrong),
        await api.get(f"/api/v1/events/{event_id}/reservations", headers=wrong),
        await api.get("/api/v1/owners", headers=wrong),
        await api.post(f"/api/v1/events/{event_id}/reservations", json=hold_body(), headers=wrong),
        await api.get(path, headers=wrong | token),
        await api.post(f"{path}/confirm", headers=wrong | token),
    ]
    for answer in answers:
        assert (answer.status, answer.code) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_what_is_the_operators_needs_a_token(api: Api) -> None:
    event_id = await api.new_event()
    _, guest = await api.new_hold(event_id)
    for headers in ({}, guest):
        assert (await api.post("/api/v1/events", json=event_body(), headers=headers)).code == "unauthorized"
        assert (
            await api.get(f"/api/v1/events/{event_id}/reservations", headers=headers)
        ).code == "unauthorized"
        assert (await api.get("/api/v1/owners", headers=headers)).code == "unauthorized"


async def test_the_scheme_is_read_in_any_case(api: Api) -> None:
    headers = {"Authorization": f"bEARER  {ADMIN_TOKEN}"}
    assert (await api.post("/api/v1/events", json=event_body(), headers=headers)).status == 201


async def test_a_reservation_without_any_token_is_unauthorized(api: Api) -> None:
    path, _ = await api.new_hold(await api.new_event())
    answers = [await api.get(path), await api.patch(path, json={"lines": hold_body()["lines"]})]
    answers += [await api.post(f"{path}/{action}") for action in ("extend", "confirm", "cancel")]
    for answer in answers:
        assert (answer.status, answer.code) == (401, "unauthorized")


async def test_a_wrong_or_foreign_token_finds_nothing(api: Api) -> None:
    event_id = await api.new_event()
    path, mine = await api.new_hold(event_id)
    _, foreign = await api.new_hold(event_id)
    right = mine["Reservation-Token"]
    wrong = [
        foreign["Reservation-Token"],
        "",
        "x",
        right[:-1],
        right + "=",
        right + "A",
        "A" * 43,
        "ä" * 43,
        "!" * 43,
        right[:-1] + _other_padding_bits(right[-1]),
        " " * 43,
    ]
    for token in wrong:
        header = {"Reservation-Token": token}
        for answer in (await api.get(path, headers=header), await api.post(f"{path}/cancel", headers=header)):
            assert (answer.status, answer.code) == (404, "not_found"), token
    assert (await api.get(path, headers=mine)).json["status"] == "held"


async def test_a_token_turned_to_another_event_finds_nothing(api: Api) -> None:
    event_id, other_id = await api.new_event(), await api.new_event()
    path, token = await api.new_hold(event_id)
    raw = base64.urlsafe_b64decode(token["Reservation-Token"] + "=")
    for target in (other_id, ANOTHER_ID):
        turned = base64.urlsafe_b64encode(uuid.UUID(target).bytes + raw[16:]).rstrip(b"=").decode()
        header = {"Reservation-Token": turned}
        assert (await api.get(path, headers=header)).code == "not_found"
        assert (await api.post(f"{path}/cancel", headers=header)).code == "not_found"
    assert (await api.get(path, headers=token)).json["status"] == "held"


async def test_a_token_routes_to_its_event_without_a_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    path, token = await api.new_hold(await api.new_event())
    read: list[str] = []
    monkeypatch.setattr(
        "tests.server.direct_gateway.DirectReads.reservation", lambda _, name: read.append(name)
    )
    assert (await api.post(f"{path}/confirm", headers=token)).status == 200
    assert read == []


async def test_anybody_may_look_at_events(api: Api) -> None:
    event_id = await api.new_event()
    for path in ("", f"/{event_id}", f"/{event_id}/availability", f"/{event_id}/ticket-types/ga"):
        assert (
            await api.get(f"/api/v1/events{path}", headers={"Authorization": "Bearer nonsense"})
        ).status == 200


async def test_the_operator_sees_the_owners(api: Api) -> None:
    event_id = await api.new_event(placement="dedicated")
    owners = await api.get("/api/v1/owners", headers=OPERATOR)
    assert owners.json == {"items": [{"name": f"event:{event_id}", "inventories": 1}], "next": None}


def _other_padding_bits(last: str) -> str:
    """The last character with the bits changed that no byte is made of: the same token, spelt anew."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(last) ^ 1]
