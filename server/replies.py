"""An HTTP response that is rendered once and written with one call.

aiohttp's own Response builds a multidict of headers and serialises it: a third of a front end's CPU
(docs/benchmarks/front-end.md). Here status line and constant headers are bytes made once per kind of
response; `Reply` fills in what changes. aiohttp calls `prepare` and `write_eof`, and reads `keep_alive`.

A large body is written behind its head as it is: clients that are slow to read it share it.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

JSON = "application/json"
PROBLEM = "application/problem+json"
PRIVATE = b"Cache-Control: no-store\r\n"
"""Of what has secrets, or somebody's name in it."""
JOINED_MAX_BYTES = 16_384
_CONSTANT = "X-Content-Type-Options: nosniff\r\nServer: turnstile\r\n"


class Reply(web.StreamResponse):
    """Status, body, and the header lines (each with its CRLF) beyond the constant ones.

    The base class's constructor is left out on purpose: none of what it sets up is used here.
    """

    def __init__(self, status: int, body: bytes = b"", lines: bytes = b"", content_type: str = JSON) -> None:
        self.code = status
        self.payload = body
        self.lines = lines
        self.media = content_type
        self.closes = False
        self._rendered = b""
        self._behind = b""
        self._writer: AbstractStreamWriter | None = None

    @property
    def status(self) -> int:
        return self.code

    @property
    def keep_alive(self) -> bool:
        return not self.closes

    @property
    def prepared(self) -> bool:
        return self._writer is not None

    def render(self, request: web.BaseRequest, request_id: str, more: bytes) -> None:
        """Make the bytes. HEAD gets the length of what GET would have sent, and nothing of it."""
        if not request.keep_alive or request.version.minor == 0:
            self.closes = True
        if self.closes:
            more += b"Connection: close\r\n"
        body = self.payload
        if request.method == "HEAD":
            body = b""
        elif len(body) > JOINED_MAX_BYTES:
            self._behind, body = body, b""
        self._rendered = b"%b%b%b%b%bX-Request-Id: %b\r\n\r\n%b" % (
            _head(self.code, self.media),
            _date_line(),
            self.lines,
            more,
            self._framing(request),
            request_id.encode(),
            body,
        )

    def _framing(self, _request: web.BaseRequest) -> bytes:
        """The header line that says where the body will end."""
        return b"" if self.code in (204, 304) else b"Content-Length: %d\r\n" % len(self.payload)

    def unasked(self) -> bytes:
        """The bytes to say to a connection before any request."""
        length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(self.payload)
        return _head(self.code, self.media) + self.lines + length + self.payload

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        self._writer = request.writer
        return self._writer

    async def write_eof(self, data: bytes = b"") -> None:
        assert self._writer is not None
        await self._writer.write(self._rendered)
        if self._behind:
            await self._writer.write(self._behind)
        # A client that does not read its answers is given no more of them: what waits for it is bounded.
        await self._writer.drain()


@lru_cache(maxsize=256)
def _head(status: int, content_type: str) -> bytes:
    """The status line and what is the same in all responses of this kind."""
    media = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{media}{_CONSTANT}".encode()


def _date_line() -> bytes:
    """RFC 9110's Date. Wall time: nothing is decided by it."""
    return _date_line_of(int(time.time()))


@lru_cache(maxsize=2)
def _date_line_of(now_s: int) -> bytes:
    return f"Date: {formatdate(now_s, usegmt=True)}\r\n".encode()
