"""Which holds somebody has, by a key, so many at most: hashes in Valkey, for all front ends together.

A field is a request, its value the reservation that it made, or is about to make: the same request again is
the same field. A hash goes a day after it last grew. Nobody takes out what has ended: who meets a full one
looks which of its holds still are (`server.hold_caps`).

Most hold one thing at a time, and they do not wait for Valkey: a process gives each key one place `at_once`,
on its own word, and says so soon, with those of all others. Until it has, and for whoever it has heard of
that half of what they may is taken, it asks first; those that ask meanwhile go with one call of one script.
So a hash grows over its cap only where a process gives a place to somebody of whom it has not heard: by one
for each such process, which has heard then. A cap that is not `OWN_WORD_FROM` for each of the front ends,
where that would be much, is always asked for, and exact.

While Valkey does not answer each process counts by itself, and asks it again after a second.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from persistence.gathering import Gathering
from persistence.redis_link import REDIS_FAILURES, REDIS_TIMEOUT_S, redis_line

KEPT_S = 86_400
TOGETHER_MAX = 500
ALONE_S = 1.0
TELL_AFTER_S = 0.05
"""So long a process gathers what it gave on its own word, before it says so, all in one call."""
UNTOLD_MAX_PLACES = 500
REMOVED_MAX_CALLS = 5_000
"""What is removed beyond that is not: its place is found to be free by who meets a full hash."""
OWN_WORD_FROM = 20
OWN_KEYS_MAX = 100_000
_PREFIX = "turnstile-holds:"
_ADD = f"""
local removed, places, told = unpack(cmsgpack.unpack(ARGV[1]))
local full, near = {{}}, {{}}
for _, one in ipairs(removed) do redis.call('HDEL', '{_PREFIX}' .. one[1], unpack(one[2])) end
for at, one in ipairs(places) do
  local key, field, id, cap = '{_PREFIX}' .. one[1], one[2], one[3], one[4]
  local there = redis.call('HLEN', key)
  if at > told and there >= cap and redis.call('HEXISTS', key, field) == 0 then
    table.insert(full, {{at - 1, redis.call('HGETALL', key)}})
  else
    redis.call('HSET', key, field, id)
    redis.call('EXPIRE', key, {KEPT_S})
  end
  if 2 * (there + 1) >= cap then table.insert(near, at - 1) end
end
return {{full, near}}"""
"""All is one argument, of the places first those that are given already, and only of who meets a full one or
comes near to it is anything said: a Python process packs and reads each value that crosses by itself."""
_NOTHING: Mapping[str, str] = {}


class _Wanted(NamedTuple):
    key: str
    field: str
    reservation_id: str
    cap: int


class HoldCounts:
    """See the module. Without a `redis_url` it counts by itself. `front_ends`: so many count together."""

    def __init__(self, redis_url: str | None = None, front_ends: int = 1) -> None:
        self._own_word_from = OWN_WORD_FROM * front_ends
        self._redis = redis_line(redis_url) if redis_url else None
        self._add: Any = self._redis.register_script(_ADD) if self._redis else None
        self._own: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._alone_until_s = 0.0
        self._adding: Gathering[_Wanted, Mapping[str, str]] = Gathering(self._add_all, TOGETHER_MAX)
        self._untold: dict[str, _Wanted] = {}
        """Places that were given at once, by key."""
        self._being_told: set[str] = set()
        self._removed: list[tuple[str, Sequence[str]]] = []
        self._near: OrderedDict[str, None] = OrderedDict()
        """Keys of which half is taken, as far as was heard."""
        self._telling: asyncio.Task[None] | None = None

    def at_once(self, key: str, field: str, reservation_id: str, cap: int) -> bool:
        """Whether it has a place, for which nobody needs to be asked."""
        if cap < self._own_word_from or key in self._near or key in self._untold or key in self._being_told:
            return False
        if self._is_alone or len(self._untold) >= UNTOLD_MAX_PLACES:
            return False
        self._untold[key] = _Wanted(key, field, reservation_id, cap)
        self._tell_soon()
        return True

    def add(self, key: str, field: str, reservation_id: str, cap: int) -> Awaitable[Mapping[str, str]]:
        """Nothing, if there was room for it, or the field was there; else what there is."""
        return self._adding.ask(_Wanted(key, field, reservation_id, cap))

    def remove(self, key: str, fields: Sequence[str]) -> None:
        """They are no holds, or not any more. What is asked from now on finds them gone."""
        untold = self._untold.get(key)
        if untold is not None and untold.field in fields:
            del self._untold[key]
            if len(fields) == 1:
                return
        for field in fields:
            self._own.get(key, {}).pop(field, None)
        if not self._is_alone and len(self._removed) < REMOVED_MAX_CALLS:
            self._removed.append((key, fields))
            self._tell_soon()

    async def close(self) -> None:
        """Once all is said that has to be."""
        if self._telling is not None:
            await self._telling
        if self._redis is not None:
            await self._redis.aclose()

    @property
    def _is_alone(self) -> bool:
        return self._redis is None or time.monotonic() < self._alone_until_s

    def _stay_alone(self) -> None:
        self._alone_until_s = time.monotonic() + ALONE_S

    def _tell_soon(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        try:
            while self._untold or self._removed:
                await asyncio.sleep(TELL_AFTER_S)
                await self._add_all(())
        finally:
            self._telling = None

    async def _add_all(self, asked: Sequence[_Wanted]) -> Sequence[Mapping[str, str] | Exception]:
        """What was given at once, or removed, is said first, so that it is counted for who asks."""
        told, self._untold = [*self._untold.values()], {}
        removed, self._removed = self._removed, []
        self._being_told.update(one.key for one in told)
        try:
            full = await self._say(removed, [*told, *asked], len(told))
        finally:
            self._being_told.difference_update(one.key for one in told)
        if full is not None:
            return [full.get(at, _NOTHING) for at in range(len(told), len(told) + len(asked))]
        return [self._add_here(one) for one in [*told, *asked]][len(told) :]

    async def _say(
        self, removed: Sequence[tuple[str, Sequence[str]]], places: Sequence[_Wanted], told: int
    ) -> Mapping[int, Mapping[str, str]] | None:
        """What there is where one is full, by its number among the places; None: Valkey does not answer."""
        if self._is_alone:
            return None
        try:
            async with asyncio.timeout(REDIS_TIMEOUT_S):
                full, near = await self._add(args=[_packer.encode((removed, places, told))])
        except REDIS_FAILURES:
            self._stay_alone()
            return None
        if near or self._near:
            self._hear(places, set(near))
        return {at: _pairs(flat) for at, flat in full}

    def _hear(self, places: Sequence[_Wanted], near: set[int]) -> None:
        for at, one in enumerate(places):
            if at in near:
                self._near[one.key] = None
            else:
                self._near.pop(one.key, None)
        while len(self._near) > OWN_KEYS_MAX:
            self._near.popitem(last=False)

    def _add_here(self, one: _Wanted) -> Mapping[str, str]:
        there = self._own.setdefault(one.key, {})
        self._own.move_to_end(one.key)
        if len(self._own) > OWN_KEYS_MAX:
            self._own.popitem(last=False)
        if len(there) >= one.cap and one.field not in there:
            return dict(there)
        there[one.field] = one.reservation_id
        return {}


_packer = msgspec.msgpack.Encoder()


def _pairs(flat: Sequence[bytes]) -> Mapping[str, str]:
    texts = [text.decode() for text in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))
