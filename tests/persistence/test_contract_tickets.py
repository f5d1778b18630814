"""What every store promises of tickets: they come back as they were left, and none is let in twice."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from domain.event_messages import (
    CancelEvent,
    CancelReservation,
    ConfirmReservation,
    EventCommand,
    PlaceHold,
    Status,
)
from domain.ticket_messages import CheckIn, Entry, ReissueTicket, Ticket, TransferTicket, UndoCheckIn
from persistence.store import OwnerStore, Refused, StoredTicket
from tests.persistence.sales import CONTACT, Sale, claimed, loaded, new_id
from tests.persistence.worlds import WAITING, PostgresWorld, World

BOB = b'{"name":"Bob","email":"bob@example.org"}'


async def sold(store: OwnerStore, quantity: int = 2) -> tuple[Sale, str]:
    """An event, and a confirmed reservation of it."""
    sale = await Sale.opened(store)
    hold = PlaceHold(new_id(), (("A", quantity),), b"customer", CONTACT)
    await sale.append(store, sale.decided(hold))
    await sale.append(store, sale.decided(ConfirmReservation(hold.reservation_id)))
    return sale, hold.reservation_id


def picture(sale: Sale) -> Any:
    tickets = {one: sale.state.tickets.of(one) for one in sale.state.reservations}
    contacts = {key: contact for key, contact in sale.state.contacts.items() if "/" in key}
    return sale.state.reservations, tickets, contacts


async def test_of_tickets_to_which_nothing_has_happened_nothing_is_stored(world: World) -> None:
    store = world.store()
    sale, _ = await sold(store)
    assert (await world.rows(sale.id)).tickets == {}
    assert not (await claimed(store, sale.id)).ticketed


async def test_who_claims_finds_each_ticket_as_it_was_left(world: World) -> None:
    store = world.store()
    sale, bought = await sold(store, 4)
    await sale.append(store, sale.decided(CheckIn(bought, 1, 1, "eve", "north")))
    await sale.append(store, sale.decided(TransferTicket(bought, 2, b"bob", BOB), ReissueTicket(bought, 3)))
    await sale.append(store, sale.decided(CheckIn(bought, 2, 2, "eve", "south", "phone", sale.now_ms - 9)))
    assert (await world.rows(sale.id)).tickets == {
        (bought, 1): StoredTicket(bought, 1, Ticket(1, b"", Entry(sale.now_ms, "eve", "north")), b""),
        (bought, 2): StoredTicket(
            bought, 2, Ticket(2, b"bob", Entry(sale.now_ms - 9, "eve", "south", "phone")), BOB
        ),
        (bought, 3): StoredTicket(bought, 3, Ticket(2), b""),
    }
    again = await loaded(store, await claimed(store, sale.id), page=2)
    assert picture(again) == picture(sale)


async def test_a_second_check_in_of_one_ticket_is_refused_by_the_store_itself(world: World) -> None:
    store = world.store()
    sale, bought = await sold(store)
    ignorant = await loaded(store, await claimed(store, sale.id))
    sale.epoch = ignorant.epoch
    await sale.append(store, sale.decided(CheckIn(bought, 1, 1, "eve")))
    before = await world.rows(sale.id)
    entry = ignorant.decided(CheckIn(bought, 1, 1, "mallory"))
    entry.seq = sale.seq
    with pytest.raises(Refused) as refused:
        await store.append([entry])
    assert refused.value.constraint == "tickets_pkey"
    assert await world.rows(sale.id) == before


async def test_two_owners_that_pass_on_the_same_tickets_wait_for_each_others_fence_and_nothing_else(
    postgres: PostgresWorld,
) -> None:
    """Each in an order of its own, while one of the tickets is in use. Who comes second is fenced."""
    stores = postgres.store(), postgres.store()
    sales = [await sold(stores[0]) for _ in range(2)]
    for sale, bought in sales:
        passed = [TransferTicket(bought, number, b"bob", BOB) for number in (1, 2)]
        assert await sale.append(stores[0], sale.decided(*passed))
    in_use = await postgres.connection()
    await in_use.execute("BEGIN")
    await in_use.execute(
        "SELECT FROM tickets WHERE inventory_id = $1 AND number = 2 FOR UPDATE", sales[0][0].id
    )
    batches = (
        [sale.decided(ReissueTicket(of, 1), ReissueTicket(of, 2)) for sale, of in sales],
        [
            sale.decided(*(TransferTicket(of, number, b"cy", BOB) for number in (2, 1)))
            for sale, of in sales[::-1]
        ],
    )
    appends = []
    for number, (store, batch) in enumerate(zip(stores, batches, strict=True), 1):
        appends.append(asyncio.create_task(store.append(batch)))
        await postgres.until(f"{WAITING} HAVING count(*) = {number}")
    await in_use.execute("COMMIT")
    assert await asyncio.gather(*appends) == [{sale.id for sale, _ in sales}, set()]


async def test_what_is_taken_back_leaves_no_row_and_can_happen_again(world: World) -> None:
    store = world.store()
    sale, bought = await sold(store)
    let_in, undone = CheckIn(bought, 1, 1, "eve"), UndoCheckIn(bought, 1, 1, "eve")
    await sale.append(store, sale.decided(let_in))
    assert await sale.append(store, sale.decided(undone))
    assert (await world.rows(sale.id)).tickets == {}
    assert await sale.append(store, sale.decided(let_in, undone))
    assert await sale.append(store, sale.decided(let_in, undone, let_in))
    assert await sale.append(store, sale.decided(undone, let_in))
    assert (await world.rows(sale.id)).tickets.keys() == {(bought, 1)}


async def test_a_reservation_is_stored_as_checked_in_while_all_of_its_tickets_are(world: World) -> None:
    store = world.store()
    sale, bought = await sold(store)
    both = (CheckIn(bought, 1, 1, "eve"), CheckIn(bought, 2, 1, "eve"))
    assert await sale.append(store, sale.decided(*both))
    assert (await world.rows(sale.id)).reservations[bought][:2] == (Status.CHECKED_IN, True)
    again = await loaded(store, await claimed(store, sale.id))
    assert again.state.reservations == sale.state.reservations
    sale.epoch = again.epoch
    assert await sale.append(store, sale.decided(CancelEvent()))
    assert await sale.append(store, sale.decided())
    assert (await world.rows(sale.id)).reservations[bought][:2] == (Status.CANCELLED, False)
    assert (await loaded(store, await claimed(store, sale.id))).state.reservations == {}


async def test_a_contact_is_written_when_a_ticket_is_passed_on_and_not_again(world: World) -> None:
    store = world.store()
    sale, bought = await sold(store)
    entry = sale.decided(TransferTicket(bought, 1, b"bob", BOB), ReissueTicket(bought, 1))
    assert [move.contact for move in entry.tickets] == [BOB]
    await sale.append(store, entry)
    later = sale.decided(CheckIn(bought, 1, 3, "eve"), ReissueTicket(bought, 2))
    assert [move.contact for move in later.tickets] == [None, None]
    await sale.append(store, later)
    stored = (await world.rows(sale.id)).tickets
    assert [stored[bought, number].contact for number in (1, 2)] == [BOB, b""]


async def test_whatever_happens_the_next_owner_finds_the_same_tickets(world: World) -> None:
    dice = random.Random(11)
    store = world.store()
    sale = await Sale.opened(store)
    for step in range(60):
        sale.now_ms += dice.choice((0, 0, 1_000, 400_000))
        entry = sale.decided(*(anything(sale, dice) for _ in range(dice.randint(1, 5))))
        if entry.facts:
            assert await sale.append(store, entry)
        sale.state.ended.clear()
        if step % 15 == 14:
            again = await loaded(store, await claimed(store, sale.id))
            assert picture(again) == picture(sale)
            sale.epoch = again.epoch
    journal = b"".join(facts for _, _, facts in (await world.rows(sale.id)).journal)
    for fact in (b"TicketCheckedIn", b"CheckInUndone", b"TicketTransferred", b"TicketReissued"):
        assert fact in journal


def anything(sale: Sale, dice: random.Random) -> EventCommand:
    one = dice.choice([*sale.state.reservations, new_id()])
    number = dice.randint(1, 3)
    generation = sale.state.tickets.get(one, number).generation
    return dice.choice(
        (
            PlaceHold(new_id(), (("A", dice.randint(1, 3)),), b"customer", CONTACT),
            ConfirmReservation(one),
            ConfirmReservation(one),
            CancelReservation(one),
            CheckIn(one, number, generation, "eve", dice.choice(("", "north"))),
            CheckIn(one, number, generation, "eve"),
            UndoCheckIn(one, number, generation, "eve"),
            TransferTicket(one, number, b"bob", BOB),
            ReissueTicket(one, number),
        )
    )
