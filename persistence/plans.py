"""Plans of seats as they are stored: immutable, one row each; an owner lays out what it sells.

A plan is MessagePack, as all messages are: 60,000 seats are 1.5 MB, read once for each owner that sells them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from domain.event_messages import Seating
from domain.seat_plan import Layout, Plan
from persistence.rows import decoded_numbers

PLAN = "SELECT plan FROM plans WHERE id = $1"

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


def blocked_names(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Of a row of `BLOCKED`. As long as `laid_out`."""
    layout = Layout(decoded_plan(row["plan"]))
    return tuple([layout.name_of(number) for number in decoded_numbers(row["blocked"])])


def laid_out(stored: bytes, seating: Seating) -> Layout:
    """Takes a tenth of a second for a stadium: to be done beside an event loop."""
    return Layout(decoded_plan(stored), seating.overrides)
