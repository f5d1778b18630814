"""What is read of an inventory without asking its owner."""

from __future__ import annotations

from dataclasses import dataclass

from domain.event_messages import ReservationReply, TypeCounts


@dataclass(slots=True, frozen=True)
class Availability:
    """An event's counts at a sequence; a higher sequence is newer. `at_ms`: store time when it was true.
    `draft`: only operators are to see it."""

    event_id: str
    sequence: int
    at_ms: int
    ticket_types: tuple[TypeCounts, ...]
    draft: bool = False


@dataclass(slots=True, frozen=True)
class FoundReservation:
    """A reservation and the event it is of."""

    event_id: str
    reply: ReservationReply
