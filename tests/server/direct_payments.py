"""Payments in memory, which know whose reservations they are of."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from domain.payment import Payment
from persistence.payments_memory import MemoryPayments
from tests.server.direct_gateway import DirectGateway, DirectReads


@dataclass
class DirectPayments(MemoryPayments):
    """`reads`: of the same front end."""

    reads: DirectReads = field(default_factory=lambda: DirectReads(DirectGateway()))

    async def of_customer(
        self, customer: bytes, wallet: str, before: str | None, limit: int
    ) -> list[Payment]:
        found = await self.reads.of_customer(customer, None, sys.maxsize)
        own = {one.reply.reservation.id for one in found}
        fitting = [
            one
            for one in self.payments
            if (one.reservation_id in own or one.wallet == wallet) and (before is None or one.id < before)
        ]
        return sorted(fitting, key=lambda one: one.id, reverse=True)[:limit]
