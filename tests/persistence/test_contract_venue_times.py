"""What every store promises of venues: no two events of one at one time, made or changed, at once or not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from domain.event_messages import (
    CancelEvent,
    ChangeEvent,
    ConfirmReservation,
    CreateEvent,
    DeleteEvent,
    EventCommand,
    PlaceHold,
    Seating,
    SeatWish,
    Terms,
    TermsChange,
)
from domain.event_seats import Seats
from domain.seat_plan import Layout
from domain.venue_time import ASSUMED_DURATION_MS
from persistence.store import OwnerStore, Refused
from tests.persistence.sales import CONTACT, NOW_MS, OWNER, Sale, new_id
from tests.persistence.worlds import World
from tests.unit.seated import HALL, TYPES

EVENING_MS = NOW_MS + 86_400_000
HOUR_MS = 3_600_000


class Venue:
    """A venue whose plan the store keeps."""

    def __init__(self, store: OwnerStore, plan_id: str) -> None:
        self.store = store
        self.seating = Seating(new_id(), plan_id)

    def terms(self, start_ms: int, end_ms: int | None) -> Terms:
        return Terms("Match", start_ms, "EUR", TYPES, ends_at_ms=end_ms, seating=self.seating)

    async def holds(self, start_ms: int, end_ms: int | None) -> Sale:
        return await Sale.opened(self.store, self.terms(start_ms, end_ms))


@pytest.fixture
async def venue(world: World) -> Venue:
    plan_id = new_id()
    await world.keep_plan(plan_id, HALL)
    return Venue(world.store(), plan_id)


async def refuses(sale: Sale, store: OwnerStore, command: EventCommand) -> bool:
    with pytest.raises(Refused) as refused:
        await sale.append(store, sale.decided(command))
    return refused.value.constraint == "events_apart"


@pytest.mark.parametrize(
    ("start_ms", "end_ms"),
    [
        (EVENING_MS, EVENING_MS + HOUR_MS),
        (EVENING_MS - HOUR_MS, EVENING_MS + 1),
        (EVENING_MS + HOUR_MS - 1, None),
        (EVENING_MS + 1, EVENING_MS + 2),
        (EVENING_MS - HOUR_MS, EVENING_MS + 9 * HOUR_MS),
        (EVENING_MS + 1 - ASSUMED_DURATION_MS, None),
    ],
)
async def test_an_event_that_overlaps_another_of_its_venue_is_not_made(
    venue: Venue, start_ms: int, end_ms: int
) -> None:
    await venue.holds(EVENING_MS, EVENING_MS + HOUR_MS)
    with pytest.raises(Refused) as refused:
        await venue.holds(start_ms, end_ms)
    assert refused.value.constraint == "events_apart"


async def test_events_of_a_venue_may_follow_each_other_without_a_pause(venue: Venue) -> None:
    await venue.holds(EVENING_MS, EVENING_MS + HOUR_MS)
    await venue.holds(EVENING_MS - ASSUMED_DURATION_MS, None)
    await venue.holds(EVENING_MS + HOUR_MS, EVENING_MS + 2 * HOUR_MS)


async def test_events_elsewhere_or_without_a_venue_do_not_matter(venue: Venue, world: World) -> None:
    await venue.holds(EVENING_MS, EVENING_MS + HOUR_MS)
    elsewhere = venue.terms(EVENING_MS, EVENING_MS + HOUR_MS)
    await Sale.opened(venue.store, replace(elsewhere, seating=replace(venue.seating, venue_id=new_id())))
    for _ in range(2):
        await Sale.opened(world.store(), at_ms=EVENING_MS - 86_400_000)


async def test_an_event_cannot_be_moved_to_where_another_is_and_can_be_moved_elsewhere(venue: Venue) -> None:
    await venue.holds(EVENING_MS, EVENING_MS + HOUR_MS)
    moved = await venue.holds(EVENING_MS + 2 * HOUR_MS, EVENING_MS + 3 * HOUR_MS)
    later = ChangeEvent(
        TermsChange(starts_at_ms=EVENING_MS + 5 * HOUR_MS, ends_at_ms=EVENING_MS + 6 * HOUR_MS)
    )
    assert await moved.append(venue.store, moved.decided(later))
    await venue.holds(EVENING_MS + 2 * HOUR_MS, EVENING_MS + 3 * HOUR_MS)
    back = ChangeEvent(TermsChange(starts_at_ms=EVENING_MS - HOUR_MS, ends_at_ms=EVENING_MS + 1))
    assert await refuses(moved, venue.store, back)


@pytest.mark.parametrize("command", [CancelEvent(), DeleteEvent()])
async def test_a_cancelled_or_deleted_event_gives_its_time_back(venue: Venue, command: EventCommand) -> None:
    sale = await venue.holds(EVENING_MS, EVENING_MS + HOUR_MS)
    assert await sale.append(venue.store, sale.decided(command))
    await venue.holds(EVENING_MS, EVENING_MS + HOUR_MS)


async def test_a_postponed_event_keeps_its_reservations_and_their_seats(venue: Venue, world: World) -> None:
    sale = await venue.holds(EVENING_MS, EVENING_MS + HOUR_MS)
    sale.state.seats = Seats(Layout(HALL))
    held = PlaceHold(new_id(), (("front", 2),), b"customer", CONTACT, wish=SeatWish((("S/A/1", "S/A/2"),)))
    sold = PlaceHold(new_id(), (("back", 1),), b"other", CONTACT, wish=SeatWish((("S/B/1",),)))
    await sale.append(venue.store, sale.decided(held, sold))
    await sale.append(venue.store, sale.decided(ConfirmReservation(sold.reservation_id)))
    before = await world.rows(sale.id)
    later = TermsChange(starts_at_ms=EVENING_MS + 9 * HOUR_MS, ends_at_ms=EVENING_MS + 10 * HOUR_MS)
    assert await sale.append(venue.store, sale.decided(ChangeEvent(later)))
    after = await world.rows(sale.id)
    assert (after.reservations, after.seats, after.counts) == (
        before.reservations,
        before.seats,
        before.counts,
    )
    assert len(after.seats) == 3
    await venue.holds(EVENING_MS, EVENING_MS + HOUR_MS)


async def test_of_two_that_are_moved_to_one_time_at_once_one_is(world: World, venue: Venue) -> None:
    for number in range(5):
        day_ms = EVENING_MS + (number + 1) * 24 * HOUR_MS
        pair = [await venue.holds(day_ms + n * HOUR_MS, day_ms + (n + 1) * HOUR_MS) for n in range(2)]
        there = TermsChange(starts_at_ms=day_ms + 5 * HOUR_MS, ends_at_ms=day_ms + 6 * HOUR_MS)

        async def move(sale: Sale, there: TermsChange = there) -> bool:
            return await sale.append(world.store(), sale.decided(ChangeEvent(there)))

        assert_one_has_it(await asyncio.gather(*map(move, pair), return_exceptions=True))


async def test_of_many_that_are_made_at_once_for_the_same_time_one_is(world: World, venue: Venue) -> None:
    terms = venue.terms(EVENING_MS, EVENING_MS + HOUR_MS)

    async def make() -> bool:
        sale = Sale(new_id())
        return await world.store().create(sale.decided(CreateEvent(sale.id, terms)), OWNER, "events")

    assert_one_has_it(await asyncio.gather(*(make() for _ in range(8)), return_exceptions=True))


def assert_one_has_it(answers: Sequence[object]) -> None:
    """The others hear why: nobody has waited for nothing."""
    assert answers.count(True) == 1
    refused = [answer for answer in answers if answer is not True]
    assert [one.constraint for one in refused if isinstance(one, Refused)] == ["events_apart"] * len(refused)
