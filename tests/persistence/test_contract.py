"""What every store promises its owners: creation, claims, the fence, and what an append leaves behind."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from domain.event_messages import (
    CancelEvent,
    CancelReservation,
    ChangeEvent,
    CloseEvent,
    ConfirmReservation,
    CreateEvent,
    DeleteEvent,
    PublishEvent,
    Stage,
    Status,
    TermsChange,
    TicketTypeChange,
)
from persistence.store import Claimed, Elsewhere, Refused
from tests.persistence.sales import NOW_MS, OWNER, Sale, claimed, loaded, new_id, place, terms
from tests.persistence.worlds import World

# --- creation -------------------------------------------------------------------------------------


async def test_what_was_created_can_be_claimed_by_its_owner_as_it_was_defined(world: World) -> None:
    store = world.store()
    of = terms(10, 20, capacity=25)
    sale = await Sale.opened(store, of, claim=False)
    found = await claimed(store, sale.id)
    assert (found.kind, found.epoch, found.seq, found.last_fact_ms) == ("event", 2, 1, NOW_MS)
    assert (found.definition.terms, found.definition.version, found.definition.paused) == (of, 1, False)


async def test_a_request_creates_once_and_its_record_is_found_under_its_scope(world: World) -> None:
    store = world.store()
    first = Sale(new_id()).decided(CreateEvent(new_id(), terms(5)))
    second = Sale(new_id()).decided(CreateEvent(new_id(), terms(5)))
    second.requests = first.requests
    assert await store.create(first, OWNER, "POST /events")
    assert not await store.create(second, OWNER, "POST /events")
    assert await store.claim(second.inventory_id, OWNER) == Elsewhere(second.inventory_id, None)
    place_of_it = ("POST /events", first.requests[0].request_id)
    elsewhere = ("POST /others", first.requests[0].request_id)
    assert await store.recorded([place_of_it, elsewhere]) == {place_of_it: first.requests[0]}


async def test_two_who_create_by_the_same_request_at_once_make_one(world: World) -> None:
    entries = [Sale(new_id()).decided(CreateEvent(new_id(), terms(5))) for _ in range(8)]
    for entry in entries:
        entry.requests = entries[0].requests
    made = await asyncio.gather(*(world.store().create(entry, OWNER, "s") for entry in entries))
    assert sorted(made) == [False] * 7 + [True]


async def test_an_id_is_taken_once(world: World) -> None:
    store = world.store()
    sale = await Sale.opened(store)
    with pytest.raises(Refused) as refused:
        await store.create(Sale(sale.id).decided(CreateEvent(sale.id, terms(5))), OWNER, "s")
    assert refused.value.constraint == "inventories_pkey"


# --- claims ---------------------------------------------------------------------------------------


async def test_each_claim_raises_the_epoch(world: World) -> None:
    store = world.store()
    sale = await Sale.opened(store, claim=False)
    assert [(await claimed(store, sale.id)).epoch for _ in range(3)] == [2, 3, 4]


async def test_only_the_named_owner_may_claim_and_others_are_told_who_that_is(world: World) -> None:
    store = world.store()
    sale = await Sale.opened(store, claim=False)
    assert await store.claim(sale.id, "pool:1") == Elsewhere(sale.id, OWNER)
    nowhere = new_id()
    assert await store.claim(nowhere, OWNER) == Elsewhere(nowhere, None)
    assert (await claimed(store, sale.id)).epoch == 2


async def test_a_claim_on_condition_of_an_epoch_fails_once_another_client_has_claimed(world: World) -> None:
    mine, others = world.store(), world.store()
    sale = await Sale.opened(mine)
    assert (await claimed(mine, sale.id, held_epoch=sale.epoch)).epoch == sale.epoch + 1
    assert (await claimed(others, sale.id)).epoch == sale.epoch + 2
    assert await mine.claim(sale.id, OWNER, sale.epoch + 1) == Elsewhere(sale.id, OWNER)


async def test_a_client_knows_its_own_claim_again_when_the_answer_was_lost(world: World) -> None:
    store = world.store()
    sale = await Sale.opened(store)
    await claimed(store, sale.id, held_epoch=sale.epoch)
    assert (await claimed(store, sale.id, held_epoch=sale.epoch)).epoch == sale.epoch + 2


async def test_placing_elsewhere_changes_the_owner_and_fences_the_present_one(world: World) -> None:
    store, directory = world.store(), world.directory()
    sale = await Sale.opened(store)
    assert await directory.place(sale.id, "event:hot")
    assert await directory.owner_of(sale.id) == "event:hot"
    assert not await sale.append(store, sale.holds(1))
    assert await store.claim(sale.id, OWNER, sale.epoch) == Elsewhere(sale.id, "event:hot")
    assert isinstance(await store.claim(sale.id, "event:hot"), Claimed)
    assert not await directory.place(new_id(), OWNER)
    assert await directory.owner_of(new_id()) is None


async def test_what_was_placed_elsewhere_and_back_may_be_claimed_by_its_former_owner(world: World) -> None:
    mine, others, directory = world.store(), world.store(), world.directory()
    sale = await Sale.opened(mine)
    await directory.place(sale.id, "event:hot")
    await claimed(others, sale.id, "event:hot")
    await directory.place(sale.id, OWNER)
    assert (await claimed(mine, sale.id, held_epoch=sale.epoch)).epoch == sale.epoch + 4


# --- the fence ------------------------------------------------------------------------------------


async def test_an_append_of_an_older_epoch_leaves_nothing_behind(world: World) -> None:
    mine, others = world.store(), world.store()
    sale = await Sale.opened(mine)
    await claimed(others, sale.id)
    before = await world.rows(sale.id)
    entry = sale.holds(1, 2)
    assert not await sale.append(mine, entry)
    assert await world.rows(sale.id) == before
    assert not await mine.recorded([(sale.id, entry.requests[0].request_id)])


@pytest.mark.parametrize("off", [-1, 1])
async def test_an_append_at_another_sequence_leaves_nothing_behind(world: World, off: int) -> None:
    store = world.store()
    sale = await Sale.opened(store)
    assert await sale.append(store, sale.holds(1))
    before = await world.rows(sale.id)
    sale.seq += off
    assert not await sale.append(store, sale.holds(1))
    assert await world.rows(sale.id) == before


async def test_a_lost_inventory_drops_out_and_its_mates_commit(world: World) -> None:
    store = world.store()
    sales = [await Sale.opened(store) for _ in range(5)]
    lost = sales[2]
    await claimed(world.store(), lost.id)
    before = await world.rows(lost.id)
    kept = await store.append([sale.holds(1, 1) for sale in sales])
    assert kept == {sale.id for sale in sales if sale is not lost}
    assert await world.rows(lost.id) == before
    for sale in sales:
        rows = await world.rows(sale.id)
        assert (rows.seq, rows.live, len(rows.journal)) == ((1, 0, 1) if sale is lost else (2, 2, 2))


async def test_without_facts_only_the_fence_is_read(world: World) -> None:
    store = world.store()
    sale, writing = await Sale.opened(store), await Sale.opened(store)
    lost, behind = await Sale.opened(store), await Sale.opened(store)
    await claimed(world.store(), lost.id)
    behind.seq -= 1
    before = await world.rows(sale.id)
    questions = [one.decided() for one in (sale, lost, behind)]
    assert await store.append(questions) == {sale.id}
    assert await store.append([*questions, writing.holds(1)]) == {sale.id, writing.id}
    assert await world.rows(sale.id) == before


async def test_two_owners_that_append_to_the_same_inventories_in_other_orders_do_not_block_each_other(
    world: World,
) -> None:
    store = world.store()
    sales = [await Sale.opened(store) for _ in range(20)]
    others = world.store()
    for _ in range(10):
        entries = [sale.holds(1) for sale in sales]
        kept = await asyncio.gather(store.append(entries), others.append(entries[::-1]))
        assert sorted([*kept[0], *kept[1]]) == sorted(sale.id for sale in sales)
        for sale in sales:
            sale.seq += 1


# --- what an append leaves ------------------------------------------------------------------------


async def test_requests_are_recorded_with_what_they_did(world: World) -> None:
    store = world.store()
    sale, other = await Sale.opened(store), await Sale.opened(store)
    entry = sale.holds(1, 1)
    entry.requests[1] = msgspec.structs.replace(entry.requests[1], fingerprint=b"another body")
    assert await sale.append(store, entry)
    wanted = [(sale.id, request.request_id) for request in entry.requests]
    never = (other.id, entry.requests[0].request_id)
    assert await store.recorded([*wanted, never]) == dict(zip(wanted, entry.requests, strict=True))
    assert await store.recorded([]) == {}


async def test_ended_reservations_are_found_where_they_belong_and_nowhere_else(world: World) -> None:
    store = world.store()
    sale, other = await Sale.opened(store), await Sale.opened(store)
    commands = [place(), place()]
    assert await sale.append(store, sale.decided(*commands))
    gone, kept = (command.reservation_id for command in commands)
    assert await sale.append(store, sale.decided(CancelReservation(gone)))
    found = await store.ended(sale.id, [gone, kept, new_id()])
    assert {stored.reservation.id: stored.reservation.status for stored in found} == {
        gone: Status.RELEASED,
        kept: Status.HELD,
    }
    assert await store.ended(other.id, [gone]) == []
    assert [stored.reservation.id for stored in await store.live(sale.id, None, 10)] == [kept]


async def test_a_reservation_keeps_everything_it_had(world: World) -> None:
    store = world.store()
    sale = await Sale.opened(store, terms(50, 50, 50))
    commands = [place(2, "B", b"\x00\xff key"), place(1, "C")]
    assert await sale.append(store, sale.decided(*commands))
    found = await store.live(sale.id, None, 10)
    assert {stored.reservation.id: stored.reservation for stored in found} == sale.state.reservations
    assert [stored.contact for stored in found] == [command.contact for command in commands]
    assert await sale.append(store, sale.decided(ConfirmReservation(commands[0].reservation_id)))
    assert (await loaded(store, await claimed(store, sale.id))).state.reservations == sale.state.reservations


async def test_ten_thousand_live_reservations_load_in_pages_by_id(world: World) -> None:
    store = world.store()
    sale = await Sale.opened(store, terms(100_000))
    neighbour = await Sale.opened(store, terms(100_000))
    ids = []
    for _ in range(10):
        commands = [place() for _ in range(1_100)]
        assert await sale.append(store, sale.decided(*commands))
        assert await neighbour.append(store, neighbour.holds(*[1] * 100))
        leaving = [command.reservation_id for command in commands[::11]]
        assert await sale.append(store, sale.decided(*map(CancelReservation, leaving)))
        ids += [command.reservation_id for command in commands if command.reservation_id not in leaving]
    pages: list[list[str]] = []
    while not pages or pages[-1]:
        after = pages[-1][-1] if pages else None
        pages.append([stored.reservation.id for stored in await store.live(sale.id, after, 999)])
    assert [len(page) for page in pages] == [999] * 10 + [10, 0]
    assert [one for page in pages for one in page] == sorted(ids)


async def test_a_changed_event_is_loaded_as_it_was_changed(world: World) -> None:
    store = world.store()
    sale = await Sale.opened(store, terms(10, 10))
    assert await sale.append(store, sale.holds(3))
    change = TermsChange(
        name="Matinee",
        capacity=4,
        ticket_types=(TicketTypeChange("A", quota=5), TicketTypeChange("Z", name="New", quota=7, price=1)),
        removed_ticket_types=("B",),
    )
    assert await sale.append(store, sale.decided(ChangeEvent(change)))
    found = await claimed(store, sale.id)
    assert found.definition.terms == sale.state.terms
    assert [kind.code for kind in found.definition.terms.ticket_types] == ["A", "Z"]
    assert found.definition.version == 2
    assert [(one.code, one.quota, one.held) for one in (await world.rows(sale.id)).counts] == [
        ("A", 5, 3),
        ("Z", 7, 0),
    ]


# --- a cancelled event ----------------------------------------------------------------------------


async def test_a_cancelled_event_is_due_until_all_of_it_has_ended(world: World) -> None:
    store, directory = world.store(), world.directory()
    sale = await Sale.opened(store, terms(50), at_ms=6_000_000)
    places = [place() for _ in range(5)]
    assert await sale.append(store, sale.decided(*places))
    assert await sale.append(store, sale.decided(ConfirmReservation(places[0].reservation_id)))
    assert (await world.rows(sale.id)).live_reservations == 5
    assert await sale.append(store, sale.decided(CancelEvent()))
    rows = await world.rows(sale.id)
    assert (rows.live, rows.live_reservations, rows.next_due_ms) == (0, 0, sale.now_ms)
    assert {(one.held, one.confirmed) for one in rows.counts} == {(0, 0)}
    assert sale.id in [one.inventory_id for one in await directory.due(sale.now_ms, 0, 1, 1_000)]
    successor = await loaded(store, await claimed(store, sale.id))
    assert successor.state.stage is Stage.CANCELLED
    successor.now_ms = sale.now_ms
    assert await successor.append(store, successor.decided())
    rows = await world.rows(sale.id)
    assert rows.next_due_ms is None
    statuses = {one: row[:2] for one, row in rows.reservations.items()}
    assert statuses.pop(places[0].reservation_id) == (Status.CANCELLED, False)
    assert set(statuses.values()) == {(Status.RELEASED, False)}


async def test_a_deleted_event_stays_deleted_for_who_claims_it(world: World) -> None:
    store = world.store()
    sale = await Sale.opened(store, terms(5))
    assert await sale.append(store, sale.decided(DeleteEvent()))
    successor = await loaded(store, await claimed(store, sale.id))
    assert successor.state.deleted
    assert not successor.decided(PublishEvent(), place()).facts


@pytest.mark.parametrize("stage", [Stage.DRAFT, Stage.PUBLISHED])
async def test_the_stage_that_an_event_begins_in_and_its_moves_are_stored(world: World, stage: Stage) -> None:
    store = world.store()
    sale = Sale(new_id())
    of = msgspec.structs.replace(terms(5), one_per_customer=True, listed="while_open")
    assert await store.create(sale.decided(CreateEvent(sale.id, of, stage)), OWNER, "events")
    found = await claimed(store, sale.id)
    assert (found.definition.stage, found.definition.terms) == (stage, of)
    sale.seq, sale.epoch = 1, found.epoch
    assert await sale.append(store, sale.decided(PublishEvent(), CloseEvent()))
    assert (await claimed(store, sale.id)).definition.stage is Stage.CLOSED
