"""Figures that need a server of their own and no peers: activation, memory, failover, idle."""

from collections.abc import Callable, Mapping
from typing import Any

from loadtest.bench import activation, failover, idle, memory, stack
from loadtest.bench.stack import Stack

LIVE_RESERVATIONS = 100_000
EVENTS = 1_000
KILLS = 30
NAMES = ("activation", "memory", "failover", "idle")

Show = Callable[[str], None]


def measure(name: str, show: Show, live: int, kills: int) -> dict[str, Any]:
    measures: Mapping[str, tuple[Mapping[str, str], Callable[[Stack], dict[str, Any]]]] = {
        "activation": (activation.SETTINGS, lambda server: activation.measure(server, live, show)),
        "memory": (memory.SETTINGS, lambda server: memory.measure(server, EVENTS, live, show)),
        "failover": (failover.SETTINGS, lambda server: failover.measure(server, kills, show)),
        "idle": (idle.SETTINGS, lambda server: idle.measure(server, show)),
    }
    settings, take = measures[name]
    show(f"{name}: starting the server")
    with stack.started(1, settings) as server:
        found = take(server)
    show(f"{name}: {found}")
    return found
