"""Who owns what, and what is due: asked by gateways and timers, over a few connections of their own."""

from __future__ import annotations

from persistence.connection import Limits, Links, QueueLimits
from persistence.postgres import OWNER
from persistence.rows import NOW
from persistence.store import Due

WAITING_MAX_STATEMENTS = 1_000
TURN_TIMEOUT_S = 2.5
"""Who asks where an inventory is waits no longer than a command does: behind questions that nobody waits for
any more, all that comes later would wait too."""

PLACE = """
UPDATE inventories SET owner = $2, epoch = epoch + 1, claimant = NULL WHERE id = $1 RETURNING id"""

DUE = """
SELECT id::text, owner FROM inventories
 WHERE next_due_ms <= $1 AND ('x' || right(id::text, 8))::bit(32)::bigint % $3::bigint = $2::bigint
 ORDER BY next_due_ms, id LIMIT $4"""
"""The part of an inventory is its id's last 32 bits, which are random, modulo the number of parts."""


class PostgresDirectory:
    """A `Directory`."""

    def __init__(self, database_url: str, connections_max: int = 2, limits: Limits | None = None) -> None:
        queue = QueueLimits(WAITING_MAX_STATEMENTS, TURN_TIMEOUT_S)
        self._links = Links(database_url, "turnstile directory", limits or Limits(), connections_max, queue)

    async def now_ms(self) -> int:
        return int((await self._links.fetch(NOW))[0][0])

    async def owner_of(self, inventory_id: str) -> str | None:
        rows = await self._links.fetch(OWNER, inventory_id)
        return rows[0]["owner"] if rows else None

    async def place(self, inventory_id: str, owner: str) -> bool:
        return bool(await self._links.fetch(PLACE, inventory_id, owner))

    async def due(self, until_ms: int, part: int, parts: int, limit: int) -> list[Due]:
        rows = await self._links.fetch(DUE, until_ms, part, parts, limit)
        return [Due(inventory_id, owner) for inventory_id, owner in rows]

    async def close(self) -> None:
        """Give the connections back, in bounded time."""
        await self._links.close()
