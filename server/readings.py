"""What a front end reads from rows for many: once for all who ask meanwhile, and not again too soon.

A `Reading` is one such thing (the seats of an event, the tables of a restaurant's day). However many ask for
it or watch it, rows are read by one of them at a time, and at most once in `READING_PAUSE_MS`.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

READING_PAUSE_MS = 250
READINGS_KEPT_MAX = 64
"""Of those that nobody watches, the last that were asked for."""


class Found(Protocol):
    """What was read, at a sequence."""

    @property
    def sequence(self) -> int: ...


Key = TypeVar("Key", bound=Hashable)
F = TypeVar("F", bound=Found)


class Reading(Generic[F]):
    """`read` is given what was read before, which it may take further. None: there is no such thing."""

    def __init__(self, read: Callable[[F | None], Awaitable[F | None]]) -> None:
        self._read = read
        self._one_at_a_time = asyncio.Lock()
        self._found: F | None = None
        self._begun_s = -math.inf

    async def current(self, at_least: int = 0, of_any_age: bool = False) -> F | None:
        """What was read within the pause, or at any time, if it has reached the sequence `at_least`; else it
        is read now, or as soon as the pause is over. What was begun to be read after this was asked for needs
        no such proof: who names a sequence that is not reached yet makes nobody wait but itself."""
        loop = asyncio.get_running_loop()
        came_s = loop.time()
        async with self._one_at_a_time:
            pause_s = self._begun_s + READING_PAUSE_MS / 1000 - loop.time()
            found = self._found
            if self._begun_s > came_s:
                return found
            if found is not None and found.sequence >= at_least and (of_any_age or pause_s > 0):
                return found
            if pause_s > 0:
                await asyncio.sleep(pause_s)
            self._begun_s = loop.time()
            self._found = await self._read(found)
            return self._found


class Readings(Generic[Key, F]):
    """The readings of one sort. One that somebody holds is always given out again."""

    def __init__(self, read: Callable[[Key, F | None], Awaitable[F | None]]) -> None:
        self._read = read
        self._all: WeakValueDictionary[Key, Reading[F]] = WeakValueDictionary()
        self._last: OrderedDict[Key, Reading[F]] = OrderedDict()

    def of(self, key: Key) -> Reading[F]:
        reading = self._all.get(key)
        if reading is None:
            reading = self._all[key] = Reading(lambda before: self._read(key, before))
        self._last[key] = reading
        self._last.move_to_end(key)
        if len(self._last) > READINGS_KEPT_MAX:
            self._last.popitem(last=False)
        return reading
