"""Wallets charged through every fault; and bugs planted in that, which must be seen."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

import actors.payments as saga
from domain.payment import Payment, Standing, Step, Turn
from domain.provider_answers import Captured, Declined, Said, SaidOfPayout, Unclear
from domain.refund import Refund, RefundStep, RefundTurn
from tests.simulation.wallets import SimWallets, WalletWorld, play_wallets

SEEDS = int(os.environ.get("PAYMENT_SEEDS", "10"))
PLANTED_SEEDS = 20


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Workers log what the scenario does to them."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(level)


def test_what_is_captured_is_in_the_wallet_once_and_what_goes_back_is_out_of_it() -> None:
    ends: Counter[str] = Counter()
    failed: dict[int, list[str]] = {}
    kills = 0
    for seed in range(SEEDS):
        wrong, world = play_wallets(seed)
        kills += world.kills
        ends.update(payment.standing.value for payment in world.payments.payments)
        ends.update(f"refund {refund.step.value}" for refund in world.payments.refunds)
        ends.update("put back" for key in world.books.moved if key.endswith(":put_back"))
        if wrong:
            failed[seed] = wrong
    print(f"\n{SEEDS} seeds of wallets, {kills} kills of workers: {dict(sorted(ends.items()))}")
    assert not failed
    met = {"captured", "failed", "refunded", "partly_refunded", "refund refused", "paid_out", "put back"}
    assert met <= set(ends), ends


class GivesAgain(SimWallets):
    """What is given has no id by which it would be known again."""

    def give_id(self, payment: Payment) -> str:
        return f"{super().give_id(payment)} {len(self.moved)}"


def _after_wallet_believing_silence(payment: Payment, said: Any) -> Turn:
    """A ledger that does not answer is taken to have done it."""
    return Turn(replace(payment, step=Step.DONE, standing=Standing.CAPTURED))


def _after_taken_not_minding(refund: Refund, said: Any) -> RefundTurn:
    """What is not in the wallet any more goes back all the same."""
    if isinstance(said, Unclear):
        return _after_taken(refund, said)
    return RefundTurn(replace(refund, step=RefundStep.PAY_BACK))


def _after_pay_out_believing_silence(payment: Payment, said: SaidOfPayout) -> Turn:
    """A provider that does not answer is taken to have paid nothing out."""
    return _after_pay_out(payment, Declined("No.") if isinstance(said, Unclear) else said)


def _after_pay_out_keeping_it(payment: Payment, said: SaidOfPayout) -> Turn:
    """What could not be paid out does not come back."""
    turn = _after_pay_out(payment, said)
    if turn.payment.step is Step.PUT_BACK:
        return Turn(replace(turn.payment, step=Step.DONE, standing=Standing.FAILED))
    return turn


class PutsBackAgain(SimWallets):
    """What comes back has no id by which it would be known again."""

    async def put_back(self, payment: Payment) -> Captured | Unclear:
        other = replace(payment, id=f"{payment.id}{len(self.moved)}")
        said = await super().put_back(other)
        for key, (of, wallet, amount) in list(self.moved.items()):
            self.moved[key] = (payment.id if of == other.id else of, wallet, amount)
        return said


def _after_provider_giving_up_late(payment: Payment, step: Step, said: Said) -> Turn:
    """What comes after the deadline is given to nobody."""
    turn = _after_provider(payment, step, said)
    if step is Step.CANCEL and turn.payment.step is Step.CONFIRM:
        return Turn(replace(turn.payment, step=Step.DONE, standing=Standing.CAPTURED))
    return turn


_after_taken, _after_provider = saga.after_taken, saga.after_provider
_after_pay_out = saga.after_pay_out
PLANTS: dict[str, tuple[str, object] | type[SimWallets]] = {
    "given without an id": GivesAgain,
    "silence is taken for a yes": ("after_wallet", _after_wallet_believing_silence),
    "what is spent goes back": ("after_taken", _after_taken_not_minding),
    "silence is taken for a declined payout": ("after_pay_out", _after_pay_out_believing_silence),
    "a declined payout does not come back": ("after_pay_out", _after_pay_out_keeping_it),
    "put back without an id": PutsBackAgain,
    "late money is kept": ("after_provider", _after_provider_giving_up_late),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_seen(name: str) -> None:
    plant = PLANTS[name]
    if isinstance(plant, tuple):
        with patch.object(saga, *plant):
            assert any(play_wallets(seed)[0] for seed in range(PLANTED_SEEDS))
    else:
        kind = type("Planted", (WalletWorld,), {"kind": plant})
        assert any(play_wallets(seed, kind)[0] for seed in range(PLANTED_SEEDS))
