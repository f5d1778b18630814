"""Where an inventory stands, whatever its kind: a draft, published, closed or cancelled; and how it empties.

- A draft is shown to operators only. Only what is published takes reservations, operators' too.
- Closing keeps what is live, and can be undone by publishing.
- Cancelling is for good. From that fact on nothing of the inventory is live: whoever asks of one reservation
  is told how it ends, and `due` says so of all of them, a slice at a time.
- What has no live reservations can be deleted: cancelled, and from then on there is no such thing.

Each kind has commands and facts of its own for that, and says here how its live reservations end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from itertools import islice
from typing import Protocol, TypeVar

import msgspec

from domain.event_messages import Reservation, Stage, Status
from domain.messages import Code, Errors, Rejected
from domain.restaurant_messages import TableReservation

R = TypeVar("R", bound=Reservation | TableReservation)
F_co = TypeVar("F_co", covariant=True)

_FIRST = (Stage.DRAFT, Stage.PUBLISHED)
_LEADS_TO = {
    Stage.DRAFT: (Stage.PUBLISHED, Stage.CANCELLED),
    Stage.PUBLISHED: (Stage.CLOSED, Stage.CANCELLED),
    Stage.CLOSED: (Stage.PUBLISHED, Stage.CANCELLED),
    Stage.CANCELLED: (),
}
_ENDS_AS = {
    Status.HELD: Status.RELEASED,
    Status.PAYING: Status.RELEASED,
    Status.CONFIRMED: Status.CANCELLED,
    Status.CHECKED_IN: Status.CANCELLED,
    Status.SEATED: Status.COMPLETED,
}
"""What becomes of a live reservation when all is cancelled; who sits, has been there."""
_NOT_ON_SALE = {
    Stage.DRAFT: "The {what} is not published yet.",
    Stage.CLOSED: "The {what} is closed.",
    Stage.CANCELLED: "The {what} is cancelled.",
}


class End(Protocol[F_co]):
    """A fact by which a reservation ends."""

    def __call__(self, at_ms: int, reservation_id: str, /) -> F_co: ...


def first_flaws(stage: Stage, what: str) -> Errors:
    """What is wrong with the stage that something new is to be in."""
    return () if stage in _FIRST else (("status", f"A new {what} is a draft or published."),)


def no_way(stage: Stage, to: Stage, what: str) -> Rejected | None:
    """Why it cannot get from its stage to another one."""
    if to in _LEADS_TO[stage]:
        return None
    return Rejected(Code.WRONG_STATE, f"The {what} is {stage.value}.", {f"{what}_status": stage.value})


def not_on_sale(stage: Stage, what: str) -> Rejected | None:
    """Why it takes no reservations in this stage."""
    if stage is Stage.PUBLISHED:
        return None
    return Rejected(Code.SALES_CLOSED, _NOT_ON_SALE[stage].format(what=what))


def in_use(reservations: Sized, what: str) -> Rejected | None:
    """Why it cannot be deleted."""
    if not reservations:
        return None
    return Rejected(Code.IN_USE, f"The {what} has live reservations.", {"live": len(reservations)})


def as_it_ends(found: R, stage: Stage) -> R:
    """What is still to be ended with a cancelled inventory is seen as ended already."""
    if stage is not Stage.CANCELLED or not found.status.live:
        return found
    status = _ENDS_AS[found.status]
    if isinstance(found, TableReservation) and status is Status.CANCELLED:
        return msgspec.structs.replace(found, status=status, excused=True)
    return msgspec.structs.replace(found, status=status)


def drained(
    reservations: Mapping[str, R], ends: Mapping[Status, End[F_co]], now_ms: int, limit: int
) -> list[F_co]:
    """At most `limit` ends of what a cancelled inventory still has, whatever its rules say otherwise."""
    return [ends[one.status](now_ms, one.id) for one in islice(reservations.values(), limit)]


def drains_at_ms(reservations: Sized, last_fact_ms: int) -> int | None:
    """When a cancelled inventory has something due: at once, while it has reservations."""
    return last_fact_ms if reservations else None
