"""Folding the journal gives the rows, whatever was asked of an inventory, in whatever batches."""

from __future__ import annotations

import random

import pytest

from domain.event import counts, describe, next_due_ms
from domain.event_messages import TypeCounts
from persistence.rows import encoded_what
from tests.persistence.sales import NOW_MS, Sale, claimed, folded, loaded, some_command, terms
from tests.persistence.worlds import World, paid_by

BATCHES = 60


@pytest.mark.parametrize("seed", range(3))
async def test_folding_the_journal_gives_the_rows(world: World, seed: int) -> None:
    dice = random.Random(seed)
    store = world.store()
    sales = [await Sale.opened(store, terms(20, 10, capacity=25)) for _ in range(2)]
    for _ in range(BATCHES):
        entries = []
        for sale in sales:
            sale.now_ms += dice.choice([0, 1, 1_000, 500_000])
            commands = [some_command(sale.state, dice) for _ in range(dice.randint(1, 6))]
            entries.append(sale.decided(*commands))
        assert await store.append(entries) == {sale.id for sale in sales}
        for sale, entry in zip(sales, entries, strict=True):
            sale.seq += bool(entry.facts)
    for sale in sales:
        await _journal_gives_rows(world, sale)
        reloaded = await loaded(store, await claimed(store, sale.id), page=7)
        assert reloaded.state.reservations == sale.state.reservations
        assert counts(reloaded.state) == counts(sale.state)


async def _journal_gives_rows(world: World, sale: Sale) -> None:
    rows = await world.rows(sale.id)
    state = folded([facts for _, _, facts in rows.journal])
    assert [seq for seq, _, _ in rows.journal] == list(range(1, rows.seq + 1))
    assert rows.seq > BATCHES / 3
    assert rows.last_fact_ms == state.last_fact_ms == max(at_ms for _, at_ms, _ in rows.journal)
    assert rows.next_due_ms == next_due_ms(state)
    assert rows.live == state.live
    assert rows.live_reservations == describe(state).reservations
    assert state.terms is not None
    assert rows.capacity == state.terms.capacity
    assert rows.counts == tuple(
        TypeCounts(one.code, one.quota, one.held, one.confirmed, 0) for one in counts(state)
    )
    everything = state.reservations | state.ended
    assert len({row.status for row in everything.values()}) > 3
    assert {one: row[:7] + row[8:] for one, row in rows.reservations.items()} == {
        one.id: (
            one.status,
            one.status.live,
            one.expires_at_ms,
            encoded_what(one),
            one.customer,
            one.created_at_ms,
            one.extensions,
            *paid_by(one),
        )
        for one in everything.values()
    }
    assert rows.last_fact_ms > NOW_MS


async def test_due_inventories_are_found_by_part_the_longest_due_first(world: World) -> None:
    store, directory = world.store(), world.directory()
    sales = [await Sale.opened(store) for _ in range(40)]
    for n, sale in enumerate(sales):
        sale.now_ms = n * 1_000
        assert await sale.append(store, sale.holds(1))
    ends = {sale.id: next_due_ms(sale.state) for sale in sales}
    until_ms = 900_000 + 29_000
    ours = [sale.id for sale in sales if (ends[sale.id] or 0) <= until_ms]
    assert len(ours) == 30
    parts = [await directory.due(until_ms, part, 3, 1_000) for part in range(3)]
    found = [[one.inventory_id for one in part if one.inventory_id in ends] for part in parts]
    assert sorted(one for part in found for one in part) == sorted(ours)
    assert all(part == sorted(part, key=lambda one: ends[one] or 0) for part in found)
    assert sum(map(bool, found)) > 1
    assert {one.owner for part in parts for one in part if one.inventory_id in ends} == {"pool:0"}
    assert await directory.due(until_ms, 0, 1, 5) == (await directory.due(until_ms, 0, 1, 1_000))[:5]


async def test_what_holds_nothing_any_more_is_not_due(world: World) -> None:
    store, directory = world.store(), world.directory()
    sale = await Sale.opened(store)
    sale.now_ms = 5_000_000
    assert await sale.append(store, sale.holds(1))
    sale.now_ms += 900_000
    due = [one.inventory_id for one in await directory.due(sale.now_ms, 0, 1, 1_000)]
    assert sale.id in due
    assert await sale.append(store, sale.decided())
    assert sale.id not in [one.inventory_id for one in await directory.due(sale.now_ms, 0, 1, 1_000)]


async def test_both_know_the_time(world: World) -> None:
    times = [await world.store().now_ms(), await world.directory().now_ms(), await world.store().now_ms()]
    assert times == sorted(times)
    assert times[0] > 1_700_000_000_000
