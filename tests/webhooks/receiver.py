"""A real receiver of webhooks on a free port of this machine, that answers what it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from domain.endpoints import Endpoint
from persistence.endpoints import PostgresEndpoints
from tests.persistence.sales import NOW_MS, new_id


@dataclass
class Receipt:
    """What came, where, and what it was answered."""

    path: str
    headers: dict[str, str]
    raw: bytes
    answer: int = 0

    @property
    def id(self) -> str:
        return self.headers["Webhook-Id"]

    @property
    def said(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.raw)
        return found

    @property
    def about(self) -> str:
        said = self.said
        return str(said["reservation_id"] or said.get("event_id") or said["restaurant_id"])

    @property
    def place(self) -> tuple[int, int]:
        return self.said["sequence"], self.said["position"]


Answer = Callable[[Receipt], int | Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """`answers`: by path; 200 where there is none. A status, or a whole answer."""

    url: str = ""
    receipts: list[Receipt] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    connections: int = 0

    async def receive(self, request: web.Request) -> web.StreamResponse:
        receipt = Receipt(request.path, dict(request.headers), await request.read())
        self.receipts.append(receipt)
        said = self.answers.get(request.path, lambda _: 200)(receipt)
        if isinstance(said, int):
            receipt.answer = said
            return web.Response(status=said)
        response = await said
        receipt.answer = response.status
        return response

    def at(self, path: str) -> list[Receipt]:
        return [one for one in self.receipts if one.path == path]

    def types(self, path: str) -> list[str]:
        return [one.said["type"] for one in self.at(path)]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def after(seconds: float, status: int = 200) -> web.StreamResponse:
    await asyncio.sleep(seconds)
    return web.Response(status=status)


async def registered(endpoints: PostgresEndpoints, url: str, **changes: Any) -> Endpoint:
    """A new endpoint at that address."""
    made = await endpoints.create(Endpoint(id=new_id(), url=url, created_ms=NOW_MS, **changes), None)
    assert isinstance(made, Endpoint)
    return made
