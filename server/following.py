"""Payments that somebody follows: who waits for an answer (`Prefer: wait`), and who watches one live.

Nothing is told from where payments are worked on: rows are looked at. One statement looks at all that are due
for it, however many follow; a payment that has just begun is looked at often, one that waits for its buyer
ever less often.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Sequence
from itertools import count
from typing import Protocol

import structlog

from domain.payment import Payment

LOOK_FIRST_S = 0.02
LOOK_LATER = 1.5
"""Times as long to the next look, each time."""
LOOK_LAST_S = 1.0

_log = structlog.get_logger("turnstile.http")


class Rows(Protocol):
    """As much of `server.payments` as is needed here."""

    async def changed(self, known: Sequence[Payment]) -> list[Payment]: ...


class _Wait:
    """For a payment to stand elsewhere than `known`."""

    __slots__ = ("known", "pause_s", "told")

    def __init__(self, known: Payment, told: asyncio.Future[Payment]) -> None:
        self.known = known
        self.told = told
        self.pause_s = LOOK_FIRST_S


class Following:
    """All that are followed in a front end. `outages`: what `payments` raises when it cannot be reached."""

    def __init__(self, payments: Rows, outages: tuple[type[Exception], ...]) -> None:
        self._payments = payments
        self._outages = outages
        self._numbers = count()
        self._due: list[tuple[float, int, _Wait]] = []
        """A heap, by when each is looked at next."""
        self._looking: asyncio.Task[None] | None = None
        self.closed = False

    async def change(self, known: Payment, within_s: float) -> Payment:
        """The payment, as soon as it stands elsewhere or more has gone back of it; `known` itself where that
        takes longer, or this front end stops."""
        if self.closed:
            return known
        told: asyncio.Future[Payment] = asyncio.get_running_loop().create_future()
        self._look_later(_Wait(known, told))
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(within_s):
                return await told
        except TimeoutError:
            return known

    def close(self) -> None:
        """Nobody waits any more."""
        self.closed = True
        for _, _, wait in self._due:
            if not wait.told.done():
                wait.told.set_result(wait.known)

    def _look_later(self, wait: _Wait) -> None:
        due_s = asyncio.get_running_loop().time() + wait.pause_s
        heapq.heappush(self._due, (due_s, next(self._numbers), wait))

    async def _look(self) -> None:
        """Until nobody waits."""
        try:
            while self._due:
                await asyncio.sleep(LOOK_FIRST_S)
                waits = self._taken()
                if waits:
                    await self._look_at(waits)
        finally:
            self._looking = None

    def _taken(self) -> list[_Wait]:
        """Those that are due and still wait."""
        now_s = asyncio.get_running_loop().time()
        taken = []
        while self._due and self._due[0][0] <= now_s:
            wait = heapq.heappop(self._due)[2]
            if not wait.told.done():
                taken.append(wait)
        return taken

    async def _look_at(self, waits: list[_Wait]) -> None:
        try:
            changed = {one.id: one for one in await self._payments.changed([wait.known for wait in waits])}
        except self._outages as error:
            _log.debug("payments that are followed cannot be read", error=repr(error))
            changed = {}
        for wait in waits:
            now = changed.get(wait.known.id, wait.known if self.closed else None)
            if now is None:
                wait.pause_s = min(wait.pause_s * LOOK_LATER, LOOK_LAST_S)
                self._look_later(wait)
            elif not wait.told.done():
                wait.told.set_result(now)
