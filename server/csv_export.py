"""Reservations as CSV (RFC 4180, UTF-8), in pages: of an event one record a line of a reservation, of a
restaurant one a reservation.

A cell that a spreadsheet would take for a formula is prefixed with an apostrophe: names come from anybody.
Each page is read by itself, in order of ids, so no transaction is open while a client reads; and a client
that reads too slowly is given no more after `EXPORT_MAX_S`. A reservation that changes meanwhile is there
once, as its page found it.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import msgspec

from domain.event_messages import ReservationReply
from domain.restaurant_messages import RestaurantTerms, TableReply
from domain.views import FoundReservation
from server import views
from server.reads import Reads
from server.times import rfc3339

CSV = "text/csv; charset=utf-8; header=present"
PAGE_MAX_RESERVATIONS = 500
EXPORT_MAX_S = 900.0
_FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")
Cells = tuple[object, ...]


@dataclass(frozen=True)
class Sheet:
    """The names of its columns, and the records of one reservation at a moment."""

    columns: Cells
    records: Callable[[FoundReservation, int], list[Cells]]


class _Contact(msgspec.Struct):
    name: str = ""
    email: str = ""


class _Diner(msgspec.Struct):
    name: str = ""
    email: str = ""
    phone: str | None = None


class _PartysContact(msgspec.Struct):
    customer: _Diner | None = None
    note: str | None = None


_contact = msgspec.json.Decoder(_Contact)
_partys_contact = msgspec.json.Decoder(_PartysContact)


async def reservations_csv(reads: Reads, inventory_id: str, sheet: Sheet) -> AsyncIterator[bytes]:
    """The header and the first page, then a piece for each further page."""
    ends_s = asyncio.get_running_loop().time() + EXPORT_MAX_S
    records: list[Cells] = [sheet.columns]
    after: str | None = None
    while True:
        now_ms = reads.now_ms()
        page = await reads.exported(inventory_id, after, PAGE_MAX_RESERVATIONS, now_ms)
        records += [cells for found in page for cells in sheet.records(found, now_ms)]
        yield _encoded(records)
        if len(page) < PAGE_MAX_RESERVATIONS:
            return
        if asyncio.get_running_loop().time() > ends_s:
            raise ConnectionError("the export was read too slowly")
        records, after = [], page[-1].reply.reservation.id


def _lines(found: FoundReservation, now_ms: int) -> list[Cells]:
    assert isinstance(found.reply, ReservationReply)
    reply = views.as_read(found.reply, now_ms, found.stage)
    claim = reply.reservation
    contact = _contact.decode(reply.contact) if reply.contact else _Contact()
    of_all = (claim.id, claim.status.value, rfc3339(claim.created_at_ms), rfc3339(claim.expires_at_ms))
    who = contact.name, contact.email
    return [
        (
            *of_all,
            *who,
            line.ticket_type,
            line.quantity,
            line.unit_price,
            line.quantity * line.unit_price,
            reply.currency,
            "\n".join(line.seats),
        )
        for line in claim.lines
    ]


LINES = Sheet(
    (
        "reservation_id",
        "status",
        "created_at",
        "expires_at",
        "customer_name",
        "customer_email",
        "ticket_type",
        "quantity",
        "unit_price",
        "amount",
        "currency",
        "seats",
    ),
    _lines,
)
"""Of an event. Prices and amounts in minor units; `amount` is quantity times price. `seats` has a line for
each seat, none for standing places. An erased customer's cells are empty."""

_STAY_COLUMNS = (
    "reservation_id",
    "status",
    "created_at",
    "expires_at",
    "starts_at",
    "ends_at",
    "tables",
    "party_size",
    "customer_name",
    "customer_email",
    "customer_phone",
    "note",
    "deposit",
    "kept",
    "currency",
)


def stays_of(terms: RestaurantTerms) -> Sheet:
    """Of a restaurant. `expires_at` is a hold's; `tables` has a line for each, by the number that it has now,
    or by its id where it is gone; `deposit`, and what was `kept` of it, in minor units. What an erased
    customer gave is empty."""
    numbers = {table.id: table.number for table in terms.tables}

    def records(found: FoundReservation, now_ms: int) -> list[Cells]:
        assert isinstance(found.reply, TableReply)
        reply = views.as_read(found.reply, now_ms, found.stage)
        stay = reply.reservation
        contact = _partys_contact.decode(reply.contact) if reply.contact else _PartysContact()
        diner = contact.customer or _Diner()
        record = (
            stay.id,
            stay.status.value,
            rfc3339(stay.created_at_ms),
            rfc3339(stay.expires_at_ms) if stay.status.on_hold else "",
            rfc3339(stay.start_ms),
            rfc3339(stay.end_ms),
            "\n".join(numbers.get(table_id, table_id) for table_id in stay.tables),
            stay.party_size,
            *(diner.name, diner.email, diner.phone or ""),
            contact.note or "",
            stay.deposit,
            0 if stay.paid_by is None else stay.paid_by.kept,
            stay.currency,
        )
        return [record]

    return Sheet(_STAY_COLUMNS, records)


def _encoded(records: list[Cells]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([_safe(cell) for cell in row] for row in records)
    return text.getvalue().encode()


def _safe(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_BEGINS) else cell
