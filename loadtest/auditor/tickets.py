"""The door, as the journal tells it and as clients saw it: no ticket is let in twice.

The book adds up an event's facts of tickets by rules of its own, and its rows are held against it. What
clients were told is judged without either: two entries of one ticket that were both acknowledged, by two
requests, with nobody taking the first one back, are one too many.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domain.ticket_messages import (
    CheckInUndone,
    Entry,
    Ticket,
    TicketCheckedIn,
    TicketFact,
    TicketReply,
    TicketTransferred,
)
from loadtest.auditor.claims import CONFIRMED, Claim
from loadtest.auditor.findings import Check, Findings
from loadtest.record import Call

CHECKED_IN = "checked_in"
UNTOUCHED = Ticket()
Place = tuple[str, int]
"""A ticket: its reservation, and its number in it."""


@dataclass(slots=True, frozen=True)
class TicketRow:
    """A row of `tickets`."""

    reservation_id: str
    number: int
    generation: int
    holder: bytes
    entered_ms: int | None
    entered_by: str | None
    gate: str | None
    device: str | None


class TicketBook:
    """Every ticket of an event of which something has happened, as the facts so far left it."""

    def __init__(self) -> None:
        self.of: dict[Place, Ticket] = {}
        self.entries: defaultdict[Place, int] = defaultdict(int)
        """How often each was let in."""
        self._inside: Counter[str] = Counter()
        self._passed: Counter[int] = Counter()
        """The states that tickets have passed through, to be held against what is on record."""

    def happens(self, fact: TicketFact, claim: Claim) -> Iterator[str]:
        """Make the fact true; says what is wrong with it."""
        place = fact.reservation_id, fact.number
        before = self.of.get(place, UNTOUCHED)
        if claim.status != CONFIRMED:
            yield f"it is {claim.status}"
        if not claim.has_ticket(fact.number):
            yield f"it has no ticket {fact.number}"
        match fact:
            case TicketCheckedIn():
                if before.entry is not None:
                    yield f"ticket {fact.number} is in already, by {before.entry.by}"
                after = Ticket(before.generation, before.holder, fact.entry)
                self.entries[place] += 1
                self._inside[fact.reservation_id] += 1
            case CheckInUndone():
                if before.entry is None:
                    yield f"ticket {fact.number} is not in"
                after = Ticket(before.generation, before.holder)
                self._inside[fact.reservation_id] -= 1
            case _:
                if before.entry is not None:
                    yield f"ticket {fact.number} is in, and gets another code"
                if fact.generation != before.generation + 1:
                    yield f"ticket {fact.number}: generation {fact.generation} follows {before.generation}"
                holder = fact.customer if isinstance(fact, TicketTransferred) else before.holder
                after = Ticket(fact.generation, holder)
        self.of[place] = after
        self._passed[hash((*place, after))] += 1

    def keeps(self, reservation_id: str, claim: Claim) -> bool:
        """May the reservation not be cancelled, because one of its tickets is in or was passed on?"""
        numbers = claim.numbers or range(1, claim.quantity + 1)
        places = ((reservation_id, number) for number in numbers)
        return any((one := self.of.get(place)) and (one.entry or one.holder) for place in places)

    def status(self, reservation_id: str, claim: Claim) -> str:
        """As its row has it."""
        all_in = claim.status == CONFIRMED and self._inside[reservation_id] == claim.quantity
        return CHECKED_IN if all_in else claim.status

    def wrong_reply(self, reply: TicketReply) -> str:
        """Why this is no effect that the facts know of; each is one request's."""
        state = hash((reply.reservation_id, reply.number, reply.ticket))
        self._passed[state] -= 1
        if self._passed[state] >= 0:
            return ""
        return f"no fact, or no other than another request's, left {reply.reservation_id}/{reply.number} so"


def check_tickets(inventory_id: str, book: TicketBook, rows: Iterable[TicketRow], findings: Findings) -> None:
    """The rows of tickets; of one to which nothing has happened, or no more, there is none."""
    told = {place: ticket for place, ticket in book.of.items() if ticket != UNTOUCHED}
    stored = {(row.reservation_id, row.number): _ticket(row) for row in rows}
    for place in sorted(told.keys() | stored.keys()):
        detail = f"{inventory_id}: {place}: the row is {stored.get(place)}, the facts say {told.get(place)}"
        findings.expect(Check.TICKETS, stored.get(place) == told.get(place), detail)


def _ticket(row: TicketRow) -> Ticket:
    if row.entered_ms is None:
        return Ticket(row.generation, row.holder)
    entry = Entry(row.entered_ms, row.entered_by or "", row.gate or "", row.device or "")
    return Ticket(row.generation, row.holder, entry)


def check_let_in(book: TicketBook, calls: Iterable[Call], findings: Findings) -> None:
    """What clients were told at the door: once each, and it is in the journal."""
    by_place: defaultdict[Place, list[Call]] = defaultdict(list)
    for call in calls:
        if call.op in ("check-in", "undo") and call.reservation:
            by_place[call.reservation, call.number].append(call)
    for place, those in by_place.items():
        findings.saw(Check.LET_IN, len(those))
        for wrong in _wrongs(book, place, those):
            findings.fail(Check.LET_IN, f"ticket {place[0]}/{place[1]}: {wrong}")


def _wrongs(book: TicketBook, place: Place, calls: list[Call]) -> Iterator[str]:
    let_in: dict[str, Call] = {}
    """The first that was told of each request's entry."""
    for call in sorted(calls, key=lambda call: call.got_us):
        if call.op == "check-in" and call.done:
            let_in.setdefault(call.key or f"{call.client} {call.sent_us}", call)
    undone = sum(call.op == "undo" and (call.done or call.unknown) for call in calls)
    if len(let_in) > 1 + undone:
        who = ", ".join(call.client for call in let_in.values())
        yield f"let in {len(let_in)} times, taken back {undone} times: {who}"
    if len(let_in) > book.entries[place]:
        yield f"let in {len(let_in)} times, {book.entries[place]} times in the journal"
    for call in calls:
        if call.code == "already_checked_in" and not _by_another(call, calls):
            yield f"{call.client} was told that it is in, and nobody had let it in"


def _by_another(told: Call, calls: list[Call]) -> bool:
    return any(
        call is not told and call.op == "check-in" and call.sent_us <= told.got_us
        for call in calls
        if call.done or call.unknown
    )
