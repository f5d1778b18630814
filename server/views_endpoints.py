"""Webhook endpoints and deliveries, as operators see them."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Raw, UnsetType

from domain.endpoints import Delivery, Endpoint
from server.times import rfc3339, rfc3339_or_none
from server.views import View


class EndpointView(View, frozen=True):
    """Where facts are told: of these `kinds`, none: of all. `secret` comes when it is made, and never again.
    One that is `paused` is sent nothing; `failures`: in a row, since `failing_since`."""

    id: str
    url: str
    kinds: tuple[str, ...]
    inventory_id: str | None
    organiser_id: str | None
    description: str
    status: Literal["active", "paused"]
    paused_at: str | None
    pause_reason: str | None
    failures: int
    failing_since: str | None
    created_at: str
    secret: str | UnsetType = UNSET


class DeliveryView(View, frozen=True):
    """One fact told to one endpoint: `id` is its `Webhook-Id`. `answer`: the last HTTP status. `body` only of
    one that is asked for by itself."""

    id: str
    kind: str
    status: str
    inventory_id: str
    reservation_id: str | None
    sequence: int
    created_at: str
    due_at: str
    attempts: int
    answer: int | None
    error: str | None
    ended_at: str | None
    body: Raw | UnsetType = UNSET


def endpoint_view(endpoint: Endpoint, secret: str | UnsetType = UNSET) -> EndpointView:
    return EndpointView(
        endpoint.id,
        endpoint.url,
        endpoint.kinds,
        endpoint.inventory_id,
        endpoint.organiser_id,
        endpoint.description,
        "active" if endpoint.paused_ms is None else "paused",
        rfc3339_or_none(endpoint.paused_ms),
        endpoint.pause_reason,
        endpoint.failures,
        rfc3339_or_none(endpoint.failing_since_ms),
        rfc3339(endpoint.created_ms),
        secret,
    )


def delivery_view(delivery: Delivery) -> DeliveryView:
    return DeliveryView(
        delivery.id,
        delivery.kind,
        delivery.status.value,
        delivery.inventory_id,
        None if delivery.about == delivery.inventory_id else delivery.about,
        delivery.seq,
        rfc3339(delivery.created_ms),
        rfc3339(delivery.due_ms),
        delivery.attempts,
        delivery.answer,
        delivery.error,
        rfc3339_or_none(delivery.ended_ms),
        Raw(delivery.body) if delivery.body else UNSET,
    )
