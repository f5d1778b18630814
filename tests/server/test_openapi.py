"""The document: agrees with the routes both ways, and says every bound and every problem."""

from __future__ import annotations

import re
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from server.callers import Who
from server.front_end import PARTS
from server.handlers_service import ServiceHandlers
from server.openapi import problems_of
from server.problems import TABLE
from server.route import Route
from server.routes import all_routes
from tests.server.conftest import OPERATOR, Api, event_body, hold_body

CONTRACT = """
POST /api/v1/events
GET /api/v1/events
GET /api/v1/events/{event_id}
PATCH /api/v1/events/{event_id}
DELETE /api/v1/events/{event_id}
POST /api/v1/events/{event_id}/pause
POST /api/v1/events/{event_id}/resume
POST /api/v1/events/{event_id}/publish
POST /api/v1/events/{event_id}/close
POST /api/v1/events/{event_id}/cancel
GET /api/v1/events/{event_id}/placement
PUT /api/v1/events/{event_id}/placement
GET /api/v1/events/{event_id}/ticket-types/{code}
GET /api/v1/events/{event_id}/availability
GET /api/v1/events/{event_id}/availability/stream
GET /api/v1/events/{event_id}/seats/stream
GET /api/v1/restaurants/{restaurant_id}/availability/stream
GET /api/v1/events/{event_id}/seats
POST /api/v1/events/{event_id}/seats/block
POST /api/v1/events/{event_id}/seats/unblock
POST /api/v1/events/{event_id}/copy-from
POST /api/v1/events/{event_id}/reservations
POST /api/v1/events/{event_id}/reservations/cancel
GET /api/v1/events/{event_id}/reservations
GET /api/v1/reservations/{reservation_id}
PATCH /api/v1/reservations/{reservation_id}
POST /api/v1/reservations/{reservation_id}/extend
POST /api/v1/reservations/{reservation_id}/confirm
POST /api/v1/reservations/{reservation_id}/cancel
GET /api/v1/reservations/{reservation_id}/tickets
GET /api/v1/accounts/me/tickets
GET /api/v1/reservations/{reservation_id}/tickets.pdf
GET /api/v1/reservations/{reservation_id}/tickets/{file}
GET /api/v1/reservations/{reservation_id}/calendar.ics
POST /api/v1/reservations/{reservation_id}/tickets/{number}/transfer
POST /api/v1/reservations/{reservation_id}/tickets/{number}/reissue
POST /api/v1/events/{event_id}/check-ins
POST /api/v1/events/{event_id}/check-ins/undo
POST /api/v1/events/{event_id}/check-ins/batch
GET /api/v1/events/{event_id}/check-ins/list
GET /api/v1/submissions/{submission_id}
POST /api/v1/reservations/{reservation_id}/payments
POST /api/v1/accounts/me/payments
GET /api/v1/accounts/me/payments
GET /api/v1/events/{event_id}/payments
GET /api/v1/restaurants/{restaurant_id}/payments
GET /api/v1/payments/{payment_id}
GET /api/v1/payments/{payment_id}/stream
GET /api/v1/payments/{payment_id}/steps
POST /api/v1/payments/{payment_id}/refunds
POST /api/v1/sandbox/{payment_id}
POST /api/v1/payments/webhooks/{provider}
GET /api/v1/wallets/{wallet}
GET /api/v1/wallets/{wallet}/movements
POST /api/v1/wallets/{wallet}/adjustments
POST /api/v1/wallets/{wallet}/charges
POST /api/v1/wallets/{wallet}/withdrawals
GET /api/v1/ledger/movements
GET /api/v1/events/{event_id}/statistics
GET /api/v1/events/{event_id}/reservations.csv
GET /api/v1/statistics
GET /api/v1/restaurants/{restaurant_id}/statistics
GET /api/v1/restaurants/{restaurant_id}/reservations.csv
POST /api/v1/venues
GET /api/v1/venues
GET /api/v1/venues/{venue_id}
GET /api/v1/venues/{venue_id}/plan
PATCH /api/v1/venues/{venue_id}
DELETE /api/v1/venues/{venue_id}
POST /api/v1/venues/{venue_id}/fixtures
POST /api/v1/restaurants
GET /api/v1/restaurants
GET /api/v1/restaurants/{restaurant_id}
PATCH /api/v1/restaurants/{restaurant_id}
DELETE /api/v1/restaurants/{restaurant_id}
POST /api/v1/restaurants/{restaurant_id}/publish
POST /api/v1/restaurants/{restaurant_id}/close
POST /api/v1/restaurants/{restaurant_id}/cancel
GET /api/v1/restaurants/{restaurant_id}/placement
PUT /api/v1/restaurants/{restaurant_id}/placement
POST /api/v1/restaurants/{restaurant_id}/pause
POST /api/v1/restaurants/{restaurant_id}/resume
GET /api/v1/restaurants/{restaurant_id}/search
POST /api/v1/restaurants/{restaurant_id}/reservations
POST /api/v1/restaurants/{restaurant_id}/walk-ins
GET /api/v1/restaurants/{restaurant_id}/reservations
GET /api/v1/restaurants/{restaurant_id}/guests
POST /api/v1/restaurants/{restaurant_id}/images
GET /api/v1/restaurants/{restaurant_id}/images
GET /api/v1/restaurants/{restaurant_id}/images/{image_id}
DELETE /api/v1/restaurants/{restaurant_id}/images/{image_id}
POST /api/v1/reservations/{reservation_id}/move
POST /api/v1/reservations/{reservation_id}/seat
POST /api/v1/reservations/{reservation_id}/complete
POST /api/v1/reservations/{reservation_id}/no-show
POST /api/v1/reservations/{reservation_id}/prolong
POST /api/v1/accounts
POST /api/v1/accounts/confirm
GET /api/v1/accounts/me
PATCH /api/v1/accounts/me
DELETE /api/v1/accounts/me
GET /api/v1/accounts/me/export
GET /api/v1/accounts/me/reservations
POST /api/v1/reservations/recover
POST /api/v1/accounts/me/password
POST /api/v1/password-resets
POST /api/v1/password-resets/confirm
POST /api/v1/organisers
GET /api/v1/organisers
GET /api/v1/organisers/{organiser_id}
POST /api/v1/organisers/{organiser_id}/invitations
GET /api/v1/organisers/{organiser_id}/members
DELETE /api/v1/organisers/{organiser_id}/members/{account_id}
POST /api/v1/machine-tokens
GET /api/v1/machine-tokens
DELETE /api/v1/machine-tokens/{token_id}
POST /api/v1/accounts/me/organiser
DELETE /api/v1/accounts/me/organiser
POST /api/v1/sessions
POST /api/v1/sessions/refresh
DELETE /api/v1/sessions/current
GET /api/v1/mails
POST /api/v1/mails/replay
GET /api/v1/mails/{mail_id}
POST /api/v1/mails/{mail_id}/replay
GET /api/v1/unsubscribe/{token}
POST /api/v1/unsubscribe/{token}
GET /api/v1/webhook-endpoints
POST /api/v1/webhook-endpoints
GET /api/v1/webhook-endpoints/{endpoint_id}
PATCH /api/v1/webhook-endpoints/{endpoint_id}
DELETE /api/v1/webhook-endpoints/{endpoint_id}
POST /api/v1/webhook-endpoints/{endpoint_id}/rotate-secret
POST /api/v1/webhook-endpoints/{endpoint_id}/pause
POST /api/v1/webhook-endpoints/{endpoint_id}/resume
GET /api/v1/webhook-endpoints/{endpoint_id}/deliveries
POST /api/v1/webhook-endpoints/{endpoint_id}/deliveries/replay
GET /api/v1/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}
POST /api/v1/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/replay
GET /mail
GET /mail/{name}
GET /api/v1/audit
GET /api/v1/owners
GET /healthz
GET /readyz
GET /metrics
GET /openapi.json
GET /docs
GET /docs/{file}
"""
REFUSALS = {
    "POST /api/v1/events/{event_id}/reservations": "sold_out held no_fitting_seats payment_due",
    "PATCH /api/v1/reservations/{reservation_id}": "sold_out held hold_expired wrong_state limit_exceeded",
    "POST /api/v1/reservations/{reservation_id}/confirm": "hold_expired wrong_state not_found unauthorized",
    "POST /api/v1/reservations/{reservation_id}/cancel": "too_late",
    "POST /api/v1/reservations/{reservation_id}/extend": "limit_exceeded hold_expired",
    "POST /api/v1/events/{event_id}/publish": "wrong_state",
    "DELETE /api/v1/events/{event_id}": "in_use stale not_found unauthorized",
    "DELETE /api/v1/venues/{venue_id}": "in_use stale unavailable",
    "POST /api/v1/restaurants/{restaurant_id}/reservations": "taken held sales_closed score_too_low",
    "PATCH /api/v1/restaurants/{restaurant_id}": "in_use stale",
    "DELETE /api/v1/restaurants/{restaurant_id}": "in_use stale not_found unauthorized",
    "POST /api/v1/restaurants/{restaurant_id}/close": "wrong_state",
    "POST /api/v1/events/{event_id}/copy-from": "in_use stale wrong_state invalid key_reused",
    "PATCH /api/v1/events/{event_id}": "quota_below_live stale too_large malformed",
}


@pytest.fixture
async def routes(api: Api) -> list[Route]:
    parts = api.app[PARTS]
    return all_routes(parts, ServiceHandlers(parts))


@pytest.fixture
async def paths(api: Api) -> dict[str, Any]:
    document = (await api.get("/openapi.json")).json
    assert document["openapi"].startswith("3.1")
    return dict(document["paths"])


def _names(paths: dict[str, Any]) -> set[str]:
    return {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}


async def test_the_contract_the_routes_and_the_document_agree(
    routes: list[Route], paths: dict[str, Any]
) -> None:
    assert (
        _names(paths)
        == {f"{route.method} {route.path}" for route in routes}
        == set(CONTRACT.split("\n")) - {""}
    )


async def test_every_documented_operation_is_answered(api: Api, paths: dict[str, Any]) -> None:
    for name in _names(paths):
        method, path = name.split(" ")
        answer = await api.ask(method, re.sub(r"{\w+}", "x", path))
        if answer.status == 404:
            assert "resource" not in answer.json["detail"]
        assert answer.status != 405


async def test_every_operation_says_what_it_takes(routes: list[Route], paths: dict[str, Any]) -> None:
    for route in routes:
        operation = paths[route.path][route.method.lower()]
        assert operation["summary"] == route.summary != ""
        parameters = {(entry["in"], entry["name"]) for entry in operation["parameters"]}
        expected = {("path", name) for name in re.findall(r"{(\w+)}", route.path)}
        expected |= {("query", name) for name in route.query.__struct_fields__}
        expected |= {("header", name) for name in route.request_headers}
        expected |= {("header", "Idempotency-Key")} if route.keyed else set()
        expected |= {("header", "Prefer")} if route.accepted else set()
        assert parameters == expected
        assert ("requestBody" in operation) == (route.body is not None or bool(route.body_media))
        opens = {"account" if route.who is Who.ACCOUNT else "operator": []}
        assert (opens in operation["security"]) == (route.who is not Who.ANYONE)


async def test_every_problem_is_documented_where_it_can_come(
    routes: list[Route], paths: dict[str, Any]
) -> None:
    for route in routes:
        responses = paths[route.path][route.method.lower()]["responses"]
        for code in problems_of(route):
            response = responses[str(TABLE[code][0])]
            assert f"`{code}`" in response["description"]
            assert list(response["content"]) == ["application/problem+json"]


async def test_every_code_of_the_contract_is_documented_somewhere(routes: list[Route]) -> None:
    said = {code for route in routes for code in problems_of(route)}
    # A method that is not there has no place in the document.
    assert said == set(TABLE) - {"method_not_allowed"}


@pytest.mark.parametrize("name", REFUSALS)
async def test_the_refusals_that_the_rules_know_are_documented(routes: list[Route], name: str) -> None:
    route = next(route for route in routes if f"{route.method} {route.path}" == name)
    assert set(REFUSALS[name].split()) <= set(problems_of(route))


async def test_every_bound_of_a_body_is_in_the_document(api: Api) -> None:
    schemas = (await api.get("/openapi.json")).json["components"]["schemas"]
    event, line = schemas["NewEvent"], schemas["WantedLine"]["properties"]
    assert event["additionalProperties"] is False
    assert set(event["required"]) == {"name", "starts_at", "ticket_types"}
    assert event["properties"]["name"] == {"type": "string", "minLength": 1, "maxLength": 200}
    hold = event["properties"]["hold_duration_s"]
    assert (hold["minimum"], hold["maximum"], hold["default"]) == (10, 86_400, 900)
    types = event["properties"]["ticket_types"]
    assert (types["minItems"], types["maxItems"]) == (1, 100)
    assert (line["quantity"]["minimum"], line["quantity"]["maximum"]) == (1, 10_000)
    assert schemas["Customer"]["properties"]["email"]["maxLength"] == 254


async def test_what_is_answered_fits_its_schema(api: Api) -> None:
    document = (await api.get("/openapi.json")).json
    event = (await api.make_event()).json
    held = (await api.hold(event["id"])).json
    for name, shown in (("EventView", event), ("ReservationView", held)):
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema.validate(shown, schema)
    for name, sent in (("NewEvent", event_body()), ("NewReservation", hold_body())):
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema.validate(sent, schema)
    assert (await api.get("/api/v1/events", headers=OPERATOR)).status == 200
