"""Load at a fixed rate: each request has an intended time, and its latency is measured from there.

A closed loop waits for a slow server and so never sees how long others would have queued (coordinated
omission). Here the schedule does not care: a request that finds no free connection waits for one, and that
wait counts. What the generator itself is late by is in the latency as well, and reported (`late_p99_ms`).

Raw sockets on uvloop, one request at a time per connection. Run as a process of its own, so that its CPU
time is not the driver's: `python -m loadtest.bench.open_loop --port N --path P --rate R --seconds S` prints
JSON.
"""

import argparse
import asyncio
import contextlib
import math
import time
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from loadtest.bench import replay
from loadtest.peers import wire

TICK_S = 0.001
DRAIN_TIMEOUT_S = 10.0
WINDOW_S = 0.1
GAP_REPORTED_MS = 50.0
CUSTOMERS = 5000
LATENCY_KEPT_MAX = 5_000_000


class OpenLoopResult(msgspec.Struct, frozen=True):
    """Latencies from the intended time. `windows`: [unix time, longest ms] of the requests meant for each
    100 ms. `gaps`: [unix time, ms] between two successes, the long ones. `failed`: got no reply in time."""

    sent: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    late_p99_ms: float
    statuses: dict[str, int]
    failed: int
    windows: list[tuple[float, float]]
    gaps: list[tuple[float, float]]


def percentile(values: list[float], percent: float) -> float:
    """Nearest rank. 0 for no values."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


class Record:
    """What is kept of each request."""

    def __init__(self) -> None:
        self.latency_ms: list[float] = []
        self.late_ms: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.failed = 0
        self.windows: dict[int, float] = {}
        self.gaps: list[tuple[float, float]] = []
        self._success = time.time()

    def answered(self, intended: float, now: float, status: str) -> None:
        self._keep(intended, now)
        self.statuses[status] += 1
        if status.startswith("2"):
            gap_ms = (now - self._success) * 1e3
            if gap_ms > GAP_REPORTED_MS:
                self.gaps.append((self._success, gap_ms))
            self._success = now

    def lost(self, intended: float, now: float) -> None:
        self._keep(intended, now)
        self.failed += 1

    def _keep(self, intended: float, now: float) -> None:
        latency_ms = (now - intended) * 1e3
        if len(self.latency_ms) < LATENCY_KEPT_MAX:
            self.latency_ms.append(latency_ms)
        window = int(intended / WINDOW_S)
        self.windows[window] = max(latency_ms, self.windows.get(window, 0.0))

    def result(self, sent: int, seconds: float) -> OpenLoopResult:
        return OpenLoopResult(
            sent=sent,
            seconds=seconds,
            p50_ms=percentile(self.latency_ms, 50),
            p99_ms=percentile(self.latency_ms, 99),
            max_ms=max(self.latency_ms, default=0.0),
            late_p99_ms=percentile(self.late_ms, 99),
            statuses=dict(self.statuses),
            failed=self.failed,
            windows=[(index * WINDOW_S, longest) for index, longest in sorted(self.windows.items())],
            gaps=self.gaps,
        )


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, load: "OpenLoop") -> None:
        self._load = load
        self._received = b""
        self._intended: float | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is one in all but name
        self._load.free(self)

    def send(self, request: bytes, intended: float) -> None:
        assert self._transport is not None
        self._intended = intended
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        status = complete_status(self._received)
        if status is None or self._intended is None:
            return
        intended, self._intended, self._received = self._intended, None, b""
        self._load.record.answered(intended, time.time(), status)
        self._load.free(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._load.forget(self)
        if self._intended is not None:
            self._load.record.lost(self._intended, time.time())

    def end(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def complete_status(received: bytes) -> str | None:
    """The status of a reply that is all there, else None. Replies carry a Content-Length."""
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return None
    _, found, rest = head.lower().partition(b"content-length:")
    length = int(rest.split(b"\r\n", 1)[0]) if found else 0
    return received[9:12].decode() if len(body) >= length else None


class OpenLoop:
    """Sends on schedule over a bounded number of connections."""

    def __init__(self, port: int, requests: Sequence[bytes], connections: int) -> None:
        """`requests` are sent in turn, from the first again after the last."""
        self.record = Record()
        self._port, self._size = port, connections
        self._requests = requests
        self._free: list[Connection] = []
        self._all: set[Connection] = set()
        self._due: deque[float] = deque()
        self._sent = 0
        self._settled = asyncio.Event()

    def free(self, connection: Connection) -> None:
        self._all.add(connection)
        self._free.append(connection)
        self._send_due()
        if len(self._free) == len(self._all):
            self._settled.set()

    def forget(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
        if not self._due and len(self._free) == len(self._all):
            self._settled.set()

    def _send_due(self) -> None:
        while self._due and self._free:
            intended = self._due.popleft()
            self._free.pop().send(self._requests[self._sent % len(self._requests)], intended)
            self._sent += 1

    async def run(self, rate_per_s: float, seconds: float) -> OpenLoopResult:
        await self._connect()
        start = time.time()
        self.record = Record()
        planned, total = 0, int(rate_per_s * seconds)
        while planned < total:
            now = time.time()
            while planned < total and start + planned / rate_per_s <= now:
                intended = start + planned / rate_per_s
                self.record.late_ms.append((now - intended) * 1e3)
                self._due.append(intended)
                planned += 1
            self._send_due()
            if len(self._all) < self._size:
                await self._connect()
            await asyncio.sleep(TICK_S)
        await self._drain()
        return self.record.result(planned, time.time() - start)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(self._size - len(self._all)):
            try:
                await loop.create_connection(lambda: Connection(self), "127.0.0.1", self._port)
            except OSError:
                return

    async def _drain(self) -> None:
        """Waits, not for ever, until nothing is due and nothing under way."""
        self._settled.clear()
        if self._due or len(self._free) < len(self._all):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), DRAIN_TIMEOUT_S)
        for intended in self._due:
            self.record.lost(intended, time.time())
        for connection in list(self._all):
            connection.end()
        await asyncio.sleep(TICK_S * 10)


def request_bytes(port: int, path: str, ticket_type: str, number: int) -> bytes:
    customer = wire.Customer("Ada Lovelace", f"buyer-{number:06d}@example.org")
    body = msgspec.json.encode(wire.HoldBody([wire.OrderLine(ticket_type, 1)], customer))
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def holds(port: int, path: str, ticket_type: str) -> list[bytes]:
    """Holds of one ticket of an event, by customers in turn."""
    return [request_bytes(port, path, ticket_type, number) for number in range(CUSTOMERS)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Load at a fixed rate against 127.0.0.1; prints JSON.")
    parser.add_argument("--port", type=int, required=True)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--path", help="path of an event's reservations")
    what.add_argument("--requests", type=Path, help="file of whole requests, made by loadtest.bench.replay")
    parser.add_argument("--ticket-type", default=wire.TICKET_TYPE)
    parser.add_argument("--rate", type=float, required=True, help="requests per second")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--connections", type=int, default=256, help="at most (default: %(default)s)")
    given = parser.parse_args()
    requests = replay.read(given.requests) if given.requests else None
    load = OpenLoop(
        given.port, requests or holds(given.port, given.path, given.ticket_type), given.connections
    )
    result = uvloop.run(load.run(given.rate, given.seconds))
    print(msgspec.json.encode(result).decode())


if __name__ == "__main__":
    main()
