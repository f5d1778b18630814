"""Peer (d'): as `redis_lua`, but what waits for Redis goes there together, in one pipeline at a time.

While one pipeline is on its way the next gathers: the same natural batching that Turnstile's gateway does. It
is not how this is usually written, but it is the best that can be done with the same parts, so it is shown.
"""

import asyncio

from loadtest.peers import serving
from loadtest.peers.redis_lua import RedisLua


class RedisPipelined(RedisLua):
    schema = "peer_redis_pipelined"

    def __init__(self, options: serving.Options) -> None:
        super().__init__(options)
        self._waiting: list[tuple[str, int, asyncio.Future[bool]]] = []
        self._sender: asyncio.Task[None] | None = None

    async def _take(self, key: str, quantity: int) -> bool:
        taken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, quantity, taken))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_what_waits())
        return await taken

    async def _send_what_waits(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                pipeline = self._redis.pipeline(transaction=False)
                for key, quantity, _ in batch:
                    pipeline.execute_command("EVALSHA", self._sha, 1, key, quantity)
                for (_, _, taken), result in zip(batch, await pipeline.execute(), strict=True):
                    taken.set_result(bool(result))
            except Exception as error:  # noqa: BLE001 (whatever it was, those who wait must hear of it)
                for _, _, taken in batch:
                    if not taken.done():
                        taken.set_exception(error)


if __name__ == "__main__":
    serving.run("aiohttp, Redis Lua decrements in pipelines, then a PostgreSQL insert.", RedisPipelined)
