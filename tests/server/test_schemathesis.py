"""schemathesis against a front end on a port: no fault of the server, no answer that is not documented.

One test for each operation, under a name of ours: the tests that schemathesis makes itself all have one name,
and of those pytest-xdist runs the first only. Nor are they made before they run: that took each of pytest's
processes half a minute.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.chance import many
from tests.server.conftest import OPERATOR, event_body, hold_body, starting
from tests.server.test_openapi import CONTRACT
from tests.server.test_restaurants import house_body

OPERATIONS = [line for line in CONTRACT.split("\n") if line and not line.endswith("/stream")]
"""All but those whose answers do not end."""
EXAMPLES_MAX = 8
ITEMS_MAX = 20


@dataclass
class Served:
    """A front end in a thread, with something to find in it, and what its document says."""

    url: str
    session: requests.Session
    operations: Any
    checks: list[Any]
    known: dict[str, str]
    token: str
    submission_token: str


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with front_end() as url, requests.Session() as session:
        session.trust_env = False  # no proxy, and nobody looks for one at each request
        yield _filled(url, session)


@contextmanager
def front_end() -> Iterator[str]:
    """The address of one that serves in a thread."""
    started: list[str] = []
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with starting() as start:
            api = await start()
            started.append(str(api.session._base_url))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield started[0].rstrip("/")
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def _filled(url: str, session: requests.Session) -> Served:
    def posted(path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
        return requests.post(f"{url}/api/v1/{path}", json=body, headers=headers, timeout=5).json()

    event = posted("events", event_body(), OPERATOR)
    path = f"events/{event['id']}/reservations"
    held = posted(path, hold_body())
    asked = posted(path, hold_body(), {"Prefer": "respond-async"})
    plan = {"block": {"section": "S", "rows": 2, "seats_per_row": 2}}
    venue = posted("venues", {"name": "Hall", "city": "Vienna", "plan": plan}, OPERATOR)
    known = {
        "event_id": event["id"],
        "reservation_id": held["id"],
        "venue_id": venue["id"],
        "restaurant_id": posted("restaurants", house_body(), OPERATOR)["id"],
        "submission_id": asked["id"],
        "code": "ga",
    }
    return Served(url, session, *_described(url), known, held["token"], asked["token"])


def _described(url: str) -> tuple[Any, list[Any]]:
    import schemathesis
    from schemathesis import checks
    from schemathesis.specs.openapi import checks as openapi_checks

    document = requests.get(f"{url}/openapi.json", timeout=5).json()
    _keep_short(document)
    return schemathesis.openapi.from_dict(document), [
        checks.not_a_server_error,
        openapi_checks.status_code_conformance,
        openapi_checks.content_type_conformance,
        openapi_checks.response_headers_conformance,
        openapi_checks.response_schema_conformance,
    ]


def _keep_short(schema: Any) -> None:
    """Lists of 20,000 cost schemathesis minutes; both sides of such a bound have tests of their own."""
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name == "maxItems":
                schema[name] = min(value, ITEMS_MAX)
            _keep_short(value)
    elif isinstance(schema, list):
        for value in schema:
            _keep_short(value)


@pytest.mark.hypothesis
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_a_documented_one(operation: str, served: Served) -> None:
    from schemathesis import GenerationMode

    method, path = operation.split()
    described = served.operations[path][method]

    @settings(
        max_examples=many(EXAMPLES_MAX),
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of([described.as_strategy(generation_mode=mode) for mode in GenerationMode]))
    def is_answered(case: Any) -> None:
        # First as generated, by nobody; then at what is there to be found, by those who may.
        _call(case, served)
        headers = dict(case.headers or {})
        case.path_parameters = {name: served.known.get(name, "x") for name in case.path_parameters or {}}
        _order_what_there_is(case.body)
        token = served.submission_token if "submission_id" in case.path_parameters else served.token
        for caller in (OPERATOR, {"Reservation-Token": token, "Prefer": "respond-async"}):
            case.headers = headers | caller
            _call(case, served)

    is_answered()


def _call(case: Any, served: Served) -> None:
    case.call_and_validate(base_url=served.url, session=served.session, checks=served.checks, timeout=5)


def _order_what_there_is(body: Any) -> None:
    """Chance never finds a ticket type's code: where it made lines of an order, they ask for one there is."""
    lines = body.get("lines") if isinstance(body, dict) else None
    for line in lines if isinstance(lines, list) else []:
        if isinstance(line, dict) and isinstance(line.get("ticket_type"), str):
            line["ticket_type"] = "ga"
