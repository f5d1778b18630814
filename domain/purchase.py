"""A purchase's parts: one payment for several reservations, seen as a payment for each of them.

Its saga is that of any payment (`domain.payment`). Its parts are for what comes later: each is paid back by
itself, and each is, to its owner, the payment of its reservation.
"""

from __future__ import annotations

from domain.payment import Payment, Standing

PARTS_MAX = 20


def part_payments(whole: Payment) -> list[Payment]:
    """The parts of a purchase as payments of their own: what has come of the purchase is come of each."""
    return [
        Payment(
            id=part.payment_id,
            inventory_id=part.inventory_id,
            reservation_id=part.reservation_id,
            provider=whole.provider,
            deadline_ms=whole.deadline_ms,
            created_ms=whole.created_ms,
            method=whole.method,
            step=whole.step,
            standing=whole.standing,
            amount=part.amount,
            currency=whole.currency,
            captured=whole.captured,
            promised=(part.amount or 0) if part.undone else 0,
            provider_ref=whole.provider_ref,
            error=whole.error if part.undone or whole.standing is not Standing.CAPTURED else None,
            detail=whole.detail,
            whole_id=whole.id,
        )
        for part in whole.parts
    ]
