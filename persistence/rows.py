"""Between rows and the domain's messages.

Most reservations of an event share their lines (one ticket at the usual price), so their JSON is made once
and, when rows are loaded, one tuple serves all of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec

from domain.event_messages import (
    Line,
    PaidBy,
    Reservation,
    Seating,
    Stage,
    Status,
    Terms,
    TicketType,
    TypeCounts,
)
from domain.kinds import AnyReservation
from domain.restaurant_messages import RestaurantTerms, TableReservation
from domain.ticket_messages import Entry, Ticket
from persistence.store import Stored, StoredTicket

LINES_CACHE_MAX_ENTRIES = 4_096
_NAMED = "]]]"
"""How the JSON of lines ends whose last one names its seats."""
_SCOPES = uuid.UUID("4b6f3b5e-54b1-4b0e-9d0c-6f2f0a3f7c11")
_STATUS = {status.value: status for status in Status}
_numbers = msgspec.json.Decoder(tuple[int, ...])

NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
"""Store time, in whole milliseconds."""

FIRST_ID = "00000000-0000-0000-0000-000000000000"
LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

TERMS_COLUMNS = {
    "name": "text",
    "starts_at_ms": "bigint",
    "currency": "text",
    "ends_at_ms": "bigint",
    "venue": "text",
    "description": "text",
    "sales_start_ms": "bigint",
    "sales_end_ms": "bigint",
    "hold_duration_s": "integer",
    "max_per_customer": "bigint",
    "cancel_until_ms": "bigint",
    "guests": "boolean",
    "hold_extensions_max": "integer",
    "one_per_customer": "boolean",
    "listed": "text",
    "city": "text",
    "seating": "json",
    "payment": "text",
    "cancel_keeps_percent": "integer",
    "postponed_refund_days": "integer",
    "moved_ms": "bigint",
    "organiser_id": "text",
    "time_zone": "text",
}
"""The fields of `Terms` that are columns of `events`, with their types; `capacity` is one of `inventories`,
which checks it. Said again here: an owner that starts has no second for importing SQLAlchemy's schema."""


def scope_id(scope: str) -> str:
    """The id that requests of a scope are stored under: an inventory's own, or one made from a name."""
    return scope if len(scope) == 36 else str(uuid.uuid5(_SCOPES, scope))


@lru_cache(LINES_CACHE_MAX_ENTRIES)
def encoded_lines(lines: tuple[Line, ...]) -> str:
    """[[code, quantity, unit price], ...] as JSON; a fourth element names the seats, if there are any, a
    fifth counts what is skipped."""
    return msgspec.json.encode([_row_of(line) for line in lines]).decode()


def _row_of(line: Line) -> tuple[object, ...]:
    row = (line.ticket_type, line.quantity, line.unit_price)
    if line.skipped:
        return *row, line.seats, line.skipped
    return (*row, line.seats) if line.seats else row


def decoded_lines(text: str) -> tuple[Line, ...]:
    """Lines with seats are nobody else's: keeping them would only drive out the others."""
    return _decoded(text) if text.endswith(_NAMED) else _shared(text)


@lru_cache(LINES_CACHE_MAX_ENTRIES)
def _shared(text: str) -> tuple[Line, ...]:
    return _decoded(text)


def _decoded(text: str) -> tuple[Line, ...]:
    rows = _line_rows.decode(text)
    return tuple([Line(row.code, row.quantity, row.price, row.seats, row.skipped) for row in rows])


def terms_column(terms: Terms, name: str) -> object:
    """The value of one of `TERMS_COLUMNS`."""
    value = getattr(terms, name)
    if isinstance(value, Seating):
        return msgspec.json.encode(SeatingRow(value.venue_id, value.plan_id, value.overrides)).decode()
    return value


def encoded_numbers(numbers: tuple[int, ...]) -> str:
    return msgspec.json.encode(numbers).decode()


def encoded_categories(categories: tuple[str, ...]) -> str:
    return msgspec.json.encode(categories).decode()


def decoded_numbers(text: str) -> tuple[int, ...]:
    return _numbers.decode(text)


class StayRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What stands in `lines` of a reservation of tables: an object, where lines are an array. `phone` is its
    key, in hex."""

    tables: tuple[str, ...]
    start_ms: int
    end_ms: int
    free_at_ms: int
    party_size: int
    overstays: int
    phone: str = ""
    deposit: int = 0
    currency: str = ""
    excused: bool = False
    warned: tuple[str, ...] = ()


_AS_IT_IS = tuple(name for name in StayRow.__struct_fields__ if name != "phone")
_stay_row = msgspec.json.Decoder(StayRow)


def decoded_stay(text: str) -> StayRow:
    return _stay_row.decode(text)


def encoded_what(reservation: AnyReservation) -> str:
    """What is reserved, as JSON."""
    if isinstance(reservation, Reservation):
        return encoded_lines(reservation.lines)
    values = {name: getattr(reservation, name) for name in _AS_IT_IS}
    return msgspec.json.encode(StayRow(**values, phone=reservation.phone.hex())).decode()


_STORED = (
    "id::text",
    "status",
    "expires_ms",
    "lines",
    "customer",
    "created_ms",
    "extensions",
    "contact",
    "payment_id::text",
    "hold_ends_ms",
    "kept",
)


def stored_columns(of: str = "") -> str:
    """What `stored_of` reads, for a statement's text. `of`: the relation's name there, with its dot."""
    return ", ".join(of + column for column in _STORED)


def stored_of(row: Iterable[Any]) -> Stored:
    """Of a row that begins with `stored_columns`."""
    (
        reservation_id,
        status,
        expires_ms,
        lines,
        customer,
        created_ms,
        extensions,
        contact,
        payment_id,
        hold_ends_ms,
        kept,
    ) = islice(row, len(_STORED))
    paid_by = None if payment_id is None else PaidBy(payment_id, hold_ends_ms, kept or 0)
    if lines[0] == "{":
        stay = decoded_stay(lines)
        return Stored(
            TableReservation(
                reservation_id,
                _STATUS[status],
                expires_ms,
                stay.tables,
                stay.start_ms,
                stay.end_ms,
                stay.free_at_ms,
                stay.party_size,
                customer,
                created_ms,
                extensions,
                stay.overstays,
                bytes.fromhex(stay.phone),
                stay.deposit,
                stay.currency,
                paid_by,
                stay.excused,
                stay.warned,
            ),
            contact,
        )
    reservation = Reservation(
        reservation_id,
        _STATUS[status],
        expires_ms,
        decoded_lines(lines),
        customer,
        created_ms,
        extensions,
        paid_by,
    )
    return Stored(reservation, contact)


TICKET_COLUMNS = (
    "reservation_id::text",
    "number",
    "generation",
    "holder",
    "contact",
    "entered_ms",
    "entered_by",
    "gate",
    "device",
)


def ticket_of(row: Iterable[Any]) -> StoredTicket:
    """Of a row of `TICKET_COLUMNS`."""
    reservation_id, number, generation, holder, contact, entered_ms, by, gate, device = row
    entry = None if entered_ms is None else Entry(entered_ms, by, gate, device)
    return StoredTicket(reservation_id, number, Ticket(generation, holder, entry), contact)


class SeatingRow(msgspec.Struct, frozen=True, gc=False):
    """The column `seating`, an object that SQL can look into."""

    venue_id: str
    plan_id: str
    overrides: tuple[tuple[str, tuple[str, ...]], ...]


_seating = msgspec.json.Decoder(SeatingRow)


class LineRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An element of the column `lines`."""

    code: str
    quantity: int
    price: int
    seats: tuple[str, ...] = ()
    skipped: int = 0


_line_rows = msgspec.json.Decoder(list[LineRow])


class TypeRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A row of `ticket_types`, as `TYPES_JSON` shows it."""

    code: str
    name: str
    quota: int
    price: int
    max_per_order: int | None
    held: int
    confirmed: int
    categories: tuple[str, ...]
    seats_left: int | None


TYPES_JSON = """
(SELECT json_agg(json_build_array(t.code, t.name, t.quota, t.price, t.max_per_order, t.held, t.confirmed,
                                  t.categories, t.seats_left)
                 ORDER BY t.position) FROM ticket_types t WHERE t.inventory_id = i.id)"""
"""An inventory's ticket types in one column, to be read by `types_of`."""

_type_rows = msgspec.json.Decoder(tuple[TypeRow, ...])


def types_of(text: str | None) -> tuple[TypeRow, ...]:
    return _type_rows.decode(text) if text else ()


def terms_of(event: Mapping[str, Any], types: tuple[TypeRow, ...]) -> Terms:
    """Of an event's row, with `capacity`, and its ticket types."""
    kinds = tuple(
        TicketType(kind.code, kind.name, kind.quota, kind.price, kind.max_per_order, kind.categories)
        for kind in types
    )
    columns = {name: event[name] for name in TERMS_COLUMNS}
    if columns["seating"] is not None:
        row = _seating.decode(columns["seating"])
        columns["seating"] = Seating(row.venue_id, row.plan_id, row.overrides)
    return Terms(**columns, capacity=event["capacity"], ticket_types=kinds)


def counts_of(
    stage: str, live: int, capacity: int | None, types: tuple[TypeRow, ...]
) -> tuple[TypeCounts, ...]:
    """What is live of each type and what can still be sold of it, of the shared capacity too."""
    room = None if capacity is None else capacity - live
    if stage == Stage.CANCELLED:
        room = 0
    found = []
    for kind in types:
        bounds = (kind.quota - kind.held - kind.confirmed, room, kind.seats_left)
        available = max(0, min(bound for bound in bounds if bound is not None))
        found.append(TypeCounts(kind.code, kind.quota, kind.held, kind.confirmed, available, kind.seats_left))
    return tuple(found)


_restaurant_terms = msgspec.json.Decoder(RestaurantTerms)


def restaurant_terms_of(text: str) -> RestaurantTerms:
    """Of a restaurant's row."""
    return _restaurant_terms.decode(text)
