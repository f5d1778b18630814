"""How often somebody may ask, per group of routes: by the account or machine that is signed in, or by the
client's address, and where an e-mail is named by that too.

Counts are in Valkey, so that all front ends count together. While it does not answer each front end counts by
itself, and asks Valkey again after a second: nobody waits for a limit, or is let in because one cannot be
counted. A bound of 0 is none, and costs nothing: the dispatcher then has nothing to call.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import cast

import redis.asyncio
import structlog
from aiohttp import web
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.aio.strategies import FixedWindowRateLimiter

from server.callers import caller_of
from server.client_address import ClientAddress, counted_as
from server.problems import Problem

VALKEY_TIMEOUT_S = 0.25
VALKEY_REST_S = 1.0
_KEY_BYTES = 16

_log = structlog.get_logger("turnstile.http")
Check = Callable[[web.BaseRequest], Awaitable[None]]


class Group(Enum):
    """Requests that are counted together. Of those that name an e-mail, each has a bound of its own."""

    ANY = "any"
    RESERVE = "reserve"
    LOG_IN = "log_in"
    ASK_FOR_MAIL = "ask_for_mail"
    LOG_IN_EMAIL = "log_in_email"
    ASK_EMAIL = "ask_email"


Bounds = Mapping[Group, tuple[int, int]]
"""How many in how many seconds."""


class Throttle:
    """Counts, and refuses what is over its bound. Without a `valkey_url` it counts by itself."""

    def __init__(
        self,
        bounds: Bounds | None = None,
        address: ClientAddress | None = None,
        valkey_url: str | None = None,
    ) -> None:
        self._items: dict[Group, RateLimitItem] = {
            group: RateLimitItemPerSecond(amount, seconds, namespace=f"turnstile-{group.value}")
            for group, (amount, seconds) in (bounds or {}).items()
            if amount > 0
        }
        self._address = address or ClientAddress(())
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._storage = _shared(valkey_url) if valkey_url and self._items else None
        self._shared = FixedWindowRateLimiter(self._storage) if self._storage else None
        self._alone_until_s = 0.0

    def check_of(self, group: Group | None) -> Check | None:
        """What the dispatcher calls before a route of that group; None if nothing bounds it."""
        items = [self._items[one] for one in (group, Group.ANY) if one in self._items]
        if not items:
            return None

        async def check(request: web.BaseRequest) -> None:
            caller = caller_of(request)
            if caller.is_admin:
                return
            who = counted_as(self._address.of(request)) if caller.role is None else caller.scope
            for item in items:
                await self._take(item, who)

        return check

    async def of_email(self, group: Group, customer: bytes) -> None:
        """The same by the key of an e-mail."""
        item = self._items.get(group)
        if item is not None:
            await self._take(item, hashlib.blake2b(customer, digest_size=_KEY_BYTES).hexdigest())

    async def close(self) -> None:
        """Give the connections to Valkey back."""
        if self._storage is not None:
            assert isinstance(self._storage.bridge, RedispyBridge)
            await cast(redis.asyncio.Redis, self._storage.bridge.get_connection()).aclose()

    async def _take(self, item: RateLimitItem, who: str) -> None:
        limiter = self._own
        if self._shared is not None and time.monotonic() >= self._alone_until_s:
            try:
                async with asyncio.timeout(VALKEY_TIMEOUT_S):
                    if await self._shared.hit(item, who):
                        return
                limiter = self._shared
            except Exception as error:  # noqa: BLE001 - whatever the library raises, Valkey does not answer
                self._alone_until_s = time.monotonic() + VALKEY_REST_S
                _log.warning("limits are counted here alone", error=repr(error))
        if limiter is self._own and await self._own.hit(item, who):
            return
        raise Problem(
            "rate_limited",
            "Too often; try again later.",
            retry_after_s=await self._wait_s(limiter, item, who),
        )

    async def _wait_s(self, limiter: FixedWindowRateLimiter, item: RateLimitItem, who: str) -> int:
        """Until the window ends, in whole seconds."""
        try:
            async with asyncio.timeout(VALKEY_TIMEOUT_S):
                reset_s = (await limiter.get_window_stats(item, who)).reset_time
        except Exception:  # noqa: BLE001 - as above; it is refused all the same
            return 1
        return max(1, math.ceil(reset_s - time.time()))


def _shared(valkey_url: str) -> RedisStorage:
    return RedisStorage(
        f"async+{valkey_url}",
        implementation="redispy",
        socket_timeout=VALKEY_TIMEOUT_S,
        socket_connect_timeout=VALKEY_TIMEOUT_S,
    )
