"""What every store promises of seats: they come back as they were left, and nobody's seat is given twice."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from domain.event import counts
from domain.event_messages import (
    BlockSeats,
    CancelReservation,
    ChangeHold,
    ConfirmReservation,
    Copied,
    CopyFromEvent,
    EventCommand,
    PlaceHold,
    Seating,
    SeatWish,
    Terms,
    UnblockSeats,
)
from domain.event_seats import Seats, seats_of
from domain.seat_map import Fallback
from domain.seat_plan import Layout
from persistence.store import OwnerStore, Refused
from tests.persistence.sales import CONTACT, NOW_MS, Sale, claimed, loaded, new_id
from tests.persistence.worlds import World
from tests.unit.seated import HALL, TYPES

LAYOUT = Layout(HALL)
COPIES = (
    Copied("EUR", blocked=("S/C/6",)),
    Copied(
        "EUR",
        (replace(TYPES[1], price=7000, categories=("back", "best")),),
        (("best", ("S/A/1", "S/C/5")),),
    ),
    Copied("EUR", TYPES, (("front", ("S/B/1",)),), ("S/B/6",)),
)
"""What other events had: the last what this one has at first."""
NAMES = [LAYOUT.name_of(number) for number in range(LAYOUT.size)]


async def seated_sale(world: World, store: OwnerStore) -> Sale:
    plan_id = new_id()
    await world.keep_plan(plan_id, HALL)
    seating = Seating(new_id(), plan_id, (("front", ("S/B/1",)),))
    terms = Terms("Match", NOW_MS + 86_400_000, "EUR", TYPES, seating=seating, cancel_until_ms=NOW_MS + 10**6)
    sale = await Sale.opened(store, terms)
    sale.state.seats = Seats(Layout(HALL, seating.overrides))
    return sale


def take(*names: str, code: str = "front") -> PlaceHold:
    return PlaceHold(new_id(), ((code, len(names)),), b"customer", CONTACT, wish=SeatWish((names,)))


def picture(sale: Sale) -> list[Any]:
    seats = sale.state.seats
    assert seats is not None
    return [(name, seats.holder(name), seats.is_free(name), name in seats.blocked) for name in NAMES]


async def test_who_claims_finds_each_seat_as_it_was_left(world: World) -> None:
    store = world.store()
    sale = await seated_sale(world, store)
    first, second = take("S/A/1", "S/A/2"), take("S/B/1")
    await sale.append(store, sale.decided(first, second, BlockSeats(("S/C/4", "S/A/6"))))
    await sale.append(store, sale.decided(ConfirmReservation(first.reservation_id)))
    again = await loaded(store, await claimed(store, sale.id))
    assert again.state.terms == sale.state.terms
    assert picture(again) == picture(sale)
    assert (await world.rows(sale.id)).seats == {
        0: first.reservation_id,
        1: first.reservation_id,
        6: second.reservation_id,
    }


async def test_a_seat_that_is_taken_is_refused_to_another_reservation(world: World) -> None:
    store = world.store()
    sale = await seated_sale(world, store)
    first = take("S/A/1")
    await sale.append(store, sale.decided(first))
    before = await world.rows(sale.id)
    entry = sale.decided(take("S/A/2"))
    entry.moves = tuple(move._replace(seat=0) for move in entry.moves)
    with pytest.raises(Refused) as refused:
        await store.append([entry])
    assert refused.value.constraint == "live_seats_pkey"
    assert await world.rows(sale.id) == before


async def test_a_seat_passes_from_an_expired_hold_to_the_next_in_one_append(world: World) -> None:
    store = world.store()
    sale = await seated_sale(world, store)
    await sale.append(store, sale.decided(take("S/A/1", "S/A/2")))
    sale.now_ms += 900_000
    later = take("S/A/2", "S/A/3")
    assert await sale.append(store, sale.decided(later))
    assert (await world.rows(sale.id)).seats == {1: later.reservation_id, 2: later.reservation_id}


async def test_what_is_left_of_the_categories_is_stored_with_the_counts(world: World) -> None:
    store = world.store()
    sale = await seated_sale(world, store)
    await sale.append(store, sale.decided(take("S/A/1"), BlockSeats(("S/B/2",))))
    counts = {count.code: count.seats_left for count in (await world.rows(sale.id)).counts}
    assert counts == {"front": 6, "back": 10, "child": 10, "stand": None}


async def test_what_was_copied_from_another_event_is_stored_with_what_is_sold(world: World) -> None:
    store = world.store()
    sale = await seated_sale(world, store)
    first = take("S/A/1", "S/B/1")
    await sale.append(store, sale.decided(first))
    assert await sale.append(store, sale.decided(CopyFromEvent(COPIES[1]), CopyFromEvent(COPIES[0])))
    again = await loaded(store, await claimed(store, sale.id))
    assert again.state.terms == sale.state.terms
    assert again.state.reservations == sale.state.reservations
    assert picture(again) == picture(sale)
    stored = {count.code: count.seats_left for count in (await world.rows(sale.id)).counts}
    assert stored == {"front": 5, "back": 10, "child": 9, "stand": None}


async def test_whatever_happens_the_next_owner_finds_the_same_seats(world: World) -> None:
    dice = random.Random(7)
    store = world.store()
    sale = await seated_sale(world, store)
    for step in range(60):
        sale.now_ms += dice.choice((0, 0, 1_000, 500_000))
        entry = sale.decided(*(anything(sale, dice) for _ in range(dice.randint(1, 4))))
        if entry.facts:
            assert await sale.append(store, entry)
        sale.state.ended.clear()
        if step % 12 == 11:
            again = await loaded(store, await claimed(store, sale.id))
            assert picture(again) == picture(sale)
            assert counts(again.state) == counts(sale.state)
            sale.epoch = again.epoch
            rows = await world.rows(sale.id)
            live = sale.state.reservations
            assert sorted(rows.seats.values()) == sorted(
                found.id for found in live.values() for _ in seats_of(found.lines)
            )
    journal = [facts for _, _, facts in (await world.rows(sale.id)).journal]
    assert any(b"HoldChanged" in facts for facts in journal)
    assert any(b"EventChanged" in facts and b"SeatsBlocked" in facts for facts in journal)


def anything(sale: Sale, dice: random.Random) -> EventCommand:
    one = dice.choice([*sale.state.reservations, new_id()])
    code = dice.choice(("front", "back", "child", "stand"))
    lines = ((code, dice.randint(1, 3)),)
    wish = SeatWish(fallback=dice.choice(tuple(Fallback)), accessible=dice.choice((0, 0, 1)))
    names = tuple(dice.sample(NAMES, 2))
    return dice.choice(
        (
            PlaceHold(new_id(), lines, b"customer", CONTACT, wish=wish),
            PlaceHold(new_id(), lines, b"customer", CONTACT),
            take(*names, code="back"),
            ChangeHold(one, lines, wish),
            ChangeHold(one, lines),
            ConfirmReservation(one),
            CancelReservation(one),
            CancelReservation(one),
            BlockSeats(names),
            UnblockSeats(names),
            CopyFromEvent(dice.choice(COPIES)),
        )
    )


def test_blocking_twice_moves_nothing() -> None:
    seats = Seats(LAYOUT, ("S/A/1",))
    assert [move.look for move in seats.moves({})] == [3]
    seats.block(("S/A/1",))
    assert seats.moves({}) == ()
