"""Purchases: signed-in buyers hold a ticket, pay for it from their wallets, and hear that it is confirmed.

Each of so many connections goes that way again and again; a purchase takes two requests where the payment
is captured within the ten seconds that the second one would wait. Afterwards the books are read: what wallets
lost is what was sold.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import msgspec

from loadtest.auditor.audit import Auditor, Records
from loadtest.auditor.database import Database
from loadtest.bench import api, children, stack, targets, wrk
from loadtest.bench.cpu import Meter
from loadtest.bench.groups import GENERATOR, TURNSTILE_GROUPS, Roots, peer_front_end
from loadtest.bench.plan import ECHO
from loadtest.bench.seated import operator
from loadtest.bench.signed_in import tokens
from loadtest.bench.stack import Stack
from loadtest.peers import wire

SCRIPT = Path(__file__).with_name("lua") / "purchases.lua"
BUYERS = 256
QUOTA = 10_000_000
FILLED_MINOR_UNITS = 1_000_000_000_000
GRACE_S = 30
WARMUP_S = 4
ENDED_TIMEOUT_S = 60.0
LOOK_EVERY_S = 0.2
GOAL_PER_S = 1_000

Show = Callable[[str], None]


class Bought(msgspec.Struct, frozen=True):
    """What one run of wrk saw. `unpaid`: payments that failed; `looked`: how often one was still pending
    after a wait; `failed`: requests without a reply. Percentiles are of whole purchases."""

    duration_us: int
    bought: int
    unpaid: int
    looked: int
    refused: int
    failed: int
    p50_ms: int
    p99_ms: int


def measure(connections: tuple[int, ...], seconds: int, rounds: int, show: Show) -> None:
    """Shows each round, echo of the same moment beside it, and what the audit found."""
    wrk.executable()
    show("starting the server")
    with stack.temporary_folder() as folder, stack.started(1, {}) as server:
        buyers = folder / "buyers"
        names = [str(uuid4()) for _ in range(BUYERS)]
        buyers.write_text("\n".join(asyncio.run(tokens(server.database_url, names, role="customer"))) + "\n")
        for name in names:
            fill(server, name)
        event_id = event(server)
        path = f"/api/v1/events/{event_id}/reservations"
        with targets.started(server, (ECHO,), 1, folder) as peers:
            roots = Roots(os.getpid(), server.pid, peers.peers, str(server.folder))
            run(server, buyers, path, connections[0], WARMUP_S)
            for number in range(rounds * len(connections)):
                wide = connections[number % len(connections)]
                with Meter(roots) as meter:
                    found = run(server, buyers, path, wide, seconds)
                show(said(found, wide, meter))
                show(echo(peers.targets[ECHO], roots, wide, seconds))
        asyncio.run(all_ended(server.database_url))
        show(f"audit: {audited(server, event_id)}")


def run(server: Stack, buyers: Path, path: str, connections: int, seconds: int) -> Bought:
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", str(SCRIPT)]
    command = [wrk.executable(), *options, server.http, "--", str(buyers), path, wire.TICKET_TYPE]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE_S, check=False)
    for line in ended.stdout.splitlines():
        if line.startswith("RESULT "):
            found = msgspec.json.decode(line.removeprefix("RESULT "), type=Bought)
            if not found.bought:
                raise wrk.WrkFailed(f"nothing was bought: {ended.stdout[-500:]}")
            return found
    raise wrk.WrkFailed(f"wrk gave no result: {(ended.stdout + ended.stderr)[-500:]}")


def said(found: Bought, connections: int, meter: Meter) -> str:
    each = meter.spent.per_request_us(found.bought)
    parts = ", ".join(f"{name} {each.get(name, 0):.0f}" for name in TURNSTILE_GROUPS)
    total = sum(each.get(name, 0.0) for name in TURNSTILE_GROUPS)
    wrong = {"unpaid": found.unpaid, "refused": found.refused, "without a reply": found.failed}
    trouble = "".join(f"; {count} {name}" for name, count in wrong.items() if count)
    return (
        f"{connections} connections: {found.bought * 1e6 / found.duration_us:,.0f} purchases/s (goal"
        f" {GOAL_PER_S:,}), p50 {found.p50_ms} ms, p99 {found.p99_ms} ms, pending after a wait {found.looked}"
        f"{trouble}; us of CPU a purchase: {total:.0f} ({parts}); generator {each.get(GENERATOR, 0):.0f}"
    )


def echo(target: targets.Target, roots: Roots, connections: int, seconds: int) -> str:
    """What the machine is worth at this moment."""
    with Meter(roots) as meter:
        found = wrk.run(target.url, target.path("hold"), "hold", wire.TICKET_TYPE, connections, seconds)
    each = meter.spent.per_request_us(found.requests).get(peer_front_end(ECHO), 0.0)
    return f"  bare echo beside it: {found.requests / found.seconds:,.0f}/s, {each:.0f} us of CPU a request"


def fill(server: Stack, wallet: str) -> None:
    money = {"amount": FILLED_MINOR_UNITS, "currency": wire.CURRENCY}
    body = {"amount": money, "direction": "in", "reason": "Benchmark"}
    api.request(server, f"/wallets/{wallet}/adjustments", body, operator(server))


def event(server: Stack) -> str:
    """On sale for money only."""
    price = {"amount": wire.PRICE_MINOR_UNITS, "currency": wire.CURRENCY}
    body = {
        "name": "Benchmark",
        "starts_at": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
        "placement": "dedicated",
        "payment": "required",
        "ticket_types": [
            {"code": wire.TICKET_TYPE, "name": "General admission", "quota": QUOTA, "price": price}
        ],
    }
    event_id = str(api.request(server, "/events", body, operator(server))["id"])
    api.hold(server, event_id)  # its owner is a new process, which takes a moment to start
    return event_id


async def all_ended(database_url: str) -> None:
    """What the end of a run cut off is seen through too. Raises where it is not."""
    connection = await asyncpg.connect(database_url)
    try:
        deadline_s = time.monotonic() + ENDED_TIMEOUT_S
        while await connection.fetchval("SELECT count(*) FROM payments WHERE wake_ms IS NOT NULL"):
            if time.monotonic() > deadline_s:
                raise children.DidNotStart("payments are still under way a minute after the run")
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        await connection.close()


def audited(server: Stack, event_id: str) -> str:
    """I1 to I6 of that event, and that the ledger sums to zero."""
    with Database(server.database_url) as database:
        verdict = Auditor(database, Records([])).run([event_id])
    failed = [f"{result.check}: {result.examples[:1]}" for result in verdict.results if result.failures]
    return "; ".join(failed) or "sound"
