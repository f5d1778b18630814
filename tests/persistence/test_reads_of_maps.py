"""What has changed of an event's seats since they were read, and a restaurant's tables on a day: of rows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from domain.event_messages import (
    CancelEvent,
    CancelReservation,
    ChangeHold,
    ConfirmReservation,
    PauseSale,
    SeatWish,
)
from domain.restaurant_messages import HoldTable, RestaurantTerms, StayOfParty
from domain.restaurant_search import times_of_day
from domain.views import SeatStates
from persistence import maps
from persistence.clock import StoreClock
from persistence.reads import PostgresReads
from persistence.table_times import ranges_of
from server.table_days import DayOfTables
from tests.persistence.restaurants import DAY, House, terms
from tests.persistence.sales import CONTACT, Sale, new_id
from tests.persistence.test_contract_seats import anything, seated_sale, take
from tests.persistence.worlds import PostgresWorld


@pytest.fixture
async def reads(postgres: PostgresWorld) -> AsyncIterator[PostgresReads]:
    clock = StoreClock(postgres.store().now_ms, 500)
    await clock.start()
    made = PostgresReads(postgres.url, clock)
    yield made
    await made.close()
    await clock.stop()


# --- seats ----------------------------------------------------------------------------------------


async def _known(reads: PostgresReads, sale: Sale) -> SeatStates:
    found = await reads.seats(sale.id)
    assert found is not None
    return found


async def test_changes_lead_to_where_reading_all_does(reads: PostgresReads, postgres: PostgresWorld) -> None:
    dice, store = random.Random(5), postgres.store()
    sale = await seated_sale(postgres, store)
    known, told = await _known(reads, sale), 0
    for _ in range(80):
        sale.now_ms += dice.choice((0, 0, 1_000, 500_000))
        for _ in range(dice.choice((0, 1, 1, 2, 3))):
            entry = sale.decided(*(anything(sale, dice) for _ in range(dice.randint(1, 3))))
            if entry.facts:
                assert await sale.append(store, entry)
            sale.state.ended.clear()
        whole, changes = await _known(reads, sale), await reads.seat_changes(known)
        if changes is not None:
            told += 1
            looks = bytearray(known.states)
            for seat, look in changes.looks.items():
                looks[seat] = look
            assert (changes.sequence, changes.at_ms, bytes(looks)) == (
                whole.sequence,
                whole.at_ms,
                whole.states,
            )
        known = whole
    assert told > 40


async def test_a_seat_that_went_through_several_hands_is_its_last_ones(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    sale = await seated_sale(postgres, store)
    known = await _known(reads, sale)
    first, second, third = take("S/A/1"), take("S/A/1"), take("S/A/1", "S/A/2")
    for command in (first, CancelReservation(first.reservation_id), second):
        await sale.append(store, sale.decided(command))
    await sale.append(store, sale.decided(CancelReservation(second.reservation_id), third))
    await sale.append(store, sale.decided(ConfirmReservation(third.reservation_id)))
    changes = await reads.seat_changes(known)
    assert changes is not None
    assert changes.looks == {0: 2, 1: 2}


async def test_of_a_cancelled_event_seats_come_free_as_its_reservations_end(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    sale = await seated_sale(postgres, store)
    await sale.append(store, sale.decided(take("S/A/1"), take("S/A/2")))
    known = await _known(reads, sale)
    await sale.append(store, sale.decided(CancelEvent()))
    for _ in range(2):
        entry = sale.decided()
        if entry.facts:
            await sale.append(store, entry)
    changes = await reads.seat_changes(known)
    assert changes is not None
    assert changes.looks == {0: 0, 1: 0}


async def test_what_facts_do_not_tell_is_to_be_read_as_a_whole(
    reads: PostgresReads, postgres: PostgresWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = postgres.store()
    sale = await seated_sale(postgres, store)
    first = take("S/A/1")
    await sale.append(store, sale.decided(first))
    known = await _known(reads, sale)
    assert (await reads.seat_changes(known)).looks == {}  # type: ignore[union-attr]
    moved = ChangeHold(first.reservation_id, (("front", 1),), SeatWish((("S/A/2",),)))
    await sale.append(store, sale.decided(moved))
    assert await reads.seat_changes(known) is None
    known = await _known(reads, sale)
    for number in (3, 4, 5):
        await sale.append(store, sale.decided(take(f"S/A/{number}")))
    for bound, most, is_told in (
        ("APPENDS_MAX", 3, True),
        ("APPENDS_MAX", 2, False),
        ("FACTS_MAX", 3, True),
        ("FACTS_MAX", 2, False),
    ):
        with monkeypatch.context() as bounded:
            bounded.setattr(maps, bound, most)
            assert (await reads.seat_changes(known) is not None) == is_told


async def test_where_the_journal_is_gone_or_younger_all_is_to_be_read(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    sale = await seated_sale(postgres, store)
    known = await _known(reads, sale)
    for number in (1, 2):
        await sale.append(store, sale.decided(take(f"S/A/{number}")))
    ahead = SeatStates(sale.id, sale.seq + 1, known.plan_id, known.states, False, known.at_ms)
    assert await reads.seat_changes(ahead) is None
    connection = await postgres.connection()
    await connection.execute(
        "DELETE FROM journal WHERE inventory_id = $1 AND seq = $2", sale.id, sale.seq - 1
    )
    assert await reads.seat_changes(known) is None


# --- tables -----------------------------------------------------------------------------------------


async def test_the_times_of_a_day_are_those_that_the_rules_find_in_memory(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    """Of any party, with stays over midnight, joined tables, buffers and a pace."""
    dice, store = random.Random(3), postgres.store()
    of = replace(
        terms(2, 4, 6),
        stays=(StayOfParty(2, 90),),
        stay_minutes=180,
        buffer_minutes=15,
        covers_per_slot_max=9,
    )
    house = await House.opened(store, of)
    for _ in range(60):
        minute, party = 15 * dice.randrange(96), dice.randint(1, 8)
        held = HoldTable(new_id(), DAY + dice.randint(-1, 1), minute, party, b"customer", CONTACT)
        entry = house.decided(held)
        if entry.facts:
            assert await store.append([entry]) == {house.id}
            house.seq += 1
    assert house.state.live > 20
    for day in (DAY, DAY + 1):
        found = await reads.table_day(house.id, day)
        assert found is not None
        assert found.sequence == house.seq
        day_found = DayOfTables(found, asyncio.Lock())
        for party_size in range(1, 9):
            times = tuple((await day_found.times(party_size)).values())
            assert times == times_of_day(house.state, day, party_size)


async def test_who_reserves_is_not_read(reads: PostgresReads, postgres: PostgresWorld) -> None:
    store = postgres.store()
    house = await House.opened(store)
    await house.does(store, house.hold())
    found = await reads.table_day(house.id, DAY)
    assert found is not None
    assert [(one.customer, one.party_size) for one in found.reservations] == [(b"", 2)]
    assert not {one.id for one in found.reservations} & set(house.state.reservations)


async def test_changed_terms_are_seen_at_once(reads: PostgresReads, postgres: PostgresWorld) -> None:
    store = postgres.store()
    house = await House.opened(store)
    assert (await reads.table_day(house.id, DAY)).terms == house.state.terms  # type: ignore[union-attr]
    await house.does(store, house.hold(), PauseSale())
    found = await reads.table_day(house.id, DAY)
    assert found is not None
    assert (found.paused, found.version, len(found.reservations)) == (True, 2, 1)


async def test_what_is_no_restaurant_has_no_tables(reads: PostgresReads, postgres: PostgresWorld) -> None:
    plain = await Sale.opened(postgres.store())
    for nowhere in (plain.id, new_id(), "nonsense"):
        assert await reads.table_day(nowhere, DAY) is None


async def test_days_outside_of_the_calendar_have_nothing(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    house = await House.opened(postgres.store())
    for day in (-719_162, 2_932_896):
        found = await reads.table_day(house.id, day)
        assert found is not None
        assert found.reservations == ()


def test_longest_stays_count() -> None:
    of: RestaurantTerms = replace(terms(2), stays=(StayOfParty(2, 600),), stay_minutes=60, buffer_minutes=30)
    (one,) = ranges_of(of, DAY)
    from_text, until_text = one.strip("[)").split(",")
    assert int(until_text) - int(from_text) == (24 * 60 + 630) * 60_000


# --- what wakes those who watch ----------------------------------------------------------------------


async def test_of_a_restaurant_the_row_tells_its_sequence(
    reads: PostgresReads, postgres: PostgresWorld
) -> None:
    store = postgres.store()
    house = await House.opened(store)
    await house.does(store, house.hold())
    found = await reads.availability_row(house.id)
    assert found is not None
    assert (found.sequence, found.ticket_types, found.draft) == (house.seq, (), False)
    assert await reads.availability(house.id) is None
