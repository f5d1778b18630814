"""A restaurant's history, split into such as have nothing to do with each other: each is searched by itself.

Two operations belong together if they are about one reservation, or if times that they are about overlap.
What has no time (who came is refused at the door) belongs to its reservation, or to nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from loadtest.auditor.dining_stay import MINUTE_MS
from loadtest.auditor.histories import Operation
from loadtest.record import Dining


def windows(dining: Dining, history: Iterable[Operation]) -> list[list[Operation]]:
    """The histories, each in the order of the one that was given."""
    history = list(history)
    groups = _Groups()
    reached_ms, last = 0, ""
    times = [(*span, operation.reservation) for operation in history for span in _spans(dining, operation)]
    for start_ms, until_ms, name in sorted(times):
        if start_ms < reached_ms:
            groups.join(last, name)
        reached_ms, last = max(reached_ms, until_ms), name
    found: defaultdict[str, list[Operation]] = defaultdict(list)
    for operation in history:
        found[groups.of(operation.reservation)].append(operation)
    return list(found.values())


def _spans(dining: Dining, operation: Operation) -> list[tuple[int, int]]:
    """The times that it is about: the wished one, and the one that was given."""
    buffer_ms = dining.buffer_minutes * MINUTE_MS
    spans = []
    if operation.wish is not None and operation.wish.start_ms:
        start_ms = operation.wish.start_ms
        spans.append((start_ms, start_ms + dining.stay_minutes * MINUTE_MS + buffer_ms))
    if operation.sitting is not None:
        spans.append((operation.sitting.start_ms, operation.sitting.end_ms + buffer_ms))
    return spans


class _Groups:
    """Names that belong together, found by one of them."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def of(self, name: str) -> str:
        while (parent := self._parent.get(name, name)) != name:
            name = parent
        return name

    def join(self, one: str, other: str) -> None:
        self._parent[self.of(other)] = self.of(one)
