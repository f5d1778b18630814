"""What load is aimed at: Turnstile and its peers, each on a port of its own, all up all through the run.

An idle peer costs nothing; what an idle Turnstile costs is measured, and is small.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from loadtest.bench import api, groups
from loadtest.bench.children import child, wait_until
from loadtest.bench.plan import TURNSTILE
from loadtest.bench.results import Scenario
from loadtest.bench.stack import Stack, free_port, is_ready
from loadtest.peers import wire

START_TIMEOUT_S = 60.0
QUOTA = 10_000_000
TICKET_ROWS = 1_500_000


class Peer(msgspec.Struct, frozen=True):
    """`servers` are the process groups that work for it besides its own front end."""

    title: str
    servers: tuple[str, ...]
    quota: int = QUOTA


PEERS = {
    "echo": Peer("bare aiohttp echo", ()),
    "echo_app": Peer("the same with aiohttp's router", ()),
    "row_lock": Peer("PostgreSQL row lock, one statement", (groups.POSTGRES,)),
    "redis_lua": Peer("Redis Lua, then PostgreSQL insert", (groups.POSTGRES, groups.VALKEY)),
    "redis_pipelined": Peer("Redis Lua pipelined, then insert", (groups.POSTGRES, groups.VALKEY)),
    "ray_call": Peer("one Ray call per request", (groups.POSTGRES, groups.OWNER, groups.RAY)),
    "skip_locked": Peer("PostgreSQL SKIP LOCKED rows", (groups.POSTGRES,), quota=TICKET_ROWS),
}
NAMES = (TURNSTILE, *PEERS)


def title_of(target: str) -> str:
    return "**Turnstile**" if target == TURNSTILE else PEERS[target].title


class Target(Protocol):
    """Where a case's load goes. `groups` are the process groups whose CPU time is the target's."""

    url: str
    groups: tuple[str, ...]

    def path(self, scenario: Scenario) -> str:
        """The reservations' path of an event fit for the scenario."""
        ...


class TurnstileTarget:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.url = stack.http
        self.groups: tuple[str, ...] = groups.TURNSTILE_GROUPS

    def path(self, scenario: Scenario) -> str:
        """A new event each time, so that no case pays for the reservations of the one before."""
        if scenario == "sold out":
            event = api.create_sold_out_event(self._stack)
        else:
            event = api.create_event(self._stack, QUOTA)
            api.hold(self._stack, event)  # its owner is a new process, which takes a moment to start
        return f"/api/v1/events/{event}/reservations"


class PeerTarget:
    def __init__(self, name: str, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.groups = (groups.peer_front_end(name), *PEERS[name].servers)

    def path(self, scenario: Scenario) -> str:
        event = wire.SOLD_OUT_EVENT if scenario == "sold out" else wire.OPEN_EVENT
        return f"/api/v1/events/{event}/reservations"


class Started(msgspec.Struct, frozen=True):
    """All targets by name, and the peers' names by process id."""

    targets: dict[str, Target]
    peers: dict[int, str]


@contextmanager
def started(stack: Stack, names: tuple[str, ...], workers: int, logs: Path) -> Iterator[Started]:
    with ExitStack() as running:
        found = Started({}, {})
        for name in names:
            if name == TURNSTILE:
                found.targets[name] = TurnstileTarget(stack)
                continue
            port = free_port()
            pid = running.enter_context(peer_process(stack, name, port, workers, logs / f"{name}.log"))
            found.targets[name] = PeerTarget(name, port)
            found.peers[pid] = name
        yield found


@contextmanager
def peer_process(stack: Stack, name: str, port: int, workers: int, log: Path) -> Iterator[int]:
    options = ["--port", str(port), "--endpoints", str(stack.endpoints_file)]
    options += ["--quota", str(PEERS[name].quota), "--workers", str(workers)]
    command = [sys.executable, "-m", f"loadtest.peers.{name}", *options]
    with child(command, log, stack.ray_environment) as process:
        healthz = f"http://127.0.0.1:{port}/healthz"
        wait_until(lambda: is_ready(healthz), process, f"peer {name}", log, START_TIMEOUT_S)
        yield process.pid
