"""The highest sequence of each event that this server has given out, shared by its front-end processes.

A client may be served by another front end each time, and the copies of two front ends are a few
milliseconds apart. So that the sequence never falls for a client, each front end looks here before it
answers, and raises the mark when it gives out a newer one; whoever has an older copy loads the row first.

The marks are 64-bit numbers in a file that all of them map, found by the event's id. Two events may share a
mark: that is safe, for a mark that is too high only makes somebody load the row. Each front end writes marks
of its own, and looks at those of all: so nobody waits for a lock, and nobody that was stopped has one.

Between front ends on different machines there is no such file. There a client's own word helps: the
sequence of the `ETag` it sends back is a mark too.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

MARKS_MAX = 1 << 20
"""Of a front end: 8 MB of address space, of which only the pages that are used take memory or disk."""
MARK_BYTES = 8


class Floor:
    """See the module. Without a path the marks are this process's own. `number`: which of so many
    `front_ends` it is, from 0; no two processes have the same at a time."""

    def __init__(self, path: Path | None = None, number: int = 0, front_ends: int = 1) -> None:
        size = front_ends * MARKS_MAX * MARK_BYTES
        self._file = -1 if path is None else os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if path is not None and os.fstat(self._file).st_size < size:
            os.ftruncate(self._file, size)
        self._map = mmap.mmap(self._file, size)
        self._marks = memoryview(self._map).cast("Q")
        self._own = number * MARKS_MAX
        self._all = range(0, front_ends * MARKS_MAX, MARKS_MAX)

    def of(self, event_id: str) -> int:
        """No lower sequence may be given out."""
        place = _place(event_id)
        return max([self._marks[first + place] for first in self._all])

    def raise_to(self, event_id: str, sequence: int) -> None:
        """`sequence` is about to be given out."""
        place = self._own + _place(event_id)
        if sequence > self._marks[place]:
            self._marks[place] = sequence

    def close(self) -> None:
        self._marks.release()
        self._map.close()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _place(event_id: str) -> int:
    """By the id's last 48 bits, which are random in a UUIDv7."""
    return int(event_id[-12:], 16) % MARKS_MAX
