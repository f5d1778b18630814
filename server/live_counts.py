"""What a client that knows an event's counts at one sequence has to be told to know them at the newest.

Of each ticket type the sequence of its last change is kept. With that, what has changed since any sequence at
which the counts were known here is what changed later: no deltas have to be kept. A client that knows them at
a sequence in between, from another process, is told all: a count may have changed and changed back without
that it was seen here. A message is rendered once for all who are at the same sequence.

Messages are events of the HTML standard's `text/event-stream`: `state` has all the counts, `delta` those that
changed; the id is the sequence.
"""

from __future__ import annotations

from domain.views import Availability
from server import views

MESSAGES_KEPT_MAX = 64
"""Rendered ones, of the newest sequence. Nearly all clients are at one of a few."""
SEQUENCES_KEPT_MAX = 1_000
"""From which a client may go on: a hundred seconds of an event that changes all the time."""


class LiveCounts:
    """An event's counts, how old each is, and the messages that tell of them. The sequence never falls."""

    def __init__(self, first: Availability) -> None:
        self._messages: dict[int | None, bytes] = {}
        self._begin(first)

    @property
    def sequence(self) -> int:
        return self._latest.sequence

    def take(self, copy: Availability) -> bool:
        """Whether it is newer than what there is, and then it takes its place."""
        before = self._latest
        if copy.sequence <= before.sequence:
            return False
        if [one.code for one in copy.ticket_types] != [one.code for one in before.ticket_types]:
            self._begin(copy)
            return True
        for number, (old, new) in enumerate(zip(before.ticket_types, copy.ticket_types, strict=True)):
            if old != new:
                self._changed_at[number] = copy.sequence
        self._now_at(copy)
        return True

    def message(self, sequence: int | None) -> bytes:
        """For who is at that sequence: what has changed since. All, for who is nowhere (None) or where the
        counts are not known any more."""
        if sequence not in self._sequences:
            sequence = None
        kept = self._messages.get(sequence)
        if kept is not None:
            return kept
        if len(self._messages) >= MESSAGES_KEPT_MAX:
            self._messages.clear()
        made = self._messages[sequence] = self._state() if sequence is None else self._delta(sequence)
        return made

    def _begin(self, copy: Availability) -> None:
        """What was before cannot be compared with it: its types are others, or it is the first."""
        self._changed_at = [copy.sequence] * len(copy.ticket_types)
        self._sequences: dict[int | None, None] = {}
        self._now_at(copy)

    def _now_at(self, copy: Availability) -> None:
        self._latest = copy
        self._messages.clear()
        if len(self._sequences) >= SEQUENCES_KEPT_MAX:
            del self._sequences[next(iter(self._sequences))]
        self._sequences[copy.sequence] = None

    def _state(self) -> bytes:
        return _event(b"state", self._latest.sequence, views.availability(self._latest))

    def _delta(self, since: int) -> bytes:
        latest = self._latest
        if since == latest.sequence:
            return b""
        counts = zip(latest.ticket_types, self._changed_at, strict=True)
        changed = [one for one, changed_at in counts if changed_at > since]
        return _event(b"delta", latest.sequence, views.availability_delta(latest, since, changed))


def _event(name: bytes, sequence: int, data: bytes) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (sequence, name, data)
