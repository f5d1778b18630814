"""What the rules of tables cost: CPU of a search and of a hold, memory of restaurants and reservations.

    python -m tests.unit.measure_tables

One large restaurant is filled at random, up to shares of its seating times, and then searched: each search is
timed by itself, with the CPU clock of this process. Then many small restaurants are made, and the growth of
the process's own memory is divided by their number. No Ray, no PostgreSQL: only the rules.
"""

from __future__ import annotations

import argparse
import gc
import secrets
import time
from collections.abc import Callable
from random import Random
from statistics import mean, quantiles
from typing import Any

import msgspec
import psutil

from domain.restaurant import State, admit, decide, evolve, restored
from domain.restaurant_messages import (
    FreeTimes,
    HoldTable,
    Join,
    RestaurantCommand,
    RestaurantDefinition,
    SearchTables,
    Table,
    TableReply,
)
from tests.unit.dining import NOON_MS, TODAY, restaurant_terms

LARGE_TABLES, LARGE_JOINS, DAYS = 60, 30, 90
SHARES = (0.0, 0.5, 0.95)
SITTINGS = tuple((hour * 60) for hour in (12, 17, 19, 21))
SEARCHES = 2_000
SMALL_TABLES, SMALL_RESERVATIONS = 20, 200
CONTACT_BYTES = 90


def large(share: float) -> State:
    """Tables for 2, 4 and 6, neighbours to be joined, and so much of all seating times taken."""
    sizes = (2, 4, 4, 6)
    tables = tuple(
        Table(
            f"table-{at:02}",
            str(at),
            1,
            sizes[at % 4],
            ("hall", "terrace")[at % 2],
            ("quiet",) * (at % 3 == 0),
        )
        for at in range(LARGE_TABLES)
    )
    pairs = ((f"table-{at:02}", f"table-{at + 1:02}") for at in range(0, 2 * LARGE_JOINS, 2))
    joins = tuple(Join(pair, 4, 8) for pair in pairs)
    state = restored("x", RestaurantDefinition(restaurant_terms(tables=tables, joins=joins), 1, False), 0)
    random = Random(1)
    for day in range(TODAY, TODAY + DAYS):
        for table in tables:
            for minute in SITTINGS:
                if random.random() < share:
                    later = minute + (random.choice((0, 0, 15)) if minute != SITTINGS[-1] else 0)
                    hold(state, day, later, table.largest, table.id)
    return state


def hold(state: State, day: int, minute: int, party_size: int, table_id: str | None = None) -> bool:
    """Whether it was had."""
    command = HoldTable(
        secrets.token_hex(18),
        day,
        minute,
        party_size,
        secrets.token_bytes(16),
        b"",
        table_id=table_id,
    )
    reply, facts = decide(state, command, NOON_MS)
    for fact in facts:
        evolve(state, fact)
    return isinstance(reply, TableReply)


def timed(call: Callable[[Random], Any], count: int) -> str:
    """Mean, p99 and worst of so many calls, in microseconds of CPU."""
    random, took = Random(2), []
    for _ in range(50):
        call(random)
    gc.collect()
    gc.disable()
    for _ in range(count):
        began = time.process_time_ns()
        call(random)
        took.append((time.process_time_ns() - began) / 1000)
    gc.enable()
    return f"{mean(took):7.0f} {quantiles(took, n=100)[-1]:7.0f} {max(took):7.0f}"


def asked(state: State, command: RestaurantCommand) -> Any:
    return decide(state, command, NOON_MS)[0]


def searches(state: State) -> dict[str, Callable[[Random], Any]]:
    def search(random: Random, size: int, **more: Any) -> None:
        reply = asked(state, SearchTables(TODAY + random.randrange(1, DAYS), size, **more))
        assert isinstance(reply, FreeTimes)

    return {
        "a whole day, party of 2": lambda random: search(random, 2),
        "a whole day, party of 8 (joined)": lambda random: search(random, 8),
        "a window of 2 h, wished time": lambda random: search(
            random, 4, from_minute=1080, until_minute=1200, wished_minute=1140
        ),
        "a hold, the restaurant chooses": lambda random: asked(
            state, HoldTable("r", TODAY + random.randrange(1, DAYS), 1140, 4, b"c", b"")
        ),
    }


def memory(restaurants: int) -> None:
    """Each restaurant with tables and reservations as they are loaded: nothing is shared between them."""
    template = restored(
        "x",
        RestaurantDefinition(
            restaurant_terms(
                tables=tuple(Table(f"t{at}", str(at), 1, 4) for at in range(SMALL_TABLES)), joins=()
            ),
            1,
            False,
        ),
        0,
    )
    random = Random(3)
    while len(template.reservations) < SMALL_RESERVATIONS:
        hold(template, TODAY + random.randrange(1, DAYS), random.choice(SITTINGS), 4)
    empty, _ = grown(lambda: [loaded(template, False) for _ in range(restaurants)])
    full, _ = grown(lambda: [loaded(template, True) for _ in range(restaurants)])
    each = (full - empty) / restaurants / SMALL_RESERVATIONS
    print(f"\n{restaurants} restaurants of {SMALL_TABLES} tables")
    print(f"  without reservations {empty / restaurants / 1e3:8.1f} kB each")
    print(f"  a live reservation   {each:8.0f} bytes, contact of {CONTACT_BYTES} bytes included")
    print(f"  with {SMALL_RESERVATIONS} reservations each, all: {full / 1e6:.0f} MB")


def loaded(template: State, reservations: bool) -> State:
    """A restaurant out of its rows: every id, key and moment an object of its own."""
    definition = msgspec.msgpack.decode(
        msgspec.msgpack.encode(RestaurantDefinition(template.terms, 1, False)),  # type: ignore[arg-type]
        type=RestaurantDefinition,
    )
    state = restored(secrets.token_hex(18), definition, 0)
    for reservation in template.reservations.values() if reservations else ():
        packed = msgspec.msgpack.encode(msgspec.structs.replace(reservation, id=secrets.token_hex(18)))
        admit(state, msgspec.msgpack.decode(packed, type=type(reservation)))
    for reservation_id in state.reservations:
        state.contacts[reservation_id] = secrets.token_bytes(CONTACT_BYTES)
    return state


def grown(make: Callable[[], list[State]]) -> tuple[int, list[State]]:
    """By how many bytes the process has grown, and what is to be kept until it is measured."""
    gc.collect()
    process = psutil.Process()
    before = process.memory_full_info().uss
    made = make()
    gc.collect()
    return process.memory_full_info().uss - before, made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--restaurants", type=int, default=1_000)
    parser.add_argument("--searches", type=int, default=SEARCHES)
    options = parser.parse_args()
    print("microseconds of CPU" + " " * 37 + "mean     p99   worst")
    for share in SHARES:
        state = large(share)
        live = len(state.reservations)
        print(f"{LARGE_TABLES} tables, {LARGE_JOINS} joins, {DAYS} days, {live} reservations")
        for name, call in searches(state).items():
            print(f"  {name:50} {timed(call, options.searches)}")
    memory(options.restaurants)


if __name__ == "__main__":
    main()
