"""Venues and plans as rows: made once for a key, changed by one at a time, removed only when nobody comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest

from actors.refusals import ANSWERS
from domain.event_messages import (
    CancelEvent,
    ChangeEvent,
    CreateEvent,
    Seating,
    Terms,
    TermsChange,
    TicketType,
)
from domain.messages import Code, Rejected
from domain.seat_generators import block
from domain.venue import NumberedPlan, Venue, VenueChange, numbered
from domain.venue_time import ASSUMED_DURATION_MS
from persistence.append import create_statement
from persistence.clock import StoreClock
from persistence.reads import PostgresReads
from persistence.store import Refused
from persistence.venues import LOCKED, REMOVE, PostgresVenues
from tests.persistence.sales import NOW_MS, OWNER, Sale, new_id
from tests.persistence.worlds import WAITING, PostgresWorld

OTHER_BODY, BODY = b"other", b"body"


@pytest.fixture
async def venues(postgres_url: str) -> AsyncIterator[PostgresVenues]:
    made = PostgresVenues(postgres_url)
    yield made
    await made.close()


def a_plan(rows: int = 2) -> NumberedPlan:
    return numbered(block("Stalls", rows, 3, (("front", 1), ("back", rows))), new_id())


def a_venue(plan: NumberedPlan | None = None, name: str = "The Hall") -> Venue:
    return Venue(new_id(), 1, NOW_MS, name, "Vienna", None, None if plan is None else plan.said)


async def a_match(venues: PostgresVenues) -> tuple[Venue, Terms]:
    """A new venue, and terms of an event with seats of it that do not say when it ends."""
    plan = a_plan()
    venue = a_venue(plan)
    await venues.create(venue, plan, None)
    types = (TicketType("A", "Front", 3, 100, categories=("front",)),)
    seating = Seating(venue.id, plan.said.id)
    return venue, Terms("Match", NOW_MS + 1_000_000, "EUR", types, seating=seating)


def code_of(answer: object) -> Code:
    assert isinstance(answer, Rejected)
    return answer.code


async def test_a_venue_is_read_as_it_was_made_with_its_plan_or_without(venues: PostgresVenues) -> None:
    plan = a_plan()
    bare, seated = a_venue(), a_venue(plan)
    assert await venues.create(bare, None, None) == bare
    assert await venues.create(seated, plan, None) == seated
    assert await venues.venue(bare.id) == bare
    assert await venues.venue(seated.id) == seated
    assert await venues.plan(plan.said.id) == plan.plan
    assert await venues.venue(new_id()) is None
    assert await venues.plan(new_id()) is None


async def test_a_key_makes_one_venue_however_often_and_at_once(venues: PostgresVenues) -> None:
    key = new_id().encode()[:16]
    wanted = [a_venue(a_plan()) for _ in range(6)]
    plans = [NumberedPlan(one.plan, a_plan().plan) for one in wanted if one.plan is not None]
    made = await asyncio.gather(
        *(venues.create(one, plan, (key, BODY)) for one, plan in zip(wanted, plans, strict=True))
    )
    assert len({one.id for one in made if isinstance(one, Venue)}) == 1
    there = [await venues.venue(one.id) for one in wanted]
    assert [one for one in there if one is not None] == made[:1]
    assert code_of(await venues.create(a_venue(), None, (key, OTHER_BODY))) is Code.KEY_REUSED


async def test_venues_are_listed_by_id_in_pages(database_url: str) -> None:
    venues = PostgresVenues(database_url)
    plan = a_plan()
    wanted = [a_venue(plan if number == 3 else None, f"Hall {number}") for number in range(7)]
    for venue in wanted:
        await venues.create(venue, plan if venue.plan else None, None)
    wanted.sort(key=lambda venue: venue.id)
    found: list[Venue] = []
    while page := await venues.venues(found[-1].id if found else None, 3):
        found += page
    assert found == wanted
    await venues.close()


async def test_a_change_raises_the_version_and_a_plan_gets_the_next_number(venues: PostgresVenues) -> None:
    first, second = a_plan(), a_plan(5)
    venue = a_venue(first)
    await venues.create(venue, first, None)
    renamed = await venues.change(venue.id, VenueChange(name="Arena", address="Ring 1"), 1, NOW_MS)
    assert isinstance(renamed, Venue)
    assert (renamed.version, renamed.name, renamed.address, renamed.plan) == (
        2,
        "Arena",
        "Ring 1",
        first.said,
    )
    planned = await venues.change(venue.id, VenueChange(plan=second), None, NOW_MS)
    assert isinstance(planned, Venue)
    assert planned.plan is not None
    assert (planned.version, planned.plan.number, planned.plan.seats) == (3, 2, 15)
    assert await venues.venue(venue.id) == planned
    assert await venues.plan(first.said.id) == first.plan, "events were made with it"
    assert await venues.change(venue.id, VenueChange(name="Arena"), 3, NOW_MS) == planned


async def test_of_two_who_change_the_same_version_one_is_stale(venues: PostgresVenues) -> None:
    venue = a_venue()
    await venues.create(venue, None, None)
    names = [f"Hall {number}" for number in range(8)]
    answers = await asyncio.gather(
        *(venues.change(venue.id, VenueChange(name=name), 1, NOW_MS) for name in names)
    )
    done = [answer for answer in answers if isinstance(answer, Venue)]
    assert len(done) == 1
    assert {code_of(answer) for answer in answers if isinstance(answer, Rejected)} == {Code.STALE}
    assert await venues.venue(venue.id) == done[0]
    assert code_of(await venues.remove(venue.id, 1, NOW_MS)) is Code.STALE


async def test_who_names_no_version_changes_what_stands(venues: PostgresVenues) -> None:
    venue = a_venue()
    await venues.create(venue, None, None)
    await asyncio.gather(
        venues.change(venue.id, VenueChange(name="Arena"), None, NOW_MS),
        venues.change(venue.id, VenueChange(city="Graz"), None, NOW_MS),
    )
    found = await venues.venue(venue.id)
    assert found is not None
    assert (found.name, found.city, found.version) == ("Arena", "Graz", 3)


async def test_what_is_removed_is_gone_but_its_plan_can_be_read(
    venues: PostgresVenues, postgres_url: str
) -> None:
    plan = a_plan()
    venue = a_venue(plan)
    await venues.create(venue, plan, None)
    reads = PostgresReads(postgres_url, StoreClock(_no_clock, 500))
    assert await reads.present_plan(venue.id) == (plan.said.id, plan.plan)
    assert await venues.remove(venue.id, None, NOW_MS) is None
    assert await reads.present_plan(venue.id) is None
    assert await venues.venue(venue.id) is None
    assert venue.id not in {one.id for one in await venues.venues(None, 1_000)}
    assert code_of(await venues.remove(venue.id, None, NOW_MS)) is Code.NOT_FOUND
    assert code_of(await venues.change(venue.id, VenueChange(name="A"), None, NOW_MS)) is Code.NOT_FOUND
    assert await venues.plan(plan.said.id) == plan.plan
    await reads.close()


async def test_a_venue_is_kept_for_its_coming_events_and_not_for_past_or_cancelled_ones(
    venues: PostgresVenues, postgres: PostgresWorld
) -> None:
    venue, unending = await a_match(venues)
    store, starts_at_ms = postgres.store(), unending.starts_at_ms
    match = msgspec.structs.replace(unending, ends_at_ms=starts_at_ms + 500)
    await Sale.opened(store, match)
    later = msgspec.structs.replace(match, starts_at_ms=starts_at_ms + 500, ends_at_ms=starts_at_ms + 9_000)
    cancelled = await Sale.opened(store, later)
    assert code_of(await venues.remove(venue.id, None, NOW_MS)) is Code.IN_USE
    assert await cancelled.append(store, cancelled.decided(CancelEvent()))
    assert code_of(await venues.remove(venue.id, None, starts_at_ms + 499)) is Code.IN_USE
    assert await venues.venue(venue.id) == venue
    assert await venues.remove(venue.id, None, starts_at_ms + 500) is None


async def test_a_match_that_does_not_say_when_it_ends_has_its_venue_as_long_as_is_assumed(
    venues: PostgresVenues, postgres: PostgresWorld
) -> None:
    venue, match = await a_match(venues)
    await Sale.opened(postgres.store(), match)
    ends_at_ms = match.starts_at_ms + ASSUMED_DURATION_MS
    assert code_of(await venues.remove(venue.id, None, ends_at_ms - 1)) is Code.IN_USE
    assert await venues.remove(venue.id, None, ends_at_ms) is None


async def test_a_venue_is_kept_for_an_event_that_is_just_being_made(
    venues: PostgresVenues, postgres: PostgresWorld
) -> None:
    venue, match = await a_match(venues)
    making = await asyncpg.connect(postgres.url)
    try:
        transaction = making.transaction()
        await transaction.start()
        entry = Sale(new_id()).decided(CreateEvent(new_id(), match))
        sql, values = create_statement(entry, OWNER, "events")
        assert await making.fetch(sql, *values)
        removing = asyncio.create_task(venues.remove(venue.id, None, NOW_MS))
        await waits_for_a_lock(postgres.url, removing)
        await transaction.commit()
    finally:
        await making.close()
    assert code_of(await removing) is Code.IN_USE


async def test_no_event_is_made_in_a_venue_that_is_just_being_removed(
    venues: PostgresVenues, postgres: PostgresWorld
) -> None:
    venue, match = await a_match(venues)
    removing = await asyncpg.connect(postgres.url)
    try:
        transaction = removing.transaction()
        await transaction.start()
        assert await removing.fetch(LOCKED, venue.id)
        await removing.execute(REMOVE, venue.id, NOW_MS)
        making = asyncio.create_task(Sale.opened(postgres.store(), match))
        await waits_for_a_lock(postgres.url, making)
        await transaction.commit()
    finally:
        await removing.close()
    with pytest.raises(Refused) as refused:
        await making
    assert refused.value.constraint == "events_venue"
    assert ANSWERS[refused.value.constraint].code is Code.INVALID


async def test_an_event_that_is_over_is_not_moved_in_a_venue_that_is_removed(
    venues: PostgresVenues, postgres: PostgresWorld
) -> None:
    venue, match = await a_match(venues)
    store = postgres.store()
    over = await Sale.opened(store, match)
    assert await venues.remove(venue.id, None, match.starts_at_ms + ASSUMED_DURATION_MS) is None
    assert await over.append(store, over.decided(ChangeEvent(TermsChange(description="A draw"))))
    again = ChangeEvent(TermsChange(starts_at_ms=match.starts_at_ms + 30 * 86_400_000))
    with pytest.raises(Refused) as refused:
        await over.append(store, over.decided(again))
    assert refused.value.constraint == "events_venue"


async def test_of_many_that_wait_for_one_time_of_a_venue_together_one_has_it_and_the_others_hear_so(
    venues: PostgresVenues, postgres: PostgresWorld
) -> None:
    """Who has it gives it back: they all go on at once, and must not come to wait for each other."""
    _, match = await a_match(venues)
    there = await Sale.opened(postgres.store(), match)
    giving = await postgres.connection()
    await giving.execute("BEGIN")
    await giving.execute("UPDATE events SET during = NULL WHERE id = $1", there.id)
    making = [asyncio.create_task(Sale.opened(postgres.store(), match)) for _ in range(4)]
    await postgres.until(f"{WAITING} HAVING count(*) = 4")
    await giving.execute("COMMIT")
    made = await asyncio.gather(*making, return_exceptions=True)
    assert [isinstance(one, Sale) for one in made].count(True) == 1
    assert [one.constraint for one in made if isinstance(one, Refused)] == ["events_apart"] * 3


async def test_batches_that_change_events_of_the_same_venues_take_their_turns_in_one_order(
    venues: PostgresVenues, postgres: PostgresWorld
) -> None:
    """The owners of several events each: one has the first event there, the other here."""
    (here, one), (_, other) = [await a_match(venues) for _ in range(2)]
    day_ms = 86_400_000
    later = ChangeEvent(TermsChange(description="Sold out soon"))
    batches = []
    for number, places in enumerate(((one, other), (other, one)), 1):
        terms = [msgspec.structs.replace(of, starts_at_ms=of.starts_at_ms + number * day_ms) for of in places]
        batches.append([await Sale.opened(postgres.store(), of) for of in terms])
    first = await postgres.connection()
    await first.execute("BEGIN")
    await first.execute("SELECT pg_advisory_xact_lock(1, hashtext($1))", here.id)
    changing = []
    for number, batch in enumerate(batches, 1):
        entries = [sale.decided(later) for sale in batch]
        changing.append(asyncio.create_task(postgres.store().append(entries)))
        await postgres.until(f"{WAITING} HAVING count(*) = {number}")
    await first.execute("COMMIT")
    kept = await asyncio.gather(*changing, return_exceptions=True)
    assert kept == [{sale.id for sale in batch} for batch in batches]


async def waits_for_a_lock(url: str, work: asyncio.Task[Any]) -> None:
    """Until PostgreSQL says so; or until it is done, which is for the test to judge."""
    watching = await asyncpg.connect(url)
    try:
        while not work.done() and not await watching.fetchval(WAITING):  # noqa: ASYNC110 - PostgreSQL's word
            await asyncio.sleep(0.01)
    finally:
        await watching.close()


async def _no_clock() -> int:
    raise AssertionError("not asked")
