"""The operator's part of a load run: makes the event that will be sold, and the witnesses' small one."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from loadtest.behaviours import OnSale
from loadtest.endpoints import NoServer, Server
from loadtest.exchange import API, ms_of
from loadtest.record import Kind, Recorder, Sale, now_us

REQUEST_TIMEOUT_S = 30.0
INSIST_S = 60.0
PAUSE_S = 3.0
BUSY = 503
WITNESS_QUOTA = 5
WITNESS_HOLD_S = 7_200
"""Longer than any run, so that no hold among witnesses runs out."""
MAX_PER_CUSTOMER = 8
EVENT_IN_DAYS = 30


def create_sale(
    server: Server, capacity: int, opens_after_s: float, hold_duration_s: int, recorder: Recorder
) -> OnSale:
    """The sale and the witnesses' one, recorded for the auditor. Raises `NoServer` if they are refused."""
    name = f"On-sale of {capacity:,}"
    sold = open_sale(server, recorder, name, capacity, hold_duration_s, opens_after_s, "dedicated")
    witnessed = open_witnessed_sale(server, recorder)
    return OnSale(sold.event, sold.opens_us, witnessed.event)


def open_sale(
    server: Server,
    recorder: Recorder,
    name: str,
    capacity: int,
    hold_duration_s: int,
    opens_after_s: float = 0.0,
    placement: str = "pooled",
) -> Sale:
    """More tickets than capacity: both bounds are met, the types' own and the shared one."""
    opens = datetime.now(UTC) + timedelta(seconds=opens_after_s)
    body = {
        "name": name,
        "sales_start": opens.isoformat(),
        "capacity": capacity,
        "hold_duration_s": hold_duration_s,
        "max_per_customer": MAX_PER_CUSTOMER,
        "placement": placement,
        "ticket_types": [
            ticket_type("adult", capacity * 8 // 10, 4_500),
            ticket_type("child", capacity * 3 // 10, 1_500),
            ticket_type("parking", capacity * 2 // 10, 2_000, max_per_order=2),
        ],
    }
    return create_event(server, recorder, body)


def open_witnessed_sale(server: Server, recorder: Recorder) -> Sale:
    """A handful of tickets, and holds that do not run out."""
    types = [ticket_type("adult", WITNESS_QUOTA, 4_500)]
    body = {"name": "Witnessed sale", "hold_duration_s": WITNESS_HOLD_S, "ticket_types": types}
    return create_event(server, recorder, body, witnessed=True)


def create_event(
    server: Server,
    recorder: Recorder,
    body: dict[str, Any],
    witnessed: bool = False,
    kind: Kind = "tickets",
    seats: tuple[tuple[str, tuple[str, ...]], ...] = (),
) -> Sale:
    """An event, far enough ahead unless the body says when; recorded for the auditor."""
    event = operator(server, f"{API}/events", {**_times(), **body})
    quotas = tuple((one["code"], one["quota"]) for one in event["ticket_types"])
    opens = event.get("sales_start")
    opens_us = ms_of(opens) * 1000 if opens else now_us()
    capacity, hold_duration_s = event.get("capacity"), event["hold_duration_s"]
    sale = Sale(
        event["id"], event["name"], opens_us, quotas, capacity, hold_duration_s, witnessed, kind, seats
    )
    recorder.write(sale)
    return sale


def _times() -> dict[str, str]:
    starts = datetime.now(UTC) + timedelta(days=EVENT_IN_DAYS)
    return {"starts_at": starts.isoformat(), "cancel_until": (starts - timedelta(days=1)).isoformat()}


def ticket_type(code: str, quota: int, price: int, **more: int) -> dict[str, Any]:
    return {
        "code": code,
        "name": code.capitalize(),
        "quota": max(1, quota),
        "price": {"amount": price, "currency": "EUR"},
        **more,
    }


def operator(server: Server, path: str, body: Any = None) -> Any:
    """One request of the operator's; POST if there is a body. Insists, with one key, while it is busy."""
    headers = {"Authorization": f"Bearer {server.admin_token}", "Content-Type": "application/json"}
    headers["Idempotency-Key"] = str(uuid.uuid4())
    data = None if body is None else msgspec.json.encode(body)
    request = urllib.request.Request(server.http + path, data, headers)  # noqa: S310 - a checked http URL
    give_up_s = time.monotonic() + INSIST_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_S) as reply:  # noqa: S310
                return msgspec.json.decode(reply.read())
        except urllib.error.HTTPError as error:
            if error.code != BUSY or time.monotonic() > give_up_s:
                raise NoServer(f"{path} was answered {error.code}: {error.read().decode()[:300]}") from error
        except OSError as error:
            if time.monotonic() > give_up_s:
                raise NoServer(f"{server.http} does not answer: {error}") from error
        time.sleep(PAUSE_S)
