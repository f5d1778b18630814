"""An owner is killed under load, again and again: the longest time without a success.

The load has a fixed rate and does not wait, so the gap between two successes is what a crowd would see. It
has as many connections as there can be requests under way until their deadlines: those that wait for the
dead owner keep nobody else out.
"""

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import psutil

from loadtest.bench import api
from loadtest.bench.measure import GRACE_S, open_loop_command
from loadtest.bench.open_loop import GAP_REPORTED_MS, OpenLoopResult
from loadtest.bench.owners import kill, owner_pids, owner_process, successor
from loadtest.bench.stack import Stack

SETTINGS: dict[str, str] = {}
QUOTA = 10_000_000
RATE_PER_S = 150.0
CONNECTIONS = 900
SETTLE_S = 3.0
BETWEEN_KILLS_S = 6.0

Gap = tuple[float, float]


def measure(stack: Stack, kills: int, show: Callable[[str], None]) -> dict[str, Any]:
    event = api.create_event(stack, QUOTA)
    api.hold(stack, event)
    owner = owner_process(stack, f"event:{event}")
    seconds = SETTLE_S + kills * BETWEEN_KILLS_S
    path = f"/api/v1/events/{event}/reservations"
    command = open_loop_command(stack.http, path, RATE_PER_S, seconds, CONNECTIONS)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as load:
        try:
            times = kill_again_and_again(stack, owner, kills, show)
            output, _ = load.communicate(timeout=BETWEEN_KILLS_S + GRACE_S)
        finally:
            load.kill()
    result = msgspec.json.decode(output, type=OpenLoopResult)
    longest = [longest_gap_s(result.gaps, at, BETWEEN_KILLS_S - 1.0) for at in times]
    return {
        "kills": len(times),
        "longest_s": max(longest),
        "median_s": statistics.median(longest),
        "all_s": longest,
        "statuses": result.statuses,
        "without_reply": result.failed,
    }


def kill_again_and_again(
    stack: Stack, owner: psutil.Process, kills: int, show: Callable[[str], None]
) -> list[float]:
    """When each kill was. Each time the owner that came after the one before."""
    times: list[float] = []
    next_at = time.monotonic() + SETTLE_S
    for number in range(1, kills + 1):
        time.sleep(max(0.0, next_at - time.monotonic()))
        next_at += BETWEEN_KILLS_S
        before = owner_pids(stack)
        times.append(time.time())
        kill(owner)
        show(f"owner killed, {number} of {kills}")
        owner = successor(stack, before)
    return times


def longest_gap_s(gaps: Sequence[Gap], killed_at: float, window_s: float) -> float:
    """Of the gaps that overlap the time after the kill; those too short to be reported count as that long."""
    end = killed_at + window_s
    overlapping = [ms for start, ms in gaps if start + ms / 1e3 > killed_at and start < end]
    return max(overlapping, default=GAP_REPORTED_MS) / 1e3
