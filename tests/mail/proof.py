"""The proof of the outbox: facts become mails while the news actor is killed again and again and the SMTP
server refuses half of what it is given.

    python -m tests.mail.proof --facts 10000 --kills 20

A throw-away PostgreSQL, the real news actor in a process that is killed with SIGKILL at moments that come
from the seed, a real SMTP server. At the end every buyer must have got their mail, under one Message-ID;
what came twice must be no more than the kills, and none without kills.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage

import asyncpg

from persistence.mail_list import PostgresMailList
from persistence.migrate import migrate
from persistence.postgres import PostgresOwnerStore
from tests.mail.buyers import addresses, sell_to
from tests.mail.servers import ACCEPTED, Inbox, smtp_server
from tests.persistence.sales import NOW_MS, Sale, terms
from tests.persistence.servers import throwaway_postgres

INVENTORIES = 20
STARTS_AT_MS = NOW_MS + 86_400_000 // 2
"""Within a day of the sale: no reminders."""
QUIET_S = 0.2
PATIENCE_S = 180.0
PATIENCE_S_PER_FACT = 0.2
UNSENT = "SELECT count(*) FROM outgoing_mails WHERE status = 'pending'"
BEHIND = """
SELECT count(*) FROM inventories i LEFT JOIN outbox_positions p ON p.inventory_id = i.id
 WHERE i.seq > coalesce(p.seq, 0)"""


@dataclass
class Verdict:
    facts: int
    kills: int
    seconds: float
    delivered: int = 0
    refusals: int = 0
    replayed: int = 0
    duplicates: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        said = (
            f"{self.facts} facts, {self.kills} kills, {self.seconds:.0f} s: {self.delivered} buyers have"
            f" their mail, {self.duplicates} came twice; {self.refusals} refusals, {self.replayed} dead"
            " ones replayed"
        )
        return "\n".join([said, *self.problems, "SOUND" if not self.problems else "NOT SOUND"])


class Killed:
    """The news actor's process, made again whenever it was killed."""

    def __init__(self, database_url: str, smtp_url: str) -> None:
        self._arguments = ("-m", "tests.mail.actor", database_url, smtp_url)
        self._process: asyncio.subprocess.Process | None = None
        self.kills = 0

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *self._arguments, stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert await self._process.stdout.readline()

    async def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await process.wait()

    async def kill_and_start(self) -> None:
        await self.kill()
        self.kills += 1
        await self.start()


@asynccontextmanager
async def running(database_url: str, smtp_url: str) -> AsyncIterator[Killed]:
    actor = Killed(database_url, smtp_url)
    await actor.start()
    try:
        yield actor
    finally:
        await actor.kill()


async def prove(database_url: str, facts: int, kills: int, seed: int) -> Verdict:
    """In an empty database."""
    dice = random.Random(seed)
    await migrate(database_url)
    buyers = addresses(facts)
    begun_s, replayed = time.monotonic(), 0
    with smtp_server() as (smtp_url, inbox):
        inbox.answer = lambda letter: ACCEPTED if dice.random() < 0.5 else "451 not now"
        async with running(database_url, smtp_url) as actor:
            # Whoever never gets there is judged by what has arrived.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S + facts * PATIENCE_S_PER_FACT):
                    selling = asyncio.create_task(_sell(database_url, buyers))
                    await _kill_now_and_then(actor, inbox, facts, kills, dice)
                    await selling
                    replayed = await _until_all_is_sent(database_url)
        verdict = Verdict(facts, actor.kills, time.monotonic() - begun_s, replayed=replayed)
        _judge(verdict, inbox, buyers)
    return verdict


async def _sell(database_url: str, buyers: list[str]) -> None:
    store = PostgresOwnerStore(database_url)
    of = terms(len(buyers), starts_at_ms=STARTS_AT_MS)
    sales = [await Sale.opened(store, of) for _ in range(INVENTORIES)]
    for at, sale in enumerate(sales):
        await sell_to(store, sale, buyers[at::INVENTORIES])
    await store.close()


async def _kill_now_and_then(
    actor: Killed, inbox: Inbox, facts: int, kills: int, dice: random.Random
) -> None:
    """After each part of the letters, and then a moment that nothing has to do with."""
    for number in range(1, kills + 1):
        while len(inbox.letters) < facts * number // (kills + 1):  # noqa: ASYNC110 - another thread's
            await asyncio.sleep(0.01)
        await asyncio.sleep(dice.random() * 0.05)
        await actor.kill_and_start()
        print(f"kill {number}: {len(inbox.letters)} letters", file=sys.stderr, flush=True)


async def _until_all_is_sent(database_url: str) -> int:
    """Replaying what is dead, as its operator would; how many that were."""
    mails = PostgresMailList(database_url)
    connection = await asyncpg.connect(database_url)
    replayed = 0
    try:
        while await connection.fetchval(UNSENT) or await connection.fetchval(BEHIND):
            await asyncio.sleep(QUIET_S)
            replayed += await mails.replay_all()
    finally:
        with contextlib.suppress(OSError):
            await connection.close()
        await mails.close()
    return replayed


def _judge(verdict: Verdict, inbox: Inbox, buyers: list[str]) -> None:
    got = inbox.ids_by_recipient()
    verdict.delivered = len(got)
    verdict.refusals = sum(inbox.tried.values()) - len(inbox.letters)
    verdict.duplicates = len(inbox.letters) - len(got)
    without = [buyer for buyer in buyers if buyer not in got]
    several = [buyer for buyer, ids in got.items() if len(ids) > 1]
    wrong = [letter for letter in inbox.letters if not _is_confirmation(letter)]
    if without:
        verdict.problems.append(f"{len(without)} got no mail: {without[:3]}")
    if several:
        verdict.problems.append(f"{len(several)} got theirs under two Message-IDs: {several[:3]}")
    if verdict.duplicates > verdict.kills:
        verdict.problems.append(f"{verdict.duplicates} came twice, after {verdict.kills} kills")
    if wrong or set(got) - set(buyers):
        verdict.problems.append("mails that nobody asked for")
    if verdict.refusals < verdict.facts // 4:
        verdict.problems.append(f"only {verdict.refusals} refusals: nothing was proved")


def _is_confirmation(letter: EmailMessage) -> bool:
    return str(letter["Subject"]).startswith("Confirmed")


def main() -> None:
    parser = argparse.ArgumentParser(description="The proof of the outbox.")
    parser.add_argument("--facts", type=int, default=10_000, help="confirmed reservations (10000)")
    parser.add_argument("--kills", type=int, default=20, help="of the news actor (20)")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the refusals and the moments of the kills (1)"
    )
    given = parser.parse_args()
    with throwaway_postgres() as (database_url, _):
        verdict = asyncio.run(prove(database_url, given.facts, given.kills, given.seed))
    print(verdict)
    sys.exit(bool(verdict.problems))


if __name__ == "__main__":
    main()
