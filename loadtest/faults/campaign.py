"""A campaign: group after group of one kind of fault, under load, and an audit after each group."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from loadtest.auditor.audit import Auditor, Records
from loadtest.auditor.database import Database
from loadtest.auditor.verdict import Verdict
from loadtest.endpoints import find_server
from loadtest.faults.kinds import BETWEEN_STRIKES_S, Kind, Struck, strike
from loadtest.faults.stage import HOLD_DURATION_S, Stage, staged, until
from loadtest.record import read_records
from loadtest.statistics import record_statistics

WARM_WITHIN_S = 60.0
WARM_EFFECTS = 30
HOLDS_END_WITHIN_S = 2 * HOLD_DURATION_S + 10.0
POLL_S = 0.5

Show = Callable[[str], None]


class Group(msgspec.Struct):
    """What came of one kind of fault."""

    kind: str
    title: str
    struck: list[Struck]
    verdict: Verdict
    acknowledged: int
    """Effects that clients were told of while it lasted."""
    gap_max_allowed_s: float | None = None

    @property
    def gaps_s(self) -> list[float]:
        return [one.gap_s for one in self.struck]

    @property
    def median_gap_s(self) -> float:
        return statistics.median(self.gaps_s)

    @property
    def longest_gap_s(self) -> float:
        return max(self.gaps_s)

    @property
    def in_time(self) -> bool:
        return self.gap_max_allowed_s is None or self.longest_gap_s <= self.gap_max_allowed_s

    @property
    def sound(self) -> bool:
        return self.verdict.sound and self.in_time


def play(data: Path, records: Path, kind: Kind, count: int, clients: int, seed: int, show: Show) -> Group:
    """One group against the server on this data folder, then its audit."""
    struck, acknowledged = asyncio.run(strikes(data, records, [kind] * count, clients, seed, show))
    show(f"{kind.title}: waiting for the last holds to end, then auditing")
    verdict = audit(data, records)
    return Group(kind.name, kind.title, struck, verdict, acknowledged, kind.gap_max_s)


async def strikes(
    data: Path, records: Path, kinds: Sequence[Kind], clients: int, seed: int, show: Show
) -> tuple[list[Struck], int]:
    """One fault after the other under one load; what they did, and how many effects were acknowledged."""
    rng = random.Random(f"{seed} {kinds[0].name}")
    struck: list[Struck] = []
    async with staged(data, records, clients, seed) as stage:
        await until(lambda: _warm(stage), WARM_WITHIN_S, f"{WARM_EFFECTS} effects on each event")
        for number, kind in enumerate(kinds):
            await asyncio.sleep(rng.uniform(0.5, 1.5) * BETWEEN_STRIKES_S)
            struck.append(await strike(stage, kind, rng))
            show(f"{kind.title}, {number + 1} of {len(kinds)}: {struck[-1].gap_s:.2f} s without a success")
            if failure := stage.clients.failure():
                raise failure
    return struck, sum(len(times) for times in stage.clients.successes.values())


def _warm(stage: Stage) -> bool:
    """Every sale has owners and clients at it."""
    return all(len(stage.clients.successes[sale.event]) >= WARM_EFFECTS for sale in stage.sales)


def audit(data: Path, records: Path) -> Verdict:
    """When the holds that clients walked away from have had their time to end."""
    found = Records(read_records(records))
    server = find_server(data)
    url = server.database_url
    ending = [sale.event for sale in found.sales.values() if not sale.witnessed]
    limit_s = time.monotonic() + HOLDS_END_WITHIN_S
    with Database(url) as database:
        while any(database.still_held(event) for event in ending) and time.monotonic() < limit_s:
            time.sleep(POLL_S)
        record_statistics(server, found.sales, found.dinings, records)
        found = Records(read_records(records))
        return Auditor(database, found, database.clock_ahead_ms()).run(found.sales)
