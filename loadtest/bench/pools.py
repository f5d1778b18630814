"""Owners that own many events: what idle ones cost, what it costs that many sell at a time, and a move.

Each figure on a server of its own. Requests are made beforehand and sent in turn (`replay`), so that
neighbours in a batch are of different events.
"""

import asyncio
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import asyncpg
import msgspec

from loadtest.bench import api, owners, replay, stack, wrk
from loadtest.bench.cpu import Meter
from loadtest.bench.failover import longest_gap_s
from loadtest.bench.groups import TURNSTILE_GROUPS, Roots
from loadtest.bench.measure import GRACE_S, open_loop_command, run_open_loop
from loadtest.bench.open_loop import CUSTOMERS, OpenLoopResult, request_bytes
from loadtest.bench.stack import Stack
from loadtest.peers import wire

QUOTA = 1_000_000
CONNECTIONS = 256
ACTIVE = 1_000
FIRST_RATE_PER_S = 100.0
SELLING = (1, 10, 100, 1_000)
SETTLE_S = 2.0
MOVE_RATE_PER_S = 150.0
MOVE_CONNECTIONS = 900
BETWEEN_MOVES_S = 6.0

COPIED = """
WITH ids AS MATERIALIZED (SELECT gen_random_uuid() AS id, n FROM generate_series(1, $2::int) AS n),
inventory AS (
  INSERT INTO inventories SELECT made.* FROM inventories i, ids, LATERAL jsonb_populate_record(
    i, jsonb_build_object('id', ids.id, 'owner', 'pool:' || ids.n % 4)) AS made WHERE i.id = $1::uuid),
event AS (
  INSERT INTO events SELECT made.* FROM events e, ids, LATERAL jsonb_populate_record(
    e, jsonb_build_object('id', ids.id)) AS made WHERE e.id = $1::uuid)
INSERT INTO ticket_types SELECT made.* FROM ticket_types t, ids, LATERAL jsonb_populate_record(
  t, jsonb_build_object('inventory_id', ids.id)) AS made WHERE t.inventory_id = $1::uuid"""

Show = Callable[[str], None]


# --- many idle events ---------------------------------------------------------------------------------


def idle_events(events: int, show: Show) -> dict[str, float]:
    """So many in the pool, a thousand of them active: memory, the first hold of each, and warm ones."""
    with stack.temporary_folder() as folder, stack.started(1, {}) as server:
        ids = [api.create_event(server, QUOTA, "pooled") for _ in range(ACTIVE)]
        show(f"making {events:,} events")
        asyncio.run(copy_events(server.database_url, ids[0], events - ACTIVE))
        time.sleep(SETTLE_S)
        before = memory_bytes(server)
        requests = replay.write(folder / "holds", holds(server, ids))
        seconds = ACTIVE / FIRST_RATE_PER_S
        first = run_open_loop(server.http, requests, FIRST_RATE_PER_S, seconds, CONNECTIONS)
        after = memory_bytes(server)
        warm = run_open_loop(server.http, requests, FIRST_RATE_PER_S, seconds, CONNECTIONS)
        show(f"{events:,} events in 4 pooled owners, {ACTIVE:,} of them active")
        show(f"owners, own memory: {before / 1e6:.0f} MB with none active, {after / 1e6:.0f} MB with all")
        show(f"an active event with one hold: {(after - before) / ACTIVE / 1e3:.1f} kB")
        show(f"first hold on an idle event: {latency(first)}")
        show(f"hold on an active event:     {latency(warm)}")
    return {}


async def copy_events(database_url: str, event: str, count: int) -> None:
    """So many more like that one, straight into this benchmark's own database: made through the API they
    would take minutes that nobody wants to measure."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(COPIED, event, count)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


# --- many selling events ------------------------------------------------------------------------------


def selling_events(
    pool_owners: int, rate_per_s: float, seconds: float, rounds: int, show: Show
) -> dict[str, float]:
    """CPU per hold at one total rate, spread over ever more events."""
    settings = {"TURNSTILE_POOL_OWNERS": str(pool_owners)}
    found: dict[int, list[float]] = {selling: [] for selling in SELLING}
    with stack.temporary_folder() as folder, stack.started(1, settings) as server:
        ids = [api.create_event(server, QUOTA, "pooled") for _ in range(max(SELLING))]
        files = {n: replay.write(folder / str(n), holds(server, ids[:n])) for n in SELLING}
        warming_s = max(SELLING) / rate_per_s + 1
        run_open_loop(server.http, files[max(SELLING)], rate_per_s, warming_s, CONNECTIONS)
        for number in range(rounds):
            for selling in SELLING if number % 2 == 0 else reversed(SELLING):
                show(f"pool of {pool_owners}, {selling} selling")
                found[selling].append(hold_us(server, files[selling], rate_per_s, seconds, show))
    most = 0.0
    for selling, each in found.items():
        ratio = statistics.median(one / first for one, first in zip(each, found[SELLING[0]], strict=True))
        middle = statistics.median(each)
        most = max(most, ratio)
        show(f"pool of {pool_owners}, {selling} selling: {middle:.0f} us a hold, {ratio:.2f} x of one")
    return {"most_x": most}


def hold_us(server: Stack, requests: Path, rate_per_s: float, seconds: float, show: Show) -> float:
    """Of all of Turnstile's processes."""
    with Meter(Roots(os.getpid(), server.pid, {}, str(server.folder))) as meter:
        result = run_open_loop(server.http, requests, rate_per_s, seconds, CONNECTIONS)
    done = result.statuses.get("201", 0)
    show(f"  {parts(meter, done)}; {latency(result)}")
    each = meter.spent.per_request_us(done)
    return sum(each.get(group, 0.0) for group in TURNSTILE_GROUPS)


def parts(meter: Meter, count: int) -> str:
    each = meter.spent.per_request_us(count)
    return "us each: " + ", ".join(f"{name} {each.get(name, 0):.0f}" for name in TURNSTILE_GROUPS)


# --- a move -------------------------------------------------------------------------------------------


def moves(times: int, show: Show) -> dict[str, float]:
    """An event goes to an owner of its own and back while it sells, at a fixed rate: the longest time without
    a success around each move. Owners that are idle end at once, so that each is made anew."""
    with stack.started(1, {"TURNSTILE_PASSIVATE_AFTER_S": "1"}) as server:
        event = api.create_event(server, QUOTA, "pooled")
        api.hold(server, event)
        path = f"/api/v1/events/{event}/reservations"
        seconds = times * BETWEEN_MOVES_S + 2 * SETTLE_S
        command = open_loop_command(server.http, path, MOVE_RATE_PER_S, seconds, MOVE_CONNECTIONS)
        spans: list[tuple[float, float]] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE) as load:
            try:
                time.sleep(SETTLE_S)
                for number in range(times):
                    spans.append(move(server, event, "pooled" if number % 2 else "dedicated"))
                    time.sleep(max(0.0, BETWEEN_MOVES_S - (spans[-1][1] - spans[-1][0])))
                output, _ = load.communicate(timeout=GRACE_S)
            finally:
                load.kill()
        result = msgspec.json.decode(output, type=OpenLoopResult)
        gaps = [longest_gap_s(result.gaps, began, ended - began + SETTLE_S) for began, ended in spans]
        there = statistics.median(ended - began for began, ended in spans[::2])
        back = statistics.median(ended - began for began, ended in spans[1::2])
        middle = statistics.median(gaps)
        show(f"{len(spans)} moves: longest time without a success {max(gaps):.2f} s, median {middle:.2f} s")
        show(f"a move to a new owner took {there:.1f} s, one back {back:.2f} s")
        show(f"replies {result.statuses}, without {result.failed}; live {api.live(server, event):,}")
    return {}


def move(server: Stack, event: str, placement: Literal["pooled", "dedicated"]) -> tuple[float, float]:
    """When it was asked for, and when it was done."""
    began = time.time()
    operator = {"Authorization": f"Bearer {server.admin_token}"}
    status, said = api.once(server, f"/events/{event}/placement", {"placement": placement}, operator, "PUT")
    if status != 200:
        raise api.Refused(status, said)
    return began, time.time()


# --- what all of them need ----------------------------------------------------------------------------


def holds(server: Stack, ids: list[str]) -> list[bytes]:
    """One ticket each, of one event after the other."""
    paths = [f"/api/v1/events/{event}/reservations" for event in ids]
    port = port_of(server)
    return [request_bytes(port, paths[n % len(paths)], wire.TICKET_TYPE, n) for n in range(CUSTOMERS)]


def port_of(server: Stack) -> int:
    return int(server.http.rpartition(":")[2])


def memory_bytes(server: Stack) -> int:
    """Of all owners together, their own (USS)."""
    return sum(owners.own_memory_bytes(process) for process in owners.owner_processes(server))


def latency(result: OpenLoopResult) -> str:
    wrong = [f"{count} x {status}" for status, count in result.statuses.items() if status != "201"]
    wrong += [f"{result.failed} lost"] if result.failed else []
    said = f"p50 {result.p50_ms:.1f} ms, p99 {result.p99_ms:.1f} ms, longest {result.max_ms:.0f} ms"
    return "; ".join([said, *wrong])


def rate(server: Stack, requests: Path, connections: int, seconds: int) -> tuple[float, int]:
    """Successes per second of a closed loop, and how many. Raises `WrkFailed` if one got no reply."""
    found = wrk.run(server.http, str(requests), "replay", wire.TICKET_TYPE, connections, seconds)
    if found.failed:
        raise wrk.WrkFailed(f"{found.failed} without a reply")
    done = found.requests - found.refused
    return done / found.seconds, done
