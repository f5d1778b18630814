"""Measures the seats: microseconds for the best 4 of 60,000, from the first to 95 % sold; and the layout.

`python -m tests.properties.measure_seats` sells a bowl of 60,000 seats, in two ways: by best available alone,
in one category after the other, and mixed with groups that name their seats, give some back, and so leave
holes everywhere. What it prints goes into docs/benchmarks/seats.md. The machine should have nothing else to
do.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

import msgspec

from domain.seat_generators import Tier, bowl
from domain.seat_map import Fallback, SeatMap
from domain.seat_plan import Layout, Plan, flaws

T = TypeVar("T")
CATEGORIES = ("gold", "silver", "bronze")
TIERS = (
    Tier("Lower", 40, 20, 20, 1, CATEGORIES, 2),
    Tier("Upper", 40, 20, 30, 1, CATEGORIES),
    Tier("Top", 20, 10, 24, 0, CATEGORIES),
)
WANTED: tuple[tuple[str, ...], ...] = ((), *((code,) for code in CATEGORIES), CATEGORIES[:2])
SOLD = 0.95


def timed(make: Callable[[], T]) -> tuple[T, float]:
    """What was made, and the CPU milliseconds that it took."""
    gc.collect()
    started_s = time.process_time()
    made = make()
    return made, (time.process_time() - started_s) * 1e3


def sized(make: Callable[[], T]) -> tuple[T, float]:
    """What was made, and the megabytes that it keeps."""
    gc.collect()
    tracemalloc.start()
    made = make()
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    return made, kept


class Clock:
    """The CPU times of one kind of call, in microseconds."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.times_us: list[float] = []

    def time(self, call: Callable[[], T]) -> T:
        started_ns = time.thread_time_ns()
        answer = call()
        self.times_us.append((time.thread_time_ns() - started_ns) / 1e3)
        return answer

    def show(self) -> None:
        ordered = sorted(self.times_us)
        if ordered:
            print(
                f"{self.name:44} {len(ordered):8,} {statistics.fmean(ordered):8.1f}"
                f" {ordered[len(ordered) * 999 // 1000]:8.1f} {ordered[-1]:8.1f}"
            )


def by_best_alone(layout: Layout, quantity: int) -> list[Clock]:
    """Nobody names seats: after each question a group of one to four gets the best there are for it."""
    seat_map, dice = SeatMap(layout), random.Random(1)
    best, take = Clock(f"best {quantity}, best available alone"), Clock("take 1 to 4")
    left = layout.size
    while left > layout.size * (1 - SOLD):
        wanted = dice.choice(WANTED)
        best.time(lambda wanted=wanted: seat_map.best(wanted, quantity))
        group = seat_map.best(wanted, dice.randint(1, 4), fallback=Fallback.SPLIT) or ()
        take.time(lambda group=group: seat_map.take(group))
        left -= len(group)
    return [best, take]


def among_named_seats(layout: Layout, quantity: int, fallback: Fallback) -> list[Clock]:
    """Half of the groups name one to four seats anywhere; a tenth of what is sold is given back."""
    seat_map, dice = SeatMap(layout), random.Random(2)
    best, named = Clock(f"best {quantity}, among named seats, {fallback}"), Clock("take 1 to 4 named seats")
    back = Clock("release of 1 to 4")
    sold: list[tuple[int, ...]] = []
    left = layout.size
    while left > layout.size * (1 - SOLD):
        wanted = dice.choice(WANTED)
        group = best.time(lambda wanted=wanted: seat_map.best(wanted, quantity, fallback=fallback))
        if group is not None:
            seat_map.take(group)
            left -= quantity
        start, count = dice.randrange(layout.size - 4), dice.randint(1, 4)
        chosen = tuple(number for number in range(start, start + count) if seat_map.is_free(number))
        named.time(lambda chosen=chosen: seat_map.take(chosen))
        left -= len(chosen)
        sold += [chosen]
        if dice.random() < 0.1:
            returned = sold.pop(dice.randrange(len(sold)))
            back.time(lambda returned=returned: seat_map.release(returned))
            left += len(returned)
    return [best, named, back]


def loaded(layout: Layout, fallback: Fallback) -> list[Clock]:
    """The first questions after activation with 95 % of the seats sold one by one: nothing is known yet."""
    first = Clock(f"first best 4 after loading 95 %, {fallback}")
    load = Clock("loading 57,000 sold seats")
    for seed in range(20):
        sold = random.Random(seed).sample(range(layout.size), round(layout.size * SOLD))
        seat_map = SeatMap(layout)
        load.time(lambda seat_map=seat_map, sold=sold: seat_map.take(sold))
        first.time(lambda seat_map=seat_map: seat_map.best((), 4, fallback=fallback))
    return [load, first] if fallback is Fallback.REFUSE else [first]


def main(quantity: int) -> None:
    plan: Plan = bowl(TIERS)
    encoded, encoding_ms = timed(lambda: msgspec.msgpack.encode(plan))
    _, decoding_ms = timed(lambda: msgspec.msgpack.decode(encoded, type=Plan))
    _, checking_ms = timed(lambda: flaws(plan))
    layout, building_ms = timed(lambda: Layout(plan))
    _, layout_mb = sized(lambda: Layout(plan))
    _, map_mb = sized(lambda: SeatMap(layout))
    print(f"{layout.size:,} seats in {len(layout.row_names):,} rows, {len(layout.categories)} categories")
    print(
        f"plan: {len(encoded) / 1e6:.2f} MB, encoded in {encoding_ms:.0f} ms, decoded in {decoding_ms:.0f} ms"
    )
    print(f"      checked in {checking_ms:.0f} ms")
    print(
        f"layout: made in {building_ms:.0f} ms, keeps {layout_mb:.2f} MB; map of free seats {map_mb:.2f} MB"
    )
    print(f"{'us':44} {'calls':>8} {'mean':>8} {'99.9 %':>8} {'worst':>8}")
    gc.collect()
    gc.freeze()
    clocks = by_best_alone(layout, quantity)
    for fallback in Fallback:
        clocks += among_named_seats(layout, quantity, fallback)
    for fallback in Fallback:
        clocks += loaded(layout, fallback)
    for clock in clocks:
        clock.show()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quantity", type=int, default=4, help="seats of a group (default: %(default)s)")
    main(parser.parse_args().quantity)
