"""Both stores behind one face: their clients, clients on a bad line, and what an auditor sees."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, fields
from typing import Any, Protocol
from urllib.parse import urlsplit

import asyncpg

from domain.event_messages import Status, TypeCounts
from domain.kinds import AnyReservation
from domain.seat_plan import Layout, Plan
from persistence.connection import Limits
from persistence.directory import PostgresDirectory
from persistence.memory import CommitsLate, MemoryDatabase, Stage
from persistence.plans import encoded_plan
from persistence.postgres import PostgresOwnerStore
from persistence.rows import TICKET_COLUMNS, encoded_what, ticket_of, types_of
from persistence.store import Append, Directory, OutcomeUnknown, OwnerStore, StoredTicket
from tests.persistence.sales import NOW_MS
from tests.tools.tcp_proxy import TcpProxy, tcp_proxy

IMPATIENT = Limits(command_timeout_s=1.5, connect_timeout_s=10.0, close_timeout_s=0.4)
GONE_TIMEOUT_S = 10.0
WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"""
GoOn = Callable[[], Awaitable[None]]
_numbers = itertools.count(1)


@dataclass
class Rows:
    """Everything that is stored of one inventory, in plain values. `available` of a count is 0: derived."""

    owner: str
    epoch: int
    seq: int
    live: int
    live_reservations: int
    capacity: int | None
    next_due_ms: int | None
    last_fact_ms: int
    counts: tuple[TypeCounts, ...]
    reservations: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """(status, live, expires_ms, lines, customer, created_ms, extensions, contact, payment, hold's end,
    what is kept) by id."""
    paid_ends: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Payment, and what is kept of it, by reservation, of what was paid for and is cancelled."""
    seats: dict[int, str] = field(default_factory=dict)
    """Reservation by seat."""
    tickets: dict[tuple[str, int], StoredTicket] = field(default_factory=dict)
    journal: list[tuple[int, int, bytes]] = field(default_factory=list)
    """(seq, at_ms, facts)."""


class BadLine(Protocol):
    """A client whose line to the store can fail. Each of these holds for its next operation only."""

    store: OwnerStore

    def hold_back(self) -> None:
        """It is on its way until `deliver`; its sender hears OutcomeUnknown."""

    async def deliver(self) -> None:
        """It arrives, and has had its effect, or none, when this returns."""

    def lose_question(self) -> None:
        """It never arrives."""

    def lose_answer(self) -> None:
        """It is done, but nobody hears of it."""


class World(Protocol):
    """One database."""

    def store(self) -> OwnerStore: ...

    def directory(self) -> Directory: ...

    async def bad_line(self) -> BadLine: ...

    async def blocked_append(self, entry: Append) -> tuple[asyncio.Task[set[str]], GoOn]:
        """An append under way, which has its fence's lock and keeps it until it is told to go on."""

    async def rows(self, inventory_id: str) -> Rows: ...

    async def keep_plan(self, plan_id: str, plan: Plan) -> None:
        """Events may have its seats."""


# --- memory ---------------------------------------------------------------------------------------


class MemoryWorld:
    def __init__(self) -> None:
        self.database = MemoryDatabase(lambda: NOW_MS)

    def store(self) -> OwnerStore:
        return self.database.session()

    def directory(self) -> Directory:
        return self.database.session()

    async def bad_line(self) -> BadLine:
        return MemoryBadLine(self.database)

    async def blocked_append(self, entry: Append) -> tuple[asyncio.Task[set[str]], GoOn]:
        locked, goes_on = asyncio.Event(), asyncio.Event()

        async def fault(operation: str, stage: Stage) -> None:
            if stage == "during":
                locked.set()
                await goes_on.wait()

        async def go_on() -> None:
            goes_on.set()

        task = asyncio.create_task(self.database.session(fault).append([entry]))
        await locked.wait()
        return task, go_on

    async def rows(self, inventory_id: str) -> Rows:
        row = self.database.inventory(inventory_id)
        assert row is not None
        counts = tuple(
            TypeCounts(one.code, one.quota, one.held, one.confirmed, 0, one.seats_left) for one in row.counts
        )
        capacity = row.definition.capacity
        rows = Rows(
            row.owner,
            row.epoch,
            row.seq,
            row.live,
            row.live_reservations,
            capacity,
            row.next_due_ms,
            row.last_fact_ms,
            counts,
        )
        for stored in row.reservations.values():
            found = stored.reservation
            rows.reservations[found.id] = (
                found.status,
                found.status.live,
                found.expires_at_ms,
                encoded_what(found),
                found.customer,
                found.created_at_ms,
                found.extensions,
                stored.contact,
                *paid_by(found),
            )
        rows.seats, rows.tickets = dict(row.seats), dict(row.tickets)
        rows.paid_ends = {
            reservation_id: (payment_id, kept)
            for (reservation_id, payment_id), kept in self.database.tables.paid_ends.items()
            if reservation_id in row.reservations
        }
        rows.journal = [(one.seq, one.at_ms, one.facts) for one in row.journal]
        return rows

    async def keep_plan(self, plan_id: str, plan: Plan) -> None:
        self.database.plans[plan_id] = plan


def paid_by(found: AnyReservation) -> tuple[str | None, int | None, int | None]:
    mark = found.paid_by
    return (None, None, None) if mark is None else (mark.payment_id, mark.hold_ends_ms, mark.kept or None)


class MemoryBadLine:
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._arrives = asyncio.Event()
        self._next: tuple[Stage, Exception] | None = None
        self.store: OwnerStore = database.session(self._fault)

    def hold_back(self) -> None:
        async def wait() -> None:
            await self._arrives.wait()

        self._next = "before", CommitsLate(wait)

    async def deliver(self) -> None:
        self._arrives.set()
        await asyncio.gather(*self._database.late)

    def lose_question(self) -> None:
        self._next = "before", OutcomeUnknown("lost")

    def lose_answer(self) -> None:
        self._next = "after", OutcomeUnknown("lost")

    async def _fault(self, operation: str, stage: Stage) -> None:
        if self._next is not None and self._next[0] == stage:
            error, self._next = self._next[1], None
            raise error


# --- PostgreSQL -----------------------------------------------------------------------------------


class PostgresWorld:
    def __init__(self, database_url: str) -> None:
        self.url = database_url
        self._opened = AsyncExitStack()

    def store(self, url: str | None = None, name: str = "test", limits: Limits | None = None) -> OwnerStore:
        store = PostgresOwnerStore(url or self.url, name, limits)
        self._opened.push_async_callback(store.close)
        return store

    def directory(self) -> Directory:
        directory = PostgresDirectory(self.url)
        self._opened.push_async_callback(directory.close)
        return directory

    async def bad_line(self) -> BadLine:
        address = urlsplit(self.url)
        assert address.hostname is not None
        assert address.port is not None
        proxy = await self._opened.enter_async_context(tcp_proxy(address.hostname, address.port))
        login = address.netloc.rpartition("@")[0]
        url = address._replace(netloc=f"{login}@127.0.0.1:{proxy.port}").geturl()
        name = f"bad line {next(_numbers)}"
        return PostgresBadLine(self, self.store(url, name, IMPATIENT), name, proxy)

    async def blocked_append(self, entry: Append) -> tuple[asyncio.Task[set[str]], GoOn]:
        """Somebody has written its request already but not committed: the append waits, with its locks."""
        other = await self.connection()
        await other.execute("BEGIN")
        await other.execute(
            "INSERT INTO requests VALUES ($1, $2, '', '', 0)",
            entry.requests[0].request_id,
            entry.inventory_id,
        )
        task = asyncio.create_task(self.store().append([entry]))
        await self.until("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")

        async def go_on() -> None:
            await other.execute("ROLLBACK")

        return task, go_on

    async def rows(self, inventory_id: str) -> Rows:
        connection = await self.connection()
        row = await connection.fetchrow("SELECT * FROM inventories WHERE id = $1", inventory_id)
        types = await connection.fetch(
            "SELECT json_agg(json_build_array(code, name, quota, price, max_per_order, held, confirmed,"
            " categories, seats_left) ORDER BY position) FROM ticket_types WHERE inventory_id = $1",
            inventory_id,
        )
        counts = tuple(
            TypeCounts(one.code, one.quota, one.held, one.confirmed, 0, one.seats_left)
            for one in types_of(types[0][0])
        )
        names = {field.name for field in fields(Rows)} & {*row.keys()}
        rows = Rows(**{name: row[name] for name in names}, counts=counts)
        for one in await connection.fetch(
            "SELECT id::text, status, live, expires_ms, lines, customer, created_ms, extensions, contact,"
            " payment_id::text, hold_ends_ms, kept FROM reservations WHERE inventory_id = $1",
            inventory_id,
        ):
            reservation_id, status, live, expires_ms, lines, *others = one
            rows.reservations[reservation_id] = (
                Status(status),
                live,
                expires_ms,
                lines,
                *others,
            )
        seats = "SELECT seat, reservation_id::text FROM live_seats WHERE inventory_id = $1"
        rows.seats = dict(await connection.fetch(seats, inventory_id))
        tickets = "SELECT " + ", ".join(TICKET_COLUMNS) + " FROM tickets WHERE inventory_id = $1"
        found = map(ticket_of, await connection.fetch(tickets, inventory_id))
        rows.tickets = {(ticket.reservation_id, ticket.number): ticket for ticket in found}
        ended = (
            "SELECT e.reservation_id::text, e.payment_id::text, e.kept FROM paid_ends e"
            " JOIN reservations r ON r.id = e.reservation_id WHERE r.inventory_id = $1"
        )
        rows.paid_ends = {id_: (of, kept) for id_, of, kept in await connection.fetch(ended, inventory_id)}
        rows.journal = [
            tuple(one)
            for one in await connection.fetch(
                "SELECT seq, at_ms, facts FROM journal WHERE inventory_id = $1 ORDER BY seq", inventory_id
            )
        ]
        return rows

    async def keep_plan(self, plan_id: str, plan: Plan) -> None:
        connection = await self.connection()
        await connection.execute(
            "INSERT INTO plans (id, venue_id, number, seats, categories, plan, created_ms)"
            " VALUES ($1, $1, 1, $2, '{}', $3, 0)",
            plan_id,
            Layout(plan).size,
            encoded_plan(plan),
        )

    async def connection(self) -> Any:
        """To look, and to be in the way."""
        connection = await asyncpg.connect(self.url)
        self._opened.push_async_callback(connection.close)
        return connection

    async def until(self, condition: str, *values: object) -> None:
        """Ask until there is a row."""
        connection = await self.connection()
        async with asyncio.timeout(GONE_TIMEOUT_S):
            while not await connection.fetch(condition, *values):  # noqa: ASYNC110 - it is in another process
                await asyncio.sleep(0.005)

    async def close(self) -> None:
        await self._opened.aclose()


class PostgresBadLine:
    def __init__(self, world: PostgresWorld, store: OwnerStore, name: str, proxy: TcpProxy) -> None:
        self._world = world
        self._name = f"turnstile {name}"
        self._proxy = proxy
        self._cuts: asyncio.TimerHandle | None = None
        self.store = store

    def hold_back(self) -> None:
        self._proxy.freeze(to_client=False)

    async def deliver(self) -> None:
        self._proxy.thaw()
        await self._world.until(
            "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1)", self._name
        )

    def lose_question(self) -> None:
        """What the proxy holds back when it cuts is gone."""
        self._proxy.freeze()
        asyncio.get_running_loop().call_later(0.1, self._cut)

    def lose_answer(self) -> None:
        self._proxy.freeze(to_server=False)
        asyncio.get_running_loop().call_later(0.1, self._cut)

    def _cut(self) -> None:
        self._proxy.cut()
        self._proxy.thaw()
