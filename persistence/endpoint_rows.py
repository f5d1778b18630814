"""Rows of endpoints and of deliveries, as front ends, the follower and the courier read them."""

# ruff: noqa: S608 - statements are put together from constants of this file only
from __future__ import annotations

import msgspec

from domain.endpoints import Delivery, DeliveryStatus, Endpoint
from persistence.connection import Row

ENDPOINT = (
    "id::text, url, created_ms, kinds, inventory_id::text, organiser_id::text, description, generation,"
    " old_secret_until_ms, version, paused_ms, pause_reason, failures, failing_since_ms"
)
ALL_ENDPOINTS = f"SELECT {ENDPOINT} FROM webhook_endpoints WHERE removed_ms IS NULL ORDER BY id"
DELIVERY = (
    "id::text, endpoint_id::text, kind, status, inventory_id::text, about::text, seq, position, created_ms,"
    " due_ms, attempts, answer, error, ended_ms"
)

_kinds = msgspec.json.Decoder(tuple[str, ...])


def endpoint_of(row: Row) -> Endpoint:
    return Endpoint(**(dict(row) | {"kinds": _kinds.decode(row["kinds"])}))


def encoded_kinds(kinds: tuple[str, ...]) -> str:
    return msgspec.json.encode(kinds).decode()


def delivery_of(row: Row) -> Delivery:
    """`body` where it was asked for."""
    values = dict(row) | {"status": DeliveryStatus(row["status"])}
    if "body" in values:
        values["body"] = values["body"].encode()
    return Delivery(**values)
