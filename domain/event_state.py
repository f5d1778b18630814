"""One event in memory: its state, and what can be read of it. `domain.event_evolve` alone changes it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from domain.event_messages import (
    EventDefinition,
    EventFact,
    EventReply,
    HoldExpired,
    HoldReleased,
    Reservation,
    ReservationCancelled,
    ReservationReply,
    Stage,
    Status,
    Terms,
    TicketType,
    TypeCounts,
)
from domain.event_seats import SeatMove, Seats
from domain.event_tickets import TicketMove, Tickets
from domain.messages import Code, Rejected
from domain.stages import End, as_it_ends, drained, drains_at_ms


class Tally:
    """What is live of one ticket type, in tickets, and when its holds end (a heap, stale entries kept).
    Held is also what is being paid: it ends at its payment's deadline."""

    __slots__ = ("confirmed", "due", "held")

    def __init__(self, held: int = 0, confirmed: int = 0) -> None:
        self.held = held
        self.confirmed = confirmed
        self.due: list[tuple[int, str]] = []


class State:
    """One event in memory: its terms, its live reservations, and their sums.

    `ended` keeps the reservations that ended in the present batch, or that were looked up for it; whoever
    owns the state empties it when the batch is stored. `contacts` are personal data that facts never hold.
    """

    __slots__ = (
        "contacts",
        "customers",
        "deleted",
        "ended",
        "id",
        "last_fact_ms",
        "live",
        "paused",
        "reservations",
        "seats",
        "stage",
        "tallies",
        "terms",
        "tickets",
        "types",
        "version",
    )

    def __init__(self) -> None:
        self.id = ""
        self.terms: Terms | None = None
        self.version = 0
        self.paused = False
        self.stage = Stage.PUBLISHED
        self.deleted = False
        self.types: dict[str, TicketType] = {}
        self.tallies: dict[str, Tally] = {}
        self.seats: Seats | None = None
        self.tickets = Tickets()
        self.live = 0
        self.reservations: dict[str, Reservation] = {}
        self.contacts: dict[str, bytes] = {}
        self.customers: dict[bytes, int] | None = None
        self.ended: dict[str, Reservation] = {}
        self.last_fact_ms = 0

    @property
    def hidden(self) -> bool:
        """Is it for operators only, or for nobody any more?"""
        return self.stage is Stage.DRAFT or self.deleted


def available(state: State, code: str) -> int:
    """Tickets of a type that can be sold now; never below 0."""
    if state.stage is Stage.CANCELLED:
        return 0
    tally = state.tallies[code]
    left = state.types[code].quota - tally.held - tally.confirmed
    terms = state.terms
    if terms is not None and terms.capacity is not None:
        left = min(left, terms.capacity - state.live)
    seats_left = _seats_left(state, code)
    if seats_left is not None:
        left = min(left, seats_left)
    return max(left, 0)


def _seats_left(state: State, code: str) -> int | None:
    """Free seats of a type's categories; None for standing places."""
    categories = state.types[code].categories
    if state.stage is Stage.CANCELLED:
        return 0 if categories else None
    return state.seats.left(categories) if state.seats is not None and categories else None


def counts(state: State) -> tuple[TypeCounts, ...]:
    """The counts of every ticket type, in the operator's order."""
    return tuple(
        TypeCounts(
            code,
            kind.quota,
            state.tallies[code].held,
            state.tallies[code].confirmed,
            available(state, code),
            _seats_left(state, code),
        )
        for code, kind in state.types.items()
    )


def find(state: State, reservation_id: str) -> Reservation | Rejected:
    """One that is live, or that ended in the present batch or was looked up for it."""
    found = state.reservations.get(reservation_id) or state.ended.get(reservation_id)
    return NO_RESERVATION if found is None else as_it_ends(found, state.stage)


def reply(state: State, reservation: Reservation) -> ReservationReply:
    """The answer to who asked something of a reservation, which is now so."""
    assert state.terms is not None
    return ReservationReply(reservation, state.terms.currency, state.contacts.get(reservation.id, b""))


NO_RESERVATION = Rejected(Code.NOT_FOUND, "There is no such reservation.")


def describe(state: State) -> EventReply:
    """The whole event as an operator sees it."""
    assert state.terms is not None
    return EventReply(
        state.id,
        state.terms,
        state.version,
        state.paused,
        counts(state),
        state.stage,
        len(state.reservations) if state.live else 0,
    )


def definition(state: State) -> EventDefinition:
    """What the operator has decided, as it is stored."""
    assert state.terms is not None
    blocked = state.seats.blocked_numbers() if state.seats is not None else ()
    return EventDefinition(state.terms, state.version, state.paused, state.stage, blocked, state.deleted)


def moves(state: State) -> tuple[SeatMove, ...]:
    """What has become of its seats since this was asked last."""
    return state.seats.moves(state.reservations) if state.seats is not None else ()


def ticket_moves(state: State) -> tuple[TicketMove, ...]:
    """What has become of its tickets since this was asked last."""
    return state.tickets.moves(state.contacts)


def next_due_ms(state: State) -> int | None:
    """When the first hold, or payment of one, ends; at once, while a cancelled event still has reservations;
    else None."""
    if state.stage is Stage.CANCELLED:
        return drains_at_ms(state.reservations, state.last_fact_ms)
    ends = [end for end in (_first_end(state, code) for code in state.tallies) if end is not None]
    return min(ends, default=None)


ENDS_WITH_EVENT: dict[Status, End[EventFact]] = {
    Status.HELD: HoldReleased,
    Status.PAYING: HoldReleased,
    Status.CONFIRMED: ReservationCancelled,
    Status.CHECKED_IN: ReservationCancelled,
}


def due(state: State, now_ms: int, limit: int) -> list[EventFact]:
    """At most `limit` ends, as facts: of holds whose time has run out (a hold's end itself is already too
    late), and of all that a cancelled event still has."""
    if state.stage is Stage.CANCELLED:
        return drained(state.reservations, ENDS_WITH_EVENT, now_ms, limit)
    facts: dict[str, EventFact] = {}
    for code, tally in state.tallies.items():
        for reservation_id in _ended_by(state, code, tally, now_ms):
            if len(facts) >= limit:
                heapq.heappush(tally.due, (state.reservations[reservation_id].expires_at_ms, reservation_id))
                return list(facts.values())
            facts[reservation_id] = HoldExpired(now_ms, reservation_id)
    return list(facts.values())


def _ended_by(state: State, code: str, tally: Tally, now_ms: int) -> Iterator[str]:
    while (end := _first_end(state, code)) is not None and end <= now_ms:
        yield heapq.heappop(tally.due)[1]


def _first_end(state: State, code: str) -> int | None:
    """The end of the type's first hold; what no longer holds is dropped from the heap on the way."""
    heap = state.tallies[code].due
    while heap:
        if still_held(state, code, heap[0]):
            return heap[0][0]
        heapq.heappop(heap)
    return None


def first_end_of_others(state: State, code: str, asking: str) -> int | None:
    """The same without the hold that asks; the heap keeps one entry of it."""
    heap = state.tallies[code].due
    own = None
    while (end := _first_end(state, code)) is not None and heap[0][1] == asking:
        own = heapq.heappop(heap)
    if own is not None:
        heapq.heappush(heap, own)
    return end


def still_held(state: State, code: str, entry: tuple[int, str]) -> bool:
    """An entry says: this reservation holds some of the type, and ends then. It may have changed since."""
    found = state.reservations.get(entry[1])
    if found is None or not found.status.on_hold or found.expires_at_ms != entry[0]:
        return False
    return any(line.ticket_type == code for line in found.lines)
