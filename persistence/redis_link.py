"""A connection to Redis that gives up soon: what Redis carries here is never worth waiting for."""

from __future__ import annotations

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

REDIS_TIMEOUT_S = 1.0
REDIS_FAILURES = (RedisError, OSError, TimeoutError)


def redis_client(redis_url: str, one_connection: bool = False) -> redis.asyncio.Redis:
    """Connects when it is first used. Its calls raise REDIS_FAILURES, after REDIS_TIMEOUT_S at the latest.
    `one_connection`: for who asks one after the other; a call costs a third less without the pool."""
    return redis.asyncio.Redis.from_url(
        redis_url,
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        single_connection_client=one_connection,
    )
