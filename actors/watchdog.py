"""One supervisor for all owners: when an answer is overdue, it looks, and ends only what does not respond.

An owner that loads 100,000 reservations or waits for PostgreSQL still answers `health`, which does not go
through its mailbox; one that is stopped, or whose loop is stuck, does not, and its clients wait for nothing.
Where it is has to be found out first. That takes as long as Ray takes, and is not held against the owner.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

log = logging.getLogger(__name__)
Health = Callable[[], Awaitable[dict[str, object]]]
"""Asks an owner that was found what it says of itself. May take for ever."""


class Incarnations(Protocol):
    """The living owners, as the watchdog can reach them."""

    async def locate(self, owner: str) -> Health:
        """The way to the owner. It and `Health` raise LookupError where it is gone."""

    async def end(self, owner: str) -> None:
        """End the present incarnation, also if it is stopped."""


class Watchdog:
    """At most one look at an owner at a time; whoever asks meanwhile shares it."""

    HEALTH_TIMEOUT_S = 1.0

    def __init__(self, incarnations: Incarnations) -> None:
        self._incarnations = incarnations
        self._looks: dict[str, asyncio.Task[bool]] = {}

    async def check(self, owner: str) -> bool:
        """True if the owner responds. If not, it has been ended."""
        look = self._looks.get(owner)
        if look is None:
            look = self._looks[owner] = asyncio.create_task(self._look(owner))
            look.add_done_callback(lambda _: self._looks.pop(owner, None))
        return await asyncio.shield(look)

    async def _look(self, owner: str) -> bool:
        try:
            health = await self._incarnations.locate(owner)
            if await self._responds(health):
                return True
        except LookupError as error:
            # It is gone or on its way back: whoever called it hears of that from Ray.
            log.info("owner cannot be asked", extra={"owner": owner, "error": repr(error)})
            return False
        log.error("owner does not respond and is ended", extra={"owner": owner})
        await self._incarnations.end(owner)
        return False

    async def _responds(self, health: Health) -> bool:
        try:
            await asyncio.wait_for(health(), self.HEALTH_TIMEOUT_S)
        except TimeoutError:
            return False
        return True
