"""The wallet as a provider of payments: a payment is a movement from it to what was sold.

Its id is made of the provider's key, so a second one is the same. It needs nobody outside, and answers at
once. Wallets that are charged by a payment, through whichever provider, are given what was captured in the
same way, and what goes back of that is taken out of them before.

What there is not enough for is made void with the refusal: a worker that is late with the same question, once
there is more in the wallet, moves nothing of a payment that has failed by then.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID, uuid5

from msgspec.structs import replace

from domain.ledger import House, Kind, Movement, Refusal
from domain.payment import Payment
from domain.provider_answers import Captured, Declined, PaidBack, Said, SaidOfPayout, Unclear, Unknown
from domain.refund import Refund
from persistence.store import StoreError

_MOVES = UUID("5e1c5f56-3f1c-4b0f-8d57-5b4c4b9a1e11")
WALLET = "wallet"
GONE = Declined("The payment took too long and was cancelled. Nothing was charged.", "voided")
NO_PAYOUT = Declined("This cannot be paid out. It is in the wallet again.", "a wallet pays nobody out")
SPENT = Declined("There is not so much in the wallet any more. Nothing went back.", "not_enough")
POOR = Declined("There is not enough in the wallet. Nothing was charged.", "not_enough")


def move_id_of(key: str) -> str:
    """Of the movement that is made under a provider's key."""
    return str(uuid5(_MOVES, key))


def _taken(said: Movement | Refusal | Unclear) -> PaidBack | Declined | Unclear:
    if isinstance(said, Refusal):
        return SPENT if said in (Refusal.NOT_ENOUGH, Refusal.VOIDED) else Unclear(said.value)
    return said if isinstance(said, Unclear) else PaidBack(said.id)


class Ledger(Protocol):
    """As much of the ledger as is needed here."""

    async def open(self, kind: str, name: str, currency: str) -> str: ...
    async def house(self, name: House, currency: str) -> str: ...
    async def move(self, movement: Movement) -> Movement | Refusal: ...


class WalletProvider:
    """A payment's `method` is whose wallet it is."""

    tells_unasked = False

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def charge(self, key: str, payment: Payment) -> Said:
        return await self._moved(key, payment, Kind.PAY)

    async def look_up(self, key: str, payment: Payment) -> Said:
        """Asking again is as good as looking: it is the same movement, or it is made now."""
        return Unknown()

    async def cancel(self, key: str, payment: Payment) -> Said:
        return await self._moved(key, payment, Kind.VOID)

    async def pay_back(self, key: str, refund: Refund) -> PaidBack | Unclear:
        """To the wallet that it came from, whose id stands in the payment."""
        try:
            sales = await self._ledger.house(House.SALES, refund.currency)
            movement = Movement(
                id=move_id_of(key),
                kind=Kind.REFUND,
                from_id=sales,
                to_id=refund.provider_ref,
                amount=refund.amount,
                currency=refund.currency,
                payment_id=refund.payment_id,
            )
            said = await self._ledger.move(movement)
        except StoreError as error:
            return Unclear(str(error))
        return Unclear(said.value) if isinstance(said, Refusal) else PaidBack(said.id)

    async def pay_out(self, key: str, payment: Payment) -> SaidOfPayout:
        return NO_PAYOUT

    async def give(self, payment: Payment) -> Captured | Unclear:
        """What was captured from outside, into the wallet that the payment charges."""
        return await self._into(payment, "give", Kind.CHARGE)

    async def take(self, refund: Refund) -> PaidBack | Declined | Unclear:
        """What goes back, out of the wallet."""
        amount, currency = refund.amount, refund.currency
        key = f"{refund.key}:take"
        said = await self._across(key, Kind.WITHDRAW, refund.wallet, amount, currency, refund.payment_id)
        return _taken(said)

    async def take_out(self, payment: Payment) -> PaidBack | Declined | Unclear:
        """What is to be paid out, out of the wallet."""
        amount, currency = payment.amount or 0, payment.currency or ""
        why = (payment.reason, payment.done_by)
        key, wallet = payment.key("take"), payment.wallet
        return _taken(await self._across(key, Kind.WITHDRAW, wallet, amount, currency, payment.id, *why))

    async def put_back(self, payment: Payment) -> Captured | Unclear:
        """What was not paid out, into the wallet again."""
        return await self._into(payment, "put_back", Kind.REFUND)

    async def _into(self, payment: Payment, step: str, kind: Kind) -> Captured | Unclear:
        amount, currency = payment.amount or 0, payment.currency or ""
        said = await self._across(payment.key(step), kind, payment.wallet, amount, currency, payment.id)
        if isinstance(said, Movement):
            return Captured(said.to_id, amount, currency)
        return Unclear(said.detail if isinstance(said, Unclear) else said.value)

    async def _across(
        self,
        key: str,
        kind: Kind,
        name: str,
        amount: int,
        currency: str,
        payment_id: str,
        reason: str | None = None,
        done_by: str | None = None,
    ) -> Movement | Refusal | Unclear:
        """Between a wallet and the outside."""
        try:
            wallet = await self._ledger.open(WALLET, name, currency)
            outside = await self._ledger.house(House.OUTSIDE, currency)
            into = kind is not Kind.WITHDRAW
            return await self._made_or_void(
                Movement(
                    id=move_id_of(key),
                    kind=kind,
                    from_id=outside if into else wallet,
                    to_id=wallet if into else outside,
                    amount=amount,
                    currency=currency,
                    payment_id=payment_id,
                    reason=reason,
                    done_by=done_by,
                )
            )
        except StoreError as error:
            return Unclear(str(error))

    async def _moved(self, key: str, payment: Payment, kind: Kind) -> Said:
        amount, currency = payment.amount or 0, payment.currency or ""
        try:
            wallet = await self._ledger.open(WALLET, payment.method, currency)
            sales = await self._ledger.house(House.SALES, currency)
            movement = Movement(
                id=move_id_of(key),
                kind=kind,
                from_id=wallet,
                to_id=sales,
                amount=0 if kind is Kind.VOID else amount,
                currency=currency,
                payment_id=payment.id,
            )
            said = await self._made_or_void(movement)
        except StoreError as error:
            return Unclear(str(error))
        if isinstance(said, Refusal):
            return POOR
        return GONE if said.kind is Kind.VOID else Captured(wallet, said.amount, said.currency)

    async def _made_or_void(self, movement: Movement) -> Movement | Refusal:
        """Once it has been refused because there is not enough, it is never made."""
        said = await self._ledger.move(movement)
        if said is not Refusal.NOT_ENOUGH:
            return said
        there = await self._ledger.move(replace(movement, kind=Kind.VOID, amount=0))
        return said if isinstance(there, Refusal) or there.kind is Kind.VOID else there
