"""The door over HTTP: one ticket at a time, told later, and the list for devices that are out of touch."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import msgspec
import pytest

from server.payloads_tickets import SCANS_MAX
from tests.server.conftest import CODES, OPERATOR, Answer, Api
from tests.server.test_tickets import bought

GATE = {"gate": "north"}


async def scan(api: Api, event_id: str, code: str, **more: Any) -> Answer:
    path = f"/api/v1/events/{event_id}/check-ins"
    return await api.post(path, json={"code": code, **more}, headers=OPERATOR)


async def upload(api: Api, event_id: str, *entries: dict[str, Any], device: str = "phone 7") -> Answer:
    path = f"/api/v1/events/{event_id}/check-ins/batch"
    return await api.post(path, json={"device": device, "entries": list(entries)}, headers=OPERATOR)


async def test_a_ticket_is_let_in_and_whoever_comes_with_it_again_is_told_of_it(api: Api) -> None:
    event_id, _, _, codes = await bought(api, 2)
    first = await scan(api, event_id, codes[0], **GATE)
    assert first.status == 200
    let_in = first.json
    assert (let_in["number"], let_in["let_in"], let_in["of"]) == (1, 1, 2)
    assert let_in["holder"] == {"name": "Ada Lovelace", "email": "ada@example.org"}
    entry = {"at": "2026-11-18T11:06:40.000Z", "by": "operator", "gate": "north", "device": None}
    assert let_in["checked_in"] == entry
    again = await scan(api, event_id, codes[0].lower(), gate="south")
    assert (again.status, again.code) == (409, "already_checked_in")
    assert again.json["checked_in"] == {"at": entry["at"], "by": "operator", "gate": "north"}


async def test_of_many_who_come_with_one_ticket_at_once_one_is_let_in(api: Api) -> None:
    event_id, _, _, (code,) = await bought(api)
    answers = await asyncio.gather(*(scan(api, event_id, code, gate=f"{n}") for n in range(64)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 63
    gate = next(answer.json["checked_in"]["gate"] for answer in answers if answer.status == 200)
    assert {answer.json["checked_in"]["gate"] for answer in answers} == {gate}


async def test_a_retry_with_its_key_is_told_the_same_again(api: Api) -> None:
    event_id, _, _, (code,) = await bought(api)
    path, key = f"/api/v1/events/{event_id}/check-ins", {"Idempotency-Key": "scan-1"}
    first = await api.post(path, json={"code": code}, headers=OPERATOR | key)
    again = await api.post(path, json={"code": code}, headers=OPERATOR | key)
    assert (first.status, again.status, again.raw) == (200, 200, first.raw)


async def test_when_all_are_in_the_reservation_is_checked_in_and_cannot_be_cancelled(api: Api) -> None:
    event_id, path, holder, codes = await bought(api, 2, cancel_until="2026-12-31T00:00:00Z")
    for code in codes:
        await scan(api, event_id, code)
    assert (await api.get(path, headers=holder)).json["status"] == "checked_in"
    refused = await api.post(f"{path}/cancel", headers=holder)
    assert (refused.code, refused.json["reservation_status"]) == ("wrong_state", "checked_in")
    counts = (await api.get(f"/api/v1/events/{event_id}/availability")).json["ticket_types"]
    assert counts[0]["confirmed"] == 2


async def test_a_mistake_at_the_door_is_taken_back(api: Api) -> None:
    event_id, _, _, (code,) = await bought(api)
    await scan(api, event_id, code)
    undo = f"/api/v1/events/{event_id}/check-ins/undo"
    taken_back = await api.post(undo, json={"code": code}, headers=OPERATOR)
    assert (taken_back.status, taken_back.json["checked_in"], taken_back.json["let_in"]) == (200, None, 0)
    assert (await api.post(undo, json={"code": code}, headers=OPERATOR)).json == taken_back.json
    assert (await scan(api, event_id, code)).status == 200


@pytest.mark.parametrize("code", ["A" * 52, "nonsense", "\u00e4"])
async def test_what_is_no_code_is_not_found(api: Api, code: str) -> None:
    event_id = await api.new_event()
    assert (await scan(api, event_id, code)).status == 404


async def test_a_ticket_of_another_event_is_not_found(api: Api) -> None:
    _, _, _, (code,) = await bought(api)
    other = await api.new_event()
    assert (await scan(api, other, code)).status == 404


async def test_a_code_of_what_is_not_confirmed_is_refused(api: Api) -> None:
    event_id = await api.new_event()
    path, _ = await api.new_hold(event_id)
    refused = await scan(api, event_id, CODES.code(path.rpartition("/")[2], 1, 1))
    assert (refused.code, refused.json["reservation_status"]) == ("wrong_state", "held")


@pytest.mark.parametrize("path", ["check-ins", "check-ins/undo", "check-ins/batch", "check-ins/list"])
async def test_the_door_is_the_operators(api: Api, path: str) -> None:
    event_id = await api.new_event()
    method = "GET" if path.endswith("list") else "POST"
    assert (await api.ask(method, f"/api/v1/events/{event_id}/{path}", json={})).status == 401


async def test_what_was_let_in_out_of_touch_is_told_later_in_the_order_of_its_times(api: Api) -> None:
    event_id, _, _, codes = await bought(api, 3)
    await scan(api, event_id, codes[2], **GATE)
    later, earlier = "2026-11-18T11:00:02Z", "2026-11-18T11:00:01Z"
    entries = (
        {"code": codes[0], "scanned_at": later, "gate": "b"},
        {"code": codes[0], "scanned_at": earlier, "gate": "a"},
        {"code": codes[1], "scanned_at": "2026-11-18T13:00:00+01:00"},
        {"code": codes[2], "scanned_at": earlier},
        {"code": "nonsense", "scanned_at": earlier},
        {"code": codes[1], "scanned_at": "2031-01-01T00:00:00Z"},
    )
    told = await upload(api, event_id, *entries)
    assert told.status == 200
    items = told.json["items"]
    statuses = [item["status"] for item in items]
    assert statuses == ["conflict", "checked_in", "refused", "conflict", "refused", "refused"]
    assert items[1]["ticket"]["checked_in"] == {
        "at": "2026-11-18T11:00:01.000Z",
        "by": "operator",
        "gate": "a",
        "device": "phone 7",
    }
    assert items[0]["problem"]["checked_in"]["gate"] == "a"
    assert items[3]["problem"]["checked_in"]["gate"] == "north"
    assert [item["problem"]["code"] for item in items[4:]] == ["not_found", "invalid"]
    assert (await upload(api, event_id, *entries)).json == told.json


async def test_an_upload_without_entries_or_with_too_many_is_refused(api: Api) -> None:
    event_id = await api.new_event()
    entry = {"code": "x", "scanned_at": "2026-11-18T11:00:01Z"}
    assert (await upload(api, event_id)).paths == ["entries"]
    assert (await upload(api, event_id, *[entry] * SCANS_MAX)).status == 200
    assert (await upload(api, event_id, *[entry] * (SCANS_MAX + 1))).paths == ["entries"]


async def test_the_list_for_devices_knows_codes_by_their_digests(api: Api) -> None:
    event_id, path, _, codes = await bought(api, 2)
    await scan(api, event_id, codes[1], **GATE)
    await api.post(
        f"{path}/tickets/1/transfer", json={"name": "Bob", "email": "bob@example.org"}, headers=OPERATOR
    )
    await api.new_hold(event_id)
    listed = await api.get(f"/api/v1/events/{event_id}/check-ins/list", headers=OPERATOR)
    rows = [msgspec.json.decode(line) for line in listed.raw.splitlines()]
    assert [row["number"] for row in rows] == [1, 2]
    assert [row["holder"]["name"] for row in rows] == ["Bob", "Ada Lovelace"]
    assert rows[1]["code_sha256"] == hashlib.sha256(codes[1].encode()).hexdigest()
    assert rows[0]["code_sha256"] != hashlib.sha256(codes[0].encode()).hexdigest()
    assert [row["checked_in"] and row["checked_in"]["gate"] for row in rows] == [None, "north"]
    assert codes[1].encode() not in listed.raw
    headers = OPERATOR | {"If-None-Match": listed.headers["ETag"]}
    assert (await api.get(f"/api/v1/events/{event_id}/check-ins/list", headers=headers)).status == 304
    await api.new_hold(event_id)
    assert (await api.get(f"/api/v1/events/{event_id}/check-ins/list", headers=headers)).status == 200


async def test_the_list_of_no_event_is_not_found(api: Api) -> None:
    path = "/api/v1/events/01900000-0000-7000-8000-000000000001/check-ins/list"
    assert (await api.get(path, headers=OPERATOR)).status == 404
