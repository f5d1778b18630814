"""Counting without cost: numbers gather here in plain dicts, and whoever shows them drains them."""

from __future__ import annotations

from collections import defaultdict
from typing import Protocol

Labels = tuple[tuple[str, str], ...]


class Clock(Protocol):
    """Store time as this process knows it."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, never falling."""

    @property
    def trusted(self) -> bool:
        """False while it may be off by more than `clock_skew_max_ms`: then this process owns nothing."""


class Meter:
    """Counters, gauges and observations since they were last drained."""

    OBSERVATIONS_MAX = 10_000
    """Kept between two drains, for each name; what comes after is dropped."""

    def __init__(self) -> None:
        self.counters: defaultdict[tuple[str, Labels], float] = defaultdict(float)
        self.gauges: dict[tuple[str, Labels], float] = {}
        self.observations: defaultdict[str, list[float]] = defaultdict(list)

    def count(self, name: str, amount: float = 1, labels: Labels = ()) -> None:
        self.counters[name, labels] += amount

    def show(self, name: str, value: float, labels: Labels = ()) -> None:
        self.gauges[name, labels] = value

    def observe(self, name: str, value: float) -> None:
        values = self.observations[name]
        if len(values) < self.OBSERVATIONS_MAX:
            values.append(value)

    def drain(
        self,
    ) -> tuple[dict[tuple[str, Labels], float], dict[tuple[str, Labels], float], dict[str, list[float]]]:
        """What has gathered since the last time; everything begins anew."""
        drained = dict(self.counters), dict(self.gauges), dict(self.observations)
        self.counters.clear()
        self.gauges.clear()
        self.observations.clear()
        return drained
