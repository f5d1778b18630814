"""HTTP itself: methods, headers, cross-origin requests, errors of ours, drains."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from domain.messages import Code, Rejected
from server.drain import DRAINING
from server.front_end import PARTS
from server.parts import Options
from tests.server.conftest import OPERATOR, Api, Start, hold_body

ORIGIN = {"Origin": "https://shop.example"}
GET_PATHS = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/docs/swagger-ui.css",
    "/api/v1/events",
]


@pytest.mark.parametrize("path", GET_PATHS)
async def test_head_works_where_get_does(api: Api, path: str) -> None:
    got, headed = await api.get(path), await api.ask("HEAD", path)
    assert (headed.status, headed.raw) == (got.status, b"")
    if path != "/metrics":
        assert headed.headers["Content-Length"] == got.headers["Content-Length"]
    assert headed.headers["Content-Type"] == got.headers["Content-Type"]


async def test_head_works_on_events_and_reservations(api: Api) -> None:
    event_id = await api.new_event()
    path, token = await api.new_hold(event_id)
    paths = ["", "/availability", "/ticket-types/ga", "/reservations"]
    for one in [f"/api/v1/events/{event_id}{rest}" for rest in paths] + [path]:
        assert (await api.ask("HEAD", one, headers=OPERATOR)).status == 200
    assert (await api.ask("HEAD", path, headers=token)).status == 200


async def test_unknown_paths_are_problems(api: Api) -> None:
    for path in (
        "/",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/events/",
        "/api/v2/events",
        "/docs/../settings.py",
        "/x" * 500,
    ):
        assert (await api.get(path)).code == "not_found"


async def test_unknown_methods_are_problems_that_name_the_known_ones(api: Api) -> None:
    for method, path, allowed in [
        ("DELETE", "/api/v1/events", "GET, HEAD, POST"),
        ("PUT", "/api/v1/events/x", "DELETE, GET, HEAD, PATCH"),
        ("GET", "/api/v1/reservations/x/confirm", "POST"),
        ("OPTIONS", "/healthz", "GET, HEAD"),
        ("TRACE", "/metrics", "GET, HEAD"),
    ]:
        refused = await api.ask(method, path)
        assert (refused.status, refused.code, refused.headers["Allow"]) == (
            405,
            "method_not_allowed",
            allowed,
        )


async def test_a_query_that_is_not_taken_is_refused(api: Api) -> None:
    event_id = await api.new_event()
    for path in (f"/api/v1/events/{event_id}?x=1", f"/api/v1/events/{event_id}/availability?limit=1"):
        assert (await api.get(path)).paths == ["query"]
    assert (await api.post(f"/api/v1/events/{event_id}/reservations?dry=1", json=hold_body())).paths == [
        "query"
    ]
    assert (await api.get("/healthz?probe=1")).status == 200


async def test_a_sane_request_id_is_kept_and_another_one_made(api: Api) -> None:
    assert (await api.get("/healthz", headers={"X-Request-Id": "a.B-9_"})).headers["X-Request-Id"] == "a.B-9_"
    made = set()
    for given in ("", "x" * 129, "two words", "<script>"):
        answer = await api.get("/healthz", headers={"X-Request-Id": given})
        made.add(answer.headers["X-Request-Id"])
    assert len(made) == 4
    assert not made & {"", "x" * 129, "two words", "<script>"}


async def test_every_answer_has_the_constant_headers(api: Api) -> None:
    for path in ("/healthz", "/nowhere", "/docs"):
        headers = (await api.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Date"].endswith("GMT")
        assert headers["X-Request-Id"]


async def test_the_docs_page_may_load_nothing_from_elsewhere(api: Api) -> None:
    page = await api.get("/docs")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert b"http" not in page.raw.replace(b"https://", b"http")
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
        assert f'"/docs/{name}"'.encode() in page.raw
        assert (await api.get(f"/docs/{name}")).status == 200
    assert (await api.get("/docs/README.md")).code == "not_found"


async def test_without_origins_no_page_elsewhere_may_call(api: Api) -> None:
    answer = await api.get("/api/v1/events", headers=ORIGIN)
    assert "Access-Control-Allow-Origin" not in answer.headers
    asked = ORIGIN | {"Access-Control-Request-Method": "POST"}
    assert (await api.ask("OPTIONS", "/api/v1/events", headers=asked)).code == "method_not_allowed"


async def test_pages_of_set_origins_may_call(start: Start) -> None:
    api = await start(Options(cors_origins=("https://shop.example",)))
    answer = await api.get("/api/v1/events", headers=ORIGIN)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert answer.headers["Vary"] == "Origin"
    assert "Location" in answer.headers["Access-Control-Expose-Headers"]
    refused = await api.post("/api/v1/events", headers=ORIGIN)
    assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (401, "https://shop.example")
    other = await api.get("/api/v1/events", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers
    assert other.headers["Vary"] == "Origin"


async def test_a_preflight_names_methods_and_headers(start: Start) -> None:
    api = await start(Options(cors_origins=("https://shop.example",)))
    asked = ORIGIN | {"Access-Control-Request-Method": "PATCH"}
    answer = await api.ask("OPTIONS", "/api/v1/reservations/x", headers=asked)
    assert (answer.status, answer.raw) == (204, b"")
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, PATCH"
    for name in ("Reservation-Token", "Idempotency-Key", "If-Match", "Authorization", "Content-Type"):
        assert name in answer.headers["Access-Control-Allow-Headers"]
    evil = asked | {"Origin": "https://evil.example"}
    assert (await api.ask("OPTIONS", "/api/v1/reservations/x", headers=evil)).code == "method_not_allowed"
    assert (await api.ask("OPTIONS", "/nowhere", headers=asked)).code == "not_found"


async def test_a_star_lets_every_origin_in(start: Start) -> None:
    api = await start(Options(cors_origins=("*",)))
    assert (await api.get("/healthz", headers=ORIGIN)).headers["Access-Control-Allow-Origin"] == ORIGIN[
        "Origin"
    ]


@pytest.mark.parametrize(
    ("code", "status"),
    [(Code.OVERLOADED, 503), (Code.UNAVAILABLE, 503), (Code.STALE, 412), (Code.KEY_REUSED, 422)],
)
async def test_what_owners_refuse_is_passed_on(api: Api, code: Code, status: int) -> None:
    event_id = await api.new_event()
    api.gateway.answer_with = Rejected(code, "Because.")
    refused = await api.hold(event_id)
    assert (refused.status, refused.code, refused.json["detail"]) == (status, code.value, "Because.")
    assert refused.headers.get("Retry-After") == ("1" if status == 503 else None)


async def test_a_part_that_cannot_be_reached_is_unavailable(api: Api) -> None:
    event_id = await api.new_event()
    for failure in (ConnectionRefusedError(), TimeoutError(), OSError()):
        api.gateway.failing = failure
        for answer in (await api.hold(event_id), await api.get(f"/api/v1/events/{event_id}")):
            assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "unavailable", "1")


async def test_a_bug_is_internal_and_tells_nothing_but_the_request_id(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    event_id = await api.new_event()
    api.gateway.failing = ZeroDivisionError("secret reason")
    answer = await api.get(f"/api/v1/events/{event_id}", headers={"X-Request-Id": "find-me"})
    assert (answer.status, answer.code) == (500, "internal")
    assert "find-me" in answer.json["detail"]
    assert b"secret reason" not in answer.raw
    assert b"Traceback" not in answer.raw


async def test_the_application_also_runs_under_aiohttps_own_router(start: Start) -> None:
    api = await start(runner_type=web.AppRunner)
    event_id = await api.new_event()
    path, token = await api.new_hold(event_id)
    assert (await api.post(f"{path}/confirm", headers=token)).json["status"] == "confirmed"
    assert (await api.get("/nowhere")).code == "not_found"
    place = f"/api/v1/events/{event_id}/reservations"
    assert (await api.post(place, json=hold_body(), expect100=True)).status == 201


async def test_connections_are_kept_and_closed_as_asked(api: Api) -> None:
    assert b"Connection:" not in await _raw(api, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", until=b'"ok"}')
    closed = await _raw(api, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"\r\nConnection: close\r\n" in closed
    assert b"\r\nConnection: close\r\n" in await _raw(api, "GET /healthz HTTP/1.0\r\n\r\n")


async def test_pipelined_requests_are_answered_in_order(api: Api) -> None:
    one = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: {}\r\n{}\r\n"
    sent = "".join(one.format(number, "Connection: close\r\n" if number == 9 else "") for number in range(10))
    received = (await _raw(api, sent)).decode()
    ids = [line.split(": ")[1] for line in received.split("\r\n") if line.startswith("X-Request-Id")]
    assert ids == [str(number) for number in range(10)]


async def test_while_draining_nobody_is_ready_and_connections_end(api: Api) -> None:
    event_id = await api.new_event()
    stop = api.app[PARTS].health.stop = asyncio.Event()
    assert (await api.get("/readyz")).status == 200
    stop.set()
    refused = await api.get("/readyz")
    assert (refused.status, refused.json["failing"]) == (503, ["draining"])
    assert (await api.hold(event_id)).headers["Connection"] == "close"
    assert (await api.get("/healthz")).status == 200


async def test_the_stop_is_found_where_the_worker_puts_it(api: Api, start: Start) -> None:
    stop = asyncio.Event()

    class Runner(web.AppRunner):
        def __init__(self, app: web.Application, **given: Any) -> None:
            app[DRAINING] = stop
            super().__init__(app, **given)

    drained = await start(runner_type=Runner)
    stop.set()
    assert (await drained.get("/readyz")).status == 503
    assert (await api.get("/readyz")).status == 200


@pytest.mark.parametrize(
    "garbage", ["\x16\x03\x01", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nA\r\n\r\n"]
)
async def test_what_is_not_http_is_malformed(api: Api, garbage: str) -> None:
    received = await _raw(api, garbage)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400"), received
    assert json.loads(body)["code"] == "malformed"


async def _raw(api: Api, sent: str, until: bytes = b"") -> bytes:
    """What comes back for these bytes, up to the end of the connection or of `until`."""
    host, port = api.runner.addresses[0][:2]
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(sent.encode("latin-1"))
    async with asyncio.timeout(5):
        received = await (reader.readuntil(until) if until else reader.read())
    writer.close()
    await writer.wait_closed()
    return received
