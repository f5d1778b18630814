"""What the run is doing, out of the records as they grow: one line, again and again."""

from __future__ import annotations

import time
from collections import Counter, deque
from pathlib import Path

import msgspec

from loadtest.record import Call, Dining, Entry, Sale

RATE_OVER_S = 3.0

_decoder = msgspec.json.Decoder(Entry)


class Tail:
    """Reads what has been added to the records since the last look."""

    def __init__(self, folder: Path) -> None:
        self.opens_us = 0
        """When what is offered opens; 0: nothing is offered yet."""
        self.calls = 0
        self.answers: Counter[str] = Counter()
        self._folder = folder
        self._read_bytes: dict[Path, int] = {}
        self._looks: deque[tuple[float, int]] = deque()

    def look(self) -> None:
        """Whole lines only; the rest is there at the next look."""
        for path in self._folder.glob("*.jsonl"):
            with path.open("rb") as file:
                file.seek(self._read_bytes.get(path, 0))
                added = file.read()
            whole = added[: added.rfind(b"\n") + 1]
            self._read_bytes[path] = self._read_bytes.get(path, 0) + len(whole)
            for line in whole.splitlines():
                self._take(_decoder.decode(line))
        self._looks.append((time.monotonic(), self.calls))
        while self._looks[-1][0] - self._looks[0][0] > RATE_OVER_S:
            self._looks.popleft()

    def _take(self, entry: Entry) -> None:
        if isinstance(entry, Sale | Dining) and not entry.witnessed:
            self.opens_us = max(self.opens_us, entry.opens_us)
        if isinstance(entry, Call):
            self.calls += 1
            self.answers[f"{entry.op} {entry.code or entry.status}"] += 1

    @property
    def rate_per_s(self) -> float:
        """Requests, over the last few seconds."""
        (first_s, first), (last_s, last) = self._looks[0], self._looks[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0

    def line(self) -> str:
        """`12 s to the opening`, or how the sale goes."""
        if not self.opens_us:
            return "starting"
        wait_s = self.opens_us / 1e6 - time.time()
        when = f"opens in {wait_s:.0f} s" if wait_s > 0 else f"on sale for {-wait_s:.0f} s"
        told = ("hold 201", "confirm 200", "hold sold_out", "hold taken", "hold held")
        counts = ", ".join(f"{self.answers[name]:,} {name}" for name in told if self.answers[name])
        return f"{when}; {self.rate_per_s:,.0f} requests/s" + (f"; {counts}" if counts else "")
