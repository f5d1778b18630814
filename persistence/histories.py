"""What customers have done at restaurants, asked for together.

Each hold of a table asks for one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from domain.restaurant_messages import History
from persistence.connection import Row
from persistence.gathering import Gathering

TOGETHER_MAX = 500
GUESTS = """
SELECT w.n, g.visits, g.cancellations, g.no_shows
  FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS w(inventory_id, customer, n)
 CROSS JOIN LATERAL (SELECT visits, cancellations, no_shows FROM guests b
                      WHERE b.inventory_id = w.inventory_id AND b.customer = w.customer OFFSET 0) AS g"""

Fetch = Callable[[str, Sequence[object]], Awaitable[list[Row]]]


class Histories:
    """`fetch` asks PostgreSQL, in bounded time."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._asked: Gathering[tuple[str, bytes], History] = Gathering(self._found, TOGETHER_MAX)

    async def of(self, restaurant_id: str, customer: bytes) -> History:
        """Nothing, of whoever is not known. Raises StoreError."""
        return await self._asked.ask((restaurant_id, customer))

    async def _found(self, asked: Sequence[tuple[str, bytes]]) -> list[History]:
        rows = await self._fetch(GUESTS, ([one[0] for one in asked], [one[1] for one in asked]))
        known = {row["n"]: History(*row[1:]) for row in rows}
        return [known.get(n, History()) for n in range(1, len(asked) + 1)]
