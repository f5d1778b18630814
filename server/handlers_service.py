"""What the server says of itself: health, metrics, owners, its own description and the pages that show it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import cache
from importlib.resources import files

import msgspec
import structlog
from aiohttp import web

from server import views
from server.metrics import CONTENT_TYPE as METRICS_TEXT
from server.parts import Parts
from server.problems import Problem
from server.replies import Reply

_log = structlog.get_logger("turnstile.http")
_POLICY = (
    b"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'\r\n"
    b"Referrer-Policy: no-referrer\r\n"
)
STATIC_FILES = {
    "index.html": "text/html; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}


class ServiceHandlers:
    """The handlers; each answers one route. `document`: the OpenAPI one, set once the routes are known."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.document = b"{}"

    async def alive(self, _request: web.BaseRequest) -> Reply:
        """Say that this front end is alive."""
        return Reply(200, b'{"status":"ok"}')

    async def ready(self, _request: web.BaseRequest) -> Reply:
        """Say whether a request sent here would be served: each part is asked, in bounded time."""
        if self._parts.health.draining:
            raise Problem("unavailable", "This front end is stopping.", failing=["draining"])
        gateway = self._parts.gateway
        checks = {
            "postgresql": self._parts.reads.ping(),
            "ray": gateway.reachable(),
            "owners": gateway.ready(),
        }
        results = await asyncio.gather(*(self._check(name, check) for name, check in checks.items()))
        failing = [name for name in results if name is not None]
        if failing:
            raise Problem("unavailable", f"No answer from: {', '.join(failing)}.", failing=failing)
        return Reply(200, b'{"status":"ready"}')

    async def _check(self, name: str, check: Awaitable[None]) -> str | None:
        try:
            async with asyncio.timeout(self._parts.options.ready_timeout_s):
                await check
        except Exception as error:  # noqa: BLE001 - whatever it raises, the part does not answer
            _log.warning("not ready", part=name, error=repr(error))
            return name
        return None

    async def metrics(self, _request: web.BaseRequest) -> Reply:
        """Show the metrics of all front ends, as Prometheus text."""
        return Reply(200, self._parts.metrics.exposition(), content_type=METRICS_TEXT)

    async def owners(self, request: web.BaseRequest) -> Reply:
        """List the living owners, with what each says of itself."""
        return Reply(200, views.page(list(await self._parts.gateway.owners()), None))

    async def describe(self, _request: web.BaseRequest) -> Reply:
        """Show this document."""
        return Reply(200, self.document)

    async def docs(self, _request: web.BaseRequest) -> Reply:
        """Show this document to be read and tried."""
        return _static("index.html")

    async def docs_file(self, _request: web.BaseRequest, name: str) -> Reply:
        """Send a file of that page."""
        if name not in STATIC_FILES:
            raise Problem("not_found", "There is no such file.")
        return _static(name)


class Alive(msgspec.Struct, frozen=True):
    """`ok`, or `ready`."""

    status: str


def _static(name: str) -> Reply:
    return Reply(200, _file(name), _POLICY, content_type=STATIC_FILES[name])


@cache
def _file(name: str) -> bytes:
    """Read once: these bytes are shared by all who are still being sent them."""
    return files("server").joinpath("static", name).read_bytes()
