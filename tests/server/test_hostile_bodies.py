"""Bodies made to hurt: each gets a 4xx that says why, and the server goes on."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from server.parts import Options
from tests.server.conftest import Api, Start, hold_body

JSON = {"Content-Type": "application/json"}
CUSTOMER = b'"customer":{"name":"x","email":"a@b"}'
MALFORMED = {
    "empty": b"",
    "not JSON": b"{",
    "text after it": b'{"lines":[]} x',
    "deep arrays": b"[" * 60_000,
    "deep objects": b'{"a":' * 12_000,
    "deep in an unknown field": b'{"x":' + b"[" * 60_000,
    "NaN": b'{"lines":[{"ticket_type":"ga","quantity":NaN}],' + CUSTOMER + b"}",
    "Infinity": b'{"lines":[{"ticket_type":"ga","quantity":-Infinity}],' + CUSTOMER + b"}",
    "invalid UTF-8": b'{"lines":[{"ticket_type":"\xff","quantity":1}],' + CUSTOMER + b"}",
    "UTF-16": '{"lines":[]}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "raw NUL": b'{"lines":[{"ticket_type":"\x00","quantity":1}],' + CUSTOMER + b"}",
    "lone surrogate": b'{"lines":[{"ticket_type":"\\ud800","quantity":1}],' + CUSTOMER + b"}",
    "surrogates the wrong way round": b'{"lines":[{"ticket_type":"\\udc00\\ud800","quantity":1}],'
    + CUSTOMER
    + b"}",
}
INVALID = {
    "array": (b"[]", ""),
    "null": (b"null", ""),
    "text": (b'"x"', ""),
    "huge integer": (
        b'{"lines":[{"ticket_type":"ga","quantity":' + b"9" * 5000 + b"}]," + CUSTOMER + b"}",
        "lines[0].quantity",
    ),
    "float": (b'{"lines":[{"ticket_type":"ga","quantity":1.5}],' + CUSTOMER + b"}", "lines[0].quantity"),
    "exponent": (b'{"lines":[{"ticket_type":"ga","quantity":1e400}],' + CUSTOMER + b"}", "lines[0].quantity"),
    "boolean": (b'{"lines":[{"ticket_type":"ga","quantity":true}],' + CUSTOMER + b"}", "lines[0].quantity"),
    "escaped NUL": (
        b'{"lines":[{"ticket_type":"g\\u0000a","quantity":1}],' + CUSTOMER + b"}",
        "lines[0].ticket_type",
    ),
    "escaped NUL in a name": (
        b'{"lines":[{"ticket_type":"ga","quantity":1}],"customer":{"name":"\\u0000","email":"a@b"}}',
        "customer.name",
    ),
    "lines as an object": (b'{"lines":{},' + CUSTOMER + b"}", "lines"),
}


async def _place(api: Api, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, str, list[str]]:
    path = f"/api/v1/events/{api.event_id or await api.new_event()}/reservations"
    answer = await api.post(path, data=body, headers=headers or JSON)
    return answer.status, answer.code, [error["path"] for error in answer.json.get("errors", [])]


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_not_json_is_malformed(api: Api, name: str) -> None:
    assert await _place(api, MALFORMED[name]) == (400, "malformed", [])


@pytest.mark.parametrize("name", INVALID)
async def test_what_does_not_fit_is_invalid_and_says_where(api: Api, name: str) -> None:
    body, path = INVALID[name]
    assert await _place(api, body) == (422, "invalid", [path])


async def test_of_a_key_given_twice_the_last_counts(api: Api) -> None:
    event_id = await api.new_event()
    body = b'{"lines":[{"ticket_type":"ga","quantity":9,"quantity":2}],' + CUSTOMER + b"}"
    held = await api.post(f"/api/v1/events/{event_id}/reservations", data=body, headers=JSON)
    assert held.json["lines"][0]["quantity"] == 2


async def test_an_escaped_backslash_before_u0000_is_no_nul(api: Api) -> None:
    event_id = await api.new_event()
    body = rb'{"lines":[{"ticket_type":"ga","quantity":1}],"customer":{"name":"\\u0000","email":"a@b"}}'
    held = await api.post(f"/api/v1/events/{event_id}/reservations", data=body, headers=JSON)
    assert held.json["customer"]["name"] == r"\u0000"


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "json", ""],
)
async def test_another_content_type_is_malformed(api: Api, content_type: str) -> None:
    assert (await _place(api, b"{}", {"Content-Type": content_type}))[:2] == (400, "malformed")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "APPLICATION/JSON;charset=UTF-8"]
)
async def test_json_in_other_words_is_json(api: Api, content_type: str) -> None:
    event_id = await api.new_event()
    path = f"/api/v1/events/{event_id}/reservations"
    body = b'{"lines":[{"ticket_type":"ga","quantity":1}],' + CUSTOMER + b"}"
    assert (await api.post(path, data=body, headers={"Content-Type": content_type})).status == 201


async def test_a_body_may_have_so_many_bytes_and_not_one_more(start: Start) -> None:
    api = await start(Options(body_max_bytes=1024))
    api.event_id = await api.new_event()
    path = f"/api/v1/events/{api.event_id}/reservations"
    body = b'{"lines":[{"ticket_type":"ga","quantity":1}],' + CUSTOMER + b"}"
    assert (await api.post(path, data=body.ljust(1024), headers=JSON)).status == 201
    assert (await _place(api, body.ljust(1025)))[:2] == (413, "too_large")
    assert (await _place(api, body.ljust(1_000_000)))[:2] == (413, "too_large")


async def test_a_body_in_chunks_has_the_same_bound(start: Start) -> None:
    api = await start(Options(body_max_bytes=1024))
    path = f"/api/v1/events/{await api.new_event()}/reservations"
    body = b'{"lines":[{"ticket_type":"ga","quantity":1}],' + CUSTOMER + b"}"

    async def chunks(total: int):  # type: ignore[no-untyped-def]
        for at in range(0, total, 100):
            yield body.ljust(total)[at : at + 100]
            await asyncio.sleep(0)

    assert (await api.post(path, data=chunks(1024), headers=JSON)).status == 201
    assert (await api.post(path, data=chunks(1025), headers=JSON)).code == "too_large"


async def test_a_body_that_unpacks_to_more_than_the_bound_is_too_large(start: Start) -> None:
    api = await start(Options(body_max_bytes=1024))
    api.event_id = await api.new_event()
    packed = gzip.compress(b" " * 5_000_000)
    assert (await _place(api, packed, JSON | {"Content-Encoding": "gzip"}))[:2] == (413, "too_large")
    body = gzip.compress(b'{"lines":[{"ticket_type":"ga","quantity":1}],' + CUSTOMER + b"}")
    path = f"/api/v1/events/{api.event_id}/reservations"
    assert (await api.post(path, data=body, headers=JSON | {"Content-Encoding": "gzip"})).status == 201


async def test_a_body_that_does_not_unpack_is_malformed(api: Api) -> None:
    assert (await _place(api, b"no gzip", JSON | {"Content-Encoding": "gzip"}))[:2] == (400, "malformed")


async def test_actions_take_no_body_or_an_empty_object(api: Api) -> None:
    path, token = await api.new_hold(await api.new_event(hold_extensions_max=9))
    assert (await api.post(f"{path}/extend", headers=token)).status == 200
    assert (await api.post(f"{path}/extend", headers=token, json={})).status == 200
    assert (await api.post(f"{path}/extend", headers=token, json={"minutes": 5})).paths == ["minutes"]
    assert (await api.post(f"{path}/extend", headers=token, data=b"x")).code == "malformed"


async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(api: Api) -> None:
    event_id = await api.new_event()
    path = f"/api/v1/events/{event_id}/reservations"
    assert (await api.post(path, json=hold_body(), expect100=True)).status == 201
