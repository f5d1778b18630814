"""Replies whose body is made while it is sent: an export, page by page; a stream of what happens.

`Streamed` sends the head and leaves the body to its kind. `Pieces` is the kind for a body that ends: it takes
one piece after the other, and the next only when the client has taken enough of those before, so what waits
for a client is bounded however long the body is. (Live streams, which must not wait for anybody, are
`server/live.py`'s.)

A status cannot be taken back. So `begun` makes the first piece before there is a head: what fails by then is
a problem like any other. What fails later breaks the connection off without the last chunk, and the client
knows that something is missing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import structlog
from aiohttp import web

from server.replies import Reply

_log = structlog.get_logger("turnstile.http")


class Streamed(Reply):
    """The head at once, the body as `_send_body` makes it. HEAD gets the same head, and no body."""

    def __init__(self, status: int, lines: bytes, content_type: str) -> None:
        super().__init__(status, b"", lines, content_type)
        self._bodiless = False

    def render(self, request: web.BaseRequest, request_id: str, more: bytes) -> None:
        self._bodiless = request.method == "HEAD"
        super().render(request, request_id, more)

    async def write_eof(self, data: bytes = b"") -> None:
        assert self._writer is not None
        await self._writer.write(self._rendered)
        if not self._bodiless:
            await self._send_body()

    async def _send_body(self) -> None:
        raise NotImplementedError


class Pieces(Streamed):
    """A body of pieces, chunked; for HTTP/1.0, which knows no chunks, until the connection ends.

    The pieces' generator is closed in any case: sent, broken off, or never begun.
    """

    def __init__(self, pieces: AsyncGenerator[bytes, None], lines: bytes, content_type: str) -> None:
        super().__init__(200, lines, content_type)
        self._pieces = pieces
        self._chunked = True

    def _framing(self, request: web.BaseRequest) -> bytes:
        self._chunked = request.version.minor > 0
        return b"Transfer-Encoding: chunked\r\n" if self._chunked else b""

    async def write_eof(self, data: bytes = b"") -> None:
        async with aclosing(self._pieces):
            await super().write_eof(data)

    async def _send_body(self) -> None:
        assert self._writer is not None
        while piece := await self._next():
            await self._writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)
            await self._writer.drain()
        if self._chunked:
            await self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    async def _next(self) -> bytes:
        """The next piece that is not empty; empty at the end."""
        try:
            async for piece in self._pieces:
                if piece:
                    return piece
        except Exception as error:
            _log.error("a reply broke off", exc_info=error)
            raise ConnectionError("the rest of the body cannot be made") from error
        return b""


async def begun(pieces: AsyncIterator[bytes], content_type: str, lines: bytes = b"") -> Pieces:
    """A reply of these pieces, the first of which is made here: what it raises is the caller's."""
    rest = _with_first(pieces)
    await anext(rest)
    return Pieces(rest, lines, content_type)


async def _with_first(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """First nothing, once the first piece is there; then all pieces."""
    try:
        first = await anext(pieces, b"")
        yield b""
        yield first
        async for piece in pieces:
            yield piece
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
