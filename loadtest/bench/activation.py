"""How long an event with 100,000 live reservations takes to activate, and how long its neighbours wait
meanwhile.

Two events share one pool owner. The large one is filled through the API; the owner is killed; the small one
comes back first and gets a steady load; then the first command of the large one activates it, and its reply
is timed.
"""

import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from loadtest.bench import api
from loadtest.bench.measure import GRACE_S, open_loop_command, run_open_loop
from loadtest.bench.open_loop import WINDOW_S, OpenLoopResult
from loadtest.bench.owners import kill, owner_process
from loadtest.bench.stack import Stack

PLACED_MIN_SHARE = 0.98
POOL_OWNER = "pool:0"
SETTINGS = {"TURNSTILE_POOL_OWNERS": "1"}
FILL_RATE_PER_S = 2000.0
FILL_CONNECTIONS = 256
NEIGHBOUR_RATE_PER_S = 200.0
NEIGHBOUR_CONNECTIONS = 16
NEIGHBOUR_S = 6.0
SETTLE_S = 2.0


class NotMeasured(Exception):
    """The state to measure in could not be reached."""


def measure(stack: Stack, reservations: int, show: Callable[[str], None]) -> dict[str, Any]:
    large = api.create_event(stack, reservations * 2, "pooled", api.HOLD_DURATION_S)
    small = api.create_event(stack, 1_000_000, "pooled", api.HOLD_DURATION_S)
    show(f"filling an event with {reservations} reservations")
    filled = fill(stack, large, reservations)
    kill(owner_process(stack, POOL_OWNER))
    api.hold(stack, small)  # tried again until the owner is back
    show("activating it")
    began, activation_s, neighbours = activate_beside_load(stack, large, small)
    before, during = stalls_ms(neighbours.windows, began, activation_s)
    return {
        "reservations": filled,
        "activation_s": activation_s,
        "longest_stall_ms": during,
        "longest_stall_before_ms": before,
        "neighbours_failed": neighbours.failed,
    }


def path_of(event: str) -> str:
    return f"/api/v1/events/{event}/reservations"


def fill(stack: Stack, event: str, count: int) -> int:
    """How many holds were acknowledged. Raises `NotMeasured` if much fewer than asked for."""
    seconds = count / FILL_RATE_PER_S
    result = run_open_loop(stack.http, path_of(event), FILL_RATE_PER_S, seconds, FILL_CONNECTIONS)
    placed = result.statuses.get("201", 0)
    if placed < count * PLACED_MIN_SHARE:
        raise NotMeasured(f"only {placed} of {count} holds placed: {result.statuses}, {result.failed} lost")
    return placed


def activate_beside_load(stack: Stack, large: str, small: str) -> tuple[float, float, OpenLoopResult]:
    """When the first command of the large event was sent, how long it took, what the small one's load saw."""
    command = open_loop_command(
        stack.http, path_of(small), NEIGHBOUR_RATE_PER_S, NEIGHBOUR_S, NEIGHBOUR_CONNECTIONS
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE) as load:
        try:
            time.sleep(SETTLE_S)
            began = time.time()
            api.hold(stack, large)
            activation_s = time.time() - began
            output, _ = load.communicate(timeout=NEIGHBOUR_S + GRACE_S)
        finally:
            load.kill()
    return began, activation_s, msgspec.json.decode(output, type=OpenLoopResult)


def stalls_ms(windows: Sequence[tuple[float, float]], began: float, seconds: float) -> tuple[float, float]:
    """The longest latency before (but for the load's first second) and during an interval."""
    start = windows[0][0] + 1.0 if windows else 0.0
    before = [ms for at, ms in windows if start <= at < began - WINDOW_S]
    during = [ms for at, ms in windows if began - WINDOW_S <= at <= began + seconds]
    return max(before, default=0.0), max(during, default=0.0)
