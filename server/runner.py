"""Runs the application below aiohttp's own router: the dispatcher gets each request directly.

The application still is one: it starts, stops and cleans up as under `web.AppRunner`, which serves it too,
only dearer: its router, request type and match objects cost about as much as Turnstile's own work on a
request (docs/benchmarks/front-end.md). And what is not HTTP is answered with a problem, like all else.
"""

from __future__ import annotations

from typing import Any

import structlog
from aiohttp import web

from server.front_end import DISPATCHER
from server.problems import Problem
from server.replies import Reply

_log = structlog.get_logger("turnstile.http")


class FrontEndRunner(web.ServerRunner):
    """A runner of what `build_app` makes."""

    def __init__(self, app: web.Application, *, shutdown_timeout: float = 60.0, **connection: Any) -> None:
        handler = app[DISPATCHER].handle
        super().__init__(_Server(handler, **connection), shutdown_timeout=shutdown_timeout)
        self._app = app

    async def setup(self) -> None:
        self._app.on_startup.freeze()
        await self._app.startup()
        self._app.freeze()
        await super().setup()

    async def shutdown(self) -> None:
        await self._app.shutdown()

    async def cleanup(self) -> None:
        await super().cleanup()
        await self._app.cleanup()


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    """aiohttp's connection, but for what it says when it cannot make a request of what it got."""

    __slots__ = ()

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
