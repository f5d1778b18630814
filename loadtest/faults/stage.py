"""One group of faults' surroundings: the server, the sales that run on it, and the clients of each.

Three sales, so that a fault meets all there is: a large one with an owner of its own, one for far more
clients than it has tickets, in the pool, and the witnesses'.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from loadtest.behaviours import OnSale, Person
from loadtest.endpoints import NoServer, Server, find_server
from loadtest.exchange import API
from loadtest.faults.clients import Clients
from loadtest.record import Recorder, Sale
from loadtest.sale import open_sale, open_witnessed_sale, operator

PLENTY_TICKETS = 1_000_000
SCARCE_TICKETS_PER_CLIENT = 0.5
HOLD_DURATION_S = 10
WITNESSES = 4
BROWSERS = 5
POLL_S = 0.05

Result = TypeVar("Result")


class TooSlow(Exception):
    """Something that must happen has not happened in time."""


async def until(condition: Callable[[], Result], timeout_s: float, what: str) -> Result:
    """Poll until the condition is true, and return its value. Raises `TooSlow`."""
    try:
        async with asyncio.timeout(timeout_s):
            while not (found := condition()):  # noqa: ASYNC110 (files and processes ring no bell)
                await asyncio.sleep(POLL_S)
            return found
    except TimeoutError:
        raise TooSlow(f"not within {timeout_s:.0f} s: {what}") from None


@dataclass
class Stage:
    """What a strike needs to know."""

    data: Path
    server: Server
    recorder: Recorder
    clients: Clients
    sales: list[Sale]

    @property
    def supervisor_pid(self) -> int:
        return self.server.pids["supervisor"]

    def pid_of(self, part: str) -> int:
        """As the supervisor knows it now: a part that was started again has another."""
        try:
            return find_server(self.data).pids[part]
        except (NoServer, KeyError):
            return 0

    async def owners(self) -> list[dict[str, Any]]:
        """What each living owner says of itself."""
        answer = await asyncio.to_thread(operator, self.server, f"{API}/owners")
        return list(answer["items"])


@asynccontextmanager
async def staged(data: Path, records: Path, clients: int, seed: int) -> AsyncIterator[Stage]:
    """Sales open, clients at it; at the end the clients have stopped and all is recorded."""
    server = find_server(data)
    with Recorder(records, "faults") as recorder:
        sales = [
            open_sale(server, recorder, "Plenty", PLENTY_TICKETS, HOLD_DURATION_S, placement="dedicated"),
            open_sale(
                server, recorder, "Scarce", max(10, int(clients * SCARCE_TICKETS_PER_CLIENT)), HOLD_DURATION_S
            ),
            open_witnessed_sale(server, recorder),
        ]
        crowd = Clients(server.http, recorder)
        stage = Stage(data, server, recorder, crowd, sales)
        try:
            _fill(stage, clients, seed)
            yield stage
        finally:
            await crowd.stop()


def _fill(stage: Stage, clients: int, seed: int) -> None:
    plenty, scarce, witnessed = (OnSale(sale.event, sale.opens_us, sale.event) for sale in stage.sales)
    crowds = (
        ("buyer", plenty, clients - clients // 4, Person.buy),
        ("churner", scarce, clients // 4, Person.churn),
        ("browser", plenty, BROWSERS, Person.look),
        ("scarce-browser", scarce, BROWSERS, Person.look),
        ("witness", witnessed, WITNESSES, Person.witness),
    )
    for names, sale, count, play in crowds:
        for number in range(count):
            rng = random.Random(f"{seed} {names} {number}")
            stage.clients.start(Person(f"{names}-{number}", sale, rng), play)
