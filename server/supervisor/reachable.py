"""Does a server answer? One short exchange each, without a client library where the protocol allows it."""

from __future__ import annotations

import asyncio
import struct
from urllib.parse import urlsplit

import aiohttp
from redis.asyncio import Redis
from redis.exceptions import RedisError

PROBE_TIMEOUT_S = 3.0
POSTGRES_PORT = 5432
REDIS_PORT = 6379
POSTGRES_PROTOCOL = 196_608  # 3.0
ERROR, AUTHENTICATION = b"E", b"R"


def host_and_port(url: str, default_port: int) -> tuple[str, int]:
    """Where a URL points to."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or default_port


async def port_answers(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def postgres_answers(host: str, port: int) -> bool:
    """Whether PostgreSQL takes connections: it asks for a password, or refuses the user; not "is starting
    up".

    What pg_isready does, but here for embedded and given servers alike. Protocol: PostgreSQL manual,
    "Message Flow".
    """
    body = struct.pack("!I", POSTGRES_PROTOCOL) + b"user\0turnstile\0database\0turnstile\0\0"
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(struct.pack("!I", len(body) + 4) + body)
                kind = await reader.readexactly(1)
                size = struct.unpack("!I", await reader.readexactly(4))[0]
                reply = await reader.readexactly(size - 4)
            finally:
                writer.close()
    except (OSError, EOFError, TimeoutError, struct.error):
        return False
    return kind == AUTHENTICATION or (kind == ERROR and b"C57P0" not in reply and b"C53300" not in reply)


async def redis_problem(url: str) -> str | None:
    """Why Redis does not answer; None: it does."""
    client = Redis.from_url(url, socket_timeout=PROBE_TIMEOUT_S, socket_connect_timeout=PROBE_TIMEOUT_S)
    try:
        await client.ping()
    except (RedisError, OSError, TimeoutError) as error:
        return str(error) or type(error).__name__
    finally:
        await client.aclose()
    return None


async def http_status(url: str, timeout_s: float = PROBE_TIMEOUT_S) -> int | None:
    """The status a GET brings; None: no answer."""
    limit = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(url) as reply:
            return reply.status
    except (aiohttp.ClientError, OSError, TimeoutError):
        return None
