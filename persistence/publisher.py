"""An owner's side of the read copies: it publishes what has changed (see `persistence.availability`)."""

from __future__ import annotations

import asyncio
import importlib
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from domain.event_messages import TypeCounts

if TYPE_CHECKING:
    from redis.asyncio import Redis

CHANNEL = "turnstile:availability:1"
PENDING_MAX_EVENTS = 10_000
RETRY_MIN_S = 0.1
RETRY_MAX_S = 2.0

Heard = tuple[str, int, int, tuple[TypeCounts, ...]]
"""Event id, sequence, store time in ms, counts."""
_encode = msgspec.msgpack.Encoder().encode

log = logging.getLogger(__name__)


class Publisher:
    """`changed` only takes note; a task that lives while there is something to say says it.

    At most one message in `publish_ms`, with the latest of each event that has changed since. While Redis
    does not answer, the latest of each waits, of at most PENDING_MAX_EVENTS.
    """

    def __init__(self, redis_url: str, publish_ms: int) -> None:
        self._url = redis_url
        self._link: Any = None
        self._redis: Redis | None = None
        self._publish_s = publish_ms / 1000
        self._pending: dict[str, Heard] = {}
        self._task: asyncio.Task[None] | None = None

    def changed(self, event_id: str, sequence: int, at_ms: int, ticket_types: tuple[TypeCounts, ...]) -> None:
        """Take note; neither waits nor fails."""
        if event_id not in self._pending and len(self._pending) >= PENDING_MAX_EVENTS:
            self._pending.pop(next(iter(self._pending)))
        self._pending[event_id] = (event_id, sequence, at_ms, ticket_types)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._say())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._redis is not None:
            await self._redis.aclose()

    async def _say(self) -> None:
        pause_s = RETRY_MIN_S
        try:
            while self._pending:
                news, self._pending = self._pending, {}
                if await self._said(list(news.values())):
                    pause_s = RETRY_MIN_S
                    await asyncio.sleep(self._publish_s)
                else:
                    self._pending = news | self._pending
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, RETRY_MAX_S)
        finally:
            self._task = None

    async def _said(self, news: list[Heard]) -> bool:
        link = self._link or await self._imported()
        self._redis = self._redis or link.redis_client(self._url)
        try:
            async with asyncio.timeout(link.REDIS_TIMEOUT_S):
                await self._redis.publish(CHANNEL, _encode(news))
        except link.REDIS_FAILURES as error:
            log.debug("availability is not published", extra={"error": repr(error)})
            return False
        return True

    async def _imported(self) -> Any:
        """The library takes a third of a second to import: time that an owner which comes back after a crash
        has only when its first replies are out."""
        self._link = await asyncio.to_thread(importlib.import_module, "persistence.redis_link")
        return self._link
