"""Peer (f): PostgreSQL with one row per ticket, taken by `FOR UPDATE SKIP LOCKED`.

Buyers do not wait for one another: each skips the rows others have locked. Never oversold: a row is deleted
from the free ones by the statement that inserts the reservation, and only if it got all it asked for. Each
search starts at a random ticket and, if it found too few, once more from the first one: otherwise every
search would begin by walking over the dead entries of all that is sold. A buyer can be refused while
another's transaction that will fail still holds the last rows; that errs on the safe side.
"""

import random

from loadtest.peers import postgres, serving, wire

SCHEMA = "peer_skip_locked"
POOL_CONNECTIONS = 16

FREE = """
CREATE TABLE free_tickets (
    event_id uuid, ticket_type text, number integer, PRIMARY KEY (event_id, ticket_type, number))
"""
HOLD = f"""
WITH found AS (
    SELECT number FROM free_tickets WHERE event_id = $2 AND ticket_type = $3 AND number >= $9
     ORDER BY number LIMIT $4 FOR UPDATE SKIP LOCKED),
taken AS (
    DELETE FROM free_tickets
     WHERE event_id = $2 AND ticket_type = $3 AND number = ANY (ARRAY(SELECT number FROM found))
       AND (SELECT count(*) FROM found) = $4 RETURNING 1)
INSERT INTO reservations ({postgres.COLUMNS})
SELECT $1, $2, $3, $4, $5, $6, 'held', $7, $8 WHERE (SELECT count(*) FROM taken) = $4 RETURNING 1
"""


class SkipLocked:
    def __init__(self, options: serving.Options) -> None:
        self._url, self._quota = options.database_url, options.quota
        statements = {"hold": HOLD, "confirm": postgres.CONFIRM}
        self._connections = postgres.Connections(self._url, SCHEMA, POOL_CONNECTIONS, statements)

    async def create(self) -> None:
        fill = f"""INSERT INTO free_tickets
                   SELECT '{wire.OPEN_EVENT}', '{wire.TICKET_TYPE}', n
                     FROM generate_series(1, {self._quota}) n"""
        steps = [FREE, postgres.RESERVATIONS, fill, "VACUUM ANALYZE free_tickets"]
        await postgres.create_schema(self._url, SCHEMA, steps)

    async def open(self) -> None:
        await self._connections.open()

    async def hold(self, reservation: wire.Reservation) -> bool:
        values = postgres.hold_values(reservation)
        start = random.randint(1, self._quota)
        if await self._connections.fetchrow("hold", *values, start) is not None:
            return True
        return await self._connections.fetchrow("hold", *values, 0) is not None

    async def confirm(self, reservation_id: str) -> wire.Reservation | None:
        row = await self._connections.fetchrow("confirm", reservation_id)
        return postgres.reservation_of(row) if row else None

    async def close(self) -> None:
        await self._connections.close()

    async def drop(self) -> None:
        await postgres.drop_schema(self._url, SCHEMA)


if __name__ == "__main__":
    serving.run("aiohttp and PostgreSQL SKIP LOCKED, one row per ticket.", SkipLocked)
