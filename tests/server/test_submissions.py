"""`Prefer: respond-async`: 202 once it is durable, and at its `Location` what has become of it."""

from __future__ import annotations

import base64
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from actors.wire import OVERLOADED, UNAVAILABLE
from server.ids import uuid7
from tests.server.conftest import OPERATOR, Answer, Api, hold_body
from tests.server.people import signed_in
from tests.server.test_restaurants import RESTAURANTS, house_body, wish

ASYNC = {"Prefer": "respond-async"}
KEY = {"Idempotency-Key": "7d6f9d1e-4b0e-4f0e-9c39-1df0a9b6c7a1"}
PATIENCE_MS = 60_000


class Asked:
    """One submission, as its client knows it."""

    def __init__(self, api: Api, answer: Answer) -> None:
        assert answer.status == 202, answer.raw
        self.api = api
        self.answer = answer
        self.id = answer.json["id"]
        self.location = answer.headers["Location"]
        self.token = {"Reservation-Token": answer.json["token"]}

    async def look(self) -> Answer:
        found = await self.api.get(self.location, headers=self.token)
        assert found.status == 200, found.raw
        return found


async def ask(api: Api, event_id: str, headers: Any = None, **given: Any) -> Answer:
    path = f"/api/v1/events/{event_id}/reservations"
    return await api.post(path, json=hold_body(**given), headers=ASYNC | (headers or {}))


async def test_a_request_that_need_not_be_answered_is_accepted_then_pending_then_the_reservation(
    api: Api,
) -> None:
    event_id = await api.new_event()
    asked = Asked(api, await ask(api, event_id, quantity=2))
    assert asked.answer.headers["Preference-Applied"] == "respond-async"
    assert asked.answer.headers["Retry-After"] == "1"
    assert asked.answer.json["status"] == "pending"
    assert asked.location == f"/api/v1/submissions/{asked.id}"

    pending = await asked.look()
    assert pending.json == {"id": asked.id, "status": "pending"}
    assert pending.headers["Retry-After"] == "1"
    counts = (await api.get(f"/api/v1/events/{event_id}/availability")).json["ticket_types"][0]
    assert (counts["held"], counts["available"]) == (0, 10)

    await api.submissions.work()
    shown = await asked.look()
    held = shown.json
    assert "Retry-After" not in shown.headers
    assert (held["id"], held["status"], held["lines"][0]["quantity"]) == (asked.id, "held", 2)
    assert {"Reservation-Token": held["token"]} == asked.token
    confirmed = await api.post(f"/api/v1/reservations/{held['id']}/confirm", headers=asked.token)
    assert confirmed.json["status"] == "confirmed"
    assert (await asked.look()).json["status"] == "confirmed"


async def test_the_time_of_a_hold_begins_when_it_is_made(api: Api) -> None:
    asked = Asked(api, await ask(api, await api.new_event(hold_duration_s=10)))
    api.gateway.now_ms += 30_000
    await api.submissions.work()
    held = (await asked.look()).json
    assert held["status"] == "held"
    api.gateway.now_ms += 10_000
    assert (await asked.look()).json["status"] == "expired"


async def test_who_comes_first_is_served_first_and_who_is_refused_is_told_so_for_ever(api: Api) -> None:
    event_id = await api.new_event()
    asked = [Asked(api, await ask(api, event_id, quantity=4)) for _ in range(4)]
    await api.submissions.work()
    assert [(await one.look()).json["status"] for one in asked] == ["held", "held", "rejected", "rejected"]

    refused = (await asked[2].look()).json
    assert (refused["code"], refused["problem"]["code"]) == ("held", "held")
    assert refused["problem"]["status"] == 423
    assert refused["problem"]["retry_after_s"] > 0
    await api.post(f"/api/v1/reservations/{asked[0].id}/cancel", headers=asked[0].token)
    await api.submissions.work()
    assert (await asked[2].look()).json == refused
    assert (await asked[0].look()).json["status"] == "released"


@pytest.mark.parametrize(
    "prefer",
    [
        "respond-async",
        "Respond-Async",
        "return=minimal, respond-async, wait=10",
        'foo="a;b, c" ; bar, respond-async;q=1',
    ],
)
async def test_the_preference_is_found_among_others(api: Api, prefer: str) -> None:
    event_id = await api.new_event()
    Asked(api, await ask(api, event_id, {"Prefer": prefer}))


@pytest.mark.parametrize("prefer", ["", "wait=10", "respond-asynchronously", 'foo="x, respond-async, y"'])
async def test_other_preferences_are_overlooked(api: Api, prefer: str) -> None:
    made = await ask(api, await api.new_event(), {"Prefer": prefer})
    assert made.status == 201
    assert "Preference-Applied" not in made.headers


async def test_the_same_key_meets_the_same_submission_before_and_after_it_is_answered(api: Api) -> None:
    event_id = await api.new_event()
    first = await ask(api, event_id, KEY)
    again = await ask(api, event_id, KEY)
    await api.submissions.work()
    later = await ask(api, event_id, KEY)
    assert {answer.status for answer in (first, again, later)} == {202}
    assert first.raw == again.raw == later.raw
    assert len({answer.headers["Location"] for answer in (first, again, later)}) == 1
    assert (await ask(api, event_id, KEY, quantity=2)).code == "key_reused"
    assert (await api.get(f"/api/v1/events/{event_id}", headers=OPERATOR)).json["reservations"] == 1


async def test_the_same_key_without_the_preference_meets_the_same_reservation(api: Api) -> None:
    event_id = await api.new_event()
    asked = Asked(api, await ask(api, event_id, KEY))
    await api.submissions.work()
    path = f"/api/v1/events/{event_id}/reservations"
    waited = await api.post(path, json=hold_body(), headers=KEY)
    assert (waited.status, waited.json["id"]) == (201, asked.id)
    assert (await api.post(path, json=hold_body(2), headers=KEY)).code == "key_reused"


async def test_who_asked_without_the_preference_first_finds_that_reservation_at_the_location(
    api: Api,
) -> None:
    event_id = await api.new_event()
    asked = Asked(api, await ask(api, event_id, KEY))
    waited = await api.post(f"/api/v1/events/{event_id}/reservations", json=hold_body(), headers=KEY)
    await api.submissions.work()
    found = (await asked.look()).json
    assert found["id"] == waited.json["id"] != asked.id
    assert found["token"] == waited.json["token"]
    assert (await api.get(f"/api/v1/events/{event_id}", headers=OPERATOR)).json["reservations"] == 1


async def test_another_body_that_was_first_under_the_key_is_the_end_of_a_submission(api: Api) -> None:
    event_id = await api.new_event()
    asked = Asked(api, await ask(api, event_id, KEY))
    path = f"/api/v1/events/{event_id}/reservations"
    assert (await api.post(path, json=hold_body(2), headers=KEY)).status == 201
    await api.submissions.work()
    assert (await asked.look()).json["code"] == "key_reused"
    assert (await api.post(path, json=hold_body(2), headers=KEY)).status == 201


async def test_a_rejection_is_final_under_its_key_too(api: Api) -> None:
    event_id = await api.new_event()
    blocker, token = await api.new_hold(event_id, quantity=10)
    asked = Asked(api, await ask(api, event_id, KEY))
    await api.submissions.work()
    await api.post(f"{blocker}/cancel", headers=token)
    waited = await api.post(f"/api/v1/events/{event_id}/reservations", json=hold_body(), headers=KEY)
    assert (waited.status, waited.code) == (423, "held")
    assert (await asked.look()).json["code"] == "held"


@pytest.mark.parametrize("said", [OVERLOADED, UNAVAILABLE])
async def test_what_is_no_answer_is_asked_again_until_there_is_one(api: Api, said: Any) -> None:
    asked = Asked(api, await ask(api, await api.new_event()))
    api.gateway.answer_with = said
    api.gateway.now_ms += PATIENCE_MS - 1
    await api.submissions.work()
    assert (await asked.look()).json["status"] == "pending"
    api.gateway.answer_with = None
    await api.submissions.work()
    assert (await asked.look()).json["status"] == "held"


async def test_a_submission_is_given_up_when_it_is_too_old_and_nothing_can_be_done_under_its_key_any_more(
    api: Api,
) -> None:
    event_id = await api.new_event()
    asked = Asked(api, await ask(api, event_id, KEY))
    api.gateway.answer_with = UNAVAILABLE
    api.gateway.now_ms += PATIENCE_MS
    await api.submissions.work()
    api.gateway.answer_with = None
    assert (await asked.look()).json["code"] == "unavailable"
    waited = await api.post(f"/api/v1/events/{event_id}/reservations", json=hold_body(), headers=KEY)
    assert waited.code == "unavailable"
    assert (await api.get(f"/api/v1/events/{event_id}", headers=OPERATOR)).json["reservations"] == 0


async def test_a_submission_whose_effect_was_on_record_is_not_given_up(api: Api) -> None:
    event_id = await api.new_event()
    asked = Asked(api, await ask(api, event_id, KEY))
    await api.post(f"/api/v1/events/{event_id}/reservations", json=hold_body(), headers=KEY)
    api.gateway.answer_with = UNAVAILABLE
    api.gateway.now_ms += PATIENCE_MS
    await api.submissions.work()
    assert (await asked.look()).json["status"] == "pending"
    api.gateway.answer_with = None
    await api.submissions.work()
    assert (await asked.look()).json["status"] == "held"


async def test_beyond_what_may_be_pending_nothing_is_accepted(api: Api) -> None:
    event_id = await api.new_event()
    api.submissions.pending_max = 2
    first = await ask(api, event_id, KEY)
    Asked(api, await ask(api, event_id))
    full = await ask(api, event_id)
    assert (full.status, full.code, full.headers["Retry-After"]) == (503, "overloaded", "1")
    assert (await ask(api, event_id, KEY)).raw == first.raw
    await api.submissions.work()
    Asked(api, await ask(api, event_id))


async def test_only_whoever_asked_and_operators_see_what_became_of_it(api: Api) -> None:
    event_id = await api.new_event()
    asked, other = Asked(api, await ask(api, event_id)), Asked(api, await ask(api, event_id))
    elsewhere = Asked(api, await ask(api, await api.new_event()))
    assert (await api.get(asked.location)).code == "unauthorized"
    for token in (other.token, elsewhere.token, {"Reservation-Token": "x" * 43}):
        assert (await api.get(asked.location, headers=token)).code == "not_found"
    assert (await api.get(asked.location, headers=OPERATOR)).json["status"] == "pending"
    await api.submissions.work()
    assert (await api.get(asked.location, headers=OPERATOR)).json["id"] == asked.id
    for missing in (uuid7(0), "none"):
        path = f"/api/v1/submissions/{missing}"
        assert (await api.get(path, headers=OPERATOR)).code == "not_found"
        assert (await api.get(path, headers=asked.token)).code == "not_found"


def forged(own: str, inventory_id: str) -> dict[str, str]:
    """One's own token, under the id of another inventory."""
    mac = base64.urlsafe_b64decode(own + "=")[16:]
    inventory = bytes.fromhex(inventory_id.replace("-", ""))
    return {"Reservation-Token": base64.urlsafe_b64encode(inventory + mac).decode().rstrip("=")}


async def test_a_token_under_another_inventory_s_id_opens_nothing(api: Api) -> None:
    event_id, another = await api.new_event(), await api.new_event()
    asked = Asked(api, await ask(api, event_id))
    own = asked.answer.json["token"]
    assert forged(own, event_id) == asked.token
    for _ in range(2):
        for inventory_id in (another, uuid7(0)):
            answer = await api.get(asked.location, headers=forged(own, inventory_id))
            assert (answer.status, answer.code) == (404, "not_found")
        await api.submissions.work()
    assert (await asked.look()).json["id"] == asked.id


async def test_what_is_wrong_is_said_at_once(api: Api) -> None:
    event_id = await api.new_event()
    assert (await ask(api, event_id, quantity=0)).paths == ["lines[0].quantity"]
    assert (await ask(api, event_id, {"Idempotency-Key": "two words"})).paths == ["Idempotency-Key"]
    assert (await ask(api, event_id, {"Authorization": "Bearer nobody's"})).code == "unauthorized"
    assert (await ask(api, uuid7(0))).code == "not_found"
    house = (await api.post(RESTAURANTS, json=house_body(), headers=OPERATOR)).json["id"]
    assert (await ask(api, house)).code == "not_found"
    path = f"{RESTAURANTS}/{event_id}/reservations"
    assert (await api.post(path, json=wish(), headers=ASYNC)).code == "not_found"


async def test_without_the_store_nothing_is_accepted(api: Api) -> None:
    event_id = await api.new_event()
    api.gateway.failing = OSError("away")
    assert (await ask(api, event_id)).code == "unavailable"


async def test_tables_are_reserved_behind_the_scenes_too(api: Api) -> None:
    house = (await api.post(RESTAURANTS, json=house_body(), headers=OPERATOR)).json["id"]
    path = f"{RESTAURANTS}/{house}/reservations"
    asked = [Asked(api, await api.post(path, json=wish(party_size=4), headers=ASYNC)) for _ in range(3)]
    await api.submissions.work()
    shown = [(await one.look()).json for one in asked]
    assert [one["status"] for one in shown] == ["held", "held", "rejected"]
    assert [one.get("token") for one in shown[:2]] == [one.answer.json["token"] for one in asked[:2]]
    assert shown[2]["code"] == "held"


async def test_what_a_guest_did_meanwhile_counts(api: Api) -> None:
    body = house_body(min_score=90)
    house = (await api.post(RESTAURANTS, json=body, headers=OPERATOR)).json["id"]
    path = f"{RESTAURANTS}/{house}/reservations"
    first = await api.post(path, json=wish(), headers=OPERATOR)
    here = f"/api/v1/reservations/{first.json['id']}"
    assert (await api.post(f"{here}/confirm", headers=OPERATOR)).status == 200
    asked = Asked(api, await api.post(path, json=wish(date="2026-11-21"), headers=ASYNC))
    api.gateway.now_ms += 86_400_000 + 9 * 3_600_000
    missed = await api.post(f"{here}/no-show", headers=OPERATOR)
    assert missed.json["status"] == "no_show", missed.raw
    await api.submissions.work()
    assert (await asked.look()).json["code"] == "score_too_low"


async def test_what_is_shown_fits_its_schema(api: Api) -> None:
    document = (await api.get("/openapi.json")).json
    event_id = await api.new_event()
    asked = [Asked(api, await ask(api, event_id, quantity=10)) for _ in range(2)]
    shown = [("AcceptedView", asked[0].answer.json), ("PendingView", (await asked[0].look()).json)]
    await api.submissions.work()
    shown += [("ReservationView", (await asked[0].look()).json)]
    shown += [("RejectedView", (await asked[1].look()).json)]
    for name, body in shown:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema.validate(body, schema)
    responses = document["paths"]["/api/v1/events/{event_id}/reservations"]["post"]["responses"]
    assert set(responses["202"]["headers"]) == {
        "Location",
        "Preference-Applied",
        "Retry-After",
        "X-Request-Id",
    }


async def test_who_is_signed_in_sees_what_he_asked_for_and_others_do_not(api: Api) -> None:
    event_id = await api.new_event()
    ada, eve = await signed_in(api), await signed_in(api, "eve@example.org")
    path = f"/api/v1/events/{event_id}/reservations"
    lines = {"lines": [{"ticket_type": "ga", "quantity": 10}]}
    for standing in ("held", "rejected"):
        asked = await api.post(path, json=lines, headers=ASYNC | ada.headers)
        location = asked.headers["Location"]
        pending = await api.get(location, headers=ada.headers)
        assert (pending.status, pending.json["status"]) == (200, "pending")
        await api.submissions.work()
        assert (await api.get(location, headers=ada.headers)).json["status"] == standing
        for stranger in (eve.headers, {**ada.headers, "Reservation-Token": "x" * 64}):
            assert (await api.get(location, headers=stranger)).code == "not_found"
        assert (await api.get(location)).code == "unauthorized"
