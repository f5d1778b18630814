"""An owner that begins where another has ended: what is stored of an inventory, read again."""

from __future__ import annotations

from typing import Any

import msgspec

from domain.kinds import Rules
from domain.seat_plan import Layout


def through_the_wire(message: Any, kind: Any) -> Any:
    """Encoded and decoded again; must come out as it went in."""
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=kind)
    assert again == message
    return again


def restarted(rules: Rules, before: Any, layout: Layout | None = None) -> Any:
    """The state of a new owner. What has ended it would look up, and so finds here."""
    stored = rules.definition(before)
    stored = through_the_wire(stored, type(stored))
    state = rules.restored(before.id, stored, before.last_fact_ms, layout)
    for _ in rules.load(state, stored):
        continue
    for reservation_id in sorted(before.reservations):
        found = before.reservations[reservation_id]
        rules.admit(state, through_the_wire(found, type(found)))
        state.contacts[reservation_id] = before.contacts.get(reservation_id, b"")
    for reservation_id in before.reservations:
        for number, ticket in _tickets(before, reservation_id):
            rules.admit_ticket(state, reservation_id, number, ticket)
    rules.loaded(state)
    state.ended = before.ended
    return state


def _tickets(state: Any, reservation_id: str) -> list[tuple[int, Any]]:
    return list(state.tickets.of(reservation_id).items()) if hasattr(state, "tickets") else []
