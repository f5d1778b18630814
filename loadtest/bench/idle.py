"""What the server uses while nobody asks for anything, and how much of it is its own making.

Every actor is a process of Ray's, and one that does nothing at all wakes up too. So an actor without any work
is put beside the server's own, and its share is taken off for each of them.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from loadtest.bench import api
from loadtest.bench.children import child, wait_until
from loadtest.bench.cpu import Meter
from loadtest.bench.groups import RAY, TURNSTILE_GROUPS, Roots
from loadtest.bench.owners import title
from loadtest.bench.stack import Stack

SETTINGS: dict[str, str] = {}
SETTLE_S = 10.0
IDLE_S = 60.0
START_TIMEOUT_S = 60.0
OWN_ACTORS = tuple(f"ray::{name}Actor" for name in ("Owner", "Timer", "Watchdog", "Payment", "News"))


def measure(stack: Stack, show: Callable[[str], None]) -> dict[str, Any]:
    """Per cent of one core. After a first sale, so that an owner with an event is among those that wait."""
    api.hold(stack, api.create_event(stack, 100, "pooled"))
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "bare_actor"
        command = [
            sys.executable,
            "-m",
            "loadtest.peers.bare_actor",
            "--endpoints",
            str(stack.endpoints_file),
        ]
        with child(command, said, stack.ray_environment) as beside:
            wait_until(lambda: _pid(said) > 0, beside, "an actor beside", said, START_TIMEOUT_S)
            time.sleep(SETTLE_S)
            show(f"idle for {IDLE_S:.0f} s")
            return _measured(stack, psutil.Process(_pid(said)), beside.pid)


def _measured(stack: Stack, bare: psutil.Process, beside: int) -> dict[str, Any]:
    bare_before = _used_s(bare)
    with Meter(Roots(os.getpid(), stack.pid, {beside: "bare actor"}, str(stack.folder))) as meter:
        time.sleep(IDLE_S)
    bare_percent = 100 * (_used_s(bare) - bare_before) / IDLE_S
    groups = {
        name: 100 * meter.spent.groups_s.get(name, 0.0) / IDLE_S for name in TURNSTILE_GROUPS if name != RAY
    }
    actors = len(_own_actors(stack))
    return {
        "own_percent": sum(groups.values()) - (actors + 1) * bare_percent,
        "with_rays_share_percent": sum(groups.values()) - bare_percent,
        "actors": actors,
        "bare_actor_percent": bare_percent,
        "ray_helpers_percent": 100 * meter.spent.groups_s.get(RAY, 0.0) / IDLE_S,
    }


def _own_actors(stack: Stack) -> list[psutil.Process]:
    children = psutil.Process(stack.pid).children(recursive=True)
    return [process for process in children if title(process).startswith(OWN_ACTORS)]


def _used_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _pid(said: Path) -> int:
    """Among what Ray says at its start."""
    numbers = [int(line) for line in said.read_text().split("\n") if line.isdigit()]
    return numbers[-1] if numbers else 0
