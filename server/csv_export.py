"""An event's reservations as CSV (RFC 4180, UTF-8): one record a line of a reservation, in pages.

A cell that a spreadsheet would take for a formula is prefixed with an apostrophe: names come from anybody.
Each page is read by itself, in order of ids, so no transaction is open while a client reads; and a client
that reads too slowly is given no more after `EXPORT_MAX_S`. A reservation that changes meanwhile is there
once, as its page found it.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator

import msgspec

from domain.event_messages import ReservationReply
from domain.views import FoundReservation
from server import views
from server.reads import Reads
from server.times import rfc3339

CSV = "text/csv; charset=utf-8; header=present"
PAGE_MAX_RESERVATIONS = 500
EXPORT_MAX_S = 900.0
COLUMNS = (
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
)
"""Prices and amounts in minor units; `amount` is quantity times price. `seats` has a line for each seat, none
for standing places. An erased customer's cells are empty."""
_FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")
Cells = tuple[object, ...]


class _Contact(msgspec.Struct):
    name: str = ""
    email: str = ""


_contact = msgspec.json.Decoder(_Contact)


async def reservations_csv(reads: Reads, event_id: str) -> AsyncIterator[bytes]:
    """The header and the first page, then a piece for each further page."""
    ends_s = asyncio.get_running_loop().time() + EXPORT_MAX_S
    records: list[Cells] = [COLUMNS]
    after: str | None = None
    while True:
        now_ms = reads.now_ms()
        page = await reads.exported(event_id, after, PAGE_MAX_RESERVATIONS, now_ms)
        records += [cells for found in page for cells in _cells(found, now_ms)]
        yield _encoded(records)
        if len(page) < PAGE_MAX_RESERVATIONS:
            return
        if asyncio.get_running_loop().time() > ends_s:
            raise ConnectionError("the export was read too slowly")
        records, after = [], page[-1].reply.reservation.id


def _cells(found: FoundReservation, now_ms: int) -> list[Cells]:
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


def _encoded(records: list[Cells]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([_safe(cell) for cell in row] for row in records)
    return text.getvalue().encode()


def _safe(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_BEGINS) else cell
