"""schemathesis against a front end on a port: no fault of the server, no answer that is not documented."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
import requests
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from domain.ticket_codes import TicketCodes
from server.access import Access
from server.customers import CustomerKeys
from server.front_end import PARTS, build_app
from server.handlers_service import ServiceHandlers
from server.openapi import document
from server.parts import Options
from server.routes import all_routes
from server.runner import FrontEndRunner
from tests.server.conftest import ADMIN_TOKEN, OPERATOR, event_body, hold_body, quick_passwords
from tests.server.direct_accounts import DirectAccounts
from tests.server.direct_audit import DirectAudit
from tests.server.direct_endpoints import DirectEndpoints
from tests.server.direct_gateway import DirectGateway, DirectReads
from tests.server.direct_images import DirectImages
from tests.server.direct_machines import DirectMachines
from tests.server.direct_mails import DirectMails
from tests.server.direct_organisers import DirectOrganisers
from tests.server.direct_payments import DirectPayments
from tests.server.direct_submissions import DirectSubmissions
from tests.server.direct_venues import DirectVenues
from tests.server.direct_wallets import DirectWallets
from tests.server.test_restaurants import house_body

EXAMPLES_MAX = 8
ITEMS_MAX = 20
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]


@dataclass
class Served:
    """A front end in a thread, with something to find in it."""

    url: str
    event_id: str
    venue_id: str
    restaurant_id: str
    reservation_id: str
    token: str
    submission_id: str
    submission_token: str


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    started: list[str] = []
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        runner = FrontEndRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        started.append(f"http://{host}:{port}")
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    yield _filled(started[0])
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


def _filled(url: str) -> Served:
    event = requests.post(f"{url}/api/v1/events", json=event_body(), headers=OPERATOR, timeout=5).json()
    path = f"{url}/api/v1/events/{event['id']}/reservations"
    held = requests.post(path, json=hold_body(), timeout=5).json()
    hall = {
        "name": "Hall",
        "city": "Vienna",
        "plan": {"block": {"section": "S", "rows": 2, "seats_per_row": 2}},
    }
    venue = requests.post(f"{url}/api/v1/venues", json=hall, headers=OPERATOR, timeout=5).json()
    house = requests.post(f"{url}/api/v1/restaurants", json=house_body(), headers=OPERATOR, timeout=5).json()
    asked = requests.post(path, json=hold_body(), headers={"Prefer": "respond-async"}, timeout=5).json()
    ids = (event["id"], venue["id"], house["id"], held["id"])
    return Served(url, *ids, held["token"], asked["id"], asked["token"])


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


# The document is made of the routes alone, so that there is a test for each operation before any server runs.
gateway = DirectGateway()
access, customers = Access(ADMIN_TOKEN, b"r" * 32), CustomerKeys(b"c" * 32)
reads = DirectReads(gateway)
submissions = DirectSubmissions(gateway, reads)
payments, wallets, mails = DirectPayments(reads.now_ms, reads=reads), DirectWallets(), DirectMails()
accounts = DirectAccounts(reads, wallets, payments, mails)
app = build_app(
    gateway,
    reads,
    DirectVenues(),
    submissions,
    DirectImages(),
    accounts,
    DirectOrganisers(accounts),
    DirectMachines(),
    mails,
    payments,
    wallets,
    DirectEndpoints(),
    DirectAudit(),
    access,
    customers,
    quick_passwords(),
    TicketCodes(b"t" * 32),
    Options(),
)
parts = app[PARTS]
described = msgspec.json.decode(document(all_routes(parts, ServiceHandlers(parts)), "0"))
_keep_short(described)
schema = schemathesis.openapi.from_dict(described).exclude(path_regex="/stream$")  # its answer does not end


def _order_what_there_is(body: Any) -> None:
    """Chance never finds a ticket type's code: where it made lines of an order, they ask for one there is."""
    lines = body.get("lines") if isinstance(body, dict) else None
    for line in lines if isinstance(lines, list) else []:
        if isinstance(line, dict) and isinstance(line.get("ticket_type"), str):
            line["ticket_type"] = "ga"


@schema.parametrize()
@settings(
    max_examples=EXAMPLES_MAX,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_a_documented_one(case: Any, served: Served) -> None:
    known = {
        "event_id": served.event_id,
        "reservation_id": served.reservation_id,
        "venue_id": served.venue_id,
        "restaurant_id": served.restaurant_id,
        "submission_id": served.submission_id,
        "code": "ga",
    }
    headers = dict(case.headers or {})
    # First as generated, by nobody; then at what is there to be found, by those who may.
    case.call_and_validate(base_url=served.url, checks=CHECKS, timeout=5)
    case.path_parameters = {name: known.get(name, "x") for name in case.path_parameters or {}}
    _order_what_there_is(case.body)
    token = served.submission_token if "submission_id" in case.path_parameters else served.token
    for caller in (OPERATOR, {"Reservation-Token": token, "Prefer": "respond-async"}):
        case.headers = headers | caller
        case.call_and_validate(base_url=served.url, checks=CHECKS, timeout=5)
