"""Hundreds of payments through every fault; and bugs planted in their saga, which must be seen."""

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
from actors.payments import PaymentWorker
from domain.payment import Payment, Standing, Step, Turn
from domain.provider_answers import PaidBack, Returned, Said, SaidOfRefund, Unclear
from domain.refund import Refund, RefundStep, RefundTurn
from tests.simulation.payments import PaymentWorld, SimProvider, play

SEEDS = int(os.environ.get("PAYMENT_SEEDS", "60"))
PLANTED_SEEDS = 60
UNTOLD_SEEDS = max(4, SEEDS // 15)
PLANTED_FROM = {"late money is kept": 40, "charge without its idempotency key": 50}
"""What a bug needs is rare: from there on it is met soon."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Workers log what the scenario does to them."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(level)


def test_no_payment_is_captured_without_exactly_one_of_a_reservation_and_a_refund() -> None:
    ends: Counter[str] = Counter()
    failed: dict[int, list[str]] = {}
    kills = 0
    for seed in range(SEEDS):
        wrong, world = play(seed)
        kills += world.kills
        ends.update(payment.standing.value for payment in world.payments.payments)
        ends.update(f"refund {refund.reason.value}" for refund in world.payments.refunds)
        ends.update(f"refund {refund.step.value}" for refund in world.payments.refunds)
        if wrong:
            failed[seed] = wrong
    print(f"\n{SEEDS} seeds of payments, {kills} kills of workers: {dict(sorted(ends.items()))}")
    assert not failed
    assert kills > SEEDS * 3, "workers die at their work"
    met = {"captured", "failed", "refunded", "refund late", "refund cancelled", "refund operator"}
    met |= {"refund done", "refund failed"}
    assert met <= set(ends), ends


def test_a_scenario_of_payments_replays_exactly() -> None:
    first, second = play(7)[1], play(7)[1]
    assert first.trace_hash() == second.trace_hash()
    assert first.payments.notes == second.payments.notes


class RefundWithoutItsKey(SimProvider):
    """Each refund is a new one to the provider."""

    async def pay_back(self, key: str, refund: Refund) -> SaidOfRefund:
        return await super().pay_back(f"{key}:{len(self.refunds)}", refund)


class ChargeWithoutItsKey(SimProvider):
    """Each charge is a new one to the provider, which remembers the last under the old key."""

    async def charge(self, key: str, payment: Payment) -> Said:
        if key in self.charges:
            self.charges[f"{key}:{len(self.charges)}"] = self.charges.pop(key)
        return await super().charge(key, payment)


class ChargeUnprepared(SimProvider):
    """What is paid in two steps is charged in the first, under a name that nobody knows yet."""

    def _made(self, key: str, payment: Payment) -> str:
        name = super()._made(key, payment)
        if self.charges[name].state == "made":
            self.charges[name].state = "captured"
        return name


class OtherProvider(PaymentWorld):
    """A world with a provider that has a bug."""

    provider_type: type[SimProvider]

    def __init__(self, seed: int, payments: int = 12) -> None:
        super().__init__(seed, payments)
        self.provider = self.provider_type(self, self.rng("provider"))


class TellsNothing(SimProvider):
    """Whatever it has paid back fails, and its webhooks are lost."""

    tells = (0,)
    courses = (("done", "failed"), ("done", "failed", "done"))


class MayFailLater(TellsNothing):
    """And it says that what it has paid back may fail."""

    async def pay_back(self, key: str, refund: Refund) -> SaidOfRefund:
        said = await super().pay_back(key, refund)
        return PaidBack(said.ref, for_good=False) if isinstance(said, PaidBack) else said


def _untold(provider: type[SimProvider]) -> Iterator[list[str]]:
    """What is wrong in each scenario whose days are two seconds long."""
    kind = type("Untold", (OtherProvider,), {"provider_type": provider})
    days = {"ASKED_AFTER_MS": 2_000, "SPREAD_MS": 500, "MAY_FAIL_MS": 120_000}
    with patch.multiple("domain.refund", **days):
        for seed in range(UNTOLD_SEEDS):
            yield play(seed, kind=kind)[0]


def test_a_refund_that_fails_later_is_seen_though_nobody_tells() -> None:
    assert [wrong for wrong in _untold(MayFailLater) if wrong] == []
    assert any(_untold(TellsNothing)), "who does not ask does not see it"


def _after_owners_without_refund(payment: Payment, step: Step, replies: Any, late_ms: int) -> Turn:
    """Money that comes too late is kept."""
    turn = _after_owners(payment, step, replies, late_ms)
    return Turn(replace(turn.payment, promised=0), turn.pause_ms) if turn.back else turn


def _after_provider_believing_silence(payment: Payment, step: Step, said: Said) -> Turn:
    """Who does not answer is taken to have declined."""
    if isinstance(said, Unclear):
        return Turn(replace(payment, step=Step.GIVE_BACK, error="No."))
    return _after_provider(payment, step, said)


def _after_provider_without_confirm(payment: Payment, step: Step, said: Said) -> Turn:
    """Captured, and nobody tells the owner."""
    turn = _after_provider(payment, step, said)
    if turn.payment.step is Step.CONFIRM:
        return Turn(replace(turn.payment, step=Step.DONE, standing=Standing.CAPTURED))
    return turn


def _after_pay_back_for_good(refund: Refund, said: SaidOfRefund, now_ms: int) -> RefundTurn:
    """What has gone back is not looked at again."""
    done = refund.step is RefundStep.DONE
    return _after_pay_back(refund, PaidBack("") if done and isinstance(said, Returned) else said, now_ms)


def _never_cancel(payment: Payment, now_ms: int) -> Step:
    """What was asked before the deadline is forgotten after it."""
    step = _next_step(payment, now_ms)
    return Step.GIVE_BACK if step is Step.CANCEL else step


_after_owners, _after_provider, _next_step = saga.after_owners, saga.after_provider, saga.next_step
_after_pay_back = saga.after_pay_back
PLANTS: dict[str, tuple[str, object] | type[SimProvider]] = {
    "refund without its idempotency key": RefundWithoutItsKey,
    "charge without its idempotency key": ChargeWithoutItsKey,
    "charge before its name is durable": ChargeUnprepared,
    "late money is kept": ("after_owners", _after_owners_without_refund),
    "silence is taken for a no": ("after_provider", _after_provider_believing_silence),
    "captured and not confirmed": ("after_provider", _after_provider_without_confirm),
    "what failed later has gone back": ("after_pay_back", _after_pay_back_for_good),
    "nothing is cancelled at the provider": ("next_step", _never_cancel),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_seen(name: str) -> None:
    plant = PLANTS[name]
    if isinstance(plant, tuple):
        with patch.object(saga, *plant):
            assert _found(PaymentWorld, name)
    else:
        assert _found(type("Planted", (OtherProvider,), {"provider_type": plant}), name)


def _found(kind: type[PaymentWorld], name: str) -> bool:
    first = PLANTED_FROM.get(name, 0)
    return any(play(seed, 12, kind)[0] for seed in range(first, first + PLANTED_SEEDS))


def test_two_workers_of_one_payment_do_it_once() -> None:
    """A lease that ends while its worker is still at work: the other one's step is the same step."""

    class Hasty(PaymentWorld):
        worker = PaymentWorker

        def __init__(self, seed: int, payments: int = 12) -> None:
            super().__init__(seed, payments)
            self.payments.lease_ms = 1

    for seed in range(5):
        hasty = saga.PaymentLimits(lease_ms=50, poll_s=0.05, poll_max_s=0.05)
        with patch("tests.simulation.payments.LIMITS", hasty):
            assert play(seed, 6, Hasty)[0] == []
