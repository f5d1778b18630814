"""Peer (d): a conditional decrement in a Redis (Valkey) Lua script, then the INSERT into PostgreSQL.

Redis decides, PostgreSQL makes durable: the reply waits for the commit. If the INSERT certainly failed, the
tickets are given back; if its outcome is unknown (connection lost, time-out), they are not, because a lost
ticket is better than one sold twice. Its relation starts empty, so the counter starts at the quota. A pool
of 20 connections is what PostgreSQL's group commit likes.
"""

from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis

from loadtest.peers import postgres, serving, wire

POOL_CONNECTIONS = 20
REDIS_CONNECTIONS = 20

TAKE = """
local n = tonumber(ARGV[1])
if tonumber(redis.call('GET', KEYS[1]) or '0') < n then return 0 end
redis.call('DECRBY', KEYS[1], n)
return 1
"""


class RedisLua:
    schema = "peer_redis_lua"

    def __init__(self, options: serving.Options) -> None:
        self._url, self._redis_url, self._quota = options.database_url, options.redis_url, options.quota
        statements = {"insert": postgres.INSERT + " RETURNING 1", "confirm": postgres.CONFIRM}
        self._connections = postgres.Connections(self._url, self.schema, POOL_CONNECTIONS, statements)
        self._redis: Any = None  # redis-py's commands are only partly typed
        self._sha = ""

    async def create(self) -> None:
        await postgres.create_schema(self._url, self.schema, [postgres.RESERVATIONS])
        async with Redis.from_url(self._redis_url) as redis:
            await redis.set(self._key(wire.OPEN_EVENT), self._quota)
            await redis.set(self._key(wire.SOLD_OUT_EVENT), 0)

    async def open(self) -> None:
        await self._connections.open()
        pool = BlockingConnectionPool.from_url(
            self._redis_url, max_connections=REDIS_CONNECTIONS, timeout=None
        )
        self._redis = Redis.from_pool(pool)
        self._sha = str(await self._redis.script_load(TAKE))

    async def hold(self, reservation: wire.Reservation) -> bool:
        line = reservation.lines[0]
        key = self._key(reservation.event_id, line.ticket_type)
        if not await self._take(key, line.quantity):
            return False
        try:
            await self._connections.fetchrow("insert", *postgres.hold_values(reservation))
        except Exception as error:
            if postgres.certainly_failed(error):
                await self._redis.incrby(key, line.quantity)
            raise
        return True

    def _key(self, event_id: str, ticket_type: str = wire.TICKET_TYPE) -> str:
        return f"{self.schema}:{event_id}:{ticket_type}"

    async def _take(self, key: str, quantity: int) -> bool:
        return bool(await self._redis.execute_command("EVALSHA", self._sha, 1, key, quantity))

    async def confirm(self, reservation_id: str) -> wire.Reservation | None:
        row = await self._connections.fetchrow("confirm", reservation_id)
        return postgres.reservation_of(row) if row else None

    async def close(self) -> None:
        await self._redis.aclose()
        await self._connections.close()

    async def drop(self) -> None:
        await postgres.drop_schema(self._url, self.schema)
        async with Redis.from_url(self._redis_url) as redis:
            await redis.delete(self._key(wire.OPEN_EVENT), self._key(wire.SOLD_OUT_EVENT))


if __name__ == "__main__":
    serving.run("aiohttp, a Redis Lua decrement, then a PostgreSQL insert.", RedisLua)
