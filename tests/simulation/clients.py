"""Those who ask: buyers, who place, change, extend, confirm, cancel and retry; and an operator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import UNSET

from actors.gateway import Key
from domain.event_messages import (
    BeginPayment,
    BlockSeats,
    CancelEvent,
    CancelReservation,
    ChangeEvent,
    ChangeHold,
    CloseEvent,
    ConfirmReservation,
    Copied,
    CopyFromEvent,
    CreateEvent,
    DeleteEvent,
    ExtendHold,
    FailPayment,
    FinishPayment,
    PauseSale,
    PlaceHold,
    PublishEvent,
    ReduceReservation,
    Reservation,
    ReservationReply,
    ResumeSale,
    SeatWish,
    SellReservation,
    Stage,
    Status,
    TermsChange,
    TicketType,
    TicketTypeChange,
    UnblockSeats,
    VoidReservation,
    Wanted,
)
from domain.kinds import CREATES, DESCRIBED, AnyReservation, Command, Creation, Reply
from domain.messages import Code, Rejected
from domain.seat_map import Fallback
from domain.ticket_messages import CheckIn, ReissueTicket, TransferTicket, UndoCheckIn
from tests.simulation.loop import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

UNCLEAR = (Code.UNAVAILABLE, Code.OVERLOADED)
FRONT_ROW = [f"S/A/{number}" for number in range(1, 6)]
SEATED = (("seat",), ("seat",), ("seat", "child"), ("seat", "vip"), ("best",))
CUSTOMERS = (b"ada", b"bob", b"cyd")


class Client:
    """Asks through any gateway; with a key it asks again until it knows."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self.process = Process(name, world.loop)
        self.world = world
        self.rng = world.rng(name)

    def start(self) -> asyncio.Task[None]:
        return self.process.spawn(self.run())

    async def run(self) -> None:
        raise NotImplementedError

    async def ask(
        self, event_id: str, make: Callable[[], Command], tries: int = 4, keyed: bool | None = None
    ) -> Reply | None:
        """The reply; None where patience or tries ran out first."""
        rng = self.rng
        key = self.world.new_key() if (rng.random() < 0.5 if keyed is None else keyed) else None
        reply = await self._try(event_id, make(), key)
        for _ in range(tries - 1 if key else 0):
            if reply is not None and not _unclear(reply) and rng.random() < 0.9:
                break
            await asyncio.sleep(rng.uniform(0.02, 1.0))
            again = Key(key.request_id, b"other") if key and rng.random() < 0.03 else key
            reply = await self._try(event_id, make(), again)
        return reply

    async def sleep(self, for_s: float) -> None:
        await asyncio.sleep(for_s)

    async def create(self, make: Callable[[], Creation], owner: str) -> str:
        """Make an inventory, as often as it takes; its id."""
        key = self.world.new_key()
        while True:
            front = self.rng.choice(self.world.fronts)
            attempt, task = front.create(self.name, make(), owner, key)
            await asyncio.wait((task,), timeout=self.rng.choice((0.3, 20.0)))
            if isinstance(attempt.reply, DESCRIBED):
                return attempt.reply.id
            await asyncio.sleep(self.rng.uniform(0.02, 1.0))

    async def _try(self, event_id: str, command: Command, key: Key | None) -> Reply | None:
        front = self.rng.choice(self.world.fronts)
        attempt, task = front.ask(self.name, event_id, command, key)
        await asyncio.wait((task,), timeout=self.rng.choice((0.3, 2.0, 20.0)))
        return attempt.reply


class Buyer(Client):
    """Places a few holds, and does with each what people do."""

    async def run(self) -> None:
        mine: list[tuple[str, Reservation]] = []
        for _ in range(self.rng.randint(3, 6)):
            await asyncio.sleep(self.rng.uniform(0.0, 2.0))
            event_id = self.rng.choice(self.world.event_ids)
            (lines, wish), customer = self._wanted(), self.rng.choice(CUSTOMERS)
            at_once = self.rng.random() < 0.15
            reply = await self.ask(event_id, partial(self._order, lines, wish, customer, at_once))
            if isinstance(reply, ReservationReply):
                mine.append((event_id, reply.reservation))
                await self._after(event_id, reply.reservation)
            elif mine and self.rng.random() < 0.4:
                await self._after(*self.rng.choice(mine))

    def _order(self, lines: Wanted, wish: SeatWish | None, customer: bytes, at_once: bool) -> Command:
        return PlaceHold(self.world.new_id(), lines, customer, b"{}", confirm=at_once, wish=wish)

    async def _after(self, event_id: str, held: Reservation) -> None:
        for _ in range(self.rng.choice((0, 1, 1, 2, 3))):
            await asyncio.sleep(
                self.rng.choice((0.0, self.rng.uniform(0.0, 1.0), self.rng.uniform(0.0, 12.0)))
            )
            lines, wish = self._wanted()
            command = self.rng.choice(
                (
                    ConfirmReservation(held.id),
                    ConfirmReservation(held.id),
                    ConfirmReservation(held.id),
                    CancelReservation(held.id, self.rng.random() < 0.3),
                    ExtendHold(held.id),
                    ChangeHold(held.id, lines, wish),
                    *self._money(held),
                )
            )
            reply = await self.ask(event_id, lambda command=command: command)
            if isinstance(reply, ReservationReply) and reply.reservation.status is not Status.HELD:
                continue

    def _money(self, held: Reservation) -> tuple[Command, ...]:
        """What payments, the box office and the operator ask of it."""
        payment_id = self.rng.choice(("p1", "p1", "p2"))
        deadline_ms = self.world.true_ms() + self.rng.choice((1_000, 4_000, 14_000))
        amount = held.total + self.rng.choice((0, 0, 0, 10))
        before = tuple((line.ticket_type, line.quantity) for line in held.lines)
        begun = BeginPayment(held.id, payment_id, deadline_ms)
        return (
            *[begun] * 3,
            *[FinishPayment(held.id, payment_id, amount)] * 3,
            FailPayment(held.id, payment_id),
            SellReservation(held.id, "staff", self.rng.choice((None, "cash"))),
            ReduceReservation(held.id, self._lines(), before),
            VoidReservation(held.id),
        )

    def _wanted(self) -> tuple[Wanted, SeatWish | None]:
        """Standing places; or seats, named or the best that are left."""
        if self.rng.random() < 0.6:
            return self._lines(), None
        lines = tuple((code, self.rng.choice((1, 1, 2))) for code in self.rng.choice(SEATED))
        if self.rng.random() < 0.4:
            return lines, SeatWish(fallback=self.rng.choice(tuple(Fallback)))
        names = iter(self.rng.sample(FRONT_ROW, sum(quantity for _, quantity in lines)))
        named = tuple(tuple(islice(names, quantity if code != "vip" else 0)) for code, quantity in lines)
        return lines, SeatWish(named)

    def _lines(self) -> Wanted:
        kinds = self.rng.choice((("std",), ("std",), ("vip",), ("std", "vip"), ("std", "gone")))
        return tuple(
            (code, self.rng.choice((1, 1, 2, 3))) for code in kinds if code != "gone" or self._rarely()
        )

    def _rarely(self) -> bool:
        return self.rng.random() < 0.2


class Gatekeeper(Client):
    """Lets in whoever comes: tickets of reservations that are confirmed by then, some of them twice."""

    async def run(self) -> None:
        for _ in range(self.rng.randint(4, 8)):
            await asyncio.sleep(self.rng.choice((0.0, self.rng.uniform(0.0, 3.0))))
            event_id = self.rng.choice(self.world.event_ids)
            held = self.world.database.tables.live(event_id, None, 100)
            sold = [one.reservation for one in held if one.reservation.status is not Status.HELD]
            if sold:
                await self._of_one(event_id, self.rng.choice(sold))

    async def _of_one(self, event_id: str, sold: AnyReservation) -> None:
        rng, number = self.rng, self.rng.choice((1, 1, 1, 2, 3))
        generation = rng.choice((1, 1, 1, 2))
        let_in = CheckIn(sold.id, number, generation, self.name, rng.choice(("", "north")))
        command = rng.choice(
            (
                let_in,
                let_in,
                let_in,
                UndoCheckIn(sold.id, number, generation, self.name),
                TransferTicket(sold.id, number, rng.choice(CUSTOMERS), b"{}"),
                ReissueTicket(sold.id, number, rng.choice((None, generation)), rng.random() < 0.3),
                ConfirmReservation(sold.id),
                CancelReservation(sold.id),
            )
        )
        await self.ask(event_id, lambda: command)


class Operator(Client):
    """Opens the events, then changes what is on sale while it sells; now and then closes or cancels one."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.drafts: list[str] = []

    async def run(self) -> None:
        for event_id in self.drafts:
            await self.ask(event_id, PublishEvent, keyed=True)
        for _ in range(self.rng.randint(0, 5)):
            await asyncio.sleep(self.rng.uniform(0.1, 4.0))
            event_id = self.rng.choice(self.world.event_ids)
            if self.rng.random() < 0.3:
                await self.ask(event_id, PauseSale)
                await asyncio.sleep(self.rng.uniform(0.0, 1.0))
                await self.ask(event_id, ResumeSale, keyed=True)
            elif self.rng.random() < 0.1:
                await self.ask(event_id, CloseEvent)
                await asyncio.sleep(self.rng.uniform(0.0, 1.0))
                await self.ask(event_id, PublishEvent, keyed=True)
            elif self.rng.random() < 0.1:
                await self.ask(event_id, CancelEvent)
            elif self.rng.random() < 0.05:
                await self.ask(event_id, DeleteEvent)
            elif self.rng.random() < 0.3:
                seats = tuple(self.rng.sample(FRONT_ROW, 2))
                kind = self.rng.choice((BlockSeats, UnblockSeats))
                await self.ask(event_id, partial(kind, seats))
            elif self.rng.random() < 0.2:
                await self.ask(event_id, partial(CopyFromEvent, self._copied()))
            else:
                change = self._change()
                await self.ask(event_id, lambda change=change: ChangeEvent(change))

    async def open(self, owner: str) -> str:
        """Create an event, as often as it takes; its id."""
        terms = self.world.new_terms(self.rng)
        stage = self.rng.choice((*[Stage.PUBLISHED] * 9, Stage.DRAFT))
        event_id = await self.create(lambda: CreateEvent(self.world.new_id(), terms, stage), owner)
        self.drafts += [event_id] if stage is Stage.DRAFT else []
        return event_id

    def _copied(self) -> Copied:
        """What some other event might have: dearer seats, the best of them in a category of their own."""
        rng = self.rng
        types = (
            TicketType("seat", "Seat", 5, rng.choice((20, 25)), categories=("A",)),
            TicketType("best", "Best", 2, 50, categories=("best",)),
        )
        best = (("best", tuple(rng.sample(FRONT_ROW, 2))),)
        blocked = tuple(rng.sample(FRONT_ROW, rng.choice((0, 0, 1))))
        return rng.choice((Copied("EUR", types, best, blocked), Copied("EUR", types[:1], (), blocked)))

    def _change(self) -> TermsChange:
        rng = self.rng
        kind = TicketTypeChange(
            rng.choice(("std", "vip")),
            quota=rng.choice((UNSET, 0, 1, 3, 6, 12)),
            price=rng.choice((UNSET, 0, 10, 20)),
            max_per_order=rng.choice((UNSET, UNSET, None, 2)),
        )
        return TermsChange(
            ticket_types=(kind,),
            capacity=rng.choice((UNSET, UNSET, None, 4, 8)),
            hold_duration_s=rng.choice((UNSET, 10, 12)),
            max_per_customer=rng.choice((UNSET, UNSET, None, 3)),
            one_per_customer=rng.choice((UNSET, UNSET, UNSET, False, True)),
            cancel_until_ms=rng.choice((UNSET, UNSET, None, self.world.true_ms() + 2_000)),
            sales_end_ms=rng.choice((UNSET, UNSET, UNSET, None, self.world.true_ms() + 4_000)),
            cancel_keeps_percent=rng.choice((UNSET, UNSET, 50)),
        )


def _unclear(reply: Reply) -> bool:
    return isinstance(reply, Rejected) and reply.code in UNCLEAR


class Retrier(Client):
    """After everything: asks again with every key that was used, until the answer is clear."""

    TRIES = 3
    """The first may find a handle to an owner that has died since."""

    async def run(self) -> None:
        last = {attempt.key.request_id: attempt for attempt in self.world.history.attempts if attempt.key}
        for attempt in last.values():
            for _ in range(self.TRIES):
                front = self.rng.choice(self.world.fronts)
                if isinstance(attempt.command, tuple(CREATES)):
                    again, task = front.create(self.name, attempt.command, "pool:0", attempt.key)
                else:
                    again, task = front.ask(self.name, attempt.inventory_id, attempt.command, attempt.key)
                await asyncio.wait((task,))
                if again.reply is not None and not _unclear(again.reply):
                    break
