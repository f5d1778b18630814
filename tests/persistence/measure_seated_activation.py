"""Measures how long a seated event takes to activate: from the first command to its answer, with PostgreSQL.

`python -m tests.persistence.measure_seated_activation` starts a throw-away PostgreSQL as `turnstile serve`
would, sells 57,000 of a bowl's 60,000 seats in it, one or four to a reservation, and has a new owner answer
its first command, which claims the event, reads the plan and all live reservations. Beside it runs what
notes how long the owner's loop stands still. The garbage collector is set as an owner's process sets it.
All but Ray; what it prints goes into docs/benchmarks/seats.md.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import time
from collections.abc import Iterator

import uvloop

from actors.memory import settle
from actors.meter import Meter
from actors.owner import InventoryOwner, OwnerLimits
from actors.wire import Ask, Batch, pack_batch, unpack_answers
from domain.event_messages import (
    ConfirmReservation,
    EventReply,
    PlaceHold,
    ResumeSale,
    Seating,
    SeatWish,
    Terms,
    TicketType,
    TypeCounts,
)
from domain.event_seats import Seats
from domain.seat_plan import Layout
from loadtest.bench.goals import verdicts_of
from persistence.clock import StoreClock
from persistence.connection import Limits
from persistence.migrate import migrate
from persistence.postgres import PostgresOwnerStore
from tests.persistence.sales import CONTACT, OWNER, Sale, new_id
from tests.persistence.servers import throwaway_postgres
from tests.persistence.worlds import PostgresWorld
from tests.properties.measure_seated_sale import LAYOUT, PLAN
from tests.properties.measure_seats import CATEGORIES, SOLD

BATCH = 400
TICK_S = 0.001
HOLDS_S = 86_400


class Quiet:
    """Nobody has copies."""

    def changed(self, event_id: str, sequence: int, at_ms: int, ticket_types: tuple[TypeCounts, ...]) -> None:
        """Thrown away."""


class Stalls:
    """The longest time that the loop did not come back to a task that asks for it all the time, and the most
    CPU time of the process between two turns of it: what the stall would be with a core for itself."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self.longest_cpu_s = 0.0
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            before_s, before_cpu_s = time.perf_counter(), time.process_time()
            await asyncio.sleep(TICK_S)
            self.longest_s = max(self.longest_s, time.perf_counter() - before_s - TICK_S)
            self.longest_cpu_s = max(self.longest_cpu_s, time.process_time() - before_cpu_s)

    def stop(self) -> None:
        self._task.cancel()


def holds(each: int) -> Iterator[list[PlaceHold]]:
    """Batches of holds of seats that are each other's neighbours in the plan, up to what is to be sold."""
    made: list[PlaceHold] = []
    for first in range(0, int(LAYOUT.size * SOLD) - each + 1, each):
        numbers = range(first, first + each)
        groups = itertools.groupby(numbers, LAYOUT.category_of)
        lines = [(code, tuple(map(LAYOUT.name_of, seats))) for code, seats in groups]
        wanted = tuple((code, len(names)) for code, names in lines)
        wish = SeatWish(tuple(names for _, names in lines))
        made.append(PlaceHold(new_id(), wanted, b"customer", CONTACT, wish=wish))
        if len(made) == BATCH:
            yield made
            made = []
    yield made


async def sold(store: PostgresOwnerStore, plan_id: str, now_ms: int, each: int) -> Sale:
    types = tuple(TicketType(code, code, 60_000, 4500, categories=(code,)) for code in CATEGORIES)
    seating = Seating(new_id(), plan_id)
    terms = Terms("Match", now_ms + HOLDS_S * 1000, "EUR", types, hold_duration_s=HOLDS_S, seating=seating)
    sale = await Sale.opened(store, terms, at_ms=now_ms)
    sale.state.seats = Seats(Layout(PLAN))
    for batch in holds(each):
        assert await sale.append(store, sale.decided(*batch))
        confirms = [ConfirmReservation(hold.reservation_id) for hold in batch]
        assert await sale.append(store, sale.decided(*confirms))
    return sale


async def activated(url: str, inventory_id: str) -> tuple[float, float, float, float]:
    """Seconds until the first command was answered, CPU seconds of this process, its longest stall in seconds
    and in CPU seconds."""
    store = PostgresOwnerStore(url, limits=Limits())
    clock = StoreClock(store.now_ms, 500)
    await clock.start()
    owner = InventoryOwner(OWNER, store, clock, Quiet(), Meter(), lambda: None, OwnerLimits())
    loop = asyncio.create_task(owner.run())
    ask = Ask(inventory_id, b"r" * 16, clock.now_ms() + 60_000, ResumeSale())
    stalls = Stalls()
    started_s, cpu_s = time.perf_counter(), time.process_time()
    [answer] = unpack_answers(await owner.handle(pack_batch(Batch(b"g" * 8, 1, (), (ask,), 60_000))))
    took_s, cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_s
    stalls.stop()
    assert isinstance(answer, EventReply), answer
    assert answer.counts[0].confirmed > 0
    loop.cancel()
    await clock.stop()
    await store.close()
    return took_s, cpu_s, stalls.longest_s, stalls.longest_cpu_s


async def main(url: str, rounds: int) -> None:
    await migrate(url)
    world = PostgresWorld(url)
    plan_id = new_id()
    await world.keep_plan(plan_id, PLAN)
    store = PostgresOwnerStore(url, limits=Limits())
    now_ms = await store.now_ms()
    medians_s = []
    for each in (1, 4):
        sale = await sold(store, plan_id, now_ms, each)
        settle()
        found = [await activated(url, sale.id) for _ in range(rounds)]
        times = ", ".join(f"{took_s:.2f}" for took_s, *_ in found)
        medians_s.append(statistics.median(one[0] for one in found))
        cpu_s = statistics.median(one[1] for one in found)
        stall_s, stall_cpu_s = max(one[2] for one in found), max(one[3] for one in found)
        print(
            f"57,000 seats, {each} to a reservation: {times} s; {cpu_s:.2f} s of CPU,"
            f" longest stall {stall_s * 1000:.0f} ms, {stall_cpu_s * 1000:.0f} ms of CPU"
        )
    print(*verdicts_of("seats", {"activation_s": max(medians_s)}), sep="\n")
    await store.close()
    await world.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--rounds", type=int, default=3, help="activations of each event (default: %(default)s)"
    )
    given = parser.parse_args()
    with throwaway_postgres() as (url, _):
        uvloop.run(main(url, given.rounds))
