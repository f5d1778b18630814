"""Expiry timers: each asks once a second what is due in its part of the inventories, and wakes the owners.

A timer remembers nothing, so a restart forgets nothing. It decides nothing either: an owner turns what is
due into facts before every batch anyway, and a timer only gives it a reason to look. A late or lost timer
delays a notice; it never oversells and never refuses a sale.
"""

from __future__ import annotations

import asyncio
import logging

from actors.gateway import Gateway
from actors.meter import Clock, Meter
from persistence.store import Directory, Due, StoreError

log = logging.getLogger(__name__)


class ExpiryTimer:
    """Timer number `part` of `parts`."""

    POLL_S = 1.0
    WAKES_MAX = 1_000
    """Inventories woken for one question; the rest, the less overdue ones, have the next, which is asked as
    soon as these are awake."""

    def __init__(
        self, part: int, parts: int, directory: Directory, gateway: Gateway, clock: Clock, meter: Meter
    ) -> None:
        self._part = part
        self._parts = parts
        self._directory = directory
        self._gateway = gateway
        self._clock = clock
        self._meter = meter
        self._waking: set[str] = set()
        self._found: set[str] = set()
        self._stubborn = 0
        """How many were due at the last two questions: they must not keep the others from being found."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """For ever; a question that fails, for whatever reason, is asked again a second later."""
        while True:
            more = False
            try:
                more = await self.look()
            except StoreError as error:
                log.warning("timer cannot ask what is due", extra={"part": self._part, "error": repr(error)})
            except Exception:
                log.exception("timer failed", extra={"part": self._part})
            if more:
                await asyncio.wait(self._tasks, timeout=self.POLL_S)
            else:
                await asyncio.sleep(self.POLL_S)

    async def look(self) -> bool:
        """Wake the owners of what is due now; whether more than that may be due already. That is not said of
        what was found before: who cannot be woken is not asked again and again."""
        now_ms = self._clock.now_ms()
        limit = self.WAKES_MAX + self._stubborn
        found = await self._directory.due(now_ms, self._part, self._parts, limit)
        self._stubborn = sum(due.inventory_id in self._found for due in found)
        more = len(found) >= limit and self._stubborn < len(found)
        self._found = {due.inventory_id for due in found}
        fresh = [due for due in found if due.inventory_id not in self._waking]
        self._meter.count("timer_wakes", len(fresh))
        for due in fresh:
            self._waking.add(due.inventory_id)
            task = asyncio.create_task(self._wake(due))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return more and bool(self._tasks)

    async def _wake(self, due: Due) -> None:
        try:
            await self._gateway.expire(due.owner, due.inventory_id)
        finally:
            self._waking.discard(due.inventory_id)
