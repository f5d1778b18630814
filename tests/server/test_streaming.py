"""Replies that are made while they are sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp import web

from domain.account import Scope
from server.callers import Who
from server.connections import ConnectionServer
from server.dispatch import Dispatcher
from server.front_end import PARTS
from server.replies import Reply
from server.streaming import begun
from server.throttle import Group
from server.timeouts import ending_stuck
from tests.server.conftest import Api

TEXT = "text/csv; charset=utf-8"
WAIT_MAX_S = 20.0
LIMIT_S = 0.4
MANY = 2_000
PIECE_BYTES = 65_536

Ask = Callable[[str], Awaitable[bytes]]


@dataclass
class Routed:
    """As much of a route as the dispatcher has to know."""

    handler: Callable[..., Awaitable[Reply]]
    method: str = "GET"
    path: str = "/export"
    bare: bool = True
    who: Who = Who.ANYONE
    scope: Scope | None = None
    grants: bool = False
    group: Group | None = None


class Export:
    """An answer of pieces: which they are, how many were made, whether the maker was closed."""

    def __init__(self, api: Api, *pieces: bytes, fails_at: int = -1) -> None:
        self.pieces = pieces
        self.fails_at = fails_at
        self.made = 0
        self.closed = False
        dispatcher = Dispatcher([Routed(self._handle)], api.app[PARTS])
        self.server = ConnectionServer(dispatcher.handle, 100, access_log=None)

    async def _handle(self, _request: web.BaseRequest) -> Reply:
        return await begun(self._made(), TEXT, b"Content-Disposition: attachment\r\n")

    async def _made(self) -> AsyncIterator[bytes]:
        try:
            for number, piece in enumerate(self.pieces):
                if number == self.fails_at:
                    raise OSError("the store is gone")
                self.made += 1
                yield piece
        finally:
            self.closed = True

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        runner = web.ServerRunner(self.server, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        try:
            yield f"http://{host}:{port}/export"
        finally:
            await runner.cleanup()


async def _raw(url: str, request: str) -> bytes:
    """All that comes back until the other side ends it."""
    host, port = url.removeprefix("http://").removesuffix("/export").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.encode())
    async with asyncio.timeout(WAIT_MAX_S):
        received = await reader.read()
    writer.close()
    return received


async def test_all_pieces_arrive_and_the_connection_is_kept(api: Api) -> None:
    export = Export(api, b"a,b\n", b"", b"1,2\n" * 10_000, b"3,4\n")
    async with export.served() as url, aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(url) as response:
                assert await response.read() == b"a,b\n" + b"1,2\n" * 10_000 + b"3,4\n"
            assert response.headers["Transfer-Encoding"] == "chunked"
            assert response.headers["Content-Type"] == TEXT
            assert response.headers["Content-Disposition"] == "attachment"
            assert "Content-Length" not in response.headers
            assert export.closed
        assert len(export.server.connections) == 1


async def test_an_answer_of_nothing_is_whole_too(api: Api) -> None:
    export = Export(api)
    async with export.served() as url, aiohttp.ClientSession() as session, session.get(url) as response:
        assert (response.status, await response.read()) == (200, b"")


async def test_head_gets_the_head_and_the_pieces_are_not_made(api: Api) -> None:
    export = Export(api, b"a", b"b", b"c")
    async with export.served() as url, aiohttp.ClientSession() as session:
        async with session.head(url) as response:
            assert (response.status, await response.read()) == (200, b"")
            assert response.headers["Content-Type"] == TEXT
        async with session.get(url) as response:  # on the same connection: nothing of a body came before it
            assert await response.read() == b"abc"
    assert export.made == 4
    assert export.closed


async def test_http_1_0_gets_the_pieces_as_they_are_until_the_end(api: Api) -> None:
    async with Export(api, b"one,", b"two").served() as url:
        head, _, body = (await _raw(url, "GET /export HTTP/1.0\r\n\r\n")).partition(b"\r\n\r\n")
    assert body == b"one,two"
    assert b"Transfer-Encoding" not in head
    assert b"\r\nConnection: close" in head


async def test_what_fails_before_the_first_piece_is_a_problem(api: Api) -> None:
    export = Export(api, b"a", fails_at=0)
    async with export.served() as url, aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 503
        assert (await response.json(content_type=None))["code"] == "unavailable"
    assert export.closed


async def test_what_fails_later_breaks_off_and_the_client_knows(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    export = Export(api, b"a,b\n", b"1,2\n", fails_at=1)
    async with export.served() as url, aiohttp.ClientSession() as session, session.get(url) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert export.closed
    assert "broke off" in capsys.readouterr().out


async def test_no_more_is_made_than_the_client_takes_and_who_takes_nothing_is_ended(api: Api) -> None:
    export = Export(api, *[bytes(PIECE_BYTES)] * MANY)
    async with export.served() as url, asyncio.timeout(WAIT_MAX_S):
        host, port = url.removeprefix("http://").removesuffix("/export").split(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1)
        writer.write(b"GET /export HTTP/1.1\r\nHost: x\r\n\r\n")
        while not any(connection.writing_paused for connection in export.server.connections):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert export.made < MANY
        async with ending_stuck(export.server, LIMIT_S):
            while not export.closed:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert export.made < MANY
        writer.transport.abort()
