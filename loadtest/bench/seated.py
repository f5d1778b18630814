"""Holds of one named seat beside holds of one ticket of a type: the same server, the same generator, in turn.

A venue of 60,000 seats; each round makes two new events, one seated and one not, so that both begin empty.
"""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from loadtest.bench import api, replay, stack, wrk
from loadtest.bench.stack import Stack
from loadtest.peers import wire

ROWS, ROW_SEATS = 200, 300
CONNECTIONS = (64, 256)
SETTLE_S = 1.0
"""What an owner does after its start beside its work is done by then."""

Show = Callable[[str], None]


def measure(seconds: int, rounds: int, show: Show) -> dict[str, float]:
    """Shows each round, and the medians of the ratios, which it returns."""
    show("starting the server")
    with stack.started(1, {}) as server:
        venue_id = venue(server)
        ratios: dict[int, list[float]] = {count: [] for count in CONNECTIONS}
        for number in range(rounds * len(CONNECTIONS)):
            connections = CONNECTIONS[number % len(CONNECTIONS)]
            seated = rate(server, event(server, venue_id, number), "seat", connections, seconds)
            standing = rate(server, api.create_event(server, ROWS * ROW_SEATS), "hold", connections, seconds)
            ratios[connections].append(seated / standing)
            show(f"{connections} connections: {seated:,.0f} seats/s, {standing:,.0f} holds/s of a type")
    middles = {connections: statistics.median(found) for connections, found in ratios.items()}
    for connections, middle in middles.items():
        show(f"{connections} connections: {middle:.2f} x")
    return {f"named_{connections}_x": middle for connections, middle in middles.items()}


def venue(server: Stack) -> str:
    block = {
        "section": "S",
        "rows": ROWS,
        "seats_per_row": ROW_SEATS,
        "categories": [{"category": wire.TICKET_TYPE, "last_row": ROWS}],
    }
    body = {"name": "Benchmark", "city": "Benchmark", "plan": {"block": block}}
    return str(api.request(server, "/venues", body, operator(server))["id"])


def event(server: Stack, venue_id: str, number: int) -> str:
    """Each on a day of its own: a venue has one event at a time."""
    price = {"amount": wire.PRICE_MINOR_UNITS, "currency": wire.CURRENCY}
    seat = {"code": wire.TICKET_TYPE, "name": "Seat", "price": price, "categories": [wire.TICKET_TYPE]}
    body = {
        "name": "Benchmark",
        "starts_at": (datetime.now(UTC) + timedelta(days=30 + number)).isoformat(),
        "placement": "dedicated",
        "seating": {"venue_id": venue_id},
        "ticket_types": [seat],
    }
    return str(api.request(server, "/events", body, operator(server))["id"])


def operator(server: Stack) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.admin_token}"}


def holds(port: int, path: str, seats: range) -> list[bytes]:
    """Each of a single seat, counted from 0, one after the other."""
    customer = wire.Customer("Ada Lovelace", "ada@example.org")
    named = (f"S/{seat // ROW_SEATS + 1}/{seat % ROW_SEATS + 1}" for seat in seats)
    return [
        replay.request(
            port,
            "POST",
            path,
            {
                "lines": [{"ticket_type": wire.TICKET_TYPE, "quantity": 1, "seats": [name]}],
                "customer": customer,
            },
        )
        for name in named
    ]


def wake(server: Stack, event_id: str) -> None:
    """Until its owner's process is there and has the event in memory."""
    for command in ("pause", "resume"):
        api.request(server, f"/events/{event_id}/{command}", {}, operator(server))
    time.sleep(SETTLE_S)


def rate(server: Stack, event_id: str, mode: wrk.Mode, connections: int, seconds: int) -> float:
    """Holds per second. All must be made: a seat is named once."""
    path = f"/api/v1/events/{event_id}/reservations"
    wake(server, event_id)
    found = wrk.run(server.http, path, mode, wire.TICKET_TYPE, connections, seconds)
    if found.refused or found.failed:
        raise wrk.WrkFailed(f"{found.refused} refused, {found.failed} without a reply")
    return found.requests / found.seconds
