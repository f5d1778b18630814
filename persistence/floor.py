"""The highest sequence of each event that this server has given out, shared by its front-end processes.

A client may be served by another front end each time, and the copies of two front ends are a few
milliseconds apart. So that the sequence never falls for a client, each front end looks here before it
answers, and raises the mark when it gives out a newer one; whoever has an older copy loads the row first.

The marks are 64-bit numbers in a file that all of them map, found by the event's id. Two events may share a
mark: that is safe, for a mark that is too high only makes somebody load the row. Reading one is a look into
memory; raising one takes the file's lock, so that no higher mark is overwritten. A process that was stopped
just while it held the lock must not stop the others: after `LOCK_WAIT_MAX_S`, which is more than a busy
machine lets a process wait for its turn, they go on without it, and for `LOCK_HUNG_S` do not wait again.

Between front ends on different machines there is no such file. There a client's own word helps: the
sequence of the `ETag` it sends back is a mark too.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from pathlib import Path

MARKS_MAX = 1 << 20
"""8 MB of address space, of which only the pages that are used take memory or disk."""
LOCK_WAIT_MAX_S = 0.2
LOCK_PAUSE_S = 0.000_2
LOCK_HUNG_S = 5.0


class Floor:
    """See the module. Without a path the marks are this process's own."""

    def __init__(self, path: Path | None = None) -> None:
        self._file = -1 if path is None else os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if path is not None:
            os.ftruncate(self._file, MARKS_MAX * 8)
        self._map = mmap.mmap(self._file, MARKS_MAX * 8)
        self._marks = memoryview(self._map).cast("Q")
        self._hung_until_s = 0.0

    def of(self, event_id: str) -> int:
        """No lower sequence may be given out."""
        return self._marks[_place(event_id)]

    def raise_to(self, event_id: str, sequence: int) -> None:
        """`sequence` is about to be given out."""
        place = _place(event_id)
        if sequence <= self._marks[place]:
            return
        locked = self._file >= 0 and self._lock()
        self._marks[place] = max(self._marks[place], sequence)
        if locked:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        self._marks.release()
        self._map.close()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _lock(self) -> bool:
        begun_s = time.monotonic()
        patience_s = LOCK_WAIT_MAX_S if begun_s >= self._hung_until_s else 0.0
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                now_s = time.monotonic()
                if now_s - begun_s < patience_s:
                    time.sleep(LOCK_PAUSE_S)
                    continue
                if patience_s:
                    self._hung_until_s = now_s + LOCK_HUNG_S
                return False
            return True


def _place(event_id: str) -> int:
    """By the id's last 48 bits, which are random in a UUIDv7."""
    return int(event_id[-12:], 16) % MARKS_MAX
