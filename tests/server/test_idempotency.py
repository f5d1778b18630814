"""One key, one effect: the same answer again, and where a key ends."""

from __future__ import annotations

import pytest

from tests.server.conftest import OPERATOR, Api, event_body, hold_body

KEY = {"Idempotency-Key": "7d6f9d1e-4b0e-4f0e-9c39-1df0a9b6c7a1"}


async def test_a_hold_placed_again_with_its_key_is_the_same_hold(api: Api) -> None:
    path = f"/api/v1/events/{await api.new_event()}/reservations"
    first = await api.post(path, json=hold_body(), headers=KEY)
    api.gateway.now_ms += 5000
    again = await api.post(path, json=hold_body(), headers=KEY)
    assert (first.status, first.raw) == (again.status, again.raw)
    assert first.headers["Location"] == again.headers["Location"]


async def test_a_hold_placed_again_without_a_key_is_another(api: Api) -> None:
    path = f"/api/v1/events/{await api.new_event()}/reservations"
    assert (await api.post(path, json=hold_body())).json["id"] != (
        await api.post(path, json=hold_body())
    ).json["id"]


async def test_a_replay_shows_what_was_even_after_the_hold_was_confirmed(api: Api) -> None:
    path = f"/api/v1/events/{await api.new_event()}/reservations"
    first = await api.post(path, json=hold_body(), headers=KEY)
    token = {"Reservation-Token": first.json["token"]}
    await api.post(f"{first.headers['Location']}/confirm", headers=token)
    assert (await api.post(path, json=hold_body(), headers=KEY)).raw == first.raw


async def test_a_key_with_another_body_is_refused(api: Api) -> None:
    path = f"/api/v1/events/{await api.new_event()}/reservations"
    await api.post(path, json=hold_body(1), headers=KEY)
    refused = await api.post(path, json=hold_body(2), headers=KEY)
    assert (refused.status, refused.code) == (422, "key_reused")


async def test_a_key_elsewhere_is_another_key(api: Api) -> None:
    one, two = await api.new_event(), await api.new_event()
    ids = set()
    for event_id in (one, two):
        held = await api.post(f"/api/v1/events/{event_id}/reservations", json=hold_body(), headers=KEY)
        ids.add(held.json["id"])
    by_operator = await api.post(
        f"/api/v1/events/{one}/reservations", json=hold_body(), headers=KEY | OPERATOR
    )
    assert len(ids | {by_operator.json["id"]}) == 3


async def test_a_refusal_is_decided_anew(api: Api) -> None:
    event_id = await api.new_event()
    blocker, token = await api.new_hold(event_id, quantity=10)
    path = f"/api/v1/events/{event_id}/reservations"
    assert (await api.post(path, json=hold_body(), headers=KEY)).code == "held"
    await api.post(f"{blocker}/cancel", headers=token)
    assert (await api.post(path, json=hold_body(), headers=KEY)).status == 201


async def test_an_event_made_again_with_its_key_is_the_same_event(api: Api) -> None:
    first = await api.post("/api/v1/events", json=event_body(), headers=OPERATOR | KEY)
    again = await api.post("/api/v1/events", json=event_body(), headers=OPERATOR | KEY)
    assert (first.status, first.raw, first.headers["Location"]) == (
        again.status,
        again.raw,
        again.headers["Location"],
    )
    other = await api.post("/api/v1/events", json=event_body(name="Other"), headers=OPERATOR | KEY)
    assert other.code == "key_reused"
    assert len((await api.get("/api/v1/events")).json["items"]) == 1


@pytest.mark.parametrize("action", ["extend", "confirm", "cancel"])
async def test_actions_take_keys_and_a_key_of_one_is_not_one_of_another(api: Api, action: str) -> None:
    path, token = await api.new_hold(await api.new_event(hold_extensions_max=1))
    first = await api.post(f"{path}/{action}", headers=token | KEY)
    api.gateway.now_ms += 1000
    assert (await api.post(f"{path}/{action}", headers=token | KEY)).raw == first.raw


async def test_pausing_takes_a_key(api: Api) -> None:
    path = f"/api/v1/events/{await api.new_event()}/pause"
    first = await api.post(path, headers=OPERATOR | KEY)
    await api.post(path.replace("pause", "resume"), headers=OPERATOR | KEY)
    assert (await api.post(path, headers=OPERATOR | KEY)).raw == first.raw


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "ümlaut", "tab\there"])
async def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    path = f"/api/v1/events/{await api.new_event()}/reservations"
    refused = await api.post(path, json=hold_body(), headers={"Idempotency-Key": key})
    assert refused.paths == ["Idempotency-Key"]


@pytest.mark.parametrize("key", ["x", "x" * 255, "!~", "7d6f9d1e-4b0e-4f0e-9c39-1df0a9b6c7a1"])
async def test_a_key_within_its_bounds_is_taken(api: Api, key: str) -> None:
    path = f"/api/v1/events/{await api.new_event()}/reservations"
    assert (await api.post(path, json=hold_body(), headers={"Idempotency-Key": key})).status == 201
