"""What clients get of tickets."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from domain.event_tickets import Placed
from domain.ticket_messages import Entry, Ticket, TicketReply
from domain.views import ReceivedTicket
from server.problems import ProblemBody
from server.times import rfc3339
from server.views import View

_NO_CONTACT = msgspec.Raw(b"null")


class EntryView(View, frozen=True):
    """When a ticket was let in, by whom, at which gate, and by which device, if that was not in touch."""

    at: str
    by: str
    gate: str | None
    device: str | None


class TicketView(View, frozen=True):
    """One place of a reservation. `holder`: whose it is, null once erased. `code`: for the door; null of a
    ticket that was passed on, but to who has it now. `token` comes when it is passed on or issued again, for
    whom it was passed on to."""

    reservation_id: str
    number: int
    ticket_type: str
    seat: str | None
    status: Literal["valid", "checked_in"]
    transferred: bool
    holder: msgspec.Raw
    checked_in: EntryView | None
    code: str | None
    token: str | UnsetType = UNSET


class ReceivedTicketView(View, frozen=True):
    """A ticket that was passed on to `holder`. `token`, the right to it (`Ticket-Token`), comes with the list
    of one's own."""

    event_id: str
    reservation_id: str
    number: int
    holder: msgspec.Raw
    checked_in: EntryView | None
    token: str | UnsetType = UNSET


class LetInView(View, frozen=True):
    """Who may come in, or has to go out again. `let_in` of the reservation's `of` tickets are in now."""

    reservation_id: str
    number: int
    ticket_type: str
    seat: str | None
    holder: msgspec.Raw
    checked_in: EntryView | None
    let_in: int
    of: int


class ScanResult(View, frozen=True):
    """What became of one scan of an upload, by its position there. `conflict`: the ticket had been let in
    already, or its code was replaced; `refused`: anything else. Then `problem` says more."""

    position: int
    status: Literal["checked_in", "conflict", "refused"]
    ticket: LetInView | None = None
    problem: ProblemBody | None = None


class ScanResults(View, frozen=True):
    """One for each scan, in the upload's order."""

    items: list[ScanResult]


class ListedTicket(View, frozen=True):
    """A line of the list for devices that will be out of touch. `code_sha256`: of the code as it is scanned,
    in capitals, in hex; who has no ticket learns no code from it."""

    code_sha256: str
    reservation_id: str
    number: int
    ticket_type: str
    seat: str | None
    holder: msgspec.Raw
    checked_in: EntryView | None


def entry_view(entry: Entry | None) -> EntryView | None:
    if entry is None:
        return None
    return EntryView(rfc3339(entry.at_ms), entry.by, entry.gate or None, entry.device or None)


def holder_of(contact: bytes) -> msgspec.Raw:
    return msgspec.Raw(contact) if contact else _NO_CONTACT


def ticket_view(
    reservation_id: str,
    place: Placed,
    ticket: Ticket,
    contact: bytes,
    code: str | None,
    token: str | UnsetType = UNSET,
) -> TicketView:
    return TicketView(
        reservation_id,
        place.number,
        place.ticket_type,
        place.seat or None,
        "valid" if ticket.entry is None else "checked_in",
        bool(ticket.holder),
        holder_of(contact),
        entry_view(ticket.entry),
        code,
        token,
    )


def received_view(received: ReceivedTicket, token: str | UnsetType = UNSET) -> ReceivedTicketView:
    found = received.found
    return ReceivedTicketView(
        received.event_id,
        received.reservation_id,
        found.number,
        holder_of(found.contact),
        entry_view(found.ticket.entry),
        token,
    )


def let_in_view(reply: TicketReply) -> LetInView:
    return LetInView(
        reply.reservation_id,
        reply.number,
        reply.ticket_type,
        reply.seat or None,
        holder_of(reply.contact),
        entry_view(reply.ticket.entry),
        reply.let_in,
        reply.of,
    )
