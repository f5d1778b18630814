"""One connection to PostgreSQL that is opened when needed and never fails in a way of asyncpg's own.

What can go wrong becomes one of three things (`persistence.store`): `Unreachable` (no connection could be
made: certainly not done), `OutcomeUnknown` (it broke, ran out of time, or the server had trouble of its own
while the statement was under way) and `Refused` (the statement itself was at fault: certainly not done).
After anything but `Refused` the connection is thrown away, and the next call makes a new one.

A server that is frozen, not dead, must not hold anybody for ever: every wait has a bound, on this side
(`connect_timeout_s`, `command_timeout_s`, `close_timeout_s`) and on the server's, where a statement, an idle
transaction and a client that has gone silently all end by themselves and give up their locks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg

from persistence.store import OutcomeUnknown, Overloaded, Refused, StoreError, Unreachable

Result = TypeVar("Result")
Connection = Any
"""An asyncpg connection; the library brings no types."""
Row = Any
"""An asyncpg record."""

STATEMENT_FAULTS = frozenset({"0A", "21", "22", "23", "42", "44", "54", "P0"})
"""SQLSTATE classes that blame the statement or its data. All others (no disk, shutdown, cancelled, deadlock)
say nothing about what was to be stored: the same statement may well pass a moment later."""


@dataclass(frozen=True)
class Limits:
    """How long a connection waits, for what. The server's own limits lie below this side's."""

    connect_timeout_s: float = 3.0
    command_timeout_s: float = 8.0
    statement_timeout_s: float = 5.0
    close_timeout_s: float = 1.0
    reconnect_pause_max_s: float = 1.0

    def server_settings(self, name: str) -> dict[str, str]:
        """Session settings. Plans are made once and use indexes, whatever statistics said at that moment."""
        return {
            "application_name": name[:63],
            "statement_timeout": _ms(self.statement_timeout_s),
            "idle_in_transaction_session_timeout": _ms(self.statement_timeout_s),
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
            "tcp_user_timeout": _ms(2 * self.statement_timeout_s),
            "synchronous_commit": "on",
            "plan_cache_mode": "force_generic_plan",
            "enable_seqscan": "off",
            "enable_mergejoin": "off",
            "jit": "off",
        }


@dataclass(frozen=True)
class QueueLimits:
    """How many statements wait for one of a few connections, and how long. A server that is slow or frozen
    would else be asked for what nobody waits for any more."""

    waiting_max_statements: int
    turn_timeout_s: float


class Link:
    """One connection, one statement at a time, first come first served."""

    def __init__(self, database_url: str, name: str, limits: Limits) -> None:
        self._database_url = database_url
        self._name = name
        self._limits = limits
        self._turn = asyncio.Lock()
        self._connection: Connection | None = None
        self._failures = 0
        self._retry_not_before_s = 0.0

    async def fetch(self, sql: str, *values: object) -> list[Row]:
        """The statement's rows. asyncpg keeps it prepared."""
        return await self.run(lambda connection: connection.fetch(sql, *values))

    async def run(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Do `work` with the connection to itself, and put its errors into our words."""
        async with self._turn:
            connection = self._connection
            if connection is None or connection.is_closed():
                connection = await self._open()
            try:
                return await work(connection)
            except asyncio.CancelledError:
                self._drop()
                raise
            except Exception as error:
                explained = explain(error)
                if not isinstance(explained, Refused):
                    self._drop()
                raise explained from error

    async def close(self) -> None:
        """Say goodbye; cut the line if the other side does not answer."""
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed():
            return
        try:
            await connection.close(timeout=self._limits.close_timeout_s)
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()

    async def _open(self) -> Connection:
        pause_s = self._retry_not_before_s - time.monotonic()
        if pause_s > 0:
            await asyncio.sleep(pause_s)
        try:
            connection = await connect(self._database_url, self._name, self._limits)
        except Unreachable:
            self._failures += 1
            pause_max_s = min(0.05 * 2**self._failures, self._limits.reconnect_pause_max_s)
            self._retry_not_before_s = time.monotonic() + pause_max_s
            raise
        self._failures = 0
        self._connection = connection
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


class Links:
    """A few connections, shared: each statement takes one that is free, the last used first.

    With a `queue` those that wait are bounded: beyond its length `Overloaded`, beyond its time `Unreachable`.
    """

    def __init__(
        self,
        database_url: str,
        name: str,
        limits: Limits,
        connections_max: int,
        queue: QueueLimits | None = None,
    ) -> None:
        self._free = [Link(database_url, name, limits) for _ in range(connections_max)]
        self._all = list(self._free)
        self._turn = asyncio.Semaphore(connections_max)
        self._queue = queue
        self._waiting = 0

    async def fetch(self, sql: str, *values: object) -> list[Row]:
        return await self.run(lambda connection: connection.fetch(sql, *values))

    async def answer(self, within_s: float, sql: str, *values: object) -> list[Row]:
        """`fetch`; `OutcomeUnknown` if that has taken longer, the wait for a connection included."""
        return await in_time(within_s, self.fetch(sql, *values))

    async def execute(self, script: str) -> None:
        """Statements without values or rows, in one transaction unless they say otherwise."""
        await self.run(lambda connection: connection.execute(script))

    async def run(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """See `Link.run`."""
        await self._wait_for_turn()
        try:
            link = self._free.pop()
            try:
                return await link.run(work)
            finally:
                self._free.append(link)
        finally:
            self._turn.release()

    async def close(self) -> None:
        await asyncio.gather(*(link.close() for link in self._all))

    async def _wait_for_turn(self) -> None:
        if self._queue is None or not self._turn.locked():
            await self._turn.acquire()
            return
        if self._waiting >= self._queue.waiting_max_statements:
            raise Overloaded("too much waits for PostgreSQL")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._queue.turn_timeout_s):
                await self._turn.acquire()
        except TimeoutError:
            raise Unreachable("PostgreSQL is too slow: no connection came free in time") from None
        finally:
            self._waiting -= 1


async def in_time(within_s: float, work: Awaitable[Result]) -> Result:
    """What it answers; `OutcomeUnknown` if it has taken longer."""
    try:
        async with asyncio.timeout(within_s):
            return await work
    except TimeoutError:
        raise OutcomeUnknown("PostgreSQL did not answer in time") from None


async def connect(database_url: str, name: str, limits: Limits) -> Connection:
    """A connection with the session's limits. Raises Unreachable."""
    try:
        return await asyncpg.connect(
            database_url,
            timeout=limits.connect_timeout_s,
            command_timeout=limits.command_timeout_s,
            max_cached_statement_lifetime=0,
            server_settings=limits.server_settings(name),
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unreachable(f"PostgreSQL cannot be reached: {error!r}") from error


def explain(error: Exception) -> StoreError:
    """What an error of a statement under way means, in words that repeat none of the stored values."""
    if not isinstance(error, asyncpg.PostgresError):
        return OutcomeUnknown(f"{type(error).__name__}: {error}")
    said = f"{error.sqlstate} {getattr(error, 'message', None) or type(error).__name__}"
    if str(error.sqlstate)[:2] in STATEMENT_FAULTS:
        return Refused(said, getattr(error, "constraint_name", None))
    return OutcomeUnknown(said)


def _ms(seconds: float) -> str:
    return str(int(seconds * 1000))
