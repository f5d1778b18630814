"""The routes of webhook endpoints; see `server/routes.py`."""

from __future__ import annotations

from typing import Any

from domain.account import Scope
from server import payloads as given
from server import payloads_endpoints as wanted
from server import views as shown
from server.callers import Who
from server.handlers_endpoints import EndpointHandlers
from server.route import Route
from server.views_endpoints import DeliveryView, EndpointView
from server.views_mails import ReplayedView

_ALL = "/api/v1/webhook-endpoints"
_ONE = f"{_ALL}/{{endpoint_id}}"
_LOG = f"{_ONE}/deliveries"


# One route is easier to find among its like than among its arguments.
# fmt: off
def endpoint_routes(endpoints: EndpointHandlers) -> list[Route]:
    """Every route of webhook endpoints."""
    of_organisers: Any = {"tag": "webhooks", "who": Who.ORGANISER}
    read: Any = {**of_organisers, "scope": Scope.READ}
    tag: Any = {**of_organisers, "scope": Scope.MANAGE}
    etag: Any = {"reply_headers": ("ETag",)}
    tagged: Any = {**tag, **etag}
    said: Any = {"body": given.Nothing, "body_optional": True}
    of_version: Any = {**tagged, "request_headers": ("If-Match",), "problems": ("stale",)}
    return [
        Route("GET", _ALL, endpoints.list_all, shown.Page[EndpointView], query=given.PageQuery, **read),
        Route("POST", _ALL, endpoints.create, EndpointView, 201, body=wanted.NewEndpoint, keyed=True,
              problems=("limit_exceeded",), reply_headers=("Location", "ETag"), **tag),
        Route("GET", _ONE, endpoints.show, EndpointView, **etag, **read),
        Route("PATCH", _ONE, endpoints.change, EndpointView, body=wanted.EndpointPatch, **of_version),
        Route("DELETE", _ONE, endpoints.remove, None, 204, request_headers=("If-Match",), problems=("stale",),
              **tag),
        Route("POST", f"{_ONE}/rotate-secret", endpoints.rotate, EndpointView, keyed=True, **said,
              **of_version),
        Route("POST", f"{_ONE}/pause", endpoints.pause, EndpointView, **said, **tagged),
        Route("POST", f"{_ONE}/resume", endpoints.resume, EndpointView, **said, **tagged),
        Route("GET", _LOG, endpoints.log, shown.Page[DeliveryView], query=wanted.DeliveriesQuery, **read),
        Route("POST", f"{_LOG}/replay", endpoints.replay_dead, ReplayedView, **said, **tag),
        Route("GET", f"{_LOG}/{{delivery_id}}", endpoints.delivery, DeliveryView, **read),
        Route("POST", f"{_LOG}/{{delivery_id}}/replay", endpoints.replay, DeliveryView, **said, **tag),
    ]
