"""Purchases over several owners through every fault, and at each step; and bugs planted in their saga."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

import actors.payments as saga
from domain.event_messages import FailPayment
from domain.payment import Payment, Standing, Step, Turn
from domain.provider_answers import Said
from domain.refund import Reason
from tests.simulation.payments import TWO_STEP, SimProvider, play
from tests.simulation.purchases import PurchaseWorld, SteppedWorld

SEEDS = int(os.environ.get("PAYMENT_SEEDS", "12"))
PLANTED_SEEDS = 25
STEPS_MAX = 120


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Workers log what the scenario does to them."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(level)


def test_a_purchase_over_several_owners_buys_all_or_nothing_and_is_captured_once() -> None:
    ends: Counter[str] = Counter()
    failed: dict[int, list[str]] = {}
    kills = 0
    for seed in range(SEEDS):
        wrong, world = play(seed, 8, PurchaseWorld)
        kills += world.kills
        wholes = [one for one in world.payments.payments if one.parts]
        ends.update(one.standing.value for one in wholes)
        ends.update("undone" for one in wholes if any(part.undone for part in one.parts))
        ends.update(f"refund {refund.reason.value}" for refund in world.payments.refunds)
        if wrong:
            failed[seed] = wrong
    print(f"\n{SEEDS} seeds of purchases, {kills} kills of workers: {dict(sorted(ends.items()))}")
    assert not failed
    assert {"captured", "failed", "undone", "refund late", "refund cancelled", "refund operator"} <= set(
        ends
    ), ends


@pytest.mark.parametrize(
    ("spoiled", "end"),
    [
        ("", Standing.CAPTURED),
        ("let go", Standing.FAILED),
        ("cancelled", Standing.CAPTURED),
        ("sold", Standing.CAPTURED),
    ],
)
def test_a_worker_may_die_at_each_step_of_a_purchase(spoiled: str, end: Standing) -> None:
    """Whatever it has just asked of an owner, the provider or the store."""
    killed = 0
    for fatal in range(1, STEPS_MAX):
        kind = type("Stepped", (SteppedWorld,), {"fatal": fatal, "spoiled": spoiled})
        wrong, world = play(1, 1, kind)
        assert isinstance(world, SteppedWorld)
        assert wrong == [], fatal
        assert world.ended.standing is end, fatal
        assert spoiled != "sold" or world.still_sold(), fatal
        if world.touches < fatal:
            break
        killed += world.kills
    assert world.touches < fatal, "there were more steps"
    assert killed >= 12


class ShortProvider(SimProvider):
    """What it captures is never what it is asked for."""

    def _charge(self, key: str, payment: Payment) -> Said:
        return super()._charge(key, replace(payment, amount=(payment.amount or 0) + 3))


class ShortWorld(PurchaseWorld):
    def __init__(self, seed: int, payments: int = 8) -> None:
        super().__init__(seed, payments)
        self.provider = ShortProvider(self, self.rng("provider"))


def test_what_is_charged_wrongly_for_several_buys_nothing_and_goes_back() -> None:
    late = 0
    for seed in range(4):
        wrong, world = play(seed, 8, ShortWorld)
        assert wrong == [], seed
        late += sum(one.reason is Reason.LATE for one in world.payments.refunds)
        bought = [one for one in world.payments.payments if one.parts and one.captured]
        two_step = [one for one in bought if one.method == TWO_STEP]
        assert all(part.undone for one in bought if one not in two_step for part in one.parts)
    assert late > 0


def _owner_command_without_undo(payment: Payment, part: Any, step: Step) -> Any:
    """What was confirmed stays so when the rest cannot be had."""
    command = _owner_command(payment, part, step)
    if isinstance(command, FailPayment):
        return FailPayment(command.reservation_id, command.payment_id)
    return command


def _after_owners_leaving_others(payment: Payment, step: Step, replies: Sequence[Any], late_ms: int) -> Turn:
    """One refuses to begin, and the others go on waiting."""
    turn = _after_owners(payment, step, replies, late_ms)
    if step is Step.BEGIN and turn.payment.step is Step.GIVE_BACK:
        return Turn(replace(turn.payment, step=Step.DONE, standing=Standing.FAILED))
    return turn


def _after_owners_content_with_some(
    payment: Payment, step: Step, replies: Sequence[Any], late_ms: int
) -> Turn:
    """One cannot be confirmed, and the purchase is said to be done."""
    turn = _after_owners(payment, step, replies, late_ms)
    if step is Step.CONFIRM and turn.payment.step is Step.GIVE_BACK:
        return Turn(replace(turn.payment, step=Step.DONE, standing=Standing.CAPTURED))
    return turn


def _after_owners_refunding_one(payment: Payment, step: Step, replies: Sequence[Any], late_ms: int) -> Turn:
    """Of what cannot be had together only the last goes back."""
    turn = _after_owners(payment, step, replies, late_ms)
    parts = turn.payment.parts
    if step is Step.GIVE_BACK and any(part.undone for part in parts):
        kept = tuple(replace(part, undone=False) for part in parts[:-1])
        return Turn(replace(turn.payment, parts=(*kept, parts[-1])))
    return turn


_owner_command, _after_owners = saga.owner_command, saga.after_owners
PLANTS: dict[str, tuple[str, object]] = {
    "what was confirmed is not undone": ("owner_command", _owner_command_without_undo),
    "a refusal leaves the others waiting": ("after_owners", _after_owners_leaving_others),
    "some of it is enough": ("after_owners", _after_owners_content_with_some),
    "only a part of the money goes back": ("after_owners", _after_owners_refunding_one),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_seen(name: str) -> None:
    with patch.object(saga, *PLANTS[name]):
        assert any(play(seed, 8, PurchaseWorld)[0] for seed in range(PLANTED_SEEDS))
