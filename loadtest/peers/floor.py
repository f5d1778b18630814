"""Measures the floor under a request at one connection: one bare Ray call, and one commit of one row.

`python -m loadtest.peers.floor --endpoints FILE` prints both medians in microseconds as JSON. The line "one
connection, p50, against one bare Ray call plus one commit" of the benchmark divides by their sum.
"""

import argparse
import statistics
import time
from pathlib import Path

import msgspec
import uvloop

from loadtest.peers import postgres, ray_call, wire

SCHEMA = "peer_floor"
BODY = wire.HoldBody([wire.OrderLine(wire.TICKET_TYPE, 1)], wire.Customer("Ada Lovelace", "ada@example.org"))


async def measure_commit_p50_us(database_url: str, commits: int) -> float:
    """Median microseconds of an INSERT of one reservation, committed, on one idle connection."""
    await postgres.create_schema(database_url, SCHEMA, [postgres.RESERVATIONS])
    connections = postgres.Connections(database_url, SCHEMA, 1, {"insert": postgres.INSERT + " RETURNING 1"})
    try:
        await connections.open()
        times: list[float] = []
        for _ in range(commits):
            values = postgres.hold_values(wire.new_reservation(wire.OPEN_EVENT, BODY))
            before = time.perf_counter()
            await connections.fetchrow("insert", *values)
            times.append(time.perf_counter() - before)
        return statistics.median(times) * 1e6
    finally:
        await connections.close()
        await postgres.drop_schema(database_url, SCHEMA)


async def measure(database_url: str, ray_address: str, repeats: int) -> dict[str, float]:
    return {
        "commit_p50_us": await measure_commit_p50_us(database_url, repeats),
        "ray_call_p50_us": await ray_call.measure_call_p50_us(ray_address, repeats),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Medians of a bare Ray call and of a bare commit, as JSON.")
    parser.add_argument("--endpoints", type=Path, required=True, help="endpoints.json of the running server")
    parser.add_argument("--repeats", type=int, default=1000, help="calls and commits (default: %(default)s)")
    given = parser.parse_args()
    servers = msgspec.json.decode(given.endpoints.read_bytes())
    figures = uvloop.run(measure(servers["database_url"], servers["ray_address"], given.repeats))
    print(msgspec.json.encode(figures).decode())


if __name__ == "__main__":
    main()
