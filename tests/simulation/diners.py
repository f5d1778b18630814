"""Those who ask of a restaurant: guests, who hold, confirm, move and come; and its staff."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from msgspec.structs import replace

from domain.event_messages import (
    BeginPayment,
    CancelReservation,
    ConfirmReservation,
    ExtendHold,
    FailPayment,
    FinishPayment,
    PauseSale,
    ResumeSale,
    Stage,
    Status,
    VoidReservation,
)
from domain.kinds import Command
from domain.local_time import MINUTE_MS, local_of
from domain.restaurant_messages import (
    CancelRestaurant,
    ChangeRestaurant,
    CloseRestaurant,
    CompleteStay,
    CreateRestaurant,
    DeleteRestaurant,
    Deposit,
    History,
    HoldTable,
    Join,
    MarkNoShow,
    MoveReservation,
    ProlongStay,
    PublishRestaurant,
    RestaurantChange,
    RestaurantTerms,
    SearchTables,
    SeatParty,
    SeatWalkIn,
    Service,
    StayOfParty,
    Table,
    TableReply,
    TableReservation,
)
from tests.simulation.clients import CUSTOMERS, Client

if TYPE_CHECKING:
    from tests.simulation.world import World

GRID_MINUTES = 15
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")
"""In each of them the grid of the hour is the same; in some it is nearly midnight."""
ALL_DAY = tuple(Service(weekday, 0, 1_800) for weekday in range(7))
EARLY_CLOSING = (0, 30, 45)
"""So many minutes after the first time of the grid a restaurant may begin to close."""


def terms_of_a_house(rng: Random, table_ids: list[str]) -> RestaurantTerms:
    """Three tables, two of them to be joined; so little room that everybody is in everybody's way."""
    window, hall, corner = table_ids
    return RestaurantTerms(
        "A restaurant",
        rng.choice(ZONES),
        (
            Table(window, "1", 1, 2, "window", ("quiet",)),
            Table(hall, "2", 1, 4, "hall"),
            Table(corner, "3", 2, 4, "hall", ("quiet",)),
        ),
        ALL_DAY,
        joins=(Join((hall, corner), 4, 7),),
        slot_grid_minutes=GRID_MINUTES,
        party_largest=7,
        notice_same_day_minutes=0,
        notice_minutes=0,
        stay_minutes=rng.choice((30, 45)),
        stays=(StayOfParty(1, 15),),
        buffer_minutes=rng.choice((0, 0, 5)),
        cancel_until_minutes=rng.choice((0, 0, 20)),
        hold_duration_s=rng.choice((10, 10, 13)),
        hold_extensions_max=rng.choice((0, 1, 3)),
        covers_per_slot_max=rng.choice((None, None, 4)),
        no_show_grace_minutes=0,
        deposit=rng.choice(
            (None, None, Deposit(500, "EUR"), Deposit(900, "EUR", "reservation", 2, "returned"))
        ),
    )


class AtTables(Client):
    """What guests and staff have in common: times that many want, and reservations to do something with."""

    def when(self, restaurant_id: str) -> tuple[int, int]:
        """A local time: one of the next few of the grid, the first of which comes soon."""
        slot_ms = GRID_MINUTES * MINUTE_MS
        first_ms = -(-self.world.true_ms() // slot_ms) * slot_ms
        at_ms = first_ms + self.rng.choice((0, 0, 0, 1, 1, 2)) * slot_ms
        return local_of(self.world.houses[restaurant_id].time_zone, at_ms)

    def table(self, restaurant_id: str) -> str | None:
        """None lets the restaurant choose."""
        tables = self.world.houses[restaurant_id].tables
        return self.rng.choice((None, None, None, *(table.id for table in tables)))

    async def do(self, restaurant_id: str, one: TableReservation, *kinds: Callable[[str], Command]) -> None:
        kind = self.rng.choice(kinds)
        await self.ask(restaurant_id, lambda: kind(one.id))

    def to_another_place(self, restaurant_id: str) -> Callable[[str], Command]:
        """To move: another time, another table, another size, or all of that."""
        rng = self.rng
        day, minute = self.when(restaurant_id) if rng.random() < 0.6 else (None, None)
        size = rng.choice((None, None, None, 2, 5))
        table_id = self.table(restaurant_id)
        return lambda reservation_id: MoveReservation(reservation_id, day, minute, size, table_id)

    def longer(self) -> Callable[[str], Command]:
        by_minutes, move_next = self.rng.choice((1, 15, 60)), self.rng.random() < 0.5
        return lambda reservation_id: ProlongStay(reservation_id, by_minutes, move_next)


class Diner(AtTables):
    """Holds a few tables, and does with each what people do."""

    async def run(self) -> None:
        mine: list[tuple[str, TableReservation]] = []
        for _ in range(self.rng.randint(3, 6)):
            await self._pause()
            restaurant_id = self.rng.choice(self.world.house_ids)
            if self.rng.random() < 0.2:
                await self.ask(restaurant_id, self._search(restaurant_id), tries=1)
            reply = await self.ask(restaurant_id, self._wish(restaurant_id))
            if isinstance(reply, TableReply):
                mine.append((restaurant_id, reply.reservation))
                await self._after(restaurant_id, reply.reservation)
            elif mine and self.rng.random() < 0.4:
                await self._after(*self.rng.choice(mine))

    async def _pause(self, longest_s: float = 2.0) -> None:
        await self.sleep(self.rng.uniform(0.0, longest_s))

    def _search(self, restaurant_id: str) -> Callable[[], Command]:
        day, minute = self.when(restaurant_id)
        wished = self.rng.choice((None, minute))
        command = SearchTables(
            day, self.rng.choice((1, 2, 5)), minute, min(minute + 45, 1_439), wished_minute=wished
        )
        return lambda: command

    def _wish(self, restaurant_id: str) -> Callable[[], Command]:
        rng = self.rng
        day, minute = self.when(restaurant_id)
        size, table_id = rng.choice((1, 2, 2, 2, 5)), self.table(restaurant_id)
        traits = ("quiet",) if rng.random() < 0.1 else ()
        history = History(no_shows=5 if rng.random() < 0.05 else 0)
        customer = rng.choice(CUSTOMERS)
        return lambda: HoldTable(
            self.world.new_id(), day, minute, size, customer, b"{}", table_id, traits, history
        )

    async def _pays(self, restaurant_id: str, held: TableReservation) -> None:
        """What a front end and a payment actor ask, in time or not."""
        payment_id, deadline_ms = self.world.new_id(), self.world.true_ms() + self.rng.choice((2_000, 15_000))
        await self.ask(restaurant_id, lambda: BeginPayment(held.id, payment_id, deadline_ms))
        await self.sleep(self.rng.uniform(0.0, 4.0))
        ends = (
            lambda: FinishPayment(held.id, payment_id, held.deposit),
            lambda: FailPayment(held.id, payment_id),
        )
        await self.ask(restaurant_id, ends[self.rng.random() < 0.2])

    async def _after(self, restaurant_id: str, held: TableReservation) -> None:
        if held.deposit and self.rng.random() < 0.7:
            await self._pays(restaurant_id, held)
        for _ in range(self.rng.choice((0, 1, 1, 2, 3))):
            await self.sleep(self.rng.choice((0.0, self.rng.uniform(0.0, 1.0), self.rng.uniform(0.0, 12.0))))
            kinds = (
                *[ConfirmReservation] * 3,
                CancelReservation,
                ExtendHold,
                *[self.to_another_place(restaurant_id)] * 2,
                SeatParty,
            )
            await self.do(restaurant_id, held, *kinds)


class Staff(AtTables):
    """Sees to who comes, goes, stays and stays away; changes tables and hours while guests reserve."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.drafts: list[str] = []

    async def run(self) -> None:
        for restaurant_id in self.drafts:
            await self.ask(restaurant_id, PublishRestaurant, keyed=True)
        for _ in range(self.rng.randint(2, 7)):
            await self.sleep(self.rng.uniform(0.1, 4.0))
            restaurant_id = self.rng.choice(self.world.house_ids)
            known = self._known(restaurant_id)
            if self.rng.random() < 0.2:
                await self.ask(restaurant_id, self._change(restaurant_id))
            elif self.rng.random() < 0.1:
                await self.ask(restaurant_id, PauseSale)
                await self.sleep(self.rng.uniform(0.0, 1.0))
                await self.ask(restaurant_id, ResumeSale, keyed=True)
            elif self.rng.random() < 0.15:
                await self._move_on(restaurant_id)
            elif not known or self.rng.random() < 0.3:
                await self.ask(restaurant_id, self._walk_in(restaurant_id))
            else:
                one = self.rng.choice(known)
                await self.do(restaurant_id, one, *self._likely(restaurant_id, one))
        if self.rng.random() < 0.25:
            await self.ask(self.rng.choice(self.world.house_ids), CancelRestaurant, keyed=True)

    async def open(self, owner: str) -> str:
        """Create a restaurant, as often as it takes; its id."""
        terms = terms_of_a_house(self.rng, [self.world.new_id() for _ in range(3)])
        stage = self.rng.choice((*[Stage.PUBLISHED] * 9, Stage.DRAFT))
        made = await self.create(lambda: CreateRestaurant(self.world.new_id(), terms, stage), owner)
        self.world.houses[made] = terms
        self.drafts += [made] if stage is Stage.DRAFT else []
        return made

    async def _move_on(self, restaurant_id: str) -> None:
        """Close it for a while, or cancel it, or try to delete it."""
        kind = self.rng.choice((CloseRestaurant, CloseRestaurant, CancelRestaurant, DeleteRestaurant))
        await self.ask(restaurant_id, kind)
        if kind is CloseRestaurant:
            await self.sleep(self.rng.uniform(0.0, 1.0))
            await self.ask(restaurant_id, PublishRestaurant, keyed=True)

    def _known(self, restaurant_id: str) -> list[TableReservation]:
        """Who will come or has come, as far as anybody has been told."""
        attempts = self.world.history.attempts
        replies = [attempt.reply for attempt in attempts if attempt.inventory_id == restaurant_id]
        told = [reply.reservation for reply in replies if isinstance(reply, TableReply)]
        latest = {one.id: one for one in told}
        return [one for one in latest.values() if one.status in (Status.CONFIRMED, Status.SEATED)]

    def _likely(self, restaurant_id: str, one: TableReservation) -> tuple[Callable[[str], Command], ...]:
        if one.status is Status.SEATED:
            return (*[self.longer()] * 3, CompleteStay, self.to_another_place(restaurant_id))
        if self.rng.random() < 0.1:
            return (VoidReservation,)
        if one.start_ms > self.world.true_ms():
            return (SeatParty, SeatParty, MarkNoShow, self.to_another_place(restaurant_id))
        return (SeatParty, MarkNoShow, MarkNoShow, CompleteStay)

    def _walk_in(self, restaurant_id: str) -> Callable[[], Command]:
        size, minutes = self.rng.choice((1, 2, 3)), self.rng.choice((None, 1, 1, 20))
        table_id = self.table(restaurant_id)
        return lambda: SeatWalkIn(
            self.world.new_id(), size, b"", b"{}", table_id=table_id, stay_minutes=minutes
        )

    def _change(self, restaurant_id: str) -> Callable[[], Command]:
        rng, terms = self.rng, self.world.houses[restaurant_id]
        move = rng.random() < 0.5
        changes = (
            lambda: RestaurantChange(tables=(replace(rng.choice(terms.tables), active=rng.random() < 0.5),)),
            lambda: RestaurantChange(services=rng.choice((ALL_DAY, self._early(terms)))),
            lambda: RestaurantChange(covers_per_slot_max=rng.choice((None, 4, 6))),
            lambda: RestaurantChange(hold_duration_s=rng.choice((10, 12))),
        )
        change = rng.choice(changes)()
        return partial(ChangeRestaurant, change, None, move)

    def _early(self, terms: RestaurantTerms) -> tuple[Service, ...]:
        """Open until one of the times that are wanted."""
        first_ms = -(-self.world.true_ms() // (GRID_MINUTES * MINUTE_MS)) * GRID_MINUTES * MINUTE_MS
        _, minute = local_of(terms.time_zone, first_ms + self.rng.choice(EARLY_CLOSING) * MINUTE_MS)
        return tuple(Service(weekday, 0, minute or 1_440) for weekday in range(7))
