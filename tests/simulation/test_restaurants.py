"""Restaurants under the same owners: what is said of any kind of inventory holds of them too."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
import pytest

from domain.event_messages import ConfirmReservation, PauseSale, Status
from domain.local_time import DAY_MS
from domain.messages import Code
from domain.restaurant_messages import (
    CancelRestaurant,
    CreateRestaurant,
    FreeTimes,
    HoldTable,
    RestaurantFact,
    RestaurantReply,
    RestaurantTerms,
    SearchTables,
    Service,
    Table,
    TableReply,
)
from tests.simulation.stage import HOLD_S, Stage, answered, played, refusal
from tests.simulation.world import EPOCH_MS

TOMORROW = EPOCH_MS // DAY_MS + 1
NINETEEN = 19 * 60
EVENING = (17 * 60, NINETEEN, 21 * 60)
_facts = msgspec.msgpack.Decoder(list[RestaurantFact])


@dataclass
class House:
    """A restaurant with one table for two."""

    stage: Stage
    id: str

    @classmethod
    async def opened(cls, stage: Stage) -> House:
        services = tuple(Service(weekday, 12 * 60, 23 * 60) for weekday in range(7))
        tables = (Table(stage.new_id(), "1", 1, 2),)
        terms = RestaurantTerms("Corner", "Europe/Berlin", tables, services, hold_duration_s=HOLD_S)
        command = CreateRestaurant(stage.new_id(), terms)
        attempt, task = stage.fronts[0].create("test", command, "pool:0", None)
        await asyncio.wait((task,))
        assert isinstance(attempt.reply, RestaurantReply), attempt.reply
        stage.houses[command.id] = terms
        return cls(stage, command.id)

    def hold(self, minute: int = NINETEEN) -> HoldTable:
        return HoldTable(self.stage.new_id(), TOMORROW, minute, 2, b"ada", b"{}")

    async def free(self) -> list[int]:
        """The minutes of tomorrow's free times."""
        found = await self.stage.ask(self.id, SearchTables(TOMORROW, 2))
        assert isinstance(found, FreeTimes)
        return [time.minute for time in found.times]


def test_a_table_goes_to_one_of_many_who_want_it_at_once() -> None:
    async def course(stage: Stage) -> None:
        house = await House.opened(stage)
        wishes = [stage.begin(house.id, house.hold(NINETEEN + 15 * n), front=n % 2) for n in range(8)]
        replies = [await wish for wish in wishes]
        assert sum(map(answered, replies)) == 1
        assert {refusal(reply) for reply in replies} == {None, Code.HELD}

    played(course)


def test_a_hold_that_runs_out_is_ended_by_the_timer_and_its_time_is_free_again() -> None:
    async def course(stage: Stage) -> None:
        house = await House.opened(stage)
        held = house.hold()
        assert answered(await stage.ask(house.id, held))
        assert NINETEEN not in await house.free()
        await asyncio.sleep(HOLD_S + 2)
        found = stage.database.tables.find(house.id, [held.reservation_id])
        assert [one.reservation.status for one in found] == [Status.EXPIRED]
        assert NINETEEN in await house.free()
        assert stage.owner().owner.last_error == ""

    played(course)


def test_an_owner_that_died_is_followed_by_one_that_knows_the_tables() -> None:
    async def course(stage: Stage) -> None:
        house = await House.opened(stage)
        held = house.hold()
        await stage.ask(house.id, held)
        await stage.ask(house.id, ConfirmReservation(held.reservation_id))
        stage.owner().process.kill()
        assert refusal(await stage.ask(house.id, house.hold())) is Code.TAKEN
        again = await stage.ask(house.id, ConfirmReservation(held.reservation_id))
        assert isinstance(again, TableReply)
        assert again.reservation.status is Status.CONFIRMED
        assert again.contact == b"{}"

    played(course)


def test_a_restaurant_that_nobody_asks_rests_and_comes_back_with_its_reservations() -> None:
    async def course(stage: Stage) -> None:
        house = await House.opened(stage)
        held = house.hold()
        await stage.ask(house.id, held)
        await stage.ask(house.id, ConfirmReservation(held.reservation_id))
        await asyncio.sleep(6)
        assert stage.owner().owner.inventories(9) == []
        assert refusal(await stage.ask(house.id, house.hold())) is Code.TAKEN
        assert stage.owner().owner.inventories(9) == [house.id]

    played(course, passivate_after_s=3.0)


def test_a_hold_ends_in_time_though_its_restaurant_rests() -> None:
    async def course(stage: Stage) -> None:
        house = await House.opened(stage)
        held = house.hold()
        await stage.ask(house.id, held)
        await asyncio.sleep(6)
        assert stage.owner().owner.inventories(9) == []
        await asyncio.sleep(HOLD_S - 6 + 1.5)
        found = stage.database.tables.find(house.id, [held.reservation_id])
        assert [one.reservation.status for one in found] == [Status.EXPIRED]

    played(course, passivate_after_s=3.0)


def test_a_key_that_comes_again_holds_one_table() -> None:
    async def course(stage: Stage) -> None:
        house = await House.opened(stage)
        key = stage.new_key()
        first = await stage.ask(house.id, house.hold(), key)
        again = await stage.ask(house.id, house.hold(), key, front=1)
        assert again == first
        assert len(stage.database.tables.live(house.id, None, 9)) == 1

    played(course)


def test_what_is_meant_for_another_kind_of_inventory_is_not_found_and_changes_nothing() -> None:
    async def course(stage: Stage) -> None:
        house, event_id = await House.opened(stage), await stage.event()
        assert refusal(await stage.ask(house.id, stage.one())) is Code.NOT_FOUND
        assert refusal(await stage.ask(event_id, house.hold())) is Code.NOT_FOUND
        assert len(stage.database.journal(house.id)) == len(stage.database.journal(event_id)) == 1
        assert answered(await stage.ask(house.id, PauseSale()))

    played(course)


# --- cancelled ------------------------------------------------------------------------------------------


async def booked(stage: Stage) -> House:
    """A restaurant with two confirmed reservations and a hold."""
    house = await House.opened(stage)
    for minute in EVENING:
        held = house.hold(minute)
        assert answered(await stage.ask(house.id, held))
        if minute != NINETEEN:
            assert answered(await stage.ask(house.id, ConfirmReservation(held.reservation_id)))
    return house


def live_rows(stage: Stage, house: House) -> int:
    return len(stage.database.tables.live(house.id, None, 1_000))


def test_what_a_cancelled_restaurant_had_is_ended_by_the_timer_in_slices() -> None:
    async def course(stage: Stage) -> None:
        house = await booked(stage)
        assert answered(await stage.ask(house.id, CancelRestaurant()))
        row = stage.database.inventory(house.id)
        assert row is not None
        assert (row.live, row.live_reservations, live_rows(stage, house)) == (0, 0, len(EVENING))
        await asyncio.sleep(2)
        assert (live_rows(stage, house), row.next_due_ms) == (0, None)
        sizes = [len(_facts.decode(one.facts)) for one in stage.database.journal(house.id)]
        assert max(sizes) == 2
        ends = [stored.reservation.status for stored in row.reservations.values()]
        assert ends == [Status.CANCELLED, Status.RELEASED, Status.CANCELLED]

    played(course, expiries_max_per_append=2)


@pytest.mark.parametrize("after_s", [0.0, 0.9, 1.05])
def test_an_owner_that_dies_over_a_cancelled_restaurant_leaves_the_rest_to_its_successor(
    after_s: float,
) -> None:
    async def course(stage: Stage) -> None:
        house = await booked(stage)
        await stage.ask(house.id, CancelRestaurant())
        await asyncio.sleep(after_s)
        stage.owner().process.kill()
        await asyncio.sleep(8)
        assert live_rows(stage, house) == 0
        assert refusal(await stage.ask(house.id, house.hold())) is Code.SALES_CLOSED

    played(course, expiries_max_per_append=1)


# --- at rest --------------------------------------------------------------------------------------------


def test_a_restaurant_of_which_nothing_is_due_soon_rests_and_knows_its_reservations_again() -> None:
    async def course(stage: Stage) -> None:
        house = await House.opened(stage)
        held = house.hold()
        await stage.ask(house.id, held)
        await stage.ask(house.id, ConfirmReservation(held.reservation_id))
        await asyncio.sleep(2)
        assert stage.owner().owner.inventories(9) == [house.id]
        await asyncio.sleep(6)
        assert stage.owner().owner.inventories(9) == []
        assert NINETEEN not in await house.free()
        assert refusal(await stage.ask(house.id, house.hold())) is Code.TAKEN
        assert stage.owner().owner.inventories(9) == [house.id]

    played(course, passivate_after_s=3.0)


@pytest.mark.parametrize(("passivate_after_s", "awake"), [(2.0, False), (6.0, True)])
def test_a_hold_that_ends_soon_keeps_its_restaurant_awake_and_each_is_ended_in_time(
    passivate_after_s: float, awake: bool
) -> None:
    async def course(stage: Stage) -> None:
        house = await House.opened(stage)
        held = house.hold()
        await stage.ask(house.id, held)
        await asyncio.sleep(HOLD_S - 2)
        assert stage.owner().owner.inventories(9) == ([house.id] if awake else [])
        await asyncio.sleep(4)
        found = stage.database.tables.find(house.id, [held.reservation_id])
        assert [one.reservation.status for one in found] == [Status.EXPIRED]

    played(course, passivate_after_s=passivate_after_s)
