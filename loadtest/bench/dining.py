"""Restaurants in pooled owners: what they take in memory, how fast they answer beside the hot path, and what
a search costs its owner.
"""

import asyncio
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import psutil

from loadtest.bench import api, owners, replay, stack
from loadtest.bench.cpu import Meter
from loadtest.bench.groups import Roots
from loadtest.bench.pools import QUOTA, holds, memory_bytes, parts, port_of, rate
from loadtest.bench.stack import Stack

RESTAURANTS, TABLES = 1_000, 20
LARGE_TABLES, LARGE_JOINS, LARGE_RESERVATIONS = 60, 30, 9_000
SIZES = (2, 4, 4, 6)
SITTINGS = ("12:00", "14:00", "17:00", "19:00", "21:00")
DAYS = 88
KEPT = 40_000
CONNECTIONS = (64, 256)
SEARCH_CONNECTIONS = (1, 16)
HOT = "holds of one event"

Show = Callable[[str], None]


class _Shown(msgspec.Struct):
    id: str


def street(seconds: int, rounds: int, show: Show) -> dict[str, float]:
    """A thousand restaurants: memory, and rates of searches and reservations beside holds of one event."""
    with stack.temporary_folder() as folder, stack.started(1, {}) as server:
        show(f"making {RESTAURANTS:,} restaurants of {TABLES} tables")
        ids = [make(server, number, TABLES, 0) for number in range(RESTAURANTS)]
        files = loads(server, ids, folder)
        idle = memory_bytes(server)
        rate(server, files["searches"], 64, 4)
        active = memory_bytes(server)
        show(f"owners, own memory: {idle / 1e6:.0f} MB with none active, {active / 1e6:.0f} MB with all")
        ratios: dict[str, list[float]] = {}
        for number in range(rounds * len(CONNECTIONS)):
            connections = CONNECTIONS[number % len(CONNECTIONS)]
            rates: dict[str, float] = {}
            for name, file in files.items():
                with Meter(Roots(os.getpid(), server.pid, {}, str(server.folder))) as meter:
                    rates[name], done = rate(server, file, connections, seconds)
                show(f"{connections} connections, {name}: {rates[name]:,.0f}/s, {parts(meter, done)}")
            for name, found in rates.items():
                ratios.setdefault(f"{name}, {connections} connections", []).append(found / rates[HOT])
        middles = {name: statistics.median(each) for name, each in ratios.items()}
        for name, middle in middles.items():
            show(f"{name}: {middle:.2f} x")
        full = memory_bytes(server)
        resident = sum(one.memory_info().rss for one in owners.owner_processes(server))
        live = reserved(server)
        show(
            f"with {live:,} live reservations: {full / 1e6:.0f} MB own, {resident / 1e6:.0f} MB resident,"
            " of all owners, that of the event included"
        )
    slower = {
        what: min(middles[f"{what}, {connections} connections"] for connections in CONNECTIONS)
        for what in ("searches", "reservations")
    }
    return {f"{what}_x": ratio for what, ratio in slower.items()} | {"resident_mb": resident / 1e6}


def loads(server: Stack, ids: Sequence[str], folder: Path) -> dict[str, Path]:
    """Files of requests; of the hot path first."""
    event = api.create_event(server, QUOTA)
    looking = list(islice(searches(server, ids), KEPT))
    placing = list(islice(places(server, ids), KEPT))
    both = [looking[at] if at % 5 else placing[at // 5] for at in range(KEPT)]
    return {
        HOT: replay.write(folder / "holds", holds(server, [event])),
        "searches": replay.write(folder / "searches", looking),
        "reservations": replay.write(folder / "reservations", placing),
        "4 searches to 1 reservation": replay.write(folder / "both", both),
    }


def reserved(server: Stack) -> int:
    """Live reservations of all restaurants."""
    sql = "SELECT sum(live_reservations) FROM inventories WHERE kind = 'restaurant'"
    return int(asyncio.run(_value(server.database_url, sql)))


async def _value(database_url: str, sql: str) -> Any:
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def large_search(seconds: int, show: Show) -> dict[str, float]:
    """One restaurant of 60 tables, 90 days open, half full: CPU of its owner for each search."""
    with stack.temporary_folder() as folder, stack.started(1, {}) as server:
        house = make(server, 0, LARGE_TABLES, LARGE_JOINS, "dedicated")
        filling = replay.write(folder / "filling", list(islice(places(server, [house]), LARGE_RESERVATIONS)))
        placed = 0
        while placed < LARGE_RESERVATIONS * 0.9:
            more = rate(server, filling, 64, 4)[1]
            placed += more
            if not more:
                break
        show(f"{LARGE_TABLES} tables, {LARGE_JOINS} joins, {placed} reservations")
        event = api.create_event(server, QUOTA)
        api.hold(server, event)
        dearest = dict.fromkeys(SEARCH_CONNECTIONS, 0.0)
        queries = {name: list(islice(asked(server, [house], query), 500)) for name, query in QUERIES.items()}
        for name, requests in {**queries, "a hold of an event": holds(server, [event])}.items():
            file = replay.write(folder / "queries", requests)
            owner = owners.owner_process(server, f"event:{house if name in queries else event}")
            for connections in SEARCH_CONNECTIONS:
                used = cpu_s(owner)
                found, done = rate(server, file, connections, seconds)
                each = (cpu_s(owner) - used) / done
                show(f"{name}, {connections} conn.: {each * 1e3:.2f} ms of owner CPU each, {found:,.0f}/s")
                if name in queries:
                    dearest[connections] = max(dearest[connections], each * 1e3)
    return {f"owner_{connections}_ms": most for connections, most in dearest.items()}


QUERIES: dict[str, dict[str, str]] = {
    "a whole day, party of 2": {"party_size": "2"},
    "a whole day, party of 8 (joined)": {"party_size": "8"},
    "a window of 2 h, wished time": {
        "party_size": "4",
        "earliest": "18:00",
        "latest": "20:00",
        "time": "19:00",
    },
}


def make(server: Stack, number: int, tables: int, joins: int, placement: str = "pooled") -> str:
    body: dict[str, Any] = {
        "name": f"House {number}",
        "time_zone": "Europe/Rome",
        "placement": placement,
        "hold_duration_s": 86_400,
        "notice_minutes": 0,
        "services": [{"weekday": day, "opens": "11:00", "closes": "23:30"} for day in range(7)],
        "tables": [{"number": str(at), "largest": SIZES[at % len(SIZES)]} for at in range(tables)],
        "joins": [
            {"tables": [str(at), str(at + 1)], "smallest": 4, "largest": 8} for at in range(0, 2 * joins, 2)
        ],
    }
    made = api.request(server, "/restaurants", body, {"Authorization": f"Bearer {server.admin_token}"})
    return msgspec.convert(made, _Shown).id


def searches(server: Stack, ids: Sequence[str]) -> Iterator[bytes]:
    return asked(server, ids, {"party_size": "2"})


def asked(server: Stack, ids: Sequence[str], query: dict[str, str]) -> Iterator[bytes]:
    """One restaurant after the other, one day after the other."""
    port, fixed = port_of(server), "&".join(f"{name}={value}" for name, value in query.items())
    for day in _days():
        for house in ids:
            yield replay.request(port, "GET", f"/api/v1/restaurants/{house}/search?date={day}&{fixed}")


def places(server: Stack, ids: Sequence[str]) -> Iterator[bytes]:
    """Parties of 2 and 4, whom each restaurant has room for at each sitting of each day."""
    port, number = port_of(server), 0
    for sitting in (*SITTINGS, *SITTINGS, *SITTINGS, *SITTINGS):
        for day in _days():
            for house in ids:
                number += 1
                customer = {"name": "Ada Lovelace", "email": f"diner-{number % 5_000:06d}@example.org"}
                body = {
                    "date": day,
                    "time": sitting,
                    "party_size": 2 + number % 2 * 2,
                    "customer": customer,
                }
                yield replay.request(port, "POST", f"/api/v1/restaurants/{house}/reservations", body)


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _days() -> Iterator[str]:
    first: date = (datetime.now(UTC) + timedelta(days=1)).date()
    for ahead in range(DAYS):
        yield (first + timedelta(days=ahead)).isoformat()
