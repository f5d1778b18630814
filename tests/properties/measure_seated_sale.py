"""Measures what a seated hold costs its owner: decide, make true, entry, and the columns of its append.

`python -m tests.properties.measure_seated_sale` sells a bowl of 60,000 seats up to 95 %, one hold a batch
(the dearest way), as best available of four; then single seats by name; beside both, the same event without
seats. All but PostgreSQL and Ray, which ask the same of every hold. CPU time of the process; what it prints
goes into docs/benchmarks/seats.md.
"""

from __future__ import annotations

import gc
import os
import random
import statistics
import time
from collections.abc import Iterator

import msgspec

from actors.mailbox import Letter
from actors.turn import Held, Turn
from actors.wire import Ask
from domain.event_messages import (
    ConfirmReservation,
    EventCommand,
    EventDefinition,
    PlaceHold,
    Seating,
    SeatWish,
    Terms,
    TicketType,
)
from domain.seat_generators import bowl
from domain.seat_map import Fallback
from domain.seat_plan import Layout
from loadtest.bench.goals import verdicts_of
from persistence.append import append_statement
from persistence.store import Claimed, Stored
from tests.properties.measure_seats import CATEGORIES, SOLD, TIERS

NOW_MS = 1_800_000_000_000
PLAN = bowl(TIERS)
LAYOUT = Layout(PLAN)
ROUNDS = 3


class OneCall:
    """Nobody waits for the answers."""

    def answer(self, position: int, reply: msgspec.Raw) -> None:
        """Thrown away."""


def sale(seated: bool) -> Held:
    types = tuple(
        TicketType(code, code, 60_000, 4500, categories=(code,) if seated else ()) for code in CATEGORIES
    )
    seating = Seating("venue", "plan") if seated else None
    terms = Terms("Match", NOW_MS + 86_400_000, "EUR", types, seating=seating)
    definition = EventDefinition(terms, 1, False)
    return Held(Claimed("event", "event", 1, 1, NOW_MS, definition, LAYOUT if seated else None))


def batch(held: Held, commands: list[EventCommand]) -> float:
    """The CPU microseconds of one batch of these."""
    call = OneCall()
    letters = [
        Letter(Ask("event", os.urandom(16), NOW_MS + 10_000, command), call, 0)  # type: ignore[arg-type]
        for command in commands
    ]
    started_ns = time.process_time_ns()
    turn = Turn(held, NOW_MS)
    for letter in letters:
        turn.take(letter, None)
    append_statement([turn.entry()], [])
    turn.settle()
    return (time.process_time_ns() - started_ns) / 1000


def sold(held: Held, holds: Iterator[PlaceHold]) -> list[float]:
    """Each hold is a batch of its own, and so is its confirmation, which is not counted."""
    spent = []
    gc.collect()
    gc.freeze()
    for hold in holds:
        spent.append(batch(held, [hold]))
        if hold.reservation_id in held.state.reservations:
            batch(held, [ConfirmReservation(hold.reservation_id)])
    gc.unfreeze()
    return spent


def holds_of(quantity: int, count: int, **wish: object) -> Iterator[PlaceHold]:
    for number in range(count):
        code = CATEGORIES[number % len(CATEGORIES)]
        wanted = SeatWish(**wish) if wish else None  # type: ignore[arg-type]
        yield PlaceHold(f"r{quantity}-{number}", ((code, quantity),), b"customer", b"{}", wish=wanted)


def named_holds(dice: random.Random, count: int) -> Iterator[PlaceHold]:
    for number in dice.sample(range(LAYOUT.size), count):
        wish = SeatWish(((LAYOUT.name_of(number),),))
        code = LAYOUT.category_of(number)
        yield PlaceHold(f"n{number}", ((code, 1),), b"customer", b"{}", wish=wish)


def show(name: str, spent: list[float]) -> None:
    spent.sort()
    last = spent[int(len(spent) * 0.999)]
    print(f"{name:<34} mean {statistics.fmean(spent):7.1f}  99.9 % {last:7.1f}  worst {spent[-1]:8.1f} us")


def activated() -> float:
    """The seconds of CPU that loading 57,000 sold seats takes, page by page, the database aside."""
    full = sale(seated=True)
    sold(full, named_holds(random.Random(1), int(LAYOUT.size * SOLD)))
    rows = [Stored(found, b"{}") for found in full.state.reservations.values()]
    started_s = time.process_time()
    again = sale(seated=True)
    for first in range(0, len(rows), 500):
        for _ in again.admit(rows[first : first + 500]):
            pass
    again.loaded()
    return time.process_time() - started_s


def main() -> None:
    count = int(LAYOUT.size * SOLD)
    figures = []
    for _ in range(ROUNDS):
        best = sold(sale(True), holds_of(4, count // 4, fallback=Fallback.SPLIT))
        show("best 4, split where need be", best)
        figures.append((statistics.fmean(best), max(best) / 1000))
        show("4 of a ticket type", sold(sale(False), holds_of(4, count // 4)))
        show("1 named seat", sold(sale(True), named_holds(random.Random(2), count)))
        show("1 of a ticket type", sold(sale(False), holds_of(1, count)))
        print(f"{'57,000 sold seats loaded':<34} {activated():.2f} s")
    means, worst = zip(*figures, strict=True)
    measured = {"best_mean_us": statistics.median(means), "best_worst_ms": max(worst)}
    print(*verdicts_of("seats", measured), sep="\n")


if __name__ == "__main__":
    main()
