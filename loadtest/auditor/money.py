"""I4 and I6: what was taken is the price of what is confirmed or, by the terms, kept, and what went back; the
ledger sums to zero.

What was taken and paid back is read from the provider's own books: the sandbox's relations, or the ledger's
movements; of Stripe, whose books are elsewhere, only what the rows say of them. What is confirmed, and at
which price, is the fold's. A payment under way is left out, and so is one of which a refund is: in the end
there is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.auditor.claims import Claim
from loadtest.auditor.dining import House
from loadtest.auditor.dining_stay import Stay
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.fold import Book


@dataclass(slots=True, frozen=True)
class PaymentRow:
    """One payment: what its row says, and what its provider has. `conceded`: what the operator gave back,
    be it that the reservation stayed as it was; `waiting`: something is still to be done for it."""

    id: str
    reservation_id: str
    standing: str
    captured: bool
    amount: int | None
    promised: int
    refunded: int
    taken: int
    back: int
    conceded: int
    waiting: bool


@dataclass(slots=True, frozen=True)
class PurchaseRow:
    """What was paid for together: how many parts, how many of them were captured, of how many of these the
    money went back because not all could be had, and something had happened to tickets of how many."""

    id: str
    parts: int
    captured: int
    undone: int
    used: int


@dataclass(slots=True, frozen=True)
class ChargeRow:
    """A payment that charged a wallet: what its row says was captured and has gone back, what its provider
    has taken and paid back, and what the wallet was given for it and had to give back. Or one that paid out
    of it, the other way round: `taken` is what its provider has paid out, `given` what left the wallet."""

    id: str
    standing: str
    amount: int
    refunded: int
    taken: int
    back: int
    given: int
    withdrawn: int


@dataclass(slots=True, frozen=True)
class LedgerRow:
    """What the ledger adds up to: all entries, and wallets below zero or unlike their entries."""

    movements: int
    total: int
    wrong_wallets: int


def check_payments(book: Book | House, rows: Iterable[PaymentRow], findings: Findings) -> None:
    """Each payment for something of this event or restaurant, once nothing is to be done for it any more.
    What the operator gave back is of what is confirmed, or kept."""
    for row in rows:
        if row.waiting:
            continue
        price = _price(book.claims.get(row.reservation_id), row.id)
        kept = max(price - row.conceded, 0) if price else 0
        said = f"{book.inventory_id}: payment {row.id} ({row.standing})"
        sums = f"{said}: {row.taken} was taken, {kept} is confirmed or kept, {row.back} went back"
        findings.expect(Check.PAYMENTS, row.taken == kept + row.back, sums)
        told = (row.amount or 0) if row.captured else 0
        wrong = f"{said}: says {told} and {row.refunded} back, the provider {row.taken} and {row.back}"
        findings.expect(Check.PAYMENTS, (told, row.refunded) == (row.taken, row.back), wrong)
        findings.expect(Check.PAYMENTS, row.promised == row.refunded, f"{said}: a promise is left over")


def check_purchases(rows: Iterable[PurchaseRow], findings: Findings) -> None:
    """All or nothing; what somebody was let in by meanwhile may have stayed."""
    for row in rows:
        said = (
            f"purchase {row.id}: {row.captured} of {row.parts} captured, {row.undone} undone, {row.used} used"
        )
        whole = row.captured in (0, row.parts) and (
            row.undone in (0, row.captured) or row.captured - row.undone <= row.used
        )
        findings.expect(Check.PAYMENTS, whole, said)


def check_charges(rows: Iterable[ChargeRow], findings: Findings) -> None:
    """What was taken is in the wallet, and what went back is out of it."""
    for row in rows:
        sums = (
            f"{row.taken} was taken and {row.given} given, {row.withdrawn} withdrawn and {row.back} paid back"
        )
        told = (row.amount, row.refunded) == (row.taken, row.back)
        sound = told and (row.given, row.withdrawn) == (row.taken, row.back)
        findings.expect(Check.PAYMENTS, sound, f"charge {row.id} ({row.standing}): {sums}")


def _price(claim: Claim | Stay | None, payment_id: str) -> int:
    """Of what this payment has confirmed, and what of that was kept in the end; what is cancelled with its
    event ends as such."""
    if claim is None or claim.payment_id != payment_id or not claim.paid:
        return 0
    return claim.price


def check_ledger(row: LedgerRow, findings: Findings) -> None:
    if row.movements:
        detail = f"the ledger sums to {row.total}, {row.wrong_wallets} wallets are wrong"
        findings.expect(Check.LEDGER, row.total == 0 and row.wrong_wallets == 0, detail)
