"""Placeholder until the routes exist: the application with nothing but its health."""

from __future__ import annotations

from aiohttp import web

from server.drain import is_draining
from server.settings import Settings


async def create_app(settings: Settings) -> web.Application:
    """The application one front-end process serves."""
    app = web.Application(client_max_size=settings.body_max_bytes)
    app.router.add_get("/healthz", _alive)
    app.router.add_get("/readyz", _ready)
    app.router.add_post("/echo", _echo)
    return app


async def _alive(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _ready(request: web.Request) -> web.Response:
    if is_draining(request.app):
        return web.json_response({"status": "draining"}, status=503)
    return web.json_response({"status": "ok"})


async def _echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())
