"""Limits: so many are answered and one more is not, for each client by itself, with Valkey and without."""

from __future__ import annotations

from typing import Any

import pytest

from server.client_address import ClientAddress, counted_as
from server.problems import Problem
from server.throttle import Bounds, Group, Throttle
from tests.persistence.servers import ValkeyServer, throwaway_valkey
from tests.server.conftest import OPERATOR, Api, Start, hold_body
from tests.server.people import ADA, ME, PASSWORD, log_in, register, signed_in

PROXY = ClientAddress(("127.0.0.1",))
LATER = {"X-Forwarded-For": "192.0.2.7"}
RECOVER, RESETS = "/api/v1/reservations/recover", "/api/v1/password-resets"


def throttled(bounds: Bounds, **given: Any) -> Throttle:
    return Throttle(bounds, PROXY, **given)


async def reserve(api: Api, event_id: str, headers: dict[str, str]) -> int:
    path = f"/api/v1/events/{event_id}/reservations"
    answer = await api.post(path, json=hold_body(), headers=headers)
    if answer.status == 429:
        assert answer.code == "rate_limited"
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    return answer.status


async def test_so_many_reservations_of_one_address_are_taken_and_others_are_not_held_up(start: Start) -> None:
    api = await start(throttle=throttled({Group.RESERVE: (2, 60)}))
    event_id = await api.new_event()
    assert [await reserve(api, event_id, {}) for _ in range(3)] == [201, 201, 429]
    assert [await reserve(api, event_id, LATER) for _ in range(3)] == [201, 201, 429]
    assert await reserve(api, event_id, OPERATOR) == 201
    ada = await signed_in(api)
    assert [await reserve(api, event_id, ada.headers | LATER) for _ in range(3)] == [201, 201, 429]
    assert (await api.get(f"/api/v1/events/{event_id}")).status == 200


async def test_what_is_refused_for_being_too_often_changed_nothing(start: Start) -> None:
    api = await start(throttle=throttled({Group.RESERVE: (1, 60)}))
    event_id = await api.new_event()
    assert [await reserve(api, event_id, {}) for _ in range(4)] == [201, 429, 429, 429]
    counts = (await api.get(f"/api/v1/events/{event_id}/availability")).json["ticket_types"][0]
    assert counts["held"] == 1


async def test_all_requests_count_and_health_does_not(start: Start) -> None:
    api = await start(throttle=throttled({Group.ANY: (3, 3_600)}))
    assert [(await api.get("/api/v1/events")).status for _ in range(4)] == [200, 200, 200, 429]
    for path in ("/healthz", "/metrics", "/openapi.json"):
        assert (await api.get(path)).status == 200


async def test_tries_at_one_e_mail_are_bounded_whoever_makes_them(start: Start) -> None:
    api = await start(throttle=throttled({Group.LOG_IN_EMAIL: (3, 60)}))
    await register(api)
    tries = []
    for number in range(4):
        away = {"X-Forwarded-For": f"192.0.2.{number}"}
        body = {"email": ADA.upper(), "password": "wrong"}
        tries.append((await api.post("/api/v1/sessions", json=body, headers=away)).status)
    assert tries == [401, 401, 401, 429]
    assert (await log_in(api, "bob@example.org")).status == 401


async def test_tries_at_the_present_password_are_bounded_with_those_of_logging_in(start: Start) -> None:
    api = await start(throttle=throttled({Group.LOG_IN_EMAIL: (4, 60)}))
    ada, bob = await signed_in(api), await signed_in(api, "bob@example.org")
    wrong, right = [{"present": text, "password": "something else"} for text in ("wrong", PASSWORD)]
    tries = [(await api.post(f"{ME}/password", json=wrong, headers=ada.headers)).status for _ in range(3)]
    assert tries == [403, 403, 403]
    refused = await api.post(f"{ME}/password", json=right, headers=ada.headers)
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert (await log_in(api)).status == 429
    assert (await api.post(f"{ME}/password", json=right, headers=bob.headers)).status == 204


async def test_changes_of_a_password_by_one_client_are_bounded(start: Start) -> None:
    api = await start(throttle=throttled({Group.LOG_IN: (2, 60)}))
    ada = await signed_in(api)
    wrong = {"present": "wrong", "password": "something else"}
    tries = [(await api.post(f"{ME}/password", json=wrong, headers=ada.headers)).status for _ in range(3)]
    assert tries == [403, 403, 429]


async def test_log_ins_of_one_address_are_bounded_whomever_they_are_of(start: Start) -> None:
    api = await start(throttle=throttled({Group.LOG_IN: (2, 60)}))
    answers = [(await log_in(api, f"nobody-{number}@example.org")).status for number in range(3)]
    assert answers == [401, 401, 429]


async def test_mails_to_one_address_are_bounded_whatever_asks_for_them(start: Start) -> None:
    api = await start(throttle=throttled({Group.ASK_EMAIL: (3, 3_600), Group.ASK_FOR_MAIL: (5, 3_600)}))
    assert (await register(api)).status == 202
    assert (await api.post(RESETS, json={"email": ADA})).status == 202
    assert (await api.post(RECOVER, json={"email": ADA})).status == 202
    assert (await register(api)).code == "rate_limited"
    assert (await register(api, "bob@example.org")).status == 202
    assert (await register(api, "eve@example.org")).code == "rate_limited", "of one client"
    assert len(api.accounts.mails) == 2


async def test_a_bound_of_0_is_none() -> None:
    throttle = throttled(dict.fromkeys(Group, (0, 60)))
    assert throttle.check_of(Group.RESERVE) is None
    for _ in range(50):
        await throttle.of_email(Group.LOG_IN_EMAIL, b"ada")


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
    ],
)
def test_who_has_a_network_counts_as_one(address: str, counted: str) -> None:
    assert counted_as(address) == counted


async def taken(throttle: Throttle, count: int) -> int:
    """How many of so many were let in."""
    refused = []
    for _ in range(count):
        try:
            await throttle.of_email(Group.LOG_IN_EMAIL, b"ada")
        except Problem as problem:
            refused.append((problem.code, problem.members["retry_after_s"] > 0))
    assert set(refused) <= {("rate_limited", True)}
    return count - len(refused)


async def test_front_ends_count_together_and_each_alone_while_valkey_is_gone() -> None:
    bounds = {Group.LOG_IN_EMAIL: (4, 3_600)}
    with throwaway_valkey() as valkey:
        one, two = (throttled(bounds, valkey_url=valkey.url) for _ in range(2))
        assert await taken(one, 3) + await taken(two, 3) == 4
        _stop(valkey)
        assert await taken(one, 6) == 4
        assert await taken(two, 6) == 4
        await one.close()
        await two.close()


def _stop(valkey: ValkeyServer) -> None:
    valkey.kill()
