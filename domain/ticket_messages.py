"""The messages of tickets: what can be asked of one, what can have happened to it, what is answered.

A ticket is one place of a confirmed reservation, known by the reservation and a number in it, from 1. Nothing
is stored of a ticket of which nothing has happened.
"""

from __future__ import annotations

from domain.messages import Message

# --- values ---------------------------------------------------------------------------------------


class Entry(Message, frozen=True):
    """When a ticket was let in, by whom (a key, no name), at which gate, and by which device, where that was
    not in touch. `at_ms` is then the device's own time."""

    at_ms: int
    by: str
    gate: str = ""
    device: str = ""


class Ticket(Message, frozen=True):
    """One ticket as it stands. A code of another `generation` is dead. `holder`: the key made of the e-mail
    of whom it was passed on to; empty while it is the reservation's own."""

    generation: int = 1
    holder: bytes = b""
    entry: Entry | None = None


ORDINARY = Ticket()
"""One of which nothing has happened."""


# --- commands -------------------------------------------------------------------------------------


class CheckIn(Message, frozen=True):
    """Let one in. `scanned_ms`: when a device that was not in touch has done so; None: now."""

    reservation_id: str
    number: int
    generation: int
    by: str
    gate: str = ""
    device: str = ""
    scanned_ms: int | None = None


class UndoCheckIn(Message, frozen=True):
    """It was a mistake: the ticket can be let in again. One that is not in stays so."""

    reservation_id: str
    number: int
    generation: int
    by: str


class TransferTicket(Message, frozen=True):
    """Pass it on: the old code is dead. `contact`: the new holder's name and e-mail, encoded; no rule looks
    into it, no fact holds it. `generation`: the one that who asks has the right to, None: whatever stands.
    `as_buyer`: who asks has a right to the reservation's own tickets only."""

    reservation_id: str
    number: int
    customer: bytes
    contact: bytes
    generation: int | None = None
    as_buyer: bool = False


class ReissueTicket(Message, frozen=True):
    """Make another code for it: the old one is dead. `generation` and `as_buyer` as of `TransferTicket`."""

    reservation_id: str
    number: int
    generation: int | None = None
    as_buyer: bool = False


TicketCommand = CheckIn | UndoCheckIn | TransferTicket | ReissueTicket

# --- facts ----------------------------------------------------------------------------------------


class TicketCheckedIn(Message, frozen=True):
    at_ms: int
    reservation_id: str
    number: int
    entry: Entry


class CheckInUndone(Message, frozen=True):
    at_ms: int
    reservation_id: str
    number: int
    by: str


class TicketTransferred(Message, frozen=True):
    """`again`: it had been passed on before, so it was not the buyer's any more."""

    at_ms: int
    reservation_id: str
    number: int
    generation: int
    customer: bytes
    again: bool = False


class TicketReissued(Message, frozen=True):
    at_ms: int
    reservation_id: str
    number: int
    generation: int


TicketFact = TicketCheckedIn | CheckInUndone | TicketTransferred | TicketReissued

# --- replies --------------------------------------------------------------------------------------


class TicketReply(Message, frozen=True):
    """The ticket as the command left it. `seat`: empty for a standing place; `contact`: its holder's;
    `let_in`: how many of the reservation's `of` tickets are in."""

    reservation_id: str
    number: int
    ticket_type: str
    seat: str
    ticket: Ticket
    contact: bytes
    let_in: int
    of: int
