"""The proof of webhooks: facts are told to three receivers while what sends them is killed again and again.

    python -m tests.webhooks.proof --reservations 1000 --kills 20

One receiver is well, one refuses half, one is slow. A throw-away PostgreSQL, the real news actor in a process
that is killed with SIGKILL at moments that come from the seed. At the end each receiver must have every fact,
those of each reservation in order, and what came twice under one id.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable
from dataclasses import dataclass, field

import asyncpg
from aiohttp import web
from msgspec.structs import replace

from domain.event_messages import CancelReservation, EventCommand, Terms
from persistence.endpoints import PostgresEndpoints
from persistence.migrate import migrate
from persistence.postgres import PostgresOwnerStore
from tests.mail.buyers import addresses, bought
from tests.mail.proof import BEHIND, running
from tests.mail.servers import free_port
from tests.persistence.sales import NOW_MS, Sale, terms
from tests.persistence.servers import throwaway_postgres
from tests.webhooks.receiver import Receipt, Receiver, after, receiving, registered

INVENTORIES = 5
FACTS_OF_RESERVATION = 3
BATCH_RESERVATIONS = 20
WELL, HALF, SLOW = "/well", "/half", "/slow"
SLOW_S = 0.05
PATIENCE_S, PATIENCE_S_PER_RESERVATION = 180.0, 0.3
TOLD = """
SELECT d.id::text, e.url FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id"""
UNTOLD = "SELECT count(*) FROM webhook_deliveries WHERE status <> 'delivered'"


@dataclass
class Verdict:
    reservations: int
    kills: int
    seconds: float
    facts: int = 0
    receipts: int = 0
    refusals: int = 0
    duplicates: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        said = (
            f"{self.reservations} reservations, {self.facts} facts for 3 receivers, {self.kills} kills,"
            f" {self.seconds:.0f} s: {self.receipts} receipts, {self.refusals} refused, {self.duplicates}"
            " came again after a 200"
        )
        return "\n".join([said, *self.problems, "SOUND" if not self.problems else "NOT SOUND"])


async def prove(database_url: str, reservations: int, kills: int, seed: int) -> Verdict:
    """In an empty database."""
    dice = random.Random(seed)
    await migrate(database_url)
    begun_s = time.monotonic()
    async with receiving() as receiver:
        receiver.answers[HALF] = lambda _: 200 if dice.random() < 0.5 else 503
        receiver.answers[SLOW] = _slowly
        endpoints = PostgresEndpoints(database_url)
        for path in (WELL, HALF, SLOW):
            await registered(endpoints, receiver.url + path)
        await endpoints.close()
        async with running(database_url, f"smtp://127.0.0.1:{free_port()}") as actor:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S + reservations * PATIENCE_S_PER_RESERVATION):
                    selling = asyncio.create_task(_sell(database_url, reservations))
                    for number in range(1, kills + 1):
                        wanted = 3 * FACTS_OF_RESERVATION * reservations * number // (kills + 1)
                        while len(receiver.receipts) < wanted:  # noqa: ASYNC110 - others fill it
                            await asyncio.sleep(0.01)
                        await asyncio.sleep(dice.random() * 0.05)
                        await actor.kill_and_start()
                    await selling
                    await _until_all_is_told(database_url)
            verdict = Verdict(reservations, actor.kills, time.monotonic() - begun_s)
        await _judge(verdict, receiver, database_url)
    return verdict


def _slowly(_: Receipt) -> Awaitable[web.StreamResponse]:
    return after(SLOW_S)


async def _sell(database_url: str, reservations: int) -> None:
    store = PostgresOwnerStore(database_url)
    sales = [await Sale.opened(store, _terms(reservations)) for _ in range(INVENTORIES)]
    for at in range(0, reservations, BATCH_RESERVATIONS):
        sale = sales[at // BATCH_RESERVATIONS % INVENTORIES]
        made: list[str] = []
        commands: list[EventCommand] = []
        for address in addresses(min(BATCH_RESERVATIONS, reservations - at)):
            reservation_id, some = bought(sale, address)
            made.append(reservation_id)
            commands += some
        sale.now_ms += 1
        assert await sale.append(store, sale.decided(*commands))
        assert await sale.append(store, sale.decided(*map(CancelReservation, made)))
    await store.close()


def _terms(reservations: int) -> Terms:
    starts_at_ms = NOW_MS + 86_400_000 // 2
    return replace(terms(reservations, starts_at_ms=starts_at_ms), cancel_until_ms=starts_at_ms)


async def _until_all_is_told(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        while await connection.fetchval(UNTOLD) or await connection.fetchval(BEHIND):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def _judge(verdict: Verdict, receiver: Receiver, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch(TOLD)
    appends = await connection.fetchval("SELECT sum(seq) FROM inventories")
    await connection.close()
    verdict.facts, verdict.receipts = len(rows) // 3, len(receiver.receipts)
    verdict.refusals = sum(one.answer == 503 for one in receiver.receipts)
    if verdict.facts < FACTS_OF_RESERVATION * verdict.reservations:
        verdict.problems.append(f"only {verdict.facts} facts were to be told, of {appends} appends")
    for path in (WELL, HALF, SLOW):
        _judge_one(verdict, path, receiver.at(path), {row["id"] for row in rows if row["url"].endswith(path)})
    if verdict.refusals < verdict.facts // 4:
        verdict.problems.append(f"only {verdict.refusals} refusals: nothing was proved")


def _judge_one(verdict: Verdict, path: str, receipts: list[Receipt], wanted: set[str]) -> None:
    taken = [one.id for one in receipts if one.answer == 200]
    verdict.duplicates += len(taken) - len(set(taken))
    if missing := wanted - set(taken):
        verdict.problems.append(f"{path} never got {len(missing)}")
    if set(taken) - wanted:
        verdict.problems.append(f"{path} got what nobody asked for")
    last: dict[str, tuple[int, int]] = {}
    ids: dict[tuple[str, tuple[int, int]], set[str]] = defaultdict(set)
    for one in receipts:
        if one.place < last.get(one.about, (0, 0)):
            verdict.problems.append(f"{path}: {one.about} {one.place} after {last[one.about]}")
        last[one.about] = one.place
        ids[one.about, one.place].add(one.id)
    if any(len(several) > 1 for several in ids.values()):
        verdict.problems.append(f"{path}: one fact under two ids")


def main() -> None:
    parser = argparse.ArgumentParser(description="The proof of webhooks.")
    parser.add_argument("--reservations", type=int, default=1_000, help="of three facts each (1000)")
    parser.add_argument("--kills", type=int, default=20, help="of the news actor (20)")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the refusals and the moments of the kills (1)"
    )
    given = parser.parse_args()
    with throwaway_postgres() as (database_url, _):
        verdict = asyncio.run(prove(database_url, given.reservations, given.kills, given.seed))
    print(verdict)
    sys.exit(bool(verdict.problems))


if __name__ == "__main__":
    main()
