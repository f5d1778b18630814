"""What a front end reads from rows for many: once for all who ask meanwhile, and not again too soon.

A `Reading` is one such thing (the seats of an event, the tables of a restaurant's day). However many ask for
it or watch it, rows are read by one of them at a time, and at most once in `READING_PAUSE_MS`. Who waited for
a reading that failed hears that it has, and is not given what was there before.
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
        self._failure: Exception | None = None
        self._begun_s = -math.inf
        """The last reading, also if nothing came of it; the next two: those that found, and failed, last."""
        self._found_s = -math.inf
        self._failed_s = -math.inf

    async def current(self, at_least: int = 0, of_any_age: bool = False) -> F | None:
        """What was read within the pause, or at any time, if it has reached the sequence `at_least`; else it
        is read now, or as soon as the pause is over. What was begun to be read after this was asked for needs
        no such proof: who names a sequence that is not reached yet makes nobody wait but itself."""
        loop = asyncio.get_running_loop()
        came_s = loop.time()
        async with self._one_at_a_time:
            found, young_s = self._found, loop.time() - READING_PAUSE_MS / 1000
            if self._found_s > came_s:
                return found
            if self._failure is not None and self._failed_s > came_s:
                raise self._failure
            if found is not None and found.sequence >= at_least and (of_any_age or self._found_s > young_s):
                return found
            if self._begun_s > young_s:
                await asyncio.sleep(self._begun_s - young_s)
            return await self._read_now()

    async def _read_now(self) -> F | None:
        begun_s = self._begun_s = asyncio.get_running_loop().time()
        try:
            self._found = await self._read(self._found)
        except Exception as failure:
            self._failure, self._failed_s = failure, begun_s
            raise
        self._found_s, self._failure = begun_s, None
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
