"""The map of the HTTP surface: each route, who may use it, what it takes and what it answers.

The dispatcher finds handlers by it and the OpenAPI document is made of it, so neither can know a route that
the other does not. HEAD is there wherever GET is. Errors that follow from what a route takes (a body, a
token, an id) are derived; `problems` names the ones that its rules add. What a route is for is said by its
handler's docstring.
"""

from __future__ import annotations

from typing import Any

from domain.account import Scope
from server import payloads as given
from server import payloads_catalogue as wanted
from server import (
    payloads_fixtures,
    payloads_tickets,
    payloads_venues,
    views_fixtures,
    views_tickets,
    views_venues,
)
from server import views as shown
from server.calendar_files import CALENDAR
from server.callers import Who
from server.handlers_accounts import AccountHandlers
from server.handlers_audit import AuditHandlers
from server.handlers_catalogue import CatalogueHandlers
from server.handlers_door import LINES, DoorHandlers
from server.handlers_endpoints import EndpointHandlers
from server.handlers_events import EventHandlers
from server.handlers_fixtures import FixtureHandlers
from server.handlers_images import ImageHandlers
from server.handlers_live import LiveEvents, LiveHandlers, LiveSeatEvents
from server.handlers_machines import MachineHandlers
from server.handlers_mails import MailHandlers
from server.handlers_organisers import OrganiserHandlers
from server.handlers_payments import PaymentHandlers
from server.handlers_placement import PlacementHandlers, event_placement, restaurant_placement
from server.handlers_purchases import PurchaseHandlers
from server.handlers_reports import ReportHandlers
from server.handlers_reservations import ReservationHandlers
from server.handlers_restaurants import RestaurantHandlers
from server.handlers_seats import SeatHandlers
from server.handlers_service import Alive, ServiceHandlers
from server.handlers_sessions import SessionHandlers
from server.handlers_submissions import SubmissionHandlers
from server.handlers_tables import TableHandlers
from server.handlers_tickets import TicketHandlers
from server.handlers_venues import VenueHandlers
from server.handlers_wallets import WalletHandlers
from server.handlers_webhooks import WebhookHandlers
from server.live import EVENT_STREAM
from server.metrics import CONTENT_TYPE as METRICS_TEXT
from server.parts import Parts
from server.payloads_audit import AuditQuery
from server.printing import PDF
from server.route import Route
from server.routes_accounts import account_routes
from server.routes_endpoints import endpoint_routes
from server.routes_machines import machine_routes
from server.routes_mails import mail_routes
from server.routes_organisers import organiser_routes
from server.routes_payments import payment_routes
from server.routes_reports import report_routes
from server.routes_restaurants import image_routes, restaurant_routes
from server.throttle import Group
from server.ticket_pictures import SVG
from server.views_accounts import OwnReservationsView
from server.views_audit import AuditEntryView
from server.views_restaurants import TableReservationView
from server.views_submissions import AcceptedView, PendingView, RejectedView

_EVENT = "/api/v1/events/{event_id}"
_RESERVATION = "/api/v1/reservations/{reservation_id}"
_VENUE = "/api/v1/venues/{venue_id}"
_NOT_TO_BE_HAD = ("sold_out", "held", "no_fitting_seats", "limit_exceeded", "sales_closed")
_NOT_TO_BE_PLACED = (*_NOT_TO_BE_HAD, "already_reserved", "payment_due")
_NO_HOLD = ("hold_expired", "wrong_state")
_HTML = "text/html; charset=utf-8"


def all_routes(parts: Parts, service: ServiceHandlers) -> list[Route]:
    """Every route there is."""
    return [
        *_event_routes(EventHandlers(parts), event_placement(parts), LiveHandlers(parts)),
        *_seat_routes(SeatHandlers(parts), LiveHandlers(parts)),
        *_catalogue_routes(CatalogueHandlers(parts)),
        *report_routes(ReportHandlers(parts)),
        *_reservation_routes(ReservationHandlers(parts)),
        *_ticket_routes(TicketHandlers(parts), DoorHandlers(parts)),
        *_submission_routes(SubmissionHandlers(parts)),
        *payment_routes(
            PaymentHandlers(parts), PurchaseHandlers(parts), WalletHandlers(parts), WebhookHandlers(parts)
        ),
        *_venue_routes(VenueHandlers(parts)),
        *_fixture_routes(FixtureHandlers(parts)),
        *restaurant_routes(
            RestaurantHandlers(parts), TableHandlers(parts), restaurant_placement(parts), LiveHandlers(parts)
        ),
        *account_routes(AccountHandlers(parts), SessionHandlers(parts)),
        *organiser_routes(OrganiserHandlers(parts)),
        *machine_routes(MachineHandlers(parts)),
        *image_routes(ImageHandlers(parts)),
        *mail_routes(MailHandlers(parts)),
        *endpoint_routes(EndpointHandlers(parts)),
        *_service_routes(service, AuditHandlers(parts)),
    ]


# One route is easier to find among its like than among its arguments.
# fmt: off
def _event_routes(events: EventHandlers, placement: PlacementHandlers, live: LiveHandlers) -> list[Route]:
    event, kind, counts = shown.EventView, shown.TicketTypeView, shown.AvailabilityView
    public: Any = {"tag": "events", "who": Who.READER, "scope": Scope.READ}
    placed: Any = {"tag": "events", "who": Who.OPERATOR, "problems": ("unavailable", "overloaded")}
    command: Any = {"tag": "events", "who": Who.ORGANISER, "scope": Scope.MANAGE, "asks_owner": True,
                    "reply_headers": ("ETag",)}
    action: Any = {**command, "body": given.Nothing, "body_optional": True, "keyed": True}
    created: Any = {**command, "status": 201, "reply_headers": ("ETag", "Location"), "keyed": True}
    matched: Any = {**command, "request_headers": ("If-Match",),
                    "problems": ("quota_below_live", "venue_taken", "stale")}
    deleted: Any = {**command, "reply_headers": (), "request_headers": ("If-Match",),
                    "problems": ("in_use", "stale")}
    cached: Any = {**public, "request_headers": ("If-None-Match",),
                   "reply_headers": ("ETag", "Cache-Control")}
    watched: Any = {**public, "request_headers": ("Last-Event-ID",), "reply_headers": ("Cache-Control",)}
    return [
        Route("POST", "/api/v1/events", events.create, event, body=given.NewEvent,
              problems=("venue_taken",), **created),
        Route("GET", _EVENT, events.show, event, reply_headers=("ETag",), **public),
        Route("PATCH", _EVENT, events.change, event, body=given.EventPatch, **matched),
        Route("DELETE", _EVENT, events.remove, None, status=204, **deleted),
        Route("POST", f"{_EVENT}/pause", events.pause, event, **action),
        Route("POST", f"{_EVENT}/resume", events.resume, event, **action),
        Route("POST", f"{_EVENT}/publish", events.publish, event, problems=("wrong_state",), **action),
        Route("POST", f"{_EVENT}/close", events.close, event, problems=("wrong_state",), **action),
        Route("POST", f"{_EVENT}/cancel", events.cancel, event, **action),
        Route("GET", f"{_EVENT}/placement", placement.show, shown.PlacementView, scope=Scope.READ, **placed),
        Route("PUT", f"{_EVENT}/placement", placement.change, shown.PlacementView,
              body=given.NewPlacement, scope=Scope.MANAGE, **placed),
        Route("GET", f"{_EVENT}/ticket-types/{{code}}", events.ticket_type, kind, **public),
        Route("GET", f"{_EVENT}/availability", events.availability, counts, **cached),
        Route("GET", f"{_EVENT}/availability/stream", live.stream, LiveEvents, media=EVENT_STREAM, **watched),
    ]


def _seat_routes(seats: SeatHandlers, live: LiveHandlers) -> list[Route]:
    shows: Any = {"tag": "events", "who": Who.READER, "scope": Scope.READ,
                  "reply_headers": ("ETag", "Cache-Control")}
    named: Any = {"tag": "events", "who": Who.ORGANISER, "scope": Scope.MANAGE, "asks_owner": True,
                  "reply_headers": ("ETag",), "body": given.NamedSeats, "keyed": True,
                  "request_headers": ("If-Match",)}
    return [
        Route("GET", f"{_EVENT}/seats", seats.show, shown.SeatMapView, query=given.SeatsQuery, **shows),
        Route("GET", f"{_EVENT}/seats/stream", live.seats, LiveSeatEvents, media=EVENT_STREAM,
              request_headers=("Last-Event-ID",), **{**shows, "reply_headers": ("Cache-Control",)}),
        Route("POST", f"{_EVENT}/seats/block", seats.block, shown.EventView, problems=("in_use", "stale"),
              **named),
        Route("POST", f"{_EVENT}/seats/unblock", seats.unblock, shown.EventView, problems=("stale",),
              **named),
    ]


def _catalogue_routes(catalogue: CatalogueHandlers) -> list[Route]:
    cached: Any = {"tag": "events", "scope": Scope.READ, "who": Who.READER,
                   "request_headers": ("If-None-Match",), "reply_headers": ("ETag", "Cache-Control")}
    return [
        Route("GET", "/api/v1/events", catalogue.events, shown.Page[shown.EventView],
              query=wanted.EventsQuery, **cached),
    ]


def _reservation_routes(reservations: ReservationHandlers) -> list[Route]:
    view, any_kind = shown.ReservationView, shown.ReservationView | TableReservationView
    tag: Any = {"tag": "reservations"}
    placed: Any = {**tag, "scope": Scope.SELL, "status": 201, "reply_headers": ("Location",), "keyed": True,
                   "asks_owner": True}
    listed: Any = {**tag, "who": Who.ORGANISER, "scope": Scope.READ, "query": given.ReservationsQuery}
    shows: Any = {**tag, "who": Who.HOLDER, "scope": Scope.READ}
    held: Any = {**tag, "who": Who.HOLDER, "scope": Scope.SELL}
    changed: Any = {**held, "asks_owner": True, "problems": (*_NOT_TO_BE_HAD, *_NO_HOLD)}
    action: Any = {**held, "asks_owner": True, "body": given.Nothing, "body_optional": True, "keyed": True}
    return [
        Route("POST", f"{_EVENT}/reservations", reservations.place, view,
              accepted=AcceptedView, who=Who.GUEST, group=Group.RESERVE, body=given.NewReservation,
              problems=_NOT_TO_BE_PLACED, **placed),
        Route("POST", f"{_EVENT}/reservations/cancel", reservations.cancel_by_code, view,
              body=given.Cancellation, who=Who.ANYONE, keyed=True, asks_owner=True, problems=("too_late",),
              **tag),
        Route("GET", f"{_EVENT}/reservations", reservations.list_of_event, shown.Page[shown.ReservationView],
              **listed),
        Route("GET", "/api/v1/accounts/me/reservations", reservations.list_own, OwnReservationsView,
              who=Who.ACCOUNT, query=given.PageQuery, reply_headers=("Cache-Control",), **tag),
        Route("GET", _RESERVATION, reservations.show, any_kind, **shows),
        Route("PATCH", _RESERVATION, reservations.change, view, body=given.ReservationPatch, **changed),
        Route("POST", f"{_RESERVATION}/extend", reservations.extend, any_kind,
              problems=("limit_exceeded", *_NO_HOLD), **action),
        Route("POST", f"{_RESERVATION}/confirm", reservations.confirm, any_kind,
              problems=(*_NO_HOLD, "payment_due", "forbidden"), **{**action, "body": given.BoxOffice}),
        Route("POST", f"{_RESERVATION}/cancel", reservations.cancel, any_kind,
              problems=("too_late", "wrong_state"), **action),
    ]


def _ticket_routes(tickets: TicketHandlers, door: DoorHandlers) -> list[Route]:
    view, let_in = views_tickets.TicketView, views_tickets.LetInView
    held: Any = {"tag": "tickets", "who": Who.HOLDER, "request_headers": ("Ticket-Token",)}
    shows: Any = {**held, "scope": Scope.READ, "problems": ("wrong_state", "ticket_replaced"),
                  "reply_headers": ("Cache-Control",)}
    file: Any = {**shows, "reply_headers": ("Cache-Control", "Content-Disposition")}
    pages: Any = {**file, "problems": ("wrong_state", "ticket_replaced", "limit_exceeded", "overloaded",
                                       "unavailable")}
    replaces: Any = {**held, "scope": Scope.SELL, "asks_owner": True, "keyed": True,
                     "reply_headers": ("Cache-Control",),
                     "problems": ("wrong_state", "ticket_replaced", "already_checked_in", "limit_exceeded")}
    staff: Any = {"tag": "tickets", "who": Who.STAFF, "scope": Scope.CHECK_IN}
    scans: Any = {**staff, "asks_owner": True, "keyed": True}
    calendar: Any = {**file, "tag": "reservations", "media": CALENDAR}
    return [
        Route("GET", f"{_RESERVATION}/tickets", tickets.list_all, shown.Page[views_tickets.TicketView],
              query=given.PageQuery, **shows),
        Route("GET", "/api/v1/accounts/me/tickets", tickets.list_received,
              shown.Page[views_tickets.ReceivedTicketView], query=given.PageQuery, who=Who.ACCOUNT,
              tag="tickets", reply_headers=("Cache-Control",)),
        Route("GET", f"{_RESERVATION}/tickets.pdf", tickets.pdf, bytes, query=payloads_tickets.PdfQuery,
              media=PDF, **pages),
        Route("GET", f"{_RESERVATION}/tickets/{{file}}", tickets.svg, bytes, media=SVG, **shows),
        Route("GET", f"{_RESERVATION}/calendar.ics", tickets.calendar, bytes, **calendar),
        Route("POST", f"{_RESERVATION}/tickets/{{number}}/transfer", tickets.transfer, view,
              body=payloads_tickets.NewHolder, **replaces),
        Route("POST", f"{_RESERVATION}/tickets/{{number}}/reissue", tickets.reissue, view,
              body=given.Nothing, body_optional=True, **replaces),
        Route("POST", f"{_EVENT}/check-ins", door.check_in, let_in, body=payloads_tickets.Scan,
              problems=("already_checked_in", "ticket_replaced", "wrong_state"), **scans),
        Route("POST", f"{_EVENT}/check-ins/undo", door.undo, let_in, body=payloads_tickets.WrongScan,
              problems=("ticket_replaced", "wrong_state"), **scans),
        Route("POST", f"{_EVENT}/check-ins/batch", door.upload, views_tickets.ScanResults,
              body=payloads_tickets.OfflineScans, **staff),
        Route("GET", f"{_EVENT}/check-ins/list", door.offline_list, views_tickets.ListedTicket, media=LINES,
              request_headers=("If-None-Match",), reply_headers=("ETag", "Cache-Control"), **staff),
    ]


def _submission_routes(submissions: SubmissionHandlers) -> list[Route]:
    shown_there = PendingView | RejectedView | shown.ReservationView | TableReservationView
    return [
        Route("GET", "/api/v1/submissions/{submission_id}", submissions.show, shown_there, who=Who.HOLDER,
              scope=Scope.READ, reply_headers=("Retry-After",), tag="reservations"),
    ]


def _venue_routes(venues: VenueHandlers) -> list[Route]:
    venue = views_venues.VenueView
    tag: Any = {"tag": "venues"}
    public: Any = {**tag, "who": Who.ANYONE}
    listed: Any = {**public, "query": given.PageQuery}
    cached: Any = {**public, "request_headers": ("If-None-Match",),
                   "reply_headers": ("ETag", "Cache-Control")}
    changed: Any = {**tag, "who": Who.ORGANISER, "scope": Scope.MANAGE, "request_headers": ("If-Match",)}
    created: Any = {**tag, "who": Who.ORGANISER, "scope": Scope.MANAGE, "status": 201,
                    "reply_headers": ("ETag", "Location"), "keyed": True}
    return [
        Route("POST", "/api/v1/venues", venues.create, venue, body=payloads_venues.NewVenue, **created),
        Route("GET", "/api/v1/venues", venues.list_all, shown.Page[views_venues.VenueView], **listed),
        Route("GET", _VENUE, venues.show, venue, reply_headers=("ETag",), **public),
        Route("GET", f"{_VENUE}/plan", venues.plan, views_venues.PlanView, **cached),
        Route("PATCH", _VENUE, venues.change, venue, body=payloads_venues.VenuePatch,
              reply_headers=("ETag",), problems=("stale",), **changed),
        Route("DELETE", _VENUE, venues.remove, None, status=204, problems=("stale", "in_use"), **changed),
    ]


def _fixture_routes(fixtures: FixtureHandlers) -> list[Route]:
    keyed: Any = {"who": Who.ORGANISER, "scope": Scope.MANAGE, "asks_owner": True, "keyed": True}
    return [
        Route("POST", f"{_VENUE}/fixtures", fixtures.make, views_fixtures.FixturesView,
              body=payloads_fixtures.NewFixtures, problems=("limit_exceeded",), tag="venues", **keyed),
        Route("POST", f"{_EVENT}/copy-from", fixtures.copy, shown.EventView, body=given.CopyFrom,
              request_headers=("If-Match",), reply_headers=("ETag",), tag="events",
              problems=("in_use", "limit_exceeded", "wrong_state", "stale"), **keyed),
    ]


def _service_routes(service: ServiceHandlers, audit: AuditHandlers) -> list[Route]:
    owners: Any = {"tag": "operations", "who": Who.OPERATOR, "scope": Scope.READ,
                   "problems": ("unavailable",)}
    public: Any = {"who": Who.ANYONE}
    return [
        Route("GET", "/api/v1/audit", audit.list_all, shown.Page[AuditEntryView], query=AuditQuery,
              reply_headers=("Cache-Control",), **owners),
        Route("GET", "/api/v1/owners", service.owners, shown.Page[shown.OwnerView], **owners),
        Route("GET", "/healthz", service.alive, Alive, **public),
        Route("GET", "/readyz", service.ready, Alive, problems=("unavailable",), **public),
        Route("GET", "/metrics", service.metrics, str, media=METRICS_TEXT, **public),
        Route("GET", "/openapi.json", service.describe, dict[str, Any], **public),
        Route("GET", "/docs", service.docs, str, media=_HTML, **public),
        Route("GET", "/docs/{file}", service.docs_file, bytes, media="*/*", problems=("not_found",),
              **public),
    ]
