"""Sessions: tokens that are the server's own, run out, serve once, and end together."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from typing import Any

import jwt
import msgspec
import pytest

from domain.account import ACCESS_LIFE_MS, SESSION_LIFE_MS, Account, Role, SigningKey
from server.access_tokens import (
    AUDIENCE,
    ISSUER,
    KEY_REST_MS,
    KNOWN_MAX_AGE_MS,
    REMEMBERED_MAX,
    SKEW_MAX_MS,
    AccessTokens,
)
from server.machine_tokens import OWN_KEPT_MS
from server.passwords import Passwords
from server.problems import Problem
from tests.server.conftest import Api, quick_passwords
from tests.server.people import ME, SESSIONS, log_in, person_of, signed_in

ACCOUNT = Account("a", "ada@example.org", b"\1" * 16, "Ada", "en", Role.ORGANISER, "o", 1, 0)
KEY = SigningKey("1", b"k" * 32, 1)
NOW_MS = 1_795_000_000_000


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> AccessTokens:
    made = AccessTokens(clock)
    made.know([KEY], frozenset(), NOW_MS)
    return made


def claims(**changes: Any) -> dict[str, Any]:
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": NOW_MS // 1000 + 60,
        "sub": "a",
        "sid": "s",
        "role": "admin",
        "customer": "AAAA",
    }
    return {name: value for name, value in {**said, **changes}.items() if value is not ...}


def forged(header: dict[str, Any], said: dict[str, Any], key: bytes = KEY.value) -> str:
    """A token with any header, signed as HS256 is."""
    parts = [base64.urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=") for part in (header, said)]
    text = b".".join(parts)
    mac = base64.urlsafe_b64encode(hmac.digest(key, text, hashlib.sha256)).rstrip(b"=")
    return (text + b"." + mac).decode()


def test_a_token_says_who_it_is_of(tokens: AccessTokens) -> None:
    token, expires_ms = tokens.made(ACCOUNT, "s")
    assert expires_ms == NOW_MS + ACCESS_LIFE_MS
    for _ in range(2):
        caller = tokens.caller(token)
        assert caller is not None
        assert (caller.role, caller.account_id, caller.organiser_id) == (Role.ORGANISER, "a", "o")
        assert (caller.customer, caller.session_id, caller.scope) == (ACCOUNT.customer, "s", "account:a")


def test_a_sound_token_made_by_hand_is_taken_so_the_following_are_refused_for_what_they_say(
    tokens: AccessTokens,
) -> None:
    assert tokens.caller(forged({"alg": "HS256", "kid": "1"}, claims())) is not None


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "x" * 2_000,
        "\udcff",
        forged({"alg": "HS256", "kid": "1"}, claims(), b"another" * 5),
        forged({"alg": "none", "kid": "1"}, claims()).rpartition(".")[0] + ".",
        forged({"alg": "HS512", "kid": "1"}, claims()),
        forged({"alg": "HS256"}, claims()),
        forged({"alg": "HS256", "kid": "2"}, claims()),
        forged({"alg": "HS256", "kid": ["1"]}, claims()),
        forged({"alg": "HS256", "kid": "1"}, claims(iss="another")),
        forged({"alg": "HS256", "kid": "1"}, claims(aud="another")),
        forged({"alg": "HS256", "kid": "1"}, claims(exp=NOW_MS // 1000)),
        forged({"alg": "HS256", "kid": "1"}, claims(exp=...)),
        forged({"alg": "HS256", "kid": "1"}, claims(exp="soon")),
        forged({"alg": "HS256", "kid": "1"}, claims(exp=NOW_MS // 1000 + 10 * 86_400)),
        forged({"alg": "HS256", "kid": "1"}, claims(sid=...)),
        forged({"alg": "HS256", "kid": "1"}, claims(role="root")),
        forged({"alg": "HS256", "kid": "1"}, claims(customer="!")),
        *[jwt.encode(claims(), "k" * 64, algorithm="HS512", headers={"kid": "1"})],
    ],
)
def test_what_the_server_did_not_sign_is_nobodys(tokens: AccessTokens, token: str) -> None:
    assert tokens.caller(token) is None


def test_a_token_runs_out_also_once_it_is_remembered(tokens: AccessTokens, clock: Clock) -> None:
    token, expires_ms = tokens.made(ACCOUNT, "s")
    clock.now_ms = expires_ms - 1_001
    tokens.know([KEY], frozenset(), NOW_MS)
    assert tokens.caller(token) is not None
    clock.now_ms = expires_ms
    tokens.know([KEY], frozenset(), NOW_MS)
    assert tokens.caller(token) is None


def test_a_token_of_a_session_that_ended_is_nobodys(tokens: AccessTokens) -> None:
    token, other = tokens.made(ACCOUNT, "s")[0], tokens.made(ACCOUNT, "t")[0]
    assert tokens.caller(token) is not None
    tokens.end(["s"])
    assert tokens.caller(token) is None
    tokens.know([KEY], frozenset(["t"]), NOW_MS)
    assert tokens.caller(other) is None


def test_while_it_is_not_known_which_sessions_ended_no_token_is_taken(
    tokens: AccessTokens, clock: Clock
) -> None:
    token, _ = tokens.made(ACCOUNT, "s")
    clock.now_ms += KNOWN_MAX_AGE_MS
    assert tokens.caller(token) is not None
    clock.now_ms += 1
    with pytest.raises(Problem) as refused:
        tokens.caller(token)
    assert refused.value.code == "unavailable"


def test_a_new_key_signs_once_all_have_it_and_the_old_one_serves_until_its_tokens_ran_out(
    tokens: AccessTokens, clock: Clock
) -> None:
    keys = [KEY, SigningKey("2", b"n" * 32, NOW_MS)]
    tokens.know(keys, frozenset(), NOW_MS)

    def kid() -> str:
        return str(jwt.get_unverified_header(tokens.made(ACCOUNT, "s")[0])["kid"])

    clock.now_ms += KEY_REST_MS - 1
    assert kid() == "1"
    old, _ = tokens.made(ACCOUNT, "s")
    clock.now_ms += 1
    assert kid() == "2"
    assert tokens.caller(old) is not None
    clock.now_ms += ACCESS_LIFE_MS + SKEW_MAX_MS
    stolen = forged({"alg": "HS256", "kid": "1"}, claims(exp=clock.now_ms // 1000 + 60))
    tokens.know(keys, frozenset(), NOW_MS)
    assert tokens.caller(stolen) is not None
    clock.now_ms += 1
    other = forged({"alg": "HS256", "kid": "1"}, claims(exp=clock.now_ms // 1000 + 61))
    assert tokens.caller(other) is None


def test_remembered_tokens_are_bounded(tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    assert REMEMBERED_MAX >= 1_000
    monkeypatch.setattr("server.access_tokens.REMEMBERED_MAX", 3)
    made = [tokens.made(ACCOUNT, str(number))[0] for number in range(5)]
    assert all(tokens.caller(token) for token in made * 2)
    assert len(tokens._remembered) == 3


def test_a_look_that_began_before_a_session_ended_does_not_take_that_back(tokens: AccessTokens) -> None:
    token, _ = tokens.made(ACCOUNT, "s")
    tokens.end(["s"])
    for asked_ms in (NOW_MS - 1, NOW_MS + OWN_KEPT_MS - 1):
        tokens.know([KEY], frozenset(), asked_ms)
        assert tokens.caller(token) is None
    tokens.know([KEY], frozenset(["s"]), NOW_MS + OWN_KEPT_MS)
    assert tokens.caller(token) is None
    tokens.know([KEY], frozenset(), NOW_MS + OWN_KEPT_MS)
    assert tokens.caller(token) is not None, "what the list has dropped is kept no longer"


async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(api: Api) -> None:
    await signed_in(api)
    wrong, unknown = await log_in(api, password="x"), await log_in(api, "eve@example.org")
    assert (wrong.status, wrong.code) == (401, "unauthorized")
    assert wrong.raw == unknown.raw


async def test_a_password_is_the_same_however_its_letters_are_composed() -> None:
    passwords = quick_passwords()
    kept = await passwords.hashed("cafe\u0301 crème")
    assert await passwords.matches(kept, "café crème")
    assert not await passwords.matches(kept, "cafe creme")
    assert not await passwords.matches(None, "café crème")
    passwords.close()


async def test_more_passwords_than_may_wait_are_refused_and_the_others_are_checked() -> None:
    passwords = Passwords(1, 1, quick_passwords()._hasher)
    answers = await asyncio.gather(*(passwords.hashed("x") for _ in range(3)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Problem)]
    assert [problem.code for problem in refused] == ["overloaded"]
    assert len([answer for answer in answers if isinstance(answer, str)]) == 2
    assert await passwords.hashed("x")
    passwords.close()


async def refreshed(api: Api, token: str, **headers: str) -> Any:
    return await api.post(f"{SESSIONS}/refresh", json={"refresh_token": token}, headers=headers)


async def test_a_session_goes_on_with_the_token_that_came_last(api: Api) -> None:
    ada = await signed_in(api)
    for _ in range(3):
        api.gateway.now_ms += ACCESS_LIFE_MS
        await api.tokens.look(api.accounts, api.machines)
        assert (await api.get(ME, headers=ada.headers)).code == "unauthorized"
        ada = person_of(await refreshed(api, ada.refresh))
        assert (await api.get(ME, headers=ada.headers)).status == 200


async def test_a_refresh_token_that_served_already_ends_its_session(api: Api) -> None:
    first, other = await signed_in(api), person_of(await log_in(api))
    second = person_of(await refreshed(api, first.refresh))
    assert (await refreshed(api, first.refresh)).code == "unauthorized"
    assert (await refreshed(api, second.refresh)).code == "unauthorized"
    for person in (first, second):
        assert (await api.get(ME, headers=person.headers)).code == "unauthorized"
    assert (await api.get(ME, headers=other.headers)).status == 200


async def test_a_lost_answer_is_had_again_with_the_same_key_until_its_token_serves(api: Api) -> None:
    first, key = await signed_in(api), {"Idempotency-Key": "once"}
    lost, again = await refreshed(api, first.refresh, **key), await refreshed(api, first.refresh, **key)
    assert lost.json["refresh_token"] == again.json["refresh_token"]
    third = person_of(await refreshed(api, again.json["refresh_token"]))
    assert (await refreshed(api, first.refresh, **key)).code == "unauthorized"
    assert (await refreshed(api, third.refresh)).code == "unauthorized"


async def test_with_another_key_it_has_served_already(api: Api) -> None:
    first = await signed_in(api)
    second = person_of(await refreshed(api, first.refresh, **{"Idempotency-Key": "a"}))
    assert (await refreshed(api, first.refresh, **{"Idempotency-Key": "b"})).code == "unauthorized"
    assert (await refreshed(api, second.refresh)).code == "unauthorized"


async def test_a_session_that_is_not_renewed_runs_out(api: Api) -> None:
    ada = await signed_in(api)
    api.gateway.now_ms += SESSION_LIFE_MS
    assert (await refreshed(api, ada.refresh)).code == "unauthorized"


async def test_a_made_up_refresh_token_is_unauthorized_or_invalid(api: Api) -> None:
    assert (await refreshed(api, "A" * 64)).code == "unauthorized"
    assert (await refreshed(api, "A" * 63)).paths == ["refresh_token"]
    assert (await refreshed(api, "A" * 65)).paths == ["refresh_token"]
    assert (await refreshed(api, "!" * 64)).paths == ["refresh_token"]


async def test_who_logs_out_is_out_and_nobody_else_is(api: Api) -> None:
    ada, elsewhere = await signed_in(api), person_of(await log_in(api))
    assert (await api.ask("DELETE", f"{SESSIONS}/current", headers=ada.headers)).status == 204
    assert (await api.get(ME, headers=ada.headers)).code == "unauthorized"
    assert (await refreshed(api, ada.refresh)).code == "unauthorized"
    assert (await api.get(ME, headers=elsewhere.headers)).status == 200


async def test_what_has_secrets_in_it_is_not_to_be_kept(api: Api) -> None:
    ada = await signed_in(api)
    for answer in (
        await log_in(api),
        await refreshed(api, ada.refresh),
        await api.get(ME, headers=ada.headers),
    ):
        assert answer.headers["Cache-Control"] == "no-store"
