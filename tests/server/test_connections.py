"""Connections: so many at most, and none on which nothing goes on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil
import pytest
import uvloop
from aiohttp import web

from server.timeouts import ending_stuck
from tests.server.conftest import Api, Start, starting

LIMIT_S = 0.4
PATIENT_LIMIT_S = 1.0
"""Where a client must not be late, also on a busy machine."""
ENDED_WITHIN_S = 20.0
CLIENTS = 200
READ_BYTES = 200_000
LARGE = "/docs/swagger-ui-bundle.js"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
ALIVE = b'{"status":"ok"}'


@asynccontextmanager
async def _sweeping(api: Api, limit_s: float = LIMIT_S) -> AsyncIterator[None]:
    async with ending_stuck(_server(api), limit_s):
        yield


def _server(api: Api) -> web.Server:
    assert api.runner.server is not None
    return api.runner.server


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(ENDED_WITHIN_S):
        while not condition():  # noqa: ASYNC110 - the other side is a socket away
            await asyncio.sleep(0.02)


@asynccontextmanager
async def _connected(api: Api) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*api.runner.addresses[0][:2])
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _asked_for(api: Api, sent: bytes) -> socket.socket:
    """A client that has sent this, and reads only if its test does."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, api.runner.addresses[0][:2])
    client.send(sent)
    return client


def _unread(server: web.Server) -> list[int]:
    """What waits in each connection for its client, where something does."""
    sizes = [transport.get_write_buffer_size() for transport in server._connections.values()]
    return [size for size in sizes if size]


def test_clients_that_do_not_read_are_ended_and_share_what_they_do_not_read() -> None:
    """On the event loop that front ends use: asyncio's own makes copies of what it cannot send yet."""
    uvloop.run(_ended_without_reading())


async def _ended_without_reading() -> None:
    async with starting() as start:
        api = await start()
        server, large_bytes = _server(api), len((await api.get(LARGE)).raw)
        before_bytes = psutil.Process().memory_info().rss
        asked = f"GET {LARGE} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        clients = [await _asked_for(api, asked) for _ in range(CLIENTS)]
        try:
            await _until(lambda: len(_unread(server)) == CLIENTS)
            assert psutil.Process().memory_info().rss - before_bytes < CLIENTS * large_bytes / 4
            async with _sweeping(api):
                await _until(lambda: len(server.connections) == 1)  # the one that has read is kept
        finally:
            for client in clients:
                client.close()


async def test_a_client_that_does_not_read_what_is_said_last_is_ended_too(api: Api) -> None:
    server = _server(api)
    asked = f"GET {LARGE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    client = await _asked_for(api, asked)
    await _until(lambda: len(_unread(server)) == 1)
    async with _sweeping(api):
        await _until(lambda: not server.connections)
    client.close()


async def test_a_client_that_reads_slowly_gets_everything(api: Api) -> None:
    answer = await api.get(LARGE)
    async with _sweeping(api, PATIENT_LIMIT_S):
        client = await _asked_for(api, f"GET {LARGE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = bytearray()
        while not received.endswith(answer.raw):
            await asyncio.sleep(PATIENT_LIMIT_S / 3)
            wanted = len(received) + READ_BYTES
            while len(received) < wanted and not received.endswith(answer.raw):
                got = await asyncio.get_running_loop().sock_recv(client, READ_BYTES)
                assert got
                received += got
        client.close()


async def test_who_asks_and_asks_and_does_not_read_is_not_answered_any_more(api: Api) -> None:
    server = _server(api)
    async with _connected(api) as (_, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(HEALTH * 100_000)
        await _until(lambda: any(connection.writing_paused for connection in server.connections))
        answered = server.requests_count
        for _ in range(20):
            await api.get("/healthz")
        assert server.requests_count == answered + 20
        writer.transport.abort()


async def test_there_are_so_many_connections_and_not_one_more(start: Start) -> None:
    api = await start(connections_max=3)
    server = _server(api)
    async with asyncio.timeout(ENDED_WITHIN_S), _connected(api) as first, _connected(api) as second:
        async with _connected(api) as third:
            for reader, writer in (first, second, third):
                writer.write(HEALTH)
                await reader.readuntil(ALIVE)
            async with _connected(api) as (refused, _):
                said = await refused.read()
            assert said.startswith(b"HTTP/1.1 503 ")
            assert b"Connection: close\r\n" in said
            assert b'"code":"overloaded"' in said
            first[1].write(HEALTH)
            await first[0].readuntil(ALIVE)
        await _until(lambda: len(server.connections) == 2)
        async with _connected(api) as (reader, writer):
            writer.write(HEALTH)
            await reader.readuntil(ALIVE)


@pytest.mark.parametrize(
    ("behind", "later"),
    [
        (b"", b"GET /he"),
        (HEALTH[:9], b""),
        (HEALTH[:-2], b""),
        (HEALTH[:9], HEALTH[9:20]),
        (HEALTH[:-2], b"X-Y: z\r\n"),
    ],
)
async def test_half_a_head_after_an_answered_request_is_ended(api: Api, behind: bytes, later: bytes) -> None:
    """Sent right behind the request, or once that is answered, or in part both."""
    async with _sweeping(api), _connected(api) as (reader, writer):
        writer.write(HEALTH + behind)
        await reader.readuntil(ALIVE)
        writer.write(later)
        async with asyncio.timeout(ENDED_WITHIN_S):
            assert await reader.read() == b""


async def test_a_head_that_drips_is_ended_too(api: Api) -> None:
    async with _sweeping(api), _connected(api) as (reader, writer):
        writer.write(HEALTH)
        await reader.readuntil(ALIVE)
        ended = asyncio.create_task(reader.read())
        writer.write(HEALTH[:-2] + b"X-Y: ")
        async with asyncio.timeout(ENDED_WITHIN_S):
            while not ended.done():
                writer.write(b"z")
                await asyncio.sleep(0.05)
        with contextlib.suppress(ConnectionError):  # as it is told depends on what was still on its way
            assert await ended == b""


async def test_half_a_head_after_a_long_idle_time_is_ended(api: Api) -> None:
    async with _sweeping(api), _connected(api) as (reader, writer):
        writer.write(HEALTH)
        await reader.readuntil(ALIVE)
        await asyncio.sleep(4 * LIMIT_S)
        writer.write(HEALTH[:9])
        async with asyncio.timeout(ENDED_WITHIN_S):
            assert await reader.read() == b""


async def test_an_idle_connection_is_kept_and_takes_a_head_in_two_parts(api: Api) -> None:
    async with _sweeping(api, PATIENT_LIMIT_S), _connected(api) as (reader, writer):
        for _ in range(2):
            writer.write(HEALTH[:20])
            await asyncio.sleep(PATIENT_LIMIT_S / 4)
            writer.write(HEALTH[20:])
            await reader.readuntil(ALIVE)
            await asyncio.sleep(2.5 * PATIENT_LIMIT_S)
