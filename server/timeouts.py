"""Ends connections whose request never becomes complete.

aiohttp bounds an idle connection (`keepalive_timeout`) but waits for ever for the rest of a body. Once a
second every connection is looked at: one that has owed the rest of its body, or its first request's head,
for `limit_s` is closed; its handler, if it waits for the body, gets the ConnectionResetError of a client
that went away. A head that is half sent on a connection used before ends with `keepalive_timeout`. A sweep
costs nothing per request, which a timer in each body's way does.

aiohttp has no public view of what a connection is waiting for: `_owes` is the only place that looks inside.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

SWEEP_EVERY_S = 1.0


@contextlib.asynccontextmanager
async def ending_half_sent(server: web.Server, limit_s: float) -> AsyncIterator[None]:
    """While entered, half-sent requests end at the latest `limit_s` plus two sweeps after their last
    beginning.
    """
    task = asyncio.create_task(_sweep(server, limit_s, min(SWEEP_EVERY_S, limit_s)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _sweep(server: web.Server, limit_s: float, every_s: float) -> None:
    loop = asyncio.get_running_loop()
    owed_since: dict[tuple[RequestHandler, int], float] = {}
    while True:
        await asyncio.sleep(every_s)
        now = loop.time()
        owing = [
            (connection, connection._request_count) for connection in server.connections if _owes(connection)
        ]
        owed_since = {key: owed_since.get(key, now) for key in owing}
        for (connection, _), since in owed_since.items():
            if now - since >= limit_s:
                connection.force_close()


def _owes(connection: RequestHandler) -> bool:
    """Whether the client has begun something it has not finished sending."""
    request = connection._current_request
    if request is not None:
        return not request.content.is_eof() and request.content.exception() is None
    return connection._request_count == 0
