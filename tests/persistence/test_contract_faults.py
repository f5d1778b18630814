"""What every store promises when lines break, statements arrive late, and two owners are alive at once."""

from __future__ import annotations

import asyncio
import random

import pytest

from persistence.store import Elsewhere, OutcomeUnknown, OwnerStore
from tests.persistence.sales import OWNER, Sale, claimed, loaded, terms
from tests.persistence.worlds import PostgresWorld, World

WORKERS = 20
SALES_PER_WORKER = 3


async def test_an_append_that_arrives_after_a_newer_claim_does_not_commit(world: World) -> None:
    old = await world.bad_line()
    sale = await Sale.opened(old.store)
    assert await sale.append(old.store, sale.holds(1))
    old.hold_back()
    with pytest.raises(OutcomeUnknown):
        await old.store.append([sale.holds(1)])
    taken = await loaded(world.store(), await claimed(world.store(), sale.id))
    await old.deliver()
    rows = await world.rows(sale.id)
    assert (rows.seq, rows.live, taken.seq, taken.state.live) == (2, 1, 2, 1)


async def test_an_append_that_arrives_late_commits_if_nobody_has_claimed(world: World) -> None:
    """The way that the test before relies on leads to the store."""
    old = await world.bad_line()
    sale = await Sale.opened(old.store)
    assert await sale.append(old.store, sale.holds(1))
    old.hold_back()
    with pytest.raises(OutcomeUnknown):
        await old.store.append([sale.holds(1)])
    assert (await world.rows(sale.id)).seq == 2
    await old.deliver()
    assert (await world.rows(sale.id)).seq == 3


async def test_a_claim_waits_for_the_append_that_is_under_way_and_sees_what_it_did(world: World) -> None:
    sale = await Sale.opened(world.store())
    append, go_on = await world.blocked_append(sale.holds(4))
    claiming = asyncio.create_task(claimed(world.store(), sale.id))
    done, _ = await asyncio.wait({claiming, append}, timeout=0.2)
    assert not done
    await go_on()
    assert await append == {sale.id}
    found = await claiming
    assert found.seq == 2
    assert (await loaded(world.store(), found)).state.live == 4


async def test_readers_do_not_wait_for_an_append_and_see_what_was_before_it(world: World) -> None:
    sale = await Sale.opened(world.store())
    entry = sale.holds(4)
    append, go_on = await world.blocked_append(entry)
    reader = world.store()
    async with asyncio.timeout(20):
        assert await reader.live(sale.id, None, 10) == []
        assert await reader.recorded([(sale.id, entry.requests[0].request_id)]) == {}
        assert await world.directory().owner_of(sale.id) == OWNER
    await go_on()
    assert await append == {sale.id}
    assert len(await reader.live(sale.id, None, 10)) == 1


async def test_after_a_lost_answer_claiming_again_tells_what_was_done(world: World) -> None:
    line = await world.bad_line()
    sale = await Sale.opened(line.store)
    assert await sale.append(line.store, sale.holds(1))
    entry = sale.holds(2)
    line.lose_answer()
    with pytest.raises(OutcomeUnknown):
        await line.store.append([entry])
    found = await claimed(line.store, sale.id, held_epoch=sale.epoch)
    place = (sale.id, entry.requests[0].request_id)
    assert found.seq == 3
    assert await line.store.recorded([place]) == {place: entry.requests[0]}
    again = await loaded(line.store, found)
    assert again.state.live == 3
    assert await again.append(line.store, again.holds(1))


async def test_after_a_lost_question_claiming_again_tells_that_nothing_was_done(world: World) -> None:
    line = await world.bad_line()
    sale = await Sale.opened(line.store)
    assert await sale.append(line.store, sale.holds(1))
    entry = sale.holds(2)
    line.lose_question()
    with pytest.raises(OutcomeUnknown):
        await line.store.append([entry])
    found = await claimed(line.store, sale.id, held_epoch=sale.epoch)
    assert found.seq == 2
    assert await line.store.recorded([(sale.id, entry.requests[0].request_id)]) == {}
    assert (await loaded(line.store, found)).state.live == 1


async def test_a_claim_whose_answer_was_lost_is_no_others_claim(world: World) -> None:
    line = await world.bad_line()
    sale = await Sale.opened(line.store)
    line.lose_answer()
    with pytest.raises(OutcomeUnknown):
        await line.store.claim(sale.id, OWNER, sale.epoch)
    assert (await world.rows(sale.id)).epoch == sale.epoch + 1
    assert (await claimed(line.store, sale.id, held_epoch=sale.epoch)).epoch == sale.epoch + 2


async def test_a_zombie_does_not_even_get_to_say_no(world: World) -> None:
    """A batch without facts, after somebody else has claimed."""
    zombie, heir = world.store(), world.store()
    sale = await Sale.opened(zombie, terms(1))
    assert await sale.append(zombie, sale.holds(1))
    question = sale.holds(1)
    assert not question.facts
    assert await zombie.append([question]) == {sale.id}
    await claimed(heir, sale.id)
    assert await zombie.append([question]) == set()


async def test_two_owners_whose_batches_meet_half_way_do_not_deadlock(postgres: PostgresWorld) -> None:
    """Each has locked some of its rows when both come to the one that is in use."""
    first, second = postgres.store(), postgres.store()
    sales = [await Sale.opened(first) for _ in range(9)]
    in_use = await postgres.connection()
    await in_use.execute("BEGIN")
    await in_use.execute("SELECT 1 FROM inventories WHERE id = $1 FOR UPDATE", sales[4].id)
    entries = [sale.holds(1) for sale in sales]
    appends = [
        asyncio.create_task(one.append(batch)) for one, batch in ((first, entries), (second, entries[::-1]))
    ]
    await postgres.until(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%fence%'"
        " AND datname = current_database() HAVING count(*) = 2"
    )
    await in_use.execute("ROLLBACK")
    kept = [await append for append in appends]
    assert sorted([*kept[0], *kept[1]]) == sorted(sale.id for sale in sales)


async def test_twenty_workers_that_fight_for_one_inventory_sell_each_ticket_once(world: World) -> None:
    quota = WORKERS * SALES_PER_WORKER - 10
    sale = await Sale.opened(world.store(), terms(quota), claim=False)
    sold = await asyncio.gather(*(_worker(world.store(), sale.id, random.Random(n)) for n in range(WORKERS)))
    rows = await world.rows(sale.id)
    assert sum(sold) == rows.live == quota
    assert len(rows.reservations) == quota
    assert [seq for seq, _, _ in rows.journal] == list(range(1, rows.seq + 1))
    assert rows.seq == quota + 1
    assert rows.epoch > 2


async def _worker(store: OwnerStore, inventory_id: str, dice: random.Random) -> int:
    """Claims, and sells one ticket at a time until it has sold enough or there is none left.

    Who was fenced keeps still for a while, longer each time: all claiming at once would be an endless duel.
    """
    sold = 0
    keep_still_s = 0.001
    mine: Sale | None = None
    while sold < SALES_PER_WORKER:
        if mine is None:
            found = await store.claim(inventory_id, OWNER)
            assert not isinstance(found, Elsewhere)
            mine = await loaded(store, found)
        entry = mine.holds(1)
        if not await mine.append(store, entry):
            mine = None
            keep_still_s *= 2
            await asyncio.sleep(keep_still_s * dice.random())
        elif not entry.facts:
            return sold
        else:
            sold += 1
    return sold
