"""Which holds somebody has, by a key, so many at most: hashes in Valkey, for all front ends together.

A field is a request, its value the reservation that it made, or is about to make: the same request again is
the same field. A hash never grows over its cap, and goes a day after it last grew. Nobody takes out what has
ended: who meets a full one looks which of its holds still are (`server.hold_caps`). All that ask meanwhile go
with one call of one script. While Valkey does not answer each process counts by itself, and asks it again
after a second.
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
OWN_KEYS_MAX = 100_000
_PREFIX = "turnstile-holds:"
_ADD = f"""
local full = {{}}
for at, one in ipairs(cmsgpack.unpack(ARGV[1])) do
  local key, field, id, cap = '{_PREFIX}' .. one[1], one[2], one[3], one[4]
  if redis.call('HLEN', key) >= cap and redis.call('HEXISTS', key, field) == 0 then
    table.insert(full, {{at - 1, redis.call('HGETALL', key)}})
  else
    redis.call('HSET', key, field, id)
    redis.call('EXPIRE', key, {KEPT_S})
  end
end
return full"""
"""All that ask are one argument, and only who meets a full one is answered: a Python process packs and reads
each value that crosses by itself."""
_NOTHING: Mapping[str, str] = {}


class _Wanted(NamedTuple):
    key: str
    field: str
    reservation_id: str
    cap: int


class HoldCounts:
    """See the module. Without a `redis_url` it counts by itself."""

    def __init__(self, redis_url: str | None = None) -> None:
        self._redis = redis_line(redis_url) if redis_url else None
        self._add: Any = self._redis.register_script(_ADD) if self._redis else None
        self._own: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._alone_until_s = 0.0
        self._adding: Gathering[_Wanted, Mapping[str, str]] = Gathering(self._add_all, TOGETHER_MAX)

    def add(self, key: str, field: str, reservation_id: str, cap: int) -> Awaitable[Mapping[str, str]]:
        """Nothing, if there was room for it, or the field was there; else what there is."""
        return self._adding.ask(_Wanted(key, field, reservation_id, cap))

    async def remove(self, key: str, fields: Sequence[str]) -> None:
        """They are no holds, or not any more."""
        for field in fields:
            self._own.get(key, {}).pop(field, None)
        if self._redis is not None and not self._is_alone:
            try:
                async with asyncio.timeout(REDIS_TIMEOUT_S):
                    await self._redis.hdel(_PREFIX + key, *fields)
            except REDIS_FAILURES:
                self._stay_alone()

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()

    @property
    def _is_alone(self) -> bool:
        return self._redis is None or time.monotonic() < self._alone_until_s

    def _stay_alone(self) -> None:
        self._alone_until_s = time.monotonic() + ALONE_S

    async def _add_all(self, wanted: Sequence[_Wanted]) -> Sequence[Mapping[str, str] | Exception]:
        if not self._is_alone:
            try:
                async with asyncio.timeout(REDIS_TIMEOUT_S):
                    full = dict(await self._add(args=[_packer.encode(wanted)]))
                return [_pairs(full[at]) if at in full else _NOTHING for at in range(len(wanted))]
            except REDIS_FAILURES:
                self._stay_alone()
        return [self._add_here(one) for one in wanted]

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
