"""A connection to Redis that gives up soon: what Redis carries here is never worth waiting for."""

from __future__ import annotations

from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

REDIS_TIMEOUT_S = 1.0
REDIS_FAILURES = (RedisError, OSError, TimeoutError)


def redis_client(redis_url: str) -> redis.asyncio.Redis:
    """Connects when it is first used. Its calls raise REDIS_FAILURES, after REDIS_TIMEOUT_S at the latest."""
    return _client(redis_url, socket_timeout=REDIS_TIMEOUT_S)


def redis_line(redis_url: str) -> redis.asyncio.Redis:
    """One connection, for who asks one after the other and bounds the time itself (REDIS_TIMEOUT_S). A call
    costs a third less without a pool, and goes out at once: with a time for each of its parts it would be
    a task of its own first, for which all that is ready comes before it."""
    return _client(redis_url, single_connection_client=True)


def _client(redis_url: str, **options: Any) -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(
        redis_url, socket_connect_timeout=REDIS_TIMEOUT_S, retry=Retry(NoBackoff(), 0), **options
    )
