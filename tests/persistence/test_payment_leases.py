"""A worker's lease on a payment: it lasts as long as it works, and is not written with each step."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from actors.meter import Meter
from actors.payment_ports import Written
from actors.payments import PaymentLimits, PaymentWorker
from domain.messages import Code, Rejected
from domain.payment import NewPayment, Payment, Step
from domain.provider_answers import Captured
from persistence.payments_memory import MemoryPayments
from tests.persistence.sales import NOW_MS
from tests.persistence.test_payments import LEASE_MS, Clock, Kept, accepted, kept, wanted

__all__ = ["kept"]


async def wake_ms(kept: Kept, payment: Payment) -> int:
    assert kept.postgres is not None
    connection = await kept.postgres.connection()
    return int(await connection.fetchval("SELECT wake_ms FROM payments WHERE id = $1", payment.id))


async def wake_in(kept: Kept, payment: Payment, left_ms: int) -> None:
    """So much of its lease is left."""
    assert kept.postgres is not None
    connection = await kept.postgres.connection()
    await connection.execute(
        "UPDATE payments SET wake_ms = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + $2"
        " WHERE id = $1",
        payment.id,
        left_ms,
    )


@pytest.mark.parametrize("kept", ["postgres"], indirect=True)
async def test_a_lease_is_renewed_once_a_quarter_of_it_is_over_and_not_before(kept: Kept) -> None:
    await accepted(kept)
    (taken,) = await kept.store.take(10, LEASE_MS)
    began_ms = await wake_ms(kept, taken)
    await kept.store.write([Written(taken, (), goes_on=True)])
    assert await wake_ms(kept, taken) == began_ms
    await wake_in(kept, taken, LEASE_MS * 3 // 4 - 1)
    await kept.store.write([Written(taken, (), goes_on=True)])
    assert await wake_ms(kept, taken) >= began_ms


@pytest.mark.parametrize("kept", ["postgres"], indirect=True)
async def test_what_waits_wakes_when_it_is_told_to_whatever_is_left_of_the_lease(kept: Kept) -> None:
    await accepted(kept)
    (taken,) = await kept.store.take(10, LEASE_MS)
    began_ms = await wake_ms(kept, taken)
    await kept.store.write([Written(taken, (), pause_ms=500)])
    assert await wake_ms(kept, taken) < began_ms


class Slow:
    """A provider that answers all at once; owners that do not answer; and a clock before all deadlines."""

    tells_unasked = True

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.charges = self.confirms = 0

    def now_ms(self) -> int:
        return 0

    async def charge(self, key: str, payment: Payment) -> Captured:
        self.charges += 1
        await self.answers.wait()
        return Captured(key, 5, "EUR")

    look_up = cancel = charge

    async def ask(self, inventory_id: str, command: object, key: object = None) -> Rejected:
        self.confirms += 1
        return Rejected(Code.UNAVAILABLE, "Later.")


async def test_who_writes_with_the_one_that_has_taken_its_payment_hears_that_it_is_anothers() -> None:
    clock = Clock()
    store, slow = MemoryPayments(lambda: clock.now_ms), Slow()
    providers: Any = {"sandbox": slow}
    worker = PaymentWorker(store, slow, providers, slow, Meter())
    charged = replace(wanted().payment, step=Step.CHARGE, amount=5, currency="EUR")
    await store.accept(NewPayment(payment=charged, request_id=b"one"))
    for number in (1, 2):
        await worker.take()
        while slow.charges < number:  # noqa: ASYNC110 - a few turns of the loop
            await asyncio.sleep(0)
        clock.now_ms += LEASE_MS
    slow.answers.set()
    await worker.settled()
    assert slow.confirms == 1


class Watched:
    """A provider that has the money at once, and an owner: he sees how the payment's row stands as he hears
    of it."""

    def __init__(self, store: MemoryPayments, tells_unasked: bool) -> None:
        self._store = store
        self.tells_unasked = tells_unasked
        self.seen: list[tuple[Step, bool]] = []

    def now_ms(self) -> int:
        return 0

    async def charge(self, key: str, payment: Payment) -> Captured:
        return Captured(key, 5, "EUR")

    look_up = cancel = charge

    async def ask(self, inventory_id: str, command: object, key: object = None) -> Rejected:
        (row,) = self._store.payments
        self.seen.append((row.step, row.captured))
        return Rejected(Code.UNAVAILABLE, "Later.")


@pytest.mark.parametrize(
    ("tells_unasked", "unwritten_max_s", "seen"),
    [
        (False, 9.0, (Step.CHARGE, False)),
        (True, 9.0, (Step.CONFIRM, True)),
        (False, 0.0, (Step.CONFIRM, True)),
    ],
)
async def test_what_is_captured_is_written_before_its_owner_hears_of_it_unless_at_once_and_of_the_silent(
    tells_unasked: bool, unwritten_max_s: float, seen: tuple[Step, bool]
) -> None:
    store = MemoryPayments(lambda: NOW_MS)
    watched = Watched(store, tells_unasked)
    providers: Any = {"sandbox": watched}
    limits = PaymentLimits(unwritten_max_s=unwritten_max_s)
    worker = PaymentWorker(store, watched, providers, watched, Meter(), limits)
    charged = replace(wanted().payment, step=Step.CHARGE, amount=5, currency="EUR")
    await store.accept(NewPayment(payment=charged, request_id=b"one"))
    await worker.take()
    await worker.settled()
    assert watched.seen == [seen]
    (row,) = store.payments
    assert (row.step, row.captured) == (Step.CONFIRM, True), "and with what the owner has said"
    assert [note[2] for note in store.notes] == ["charge", "charge", "confirm"]
