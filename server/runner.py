"""Runs the application below aiohttp's own router: the dispatcher gets each request directly.

The application still is one: it starts, stops and cleans up as under `web.AppRunner`, which serves it too,
only dearer: its router, request type and match objects cost about as much as Turnstile's own work on a
request (docs/benchmarks/front-end.md).
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from server.connections import CONNECTIONS_MAX, ConnectionServer
from server.front_end import DISPATCHER


class FrontEndRunner(web.ServerRunner):
    """A runner of what `build_app` makes."""

    def __init__(
        self,
        app: web.Application,
        *,
        connections_max: int = CONNECTIONS_MAX,
        shutdown_timeout: float = 60.0,
        **connection: Any,
    ) -> None:
        server = ConnectionServer(app[DISPATCHER].handle, connections_max, **connection)
        super().__init__(server, shutdown_timeout=shutdown_timeout)
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
