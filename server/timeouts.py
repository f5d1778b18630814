"""Ends connections on which nothing goes on: requests that never become complete, answers nobody reads.

aiohttp bounds an idle connection (`keepalive_timeout`), but waits for ever for the rest of a body and for a
client that does not read. Once a second every connection is looked at, and ended if for `limit_s` it has

- owed the rest of a body or of a head; its handler, if it waits for the body, gets the ConnectionResetError
  of a client that went away;
- had something to read and taken nothing of it.

A sweep costs nothing per request, which a timer in each body's way does. aiohttp has no public view of what
a connection is waiting for: the functions at the end are the only place that looks inside.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from server.connections import Connection

SWEEP_EVERY_S = 1.0


@contextlib.asynccontextmanager
async def ending_stuck(server: web.Server, limit_s: float) -> AsyncIterator[None]:
    """While entered, what is stuck ends at the latest `limit_s` plus two sweeps after it got stuck."""
    task = asyncio.create_task(_sweep(server, limit_s, min(SWEEP_EVERY_S, limit_s)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _sweep(server: web.Server, limit_s: float, every_s: float) -> None:
    half_sent, unread = _HalfSent(limit_s), _Unread(limit_s)
    now_s = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(every_s)
        half_sent.end(server, now_s())
        unread.end(server, now_s())


class _HalfSent:
    """Requests that have begun, by their connection and number on it."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._owed_since: dict[tuple[RequestHandler, int], float] = {}
        self._idle_since: dict[tuple[RequestHandler, int], float] = {}

    def end(self, server: web.Server, now_s: float) -> None:
        owed, idle = {}, {}
        for connection in server.connections:
            key = connection, connection._request_count
            if _owes(connection):
                owed[key] = self._owed_since.get(key, now_s)
                if now_s - owed[key] >= self._limit_s:
                    connection.force_close()
            elif _is_idle(connection):
                idle[key] = self._idle_since.get(key, now_s)
                if now_s - idle[key] >= self._limit_s:
                    idle[key] = float("inf")  # once is enough: what comes from now on is noticed as it comes
                    if _began_before_it_was_idle(connection):
                        connection.force_close()
        self._owed_since, self._idle_since = owed, idle


class _Unread:
    """Connections with something to read: how much it was, and since when it has not become less."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._waiting: dict[RequestHandler, tuple[int, float]] = {}

    def end(self, server: web.Server, now_s: float) -> None:
        waiting = {}
        for connection, transport in _transports(server):
            size = transport.get_write_buffer_size()
            if size == 0:
                continue
            size_before, since_s = self._waiting.get(connection, (size, now_s))
            if size < size_before:
                since_s = now_s
            waiting[connection] = size, since_s
            if now_s - since_s >= self._limit_s:
                transport.abort()  # to close is to wait until all is read
        self._waiting = waiting


def _owes(connection: RequestHandler) -> bool:
    """Whether the client has begun something it has not finished sending."""
    request = connection._current_request
    if request is not None:
        return not request.content.is_eof() and request.content.exception() is None
    if connection._request_count == 0:
        return True
    return isinstance(connection, Connection) and connection.head_begun and _is_idle(connection)


def _is_idle(connection: RequestHandler) -> bool:
    return connection._waiter is not None and not connection._waiter.done()


def _began_before_it_was_idle(connection: RequestHandler) -> bool:
    """Whether a part of a head came right behind the request before. Only the parser knows, and says so only
    when it is told that no more will come, which is true then: the connection is ended."""
    if connection._parser is None:
        return False
    try:
        return connection._parser.feed_eof() is not None
    except Exception:  # noqa: BLE001 - whatever it says of the part that is there, there is one
        return True


def _transports(server: web.Server) -> list[tuple[RequestHandler, asyncio.Transport]]:
    """Those that are closing too: a connection forgets its transport then, but the transport goes on."""
    return list(server._connections.items())
