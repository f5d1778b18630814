"""Charges of wallets under faults: through a provider that loses, delays and doubles, by workers that die.

In the end each wallet has what the provider has of its charges, less what went back; said by the provider's
books and the movements, not by the saga's rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from domain.payment import NewPayment, Payment, Standing, Step
from domain.provider_answers import Captured, Declined, PaidBack, Unclear
from domain.refund import NewRefund, Reason, Refund
from tests.simulation.payments import METHODS, PaymentWorld

T = TypeVar("T")
NAMES = ("ada", "bob")


@dataclass
class SimWallets:
    """A ledger some milliseconds away: movements by id, once each, and no wallet below zero."""

    world: PaymentWorld
    rng: Random
    moved: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    """Payment, wallet and amount, negative for what was taken out, by the movement's id."""

    async def give(self, payment: Payment) -> Captured | Unclear:
        def work() -> Captured:
            made = (payment.id, payment.wallet, payment.amount or 0)
            self.moved.setdefault(self.give_id(payment), made)
            return Captured(payment.wallet, payment.amount or 0, payment.currency or "")

        return await self._far(work)

    async def take(self, refund: Refund) -> PaidBack | Declined | Unclear:
        def work() -> PaidBack | Declined:
            if refund.key not in self.moved and self.balance(refund.wallet) < refund.amount:
                return Declined("There is not so much any more.")
            self.moved.setdefault(refund.key, (refund.payment_id, refund.wallet, -refund.amount))
            return PaidBack(refund.key)

        return await self._far(work)

    async def take_out(self, payment: Payment) -> PaidBack | Declined | Unclear:
        def work() -> PaidBack | Declined:
            key, amount = payment.key("take"), payment.amount or 0
            if key not in self.moved and self.balance(payment.wallet) < amount:
                return Declined("There is not so much.")
            self.moved.setdefault(key, (payment.id, payment.wallet, -amount))
            return PaidBack(key)

        return await self._far(work)

    async def put_back(self, payment: Payment) -> Captured | Unclear:
        def work() -> Captured:
            amount = payment.amount or 0
            self.moved.setdefault(payment.key("put_back"), (payment.id, payment.wallet, amount))
            return Captured(payment.wallet, amount, payment.currency or "")

        return await self._far(work)

    def give_id(self, payment: Payment) -> str:
        return payment.key("give")

    def balance(self, name: str) -> int:
        return sum(amount for _, wallet, amount in self.moved.values() if wallet == name)

    def spend(self, name: str, amount: int) -> None:
        """Its owner buys something with what is in it."""
        spent = min(amount, self.balance(name))
        self.moved[f"spent {len(self.moved)}"] = ("", name, -spent)

    async def _far(self, work: Callable[[], T]) -> T | Unclear:
        fate = 1.0 if self.world.calm else self.rng.random()
        await asyncio.sleep(self.rng.uniform(0.0, 0.02))
        if fate < 0.05:
            return Unclear("the question was lost")
        answer = work()
        if fate < 0.15:
            return Unclear("the answer was lost")
        await asyncio.sleep(self.rng.uniform(0.0, 0.02))
        return answer


class WalletWorld(PaymentWorld):
    """People who charge their wallets, spend some of it, and get some of it back."""

    kind: type[SimWallets] = SimWallets

    def __init__(self, seed: int, payments: int = 12) -> None:
        super().__init__(seed, payments)
        self.books = self.wallets = self.kind(self, self.rng("wallets"))

    async def _buyer(self, number: int) -> None:
        rng = self.rng(f"buyer {number}")
        await asyncio.sleep(rng.uniform(0.0, 8.0))
        name = rng.choice(NAMES)
        charge = Payment(
            id=self._uuid(),
            inventory_id="",
            reservation_id="",
            wallet=name,
            provider="sim",
            method=rng.choice(METHODS),
            step=Step.CHARGE,
            amount=rng.choice((10, 25, 40)),
            currency="EUR",
            deadline_ms=self.clocks.store_ms() + rng.choice((2_000, 8_000, 30_000)),
        )
        accepted = await self.payments.accept(NewPayment(payment=charge, request_id=rng.randbytes(16)))
        assert isinstance(accepted, Payment)
        ended = await self._followed(accepted.id, rng)
        if ended.standing is not Standing.CAPTURED:
            return
        if rng.random() < 0.4:
            self.books.spend(name, rng.randint(1, 40))
        if rng.random() < 0.5:
            await self._pay_out(name, rng)
        for _ in range(rng.choice((0, 1, 1, 2))):
            wanted = NewRefund(
                id=self._uuid(),
                payment_id=ended.id,
                amount=rng.choice((None, 5)),
                reason=Reason.WALLET,
                request_id=rng.randbytes(16),
            )
            await self.payments.refund(wanted)

    async def _pay_out(self, name: str, rng: Random) -> None:
        """Some of it is wanted in cash, perhaps more than there is by then."""
        payout = Payment(
            id=self._uuid(),
            inventory_id="",
            reservation_id="",
            wallet=name,
            pays_out=True,
            provider="sim",
            method=rng.choice(METHODS),
            step=Step.TAKE,
            amount=rng.choice((5, 10, 25)),
            currency="EUR",
            deadline_ms=self.clocks.store_ms(),
        )
        await self.payments.accept(NewPayment(payment=payout, request_id=rng.randbytes(16)))


def payouts_wrong(world: WalletWorld) -> Iterator[str]:
    """What was paid out has left the wallet once; of what was not, nothing is missing."""
    for payout in world.payments.payments:
        if not payout.pays_out:
            continue
        said = f"payout {payout.id[:4]} {payout.standing.value} at {payout.step.value}"
        own = [one for key, one in world.provider.paid_out.items() if key.startswith(payout.id)]
        paid = [one.amount for one in own if one.state == "paid"]
        gone = -sum(amount for of, _, amount in world.books.moved.values() if of == payout.id)
        if payout.step is not Step.DONE:
            yield f"I4 {said}: it never ends"
        if sum(paid) != gone or len(paid) > 1:
            yield f"I4 {said}: {paid} paid out, {gone} gone from the wallet"
        if payout.standing is not (Standing.PAID_OUT if paid else Standing.FAILED):
            yield f"I4 {said}: {paid} paid out"


def wallets_wrong(world: WalletWorld) -> Iterator[str]:
    """I4 and I6 of what was charged, and paid out."""
    yield from payouts_wrong(world)
    for payment in world.payments.payments:
        if payment.pays_out:
            continue
        said = f"charge {payment.id[:4]} {payment.standing.value} at {payment.step.value}"
        taken = sum(
            charge.amount
            for key, charge in world.provider.charges.items()
            if key.startswith(payment.id) and charge.state == "captured"
        )
        back, owed = (world.provider.back_of(payment.id, state) for state in ("done", "failed"))
        moved = [amount for of, _, amount in world.books.moved.values() if of == payment.id]
        given, withdrawn = sum(one for one in moved if one > 0), -sum(one for one in moved if one < 0)
        if payment.step is not Step.DONE:
            yield f"I4 {said}: it never ends"
        if (given, withdrawn) != (taken, back + owed):
            yield f"I4 {said}: {taken} taken, {given} given, {withdrawn} withdrawn, {back} back"
        if ((payment.amount if payment.captured else 0), payment.refunded) != (taken, back):
            yield f"I4 {said}: the row says {payment.captured} and {payment.refunded}"
        if payment.promised != payment.refunded + owed:
            yield f"I4 {said}: promised {payment.promised}, refunded {payment.refunded}"
    for name in NAMES:
        if world.books.balance(name) < 0:
            yield f"I6 {name}'s wallet is below zero"


def play_wallets(seed: int, kind: type[WalletWorld] = WalletWorld) -> tuple[list[str], WalletWorld]:
    """The scenario of that seed, and what was wrong in it."""
    world = kind(seed)
    with world.play():
        wrong = [*world.wrong, *wallets_wrong(world)]
    return wrong, world
