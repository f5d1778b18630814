"""Holds that nobody asks for again: only a timer can end them in time, and the auditor sees whether one did.

Timers share the inventories by their ids, so there are several quiet sales: each timer has some of them.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence

from loadtest.auditor.database import Database
from loadtest.behaviours import OnSale, Person
from loadtest.faults.stage import HOLD_DURATION_S, Stage, TooSlow
from loadtest.record import Sale
from loadtest.sale import open_sale

QUIET_SALES = 8
TICKETS = 10
END_WITHIN_S = 60.0
POLL_S = 0.2


async def holds_end(stage: Stage, rng: random.Random) -> None:
    """Place a hold in each of some new sales, and leave them alone until all have ended. Raises `TooSlow`."""
    sales = await asyncio.to_thread(_open_sales, stage)
    for number, sale in enumerate(sales):
        person = Person(f"forgetter-{number}", OnSale(sale.event, sale.opens_us), rng)
        await stage.clients.play(person, person.forget())
    await asyncio.to_thread(_wait, stage.server.database_url, [sale.event for sale in sales])


def _open_sales(stage: Stage) -> list[Sale]:
    return [
        open_sale(stage.server, stage.recorder, f"Quiet {number}", TICKETS, HOLD_DURATION_S)
        for number in range(QUIET_SALES)
    ]


def _wait(url: str, events: Sequence[str]) -> None:
    limit_s = time.monotonic() + HOLD_DURATION_S + END_WITHIN_S
    with Database(url) as database:
        while any(database.still_held(event) for event in events):
            if time.monotonic() > limit_s:
                raise TooSlow(f"not within {END_WITHIN_S:.0f} s of their end: holds that nobody asks for end")
            time.sleep(POLL_S)
