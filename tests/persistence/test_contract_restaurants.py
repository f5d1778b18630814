"""What each store promises of a restaurant: rows, reservations, and no table taken twice at one time."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.event_messages import (
    BeginPayment,
    CancelReservation,
    ConfirmReservation,
    FinishPayment,
    PauseSale,
    Stage,
    Status,
)
from domain.kinds import AnyReservation
from domain.restaurant_messages import (
    CancelRestaurant,
    ChangeRestaurant,
    CloseRestaurant,
    CompleteStay,
    DeleteRestaurant,
    Deposit,
    MarkNoShow,
    MoveReservation,
    PublishRestaurant,
    RestaurantChange,
    SeatWalkIn,
    TableReservation,
)
from persistence.append_columns import range_of
from persistence.store import Append, Refused, Stored
from tests.persistence.restaurants import DAY, NINETEEN, House, loaded, terms
from tests.persistence.sales import NOW_MS, Sale, new_id
from tests.persistence.worlds import PostgresWorld, World

HOUR_MS = 3_600_000
START_MS = DAY * 24 * HOUR_MS + 19 * HOUR_MS


async def test_what_is_loaded_is_what_was_appended(world: World) -> None:
    store = world.store()
    house = await House.opened(store)
    held, two, three = house.hold(), house.hold(), house.hold(NINETEEN + 120, party=8)
    await house.does(store, held, two, three)
    await house.does(
        store,
        ConfirmReservation(held.reservation_id),
        MoveReservation(two.reservation_id, minute=NINETEEN - 120),
        SeatWalkIn(new_id(), 3),
        PauseSale(),
    )
    after = await loaded(store, house.id)
    assert after.terms == house.state.terms
    assert (after.version, after.paused, after.live) == (2, True, 4)
    assert after.reservations == house.state.reservations
    assert {entry.status for entry in after.reservations.values()} == {
        Status.HELD,
        Status.CONFIRMED,
        Status.SEATED,
    }
    assert after.contacts[held.reservation_id] == held.contact


async def test_an_ended_reservation_is_found_and_is_not_live(world: World) -> None:
    store = world.store()
    house = await House.opened(store)
    held = house.hold()
    await house.does(store, held)
    await house.does(store, ConfirmReservation(held.reservation_id))
    await house.does(store, CancelReservation(held.reservation_id))
    assert await store.live(house.id, None, 10) == []
    found = await store.ended(house.id, [held.reservation_id])
    assert found == [Stored(house.state.ended[held.reservation_id], held.contact)]


async def test_a_deposit_is_loaded_with_its_payment_and_what_is_kept_of_it_is_noted(world: World) -> None:
    store, payments = world.store(), [new_id(), new_id()]
    house = await House.opened(store, replace(terms(4, 4), deposit=Deposit(500, "EUR"), stay_minutes=30))
    paying, paid = house.hold(party=2), house.hold(party=2)
    await house.does(store, paying, paid)
    deadline_ms = house.state.reservations[paid.reservation_id].expires_at_ms + 1
    for command, payment_id in ((paying, payments[0]), (paid, payments[1])):
        await house.does(store, BeginPayment(command.reservation_id, payment_id, deadline_ms))
    await house.does(store, FinishPayment(paid.reservation_id, payments[1], 1_000))
    after = await loaded(store, house.id)
    assert after.reservations == house.state.reservations
    assert after.reservations[paying.reservation_id].status is Status.PAYING
    assert after.reservations[paid.reservation_id].deposit == 1_000
    house.epoch += 1  # that of who has loaded it
    house.now_ms = START_MS + HOUR_MS
    await house.does(store, MarkNoShow(paid.reservation_id))
    rows = await world.rows(house.id)
    assert rows.paid_ends == {paid.reservation_id: (payments[1], 1_000)}
    assert rows.reservations[paid.reservation_id][-3:] == (payments[1], deadline_ms - 1, 1_000)


async def test_a_changed_restaurant_is_what_is_loaded(world: World) -> None:
    store = world.store()
    house = await House.opened(store, terms(2, 4, 6))
    change = RestaurantChange(name="Harbour", city="Genoa", removed_tables=(house.tables[2],))
    await house.does(store, ChangeRestaurant(change))
    after = await loaded(store, house.id)
    assert after.terms == house.state.terms
    assert after.terms is not None
    assert (after.terms.name, after.terms.city, len(after.terms.tables), after.version) == (
        "Harbour",
        "Genoa",
        2,
        2,
    )


async def test_a_restaurant_is_loaded_in_the_stage_that_it_is_in(world: World) -> None:
    store = world.store()
    house = await House.opened(store, stage=Stage.DRAFT)
    assert (await loaded(store, house.id)).stage is Stage.DRAFT
    for command, stage in (
        (PublishRestaurant(), Stage.PUBLISHED),
        (CloseRestaurant(), Stage.CLOSED),
        (DeleteRestaurant(), Stage.CANCELLED),
    ):
        house.epoch += 1  # it was claimed, to be loaded
        await house.does(store, command)
        after = await loaded(store, house.id)
        assert (after.stage, after.version, after.deleted) == (
            stage,
            house.state.version,
            house.state.deleted,
        )
    assert after.deleted


async def test_nothing_of_a_cancelled_restaurant_is_live_and_what_it_had_ends_later(world: World) -> None:
    store = world.store()
    house = await House.opened(store)
    held = house.hold()
    await house.does(store, held)
    await house.does(store, CancelRestaurant())
    rows = await world.rows(house.id)
    assert (rows.live, rows.live_reservations, rows.next_due_ms) == (0, 0, house.now_ms)
    after = await loaded(store, house.id)
    assert (after.live, list(after.reservations)) == (0, [held.reservation_id])
    house.epoch += 1  # it was claimed, to be loaded
    await house.does(store)
    rows = await world.rows(house.id)
    assert (rows.next_due_ms, rows.reservations[held.reservation_id][:2]) == (None, ("released", False))
    assert await store.live(house.id, None, 9) == []


async def test_an_event_and_a_restaurant_share_a_batch(world: World) -> None:
    store = world.store()
    house, sale = await House.opened(store), await Sale.opened(store)
    held = house.hold()
    assert await store.append([house.decided(held), sale.holds(2, 1)]) == {house.id, sale.id}
    assert [one.reservation.id for one in await store.live(house.id, None, 9)] == [held.reservation_id]
    assert [one.held for one in (await world.rows(sale.id)).counts] == [3]


def forced(house: House, *rows: AnyReservation) -> Append:
    """An append of reservations that no rule has seen."""
    entry = Append(house.id, "restaurant", house.epoch, house.seq, NOW_MS, b"\x91\x90", live=len(rows))
    entry.placed = [Stored(row, b"{}") for row in rows]
    return entry


def stay(table_id: str, start_ms: int, free_at_ms: int) -> TableReservation:
    return TableReservation(
        new_id(), Status.HELD, NOW_MS, (table_id,), start_ms, free_at_ms, free_at_ms, 2, b"customer", NOW_MS
    )


async def test_two_that_overlap_at_one_table_are_refused_and_nothing_changes(world: World) -> None:
    store = world.store()
    house = await House.opened(store)
    await house.does(store, house.hold(table_id=house.tables[0]))
    before = await world.rows(house.id)
    with pytest.raises(Refused) as refused:
        await store.append([forced(house, stay(house.tables[0], START_MS + 2 * HOUR_MS - 1, START_MS * 2))])
    assert refused.value.constraint == "table_times_apart"
    assert await world.rows(house.id) == before


async def test_what_only_touches_is_no_overlap_nor_is_another_table(world: World) -> None:
    store = world.store()
    house = await House.opened(store)
    await house.does(store, house.hold(table_id=house.tables[0]))
    entry = forced(
        house,
        stay(house.tables[0], START_MS + 2 * HOUR_MS, START_MS + 4 * HOUR_MS),
        stay(house.tables[0], START_MS - HOUR_MS, START_MS),
        stay(house.tables[1], START_MS, START_MS + 2 * HOUR_MS),
    )
    assert await store.append([entry]) == {house.id}


async def test_two_may_change_places_in_one_append(world: World) -> None:
    store = world.store()
    house = await House.opened(store)
    one, other = house.hold(table_id=house.tables[0]), house.hold(table_id=house.tables[1])
    await house.does(store, one, other)
    rows = [house.state.reservations[command.reservation_id] for command in (one, other)]
    entry = forced(house)
    entry.changed = [replace(row, tables=rows[1 - at].tables) for at, row in enumerate(rows)]
    assert await store.append([entry]) == {house.id}


async def test_what_has_ended_or_moved_leaves_its_table_to_others(world: World) -> None:
    store = world.store()
    house = await House.opened(store)
    one, other = house.hold(table_id=house.tables[0]), house.hold(table_id=house.tables[1])
    await house.does(store, one, other)
    again, moved = house.hold(table_id=house.tables[0]), house.hold(table_id=house.tables[1])
    await house.does(store, CancelReservation(one.reservation_id), again)
    await house.does(store, MoveReservation(other.reservation_id, minute=NINETEEN - 180), moved)
    assert len(await store.live(house.id, None, 9)) == 3


async def test_a_customers_ends_are_counted_once_each(postgres: PostgresWorld) -> None:
    store = postgres.store()
    house = await House.opened(store)
    came, stayed_away, cancelled = house.hold(), house.hold(NINETEEN + 120), house.hold(NINETEEN - 240)
    await house.does(store, came, stayed_away, cancelled)
    ids = [command.reservation_id for command in (came, stayed_away, cancelled)]
    await house.does(store, *(ConfirmReservation(one) for one in ids))
    await house.does(store, CancelReservation(ids[2]))
    house.now_ms = START_MS + 3 * HOUR_MS
    await house.does(store, CompleteStay(ids[0]), MarkNoShow(ids[1]))
    connection = await postgres.connection()
    found = await connection.fetch("SELECT * FROM guests WHERE inventory_id = $1", house.id)
    assert [tuple(row)[1:] for row in found] == [(b"customer", 1, 1, 1)]


async def test_a_tables_times_are_the_live_reservations(postgres: PostgresWorld) -> None:
    store = postgres.store()
    house = await House.opened(store)
    both, gone = house.hold(party=8), house.hold(NINETEEN - 240)
    await house.does(store, both, gone)
    await house.does(store, CancelReservation(gone.reservation_id))
    connection = await postgres.connection()
    rows = await connection.fetch(
        "SELECT table_id::text, during::text FROM table_times t JOIN reservations r ON r.id = reservation_id"
        " WHERE r.inventory_id = $1 ORDER BY table_id",
        house.id,
    )
    span = START_MS, START_MS + 2 * HOUR_MS
    assert [tuple(row) for row in rows] == [(one, range_of(one, *span)) for one in sorted(house.tables)]
