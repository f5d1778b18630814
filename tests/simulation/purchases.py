"""Purchases under faults: one payment for what is held in events of several owners, all of it or nothing.

The world is that of `tests.simulation.payments`, with three events, and buyers who hold something in two or
three of them and pay for it together. What has to hold of money is looked at there (`money_wrong`); here it
is seen, at the moment at which a purchase is said to have failed, that no hold waits for it any more.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from domain.event_messages import (
    CancelEvent,
    CancelReservation,
    PlaceHold,
    Reservation,
    ReservationReply,
    SellReservation,
    Stage,
    Status,
)
from domain.messages import Rejected
from domain.payment import NewPayment, Part, Payment, Standing, Step
from domain.refund import NewRefund, Reason
from tests.simulation.loop import PROCESS
from tests.simulation.payments import METHODS, PaymentWorld, SimPayments

OWNERS = ("pool:0", "pool:1", "event:hot")


class WatchedPayments(SimPayments):
    """As soon as a purchase has failed, all is as before."""

    async def write(self, written: Any) -> set[str]:
        kept = await super().write(written)
        for one in written:
            after = one.after
            if isinstance(after, Payment) and after.id in kept and after.standing is Standing.FAILED:
                for part in after.parts:
                    self._check_lets_go(part)
        return kept

    def _check_lets_go(self, part: Part) -> None:
        """What a cancelled event still has ends without it."""
        if self.tables.inventories[part.inventory_id].definition.stage is Stage.CANCELLED:
            return
        for found in self.tables.find(part.inventory_id, [part.reservation_id]):
            reservation = found.reservation
            paid_by = getattr(reservation, "paid_by", None)
            if reservation.status is Status.PAYING and paid_by.payment_id == part.payment_id:
                self._world.wrong.append(f"{part.reservation_id[:4]} waits for a purchase that has failed")


class PurchaseWorld(PaymentWorld):
    """Buyers who pay at once for what they hold in several events."""

    def __init__(self, seed: int, payments: int = 8) -> None:
        super().__init__(seed, payments)
        self.payments = WatchedPayments(self)
        self.bought = 0

    async def _open(self) -> None:
        for owner in OWNERS:
            self.event_id = await self._opened(owner)

    async def _buyer(self, number: int) -> None:
        rng = self.rng(f"buyer {number}")
        await asyncio.sleep(rng.uniform(0.0, 8.0))
        if number == 0 and rng.random() < 0.8:
            await asyncio.sleep(rng.uniform(0.0, 4.0))
            await self._ask(rng.choice(self.event_ids), CancelEvent())
            return
        held = await self._held(number, rng)
        if not held:
            return
        if rng.random() < 0.15:  # one of them is let go of before it is paid, or while it is
            event_id, reservation = rng.choice(held)
            self.loop.create_task(self._let_go(event_id, reservation, rng))
        for _ in range(rng.choice((1, 1, 2))):
            await asyncio.sleep(rng.choice((0.0, rng.uniform(0.0, 2.0), rng.uniform(5.0, 12.0))))
            purchase = await self._buy(held, rng)
            ended = await self._followed(purchase.id, rng)
            if ended.standing is Standing.CAPTURED:
                self.bought += 1
                await self._part_given_back(ended, held, rng)
                return

    async def _held(self, number: int, rng: Random) -> list[tuple[str, Reservation]]:
        held = []
        for event_id in rng.sample(self.event_ids, rng.choice((2, 3))):
            lines = rng.choice(((("std", 1),), (("std", 2),), (("vip", 1),)))
            reply = await self._ask(event_id, PlaceHold(self.new_id(), lines, f"{number}".encode(), b"{}"))
            if isinstance(reply, ReservationReply):
                held.append((event_id, reply.reservation))
        return held

    async def _let_go(self, event_id: str, reservation: Reservation, rng: Random) -> None:
        await asyncio.sleep(rng.uniform(0.0, 3.0))
        await self._ask(event_id, CancelReservation(reservation.id))

    async def _buy(self, held: list[tuple[str, Reservation]], rng: Random) -> Payment:
        """What a front end does with the request."""
        now_ms = self.clocks.store_ms()
        purchase = Payment(
            id=self._uuid(),
            inventory_id="",
            reservation_id="",
            provider="sim",
            deadline_ms=now_ms + rng.choice((2_000, 2_000, 8_000, 30_000)),
            method=rng.choice(METHODS),
            parts=tuple(Part(self._uuid(), event_id, one.id) for event_id, one in held),
        )
        made = await self.payments.accept(NewPayment(payment=purchase, request_id=rng.randbytes(16)))
        assert isinstance(made, Payment)
        return made

    async def _part_given_back(
        self, ended: Payment, held: list[tuple[str, Reservation]], rng: Random
    ) -> None:
        """One of its parts is cancelled by its holder, or paid back by the operator."""
        part = rng.choice(ended.parts)
        paid = await self.payments.find(part.payment_id)
        assert paid is not None
        match rng.randint(0, 3):
            case 0:
                await self._ask(part.inventory_id, CancelReservation(part.reservation_id))
            case 1 if paid.captured:
                await self._refund(paid, rng, None, Reason.OPERATOR)
            case 2 if paid.captured:
                await self._refund(paid, rng, rng.randint(1, paid.amount or 1), Reason.CONCESSION)
            case 3:
                assert isinstance(await self.payments.refund(self._whole_back(ended, rng)), Rejected)

    def _whole_back(self, ended: Payment, rng: Random) -> NewRefund:
        return NewRefund(
            id=self._uuid(),
            payment_id=ended.id,
            amount=None,
            reason=Reason.OPERATOR,
            request_id=rng.randbytes(16),
        )


class SteppedWorld(PurchaseWorld):
    """One purchase of three reservations in fair weather, whose worker dies at the so-manieth time that it
    turns to somebody. `spoiled`: the last of the three is let go of before, or its event is cancelled once
    the money is here; or the first one's is before that, and the box office sells the second as soon as it is
    held again."""

    fatal = 0
    spoiled = ""

    def __init__(self, seed: int, payments: int = 1) -> None:
        super().__init__(seed, payments)
        self.ended: Payment
        self.sold: Reservation | None = None
        self.touches = 0
        self.calm = self.provider.calm = True

    def _draw_kinds(self, rng: Random) -> frozenset[str]:
        return frozenset()

    def touched(self) -> None:
        self.touches += 1
        if self.touches == self.fatal:
            PROCESS.get().fuse = 1

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            self._replace_the_dead()

    async def _buyer(self, number: int) -> None:
        rng = self.rng("buyer")
        held = []
        for event_id in self.event_ids:
            reply = await self._ask(event_id, PlaceHold(self.new_id(), (("std", 1),), b"a", b"{}"))
            assert isinstance(reply, ReservationReply)
            held.append((event_id, reply.reservation))
        if self.spoiled == "let go":
            await self._ask(held[-1][0], CancelReservation(held[-1][1].id))
        now_ms = self.clocks.store_ms()
        purchase = Payment(
            id=self._uuid(),
            inventory_id="",
            reservation_id="",
            provider="sim",
            deadline_ms=now_ms + 60_000,
            method="success",
            parts=tuple(Part(self._uuid(), event_id, one.id) for event_id, one in held),
        )
        await self.payments.accept(NewPayment(payment=purchase, request_id=rng.randbytes(16)))
        while True:
            found = await self.payments.find(purchase.id)
            assert found is not None
            if self.spoiled == "cancelled" and found.captured:
                self.spoiled = "was cancelled"
                await self._ask(held[-1][0], CancelEvent())
            if self.spoiled == "sold" and found.step is Step.CHARGE:
                self.spoiled = "was sold"
                await self._ask(held[0][0], CancelEvent())
                self.loop.create_task(self._sell(*held[1]))
            if found.step is Step.DONE:
                self.ended = found
                return
            await asyncio.sleep(0.005)

    async def _sell(self, event_id: str, reservation: Reservation) -> None:
        while self.sold is None:
            reply = await self._ask(event_id, SellReservation(reservation.id, "ann", "cash"))
            self.sold = reply.reservation if isinstance(reply, ReservationReply) else None
            await asyncio.sleep(0.05)

    def still_sold(self) -> bool:
        found = [one for each in self.event_ids for one in self.database.tables.find(each, [self.sold.id])]
        return [one.reservation for one in found] == [self.sold]
