"""What belongs to an organiser, one of each kind, and the people around it."""

from __future__ import annotations

from typing import Any

from domain.account import Account, Role
from tests.server.conftest import OPERATOR, Api, event_body, hold_body
from tests.server.test_restaurants import RESTAURANTS, house_body, wish

NOBODYS_ID = "01890000-0000-7000-8000-000000000001"
ORGANISERS = "/api/v1/organisers"
MACHINE_TOKENS = "/api/v1/machine-tokens"
ENDPOINTS = "/api/v1/webhook-endpoints"
BUYER = "buyer@example.org"


async def new_organiser(api: Api, name: str = "Playhouse") -> str:
    """The id of a new one."""
    made = await api.post(ORGANISERS, json={"name": name}, headers=OPERATOR)
    assert made.status == 201, made.raw
    return str(made.json["id"])


def token_of(
    api: Api, role: Role, organiser_id: str | None = None, customer: bytes = b"c" * 16, session: str = "s"
) -> dict[str, str]:
    """The headers of an account of that role. `session`: tells two of them apart."""
    account = Account(NOBODYS_ID, "a@b", customer, "A", "en", role, organiser_id, 1, 0)
    token, _ = api.tokens.made(account, session)
    return {"Authorization": f"Bearer {token}"}


async def machine_token(api: Api, *scopes: str, headers: dict[str, str] = OPERATOR, **given: Any) -> Any:
    """What was answered to who made one."""
    body = {"name": "Till", "scopes": scopes or ("read",), "expires_in_s": 3_600, **given}
    made = await api.post(MACHINE_TOKENS, json=body, headers=headers)
    assert made.status == 201, made.raw
    return made.json


async def machine(api: Api, *scopes: str, **given: Any) -> dict[str, str]:
    """The headers of one."""
    return {"Authorization": f"Bearer {(await machine_token(api, *scopes, **given))['token']}"}


async def _made(api: Api, path: str, body: dict[str, Any], headers: dict[str, str] = OPERATOR) -> str:
    answer = await api.post(path, json=body, headers=headers)
    assert answer.status in (201, 202), answer.raw
    return str(answer.json["id"])


async def _machine_of(api: Api, organiser_id: str | None) -> str:
    """The id of a machine token that is the organiser's: so many may serve at a time, so one does for all."""
    there = [one.id for one in api.machines.kept.values() if one.organiser_id == organiser_id]
    owner = {} if organiser_id is None else {"organiser_id": organiser_id}
    return there[0] if there else str((await machine_token(api, **owner))["machine_token"]["id"])


async def _endpoint_of(api: Api, organiser_id: str | None) -> str:
    """The id of a webhook endpoint that is the organiser's; there is a bound on these too."""
    headers = OPERATOR if organiser_id is None else token_of(api, Role.ORGANISER, organiser_id, session="w")
    listed = (await api.get(ENDPOINTS, headers=headers)).json["items"]
    there = [one["id"] for one in listed if one["organiser_id"] == organiser_id]
    owner = {} if organiser_id is None else {"organiser_id": organiser_id}
    return there[0] if there else await _made(api, ENDPOINTS, {"url": "https://hooks.example/", **owner})


async def things(api: Api, organiser_id: str | None) -> dict[str, str]:
    """One of each, by the places of paths; `table` is a reservation of the restaurant. Made by the operator,
    for the organiser or to keep."""
    owner = {} if organiser_id is None else {"organiser_id": organiser_id}
    event_id = await _made(api, "/api/v1/events", event_body(**owner))
    restaurant_id = await _made(api, RESTAURANTS, house_body(**owner))
    venue_id = await _made(api, "/api/v1/venues", {"name": "Hall", "city": "Vienna", **owner})
    held = await api.post(f"/api/v1/events/{event_id}/reservations", json=hold_body(email=BUYER))
    table = await api.post(f"{RESTAURANTS}/{restaurant_id}/reservations", json=wish())
    reservation_id = held.json["id"]
    token = {"Reservation-Token": held.json["token"]}
    paid = f"/api/v1/reservations/{reservation_id}/payments"
    payment_id = await _made(api, paid, {"provider": "sandbox"}, token)
    return {
        "event_id": event_id,
        "restaurant_id": restaurant_id,
        "venue_id": venue_id,
        "reservation_id": reservation_id,
        "table": table.json["id"],
        "payment_id": payment_id,
        "token_id": await _machine_of(api, organiser_id),
        "endpoint_id": await _endpoint_of(api, organiser_id),
        "organiser_id": organiser_id or NOBODYS_ID,
    }
