"""A front end that is asked to stop: takes nothing new, ends what is under way, and not for ever."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import ClientConnectionError, ClientConnectorError, ClientSession, web

from server.settings import Settings
from server.worker import serve_until
from tests.served import until

TIMEOUT_S = 10.0


class _Slow:
    """An application whose one request takes as long as it is told."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.app = web.Application()
        self.app.router.add_get("/", self._handle)

    async def _handle(self, _request: web.Request) -> web.Response:
        self.begun.set()
        await self.may_end.wait()
        return web.Response(text="done")


async def test_a_stopping_front_end_accepts_nothing_new_and_ends_what_is_under_way() -> None:
    slow, stop, listener = _Slow(), asyncio.Event(), socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    serving = asyncio.create_task(serve_until(stop, slow.app, Settings(drain_timeout_s=5), listener))
    async with asyncio.timeout(TIMEOUT_S), ClientSession() as client:
        reply = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
        await slow.begun.wait()
        stop.set()
        # Not by connecting: what is accepted just as the listener closes is nobody's to close any more.
        await asyncio.to_thread(until, lambda: listener.fileno() == -1, TIMEOUT_S, "the listener closes")
        with pytest.raises(ClientConnectorError):
            await client.get(f"http://127.0.0.1:{port}/")
        slow.may_end.set()
        assert await (await reply).text() == "done"
        assert await serving


async def test_a_request_that_does_not_end_does_not_hold_the_stop_up_for_ever() -> None:
    slow, stop, listener = _Slow(), asyncio.Event(), socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    serving = asyncio.create_task(serve_until(stop, slow.app, Settings(drain_timeout_s=0.2), listener))
    async with asyncio.timeout(TIMEOUT_S), ClientSession() as client:
        reply = asyncio.create_task(client.get(url))
        await slow.begun.wait()
        stop.set()
        await serving
        with pytest.raises(ClientConnectionError):
            await reply
