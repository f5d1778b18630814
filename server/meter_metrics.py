"""What the gateway has counted, as Prometheus metrics: `turnstile_` and the name it counts under."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from actors.meter import Labels, Meter

Metric = TypeVar("Metric", Counter, Gauge)
BOUNDS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Of observations, in the unit that their name ends in (milliseconds, commands in a batch)."""


def publishing(meter: Meter, registry: CollectorRegistry) -> Callable[[], None]:
    """A function that drains the meter into the registry; each metric is made when it is first seen."""
    counters: dict[str, Counter] = {}
    gauges: dict[str, Gauge] = {}
    histograms: dict[str, Histogram] = {}

    def publish() -> None:
        counts, levels, observed = meter.drain()
        for (name, labels), amount in counts.items():
            if name not in counters:
                counters[name] = Counter(
                    _full(name), _help(name), [key for key, _ in labels], registry=registry
                )
            _labelled(counters[name], labels).inc(amount)
        for (name, labels), level in levels.items():
            if name not in gauges:
                gauges[name] = Gauge(
                    _full(name),
                    _help(name),
                    [key for key, _ in labels],
                    multiprocess_mode="livesum",
                    registry=registry,
                )
            _labelled(gauges[name], labels).set(level)
        for name, values in observed.items():
            if name not in histograms:
                histograms[name] = Histogram(_full(name), _help(name), buckets=BOUNDS, registry=registry)
            for value in values:
                histograms[name].observe(value)

    return publish


def _full(name: str) -> str:
    return f"turnstile_{name}"


def _help(name: str) -> str:
    return f"{name.replace('_', ' ').capitalize()}."


def _labelled(metric: Metric, labels: Labels) -> Metric:
    return metric.labels(*(value for _, value in labels)) if labels else metric
