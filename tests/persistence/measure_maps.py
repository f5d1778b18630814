"""Measures what it costs a front end, and PostgreSQL, to read the seats of a stadium and a restaurant's day.

`python -m tests.persistence.measure_maps` starts a throw-away PostgreSQL as `turnstile serve` would, holds
57,000 of 60,000 seats there, and reads: all seats, and what has changed since; then the day of a restaurant
whose tables are full on 90 days. What it prints goes into docs/benchmarks/live.md. The machine should have
nothing else to do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg
import psutil
import uvloop
from msgspec.structs import replace

from domain.event_messages import ConfirmReservation, PlaceHold, Seating, SeatWish, Terms, TicketType
from domain.event_seats import Seats
from domain.seat_generators import block
from domain.seat_plan import Layout, Plan
from domain.views import SeatStates
from persistence.connection import Links
from persistence.maps import Maps
from persistence.migrate import migrate
from persistence.plans import encoded_plan
from persistence.postgres import PostgresOwnerStore
from persistence.reads import READ_LIMITS
from server.live_rows import LiveTimes
from server.readings import Reading
from server.seat_maps import SeatMap
from server.table_days import DayOfTables
from tests.persistence.restaurants import DAY, House, terms
from tests.persistence.sales import CONTACT, NOW_MS, Sale, new_id
from tests.persistence.servers import throwaway_postgres

ROWS, ROW_SEATS = 200, 300
HELD = 57_000
BATCH = 500
REPEATS = 40
CHANGED = (1, 10, 100, 500)
TABLES, DAYS, SITTINGS = 60, 90, (12, 15, 18, 21)
PLAN_ROW = (
    "INSERT INTO plans (id, venue_id, number, seats, categories, plan, created_ms)"
    " VALUES ($1, $1, 1, $2, '{}', $3, 0)"
)


class Measured:
    """Reads over one connection, whose other end is known."""

    def __init__(self, database_url: str) -> None:
        self._links = Links(database_url, "measured", READ_LIMITS, 1)
        self.maps = Maps(self._links)

    async def cost(
        self, name: str, read: Callable[[], Awaitable[object]], before: Callable[[], Awaitable[None]]
    ) -> None:
        """Milliseconds for one: elapsed, CPU of this process, CPU of PostgreSQL's."""
        backend = psutil.Process((await self._links.fetch("SELECT pg_backend_pid()"))[0][0])
        elapsed_s = own_s = backend_s = 0.0
        for number in range(REPEATS + 2):
            await before()
            began_s, cpu_s, theirs_s = time.perf_counter(), time.process_time(), cpu_of(backend)
            assert await read() is not None
            if number >= 2:  # plans are made, caches are warm
                elapsed_s += time.perf_counter() - began_s
                own_s += time.process_time() - cpu_s
                backend_s += cpu_of(backend) - theirs_s
        figures = (1e3 * total / REPEATS for total in (elapsed_s, own_s, backend_s))
        print("| {} | {:.2f} | {:.2f} | {:.2f} |".format(name, *figures))


def cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def nothing() -> None:
    pass


# --- seats ----------------------------------------------------------------------------------------


async def stadium(database_url: str, store: PostgresOwnerStore) -> tuple[Sale, list[str]]:
    """An event with so many seats held, and the holds' ids."""
    plan = block("S", ROWS, ROW_SEATS, (("seat", ROWS),))
    plan_id = new_id()
    connection = await asyncpg.connect(database_url)
    await connection.execute(PLAN_ROW, plan_id, Layout(plan).size, encoded_plan(plan))
    await connection.close()
    types = (TicketType("seat", "Seat", ROWS * ROW_SEATS, 5_000, categories=("seat",)),)
    of = Terms("Match", NOW_MS + 86_400_000, "EUR", types, seating=Seating(new_id(), plan_id))
    sale = await Sale.opened(store, of)
    sale.state.seats = Seats(Layout(plan))
    ids: list[str] = []
    for first in range(0, HELD, BATCH):
        holds = [hold(plan, number) for number in range(first, first + BATCH)]
        await appended(store, sale, *holds)
        ids += [one.reservation_id for one in holds]
    return sale, ids


def hold(plan: Plan, number: int) -> PlaceHold:
    row, place = divmod(number, ROW_SEATS)
    name = f"S/{plan.sections[0].rows[row].label}/{plan.sections[0].rows[row].seats[place].label}"
    return PlaceHold(new_id(), (("seat", 1),), b"customer", CONTACT, wish=SeatWish(((name,),)))


async def appended(store: PostgresOwnerStore, sale: Sale, *commands: PlaceHold | ConfirmReservation) -> None:
    entry = sale.decided(*commands)
    entry.requests.clear()
    assert await store.append([entry]) == {sale.id}
    sale.seq += 1


async def seats(measured: Measured, store: PostgresOwnerStore, sale: Sale, ids: list[str]) -> None:
    await measured.cost(
        "all 60,000 seats, 57,000 of them live", lambda: measured.maps.seats(sale.id), nothing
    )
    states = await measured.maps.seats(sale.id)
    assert states is not None
    kept = SeatMap(states)
    for count in CHANGED:

        async def change(count: int = count) -> None:
            for _ in range(4):  # as many appends as there may be between two readings
                part = [ids.pop() for _ in range(-(-count // 4))]
                await appended(store, sale, *(ConfirmReservation(one) for one in part))

        async def read() -> object:
            changes = await measured.maps.seat_changes(kept.states)
            assert changes is not None
            kept.change(changes)
            return changes

        await measured.cost(f"what {max(4, count)} sales have changed", read, change)
        sizes(kept)
    whole(states)


def sizes(kept: SeatMap) -> None:
    *_, last = kept._steps
    began_s = time.process_time()
    delta = kept.since(last)
    assert delta is not None
    print(f"  delta: {len(delta):,} bytes, rendered in {(time.process_time() - began_s) * 1e6:.0f} us")


def whole(states: SeatStates) -> None:
    began_s = time.process_time()
    text = SeatMap(states).whole()
    print(f"  state: {len(text):,} bytes, rendered in {(time.process_time() - began_s) * 1e6:.0f} us")


# --- tables ---------------------------------------------------------------------------------------


async def tables(measured: Measured, store: PostgresOwnerStore) -> None:
    house = await House.opened(store, terms(*[4] * TABLES))
    for day in range(DAYS):
        for hour in SITTINGS:
            entry = house.decided(
                *(replace(house.hold(60 * hour, 2, table), day=DAY + day) for table in house.tables)
            )
            assert await store.append([entry]) == {house.id}
            house.seq += 1
    await measured.cost(
        f"a day of {TABLES} tables, {TABLES * DAYS * len(SITTINGS):,} reservations in {DAYS} days",
        lambda: measured.maps.table_day(house.id, DAY + 40),
        nothing,
    )
    day_found = await measured.maps.table_day(house.id, DAY + 40)
    assert day_found is not None
    found = day_found

    async def read(_: object) -> object:
        return found

    began_s = time.process_time()
    for _ in range(100):
        read_anew = DayOfTables(found, asyncio.Lock())
        watched = LiveTimes(Reading(read), read_anew, 2, await read_anew.times(2))
    print(
        f"  times of a party: {(time.process_time() - began_s) * 1e4:.0f} us, {len(watched.state()):,} bytes"
    )


async def main(database_url: str) -> None:
    await migrate(database_url)
    store = PostgresOwnerStore(database_url)
    measured = Measured(database_url)
    sale, ids = await stadium(database_url, store)
    print("| reading, ms | elapsed | CPU of the front end | CPU of PostgreSQL |\n|---|---|---|---|")
    await seats(measured, store, sale, ids)
    await tables(measured, store)
    await measured.maps.close()
    await store.close()


if __name__ == "__main__":
    with throwaway_postgres() as (url, _):
        uvloop.run(main(url))
