"""What front ends read of seats: a venue's present plan, and how each seat of an event looks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.event_messages import BlockSeats, ConfirmReservation, UnblockSeats
from persistence.clock import StoreClock
from persistence.reads import PostgresReads
from tests.persistence.sales import Sale, new_id
from tests.persistence.test_contract_seats import seated_sale, take
from tests.persistence.worlds import PostgresWorld


@pytest.fixture
async def reads(postgres: PostgresWorld) -> AsyncIterator[PostgresReads]:
    clock = StoreClock(postgres.store().now_ms, 500)
    await clock.start()
    made = PostgresReads(postgres.url, clock)
    yield made
    await made.close()
    await clock.stop()


async def test_each_seat_looks_as_its_reservation_stands(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    sale = await seated_sale(postgres, store)
    sold = take("S/A/2")
    await sale.append(store, sale.decided(take("S/A/1"), sold, BlockSeats(("S/C/6",))))
    await sale.append(store, sale.decided(ConfirmReservation(sold.reservation_id)))
    found = await reads.seats(sale.id)
    assert found is not None
    assert (found.sequence, list(found.states)) == (sale.seq, [1, 2, *[0] * 15, 3])


async def test_blocked_seats_are_read_by_name(reads: PostgresReads, postgres: PostgresWorld) -> None:
    store = postgres.store()
    sale = await seated_sale(postgres, store)
    assert await reads.blocked_seats(sale.id) == ()
    await sale.append(store, sale.decided(take("S/A/1"), BlockSeats(("S/C/6", "S/B/1"))))
    assert sorted(await reads.blocked_seats(sale.id)) == ["S/B/1", "S/C/6"]
    await sale.append(store, sale.decided(UnblockSeats(("S/C/6", "S/B/1"))))
    assert await reads.blocked_seats(sale.id) == ()
    for nowhere in (new_id(), "nonsense"):
        assert await reads.blocked_seats(nowhere) == ()


async def test_what_has_no_seats_has_no_map(reads: PostgresReads, postgres: PostgresWorld) -> None:
    plain = await Sale.opened(postgres.store())
    for nowhere in (plain.id, new_id(), "nonsense"):
        assert await reads.seats(nowhere) is None


async def test_an_event_that_has_a_plan_can_be_read_with_it(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    sale = await seated_sale(postgres, postgres.store())
    found = await reads.event(sale.id)
    assert found is not None
    assert found.terms == sale.state.terms
    assert found.terms.seating is not None
