"""Peer (e): one Ray actor call per request, with the same durability. Only this file here imports ray.

One asynchronous actor owns the counter in memory; per request it takes the tickets, commits one INSERT, and
only then replies, so that many commits are under way at once and PostgreSQL groups them. Never oversold:
the counter changes before the first await. A certain failure gives the tickets back, an unknown outcome
does not. It joins the cluster that is running; the actor is not detached, so it goes with its driver.

It also measures what a bare call costs (`measure_call_p50_us`), the floor under any design with one Ray call.
"""

import asyncio
import importlib
import os
import statistics
import time
from typing import Any

import msgspec
import ray

from loadtest.peers import memory, postgres, serving, wire

SCHEMA = "peer_ray_call"
ACTOR_NAME = "peer:ray_call"
POOL_CONNECTIONS = 32
CONCURRENT_CALLS_MAX = 1000
_kept: list[Any] = []
"""Handles: an actor ends when nobody has one."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(wire.Reservation).decode


class CounterOwner:
    """Runs in a process of its own; owns the counters of the two events."""

    def __init__(self, database_url: str, quota: int) -> None:
        self._left = {wire.OPEN_EVENT: quota, wire.SOLD_OUT_EVENT: 0}
        statements = {"insert": postgres.INSERT + " RETURNING 1", "confirm": postgres.CONFIRM}
        self._connections = postgres.Connections(database_url, SCHEMA, POOL_CONNECTIONS, statements)

    async def open(self) -> None:
        await self._connections.open()
        memory.settle()

    async def hold(self, encoded: bytes) -> bool:
        reservation = _decode(encoded)
        event_id, quantity = reservation.event_id, reservation.lines[0].quantity
        if self._left.get(event_id, 0) < quantity:
            return False
        self._left[event_id] -= quantity
        try:
            await self._connections.fetchrow("insert", *postgres.hold_values(reservation))
        except Exception as error:
            if postgres.certainly_failed(error):
                self._left[event_id] += quantity
            raise
        return True

    async def confirm(self, reservation_id: str) -> bytes | None:
        row = await self._connections.fetchrow("confirm", reservation_id)
        return _encode(postgres.reservation_of(row)) if row else None

    async def pid(self) -> int:
        return os.getpid()

    async def ping(self, payload: bytes) -> bytes:
        return payload


class RayCall:
    def __init__(self, options: serving.Options) -> None:
        self._options = options
        self._owner: Any = None

    async def create(self) -> None:
        await postgres.create_schema(self._options.database_url, SCHEMA, [postgres.RESERVATIONS])

    async def open(self) -> None:
        join(self._options.ray_address)
        self._owner = owner_actor(ACTOR_NAME, self._options.database_url, self._options.quota)
        await self._owner.open.remote()

    async def hold(self, reservation: wire.Reservation) -> bool:
        return bool(await self._owner.hold.remote(_encode(reservation)))

    async def confirm(self, reservation_id: str) -> wire.Reservation | None:
        encoded = await self._owner.confirm.remote(reservation_id)
        return _decode(encoded) if encoded else None

    async def close(self) -> None:
        ray.shutdown()

    async def drop(self) -> None:
        await postgres.drop_schema(self._options.database_url, SCHEMA)


def join(address: str) -> None:
    """Always by address: without one Ray joins whatever cluster its temp folder names, alive or dead."""
    ray.init(address=address, namespace="peers", log_to_driver=False, configure_logging=False)


def owner_actor(name: str, database_url: str, quota: int) -> Any:
    actor = ray.remote(CounterOwner)
    options = {"name": name, "get_if_exists": True, "max_concurrency": CONCURRENT_CALLS_MAX, "num_cpus": 0}
    return actor.options(**options).remote(database_url, quota)


def bare_actor_pid(ray_address: str, name: str) -> int:
    """Join, and have an actor that does nothing. It ends with this driver."""
    join(ray_address)
    _kept.append(owner_actor(name, "", 0))
    return int(ray.get(_kept[-1].pid.remote()))


async def measure_call_p50_us(ray_address: str, calls: int) -> float:
    """Median microseconds of one call at a time to an asynchronous actor that returns its argument."""
    join(ray_address)
    try:
        actor = owner_actor("peer:ping", "", 0)
        payload = bytes(300)
        await actor.ping.remote(payload)
        times: list[float] = []
        for _ in range(calls):
            before = time.perf_counter()
            await actor.ping.remote(payload)
            times.append(time.perf_counter() - before)
        return statistics.median(times) * 1e6
    finally:
        await asyncio.to_thread(ray.shutdown)


if __name__ == "__main__":
    # By the module's own name, so that Ray sends the actor's class by reference and not by value.
    module = importlib.import_module("loadtest.peers.ray_call")
    serving.run("aiohttp and one Ray actor call per request.", module.RayCall)
