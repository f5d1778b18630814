"""What front ends read: events, reservations and availability as rows, in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from domain.catalogue import ListedEvent, Wanted
from domain.event import counts, describe
from domain.event_messages import (
    CancelEvent,
    CancelReservation,
    CloseEvent,
    ConfirmReservation,
    CreateEvent,
    DeleteEvent,
    EventCommand,
    PauseSale,
    PlaceHold,
    Stage,
    Status,
)
from persistence.clock import StoreClock
from persistence.reads import PostgresReads
from persistence.store import StoreError
from server.embedded.ports import free_port
from server.ids import uuid7
from tests.persistence.sales import NOW_MS, OWNER, Sale, claimed, new_id, place, terms
from tests.persistence.worlds import PostgresWorld


@pytest.fixture
async def reads(postgres: PostgresWorld) -> AsyncIterator[PostgresReads]:
    clock = StoreClock(postgres.store().now_ms, 500)
    await clock.start()
    made = PostgresReads(postgres.url, clock)
    yield made
    await made.close()
    await clock.stop()


async def test_an_event_is_read_with_its_present_counts(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    sale = await Sale.opened(store, terms(10, 20, capacity=12))
    commands = [place(4, "A"), place(5, "B")]
    assert await sale.append(store, sale.decided(*commands))
    assert await sale.append(store, sale.decided(ConfirmReservation(commands[0].reservation_id), PauseSale()))
    assert await reads.event(sale.id) == describe(sale.state)
    assert [one.available for one in describe(sale.state).counts] == [3, 3]


async def test_what_is_not_there_is_none(reads: PostgresReads) -> None:
    for nowhere in (new_id(), "nonsense", ""):
        assert await reads.event(nowhere) is None
        assert await reads.reservation(nowhere) is None
        assert await reads.availability(nowhere) is None
        assert await reads.reservations(nowhere, None, None, 10, NOW_MS) == []


async def test_a_reservation_is_read_with_its_event_and_contact(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    sale = await Sale.opened(store)
    command = place(2)
    assert await sale.append(store, sale.decided(command))
    found = await reads.reservation(command.reservation_id)
    assert found is not None
    assert found.inventory_id == sale.id
    assert found.reply.reservation == sale.state.reservations[command.reservation_id]
    assert (found.reply.currency, found.reply.contact) == ("EUR", command.contact)


async def test_a_request_is_known_once_it_is_answered_and_for_as_long_as_its_answer_is_kept(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    sale = await Sale.opened(store, at_ms=await store.now_ms())
    answered = sale.decided(place(1))
    request_id = answered.requests[0].request_id
    assert not await reads.is_known(sale.id, request_id)
    assert await sale.append(store, answered)
    assert await reads.is_known(sale.id, request_id)
    assert not await reads.is_known(new_id(), request_id), "by another"
    over = sale.decided(place(1))
    over.requests[0] = msgspec.structs.replace(over.requests[0], expires_ms=sale.now_ms)
    assert await sale.append(store, over)
    assert not await reads.is_known(sale.id, over.requests[0].request_id)


async def test_events_are_listed_by_their_start_then_id(database_url: str) -> None:
    world = PostgresWorld(database_url)
    store = world.store()
    clock = StoreClock(store.now_ms, 500)
    await clock.start()
    reads = PostgresReads(database_url, clock)
    starts = [NOW_MS + 7_000 - 1_000 * (n // 3) for n in range(12)]
    sales = [await Sale.opened(store, terms(n + 1, starts_at_ms=start)) for n, start in enumerate(starts)]
    wanted = [
        describe(sale.state)
        for sale in sorted(sales, key=lambda one: ((one.state.terms or terms()).starts_at_ms, one.id))
    ]
    found: list[ListedEvent] = []
    while page := await reads.events(Wanted(), found[-1].place if found else None, 5):
        found += page
    assert [one.event for one in found] == wanted
    await reads.close()
    await clock.stop()
    await world.close()


async def test_an_events_reservations_are_listed_by_id_live_and_ended_merged(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    sale, other = await Sale.opened(store, terms(500)), await Sale.opened(store, terms(500))
    commands = [place() for _ in range(60)]
    assert await sale.append(store, sale.decided(*commands))
    assert await other.append(store, other.holds(*[1] * 30))
    ids = [command.reservation_id for command in commands]
    assert await sale.append(store, sale.decided(*map(ConfirmReservation, ids[::3])))
    assert await sale.append(store, sale.decided(*map(CancelReservation, ids[::2])))
    assert await pages(reads, sale, None) == ids
    assert await pages(reads, sale, Status.CONFIRMED) == [one for one in ids[::3] if one not in ids[::2]]
    assert await pages(reads, sale, Status.CANCELLED) == ids[::6]
    assert await pages(reads, sale, Status.RELEASED) == [one for one in ids[::2] if one not in ids[::3]]


async def test_a_hold_past_its_end_is_listed_as_expired_before_anybody_has_noticed(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    sale = await Sale.opened(store, terms(500))
    noticed, over, held = place(), place(), place()
    for command in (noticed, over, held):
        assert await sale.append(store, sale.decided(command))
        sale.now_ms += 1_000
    assert await sale.append(store, sale.decided())
    sale.now_ms = NOW_MS + 900_000
    assert await sale.append(store, sale.decided())
    now_ms = sale.now_ms + 1_000
    expired = await pages(reads, sale, Status.EXPIRED, now_ms)
    assert expired == [noticed.reservation_id, over.reservation_id]
    assert await pages(reads, sale, Status.HELD, now_ms) == [held.reservation_id]
    assert await pages(reads, sale, Status.HELD, now_ms - 1) == [over.reservation_id, held.reservation_id]


async def pages(
    reads: PostgresReads, sale: Sale, status: Status | None, now_ms: int = NOW_MS, limit: int = 7
) -> list[str]:
    ids: list[str] = []
    while page := await reads.reservations(sale.id, status, ids[-1] if ids else None, limit, now_ms):
        assert len(page) <= limit
        assert {one.inventory_id for one in page} == {sale.id}
        ids += [one.reply.reservation.id for one in page]
    return ids


async def test_availability_without_copies_is_the_row(reads: PostgresReads, postgres: PostgresWorld) -> None:
    store = postgres.store()
    sale = await Sale.opened(store, terms(10))
    assert await sale.append(store, sale.holds(3))
    before_ms = reads.now_ms()
    found = await reads.availability(sale.id)
    assert found is not None
    assert (found.event_id, found.sequence, found.ticket_types) == (sale.id, 2, counts(sale.state))
    assert before_ms <= found.at_ms <= reads.now_ms()


async def test_secrets_are_the_databases_own(reads: PostgresReads) -> None:
    assert len(await reads.secret("reservation_token")) == 32
    assert await reads.secret("customer_key") != await reads.secret("reservation_token")
    with pytest.raises(LookupError):
        await reads.secret("none")


async def test_a_ping_fails_where_there_is_no_database(reads: PostgresReads) -> None:
    await reads.ping()
    nowhere = PostgresReads(f"postgresql://nobody@127.0.0.1:{free_port()}/none", reads._clock)
    with pytest.raises(StoreError):
        await nowhere.ping()
    await nowhere.close()


async def test_what_a_customer_has_made_in_a_millisecond_is_found_live_or_ended(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    sale, other = await Sale.opened(store, terms(50)), await Sale.opened(store, terms(50))
    at_ms = 1_795_000_000_123
    ids = [uuid7(at_ms) for _ in range(4)]
    by_ada = [PlaceHold(one, (("A", 1),), b"ada", b"{}") for one in ids[:2]]
    others = [PlaceHold(ids[2], (("A", 1),), b"bob", b"{}")]
    others += [PlaceHold(uuid7(at_ms + step), (("A", 1),), b"ada", b"{}") for step in (-1, 1)]
    assert await sale.append(store, sale.decided(*by_ada, *others, CancelReservation(ids[0])))
    assert await other.append(store, other.decided(PlaceHold(ids[3], (("A", 1),), b"ada", b"{}")))
    assert sorted(await reads.made_at(sale.id, b"ada", at_ms)) == sorted(ids[:2])
    assert await reads.made_at(sale.id, b"eve", at_ms) == []
    assert await reads.made_at(new_id(), b"ada", at_ms) == []
    assert await reads.made_at(sale.id, b"ada", 2**42 - 1) == []


async def test_lists_for_all_leave_out_drafts_and_what_is_not_open(database_url: str) -> None:
    world = PostgresWorld(database_url)
    store = world.store()
    clock = StoreClock(store.now_ms, 500)
    await clock.start()
    reads = PostgresReads(database_url, clock)
    now_ms = await store.now_ms()
    start_ms = now_ms + 3_600_000
    sales: dict[str, Sale] = {}

    async def opened(name: str, *commands: EventCommand, stage: Stage = Stage.PUBLISHED, **more: Any) -> None:
        sale = sales[name] = Sale(new_id())
        sale.now_ms = now_ms
        of = msgspec.structs.replace(
            terms(2, 1), name=name, **{"starts_at_ms": start_ms, "listed": "while_open", **more}
        )
        assert await store.create(sale.decided(CreateEvent(sale.id, of, stage)), OWNER, "events")
        sale.seq, sale.epoch = 1, (await claimed(store, sale.id)).epoch
        assert not commands or await sale.append(store, sale.decided(*commands))

    await opened("open")
    await opened("deleted", DeleteEvent(), listed="always")
    gone = sales.pop("deleted").id
    assert await reads.event(gone) is None
    assert await reads.availability_row(gone) is None
    await opened("half full", place(2, "A"))
    await opened("all types full", place(2, "A"), place(1, "B"))
    await opened("full by its capacity", place(1, "A"), capacity=1)
    await opened("started", starts_at_ms=now_ms - 1)
    await opened("closed", CloseEvent())
    await opened("cancelled", CancelEvent())
    await opened("draft", stage=Stage.DRAFT)
    await opened("closed, always listed", CloseEvent(), listed="always")
    await opened("full, always listed", place(1, "A"), listed="always", capacity=1)
    await opened("draft, always listed", stage=Stage.DRAFT, listed="always")

    public = {one.event.terms.name for one in await reads.events(Wanted(), None, 50)}
    assert public == {"open", "half full", "closed, always listed", "full, always listed"}
    assert {one.event.terms.name for one in await reads.events(Wanted(everything=True), None, 50)} == set(
        sales
    )
    draft = await reads.availability_row(sales["draft"].id)
    shown = await reads.availability_row(sales["cancelled"].id)
    assert draft is not None
    assert shown is not None
    assert (draft.draft, shown.draft) == (True, False)
    assert {kind.available for kind in shown.ticket_types} == {0}
    await reads.close()
    await clock.stop()
    await world.close()
