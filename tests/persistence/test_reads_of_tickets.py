"""What front ends read of tickets: of one reservation, and of a whole event for its door."""

from __future__ import annotations

from domain.event_messages import ConfirmReservation
from domain.ticket_messages import CheckIn, Entry, Ticket, TransferTicket
from domain.views import FoundTicket
from persistence.reads import PostgresReads
from tests.persistence.sales import CONTACT, Sale, new_id, place
from tests.persistence.test_reads_of_seats import reads
from tests.persistence.worlds import PostgresWorld

__all__ = ["reads"]
BOB = b'{"name":"Bob","email":"bob@example.org"}'


async def test_the_tickets_of_a_reservation_are_those_of_which_something_has_happened(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    sale = await Sale.opened(store)
    bob = new_id().encode()
    hold = place(3)
    bought = hold.reservation_id
    await sale.append(store, sale.decided(hold))
    await sale.append(store, sale.decided(ConfirmReservation(bought)))
    assert await reads.tickets(sale.id, bought) == []
    await sale.append(
        store, sale.decided(CheckIn(bought, 1, 1, "eve", "north"), TransferTicket(bought, 3, bob, BOB))
    )
    found = sorted(await reads.tickets(sale.id, bought), key=lambda one: one.number)
    assert found == [
        FoundTicket(1, Ticket(1, b"", Entry(sale.now_ms, "eve", "north")), b""),
        FoundTicket(3, Ticket(2, bob), BOB),
    ]
    received = await reads.received(bob, None, 9)
    assert [(one.event_id, one.key, one.found) for one in received] == [(sale.id, (bought, 3), found[1])]
    assert await reads.received(bob, (bought, 3), 9) == await reads.received(b"", None, 9) == []
    for nowhere in (new_id(), "nonsense"):
        assert await reads.tickets(nowhere, bought) == await reads.tickets(sale.id, nowhere) == []


async def test_the_door_sees_all_that_is_confirmed_page_by_page(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    sale = await Sale.opened(store)
    holds = [place() for _ in range(5)]
    await sale.append(store, sale.decided(*holds))
    sold = [hold.reservation_id for hold in holds[:4]]
    await sale.append(store, sale.decided(*map(ConfirmReservation, sold)))
    await sale.append(store, sale.decided(CheckIn(sold[1], 1, 1, "eve")))
    first = await reads.door(sale.id, None, 3)
    rest = await reads.door(sale.id, first[-1].reservation.id, 3)
    assert [one.reservation.id for one in first + rest] == sold
    assert [len(one.tickets) for one in first + rest] == [0, 1, 0, 0]
    assert {one.contact for one in first} == {CONTACT}
    assert await reads.door("nonsense", None, 3) == await reads.door(new_id(), None, 3) == []
