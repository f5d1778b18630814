"""What the journal's facts are told of by mail, and to whom: the rules of the outbox.

- A confirmed reservation is told of, and reminded of `REMIND_BEFORE_MS` before its start, unless that is
  past. A hold that ran out is told of; one that its customer gave up is not.
- A cancelled reservation is told of; one that ended with its event or restaurant, as that.
- An event whose time or place has changed is told of to everybody who has a reservation of it by then, and
  they are reminded at its new time. So is who has a table that was moved to another time.
- A ticket that was passed on is told of to its new holder, and to the buyer if it was the buyer's until then.
- That an event was changed or cancelled is told to whoever a ticket was passed on to, too.
- A reminder is of one reservation and one start. It is sent only if that is still so when its hour has come
  (`actors.mail.sender`), so nothing has to be moved or taken back here.

`told` is a fold: `Known` is what has to be remembered of an inventory from one fact to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from domain.event_messages import (
    EventCancelled,
    EventChanged,
    EventCreated,
    HoldExpired,
    HoldReleased,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationPaid,
    ReservationRetaken,
    ReservationSold,
    ReservationVoided,
    Terms,
)
from domain.kinds import Fact
from domain.mail import Json, MailKind
from domain.restaurant_messages import (
    ReservationMoved,
    RestaurantCancelled,
    RestaurantChanged,
    RestaurantCreated,
    TableRetaken,
)
from domain.ticket_messages import TicketReissued, TicketTransferred

REMIND_BEFORE_MS = 24 * 3_600_000
TOLD_TO_HOLDERS = (MailKind.EVENT_CHANGED, MailKind.EVENT_CANCELLED, MailKind.REMINDER)
"""Also to those of the reservation's tickets that were passed on."""


class Known(msgspec.Struct, frozen=True):
    """Of an event, when and where it was to be at the last fact; of both kinds, whether it was cancelled, and
    whose it is."""

    starts_at_ms: int | None = None
    venue: str | None = None
    city: str | None = None
    cancelled: bool = False
    organiser_id: str | None = None


@dataclass(frozen=True)
class News:
    """A mail that a fact asks for. `reservation_id` None: to everybody who has a live reservation that was
    made before the fact. A reminder's `starts_at_ms` None: as the reservation itself says, which is a
    table's. With a `number` it goes to whom that ticket was passed on to.
    """

    kind: MailKind
    at_ms: int
    reservation_id: str | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    starts_at_ms: int | None = None

    @property
    def is_told_to_holders(self) -> bool:
        """Also to those. A reminder only where the event was moved: what is confirmed has nothing that was
        passed on, and what is passed on has a reminder of its own."""
        of_one = self.kind is MailKind.REMINDER and self.reservation_id is not None
        return self.kind in TOLD_TO_HOLDERS and not of_one


def told(known: Known, fact: Fact) -> tuple[Known, tuple[News, ...]]:
    """What is known after the fact, and what it is told of by."""
    match fact:
        case EventCreated():
            return _known_of(fact.terms, known), ()
        case EventChanged():
            return _known_of(fact.terms, known), _of_change(known, fact)
        case RestaurantCreated() | RestaurantChanged():
            return msgspec.structs.replace(known, organiser_id=fact.terms.organiser_id), ()
        case EventCancelled() | RestaurantCancelled():
            return msgspec.structs.replace(known, cancelled=True), ()
        case (
            ReservationConfirmed()
            | ReservationPaid()
            | ReservationSold()
            | ReservationRetaken()
            | TableRetaken()
        ):
            mail = News(MailKind.CONFIRMED, fact.at_ms, fact.reservation_id)
            return known, (mail, _reminder(known.starts_at_ms, fact.at_ms, fact.reservation_id))
        case ReservationMoved():
            mail = News(MailKind.MOVED, fact.at_ms, fact.reservation_id)
            return known, (mail, _reminder(fact.start_ms, fact.at_ms, fact.reservation_id))
        case HoldExpired() | ReservationCancelled() | ReservationVoided() | HoldReleased():
            return known, _of_end(known, fact)
        case TicketTransferred():
            return known, _of_transfer(known, fact)
        case TicketReissued():
            return known, (_ticket_reminder(known, fact),)
        case _:
            return known, ()


def _of_end(
    known: Known, fact: HoldExpired | ReservationCancelled | ReservationVoided | HoldReleased
) -> tuple[News, ...]:
    if known.cancelled:
        kind = MailKind.EVENT_CANCELLED
    elif isinstance(fact, HoldReleased):
        return ()
    else:
        kind = MailKind.HOLD_EXPIRED if isinstance(fact, HoldExpired) else MailKind.CANCELLED
    return (News(kind, fact.at_ms, fact.reservation_id),)


def _of_transfer(known: Known, fact: TicketTransferred) -> tuple[News, ...]:
    of: dict[str, Json] = {"number": fact.number, "generation": fact.generation}
    theirs = News(MailKind.TICKET_TRANSFERRED, fact.at_ms, fact.reservation_id, of)
    reminder = _ticket_reminder(known, fact)
    if fact.again:
        return theirs, reminder
    return theirs, News(MailKind.TICKET_PASSED_ON, fact.at_ms, fact.reservation_id, of), reminder


def _of_change(known: Known, fact: EventChanged) -> tuple[News, ...]:
    terms = fact.terms
    moved = terms.starts_at_ms != known.starts_at_ms
    elsewhere = (terms.venue, terms.city) != (known.venue, known.city)
    if known.cancelled or not (moved or elsewhere):
        return ()
    changed: list[Json] = [name for name, so in (("time", moved), ("place", elsewhere)) if so]
    before: dict[str, Json] = {"venue": known.venue, "city": known.city, "starts_at_ms": known.starts_at_ms}
    mail = News(MailKind.EVENT_CHANGED, fact.at_ms, parameters={"changed": changed, **before})
    return (mail, _reminder(terms.starts_at_ms, fact.at_ms, None)) if moved else (mail,)


def _reminder(starts_at_ms: int | None, at_ms: int, reservation_id: str | None) -> News:
    return News(MailKind.REMINDER, at_ms, reservation_id, starts_at_ms=starts_at_ms)


def _ticket_reminder(known: Known, fact: TicketTransferred | TicketReissued) -> News:
    """Of one ticket as it is from then on; nobody gets it while the ticket is the buyer's own."""
    of: dict[str, Json] = {"number": fact.number, "generation": fact.generation}
    return News(MailKind.REMINDER, fact.at_ms, fact.reservation_id, of, known.starts_at_ms)


def _known_of(terms: Terms, known: Known) -> Known:
    return Known(terms.starts_at_ms, terms.venue, terms.city, known.cancelled, terms.organiser_id)
