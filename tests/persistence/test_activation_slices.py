"""A seated event comes into an owner's memory in slices, so that the owner's others have their turn between.

What is counted is what the event asks its layout: names and numbers of its seats. Nothing is timed.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec
import pytest

from actors.meter import Meter
from actors.owner import InventoryOwner, OwnerLimits
from actors.wire import Ask, Batch, pack_batch, unpack_answers
from domain.event_messages import BlockSeats, EventReply, PlaceHold, ResumeSale, Seating, SeatWish, TicketType
from domain.event_seats import Seats
from domain.seat_generators import STANDARD, block
from domain.seat_plan import Layout
from persistence.memory import MemoryDatabase
from persistence.plans import StoredPlan, encoded_plan
from persistence.store import Claimed, Elsewhere
from tests.persistence.sales import CONTACT, NOW_MS, OWNER, Sale, new_id, terms

HALL = block("S", 40, 50)
SEATS = 2_000
EACH = 4
LEFT = EACH
SLICE_PIECES = 50
ASKED_MAX = 250
"""What a slice and one step more ask, of 2,000 seats and more in all."""


class CountedLayout(Layout):
    """Counts what it is asked."""

    asked = 0

    def number_of(self, name: str) -> int | None:
        self.asked += 1
        return super().number_of(name)

    def name_of(self, number: int) -> str:
        self.asked += 1
        return super().name_of(number)


class CountedDatabase(MemoryDatabase):
    """All of its events have one layout, which counts."""

    def __init__(self) -> None:
        super().__init__(lambda: NOW_MS)
        self.layout = CountedLayout(HALL)

    def with_layout(self, claimed: Claimed | Elsewhere) -> Claimed | Elsewhere:
        return replace(claimed, layout=self.layout) if isinstance(claimed, Claimed) else claimed


class Still:
    """A clock that everybody trusts, and nobody winds."""

    trusted = True

    def now_ms(self) -> int:
        return NOW_MS


class Nobody:
    """Has no copies."""

    def changed(self, *_: object) -> None:
        """Thrown away."""


async def sold(database: CountedDatabase) -> str:
    """All seats but some are on hold, `EACH` to a reservation."""
    sale = await opened(database)
    names = [database.layout.name_of(number) for number in range(SEATS)]
    for first in range(0, SEATS - LEFT, EACH):
        wish = SeatWish((tuple(names[first : first + EACH]),))
        hold = PlaceHold(new_id(), (("A", EACH),), b"customer", CONTACT, wish=wish)
        assert await sale.append(database.session(), sale.decided(hold))
    return sale.id


async def blocked(database: CountedDatabase) -> str:
    sale = await opened(database)
    names = tuple(database.layout.name_of(number) for number in range(SEATS - LEFT))
    assert await sale.append(database.session(), sale.decided(BlockSeats(names)))
    return sale.id


async def opened(database: CountedDatabase) -> Sale:
    kind = TicketType("A", "Any", SEATS, 100, categories=(STANDARD,))
    of = msgspec.structs.replace(terms(1), ticket_types=(kind,), seating=Seating("v", "p"))
    sale = await Sale.opened(database.session(), of)
    sale.state.seats = Seats(Layout(HALL))
    return sale


async def asked_between_turns(database: CountedDatabase, inventory_id: str) -> list[int]:
    """How often the layout is asked from one turn of another task to the next, until a first answer."""
    limits = OwnerLimits(slice_max_pieces=SLICE_PIECES)
    owner = InventoryOwner(OWNER, database.session(), Still(), Nobody(), Meter(), lambda: None, limits)
    ask = Ask(inventory_id, b"r" * 16, NOW_MS + 1_000, ResumeSale())
    running = asyncio.create_task(owner.run())
    answer = asyncio.create_task(owner.handle(pack_batch(Batch(b"g" * 8, 1, (), (ask,), 60_000))))
    marks = [database.layout.asked]
    while not answer.done():
        await asyncio.sleep(0)
        marks.append(database.layout.asked)
    running.cancel()
    [reply] = unpack_answers(answer.result())
    assert isinstance(reply, EventReply)
    assert reply.counts[0].available == LEFT
    return [after - before for before, after in itertools.pairwise(marks)]


@pytest.mark.parametrize("filled", [sold, blocked])
async def test_no_slice_of_an_activation_takes_in_more_seats_than_it_may(
    filled: Callable[[CountedDatabase], Awaitable[str]],
) -> None:
    database = CountedDatabase()
    asked = await asked_between_turns(database, await filled(database))
    assert sum(asked) >= SEATS - LEFT
    assert max(asked) <= ASKED_MAX


def test_a_stored_plan_is_decoded_row_by_row() -> None:
    """The rows before one that is broken are there already."""
    whole = encoded_plan(HALL)
    last = whole.rindex(b"Row.1")
    broken = whole[:last] + b"Raw.1" + whole[last + 5 :]
    rows = StoredPlan(broken).rows()
    assert [next(rows)[0] for _ in range(39)] == [f"S/{row}" for row in range(1, 40)]
    with pytest.raises(msgspec.ValidationError):
        next(rows)


def test_a_stored_plan_and_the_plan_itself_are_laid_out_alike() -> None:
    assert list(StoredPlan(encoded_plan(HALL)).rows()) == list(HALL.rows())
