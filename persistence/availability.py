"""Read copies of availability: a front end answers from what it heard of owners (`persistence.publisher`).

Availability is read a hundred times for each sale, so neither an owner nor PostgreSQL is asked each time.

- A copy says since when it was true (`at_ms`, store time) and is not given out when that is
  `max_age_ms` ago. It does not matter why nothing newer came: nothing has changed, Redis is dead, frozen, or
  behind. So an answer is never more than that behind the journal, and Redis is never relied on.
- Without a copy that will do, the row is loaded: by one reader per event and front end, for all who wait,
  and at most once in `LOAD_PAUSE_MS`.
- Only a higher sequence replaces a copy, and none below the mark of what was given out (`persistence.floor`)
  is given out, by whichever front end of this server. A row that was read after the request came needs no
  such proof: nothing newer can have been given out before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from redis.asyncio.client import PubSub

from domain.views import Availability
from persistence.floor import Floor
from persistence.publisher import CHANNEL, RETRY_MAX_S, RETRY_MIN_S, Heard
from persistence.redis_link import REDIS_FAILURES, redis_client

COPIES_MAX = 10_000
LOAD_PAUSE_MS = 50
AGE_MARGIN_SHARE = 0.05
"""Of the greatest age, kept back for the way of the answer to the client."""
QUIET_MAX_S = 5.0
"""After so long without a message Redis is asked whether it still lives."""
_decoder = msgspec.msgpack.Decoder(list[Heard])

log = logging.getLogger(__name__)


class Clock(Protocol):
    """Store time, and how far it may be from it."""

    def now_ms(self) -> int: ...

    @property
    def error_ms(self) -> float: ...


class Copies:
    """A front end's side. `load` reads the row."""

    def __init__(
        self,
        redis_url: str,
        load: Callable[[str], Awaitable[Availability | None]],
        clock: Clock,
        max_age_ms: int,
        floor: Floor | None = None,
    ) -> None:
        self._redis = redis_client(redis_url)
        self._load = load
        self._clock = clock
        self._age_max_ms = max_age_ms * (1 - AGE_MARGIN_SHARE)
        self._floor = floor if floor is not None else Floor()
        self._copies: dict[str, Availability] = {}
        self._loads: dict[str, _Load] = {}
        self._listening: asyncio.Task[None] | None = None

    async def get(self, event_id: str, at_least: int = 0) -> Availability | None:
        """Young enough, and neither below `at_least` nor below what was given out. None: no such event."""
        if self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(self._listen())
        copy = self._copies.get(event_id)
        if copy is None or not self._will_do(copy, at_least):
            copy = await self._loaded(event_id, at_least)
        if copy is not None:
            self._floor.raise_to(event_id, copy.sequence)
        return copy

    async def close(self) -> None:
        tasks: list[asyncio.Task[Any]] = [load.task for load in self._loads.values()]
        if self._listening is not None:
            tasks.append(self._listening)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._redis.aclose()

    def _will_do(self, copy: Availability, at_least: int) -> bool:
        return copy.sequence >= max(at_least, self._floor.of(copy.event_id)) and self._is_young(copy)

    def _is_young(self, copy: Availability) -> bool:
        return self._clock.now_ms() - copy.at_ms + self._clock.error_ms <= self._age_max_ms

    # --- from the row -----------------------------------------------------------------------------

    async def _loaded(self, event_id: str, at_least: int) -> Availability | None:
        """What a load that began before this request came has read may be too old for it; the next is not."""
        loop = asyncio.get_running_loop()
        came_s = loop.time()
        while True:
            load = self._loads.get(event_id)
            if load is None:
                load = _Load(loop.time(), loop.create_task(self._load_once(event_id)))
                load.task.add_done_callback(_looked_at)
                self._loads[event_id] = load
            found = await asyncio.shield(load.task)
            if load.began_s >= came_s or (found is not None and self._will_do(found, at_least)):
                return found
            await load.over.wait()

    async def _load_once(self, event_id: str) -> Availability | None:
        try:
            found = await self._load(event_id)
            return found and self._keep(found)
        finally:
            asyncio.get_running_loop().call_later(LOAD_PAUSE_MS / 1000, self._forget_load, event_id)

    def _forget_load(self, event_id: str) -> None:
        self._loads.pop(event_id).over.set()

    def _keep(self, news: Availability) -> Availability:
        """The newer of it and what is kept. What is kept but too old is no better than nothing."""
        before = self._copies.pop(news.event_id, None)
        if before is not None and self._is_young(before) and _newness(before) >= _newness(news):
            news = before
        elif before is None and len(self._copies) >= COPIES_MAX:
            self._copies.pop(next(iter(self._copies)))
        self._copies[news.event_id] = news
        return news

    # --- from Redis -------------------------------------------------------------------------------

    async def _listen(self) -> None:
        pause_s = RETRY_MIN_S
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    pause_s = RETRY_MIN_S
                    await self._hear_all(channel)
            except REDIS_FAILURES as error:
                log.debug("no copies are heard", extra={"error": repr(error)})
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, RETRY_MAX_S)

    async def _hear_all(self, channel: PubSub) -> None:
        """Until Redis is gone, or does not even answer a ping."""
        waits_for_pong = False
        while True:
            message = await channel.get_message(timeout=QUIET_MAX_S)
            if message is not None:
                waits_for_pong = False
                if message["type"] == "message":
                    self._hear(message["data"])
            elif waits_for_pong:
                raise TimeoutError("no answer to a ping")
            else:
                waits_for_pong = True
                await channel.ping()

    def _hear(self, data: bytes) -> None:
        try:
            news = _decoder.decode(data)
        except msgspec.DecodeError:
            log.warning("a message of another version is on the channel")
            return
        now_ms = self._clock.now_ms()
        for event_id, sequence, at_ms, ticket_types in news:
            # An owner's clock that is ahead must not make its copy live longer.
            self._keep(Availability(event_id, sequence, min(at_ms, now_ms), ticket_types))


@dataclass
class _Load:
    """A row being read, and for LOAD_PAUSE_MS after."""

    began_s: float
    task: asyncio.Task[Availability | None]
    over: asyncio.Event = field(default_factory=asyncio.Event)


def _looked_at(task: asyncio.Task[Any]) -> None:
    """Whoever waited may be gone: then a failure is nobody's, and nothing to warn of."""
    if not task.cancelled():
        task.exception()


def _newness(copy: Availability) -> tuple[int, int]:
    return copy.sequence, copy.at_ms
