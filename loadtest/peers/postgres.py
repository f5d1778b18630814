"""What the peers share of PostgreSQL: a few connections with prepared statements, and one relation.

asyncpg's own pool sends a reset query at every release, a round trip a tuned service would not pay; here a
connection is handed on as it is, the last one used first. `synchronous_commit` is switched on per
connection, so a server configured otherwise cannot make a peer look fast.
"""

import asyncio
from typing import Any

import asyncpg

from loadtest.peers import wire

STATEMENT_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 10.0

RESERVATIONS = """
CREATE TABLE reservations (
    id uuid PRIMARY KEY, event_id uuid NOT NULL, ticket_type text NOT NULL, quantity integer NOT NULL,
    name text NOT NULL, email text NOT NULL, status text NOT NULL,
    created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL)
"""
COLUMNS = "id, event_id, ticket_type, quantity, name, email, status, created_at, expires_at"
INSERT = f"INSERT INTO reservations ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, 'held', $7, $8)"
CONFIRM = f"""
UPDATE reservations SET status = 'confirmed'
 WHERE id = $1 AND status IN ('held', 'confirmed') AND expires_at > clock_timestamp() RETURNING {COLUMNS}
"""


async def connect(database_url: str, schema: str) -> Any:
    return await asyncpg.connect(
        database_url,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=STATEMENT_TIMEOUT_S,
        server_settings={"search_path": schema, "synchronous_commit": "on", "application_name": schema},
    )


async def create_schema(database_url: str, schema: str, statements: list[str]) -> None:
    """A fresh schema: what an interrupted run left behind goes first."""
    connection = await connect(database_url, schema)
    try:
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
        for statement in statements:
            await connection.execute(statement, timeout=60.0)
    finally:
        await connection.close()


async def drop_schema(database_url: str, schema: str) -> None:
    connection = await connect(database_url, schema)
    try:
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE", timeout=60.0)
    finally:
        await connection.close()


def hold_values(held: wire.Reservation) -> tuple[Any, ...]:
    """The values of `INSERT`, in its order."""
    line, customer = held.lines[0], held.customer
    return (
        held.id,
        held.event_id,
        line.ticket_type,
        line.quantity,
        customer.name,
        customer.email,
        held.created_at,
        held.expires_at,
    )


def reservation_of(row: Any) -> wire.Reservation:
    event_id, reservation_id = str(row["event_id"]), str(row["id"])
    return wire.Reservation(
        id=reservation_id,
        event_id=event_id,
        status=row["status"],
        expires_at=row["expires_at"],
        lines=[wire.PricedLine(row["ticket_type"], row["quantity"], wire.UNIT_PRICE)],
        total=wire.Money(wire.PRICE_MINOR_UNITS * row["quantity"], wire.CURRENCY),
        customer=wire.Customer(row["name"], row["email"]),
        created_at=row["created_at"],
        token=wire.token_of(event_id, reservation_id),
    )


def certainly_failed(error: Exception) -> bool:
    """Whether nothing can have been committed. A lost connection or a shutdown leaves it open."""
    unknown = (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)
    return isinstance(error, asyncpg.PostgresError) and not isinstance(error, unknown)


class Connections:
    """`size` connections, each with the same statements prepared, named by their keys."""

    def __init__(self, database_url: str, schema: str, size: int, statements: dict[str, str]) -> None:
        self._database_url, self._schema, self._size, self._sql = database_url, schema, size, statements
        self._idle: asyncio.LifoQueue[tuple[Any, dict[str, Any]]] = asyncio.LifoQueue()

    async def open(self) -> None:
        for _ in range(self._size):
            self._idle.put_nowait(await self._prepared())

    async def _prepared(self) -> tuple[Any, dict[str, Any]]:
        connection = await connect(self._database_url, self._schema)
        return connection, {name: await connection.prepare(sql) for name, sql in self._sql.items()}

    async def fetchrow(self, name: str, *values: Any) -> Any:
        """Raises what asyncpg raises; a connection that broke is replaced before the next use."""
        entry = await self._idle.get()
        try:
            if entry[0].is_closed():
                entry = await self._prepared()
            return await entry[1][name].fetchrow(*values)
        finally:
            self._idle.put_nowait(entry)

    async def close(self) -> None:
        while not self._idle.empty():
            await self._idle.get_nowait()[0].close(timeout=2.0)
