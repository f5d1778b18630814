"""What every store keeps of payments: a reservation's mark, and a note of what was paid and is cancelled."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.event_messages import (
    BeginPayment,
    CancelReservation,
    ConfirmReservation,
    FailPayment,
    FinishPayment,
    PaidBy,
    SellReservation,
    Status,
    VoidReservation,
)
from persistence.store import OwnerStore
from tests.persistence.sales import NOW_MS, Sale, claimed, loaded, new_id, place, terms
from tests.persistence.worlds import World

DEADLINE_MS = NOW_MS + 3_600_000


async def held(store: OwnerStore) -> tuple[Sale, str]:
    """A sale with one hold."""
    sale = await Sale.opened(store, replace(terms(10), cancel_until_ms=NOW_MS + 1_000))
    hold = place(2)
    assert await sale.append(store, sale.decided(hold))
    return sale, hold.reservation_id


async def test_what_is_being_paid_is_loaded_with_its_payment_and_the_holds_own_end(world: World) -> None:
    store, payment_id = world.store(), new_id()
    sale, reservation_id = await held(store)
    ends_ms = sale.state.reservations[reservation_id].expires_at_ms
    assert await sale.append(store, sale.decided(BeginPayment(reservation_id, payment_id, DEADLINE_MS)))
    found = await loaded(store, await claimed(store, sale.id))
    stored = found.state.reservations[reservation_id]
    assert (stored.status, stored.expires_at_ms) == (Status.PAYING, DEADLINE_MS)
    assert stored.paid_by == PaidBy(payment_id, ends_ms)
    assert (await world.rows(sale.id)).next_due_ms == DEADLINE_MS


async def test_a_failed_payment_leaves_its_mark_and_a_free_confirm_beside_it_has_none(world: World) -> None:
    store, payment_id = world.store(), new_id()
    sale, reservation_id = await held(store)
    free = place(1)
    assert await sale.append(store, sale.decided(free, BeginPayment(reservation_id, payment_id, DEADLINE_MS)))
    confirmed, failed = ConfirmReservation(free.reservation_id), FailPayment(reservation_id, payment_id)
    assert await sale.append(store, sale.decided(confirmed, failed))
    rows = (await world.rows(sale.id)).reservations
    assert (rows[reservation_id][0], rows[reservation_id][-3]) == (Status.HELD, payment_id)
    assert (rows[free.reservation_id][0], rows[free.reservation_id][-3:]) == (Status.CONFIRMED, (None,) * 3)


@pytest.mark.parametrize("beside_one_that_is_paid", [False, True])
async def test_what_is_sold_after_its_payment_failed_is_of_no_payment_any_more(
    world: World, beside_one_that_is_paid: bool
) -> None:
    store, payment_id = world.store(), new_id()
    sale, reservation_id = await held(store)
    other = place(1)
    begun = BeginPayment(reservation_id, payment_id, DEADLINE_MS)
    assert await sale.append(store, sale.decided(other, begun, FailPayment(reservation_id, payment_id)))
    more = [BeginPayment(other.reservation_id, new_id(), DEADLINE_MS)] if beside_one_that_is_paid else []
    sold = SellReservation(reservation_id, "ann", "cash")
    assert await sale.append(store, sale.decided(sold, *more))
    assert await sale.append(store, sale.decided(VoidReservation(reservation_id)))
    rows = await world.rows(sale.id)
    row = rows.reservations[reservation_id]
    assert (row[0], row[-3:], rows.paid_ends) == (Status.CANCELLED, (None,) * 3, {})


async def test_a_hold_may_be_placed_and_being_paid_in_one_append(world: World) -> None:
    store, payment_id = world.store(), new_id()
    sale = await Sale.opened(store)
    hold = place(1)
    begun = BeginPayment(hold.reservation_id, payment_id, DEADLINE_MS)
    assert await sale.append(store, sale.decided(hold, begun))
    row = (await world.rows(sale.id)).reservations[hold.reservation_id]
    assert (row[0], row[1], row[-3]) == (Status.PAYING, True, payment_id)


async def test_what_was_paid_and_is_cancelled_is_noted_and_what_was_free_is_not(world: World) -> None:
    store, payment_id = world.store(), new_id()
    sale, reservation_id = await held(store)
    others = [place(1), place(1)]
    price = sale.state.reservations[reservation_id].total
    begun = BeginPayment(reservation_id, payment_id, DEADLINE_MS)
    assert await sale.append(store, sale.decided(*others, begun))
    finished = FinishPayment(reservation_id, payment_id, price)
    free = [ConfirmReservation(one.reservation_id) for one in others]
    assert await sale.append(store, sale.decided(finished, *free))
    assert (await world.rows(sale.id)).paid_ends == {}
    gone = [VoidReservation(others[0].reservation_id), CancelReservation(others[1].reservation_id)]
    assert await sale.append(store, sale.decided(CancelReservation(reservation_id), *gone))
    assert (await world.rows(sale.id)).paid_ends == {reservation_id: (payment_id, 0)}


async def test_what_is_kept_of_it_is_noted_and_is_the_reservations_from_then_on(world: World) -> None:
    store, payment_id = world.store(), new_id()
    keeps = replace(terms(10), cancel_until_ms=NOW_MS + 1_000, cancel_keeps_percent=40)
    sale = await Sale.opened(store, keeps)
    hold = place(2)
    price = 2 * keeps.ticket_types[0].price
    begun = BeginPayment(hold.reservation_id, payment_id, DEADLINE_MS)
    finished = FinishPayment(hold.reservation_id, payment_id, price)
    assert await sale.append(store, sale.decided(hold, begun, finished))
    assert await sale.append(store, sale.decided(CancelReservation(hold.reservation_id)))
    rows = await world.rows(sale.id)
    assert rows.paid_ends == {hold.reservation_id: (payment_id, price * 40 // 100)}
    assert rows.reservations[hold.reservation_id][-1] == price * 40 // 100
