"""What front ends read of restaurants: their rows, their reservations in pages, what a customer has done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from domain.event_messages import (
    CancelEvent,
    CancelReservation,
    ConfirmReservation,
    PauseSale,
    Stage,
    Status,
)
from domain.restaurant import describe
from domain.restaurant_messages import (
    CancelRestaurant,
    CloseRestaurant,
    CompleteStay,
    DeleteRestaurant,
    History,
    SeatWalkIn,
    TableReply,
)
from domain.views import FoundGuest
from persistence.clock import StoreClock
from persistence.histories import TOGETHER_MAX
from persistence.reads import PostgresReads
from tests.persistence.restaurants import DAY, NINETEEN, House, terms
from tests.persistence.sales import NOW_MS, Sale, new_id, place
from tests.persistence.worlds import PostgresWorld


@pytest.fixture
async def reads(postgres: PostgresWorld) -> AsyncIterator[PostgresReads]:
    clock = StoreClock(postgres.store().now_ms, 500)
    await clock.start()
    made = PostgresReads(postgres.url, clock)
    yield made
    await made.close()
    await clock.stop()


async def test_a_restaurant_is_read_as_it_stands(reads: PostgresReads, postgres: PostgresWorld) -> None:
    store = postgres.store()
    house = await House.opened(store)
    await house.does(store, PauseSale())
    assert await reads.restaurant(house.id) == describe(house.state)
    assert await reads.event(house.id) is None
    assert await reads.availability(house.id) is None
    for nowhere in (new_id(), "nonsense"):
        assert await reads.restaurant(nowhere) is None


async def test_a_deleted_restaurant_is_not_read_and_what_it_had_is(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    house = await House.opened(store)
    held = house.hold()
    await house.does(store, held)
    await house.does(store, CancelReservation(held.reservation_id))
    await house.does(store, CloseRestaurant())
    assert await reads.restaurant(house.id) == describe(house.state)
    await house.does(store, DeleteRestaurant())
    assert await reads.restaurant(house.id) is None
    found = await reads.reservation(held.reservation_id)
    assert found is not None
    assert found.reply.reservation.status is Status.RELEASED


async def test_a_reservation_of_tables_is_read_with_its_restaurant_and_contact(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    house = await House.opened(store)
    held = house.hold(party=8)
    await house.does(store, held)
    found = await reads.reservation(held.reservation_id)
    assert found is not None
    assert found.inventory_id == house.id
    assert found.reply == TableReply(house.state.reservations[held.reservation_id], held.contact)


async def test_reservations_of_a_restaurant_are_listed_by_status(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    house = await House.opened(store, terms(4, 4, 4))
    holds = [house.hold() for _ in range(3)]
    await house.does(store, *holds, SeatWalkIn(new_id(), 2))
    await house.does(store, CancelReservation(holds[0].reservation_id))
    await house.does(store, ConfirmReservation(holds[1].reservation_id))

    async def listed(
        status: Status | None,
        after: str | None = None,
        limit: int = 9,
        within_ms: tuple[int, int] | None = None,
        now_ms: int = NOW_MS,
    ) -> list[Status]:
        found = await reads.table_reservations(house.id, status, within_ms, after, limit, now_ms)
        if within_ms is None:  # by another statement
            of_all_days = (0, 2**63 - 1), after, limit, now_ms
            assert await reads.table_reservations(house.id, status, *of_all_days) == found
        return [one.reply.reservation.status for one in found]

    assert sorted(await listed(None)) == ["confirmed", "held", "released", "seated"]
    for status in (Status.HELD, Status.CONFIRMED, Status.RELEASED, Status.SEATED):
        assert await listed(status) == [status]
    assert await listed(Status.NO_SHOW) == []
    assert (await listed(Status.EXPIRED), await listed(Status.EXPIRED, now_ms=2**62)) == ([], [Status.HELD])
    assert await listed(Status.HELD, now_ms=2**62) == []
    assert await listed(None, holds[2].reservation_id) == [Status.SEATED]
    assert len(await listed(None, limit=2)) == 2
    start_ms = (DAY * 24 + 19) * 3_600_000
    for within_ms, found in (((start_ms, start_ms + 1), 3), ((start_ms + 1, 2**62), 0), ((0, start_ms), 1)):
        assert len(await listed(None, within_ms=within_ms)) == found
    assert await listed(Status.HELD, within_ms=(0, start_ms)) == []


async def test_reservations_of_a_restaurant_are_listed_by_table_alone_or_joined(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    house = await House.opened(store, terms(4, 4, 4))
    one, two = house.hold(table_id=house.tables[0]), house.hold(table_id=house.tables[2])
    joined = house.hold(NINETEEN - 240, party=8)
    await house.does(store, one, two, joined)
    await house.does(store, CancelReservation(one.reservation_id))

    async def listed(number: int, key: bytes | None = None, status: Status | None = None) -> list[str]:
        at = (0, 2**62), None, 9, NOW_MS, key, house.tables[number]
        return [found.reply.reservation.id for found in await reads.table_reservations(house.id, status, *at)]

    both = sorted((one.reservation_id, joined.reservation_id))
    assert await listed(0) == await listed(0, b"customer") == both
    assert await listed(1) == [joined.reservation_id]
    assert await listed(2) == [two.reservation_id]
    assert await listed(0, status=Status.RELEASED) == [one.reservation_id]
    assert await listed(2, b"nobody") == []
    elsewhere = (0, 2**62), None, 9, NOW_MS, None, new_id()
    assert await reads.table_reservations(house.id, None, *elsewhere) == []


async def test_a_reservation_is_read_with_the_stage_of_what_it_is_of(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store, customer = postgres.store(), new_id().encode()
    house, sale = await House.opened(store), await Sale.opened(store)
    table, tickets = replace(house.hold(), customer=customer), replace(place(), customer=customer)
    await house.does(store, table)
    assert await sale.append(store, sale.decided(tickets))

    async def stages() -> list[Stage]:
        alone = [await reads.reservation(one.reservation_id) for one in (table, tickets)]
        return [found.stage for found in alone if found is not None] + [
            found.stage
            for found in (
                *await reads.of_customer(customer, None, 9),
                *await reads.table_reservations(house.id, None, (0, 2**62), None, 9, NOW_MS),
                *await reads.reservations(sale.id, None, None, 9, NOW_MS),
                *await reads.exported(sale.id, None, 9, NOW_MS),
            )
        ]

    assert await stages() == [Stage.PUBLISHED] * 7
    await house.does(store, CancelRestaurant())
    assert await sale.append(store, sale.decided(CancelEvent()))
    assert await stages() == [Stage.CANCELLED] * 7


async def test_a_customers_history_is_what_was_appended(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    house = await House.opened(store)
    came, cancelled, theirs = house.hold(), house.hold(NINETEEN - 120), house.hold(NINETEEN - 240)
    await house.does(store, came, cancelled, theirs)
    await house.does(store, *(ConfirmReservation(one.reservation_id) for one in (came, cancelled, theirs)))
    await house.does(store, CancelReservation(cancelled.reservation_id))
    await house.does(store, CancelReservation(theirs.reservation_id, by_operator=True))
    house.now_ms = (DAY * 24 + 20) * 3_600_000
    await house.does(store, CompleteStay(came.reservation_id))
    assert await reads.history(house.id, b"customer") == History(1, 1, 0)
    assert await reads.history(house.id, b"somebody else") == History()
    another = await House.opened(store)
    asked = [(house.id, b"customer"), (house.id, b"somebody else"), (another.id, b"customer")] * TOGETHER_MAX
    found = await asyncio.gather(*(reads.history(*one) for one in asked))
    assert found == [History(1, 1, 0), History(), History()] * TOGETHER_MAX, "each has its own"


async def test_reservations_and_guests_are_found_by_the_keys_of_who_made_them(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    house, other = await House.opened(store, terms(4, 4, 4)), await House.opened(store)
    ada, bob = replace(house.hold(), phone=b"number"), replace(house.hold(), customer=b"bob", phone=b"number")
    walk_in = SeatWalkIn(new_id(), 2, b"bob", b"{}", phone=b"another")
    await house.does(store, ada, bob, walk_in)
    await house.does(store, ConfirmReservation(ada.reservation_id))
    await house.does(store, CancelReservation(ada.reservation_id))
    await other.does(store, replace(other.hold(), phone=b"number"))

    async def found(key: bytes, status: Status | None = None, after: str | None = None) -> list[str]:
        page = await reads.table_reservations(house.id, status, (0, 2**62), after, 9, NOW_MS, key)
        return [one.reply.reservation.id for one in page]

    both_ids = sorted((ada.reservation_id, bob.reservation_id))
    assert await found(b"number") == both_ids
    assert await found(b"number", after=both_ids[0]) == both_ids[1:]
    assert await found(b"number", Status.CANCELLED) == [ada.reservation_id]
    assert await found(b"bob") == sorted((bob.reservation_id, walk_in.reservation_id))
    assert await found(b"another") == [walk_in.reservation_id]
    assert await found(b"nobody") == []
    both = await reads.guests(house.id, b"number", 9)
    last = max((bob.reservation_id, bob.contact), (walk_in.reservation_id, walk_in.contact))
    assert both == [FoundGuest(bob.contact, History()), FoundGuest(ada.contact, History(cancellations=1))]
    assert await reads.guests(house.id, b"bob", 9) == [FoundGuest(last[1], History())]
    assert await reads.guests(house.id, b"number", 1) == both[:1]
    assert await reads.guests(other.id, b"bob", 9) == []
