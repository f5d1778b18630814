"""What the operator does with an event: make it, change it, move it from stage to stage, block its seats.

The rules stand at the top of `domain.event`, which hands these commands on; here as there, what is decided
changes nothing.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from domain.event_change import changed_terms, copied_terms, flaws
from domain.event_evolve import BECOMES, seats_under
from domain.event_messages import (
    BlockSeats,
    CancelEvent,
    ChangeEvent,
    CloseEvent,
    Copied,
    CopyFromEvent,
    CreateEvent,
    DeleteEvent,
    EventCancelled,
    EventChanged,
    EventClosed,
    EventCreated,
    EventDeleted,
    EventFact,
    EventPublished,
    EventReplies,
    EventReply,
    PublishEvent,
    SalePaused,
    SaleResumed,
    SeatsBlocked,
    SeatsUnblocked,
    Stage,
    Terms,
    TypeCounts,
    UnblockSeats,
)
from domain.event_refusals import (
    EVENT,
    below_live,
    beyond_seats,
    over,
    stale,
    taken_seats,
    unknown_categories,
    unknown_own_seats,
    unknown_seats,
)
from domain.event_seats import Seats
from domain.event_state import State, Tally, counts, describe
from domain.messages import Code, Rejected
from domain.stages import first_flaws, in_use, no_way

COPY_MAX_SEATS = 10_000
"""Blocked seats that are taken over at once: a tenth of a second of the owner's."""
Decision = tuple[EventReplies, tuple[EventFact, ...]]


def create(state: State, command: CreateEvent, now_ms: int) -> Decision:
    if state.terms is not None:
        return Rejected(Code.WRONG_STATE, "The event exists already.", {"status": "created"}), ()
    errors = flaws(command.terms) + first_flaws(command.stage, EVENT)
    if errors:
        return Rejected(Code.INVALID, "The event's terms do not fit together.", errors=errors), ()
    terms = command.terms
    free = tuple(
        TypeCounts(t.code, t.quota, 0, 0, t.quota if terms.capacity is None else min(t.quota, terms.capacity))
        for t in terms.ticket_types
    )
    made = EventCreated(now_ms, command.id, terms, command.stage)
    return EventReply(command.id, terms, 1, False, free, command.stage), (made,)


def change(state: State, command: ChangeEvent, now_ms: int) -> Decision:
    assert state.terms is not None
    if command.if_version is not None and command.if_version != state.version:
        return stale(state), ()
    terms = changed_terms(state.terms, command.change, now_ms)
    if isinstance(terms, Rejected):
        return terms, ()
    recategorised = [kind.code for kind in command.change.ticket_types if kind.categories]
    resized = [kind.code for kind in command.change.ticket_types if kind.quota is not UNSET]
    refusal = (
        unknown_categories(state.seats, terms, recategorised)
        or beyond_seats(state.seats, terms, resized)
        or below_live(state, terms)
    )
    if refusal is not None:
        return refusal, ()
    if terms == state.terms:
        return describe(state), ()
    return _described_after(state, terms, state.seats, facts=1), (EventChanged(now_ms, terms),)


def pause(state: State, paused: bool, now_ms: int) -> Decision:
    if state.paused == paused:
        return describe(state), ()
    now = msgspec.structs.replace(describe(state), version=state.version + 1, paused=paused)
    return now, (SalePaused(now_ms) if paused else SaleResumed(now_ms),)


_MOVES: dict[type, type[EventPublished | EventClosed | EventCancelled]] = {
    PublishEvent: EventPublished,
    CloseEvent: EventClosed,
    CancelEvent: EventCancelled,
}


def move(state: State, command: PublishEvent | CloseEvent | CancelEvent, now_ms: int) -> Decision:
    fact = _MOVES[type(command)](now_ms)
    to, before = BECOMES[type(fact)], describe(state)
    if to is state.stage:
        return before, ()
    refusal = no_way(state.stage, to, EVENT)
    if refusal is not None:
        return refusal, ()
    if to is Stage.CANCELLED:
        return _cancelled(before), (fact,)
    return msgspec.structs.replace(before, version=state.version + 1, stage=to), (fact,)


def _cancelled(before: EventReply) -> EventReply:
    """The event as it is from its cancellation on."""
    replace = msgspec.structs.replace
    none = tuple(
        TypeCounts(kind.code, kind.quota, 0, 0, 0, None if kind.seats_left is None else 0)
        for kind in before.counts
    )
    version = before.version + 1
    return replace(before, version=version, stage=Stage.CANCELLED, counts=none, reservations=0)


def block(state: State, command: BlockSeats, now_ms: int) -> Decision:
    if command.if_version is not None and command.if_version != state.version:
        return stale(state), ()
    refusal = unknown_seats(state, command.seats) or over(state)
    if refusal is not None:
        return refusal, ()
    assert state.seats is not None
    fresh = tuple([name for name in dict.fromkeys(command.seats) if name not in state.seats.blocked])
    refusal = taken_seats(state.seats, fresh)
    if refusal is not None:
        return refusal, ()
    if not fresh:
        return describe(state), ()
    state.seats.block(fresh)
    after = _described_next(state)
    state.seats.unblock(fresh)
    return after, (SeatsBlocked(now_ms, fresh),)


def unblock(state: State, command: UnblockSeats, now_ms: int) -> Decision:
    if command.if_version is not None and command.if_version != state.version:
        return stale(state), ()
    refusal = unknown_seats(state, command.seats) or over(state)
    if refusal is not None:
        return refusal, ()
    assert state.seats is not None
    gone = tuple([name for name in dict.fromkeys(command.seats) if name in state.seats.blocked])
    if not gone:
        return describe(state), ()
    state.seats.unblock(gone)
    after = _described_next(state)
    state.seats.block(gone)
    return after, (SeatsUnblocked(now_ms, gone),)


def copy_from(state: State, command: CopyFromEvent, now_ms: int) -> Decision:
    if command.if_version is not None and command.if_version != state.version:
        return stale(state), ()
    copied = command.copied
    if copied is None:
        return _NOTHING_TO_COPY, ()
    refusal = over(state) or _too_many(copied)
    if refusal is not None:
        return refusal, ()
    assert state.terms is not None
    terms = unknown_own_seats(state.seats, copied) or copied_terms(state.terms, copied)
    if isinstance(terms, Rejected):
        return terms, ()
    blocked, seats = state.seats.blocked if state.seats is not None else (), seats_under(state, terms)
    fresh = tuple([name for name in dict.fromkeys(copied.blocked) if name not in blocked])
    refusal = (
        unknown_categories(seats, terms, [kind.code for kind in copied.ticket_types])
        or unknown_seats(state, fresh)
        or (taken_seats(seats, fresh) if seats is not None else None)
    )
    if refusal is not None:
        return refusal, ()
    return _copied(state, terms, fresh, seats, now_ms)


_NOTHING_TO_COPY = Rejected(
    Code.INVALID, "The request is not valid.", errors=(("event_id", "There is no such event."),)
)


def _too_many(copied: Copied) -> Rejected | None:
    if len(copied.blocked) <= COPY_MAX_SEATS:
        return None
    numbers: dict[str, int | str] = {"limit": COPY_MAX_SEATS, "requested": len(copied.blocked)}
    return Rejected(Code.LIMIT_EXCEEDED, f"At most {COPY_MAX_SEATS} blocked seats are copied.", numbers)


def _copied(state: State, terms: Terms, fresh: tuple[str, ...], seats: Seats | None, now_ms: int) -> Decision:
    """`seats`: as they are under these terms, but for those that are to be blocked."""
    facts: tuple[EventFact, ...] = (EventChanged(now_ms, terms),) if terms != state.terms else ()
    if not fresh:
        return _described_after(state, terms, seats, len(facts)), facts
    assert seats is not None
    facts += (SeatsBlocked(now_ms, fresh, with_terms=bool(facts)),)
    seats.block(fresh)
    after = _described_after(state, terms, seats, len(facts))
    seats.unblock(fresh)
    return after, facts


def delete(state: State, command: DeleteEvent, now_ms: int) -> Decision:
    if command.if_version is not None and command.if_version != state.version:
        return stale(state), ()
    refusal = in_use(state.reservations, EVENT)
    if refusal is not None:
        return refusal, ()
    return _cancelled(describe(state)), (EventDeleted(now_ms),)


def _described_next(state: State) -> EventReply:
    """As it is, but with the version that it has after a change."""
    return msgspec.structs.replace(describe(state), version=state.version + 1)


def _described_after(state: State, terms: Terms, seats: Seats | None, facts: int) -> EventReply:
    """The event as so many facts will leave it: these terms and seats over the present sums, which a change
    of terms leaves alone."""
    after = State()
    after.stage = state.stage
    after.live = state.live
    after.tallies = {kind.code: state.tallies.get(kind.code, Tally()) for kind in terms.ticket_types}
    after.seats = seats
    after.terms = terms
    after.types = {kind.code: kind for kind in terms.ticket_types}
    now = describe(state)
    return msgspec.structs.replace(now, terms=terms, version=now.version + facts, counts=counts(after))
