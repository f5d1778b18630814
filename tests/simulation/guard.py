"""The watchdog's process, and what reaches it: the real `WatchdogActor`, whose host the cluster is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from actors.config import Deployment
from actors.processes import Process as ProcessId
from actors.processes import WatchdogActor
from tests.simulation.loop import Process

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster

DEPLOYMENT = Deployment("", "", "", "", ())
"""It needs none of it here."""


class Guard:
    """One incarnation of the watchdog; who asks one that has died hears so at once."""

    def __init__(self, cluster: Cluster, process: Process, network: Process) -> None:
        self.process = process
        self._network = network
        self._cluster = cluster
        self._asked: dict[asyncio.Future[None], None] = {}
        self._actor: WatchdogActor | None = None
        process.deaths.append(self._died)
        process.spawn(self._start())

    async def _start(self) -> None:
        self._actor = WatchdogActor(DEPLOYMENT, self._cluster)

    def born(self, owner: str, process: ProcessId) -> None:
        """An owner tells; nobody waits."""

        async def tell() -> None:
            if self._actor is not None:
                await self._actor.born(owner, process)

        self.process.spawn(tell())

    async def check(self, owner: str) -> None:
        """Returns when it has looked, or has died. While it is frozen: not."""

        async def look() -> None:
            if self._actor is not None:
                await self._actor.check(owner)

        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked[answer] = None
        try:
            await asked(self.process, look(), self._network, answer)
        finally:
            self._asked.pop(answer, None)

    def _died(self) -> None:
        for answer in self._asked:
            if not answer.done():
                answer.set_result(None)


async def asked(
    process: Process, work: Coroutine[Any, Any, Any], network: Process, answer: asyncio.Future[Any]
) -> Any:
    """The result of work that another process does; if that does not respond, there is none."""

    def done(task: asyncio.Task[Any]) -> None:
        if not answer.done():
            answer.set_result(task.result())

    process.spawn(work).add_done_callback(done, context=network.context)
    return await answer
