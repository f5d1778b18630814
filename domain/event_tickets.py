"""Tickets: who is let in once, and whose each is.

- A reservation that is confirmed has one ticket for each of its places, numbered from 1 in the order of its
  lines and of their seats. Lines of a confirmed reservation do not change, so neither do the numbers.
- A ticket is let in once; who tries again is told when, where and by whom it was. It can be taken back.
- What a device let in while it was out of touch is told later, with its own time. The first that is told
  counts. The same told twice is one.
- Passing a ticket on, or issuing it again, raises its generation: codes of an earlier one are dead. One that
  is in cannot be passed on or issued again.
- Who bought a ticket that was passed on has no right to it any more; whom it was passed on to has.
- When all of a reservation's tickets are in, it is `checked_in`. One of which a ticket is in, or was passed
  on, cannot be cancelled any more.

Only tickets of which something has happened take any memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, assert_never

from msgspec.structs import replace

from domain.event_messages import Reservation, Status
from domain.messages import Code, Rejected
from domain.ticket_messages import (
    ORDINARY,
    CheckIn,
    CheckInUndone,
    Entry,
    ReissueTicket,
    Ticket,
    TicketCheckedIn,
    TicketCommand,
    TicketFact,
    TicketReissued,
    TicketReply,
    TicketTransferred,
    TransferTicket,
    UndoCheckIn,
)

GENERATIONS_MAX = 200
"""Of one ticket: so often it can be passed on or issued again, and once less. It fits one byte of a code."""
SCAN_AHEAD_MAX_MS = 300_000
"""So far ahead may the clock of a device be that was out of touch."""
NO_TICKET = Rejected(Code.NOT_FOUND, "There is no such ticket.")

Decision = tuple[TicketReply | Rejected, tuple[TicketFact, ...]]


class Placed(NamedTuple):
    """A place of a reservation: its number, what it is of, its seat's name or nothing."""

    number: int
    ticket_type: str
    seat: str


class TicketMove(NamedTuple):
    """What has become of a ticket. `contact`: of whom it was passed on to by this; None: as it was."""

    reservation_id: str
    number: int
    before: Ticket
    after: Ticket
    contact: bytes | None = None


def places(reservation: Reservation, after: int = 0) -> Iterator[Placed]:
    """The places of a reservation, in the order of their numbers, beginning after one."""
    before = 0
    for line in reservation.lines:
        before += line.skipped
        for position in range(max(0, after - before), line.quantity):
            seat = line.seats[position] if line.seats else ""
            yield Placed(before + position + 1, line.ticket_type, seat)
        before += line.quantity


def place_of(reservation: Reservation, number: int) -> Placed | None:
    """The place of that number; None where there is none."""
    before = 0
    for line in reservation.lines:
        before += line.skipped
        position = number - before - 1
        if 0 <= position < line.quantity:
            return Placed(number, line.ticket_type, line.seats[position] if line.seats else "")
        before += line.quantity
    return None


def contact_key(reservation_id: str, number: int) -> str:
    """Under which a state keeps the contact of whom a ticket was passed on to, beside those of
    reservations."""
    return f"{reservation_id}/{number}"


class Tickets:
    """The tickets of one event of which something has happened, and what that was."""

    __slots__ = ("_before", "_of")

    def __init__(self) -> None:
        self._of: dict[str, dict[int, Ticket]] = {}
        self._before: dict[tuple[str, int], tuple[Ticket, Ticket, bool]] = {}
        """Those that something was done with since `moves` was asked last: as it was then, as it is, and
        whether it was passed on."""

    def get(self, reservation_id: str, number: int) -> Ticket:
        return self._of.get(reservation_id, {}).get(number, ORDINARY)

    def of(self, reservation_id: str) -> dict[int, Ticket]:
        """Those of one reservation, by number."""
        return self._of.get(reservation_id, {})

    def let_in(self, reservation_id: str) -> int:
        """How many of a reservation's tickets are in."""
        return sum(ticket.entry is not None for ticket in self.of(reservation_id).values())

    def put(self, reservation_id: str, number: int, ticket: Ticket) -> None:
        """That is how it stands, new or loaded."""
        if ticket != ORDINARY:
            self._of.setdefault(reservation_id, {})[number] = ticket
            return
        tickets = self._of.get(reservation_id, {})
        tickets.pop(number, None)
        if not tickets:
            self._of.pop(reservation_id, None)

    def happen(self, fact: TicketFact) -> None:
        """Make the fact true."""
        before = self.get(fact.reservation_id, fact.number)
        after = _after(before, fact)
        place = fact.reservation_id, fact.number
        first, _, passed_on = self._before.get(place, (before, before, False))
        self._before[place] = first, after, passed_on or isinstance(fact, TicketTransferred)
        self.put(fact.reservation_id, fact.number, after)

    def forget(self, reservation_id: str) -> tuple[int, ...]:
        """The reservation has ended: the numbers of its tickets that were kept."""
        return tuple(self._of.pop(reservation_id, ()))

    def moves(self, contacts: dict[str, bytes]) -> tuple[TicketMove, ...]:
        """What has become of tickets since this was asked last."""
        if not self._before:
            return ()
        touched, self._before = self._before, {}
        return tuple(
            [
                TicketMove(
                    *place, before, after, contacts.get(contact_key(*place), b"") if passed_on else None
                )
                for place, (before, after, passed_on) in touched.items()
                if before != after
            ]
        )


def _after(before: Ticket, fact: TicketFact) -> Ticket:
    match fact:
        case TicketCheckedIn():
            return replace(before, entry=fact.entry)
        case CheckInUndone():
            return replace(before, entry=None)
        case TicketTransferred():
            return replace(before, generation=fact.generation, holder=fact.customer)
        case TicketReissued():
            return replace(before, generation=fact.generation)
        case _:
            assert_never(fact)


# --- what is asked of one ---------------------------------------------------------------------------


def decide_ticket(
    tickets: Tickets, found: Reservation, contacts: dict[str, bytes], command: TicketCommand, now_ms: int
) -> Decision:
    """`found`: the reservation, as it stands."""
    place = place_of(found, command.number)
    if place is None:
        return NO_TICKET, ()
    ticket = tickets.get(found.id, place.number)
    refusal = not_issued(found) or _not_theirs(ticket, command) or _dead(ticket, command.generation)
    if refusal is not None:
        return refusal, ()
    decision = _decided(ticket, command, now_ms)
    if isinstance(decision, Rejected):
        return decision, ()
    after = _after(ticket, decision) if decision is not None else ticket
    let_in = tickets.let_in(found.id) + (after.entry is not None) - (ticket.entry is not None)
    contact = contacts.get(contact_key(found.id, place.number)) or contacts.get(found.id, b"")
    if isinstance(command, TransferTicket):
        contact = command.contact
    reply = TicketReply(
        found.id, place.number, place.ticket_type, place.seat, after, contact, let_in, found.quantity
    )
    return reply, () if decision is None else (decision,)


def _decided(ticket: Ticket, command: TicketCommand, now_ms: int) -> TicketFact | Rejected | None:
    """The fact that follows; None where it is so already."""
    match command:
        case CheckIn():
            return _check_in(ticket, command, now_ms)
        case UndoCheckIn():
            if ticket.entry is None:
                return None
            return CheckInUndone(now_ms, command.reservation_id, command.number, command.by)
        case TransferTicket():
            refusal = _is_in(ticket) or _too_often(ticket)
            return refusal or TicketTransferred(
                now_ms,
                command.reservation_id,
                command.number,
                ticket.generation + 1,
                command.customer,
                bool(ticket.holder),
            )
        case ReissueTicket():
            refusal = _is_in(ticket) or _too_often(ticket)
            return refusal or TicketReissued(
                now_ms, command.reservation_id, command.number, ticket.generation + 1
            )
        case _:
            assert_never(command)


def _check_in(ticket: Ticket, command: CheckIn, now_ms: int) -> TicketFact | Rejected | None:
    if command.scanned_ms is not None and command.scanned_ms > now_ms + SCAN_AHEAD_MAX_MS:
        message = f"At most {SCAN_AHEAD_MAX_MS // 1000} s ahead of the server's time."
        return Rejected(Code.INVALID, "The scan is of a time to come.", errors=(("scanned_at", message),))
    at_ms = now_ms if command.scanned_ms is None else command.scanned_ms
    entry = Entry(at_ms, command.by, command.gate, command.device)
    if command.scanned_ms is not None and ticket.entry == entry:
        return None
    return _is_in(ticket) or TicketCheckedIn(now_ms, command.reservation_id, command.number, entry)


# --- why not ----------------------------------------------------------------------------------------


def _not_theirs(ticket: Ticket, command: TicketCommand) -> Rejected | None:
    passed_on = isinstance(command, TransferTicket | ReissueTicket) and command.as_buyer and ticket.holder
    return NO_TICKET if passed_on else None


def not_issued(found: Reservation) -> Rejected | None:
    """Only what is confirmed has tickets."""
    if found.status is Status.CONFIRMED or found.status is Status.CHECKED_IN:
        return None
    status: dict[str, int | str] = {"status": found.status.value}
    return Rejected(Code.WRONG_STATE, f"The reservation is {found.status.value}.", status)


def _dead(ticket: Ticket, generation: int | None) -> Rejected | None:
    if generation is None or generation == ticket.generation:
        return None
    return Rejected(Code.TICKET_REPLACED, "This code was replaced by another one.")


def _is_in(ticket: Ticket) -> Rejected | None:
    entry = ticket.entry
    if entry is None:
        return None
    told: dict[str, int | str] = {"entered_ms": entry.at_ms, "by": entry.by}
    told |= {name: text for name, text in (("gate", entry.gate), ("device", entry.device)) if text}
    return Rejected(Code.ALREADY_CHECKED_IN, "This ticket has been let in already.", told)


def _too_often(ticket: Ticket) -> Rejected | None:
    if ticket.generation < GENERATIONS_MAX:
        return None
    numbers: dict[str, int | str] = {"limit": GENERATIONS_MAX, "requested": ticket.generation + 1}
    return Rejected(Code.LIMIT_EXCEEDED, "This ticket cannot be replaced again.", numbers)


def not_to_be_cancelled(tickets: Tickets, found: Reservation) -> Rejected | None:
    """Why a confirmed reservation has to stay."""
    status: dict[str, int | str] = {"status": found.status.value}
    for ticket in tickets.of(found.id).values():
        if ticket.entry is not None:
            return Rejected(Code.WRONG_STATE, "A ticket of it has been let in.", status)
        if ticket.holder:
            return Rejected(Code.WRONG_STATE, "A ticket of it was passed on.", status)
    return None
