"""Requests that never become complete are ended; slow but complete ones and idle connections are not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from server.timeouts import ending_stuck

LIMIT_S = 0.6
ENDED_WITHIN_S = 20.0
HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


async def _echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_post("/echo", _echo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    assert runner.server is not None
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    async with ending_stuck(runner.server, LIMIT_S):
        await web.SockSite(runner, listener).start()
        yield listener.getsockname()[1]
        await runner.cleanup()


async def _ended(port: int, sent: bytes) -> bytes:
    """What the server says until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_500_half_sent_bodies_are_ended(port: int) -> None:
    async with asyncio.timeout(ENDED_WITHIN_S):
        await asyncio.gather(*(_ended(port, HEAD + b"half") for _ in range(500)))


@pytest.mark.parametrize("sent", [b"", b"POST /ec", HEAD[:-2]])
async def test_half_sent_heads_are_ended(port: int, sent: bytes) -> None:
    async with asyncio.timeout(ENDED_WITHIN_S):
        assert await _ended(port, sent) == b""


async def test_a_slow_body_that_becomes_complete_is_answered_and_its_connection_kept(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for _ in range(2):
            writer.write(HEAD + b"01234")
            await asyncio.sleep(LIMIT_S / 3)
            writer.write(b"56789")
            assert (await reader.readuntil(b"0123456789")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(LIMIT_S * 3)  # idle for longer than a request may take to arrive
    finally:
        writer.close()


async def test_a_body_that_drips_is_ended_too(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD.replace(b"10\r\n\r\n", b"10000\r\n\r\n"))

    async def drip() -> None:
        while not writer.is_closing():
            writer.write(b".")
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    try:
        async with asyncio.timeout(ENDED_WITHIN_S):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
    finally:
        dripping.cancel()
        writer.close()
