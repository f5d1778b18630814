"""A submission: a reservation that is asked for behind the scenes, and what becomes of it.

It is durable before its client hears of it, and pending until it has an answer, which is then its answer for
ever: the reservation that was made, or the rejection. So a rejection, which is decided anew wherever a client
waits for it, is final here. Only that too much is waiting or that the outcome is unknown is no answer: the
same command is put again, under the same request id, with growing pauses. Once a submission is older than
the patience with it, that too is final (`unavailable`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import msgspec

from domain.event_messages import PlaceHold, ReservationReply
from domain.kinds import Reply
from domain.messages import Code, Rejected
from domain.restaurant_messages import HoldTable, TableReply

Submitted = PlaceHold | HoldTable
"""What may be asked for so."""
PAUSE_FIRST_MS = 100
PAUSE_MAX_MS = 5_000
GIVEN_UP = Rejected(Code.UNAVAILABLE, "The sale could not be reached in time; nothing was reserved.")


class Standing(enum.StrEnum):
    """Where a submission stands."""

    PENDING = "pending"
    DONE = "done"
    REJECTED = "rejected"


class Submission(msgspec.Struct, frozen=True):
    """One that was accepted. Its id is the one that its reservation will have."""

    id: str
    inventory_id: str
    kind: str
    """Of the inventory."""
    command: Submitted
    request_id: bytes
    fingerprint: bytes = b""
    """Digest of the body that its Idempotency-Key came with; empty without a key."""


@dataclass(slots=True, frozen=True)
class Taken:
    """One whose turn it is, for the time of a lease. `command` None: written by newer code than this."""

    id: str
    inventory_id: str
    command: Submitted | None
    request_id: bytes
    fingerprint: bytes
    attempts: int
    """This one included."""
    age_ms: int


@dataclass(slots=True, frozen=True)
class Found:
    """What is known of one: the reservation's id once it is done, the rejection once it is rejected.
    `customer`: the key of whose it is; of nobody, empty."""

    id: str
    inventory_id: str
    standing: Standing
    reservation_id: str | None = None
    rejection: Rejected | None = None
    customer: bytes = b""


@dataclass(slots=True, frozen=True)
class Done:
    """The reservation is made. Another id than the submission's: a request without `Prefer` was first."""

    reservation_id: str


@dataclass(slots=True, frozen=True)
class Final:
    """It is rejected. `recorded`: under its request id too, so that nothing can be done under that any more;
    not where something has been done under it already, for another body."""

    rejection: Rejected
    recorded: bool = True


@dataclass(slots=True, frozen=True)
class Again:
    """No answer yet."""

    pause_ms: int


Outcome = Done | Final | Again


def outcome(answer: Reply | None, attempts: int, age_ms: int, patience_ms: int) -> Outcome:
    """What follows from what the owner said to attempt number `attempts`; None: it could not be asked."""
    match answer:
        case ReservationReply() | TableReply():
            return Done(answer.reservation.id)
        case Rejected(code=Code.KEY_REUSED):
            return Final(answer, recorded=False)
        case Rejected(code=code) if code not in (Code.OVERLOADED, Code.UNAVAILABLE):
            return Final(answer)
    return Final(GIVEN_UP) if age_ms >= patience_ms else Again(pause_ms(attempts))


def pause_ms(attempts: int) -> int:
    """Before the next attempt, after so many."""
    return int(min(PAUSE_FIRST_MS * 2 ** min(attempts - 1, 16), PAUSE_MAX_MS))
