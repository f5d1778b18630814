"""The rules of tickets once more, small and slow: every ticket written out, every rule a line."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from domain.event_messages import Line, Reservation, Status
from domain.messages import Code, Rejected
from domain.ticket_messages import (
    CheckIn,
    Entry,
    ReissueTicket,
    Ticket,
    TicketCommand,
    TicketReply,
    TransferTicket,
    UndoCheckIn,
)

Known = Mapping[tuple[str, int], Ticket]
"""Tickets by reservation and number; of one that is not there nothing has happened."""


def ask_ticket(
    found: Reservation, known: Known, command: TicketCommand, now_ms: int
) -> tuple[TicketReply | Rejected, Known]:
    """The answer, and the tickets afterwards."""
    seats = numbered(found.lines)
    if command.number not in seats:
        return Rejected(Code.NOT_FOUND, ""), known
    place = found.id, command.number
    ticket = known.get(place, Ticket())
    answer = _answer(found, ticket, command, now_ms)
    if isinstance(answer, Rejected):
        return answer, known
    after = {**known, place: answer}
    inside = [n for n in seats if after.get((found.id, n), Ticket()).entry]
    kind, seat = seats[command.number]
    reply = TicketReply(found.id, command.number, kind, seat, answer, b"", len(inside), len(seats))
    return reply, after


def numbered(lines: tuple[Line, ...]) -> dict[int, tuple[str, str]]:
    """Each ticket's type and seat."""
    seats: list[tuple[str, str] | None] = []
    for line in lines:
        seats += [None] * line.skipped
        seats += [(line.ticket_type, name) for name in line.seats or [""] * line.quantity]
    return {number: seat for number, seat in enumerate(seats, 1) if seat is not None}


def _answer(found: Reservation, ticket: Ticket, command: TicketCommand, now_ms: int) -> Ticket | Rejected:
    if found.status not in (Status.CONFIRMED, Status.CHECKED_IN):
        return Rejected(Code.WRONG_STATE, "", {"status": found.status.value})
    passes_on = isinstance(command, TransferTicket | ReissueTicket)
    if passes_on and command.as_buyer and ticket.holder != b"":
        return Rejected(Code.NOT_FOUND, "")
    if command.generation not in (None, ticket.generation):
        return Rejected(Code.TICKET_REPLACED, "")
    if isinstance(command, UndoCheckIn):
        return replace(ticket, entry=None)
    if isinstance(command, CheckIn):
        if (command.scanned_ms or 0) > now_ms + 300_000:
            return Rejected(Code.INVALID, "")
        entry = Entry(command.scanned_ms or now_ms, command.by, command.gate, command.device)
        if ticket.entry is None or (command.scanned_ms and ticket.entry == entry):
            return replace(ticket, entry=entry)
    if ticket.entry is not None:
        told = {"entered_ms": ticket.entry.at_ms, "by": ticket.entry.by}
        told |= {"gate": ticket.entry.gate} if ticket.entry.gate else {}
        told |= {"device": ticket.entry.device} if ticket.entry.device else {}
        return Rejected(Code.ALREADY_CHECKED_IN, "", told)
    if ticket.generation == 200:
        return Rejected(Code.LIMIT_EXCEEDED, "", {"limit": 200, "requested": 201})
    holder = command.customer if isinstance(command, TransferTicket) else ticket.holder
    return replace(ticket, generation=ticket.generation + 1, holder=holder)


def status_by_tickets(found: Reservation, known: Known) -> Status:
    """Of a confirmed reservation."""
    numbers = numbered(found.lines)
    inside = all(known.get((found.id, n), Ticket()).entry for n in numbers)
    return Status.CHECKED_IN if inside else Status.CONFIRMED


def keeps(found: Reservation, known: Known) -> bool:
    """Does one of its tickets keep it from being cancelled?"""
    return any(
        ticket.entry is not None or ticket.holder != b""
        for (reservation_id, _), ticket in known.items()
        if reservation_id == found.id
    )
