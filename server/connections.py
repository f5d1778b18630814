"""A front end's connections: how many there may be, how much waits in each, and the answer to what is not
HTTP: a problem, like all else.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

import structlog
from aiohttp import web

from server.problems import Problem
from server.replies import Reply

CONNECTIONS_MAX = 10_000
UNSENT_MAX_BYTES = 65_536
"""What the kernel takes of an answer before it can be sent. Without this bound it takes megabytes for a
client that does not read, and nobody here can see that they wait (`server/timeouts.py`)."""

_log = structlog.get_logger("turnstile.http")


class ConnectionServer(web.Server):
    """aiohttp's server, with connections of ours, so many at most."""

    def __init__(self, handler: Any, connections_max: int, **connection: Any) -> None:
        super().__init__(handler, **connection)
        self._connections_max = connections_max
        self._refusal = _closing(Problem("overloaded", "Too many connections.")).unasked()

    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)

    def refuses(self, transport: asyncio.Transport) -> bool:
        """Above the bound a connection hears so, whatever it was to ask, and ends."""
        if len(self._connections) < self._connections_max:
            return False
        transport.write(self._refusal)
        transport.close()
        return True


class Connection(web.RequestHandler):
    """aiohttp's connection, but for what is said below."""

    __slots__ = ("head_begun", "on_lost")

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.head_begun = False
        """A part of a head, and no more, has come since the last answer."""
        self.on_lost: Callable[[], None] | None = None
        """An answer that goes on without writing would not notice."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)
        if cast(ConnectionServer, self._manager).refuses(stream):
            return
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            stream.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_MAX_BYTES
            )
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.head_begun = self._waiter is not None and not self._messages

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Not logged with a traceback if the client did it: anybody can send what is not HTTP."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was under way already")
        if status < 500:
            reply = _closing(Problem("malformed", "This is not a request that HTTP/1.1 knows."))
        else:
            _log.error("request failed below the dispatcher", exc_info=exc)
            reply = _closing(Problem("internal", "Unexpected."))
        reply.render(request, "none", b"")
        return reply


def _closing(problem: Problem) -> Reply:
    reply = problem.reply()
    reply.closes = True
    return reply
