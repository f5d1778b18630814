"""What clients send of tickets: to the door, and to pass one on."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from domain.mail import Language
from domain.ticket_codes import CODE_MAX_CHARACTERS, NUMBER_MAX
from server.payloads import Email, Moment, Payload, Text, Zone

GATE_MAX_CHARACTERS = 64
SCANS_MAX = 500
"""Of one upload."""

TicketCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=CODE_MAX_CHARACTERS,
        description="As it was scanned or typed; spaces and hyphens do not count, nor does the case.",
    ),
]
Gate = Annotated[str, Meta(max_length=GATE_MAX_CHARACTERS, description="Where, for who comes later.")]
Device = Annotated[str, Meta(min_length=1, max_length=GATE_MAX_CHARACTERS)]


class Scan(Payload, frozen=True):
    """A ticket at the door."""

    code: TicketCode
    gate: Gate = ""


class WrongScan(Payload, frozen=True):
    """A ticket that was let in by mistake."""

    code: TicketCode


class OfflineScan(Payload, frozen=True):
    """A ticket that a device let in while it was out of touch, by the device's clock."""

    code: TicketCode
    scanned_at: Moment
    gate: Gate = ""


class OfflineScans(Payload, frozen=True):
    """What one device let in."""

    device: Device
    entries: Annotated[tuple[OfflineScan, ...], Meta(min_length=1, max_length=SCANS_MAX)]


class NewHolder(Payload, frozen=True):
    """Whom a ticket is passed on to, who is mailed the right to it. `language`: of that mail; if not
    given, that of the account of the e-mail, else the reservation's."""

    name: Text
    email: Email
    language: Language | UnsetType = UNSET


class PdfQuery(Payload, frozen=True):
    """One of the tickets, or all; times as they are in that time zone, else in the event's, or in UTC."""

    number: Annotated[int, Meta(ge=1, le=NUMBER_MAX)] | UnsetType = UNSET
    time_zone: Zone | UnsetType = UNSET
