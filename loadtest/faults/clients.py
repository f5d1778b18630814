"""A few hundred clients on one event loop, that play the behaviours and record what they see.

Cheaper than Locust by far, which matters where the load shares its cores with the server under test.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

import aiohttp

from loadtest.exchange import Reply, Request, call_of
from loadtest.record import INTERRUPTED, NO_REPLY, Recorder, now_us
from loadtest.visitor import Pause, Script, Visitor

CONNECT_TIMEOUT_S = 10.0
REPLY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 60.0
EFFECTS = ("hold", "confirm", "cancel", "extend", "change")

Someone = TypeVar("Someone", bound=Visitor)


class Clients:
    """All clients of one group of faults."""

    def __init__(self, http: str, recorder: Recorder, admin_token: str = "") -> None:
        """`admin_token`: for what staff do."""
        self.successes: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        """For each event the acknowledged effects: (when acknowledged, when asked for), by the former."""
        self._http = http
        self._recorder = recorder
        self._staff = {"Authorization": f"Bearer {admin_token}"}
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        timeout = aiohttp.ClientTimeout(total=REPLY_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))

    def start(self, person: Someone, play: Callable[[Someone], Script[None]]) -> None:
        self._tasks.append(asyncio.create_task(self._live(person, play)))

    async def play(self, person: Visitor, script: Script[None]) -> None:
        """One script to its end."""
        try:
            step = next(script)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = next(script)
                else:
                    step = script.send(await self._send(person, step))
        except StopIteration:
            return

    async def stop(self, within_s: float = STOP_TIMEOUT_S) -> None:
        """Each finishes what it is at, in bounded time; what is cut off then is recorded as that."""
        self._stopping = True
        try:
            _, late = await asyncio.wait(self._tasks, timeout=within_s)
        except asyncio.CancelledError:
            late = set(self._tasks)
        for task in late:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()
        for one in ended:
            if isinstance(one, Exception):
                raise one

    def since(self, event: str, at_us: int) -> list[tuple[int, int]]:
        """The effects on an event that were asked for, and acknowledged, after that time."""
        found = []
        for got_us, sent_us in reversed(self.successes[event]):
            if got_us <= at_us:
                break
            if sent_us > at_us:
                found.append((got_us, sent_us))
        return found

    def failure(self) -> BaseException | None:
        """What ended a client that should still be at it: a bug of this program."""
        failed = (task for task in self._tasks if task.done() and not task.cancelled())
        return next((error for task in failed if (error := task.exception()) is not None), None)

    async def _live(self, person: Someone, play: Callable[[Someone], Script[None]]) -> None:
        while not self._stopping:
            await self.play(person, play(person))

    async def _send(self, person: Visitor, request: Request) -> Reply:
        sent_us = now_us()
        status, body, after, failure = NO_REPLY, b"", "", INTERRUPTED
        headers = {**request.headers, **self._staff} if request.staff else request.headers
        try:
            async with self._session.request(
                request.method, self._http + request.path, data=request.body or None, headers=headers
            ) as response:
                body = await response.read()
                status, after, failure = response.status, response.headers.get("Retry-After", ""), ""
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            failure = type(error).__name__
        finally:
            reply = Reply(status, sent_us, now_us(), body, after, failure)
            self._recorder.write(call_of(person.name, request, reply))
        if reply.done and request.op in EFFECTS:
            self.successes[request.event].append((reply.got_us, sent_us))
        return reply
