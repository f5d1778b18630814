"""The second line: what no owner should ever ask for is refused by the store itself, and nothing changes."""

from __future__ import annotations

import msgspec
import pytest

from domain.event_messages import ChangeEvent, TermsChange
from persistence.store import Refused
from tests.persistence.sales import Sale, place, terms
from tests.persistence.worlds import World


async def test_more_live_than_a_quota_is_refused_and_nothing_changes(world: World) -> None:
    store = world.store()
    sale, mate = await Sale.opened(store, terms(5)), await Sale.opened(store)
    before = await world.rows(sale.id), await world.rows(mate.id)
    entry = sale.holds(5)
    entry.counts = tuple(msgspec.structs.replace(one, confirmed=one.held + 1) for one in entry.counts)
    with pytest.raises(Refused) as refused:
        await store.append([entry, mate.holds(1)])
    assert refused.value.constraint == "ticket_types_quota"
    assert (await world.rows(sale.id), await world.rows(mate.id)) == before


@pytest.mark.parametrize("live", [-1, 8])
async def test_live_outside_of_the_capacity_is_refused(world: World, live: int) -> None:
    store = world.store()
    sale = await Sale.opened(store, terms(5, 5, capacity=7))
    entry = sale.holds(1)
    entry.live = live
    with pytest.raises(Refused) as refused:
        await store.append([entry])
    assert refused.value.constraint == "inventories_capacity"
    entry.live = 7
    assert await store.append([entry]) == {sale.id}


async def test_a_capacity_is_in_force_from_the_append_that_sets_it(world: World) -> None:
    store = world.store()
    sale = await Sale.opened(store, terms(50))
    entry = sale.decided(ChangeEvent(TermsChange(capacity=3)))
    entry.live = 4
    with pytest.raises(Refused, match="inventories_capacity"):
        await store.append([entry])
    entry.live = 3
    assert await sale.append(store, entry)
    assert (await world.rows(sale.id)).capacity == 3


async def test_a_reservation_id_exists_once_in_all_inventories(world: World) -> None:
    store = world.store()
    sale, other = await Sale.opened(store), await Sale.opened(store)
    command = place()
    assert await sale.append(store, sale.decided(command))
    before = await world.rows(other.id)
    with pytest.raises(Refused) as refused:
        await other.append(store, other.decided(command))
    assert refused.value.constraint == "reservations_pkey"
    assert await world.rows(other.id) == before


async def test_a_request_is_recorded_once_per_inventory(world: World) -> None:
    store = world.store()
    sale, other = await Sale.opened(store), await Sale.opened(store)
    first = sale.holds(1)
    assert await sale.append(store, first)
    elsewhere = other.holds(1)
    elsewhere.requests = first.requests
    assert await other.append(store, elsewhere)
    before = await world.rows(sale.id)
    again = sale.holds(1)
    again.requests = first.requests
    with pytest.raises(Refused) as refused:
        await store.append([again])
    assert refused.value.constraint == "requests_pkey"
    assert await world.rows(sale.id) == before
