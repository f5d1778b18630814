"""Plans of seats as they are stored: immutable, one row each; an owner lays out what it sells.

A plan is MessagePack, as all messages are: 60,000 seats are 1.5 MB, read once for each owner that sells them.
Decoded at once that takes Python's lock for as long, beside whatever loop it is done; so what is laid out is
decoded row by row, between which others have their turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from domain.messages import Message
from domain.seat_plan import Layout, Plan, Row, row_name
from persistence.rows import decoded_numbers

PLAN = "SELECT plan FROM plans WHERE id = $1"

BLOCKED = """
SELECT e.blocked, p.plan FROM events e JOIN plans p ON p.id = (e.seating ->> 'plan_id')::uuid
 WHERE e.id = $1 AND NOT e.deleted AND json_array_length(e.blocked) > 0"""

_encoder = msgspec.msgpack.Encoder()
_plan = msgspec.msgpack.Decoder(Plan)
_row = msgspec.msgpack.Decoder(Row)


class _Section(Message, frozen=True, tag="Section.1"):
    label: str
    rows: tuple[msgspec.Raw, ...]


class _Outline(Message, frozen=True, tag="Plan.1"):
    """A stored plan whose rows are still as they are stored."""

    sections: tuple[_Section, ...]


_outline = msgspec.msgpack.Decoder(_Outline)


class StoredPlan:
    """A plan as it is stored, decoded while its rows are asked for."""

    def __init__(self, stored: bytes) -> None:
        self._stored = stored

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Raises msgspec.DecodeError where that is no plan."""
        for section in _outline.decode(self._stored).sections:
            for raw in section.rows:
                row = _row.decode(raw)
                yield row_name(section.label, row), row


def encoded_plan(plan: Plan) -> bytes:
    return _encoder.encode(plan)


def decoded_plan(stored: bytes) -> Plan:
    """Raises msgspec.DecodeError where that is no plan."""
    return _plan.decode(stored)


def blocked_names(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Of a row of `BLOCKED`. As long as `laid_out`."""
    layout = laid_out(row["plan"])
    return tuple([layout.name_of(number) for number in decoded_numbers(row["blocked"])])


def laid_out(stored: bytes) -> Layout:
    """Takes a tenth of a second for a stadium: to be done beside an event loop."""
    return Layout(StoredPlan(stored))
