"""The map of the HTTP surface: each route, who may use it, what it takes and what it answers.

The dispatcher finds handlers by it and the OpenAPI document is made of it, so neither can know a route that
the other does not. HEAD is there wherever GET is. Errors that follow from what a route takes (a body, a
token, an id) are derived; `problems` names the ones that its rules add.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from server import payloads as given
from server import views as shown
from server.dispatch import Handler
from server.handlers_events import EventHandlers
from server.handlers_reservations import ReservationHandlers
from server.handlers_service import Alive, ServiceHandlers
from server.metrics import CONTENT_TYPE as METRICS_TEXT
from server.parts import Parts
from server.replies import JSON


class Who(Enum):
    """Whose requests a route takes."""

    ANYONE = "anyone"
    GUEST = "anyone; an operator's token makes it an operator's request"
    HOLDER = "the reservation's token, or an operator's"
    OPERATOR = "an operator's token"


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one resource."""

    method: str
    path: str
    handler: Handler
    summary: str
    answer: Any
    """The type of the body of success."""
    status: int = 200
    who: Who = Who.ANYONE
    body: Any = None
    body_optional: bool = False
    query: Any = given.NoQuery
    problems: tuple[str, ...] = ()
    keyed: bool = False
    """Takes an Idempotency-Key."""
    asks_owner: bool = False
    request_headers: tuple[str, ...] = ()
    reply_headers: tuple[str, ...] = ()
    media: str = JSON
    tag: str = "service"

    @property
    def bare(self) -> bool:
        return self.tag != "service" and self.query is given.NoQuery


_HOLD_PROBLEMS = ("sold_out", "held", "limit_exceeded", "sales_closed")
_EVENT = "/api/v1/events/{event_id}"
_RESERVATION = "/api/v1/reservations/{reservation_id}"


def all_routes(parts: Parts, service: ServiceHandlers) -> list[Route]:
    """Every route there is."""
    events, reservations = EventHandlers(parts), ReservationHandlers(parts)
    return [
        *_event_routes(events),
        *_reservation_routes(reservations),
        *_service_routes(service),
    ]


def _event_routes(events: EventHandlers) -> list[Route]:
    operator: dict[str, Any] = {"who": Who.OPERATOR, "asks_owner": True, "tag": "events"}
    return [
        Route(
            "POST", "/api/v1/events", events.create, "Make an event", shown.EventView, 201,
            body=given.NewEvent, keyed=True, reply_headers=("ETag", "Location"), **operator,
        ),
        Route(
            "GET", "/api/v1/events", events.list_all, "List events by start, then id", shown.Page[shown.EventView],
            query=given.PageQuery, tag="events",
        ),
        Route("GET", _EVENT, events.show, "Show an event", shown.EventView, reply_headers=("ETag",), tag="events"),
        Route(
            "PATCH", _EVENT, events.change, "Change an event, in one command", shown.EventView,
            body=given.EventPatch, problems=("quota_below_live", "stale"),
            request_headers=("If-Match",), reply_headers=("ETag",), **operator,
        ),
        Route(
            "POST", f"{_EVENT}/pause", events.pause, "No new holds from here on; holds are kept", shown.EventView,
            body=given.Nothing, body_optional=True, keyed=True, reply_headers=("ETag",), **operator,
        ),
        Route(
            "POST", f"{_EVENT}/resume", events.resume, "Sell again", shown.EventView,
            body=given.Nothing, body_optional=True, keyed=True, reply_headers=("ETag",), **operator,
        ),
        Route(
            "GET", f"{_EVENT}/ticket-types/{{code}}", events.ticket_type, "Show a ticket type", shown.TicketTypeView,
            tag="events",
        ),
        Route(
            "GET", f"{_EVENT}/availability", events.availability, "What is available; at most some seconds old",
            shown.AvailabilityView, request_headers=("If-None-Match",), reply_headers=("ETag", "Cache-Control"),
            tag="events",
        ),
    ]  # fmt: skip


def _reservation_routes(reservations: ReservationHandlers) -> list[Route]:
    view = shown.ReservationView
    act: dict[str, Any] = {
        "who": Who.HOLDER, "body": given.Nothing, "body_optional": True, "keyed": True, "asks_owner": True,
        "tag": "reservations",
    }  # fmt: skip
    return [
        Route(
            "POST", f"{_EVENT}/reservations", reservations.place, "Hold tickets: all lines or none", view, 201,
            who=Who.GUEST, body=given.NewReservation, problems=_HOLD_PROBLEMS, keyed=True, asks_owner=True,
            reply_headers=("Location",), tag="reservations",
        ),
        Route(
            "GET", f"{_EVENT}/reservations", reservations.list_of_event, "List an event's reservations by id",
            shown.Page[shown.ReservationView], who=Who.OPERATOR, query=given.ReservationsQuery, tag="reservations",
        ),
        Route("GET", _RESERVATION, reservations.show, "Show a reservation", view, who=Who.HOLDER, tag="reservations"),
        Route(
            "PATCH", _RESERVATION, reservations.change, "Change a hold's lines: all or none, its end stays", view,
            who=Who.HOLDER, body=given.ReservationPatch, problems=(*_HOLD_PROBLEMS, "hold_expired", "wrong_state"),
            asks_owner=True, tag="reservations",
        ),
        Route(
            "POST", f"{_RESERVATION}/extend", reservations.extend, "A later end for a hold, a bounded number of times",
            view, problems=("limit_exceeded", "hold_expired", "wrong_state"), **act,
        ),
        Route(
            "POST", f"{_RESERVATION}/confirm", reservations.confirm, "Confirm a hold, while it lasts", view,
            problems=("hold_expired", "wrong_state"), **act,
        ),
        Route(
            "POST", f"{_RESERVATION}/cancel", reservations.cancel, "Release a hold, or cancel what is confirmed", view,
            problems=("too_late", "wrong_state"), **act,
        ),
    ]  # fmt: skip


def _service_routes(service: ServiceHandlers) -> list[Route]:
    return [
        Route(
            "GET", "/api/v1/owners", service.owners, "What each living owner says of itself",
            shown.Page[shown.OwnerView], who=Who.OPERATOR, problems=("unavailable",), tag="operations",
        ),
        Route("GET", "/healthz", service.alive, "This front end is alive", Alive),
        Route(
            "GET", "/readyz", service.ready, "PostgreSQL and an owner answer; else `failing` names what does not",
            Alive, problems=("unavailable",),
        ),
        Route("GET", "/metrics", service.metrics, "Prometheus text, all front ends summed", str, media=METRICS_TEXT),
        Route("GET", "/openapi.json", service.describe, "This document", dict[str, Any]),
        Route("GET", "/docs", service.docs, "This document, to be read and tried", str, media="text/html; charset=utf-8"),
        Route("GET", "/docs/{file}", service.docs_file, "The files of that page", bytes, media="*/*",
              problems=("not_found",)),
    ]  # fmt: skip
