"""What an owner's memory is used for: per active event without reservations, per live reservation.

Differences of the pool owner's own memory (USS) over many of each, so that what the process needs anyway
drops out.
"""

from collections.abc import Callable
from typing import Any

from loadtest.bench import api
from loadtest.bench.activation import POOL_OWNER, fill
from loadtest.bench.owners import own_memory_bytes, owner_process
from loadtest.bench.stack import Stack

SETTINGS = {"TURNSTILE_POOL_OWNERS": "1", "TURNSTILE_PASSIVATE_AFTER_S": "86400"}
WARMUP_RESERVATIONS = 4_000


def measure(stack: Stack, events: int, reservations: int, show: Callable[[str], None]) -> dict[str, Any]:
    busy = api.create_event(stack, reservations * 4, "pooled", api.HOLD_DURATION_S)
    fill(stack, busy, WARMUP_RESERVATIONS)
    owner = owner_process(stack, POOL_OWNER)
    show(f"activating {events} events")
    at_start = own_memory_bytes(owner)
    for _ in range(events):
        activate(stack)
    with_events = own_memory_bytes(owner)
    show(f"placing {reservations} holds")
    placed = fill(stack, busy, reservations)
    with_reservations = own_memory_bytes(owner)
    return {
        "events": events,
        "event_kb": (with_events - at_start) / events / 1e3,
        "reservations": placed,
        "reservation_bytes": (with_reservations - with_events) / max(placed, 1),
    }


def activate(stack: Stack) -> None:
    """An event that has had a hold and has none."""
    event = api.create_event(stack, 100, "pooled")
    api.change(stack, api.hold(stack, event), "cancel")
