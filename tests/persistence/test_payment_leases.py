"""A worker's lease on a payment: it lasts as long as it works, and is not written with each step."""

from __future__ import annotations

import pytest

from actors.payments import Written
from domain.payment import Payment
from tests.persistence.test_payments import LEASE_MS, Kept, accepted, kept

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
