"""One event and a clock that the test moves: commands go through due, decide and evolve as in a batch."""

from __future__ import annotations

from itertools import count
from typing import Any

from domain.event import State, counts, decide, due, evolve
from domain.event_messages import (
    CancelReservation,
    ChangeEvent,
    ChangeHold,
    ConfirmReservation,
    CreateEvent,
    EventCommand,
    EventFact,
    EventReplies,
    EventReply,
    ExtendHold,
    PlaceHold,
    Reservation,
    ReservationReply,
    Stage,
    Terms,
    TermsChange,
    TicketType,
    TypeCounts,
    Wanted,
)
from domain.messages import Code, Rejected

START_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
HOLD_MS = 900_000
ADA, BOB = b"ada", b"bob"
ONE: Wanted = (("std", 1),)


def event_terms(**changes: Any) -> Terms:
    """Ten standard and two premium tickets, on sale for a day, with the defaults of everything else."""
    plain: dict[str, Any] = {
        "name": "A show",
        "starts_at_ms": START_MS + 24 * HOUR_MS,
        "currency": "EUR",
        "ticket_types": (TicketType("std", "Standard", 10, 4500), TicketType("vip", "Premium", 2, 9900)),
    }
    return Terms(**(plain | changes))


class Sale:
    """An event under test; `facts` is all that ever happened to it."""

    def __init__(self, stage: Stage = Stage.PUBLISHED, **terms: Any) -> None:
        self.state = State()
        self.now_ms = START_MS
        self.facts: list[EventFact] = []
        self._ids = (f"r{number}" for number in count(1))
        self.ask(CreateEvent("e1", event_terms(**terms), stage))

    def ask(self, command: EventCommand) -> EventReplies:
        """One batch of one command: what is due becomes facts first."""
        self.expire()
        reply, facts = decide(self.state, command, self.now_ms)
        self._happen(list(facts))
        return reply

    def expire(self) -> list[EventFact]:
        facts = due(self.state, self.now_ms, 1_000)
        self._happen(facts)
        return facts

    def _happen(self, facts: list[EventFact]) -> None:
        for fact in facts:
            evolve(self.state, fact)
        self.facts += facts

    # --- shorthands -------------------------------------------------------------------------------

    def place(
        self, lines: Wanted = ONE, customer: bytes = ADA, guest: bool = True, confirm: bool = False
    ) -> EventReplies:
        return self.ask(PlaceHold(next(self._ids), lines, customer, b"{}", guest, confirm))

    def hold(self, lines: Wanted = ONE, customer: bytes = ADA) -> Reservation:
        return reservation(self.place(lines, customer))

    def buy(self, lines: Wanted = ONE, customer: bytes = ADA) -> Reservation:
        return reservation(self.confirm(self.hold(lines, customer).id))

    def confirm(self, reservation_id: str) -> EventReplies:
        return self.ask(ConfirmReservation(reservation_id))

    def cancel(self, reservation_id: str) -> EventReplies:
        return self.ask(CancelReservation(reservation_id))

    def extend(self, reservation_id: str) -> EventReplies:
        return self.ask(ExtendHold(reservation_id))

    def change_lines(self, reservation_id: str, lines: Wanted) -> EventReplies:
        return self.ask(ChangeHold(reservation_id, lines))

    def change(self, if_version: int | None = None, **fields: Any) -> EventReplies:
        return self.ask(ChangeEvent(TermsChange(**fields), if_version))

    def count(self, type_code: str) -> TypeCounts:
        return next(found for found in counts(self.state) if found.code == type_code)

    def available(self, type_code: str) -> int:
        return self.count(type_code).available


def reservation(reply: EventReplies) -> Reservation:
    assert isinstance(reply, ReservationReply), reply
    return reply.reservation


def event(reply: EventReplies) -> EventReply:
    assert isinstance(reply, EventReply), reply
    return reply


def refused(reply: EventReplies) -> Rejected:
    assert isinstance(reply, Rejected), reply
    return reply


def code(reply: EventReplies) -> Code:
    return refused(reply).code
