"""Whether this front end is about to stop: set once, at its SIGTERM; `/readyz` answers 503 from then on."""

from __future__ import annotations

import asyncio

from aiohttp import web

DRAINING = web.AppKey("draining", asyncio.Event)


def is_draining(app: web.Application) -> bool:
    """For `/readyz`."""
    return app[DRAINING].is_set()
