"""What customers have done at restaurants, asked for together.

Each hold of a table asks for one. What comes while a statement is under way waits, and goes with the next: so
a single one waits for nobody, and under load a hundred cost little more than one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from domain.restaurant_messages import History
from persistence.connection import Row

TOGETHER_MAX = 500
GUESTS = """
SELECT w.n, g.visits, g.cancellations, g.no_shows
  FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS w(inventory_id, customer, n)
 CROSS JOIN LATERAL (SELECT visits, cancellations, no_shows FROM guests b
                      WHERE b.inventory_id = w.inventory_id AND b.customer = w.customer OFFSET 0) AS g"""

Fetch = Callable[[str, Sequence[object]], Awaitable[list[Row]]]
_Waiting = tuple[str, bytes, asyncio.Future[History]]


class Histories:
    """`fetch` asks PostgreSQL, in bounded time."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._waiting: list[_Waiting] = []
        self._carrying: asyncio.Task[None] | None = None

    async def of(self, restaurant_id: str, customer: bytes) -> History:
        """Nothing, of whoever is not known. Raises StoreError."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[History] = loop.create_future()
        self._waiting.append((restaurant_id, customer, found))
        if self._carrying is None:
            self._carrying = loop.create_task(self._carry())
        return await found

    async def _carry(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
            try:
                rows = await self._fetch(GUESTS, ([one[0] for one in some], [one[1] for one in some]))
            except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
                for _, _, found in some:
                    _settle(found, error)
                continue
            known = {row["n"]: History(*row[1:]) for row in rows}
            for n, (_, _, found) in enumerate(some, 1):
                _settle(found, known.get(n, History()))
        self._carrying = None


def _settle(found: asyncio.Future[History], outcome: History | Exception) -> None:
    if found.done():
        return
    if isinstance(outcome, Exception):
        found.set_exception(outcome)
    else:
        found.set_result(outcome)
