"""Buyers of tickets, each with an address of their own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec

from domain.event_messages import ConfirmReservation, EventCommand, PlaceHold
from persistence.postgres import PostgresOwnerStore
from tests.persistence.sales import Sale, new_id

BATCH_MAX_BUYERS = 200
_numbers = itertools.count(1)


def bought(sale: Sale, address: str, confirm: bool = True, code: str = "A") -> tuple[str, list[EventCommand]]:
    """The reservation's id, and the commands that make it."""
    contact = msgspec.json.encode({"name": "Ada", "email": address})
    hold = PlaceHold(new_id(), ((code, 1),), address.encode(), contact)
    commands: list[EventCommand] = [hold]
    if confirm:
        commands.append(ConfirmReservation(hold.reservation_id))
    return hold.reservation_id, commands


async def sell_to(store: PostgresOwnerStore, sale: Sale, addresses: Sequence[str]) -> dict[str, str]:
    """Confirmed reservations, by address."""
    found = {}
    for at in range(0, len(addresses), BATCH_MAX_BUYERS):
        commands: list[EventCommand] = []
        for address in addresses[at : at + BATCH_MAX_BUYERS]:
            found[address], some = bought(sale, address)
            commands += some
        sale.now_ms += 1
        assert await sale.append(store, sale.decided(*commands))
    return found


def addresses(count: int) -> list[str]:
    return [f"buyer-{next(_numbers):06d}@example.org" for _ in range(count)]
