"""What Prometheus reads of a front end.

A request costs a few additions to plain numbers here; they go into prometheus_client's objects at most once
a second, and only while there are requests. With several front ends those objects live in files of one
folder (PROMETHEUS_MULTIPROC_DIR, set for each worker before it starts), and whichever worker is scraped
sums them all. Other parts join in through `registry` and `before_flush`.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from domain.messages import Rejected

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FLUSH_INTERVAL_S = 1.0
LATENCY_BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class RouteStats:
    """What one route has done since the last flush."""

    __slots__ = ("buckets", "by_status", "method", "path", "seconds")

    def __init__(self, method: str, path: str) -> None:
        self.method = method
        self.path = path
        self.clear()

    def clear(self) -> None:
        self.by_status: defaultdict[int, int] = defaultdict(int)
        self.buckets = [0] * (len(LATENCY_BOUNDS_S) + 1)
        self.seconds = 0.0


class Metrics:
    """A front end's counts, and all front ends' sums when scraped."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.before_flush: list[Callable[[], None]] = []
        self.in_flight = 0
        self.availability_age_ms = 0
        self.streams = 0
        self._routes: list[RouteStats] = []
        self._commands: defaultdict[tuple[type, str], int] = defaultdict(int)
        self._flush_due: asyncio.TimerHandle | None = None
        registry = self.registry
        self._requests = Counter(
            "turnstile_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self._latency = Histogram(
            "turnstile_http_request_seconds",
            "From the head of a request to its reply.",
            ["method", "route"],
            buckets=LATENCY_BOUNDS_S,
            registry=registry,
        )
        self._in_flight = Gauge(
            "turnstile_http_in_flight", "Requests under way.", multiprocess_mode="livesum", registry=registry
        )
        self._outcomes = Counter(
            "turnstile_commands",
            "Commands by kind and outcome (ok, or the refusal's code).",
            ["kind", "outcome"],
            registry=registry,
        )
        self._age = Gauge(
            "turnstile_availability_age_seconds",
            "How old the availability was that was answered last.",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._streams = Gauge(
            "turnstile_streams", "Live streams open.", multiprocess_mode="livesum", registry=registry
        )
        self._streams_cut = Counter(
            "turnstile_streams_cut", "Live streams cut off: their clients did not read.", registry=registry
        )

    def route(self, method: str, path: str) -> RouteStats:
        """A place to count one route's requests in."""
        stats = RouteStats(method, path)
        self._routes.append(stats)
        return stats

    def answered(self, stats: RouteStats, status: int, begun_s: float) -> None:
        """One request is done; `begun_s` by `perf_counter`."""
        seconds = perf_counter() - begun_s
        stats.by_status[status] += 1
        stats.buckets[bisect_left(LATENCY_BOUNDS_S, seconds)] += 1
        stats.seconds += seconds
        self._flush_soon()

    def streaming(self, more: int) -> None:
        """So many live streams more; less, if below zero."""
        self.streams += more
        self._flush_soon()

    def stream_cut(self) -> None:
        """A client that did not read has lost its stream."""
        self._streams_cut.inc()

    def commanded(self, kind: type, answer: object) -> None:
        """One command has its answer."""
        outcome = answer.code.value if isinstance(answer, Rejected) else "ok"
        self._commands[kind, outcome] += 1

    def _flush_soon(self) -> None:
        if self._flush_due is None:
            self._flush_due = asyncio.get_running_loop().call_later(FLUSH_INTERVAL_S, self.flush)

    def flush(self) -> None:
        """Move what has been counted into prometheus_client's objects."""
        if self._flush_due is not None:
            self._flush_due.cancel()
            self._flush_due = None
        for publish in self.before_flush:
            publish()
        for stats in self._routes:
            if stats.by_status:
                self._flush_route(stats)
        for (kind, outcome), count in self._commands.items():
            self._outcomes.labels(kind.__name__, outcome).inc(count)
        self._commands.clear()
        self._in_flight.set(self.in_flight)
        self._streams.set(self.streams)
        self._age.set(self.availability_age_ms / 1000)

    def _flush_route(self, stats: RouteStats) -> None:
        for status, count in stats.by_status.items():
            self._requests.labels(stats.method, stats.path, str(status)).inc(count)
        # `observe` takes one value at a time; a second's worth of them would cost more than all the rest.
        child = self._latency.labels(stats.method, stats.path)
        for bucket, count in zip(child._buckets, stats.buckets, strict=True):
            bucket.inc(count)
        child._sum.inc(stats.seconds)
        stats.clear()

    def exposition(self) -> bytes:
        """Prometheus text: this process's numbers, or the sum of all front ends'."""
        self.flush()
        if values.ValueClass is values.MutexValue:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        collector = MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        _forget_the_dead(Path(collector._path))
        return generate_latest(registry)


def _forget_the_dead(folder: Path) -> None:
    """A front end that was killed leaves its gauges behind; its counts stay, as they were true."""
    for left in folder.glob("gauge_live*_*.db"):
        pid = int(left.stem.rpartition("_")[2])
        if not psutil.pid_exists(pid):
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
