"""The few requests of the demo: an operator's, insisting while the server is busy, with the same key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import aiohttp

from server.supervisor.failures import StartFailure

REQUEST_TIMEOUT_S = 30.0
INSIST_S = 60.0
"""How long a server that is busy, or does not answer any more, is asked again."""
PAUSE_MAX_S = 5.0
PAGE_ITEMS = 200
BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
DENIED = ("unauthorized", "forbidden")


class DemoFailed(StartFailure):
    """The world cannot be made; the message fits one line."""


@dataclass(frozen=True)
class Answer:
    """A reply, or a refusal as problem+json."""

    status: int
    body: Mapping[str, Any]

    @property
    def done(self) -> bool:
        return self.status < HTTPStatus.BAD_REQUEST

    @property
    def why(self) -> str:
        told = self.body.get("errors") or self.body.get("detail") or ""
        return f"{self.status} {self.body.get('code', '')}: {told}"


class Api:
    """A server's API; `url` without a path."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self.url = url
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}"}
        self._reached = False

    async def post(self, path: str, body: Any, key: str) -> Answer:
        """Raises `DemoFailed` where nobody answers, or the token is another server's."""
        return await self._insist("POST", path, body, {"Idempotency-Key": key})

    async def pages(self, path: str, **query: str) -> AsyncIterator[Mapping[str, Any]]:
        """Every item of a list."""
        cursor: dict[str, str] = {}
        while True:
            asked = urlencode({**query, "limit": str(PAGE_ITEMS), **cursor})
            answer = await self._insist("GET", f"{path}?{asked}", None, {})
            if not answer.done:
                raise DemoFailed(f"{path} was answered {answer.why}")
            for item in answer.body["items"]:
                yield item
            if answer.body["next"] is None:
                return
            cursor = {"cursor": answer.body["next"]}

    async def _insist(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Answer:
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + INSIST_S
        while True:
            try:
                answer, pause_s = await self._once(method, path, body, headers)
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                if not self._reached or loop.time() > give_up_s:
                    raise DemoFailed(self._unreached(error)) from None
                pause_s = 1.0
            else:
                self._reached = True
                if answer.body.get("code") in DENIED:
                    raise DemoFailed(
                        f"the server at {self.url} does not take this operator's token: {WHERE_FROM}"
                    )
                if answer.status not in BUSY or loop.time() > give_up_s:
                    return answer
            await asyncio.sleep(min(pause_s, PAUSE_MAX_S))

    async def _once(
        self, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[Answer, float]:
        """The reply, and after how long to ask again if it is a busy server's."""
        async with self._session.request(
            method, f"{self.url}/api/v1{path}", json=body, headers={**self._headers, **headers}
        ) as reply:
            after = reply.headers.get("Retry-After", "1")
            return Answer(reply.status, await reply.json(content_type=None)), float(after or 1)

    def _unreached(self, error: Exception) -> str:
        if self._reached:
            return f"the server at {self.url} does not answer any more ({type(error).__name__})"
        if isinstance(error, ValueError):
            return f"{self.url} is no Turnstile server's address: as in http://127.0.0.1:8080"
        return f"no server answers at {self.url} ({type(error).__name__}): start one with `turnstile serve`"


WHERE_FROM = "TURNSTILE_ADMIN_TOKEN names it, or the data folder of the server (TURNSTILE_DATA)"


def opened() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S))
