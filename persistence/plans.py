"""Plans of seats as they are stored: immutable, one row each; an owner lays out what it sells.

A plan is MessagePack, as all messages are: 60,000 seats are 1.5 MB, read once for each owner that sells them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from domain.event_messages import Seating, Stage
from domain.event_seats import Look
from domain.seat_plan import Layout, Plan
from domain.views import SeatStates
from persistence.rows import decoded_numbers

PLAN = "SELECT plan FROM plans WHERE id = $1"

SEATS = """
SELECT i.seq, e.stage, e.blocked, p.id::text AS plan_id, p.seats,
       (SELECT array_agg(l.seat) FROM live_seats l JOIN reservations r ON r.id = l.reservation_id
         WHERE l.inventory_id = i.id AND r.status = 'held') AS held,
       (SELECT array_agg(l.seat) FROM live_seats l JOIN reservations r ON r.id = l.reservation_id
         WHERE l.inventory_id = i.id AND r.status <> 'held') AS sold
  FROM inventories i JOIN events e ON e.id = i.id JOIN plans p ON p.id = (e.seating ->> 'plan_id')::uuid
 WHERE i.id = $1 AND NOT e.deleted"""
"""One statement, so that the seats are those of the sequence."""

BLOCKED = """
SELECT e.blocked, p.plan FROM events e JOIN plans p ON p.id = (e.seating ->> 'plan_id')::uuid
 WHERE e.id = $1 AND NOT e.deleted AND json_array_length(e.blocked) > 0"""

_encoder = msgspec.msgpack.Encoder()
_plan = msgspec.msgpack.Decoder(Plan)


def encoded_plan(plan: Plan) -> bytes:
    return _encoder.encode(plan)


def decoded_plan(stored: bytes) -> Plan:
    """Raises msgspec.DecodeError where that is no plan."""
    return _plan.decode(stored)


def seat_states(event_id: str, row: Mapping[str, Any]) -> SeatStates:
    """Of a row of `SEATS`."""
    states = bytearray(row["seats"])
    for look, numbers in (
        (Look.HELD, row["held"]),
        (Look.SOLD, row["sold"]),
        (Look.BLOCKED, decoded_numbers(row["blocked"])),
    ):
        for number in numbers or ():
            states[number] = look
    hidden = row["stage"] == Stage.DRAFT
    return SeatStates(event_id, row["seq"], row["plan_id"], bytes(states), hidden)


def blocked_names(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Of a row of `BLOCKED`. As long as `laid_out`."""
    layout = Layout(decoded_plan(row["plan"]))
    return tuple([layout.name_of(number) for number in decoded_numbers(row["blocked"])])


def laid_out(stored: bytes, seating: Seating) -> Layout:
    """Takes a tenth of a second for a stadium: to be done beside an event loop."""
    return Layout(decoded_plan(stored), seating.overrides)
