"""Machine tokens over HTTP: shown once, for some purposes, until they run out or are revoked.

Which route takes which is tried in `test_who_may.py`, whose they are in `test_belongings.py`.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any

import pytest

from domain.account import (
    MACHINE_TOKEN_LIFE_MAX_S,
    MACHINE_TOKEN_LIFE_MIN_S,
    MACHINE_TOKENS_MAX,
    MachineToken,
    Role,
    Scope,
)
from server.access_tokens import KNOWN_MAX_AGE_MS
from server.ids import uuid7
from server.machine_tokens import PREFIX, MachineTokens, hash_of, text_of
from tests.server.conftest import OPERATOR, Api, event_body, hold_body
from tests.server.organised import (
    MACHINE_TOKENS,
    machine,
    machine_token,
    new_organiser,
    things,
    token_of,
)

NOW_MS = 1_795_000_000_000


def kept(secret: bytes, **changes: Any) -> MachineToken:
    said: dict[str, Any] = {
        "id": uuid7(NOW_MS),
        "organiser_id": None,
        "name": "Till",
        "scopes": (Scope.READ,),
        "secret_hash": hash_of(secret),
        "made_by": "operator",
        "created_ms": NOW_MS,
        "expires_ms": NOW_MS + 1_000,
    }
    return MachineToken(**{**said, **changes})


async def test_a_token_is_shown_once_and_kept_as_a_hash(api: Api) -> None:
    made = await machine_token(api, "read", "sell")
    text, shown = made["token"], made["machine_token"]
    raw = base64.urlsafe_b64decode(text.removeprefix(PREFIX))
    row = api.machines.kept[shown["id"]]
    assert row.secret_hash == hashlib.sha256(raw[16:]).digest()
    listed = await api.get(MACHINE_TOKENS, headers=OPERATOR)
    assert listed.json["items"] == [shown]
    assert text not in listed.raw.decode()
    assert (shown["scopes"], shown["made_by"], shown["revoked_at"]) == (["read", "sell"], "operator", None)


async def test_an_organisers_token_does_what_the_organiser_may_and_it_is_for(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    mine, theirs = await things(api, own), await things(api, other)
    organiser = token_of(api, Role.ORGANISER, own)
    headers = await machine(api, "read", headers=organiser)
    for made, expected in ((mine, 200), (theirs, 404)):
        path = f"/api/v1/events/{made['event_id']}"
        assert (await api.get(f"{path}/reservations", headers=headers)).status == expected
        assert (await api.get(f"{path}/statistics", headers=headers)).status == expected
        assert (await api.post(f"{path}/pause", headers=headers)).code == "forbidden"
    manages = await machine(api, "manage", headers=organiser)
    assert (await api.post(f"/api/v1/events/{mine['event_id']}/pause", headers=manages)).status == 200
    new = await api.post("/api/v1/events", json=event_body(), headers=manages)
    assert new.json["organiser_id"] == own


async def test_a_till_sells_and_says_how_it_was_paid(api: Api) -> None:
    own = await new_organiser(api)
    made = await api.make_event(organiser_id=own, payment="required")
    till = await machine(api, "sell", organiser_id=own)
    held = await api.post(f"/api/v1/events/{made.json['id']}/reservations", json=hold_body(), headers=till)
    path = f"/api/v1/reservations/{held.json['id']}"
    assert (await api.post(f"{path}/confirm", json={"paid": "card"}, headers=till)).status == 200
    assert (await api.get(path, headers=till)).code == "forbidden"


async def test_a_token_serves_until_it_runs_out(api: Api) -> None:
    headers = await machine(api, "read", expires_in_s=MACHINE_TOKEN_LIFE_MIN_S)
    for at_ms, status in ((-1, 200), (0, 401)):
        api.gateway.now_ms = NOW_MS + MACHINE_TOKEN_LIFE_MIN_S * 1000 + at_ms
        await api.tokens.look(api.accounts, api.machines)
        assert (await api.get("/api/v1/owners", headers=headers)).status == status


async def test_a_token_that_is_revoked_serves_no_more_and_stays_listed(api: Api) -> None:
    made = await machine_token(api, "read")
    headers = {"Authorization": f"Bearer {made['token']}"}
    one = f"{MACHINE_TOKENS}/{made['machine_token']['id']}"
    assert [(await api.ask("DELETE", one, headers=OPERATOR)).status for _ in range(2)] == [204, 204]
    assert (await api.get("/api/v1/owners", headers=headers)).code == "unauthorized"
    await api.tokens.look(api.accounts, api.machines)
    assert (await api.get("/api/v1/owners", headers=headers)).code == "unauthorized"
    listed = (await api.get(MACHINE_TOKENS, headers=OPERATOR)).json["items"]
    assert [item["revoked_at"] for item in listed] != [None]


async def test_one_that_was_made_or_revoked_elsewhere_is_known_after_the_next_look(api: Api) -> None:
    secret = secrets.token_bytes(32)
    token = kept(secret, expires_ms=NOW_MS + 10_000)
    headers = {"Authorization": f"Bearer {text_of(token.id, secret)}"}
    api.machines.kept[token.id] = token
    statuses = []
    for change in (lambda: None, lambda: None, lambda: api.machines.kept.pop(token.id)):
        change()
        statuses.append((await api.get("/api/v1/owners", headers=headers)).status)
        await api.tokens.look(api.accounts, api.machines)
    assert statuses == [401, 200, 200]
    assert (await api.get("/api/v1/owners", headers=headers)).status == 401


async def test_a_front_end_that_cannot_look_takes_no_token(api: Api) -> None:
    headers = await machine(api, "read")
    api.gateway.now_ms += KNOWN_MAX_AGE_MS + 1
    assert (await api.get("/api/v1/owners", headers=headers)).code == "unavailable"


async def test_a_repeated_request_brings_the_same_token_again(api: Api) -> None:
    key = {**OPERATOR, "Idempotency-Key": "made-once"}
    first, again = [await machine_token(api, headers=key) for _ in range(2)]
    assert first == again
    assert len(api.machines.kept) == 1
    body = {"name": "Other", "scopes": ["read"], "expires_in_s": 60}
    assert (await api.post(MACHINE_TOKENS, json=body, headers=key)).code == "key_reused"


@pytest.mark.parametrize(
    ("name", "within", "beyond"),
    [
        ("expires_in_s", MACHINE_TOKEN_LIFE_MIN_S, MACHINE_TOKEN_LIFE_MIN_S - 1),
        ("expires_in_s", MACHINE_TOKEN_LIFE_MAX_S, MACHINE_TOKEN_LIFE_MAX_S + 1),
        ("name", "x" * 200, "x" * 201),
        ("name", "x", ""),
        ("scopes", ["read"], []),
        ("scopes", list(Scope), [*Scope, "read"]),
        ("scopes", ["read", "sell"], ["read", "read"]),
    ],
)
async def test_the_bounds_of_a_new_token(api: Api, name: str, within: Any, beyond: Any) -> None:
    body = {"name": "Till", "scopes": ["read"], "expires_in_s": 3_600}
    made = await api.post(MACHINE_TOKENS, json={**body, name: within}, headers=OPERATOR)
    assert made.status == 201
    assert (await api.post(MACHINE_TOKENS, json={**body, name: beyond}, headers=OPERATOR)).paths == [name]


async def test_so_many_serve_at_a_time_and_not_one_more(api: Api) -> None:
    own = await new_organiser(api)
    made = [await machine_token(api, organiser_id=own) for _ in range(MACHINE_TOKENS_MAX)]
    body = {"name": "Till", "scopes": ["read"], "expires_in_s": 60, "organiser_id": own}
    refused = await api.post(MACHINE_TOKENS, json=body, headers=OPERATOR)
    assert (refused.code, refused.json["limit"]) == ("limit_exceeded", MACHINE_TOKENS_MAX)
    await machine_token(api)  # the operator's are counted apart
    await api.ask("DELETE", f"{MACHINE_TOKENS}/{made[0]['machine_token']['id']}", headers=OPERATOR)
    await machine_token(api, organiser_id=own)


async def test_an_organiser_lists_its_own_and_an_operator_all(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    for organiser_id in (own, other, None):
        await machine_token(api, **({"organiser_id": organiser_id} if organiser_id else {}))
    organiser = token_of(api, Role.ORGANISER, own)
    listed = (await api.get(MACHINE_TOKENS, headers=organiser)).json["items"]
    assert [item["organiser_id"] for item in listed] == [own]
    first = (await api.get(f"{MACHINE_TOKENS}?limit=2", headers=OPERATOR)).json
    rest = (await api.get(f"{MACHINE_TOKENS}?cursor={first['next']}", headers=OPERATOR)).json
    assert {item["organiser_id"] for item in first["items"] + rest["items"]} == {own, other, None}


@pytest.mark.parametrize(
    "text",
    [
        "",
        PREFIX,
        PREFIX + "a" * 63,
        PREFIX + "a" * 65,
        PREFIX + "!" * 64,
        PREFIX + "a" * 63 + "\u00e9",
        "\udcff",
    ],
)
def test_what_is_no_token_is_nobodys(text: str) -> None:
    assert MachineTokens(lambda: NOW_MS).caller(text) is None


def test_a_known_id_with_another_secret_is_nobodys() -> None:
    secret = secrets.token_bytes(32)
    known, token = MachineTokens(lambda: NOW_MS), kept(secret)
    known.made(token)
    assert known.caller(text_of(token.id, secret)) is not None
    for wrong in (bytes(32), secret[:-1] + bytes([secret[-1] ^ 1])):
        assert known.caller(text_of(token.id, wrong)) is None


def test_a_look_that_began_before_takes_nothing_back() -> None:
    secret = secrets.token_bytes(32)
    known, made, gone = MachineTokens(lambda: NOW_MS), kept(secret), kept(secret)
    known.know([gone], NOW_MS - 1)
    known.made(made)
    known.revoked(gone.id)
    known.know([gone], NOW_MS - 1)
    assert known.caller(text_of(made.id, secret)) is not None
    assert known.caller(text_of(gone.id, secret)) is None
