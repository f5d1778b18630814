"""The OpenAPI 3.1 document, made of the routes and of the types that parse and render.

Nothing is described by hand that a type knows: schemas and bounds come from the payload types, parameters
from paths and query types, errors from what a route takes and from the problems it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from types import UnionType
from typing import Any, get_args

import msgspec
from apispec import APISpec

from domain.ticket_codes import NUMBER_MAX, TOKEN_CHARACTERS
from server.audit import is_audited
from server.callers import Who
from server.keys import KEY_MAX_CHARACTERS
from server.payloads import CODE_MAX_CHARACTERS
from server.preferences import WAIT_MAX_S
from server.problems import TABLE, ProblemBody
from server.replies import PROBLEM
from server.route import Route
from server.views import AvailabilityDelta, CustomerView
from server.views_restaurants import DayTimesDelta, DayTimesView, DinerView

REF = "#/components/schemas/{name}"
_PLACE = re.compile(r"{(\w+)}")
_UUID = {"type": "string", "format": "uuid"}
_PLACES: dict[str, dict[str, Any]] = {
    "event_id": _UUID,
    "reservation_id": _UUID,
    "venue_id": _UUID,
    "restaurant_id": _UUID,
    "submission_id": _UUID,
    "mail_id": _UUID,
    "endpoint_id": _UUID,
    "delivery_id": _UUID,
    "token": {"type": "string"},
    "name": {"type": "string"},
    "image_id": _UUID,
    "payment_id": _UUID,
    "provider": {"type": "string"},
    "organiser_id": _UUID,
    "account_id": _UUID,
    "token_id": _UUID,
    "wallet": {"type": "string", "minLength": 1, "maxLength": CODE_MAX_CHARACTERS},
    "code": {"type": "string", "minLength": 1, "maxLength": CODE_MAX_CHARACTERS},
    "file": {"type": "string"},
    "number": {"type": "integer", "minimum": 1, "maximum": NUMBER_MAX},
}
_PREFER = (
    "`respond-async`: do not wait. 202 says that it is durable, and where the answer will be found. Of a"
    f" payment, `wait=n`: answer when it is no longer pending, n seconds (at most {WAIT_MAX_S}) later at the"
    " latest."
)
_REQUEST_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Idempotency-Key": (
        "Makes a retry safe: the same key, path and body get the same answer again, for 24 h at least.",
        {"type": "string", "minLength": 1, "maxLength": KEY_MAX_CHARACTERS, "pattern": "^[!-~]+$"},
    ),
    "Prefer": (
        _PREFER,
        {"type": "string"},
    ),
    "Stripe-Signature": ("The same, of Stripe's webhooks.", {"type": "string"}),
    "Webhook-Signature": (
        "`t=<seconds>,v1=<hex of HMAC-SHA256(secret, t, a dot, raw body)>`; 300 s from now at most.",
        {"type": "string"},
    ),
    "If-Match": ("Only if it still has this version.", {"type": "string"}),
    "Last-Event-ID": (
        "The id of the last event that you had: what came later is sent, not all again.",
        {"type": "string"},
    ),
    "Ticket-Token": (
        "The token of a ticket that was passed on, instead of the reservation's.",
        {"type": "string", "minLength": TOKEN_CHARACTERS, "maxLength": TOKEN_CHARACTERS},
    ),
    "If-None-Match": ("Answers 304 if the ETag is still this one.", {"type": "string"}),
}
_REPLY_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ETag": (
        "A version, sequence (availability), number (plan), digest (list) or id (image), quoted.",
        {"type": "string"},
    ),
    "Location": ("Path of what was made.", {"type": "string"}),
    "Preference-Applied": (
        "Which preference was met.",
        {"type": "string", "pattern": "^(respond-async|wait=[0-9]+)$"},
    ),
    "Content-Disposition": ("The name of the file.", {"type": "string"}),
    "Cache-Control": (
        "Whether a copy may be kept, and whether it must be asked about before it is used.",
        {"type": "string"},
    ),
    "Retry-After": ("Seconds after which another try makes sense.", {"type": "integer", "minimum": 0}),
    "Allow": ("The methods there are.", {"type": "string"}),
    "WWW-Authenticate": ("How to authenticate.", {"type": "string"}),
    "X-Request-Id": ("The request's id, yours where you sent a sane one.", {"type": "string"}),
}
_ACCEPTED_HEADERS = ("Location", "Preference-Applied", "Retry-After")
_SECURITY: dict[Who, list[dict[str, list[str]]]] = {
    Who.ANYONE: [],
    Who.READER: [{}, {"operator": []}],
    Who.GUEST: [{}, {"account": []}, {"operator": []}],
    Who.HOLDER: [{"reservation": []}, {"account": []}, {"operator": []}],
    Who.ACCOUNT: [{"account": []}],
    Who.STAFF: [{"account": []}, {"operator": []}],
    Who.ORGANISER: [{"account": []}, {"operator": []}],
    Who.OPERATOR: [{"operator": []}],
}


def document(routes: Iterable[Route], version: str) -> bytes:
    """The document as JSON."""
    return _document(tuple(_unbound(route) for route in routes), version)


def _unbound(route: Route) -> Route:
    """The same of every front end: to the document a handler is what its docstring says."""
    handler = getattr(route.handler, "__func__", route.handler)
    return replace(route, handler=handler)


@lru_cache(maxsize=4)
def _document(routes: tuple[Route, ...], version: str) -> bytes:
    """It takes a tenth of a second; a process that makes several front ends, as tests do, makes it once."""
    spec = APISpec(
        "Turnstile",
        version,
        "3.1.0",
        info={"description": "A booking server for the minute when everybody wants the same thing."},
    )
    spec.components.security_scheme("operator", {"type": "http", "scheme": "bearer"})
    spec.components.security_scheme("account", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    spec.components.security_scheme(
        "reservation", {"type": "apiKey", "in": "header", "name": "Reservation-Token"}
    )
    schemas, components = _schemas(routes)
    for name, component in components.items():
        spec.components.schema(name, component)
    for path in dict.fromkeys(route.path for route in routes):
        operations = {
            route.method.lower(): _operation(route, schemas) for route in routes if route.path == path
        }
        spec.path(path, operations=operations)
    return msgspec.json.encode(spec.to_dict())


def _schemas(routes: Sequence[Route]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """For each type that is used a schema, and the named ones that these refer to."""
    kinds = {kind for route in routes for kind in _kinds_of(route.answer)}
    kinds |= {kind for route in routes for kind in (route.body, route.accepted) if kind}
    ordered = sorted(kinds, key=str)
    named = (ProblemBody, CustomerView, DinerView, AvailabilityDelta, DayTimesView, DayTimesDelta)
    made, components = msgspec.json.schema_components([*ordered, *named], ref_template=REF)
    # A stored contact is embedded as it is, which a type cannot say.
    for view, customer in (("ReservationView", "CustomerView"), ("TableReservationView", "DinerView")):
        properties = components[view]["properties"]
        properties["customer"] = {"anyOf": [{"$ref": REF.format(name=customer)}, {"type": "null"}]}
        for name in ("expires_at", "created_at", "starts_at", "ends_at"):
            _say_moment(properties, name)
    either = {
        "anyOf": [{"$ref": REF.format(name=name)} for name in ("ReservationView", "TableReservationView")]
    }
    components["OwnReservationsView"]["properties"]["items"]["items"] = either
    components["ExportView"]["properties"]["reservations"]["items"] = either
    components["OwnerView"]["additionalProperties"] = True
    return dict(zip([*ordered, ProblemBody], made, strict=False)), components


def _kinds_of(answer: Any) -> tuple[Any, ...]:
    """The types of an answer: none, one, or one for each kind of what is reserved."""
    if answer is None:
        return ()
    return get_args(answer) if isinstance(answer, UnionType) else (answer,)


def _say_moment(properties: dict[str, Any], name: str) -> None:
    """A moment is text to the type that renders it."""
    for schema in (properties.get(name, {}), *properties.get(name, {}).get("anyOf", ())):
        if schema.get("type") == "string":
            schema["format"] = "date-time"


def _operation(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{re.sub(r'[^a-z0-9]+', '_', route.path.lower()).rstrip('_')}",
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": _parameters(route),
        "responses": _responses(route, schemas),
        "security": _SECURITY[route.who],
    }
    if route.body is not None:
        content = {"application/json": {"schema": schemas[route.body]}}
        operation["requestBody"] = {"required": not route.body_optional, "content": content}
    if route.body_media:
        file = {"type": "string", "format": "binary", "maxLength": route.body_max_bytes}
        content = {media: {"schema": file} for media in route.body_media}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    places = [
        {"name": name, "in": "path", "required": True, "schema": _PLACES[name]}
        for name in _PLACE.findall(route.path)
    ]
    headers = (*route.request_headers, "Idempotency-Key") if route.keyed else route.request_headers
    if route.accepted:
        headers = (*headers, "Prefer")
    return [*places, *_query_parameters(route), *(_header(name) for name in headers)]


def _header(name: str) -> dict[str, Any]:
    description, schema = _REQUEST_HEADERS[name]
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    _, components = msgspec.json.schema_components([route.query], ref_template=REF)
    parameters = []
    query = components[route.query.__name__]
    for name, schema in query["properties"].items():
        required = name in query.get("required", ())
        plain = dict(components[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema)
        described = {"description": plain.pop("description", "")}
        parameters.append({"name": name, "in": "query", "required": required, "schema": plain} | described)
    return parameters


def _responses(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "As asked.", "headers": _reply_headers(route.reply_headers)}
    shown = [schemas[kind] for kind in _kinds_of(route.answer)]
    if shown:
        success["content"] = {route.media: {"schema": shown[0] if len(shown) == 1 else {"anyOf": shown}}}
    responses = {str(route.status): success}
    if route.accepted:
        responses["202"] = {
            "description": "Durable, and pending: the answer will be found at `Location`.",
            "headers": _reply_headers(_ACCEPTED_HEADERS),
            "content": {route.media: {"schema": schemas[route.accepted]}},
        }
    if route.ends:
        responses["204"] = {"description": "There is nothing more.", "headers": _reply_headers(())}
    if "If-None-Match" in route.request_headers:
        responses["304"] = {"description": "Unchanged.", "headers": _reply_headers(route.reply_headers)}
    by_status: dict[int, list[str]] = {}
    for code in problems_of(route):
        by_status.setdefault(TABLE[code][0], []).append(code)
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = _problem(status, codes, schemas[ProblemBody])
    return responses


def problems_of(route: Route) -> list[str]:
    """Every code that the route can answer with."""
    codes = ["internal", *route.problems]
    sends = route.body or route.body_media
    if route.bare or route.query.__struct_fields__ or sends:
        codes.append("invalid")
    if sends:
        codes += ["malformed", "too_large"]
    if route.who not in (Who.ANYONE, Who.READER):
        codes += ["unauthorized", "forbidden"]
    if route.who in (Who.STAFF, Who.ORGANISER) or is_audited(route):
        codes += ["overloaded", "unavailable"]
    if "{" in route.path:
        codes.append("not_found")
    if route.keyed:
        codes += ["key_reused", "invalid"]
    if route.path.startswith("/api/"):
        codes.append("rate_limited")
    if route.asks_owner:
        codes += ["overloaded", "unavailable"]
    if route.tag in (
        "accounts",
        "events",
        "machine tokens",
        "organisers",
        "reservations",
        "restaurants",
        "venues",
    ):
        codes += ["overloaded", "unavailable"]
    return sorted(set(codes))


def _problem(status: int, codes: list[str], schema: dict[str, Any]) -> dict[str, Any]:
    headers = ["Retry-After"] if status in (423, 429, 503) else ["WWW-Authenticate"] if status == 401 else []
    described = "; ".join(f"`{code}`: {TABLE[code][1]}" for code in codes)
    return {
        "description": described,
        "headers": _reply_headers(headers),
        "content": {PROBLEM: {"schema": schema}},
    }


def _reply_headers(names: Iterable[str]) -> dict[str, Any]:
    return {
        name: {"description": _REPLY_HEADERS[name][0], "schema": _REPLY_HEADERS[name][1]}
        for name in (*names, "X-Request-Id")
    }
