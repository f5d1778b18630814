"""Holds by who is signed in beside holds by guests: the same server, the same generator, in turn.

What a signed-in hold costs more is its access token, which is verified, and the bound of live holds of an
account, which is looked up in Valkey.
"""

import asyncio
import statistics
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from loadtest.bench import api, replay, stack, wrk
from loadtest.bench.signed_in import tokens
from loadtest.bench.stack import Stack
from loadtest.peers import wire

CONNECTIONS = (64, 256)
BUYERS = 1_024
REQUESTS = 2_048
SETTINGS = {"TURNSTILE_LIMIT_HOLDS_PER_ACCOUNT": "1000"}
"""Counted as by default, and not met."""

SIDES = SIGNED_IN, GUESTS = "signed in", "by guests"

Show = Callable[[str], None]


def measure(seconds: int, rounds: int, show: Show) -> dict[str, float]:
    """Shows each round, and the medians of the ratios, which it returns. Each side is first as often: the
    second finds a fuller database."""
    show("starting the server")
    with stack.temporary_folder() as folder, stack.started(1, SETTINGS) as server:
        names = [str(uuid4()) for _ in range(BUYERS)]
        made = asyncio.run(tokens(server.database_url, names, role="customer"))
        files = {
            GUESTS: sale(server, folder / "guests", [{}]),
            SIGNED_IN: sale(
                server, folder / "buyers", [{"Authorization": f"Bearer {token}"} for token in made]
            ),
        }
        ratios: dict[int, list[float]] = {count: [] for count in CONNECTIONS}
        for number in range(rounds * len(CONNECTIONS)):
            connections = CONNECTIONS[number % len(CONNECTIONS)]
            order = SIDES if number // len(CONNECTIONS) % 2 else SIDES[::-1]
            found = {side: rate(server, files[side], connections, seconds) for side in order}
            ratios[connections].append(found[SIGNED_IN] / found[GUESTS])
            show(
                f"{connections} connections: "
                + ", ".join(f"{found[side]:,.0f} holds/s {side}" for side in SIDES)
            )
    return {f"signed_in_{connections}_x": statistics.median(found) for connections, found in ratios.items()}


def sale(server: Stack, path: Path, callers: list[dict[str, str]]) -> Path:
    """Requests for holds of an event of their own, in a file."""
    event_id = api.create_event(server, 10_000_000)
    api.hold(server, event_id)  # its owner is a new process, which takes a moment to start
    return replay.write(path, holds(urlsplit(server.http).port or 0, event_id, callers))


def rate(server: Stack, requests: Path, connections: int, seconds: int) -> float:
    """Holds per second. All must be made."""
    found = wrk.run(server.http, str(requests), "replay", wire.TICKET_TYPE, connections, seconds)
    if found.refused or found.failed:
        raise wrk.WrkFailed(f"{found.refused} refused, {found.failed} without a reply")
    return found.requests / found.seconds


def holds(port: int, event_id: str, callers: list[dict[str, str]]) -> list[bytes]:
    """Each of one ticket, for another customer, by these callers in turn."""
    path = f"/api/v1/events/{event_id}/reservations"
    lines = [{"ticket_type": wire.TICKET_TYPE, "quantity": 1}]
    return [
        replay.request(
            port,
            "POST",
            path,
            {"lines": lines, "customer": wire.Customer("Ada Lovelace", f"buyer-{number:06d}@example.org")},
            callers[number % len(callers)],
        )
        for number in range(REQUESTS)
    ]
