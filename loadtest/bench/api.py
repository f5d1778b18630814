"""The few requests the driver itself makes of Turnstile: create an event, sell it out, ask what is left.

Blocking and plain: none of it is measured.
"""

import http
import http.client
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from loadtest.bench.stack import Stack
from loadtest.peers import wire

REQUEST_TIMEOUT_S = 30.0
RETRY_FOR_S = 60.0
RETRY_INTERVAL_S = 0.2
HOLD_DURATION_S = 86_400


class Refused(Exception):
    """A request of the driver's own was answered with an error."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}: {body.decode(errors='replace')[:500]}")
        self.status = status


def request(stack: Stack, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """POST if there is a body, else GET. A 503 is tried again with the same key. Raises `Refused`."""
    key = {"Idempotency-Key": str(uuid.uuid4())} if body is not None else {}
    deadline = time.monotonic() + RETRY_FOR_S
    while True:
        status, received = once(stack, path, body, {**key, **(headers or {})})
        if status < http.HTTPStatus.BAD_REQUEST:
            return msgspec.json.decode(received)
        if status != http.HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
            raise Refused(status, received)
        time.sleep(RETRY_INTERVAL_S)


def once(stack: Stack, path: str, body: Any, headers: dict[str, str], method: str = "") -> tuple[int, bytes]:
    address = urlsplit(stack.http)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=REQUEST_TIMEOUT_S)
    try:
        data = None if body is None else msgspec.json.encode(body)
        sent = {"Content-Type": "application/json", **headers}
        connection.request(method or ("GET" if body is None else "POST"), f"/api/v1{path}", data, sent)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def create_event(
    stack: Stack,
    quota: int,
    placement: Literal["pooled", "dedicated"] = "dedicated",
    hold_duration_s: int = 900,
) -> str:
    body = {
        "name": "Benchmark",
        "starts_at": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
        "hold_duration_s": hold_duration_s,
        "placement": placement,
        "ticket_types": [
            {
                "code": wire.TICKET_TYPE,
                "name": "General admission",
                "quota": quota,
                "price": {"amount": wire.PRICE_MINOR_UNITS, "currency": wire.CURRENCY},
            }
        ],
    }
    created = request(stack, "/events", body, {"Authorization": f"Bearer {stack.admin_token}"})
    return str(created["id"])


def hold(stack: Stack, event_id: str, quantity: int = 1) -> Any:
    customer = {"name": "Ada Lovelace", "email": "driver@example.org"}
    body = {"lines": [{"ticket_type": wire.TICKET_TYPE, "quantity": quantity}], "customer": customer}
    return request(stack, f"/events/{event_id}/reservations", body)


def change(stack: Stack, held: Any, verb: Literal["confirm", "cancel"]) -> Any:
    path = f"/reservations/{held['id']}/{verb}"
    return request(stack, path, {}, {"Reservation-Token": held["token"]})


def create_sold_out_event(stack: Stack) -> str:
    """All confirmed, so that the answer is 409 `sold_out` and not 423 `held`."""
    event_id = create_event(stack, quota=1)
    change(stack, hold(stack, event_id), "confirm")
    return event_id


def live(stack: Stack, event_id: str) -> int:
    found = request(stack, f"/events/{event_id}/availability")["ticket_types"][0]
    return int(found["quota"]) - int(found["available"])
