"""Measures the append: CPU microseconds per hold, in PostgreSQL's backend and in this process, apart.

`python -m tests.persistence.measure_append` starts a throw-away PostgreSQL as `turnstile serve` would (fsync
on), makes one event, and appends batches of holds, confirms and questions to it as an owner does. What it
prints goes into docs/benchmarks/append.md. The machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import random
import time
import uuid
from dataclasses import dataclass

import asyncpg
import msgspec
import psutil
import uvloop

from domain.event_messages import (
    EventDefinition,
    HoldPlaced,
    Line,
    Reservation,
    ReservationReply,
    Status,
    Terms,
    TicketType,
    TypeCounts,
)
from persistence.connection import Limits
from persistence.migrate import migrate
from persistence.postgres import PostgresOwnerStore
from persistence.store import Append, Claimed, Request, Stored
from tests.persistence.servers import throwaway_postgres

QUOTA = 10_000_000
CONTACT = b'{"name":"Ada Lovelace","email":"ada.lovelace@example.org"}'
NOW_MS = 1_800_000_000_000
encode = msgspec.msgpack.Encoder().encode


class MeasuredStore(PostgresOwnerStore):
    """Knows the process at the other end of its connection."""

    async def backend(self) -> psutil.Process:
        return psutil.Process((await self._link.fetch("SELECT pg_backend_pid()"))[0][0])


@dataclass
class Cost:
    """What a run took, per hold, in microseconds."""

    backend_user: float
    backend_system: float
    python: float
    elapsed: float


def new_id() -> str:
    """A UUIDv7: ids of one batch differ in their random part, as clients' do."""
    random_bits = random.getrandbits(12) << 64 | 2 << 62 | random.getrandbits(62)
    return str(uuid.UUID(int=(time.time_ns() // 1_000_000) << 80 | 7 << 76 | random_bits))


class Sale:
    """One event and the batches of its owner."""

    def __init__(self, claimed: Claimed, types: int, with_keys: bool) -> None:
        self.claimed = claimed
        self.seq = claimed.seq
        self.held = 0
        self.confirmed = 0
        self.types = types
        self.fingerprint = random.randbytes(32) if with_keys else b""
        self.unconfirmed: list[Reservation] = []

    def holds(self, size: int) -> Append:
        lines = (Line("GA", 1, 4500),)
        entry = self._entry()
        facts: list[object] = []
        for _ in range(size):
            customer = random.randbytes(16)
            row = Reservation(new_id(), Status.HELD, NOW_MS + 900_000, lines, customer, NOW_MS)
            entry.placed.append(Stored(row, CONTACT))
            facts.append(HoldPlaced(NOW_MS, row.id, customer, lines, row.expires_at_ms))
            self._record(entry, row)
            self.unconfirmed.append(row)
        self.held += size
        return self._finished(entry, facts)

    def confirms(self, size: int) -> Append:
        entry = self._entry()
        for row in self.unconfirmed[:size]:
            after = msgspec.structs.replace(row, status=Status.CONFIRMED)
            entry.changed.append(after)
            self._record(entry, after)
        del self.unconfirmed[:size]
        self.held, self.confirmed = self.held - size, self.confirmed + size
        return self._finished(entry, [row.id for row in entry.changed])

    def question(self, size: int) -> Append:
        return Append(self.claimed.inventory_id, "event", self.claimed.epoch, self.seq)

    def _entry(self) -> Append:
        claimed = self.claimed
        return Append(claimed.inventory_id, "event", claimed.epoch, self.seq, NOW_MS, next_due_ms=NOW_MS)

    def _record(self, entry: Append, row: Reservation) -> None:
        reply = encode(ReservationReply(row, "EUR", CONTACT))
        entry.requests.append(Request(random.randbytes(16), self.fingerprint, reply, NOW_MS + 86_400_000))

    def _finished(self, entry: Append, facts: list[object]) -> Append:
        entry.facts = encode(facts)
        entry.live = self.held + self.confirmed
        others = [TypeCounts(f"T{n}", QUOTA, 0, 0, QUOTA) for n in range(1, self.types)]
        entry.counts = (TypeCounts("GA", QUOTA, self.held, self.confirmed, 0), *others)
        self.seq += 1
        return entry


async def opened(store: PostgresOwnerStore, types: int, with_keys: bool) -> Sale:
    kinds = [TicketType("GA", "General", QUOTA, 4500)]
    kinds += [TicketType(f"T{n}", f"Type {n}", QUOTA, 4500) for n in range(1, types)]
    terms = Terms("On-sale", NOW_MS, "EUR", tuple(kinds))
    counts = tuple(TypeCounts(kind.code, QUOTA, 0, 0, QUOTA) for kind in kinds)
    entry = Append(new_id(), "event", 0, 0, NOW_MS, b"facts", counts=counts)
    entry.definition = EventDefinition(terms, 1, False)
    await store.create(entry, "event:x", "events")
    claimed = await store.claim(entry.inventory_id, "event:x")
    assert isinstance(claimed, Claimed)
    return Sale(claimed, types, with_keys)


async def measured(store: MeasuredStore, batches: list[list[Append]], commands: int) -> Cost:
    backend = await store.backend()
    before, cpu_s, started_s = backend.cpu_times(), time.process_time(), time.perf_counter()
    for batch in batches:
        assert len(await store.append(batch)) == len(batch)
    elapsed_s, cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_s
    after = backend.cpu_times()
    scale = 1e6 / commands
    return Cost(
        (after.user - before.user) * scale,
        (after.system - before.system) * scale,
        cpu_s * scale,
        elapsed_s * scale,
    )


async def main(
    database_url: str,
    sizes: list[int],
    commands: int,
    types: int,
    with_keys: bool,
    pooled: int,
    indexed: bool,
) -> None:
    await migrate(database_url)
    if indexed:
        connection = await asyncpg.connect(database_url)
        await connection.execute("CREATE INDEX ON reservations (customer)")
        await connection.close()
    store = MeasuredStore(database_url, limits=Limits())
    print(
        f"{'us a command':12} {'batch':>5} {'PostgreSQL user':>16} {'system':>7} {'Python':>7} {'elapsed':>8}"
    )
    sales = [await opened(store, types, with_keys) for _ in range(pooled)]
    for size in sizes:
        rounds = min(2_000, max(30, commands // size // pooled))
        for name in ("holds", "confirms", "question"):
            batches = [[getattr(sale, name)(max(1, size // pooled)) for sale in sales] for _ in range(rounds)]
            count = rounds * max(1, size // pooled) * pooled
            cost = await measured(store, batches, count)
            print(
                f"{name:12} {size:5} {cost.backend_user:16.1f} {cost.backend_system:7.1f} {cost.python:7.1f}"
                f" {cost.elapsed:8.1f}"
            )
    await store.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 16, 128, 256])
    parser.add_argument(
        "--commands", type=int, default=30_000, help="of each kind and size (default: %(default)s)"
    )
    parser.add_argument(
        "--types", type=int, default=1, help="ticket types of the event (default: %(default)s)"
    )
    parser.add_argument(
        "--pooled", type=int, default=1, help="events that share each batch (default: %(default)s)"
    )
    parser.add_argument("--without-keys", action="store_true", help="as without Idempotency-Key")
    parser.add_argument("--indexed", action="store_true", help="with an index over customers, to compare")
    given = parser.parse_args()
    with throwaway_postgres() as (url, _):
        uvloop.run(
            main(
                url,
                given.sizes,
                given.commands,
                given.types,
                not given.without_keys,
                given.pooled,
                given.indexed,
            )
        )
