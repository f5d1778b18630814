"""Statistics and exports over real rows: what the journal adds up to, of one moment, beside other reads."""

from __future__ import annotations

import csv
import dataclasses
import io
import random
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace

from domain import restaurant
from domain.event_messages import (
    BeginPayment,
    CancelReservation,
    ChangeEvent,
    ConfirmReservation,
    FinishPayment,
    SellReservation,
    Status,
    TermsChange,
    TicketTypeChange,
)
from domain.restaurant_messages import (
    ChangeRestaurant,
    CompleteStay,
    Deposit,
    MarkNoShow,
    MoveReservation,
    RestaurantChange,
    RestaurantFact,
    SeatWalkIn,
    TableReservation,
)
from domain.views import EventSales, Sold, TypeSales
from persistence.clock import StoreClock
from persistence.reads import PostgresReads
from persistence.statistics import RANKED_MAX_EVENTS
from persistence.store import OwnerStore
from server.csv_export import LINES, PAGE_MAX_RESERVATIONS, reservations_csv, stays_of
from tests.persistence.restaurants import DAY, House
from tests.persistence.restaurants import terms as terms_of
from tests.persistence.sales import NOW_MS, Sale, folded, new_id, place, terms
from tests.persistence.worlds import PostgresWorld
from tests.stay_sums import stay_sums

MINUTE_MS = 60_000
_restaurant_facts = msgspec.msgpack.Decoder(list[RestaurantFact])


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[PostgresWorld]:
    made = PostgresWorld(database_url)
    yield made
    await made.close()


@pytest.fixture
async def reads(world: PostgresWorld) -> AsyncIterator[PostgresReads]:
    clock = StoreClock(world.store().now_ms, 500)
    await clock.start()
    made = PostgresReads(world.url, clock)
    yield made
    await made.close()
    await clock.stop()


async def sold_out_of_order(
    store: OwnerStore, seed: int, currency: str = "EUR"
) -> tuple[Sale, dict[str, int]]:
    """A sale of some minutes at changing prices, and when each of its reservations was confirmed."""
    dice, confirmed_ms = random.Random(seed), {}
    of = terms(1_000, 1_000)
    sale = await Sale.opened(store, msgspec.structs.replace(of, currency=currency))
    for _ in range(30):
        sale.now_ms += dice.randint(0, MINUTE_MS)
        price = TicketTypeChange("A", price=dice.randint(0, 500))
        commands = [place(dice.randint(1, 5), dice.choice("AB")) for _ in range(dice.randint(1, 6))]
        await sale.append(store, sale.decided(*commands, ChangeEvent(TermsChange(ticket_types=(price,)))))
        sale.now_ms += dice.randint(0, MINUTE_MS)
        chosen = dice.sample(commands, len(commands) // 2 + 1)
        await sale.append(store, sale.decided(*(ConfirmReservation(one.reservation_id) for one in chosen)))
        confirmed_ms |= {one.reservation_id: sale.now_ms for one in chosen}
        gone = CancelReservation(dice.choice(list(confirmed_ms)))
        await sale.append(store, sale.decided(gone))
    return sale, confirmed_ms


async def summed(world: PostgresWorld, sale: Sale, confirmed_ms: dict[str, int], since_ms: int) -> EventSales:
    """The same out of the journal."""
    journal = (await world.rows(sale.id)).journal
    state = folded([facts for _, _, facts in journal])
    tickets: Counter[object] = Counter()
    revenue: Counter[object] = Counter()
    for one in state.reservations.values():
        if one.status is not Status.CONFIRMED:
            continue
        for line in one.lines:
            at_ms = confirmed_ms[one.id]
            for key in (line.ticket_type, at_ms // MINUTE_MS * MINUTE_MS if at_ms >= since_ms else "before"):
                tickets[key] += line.quantity
                revenue[key] += line.quantity * line.unit_price
    sold = {key: Sold(tickets[key], revenue[key]) for key in tickets}
    types = tuple(TypeSales(code, state.tallies[code].held, sold.get(code, Sold())) for code in state.types)
    spans = {key: sums for key, sums in sold.items() if isinstance(key, int)}
    return EventSales(sale.id, len(journal), "EUR", types, spans)


@pytest.mark.parametrize("seed", range(3))
async def test_what_an_event_has_sold_is_what_its_journal_adds_up_to(
    reads: PostgresReads, world: PostgresWorld, seed: int
) -> None:
    sale, confirmed_ms = await sold_out_of_order(world.store(), seed)
    since_ms = (NOW_MS // MINUTE_MS + 5) * MINUTE_MS
    found = await reads.sales(sale.id, since_ms, MINUTE_MS)
    assert found == await summed(world, sale, confirmed_ms, since_ms)
    assert found is not None
    assert len(found.over_time) > 3


async def test_an_event_that_sold_nothing_has_sums_of_zero(
    reads: PostgresReads, world: PostgresWorld
) -> None:
    sale = await Sale.opened(world.store(), terms(10))
    found = await reads.sales(sale.id, 0, MINUTE_MS)
    assert found is not None
    assert [(kind.code, kind.sold) for kind in found.ticket_types] == [("A", Sold())]
    assert found.over_time == {}
    assert await reads.sales("nonsense", 0, 1) is None
    assert (await reads.ranking(0)).by_sales == ()


async def test_the_first_events_are_first_by_the_sums_of_all(
    reads: PostgresReads, world: PostgresWorld
) -> None:
    store = world.store()
    since_ms = (NOW_MS // MINUTE_MS + 12) * MINUTE_MS
    sums = {}
    for seed in range(14):
        currency = "CHF" if seed % 3 else "EUR"
        sale, confirmed_ms = await sold_out_of_order(store, seed, currency)
        told = await summed(world, sale, confirmed_ms, since_ms)
        kinds = [kind.sold for kind in told.ticket_types]
        lately = sum(span.tickets for span in told.over_time.values())
        total = Sold(sum(kind.tickets for kind in kinds), sum(kind.revenue for kind in kinds))
        sums[sale.id] = currency, total, lately
    ranking = await reads.ranking(since_ms)
    for one in (*ranking.by_sales, *ranking.by_revenue, *ranking.by_speed):
        assert (one.currency, one.sold, one.lately) == sums[one.event_id]
    by_sales = sorted((-total.tickets, event_id) for event_id, (_, total, _) in sums.items())
    by_speed = sorted((-lately, event_id) for event_id, (_, _, lately) in sums.items())
    assert [one.event_id for one in ranking.by_sales] == [one for _, one in by_sales[:RANKED_MAX_EVENTS]]
    assert [one.event_id for one in ranking.by_speed] == [one for _, one in by_speed[:RANKED_MAX_EVENTS]]
    by_revenue = []
    for currency in ("CHF", "EUR"):
        of_it = sorted((-total.revenue, one) for one, (money, total, _) in sums.items() if money == currency)
        by_revenue += [one for _, one in of_it[:RANKED_MAX_EVENTS]]
    assert [one.event_id for one in ranking.by_revenue] == by_revenue


def _dined(journal: list[tuple[int, int, bytes]]) -> list[TableReservation]:
    """All reservations of a restaurant, as its journal has them."""
    state = restaurant.State()
    for _, _, facts in journal:
        for fact in _restaurant_facts.decode(facts):
            restaurant.evolve(state, fact)
    return list((state.reservations | state.ended).values())


async def an_evening(store: OwnerStore, seed: int) -> House:
    """Three days of holds, which end in each of the ways there are; with deposits, but of seed 0."""
    dice = random.Random(seed)
    house = await House.opened(
        store, replace(terms_of(4, 4, 6), deposit=Deposit(700, "EUR") if seed else None)
    )
    held = [
        replace(house.hold(minute % 1_440, dice.randint(1, 6)), day=DAY + minute // 1_440)
        for minute in range(600, 600 + 3 * 1_440, 300)
    ]
    await house.does(store, *held)
    first, second, third, fourth, *_, last_but_one, last = [hold.reservation_id for hold in held]
    for number, hold in enumerate(held[:-2]):
        one, payment_id = hold.reservation_id, new_id()
        if number % 2 and seed:
            due = FinishPayment(one, payment_id, 700 * hold.party_size)
            await house.does(store, BeginPayment(one, payment_id, NOW_MS + 900_000), due)
        else:
            await house.does(store, SellReservation(one, "", "free" if number == 4 and seed else "cash"))
    await house.does(store, CancelReservation(first), CancelReservation(last))
    await house.does(store, MoveReservation(fourth, day=DAY + 2))
    house.now_ms = (DAY * 24 + 20) * 3_600_000 + 20 * 60_000
    await house.does(store, CompleteStay(second), MarkNoShow(third), SeatWalkIn(new_id(), 2))
    if seed:
        change = RestaurantChange(deposit=Deposit(100, "CHF", "reservation"))
        dear = replace(house.hold(1_320), day=DAY + 2)
        sold = SellReservation(dear.reservation_id, "", "card")
        await house.does(store, ChangeRestaurant(change), dear, sold)
    assert house.state.ended[last_but_one].status is Status.EXPIRED
    return house


@pytest.mark.parametrize("seed", range(3))
async def test_a_restaurants_sums_are_what_its_journal_adds_up_to(
    reads: PostgresReads, world: PostgresWorld, seed: int
) -> None:
    house = await an_evening(world.store(), seed)
    begins_ms = [(DAY + number) * 86_400_000 for number in range(-1, 3)]
    journal = (await world.rows(house.id)).journal
    expected = stay_sums(house.id, len(journal), _dined(journal), begins_ms)
    assert await reads.stay_sums(house.id, begins_ms) == expected
    assert len(expected.by_status) > 4
    assert (len(expected.by_day), expected.deposits.keys()) == (2, {"EUR", "CHF"} if seed else set())
    elsewhen = dataclasses.replace(expected, by_day={})
    assert await reads.stay_sums(house.id, [0, 1]) == elsewhen


async def test_a_restaurant_is_exported_as_its_rows_are(reads: PostgresReads, world: PostgresWorld) -> None:
    house = await an_evening(world.store(), 1)
    known = {one.id: one for one in _dined((await world.rows(house.id)).journal)}
    terms = house.state.terms
    assert terms is not None
    pieces = [piece async for piece in reservations_csv(reads, house.id, stays_of(terms))]
    rows = list(csv.DictReader(io.StringIO(b"".join(pieces).decode(), newline="")))
    assert [row["reservation_id"] for row in rows] == sorted(known)
    for row in rows:
        one = known[row["reservation_id"]]
        assert (row["deposit"], row["currency"]) == (str(one.deposit), one.currency)
        assert row["kept"] == str(one.paid_by.kept if one.paid_by is not None else 0)
    assert {row["kept"] for row in rows} > {"0"}


async def test_no_transaction_is_open_while_a_client_reads_an_export(
    reads: PostgresReads, world: PostgresWorld
) -> None:
    store = world.store()
    sale = await Sale.opened(store, terms(2_000))
    for _ in range(3):
        await sale.append(store, sale.holds(*[1] * PAGE_MAX_RESERVATIONS))
    seen = 0
    watching = await asyncpg.connect(world.url)
    async for piece in reservations_csv(reads, sale.id, LINES):
        seen += piece.count(b"\r\n")
        rows = await watching.fetch(
            "SELECT state, xact_start FROM pg_stat_activity WHERE application_name = 'turnstile reports'"
        )
        assert [tuple(row) for row in rows] == [("idle", None)]
    await watching.close()
    assert seen == 1 + 3 * PAGE_MAX_RESERVATIONS
