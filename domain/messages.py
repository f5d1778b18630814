"""What every kind of inventory's messages have in common: the envelope, and the ways to say no.

Messages are msgspec structs encoded as MessagePack arrays: compact, and checked when decoded. A new
field goes to the end and has a default, so that older rows can still be read; a change that this does
not cover makes a new class, with a new number in its tag (`HoldPlaced.2`). Times are whole milliseconds
since 1970 in store time, and end in `_ms`; money is in minor units of the event's one currency.
"""

from __future__ import annotations

import enum

import msgspec


def versioned(name: str) -> str:
    """The wire tag of a message's first version."""
    return f"{name}.1"


class Message(msgspec.Struct, frozen=True, array_like=True, tag=versioned, gc=False):
    """A value that crosses a process or is stored. Immutable, tagged, positional."""


class Code(enum.StrEnum):
    """Why a command was refused. Stable: clients see these."""

    INVALID = "invalid"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    SOLD_OUT = "sold_out"
    TAKEN = "taken"
    HELD = "held"
    NO_FITTING_SEATS = "no_fitting_seats"
    VENUE_TAKEN = "venue_taken"
    LIMIT_EXCEEDED = "limit_exceeded"
    ALREADY_RESERVED = "already_reserved"
    SALES_CLOSED = "sales_closed"
    PAYMENT_DUE = "payment_due"
    HOLD_EXPIRED = "hold_expired"
    WRONG_STATE = "wrong_state"
    TOO_LATE = "too_late"
    QUOTA_BELOW_LIVE = "quota_below_live"
    IN_USE = "in_use"
    SCORE_TOO_LOW = "score_too_low"
    ALREADY_CHECKED_IN = "already_checked_in"
    TICKET_REPLACED = "ticket_replaced"
    STALE = "stale"
    KEY_REUSED = "key_reused"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"


Errors = tuple[tuple[str, str], ...]
"""What is wrong with something given: (path, message) pairs."""


class Rejected(Message, frozen=True):
    """A no with its reason: a returned value, never an exception. It changes nothing.

    `facts` are the numbers a client needs to react (`limit`, `requested`, `live`, `status`,
    `event_status`, `restaurant_status`, `total`, `currency`, `retry_after_s`; `entered_ms`, `by`, `gate`,
    `device`); `errors` are (path, message) pairs of an `invalid` request; `reservations` are the ids of those
    that stand in the way of what was asked.
    """

    code: Code
    detail: str
    facts: dict[str, int | str] = {}
    errors: Errors = ()
    reservations: tuple[str, ...] = ()
