"""The messages of live streams: what a client that is at one sequence has to be told to be at the newest.

Messages are events of the HTML standard's `text/event-stream`: `state` has all there is, `delta` what has
changed; the id is the sequence. One is rendered once for all who are at the same sequence.

`Changes` knows what a delta has to say where there are few values: of each value the sequence of its last
change is kept. With that, what has changed since any sequence at which the values were known here is what
changed later: no deltas have to be kept. A client that knows them at a sequence in between, from another
process, is told all: a value may have changed and changed back without that it was seen here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MESSAGES_KEPT_MAX = 64
"""Rendered ones, of the newest sequence. Nearly all clients are at one of a few."""
SEQUENCES_KEPT_MAX = 1_000
"""From which a client may go on: a hundred seconds of an event that changes all the time."""


class Told(Protocol):
    """What is told of: it has a state at a sequence that never falls. Both are JSON."""

    @property
    def sequence(self) -> int: ...

    def state(self) -> bytes: ...

    def delta(self, since: int) -> bytes | None:
        """What has changed since; None where that is not known, or would be longer than the state."""


class Messages:
    """Rendered once for all who are at the same sequence."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._sequence = -1
        self._kept: dict[int | None, bytes] = {}

    def message(self, since: int | None) -> bytes:
        """For who is at that sequence: what has changed since. All, for who is nowhere (None) or where what
        there was is not known any more."""
        sequence = self._told.sequence
        if since == sequence:
            return b""
        if self._sequence != sequence or len(self._kept) >= MESSAGES_KEPT_MAX:
            self._sequence = sequence
            self._kept.clear()
        kept = self._kept.get(since)
        if kept is None:
            kept = self._kept[since] = self._rendered(since)
        return kept

    def _rendered(self, since: int | None) -> bytes:
        delta = None if since is None else self._told.delta(since)
        if delta is not None:
            return _event(b"delta", self._sequence, delta)
        if since is not None:
            return self.message(None)
        return _event(b"state", self._sequence, self._told.state())


class Changes(Generic[K, V]):
    """A few values by key, the sequence at which each came to be as it is, and from where one may go on."""

    def __init__(self, sequence: int, values: Mapping[K, V]) -> None:
        self.sequence = sequence
        self.values: dict[K, V] = {}
        self._changed_at: dict[K, int] = {}
        self._sequences: dict[int, None] = {}
        self.take(sequence, values)

    def take(self, sequence: int, values: Mapping[K, V]) -> None:
        """The values at a sequence that is higher than the one before."""
        before = self.values
        for key in before.keys() | values.keys():
            if key not in before or key not in values or before[key] != values[key]:
                self._changed_at[key] = sequence
        self.values, self.sequence = dict(values), sequence
        if len(self._sequences) >= SEQUENCES_KEPT_MAX:
            del self._sequences[next(iter(self._sequences))]
        self._sequences[sequence] = None

    def since(self, sequence: int) -> tuple[list[V], list[K]] | None:
        """The values that are others since then, in their order, and the keys that have none any more."""
        if sequence not in self._sequences:
            return None
        changed = {key for key, at in self._changed_at.items() if at > sequence}
        values = [value for key, value in self.values.items() if key in changed]
        return values, [key for key in self._changed_at if key in changed and key not in self.values]


def _event(name: bytes, sequence: int, data: bytes) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (sequence, name, data)
