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
- Who watches an event is told of each copy by the same rules. Where nothing was heard of it for a while,
  its row is loaded, so that a watcher too is never more than that age behind the journal.
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
WATCHED_AGE_SHARE = 0.4
"""Of the greatest age: from then on the row of what is watched is loaded."""
WATCHED_LOOK_SHARE = 0.1
"""Of the greatest age: so often it is looked at what is watched."""
WATCHED_LOADS_MAX = 200
"""Rows that one look may ask for; the rest come with the next ones."""
QUIET_MAX_S = 5.0
"""After so long without a message Redis is asked whether it still lives."""
CANCEL_AGAIN_S = 0.5
Tell = Callable[[Availability | None], None]
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
        self._watched: dict[str, list[Tell]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None

    async def get(self, event_id: str, at_least: int = 0) -> Availability | None:
        """Young enough, and neither below `at_least` nor below what was given out. None: no such event."""
        self._begin_to_listen()
        copy = self._copies.get(event_id)
        if copy is None or not self._will_do(copy, at_least):
            copy = await self._loaded(event_id, at_least)
        if copy is not None:
            self._floor.raise_to(event_id, copy.sequence)
        return copy

    def watch(self, event_id: str, tell: Tell) -> Callable[[], None]:
        """`tell` of each copy of it from now on (one it has been told of too), until what this returns is
        called; of None, when there is no such event any more. Of what is committed it hears `max_age_ms`
        later at the latest.
        """
        self._begin_to_listen()
        self._watched.setdefault(event_id, []).append(tell)
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look_after_watched())

        def stop() -> None:
            watchers = self._watched[event_id]
            watchers.remove(tell)
            if not watchers:
                del self._watched[event_id]

        return stop

    async def close(self) -> None:
        tasks: set[asyncio.Task[Any]] = {load.task for load in self._loads.values()}
        tasks |= {task for task in (self._listening, self._looking) if task is not None}
        while tasks:
            for task in tasks:
                task.cancel()
            # Again, if need be: the client of Redis has been seen to swallow a cancellation.
            _, tasks = await asyncio.wait(tasks, timeout=CANCEL_AGAIN_S)
        await self._redis.aclose()

    def _begin_to_listen(self) -> None:
        if self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(self._listen())

    def _will_do(self, copy: Availability, at_least: int) -> bool:
        return copy.sequence >= max(at_least, self._floor.of(copy.event_id)) and self._is_young(copy)

    def _is_young(self, copy: Availability) -> bool:
        return self._age_ms(copy) <= self._age_max_ms

    def _age_ms(self, copy: Availability) -> float:
        """At most."""
        return self._clock.now_ms() - copy.at_ms + self._clock.error_ms

    # --- for those who watch ----------------------------------------------------------------------

    def _tell(self, event_id: str, copy: Availability | None) -> None:
        """What is told is given out."""
        watchers = tuple(self._watched.get(event_id, ()))
        if watchers and copy is not None:
            self._floor.raise_to(event_id, copy.sequence)
        for tell in watchers:
            tell(copy)

    async def _look_after_watched(self) -> None:
        """While anything is watched. Nobody waits here for a row: it is told when it has come."""
        while self._watched:
            due = [event_id for event_id in self._watched if self._wants_row(event_id)]
            for event_id in due[:WATCHED_LOADS_MAX]:
                self._begin_load(event_id)
            await asyncio.sleep(self._age_max_ms * WATCHED_LOOK_SHARE / 1000)
        self._looking = None

    def _wants_row(self, event_id: str) -> bool:
        copy = self._copies.get(event_id)
        if event_id in self._loads:
            return False
        return (
            copy is None
            or copy.sequence < self._floor.of(event_id)
            or self._age_ms(copy) > self._age_max_ms * WATCHED_AGE_SHARE
        )

    # --- from the row -----------------------------------------------------------------------------

    async def _loaded(self, event_id: str, at_least: int) -> Availability | None:
        """What a load that began before this request came has read may be too old for it; the next is not."""
        loop = asyncio.get_running_loop()
        came_s = loop.time()
        while True:
            load = self._loads.get(event_id) or self._begin_load(event_id)
            found = await asyncio.shield(load.task)
            if load.began_s >= came_s or (found is not None and self._will_do(found, at_least)):
                return found
            await load.over.wait()

    def _begin_load(self, event_id: str) -> _Load:
        loop = asyncio.get_running_loop()
        load = self._loads[event_id] = _Load(loop.time(), loop.create_task(self._load_once(event_id)))
        load.task.add_done_callback(_looked_at)
        return load

    async def _load_once(self, event_id: str) -> Availability | None:
        try:
            found = await self._load(event_id)
            kept = self._keep(found) if found is not None else None
            self._tell(event_id, kept)
            return kept
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
            kept = self._keep(Availability(event_id, sequence, min(at_ms, now_ms), ticket_types))
            if kept.sequence >= self._floor.of(event_id):
                self._tell(event_id, kept)


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
