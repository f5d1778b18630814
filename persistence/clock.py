"""Store time without asking each time: this process's monotonic clock, anchored to PostgreSQL's.

An anchor is one question for the store's time and the moments before and after it: the answer was true
somewhere between them, so it is taken for the middle and may be wrong by half of the round trip. From then
on this process's own clock counts, and may drift; after `ANCHOR_EVERY_S` it is anchored again. An anchor that
would be worse than the present one (a slow answer) is not taken.

`now_ms` never falls: after a step back of the store's clock it stands still until that has caught up.
`trusted` says whether it is surely within `skew_max_ms` of the store's time: both by what is known now (round
trip, drift since, standing still) and by what the last anchor found (a clock that had gone wrong must first
show that it goes right). A process that does not trust its clock owns nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from persistence.store import StoreError

ANCHOR_EVERY_S = 20.0
ANCHOR_AGAIN_S = 1.0
"""After an anchor that failed, that found the clock wrong, or that says too little of it."""
SAMPLES_PER_ANCHOR = 3
GOOD_ROUND_TRIP_MS = 2.0
DRIFT_MAX_PPM = 200
"""How much a machine's clock may run fast or slow: four times what is usual."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Anchor:
    """At `local_ms` of this process's clock the store's showed `store_ms`, give or take `error_ms`."""

    local_ms: float
    store_ms: float
    error_ms: float

    def at(self, local_ms: float) -> float:
        """Store time at another moment of this process's clock."""
        return self.store_ms + local_ms - self.local_ms

    def error_at(self, local_ms: float) -> float:
        return self.error_ms + (local_ms - self.local_ms) * DRIFT_MAX_PPM / 1e6


class StoreClock:
    """See the module. `ask` is the store's `now_ms`."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[int]],
        skew_max_ms: float,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._skew_max_ms = skew_max_ms
        self._monotonic_s = monotonic_s
        self._anchor: Anchor | None = None
        self._latest_ms = 0
        self._task: asyncio.Task[None] | None = None
        self.found_skew_ms = 0.0
        """By how much the clock was off when it was last anchored."""

    async def start(self) -> None:
        """Anchor, and do so again and again until `stop`. Raises StoreError if the store does not answer."""
        await self.anchor()
        if self._task is None:
            self._task = asyncio.create_task(self._keep_anchored())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def now_ms(self) -> int:
        """Milliseconds since 1970 in store time, never falling."""
        if self._anchor is None:
            raise RuntimeError("the clock has not been started")
        self._latest_ms = max(self._latest_ms, int(self._anchor.at(self._local_ms())))
        return self._latest_ms

    @property
    def error_ms(self) -> float:
        """How far `now_ms` may be from the store's time at most."""
        if self._anchor is None:
            return float("inf")
        local_ms = self._local_ms()
        standing_still_ms = max(0.0, self._latest_ms - self._anchor.at(local_ms))
        return self._anchor.error_at(local_ms) + standing_still_ms

    @property
    def trusted(self) -> bool:
        return self.error_ms <= self._skew_max_ms and self.found_skew_ms <= self._skew_max_ms

    def _surely_trusted(self) -> bool:
        """Whether it will also be trusted at the end of a long pause: what is barely so drifts out of it."""
        return self.trusted and self.error_ms <= self._skew_max_ms / 2

    async def anchor(self) -> None:
        """Ask a few times and keep the quickest answer, if it tells more than what is known."""
        best = await self._sample()
        for _ in range(SAMPLES_PER_ANCHOR - 1):
            if 2 * best.error_ms <= GOOD_ROUND_TRIP_MS:
                break
            best = min(best, await self._sample(), key=lambda anchor: anchor.error_ms)
        before = self._anchor
        if before is None:
            self._anchor = best
            return
        off_ms = abs(before.at(best.local_ms) - best.store_ms)
        self.found_skew_ms = max(0.0, off_ms - best.error_ms)
        if off_ms > before.error_at(best.local_ms) or best.error_ms <= before.error_at(best.local_ms):
            self._anchor = best

    async def _sample(self) -> Anchor:
        before_ms = self._local_ms()
        store_ms = await self._ask()
        after_ms = self._local_ms()
        return Anchor((before_ms + after_ms) / 2, float(store_ms), (after_ms - before_ms) / 2 + 1.0)

    async def _keep_anchored(self) -> None:
        while True:
            await asyncio.sleep(ANCHOR_EVERY_S if self._surely_trusted() else ANCHOR_AGAIN_S)
            try:
                await self.anchor()
            except StoreError as error:
                log.warning("clock cannot be anchored", extra={"error": repr(error)})
            if not self.trusted:
                log.error(
                    "clock is off", extra={"found_skew_ms": self.found_skew_ms, "error_ms": self.error_ms}
                )

    def _local_ms(self) -> float:
        return self._monotonic_s() * 1000
