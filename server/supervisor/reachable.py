"""Does a server answer? One short exchange each, without a client library where the protocol allows it: a
start that cannot work is refused before anything large is loaded.
"""

from __future__ import annotations

import asyncio
import struct
from urllib.parse import urlsplit

PROBE_TIMEOUT_S = 3.0
POSTGRES_PORT = 5432
REDIS_PORT = 6379
POSTGRES_PROTOCOL = 196_608  # 3.0
ERROR, AUTHENTICATION = b"E", b"R"
HTTP2_FRAME_HEAD_BYTES = 9
HTTP2_SETTINGS, TLS_ALERT = b"\4", b"\x15\3"
HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + HTTP2_SETTINGS + bytes(5)


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


async def grpc_answers(host: str, port: int) -> bool:
    """Whether somebody speaks gRPC there, as the head of a Ray cluster does.

    Such a server greets with a SETTINGS frame (RFC 9113, section 3.4); one that wants TLS sends an alert.
    """
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(HTTP2_GREETING)
                said = await reader.read(HTTP2_FRAME_HEAD_BYTES)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return said[3:4] == HTTP2_SETTINGS or said.startswith(TLS_ALERT)


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
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    limit_s = PROBE_TIMEOUT_S
    try:
        async with Redis.from_url(url, socket_timeout=limit_s, socket_connect_timeout=limit_s) as client:
            await client.ping()
    except (RedisError, OSError, ValueError, TypeError) as error:  # the last two: options in the URL
        return str(error) or type(error).__name__
    return None


async def http_status(url: str, timeout_s: float = PROBE_TIMEOUT_S) -> int | None:
    """The status that a GET of an http:// URL brings; None: no answer."""
    parts = urlsplit(url)
    head = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                writer.write(head.encode())
                return int((await reader.readline()).split(b" ", 2)[1])
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, IndexError):
        return None
