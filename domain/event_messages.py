"""The messages of an event's inventory: what can be asked of it, what can have happened, what it answers."""

from __future__ import annotations

import enum
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from domain.messages import Message, Rejected
from domain.seat_map import Fallback
from domain.ticket_messages import TicketCommand, TicketFact, TicketReply

# --- values ---------------------------------------------------------------------------------------


class Status(enum.StrEnum):
    """Where a reservation stands. The first five are live, the others are its ends."""

    HELD = "held"
    PAYING = "paying"
    CONFIRMED = "confirmed"
    CHECKED_IN = "checked_in"
    SEATED = "seated"
    RELEASED = "released"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    NO_SHOW = "no_show"

    @property
    def live(self) -> bool:
        return self.on_hold or self.firm or self is Status.SEATED

    @property
    def on_hold(self) -> bool:
        """It may yet end by itself, and what it has come free."""
        return self is Status.HELD or self is Status.PAYING

    @property
    def firm(self) -> bool:
        """Confirmed, whether or not somebody has come."""
        return self is Status.CONFIRMED or self is Status.CHECKED_IN


ENDS_PAID = (Status.CANCELLED, Status.COMPLETED, Status.NO_SHOW)
"""Ends of what was confirmed, at which what was paid for it goes back but for what is kept."""


class Stage(enum.StrEnum):
    """Where an event stands. Only a published one sells; one that is cancelled stays so."""

    DRAFT = "draft"
    PUBLISHED = "published"
    CLOSED = "closed"
    CANCELLED = "cancelled"


Listed = Literal["always", "while_open"]
"""When an event is shown in lists."""
Due = Literal["none", "required"]
"""Whether what costs something is confirmed only by a payment, or by the box office."""
Paid = Literal["cash", "card", "transfer", "free"]
"""How the box office was paid."""


class TicketType(Message, frozen=True):
    """A priced class of admission. `price` in minor units; `max_per_order` None means: its quota.

    `categories`: each ticket takes a seat of one of these; without any it is a standing place.
    """

    code: str
    name: str
    quota: int
    price: int
    max_per_order: int | None = None
    categories: tuple[str, ...] = ()


class Seating(Message, frozen=True):
    """Where an event's seats are: a venue's plan, which never changes, and the categories that this event
    gives to single seats instead of the plan's, as (category, names of its seats) pairs."""

    venue_id: str
    plan_id: str
    overrides: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Terms(Message, frozen=True):
    """What the operator decides about an event. `sales_end_ms` None means: when it starts;
    `cancel_until_ms` None: a confirmed reservation is final; `capacity` None: the sum of the quotas;
    `listed` `while_open`: not shown in lists when it starts or nothing is left. `moved_ms`: when its start
    was last changed, which is not for the operator to say. `organiser_id`: to whom it belongs, for good;
    None: to the operator alone. `time_zone`: in which its times are told (IANA); None: in UTC."""

    name: str
    starts_at_ms: int
    currency: str
    ticket_types: tuple[TicketType, ...]
    ends_at_ms: int | None = None
    venue: str | None = None
    description: str | None = None
    sales_start_ms: int | None = None
    sales_end_ms: int | None = None
    capacity: int | None = None
    hold_duration_s: int = 900
    max_per_customer: int | None = None
    cancel_until_ms: int | None = None
    guests: bool = True
    hold_extensions_max: int = 1
    one_per_customer: bool = False
    listed: Listed = "always"
    city: str | None = None
    seating: Seating | None = None
    payment: Due = "none"
    cancel_keeps_percent: int = 0
    postponed_refund_days: int = 14
    moved_ms: int | None = None
    organiser_id: str | None = None
    time_zone: str | None = None

    @property
    def closes_at_ms(self) -> int:
        """The end of the sale, itself outside it."""
        return self.starts_at_ms if self.sales_end_ms is None else self.sales_end_ms


class EventDefinition(Message, frozen=True):
    """An event as its operator defined it: stored when it is created and whenever it changes."""

    terms: Terms
    version: int
    paused: bool
    stage: Stage = Stage.PUBLISHED
    blocked: tuple[int, ...] = ()
    """Numbers of the seats that are kept off the sale."""
    deleted: bool = False
    """Then there is no such event, for whoever asks."""

    @property
    def capacity(self) -> int | None:
        """How much may be live, which the database checks; None: as much as its own quotas allow."""
        return self.terms.capacity


class TicketTypeChange(msgspec.Struct, frozen=True):
    """Changes of one ticket type, found by its code; an unknown code adds a type."""

    code: str
    name: str | UnsetType = UNSET
    quota: int | UnsetType = UNSET
    price: int | UnsetType = UNSET
    max_per_order: int | UnsetType | None = UNSET
    categories: tuple[str, ...] | UnsetType = UNSET


class TermsChange(msgspec.Struct, frozen=True):
    """The fields of `Terms` to change; what is unset stays."""

    name: str | UnsetType = UNSET
    starts_at_ms: int | UnsetType = UNSET
    ends_at_ms: int | UnsetType | None = UNSET
    venue: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    sales_start_ms: int | UnsetType | None = UNSET
    sales_end_ms: int | UnsetType | None = UNSET
    capacity: int | UnsetType | None = UNSET
    hold_duration_s: int | UnsetType = UNSET
    max_per_customer: int | UnsetType | None = UNSET
    cancel_until_ms: int | UnsetType | None = UNSET
    guests: bool | UnsetType = UNSET
    hold_extensions_max: int | UnsetType = UNSET
    one_per_customer: bool | UnsetType = UNSET
    listed: Listed | UnsetType = UNSET
    city: str | UnsetType | None = UNSET
    payment: Due | UnsetType = UNSET
    cancel_keeps_percent: int | UnsetType = UNSET
    postponed_refund_days: int | UnsetType = UNSET
    time_zone: str | UnsetType | None = UNSET
    ticket_types: tuple[TicketTypeChange, ...] = ()
    removed_ticket_types: tuple[str, ...] = ()


class Line(Message, frozen=True):
    """So many tickets of one type at one price each. `seats`: their names, none for standing places.
    `skipped`: so many numbers before its first ticket's are of tickets that went back."""

    ticket_type: str
    quantity: int
    unit_price: int
    seats: tuple[str, ...] = ()
    skipped: int = 0


class PaidBy(Message, frozen=True):
    """The payment that a reservation is being paid by, or was last; none of what was confirmed otherwise.
    `hold_ends_ms`: the hold's own end, which counts again if the payment fails. `kept`: so much of it does
    not go back now that it has ended."""

    payment_id: str
    hold_ends_ms: int
    kept: int = 0


class Reservation(Message, frozen=True):
    """One customer's claim. `customer` is the key made of the normalised e-mail, not the e-mail.
    `expires_at_ms`: the hold's end, or its payment's deadline while it is paying."""

    id: str
    status: Status
    expires_at_ms: int
    lines: tuple[Line, ...]
    customer: bytes
    created_at_ms: int
    extensions: int = 0
    paid_by: PaidBy | None = None

    @property
    def quantity(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def total(self) -> int:
        return sum(line.quantity * line.unit_price for line in self.lines)


class Copied(Message, frozen=True):
    """What one event takes over from another, as that one's rows said. `overrides`: see `Seating`; None where
    the seats keep their categories. `blocked`: names of seats."""

    currency: str
    ticket_types: tuple[TicketType, ...] = ()
    overrides: tuple[tuple[str, tuple[str, ...]], ...] | None = None
    blocked: tuple[str, ...] = ()


Wanted = tuple[tuple[str, int], ...]
"""Asked-for lines: (ticket type's code, quantity) pairs."""


class SeatWish(Message, frozen=True):
    """What a customer wants of the seats. `named`: the seats of each line, in the lines' order; where a line
    names none, the best that are left are given. `accessible`: so many of those must be accessible."""

    named: tuple[tuple[str, ...], ...] = ()
    accessible: int = 0
    fallback: Fallback = Fallback.REFUSE
    orphans: bool = False


# --- commands -------------------------------------------------------------------------------------


class CreateEvent(Message, frozen=True):
    """`id` becomes the event's, unless the same request has made one already. `stage`: draft or published."""

    id: str
    terms: Terms
    stage: Stage = Stage.PUBLISHED


class ChangeEvent(Message, frozen=True):
    """`if_version` None changes whatever stands."""

    change: TermsChange
    if_version: int | None = None


class PauseSale(Message, frozen=True):
    """No new holds from here on; those that are, are kept."""


class ResumeSale(Message, frozen=True):
    pass


class PublishEvent(Message, frozen=True):
    """Sell it; also what was closed."""


class CloseEvent(Message, frozen=True):
    """No new holds; those that are may still be confirmed."""


class CancelEvent(Message, frozen=True):
    """For good: what is held or confirmed ends with it."""


class BlockSeats(Message, frozen=True):
    """Keep seats off the sale: all of those named, or none. A seat that is blocked already stays so.
    `if_version` None changes whatever stands."""

    seats: tuple[str, ...]
    if_version: int | None = None


class UnblockSeats(Message, frozen=True):
    """Put seats on sale again. A seat that is not blocked stays as it is. `if_version` as of `BlockSeats`."""

    seats: tuple[str, ...]
    if_version: int | None = None


class CopyFromEvent(Message, frozen=True):
    """Take over another event's prices, blocked seats, or both: all of it or nothing. `copied` None: there is
    no such event. `if_version` None changes whatever stands."""

    copied: Copied | None
    if_version: int | None = None


class DeleteEvent(Message, frozen=True):
    """As if it had never been, but for the journal. `if_version` None deletes whatever stands."""

    if_version: int | None = None


class PlaceHold(Message, frozen=True):
    """`contact` is the customer's name and e-mail, encoded; no rule looks into it, no fact holds it.
    `confirm`: at once, if nothing is to be paid. `guest`: not who looks after the event; `signed_in`: with an
    account."""

    reservation_id: str
    lines: Wanted
    customer: bytes
    contact: bytes
    guest: bool = True
    confirm: bool = False
    wish: SeatWish | None = None
    signed_in: bool = False


class ChangeHold(Message, frozen=True):
    """A line that does not grow and names no seats keeps its own, the first of them."""

    reservation_id: str
    lines: Wanted
    wish: SeatWish | None = None


class ExtendHold(Message, frozen=True):
    reservation_id: str


class ConfirmReservation(Message, frozen=True):
    reservation_id: str


class CancelReservation(Message, frozen=True):
    """Releases what is held, cancels what is confirmed. `if_live`: to it, what has ended is not there.
    `by_operator`: not by who has the reservation."""

    reservation_id: str
    if_live: bool = False
    by_operator: bool = False


class SellReservation(Message, frozen=True):
    """The box office confirms. `paid` None: as who confirms a hold does, where nothing is due; `by`: whose
    work it was, never a name."""

    reservation_id: str
    by: str
    paid: Paid | None = None


class BeginPayment(Message, frozen=True):
    """From now on the hold does not end before the payment's deadline."""

    reservation_id: str
    payment_id: str
    deadline_ms: int


class FinishPayment(Message, frozen=True):
    """The money is here, so much of it. What has expired meanwhile is taken again, if it is free."""

    reservation_id: str
    payment_id: str
    amount: int


class FailPayment(Message, frozen=True):
    """There will be no money: the hold has the rest of its own time again. `undo`: also what this payment has
    confirmed is cancelled, as the rest of what it was for cannot be had. `deadline_ms`: of what has failed;
    where the payment has begun again since, with a later one, that goes on. `may_begin_again`: and it will be
    no other payment then."""

    reservation_id: str
    payment_id: str
    undo: bool = False
    deadline_ms: int | None = None
    may_begin_again: bool = False


class ReduceReservation(Message, frozen=True):
    """What is confirmed, and has the lines `before`, gets these smaller ones, in the order that they had; of
    each line the first tickets are kept, and their numbers."""

    reservation_id: str
    lines: Wanted
    before: Wanted


class VoidReservation(Message, frozen=True):
    """The operator cancels what is confirmed, whatever `cancel_until` says."""

    reservation_id: str


class ExpireDue(Message, frozen=True):
    """Nothing but a reason to look: every batch turns what is due into facts first."""


EventCommand = (
    CreateEvent
    | ChangeEvent
    | PauseSale
    | ResumeSale
    | PublishEvent
    | CloseEvent
    | CancelEvent
    | DeleteEvent
    | BlockSeats
    | UnblockSeats
    | CopyFromEvent
    | PlaceHold
    | ChangeHold
    | ExtendHold
    | ConfirmReservation
    | CancelReservation
    | TicketCommand
    | SellReservation
    | BeginPayment
    | FinishPayment
    | FailPayment
    | ReduceReservation
    | VoidReservation
    | ExpireDue
)

# --- facts ----------------------------------------------------------------------------------------


class EventCreated(Message, frozen=True):
    at_ms: int
    id: str
    terms: Terms
    stage: Stage = Stage.PUBLISHED


class EventChanged(Message, frozen=True):
    at_ms: int
    terms: Terms


class SalePaused(Message, frozen=True):
    at_ms: int


class SaleResumed(Message, frozen=True):
    at_ms: int


class EventPublished(Message, frozen=True):
    at_ms: int


class EventClosed(Message, frozen=True):
    at_ms: int


class EventCancelled(Message, frozen=True):
    """From here on nothing of it is live; facts that say so of each reservation follow."""

    at_ms: int


class SeatsBlocked(Message, frozen=True):
    """`with_terms`: the `EventChanged` before it is of the same command."""

    at_ms: int
    seats: tuple[str, ...]
    with_terms: bool = False


class SeatsUnblocked(Message, frozen=True):
    at_ms: int
    seats: tuple[str, ...]


class EventDeleted(Message, frozen=True):
    at_ms: int


class HoldPlaced(Message, frozen=True):
    at_ms: int
    reservation_id: str
    customer: bytes
    lines: tuple[Line, ...]
    expires_at_ms: int


class HoldChanged(Message, frozen=True):
    at_ms: int
    reservation_id: str
    lines: tuple[Line, ...]


class HoldExtended(Message, frozen=True):
    at_ms: int
    reservation_id: str
    expires_at_ms: int


class ReservationConfirmed(Message, frozen=True):
    """`clears_payment`: a payment of it had failed before, and has no part in it from here on."""

    at_ms: int
    reservation_id: str
    clears_payment: bool = False


class HoldReleased(Message, frozen=True):
    at_ms: int
    reservation_id: str


class ReservationCancelled(Message, frozen=True):
    """`kept`: so much of its price is kept, in minor units. `by_operator`: not by who had it."""

    at_ms: int
    reservation_id: str
    kept: int = 0
    by_operator: bool = False


class HoldExpired(Message, frozen=True):
    at_ms: int
    reservation_id: str


class ReservationSold(Message, frozen=True):
    """Confirmed by the box office: how it was paid, and whose work it was. `clears_payment`: as of
    `ReservationConfirmed`."""

    at_ms: int
    reservation_id: str
    paid: Paid
    by: str
    clears_payment: bool = False


class PaymentBegun(Message, frozen=True):
    at_ms: int
    reservation_id: str
    payment_id: str
    deadline_ms: int


class PaymentFailed(Message, frozen=True):
    """It is held again, until the hold's own end. `clears_payment`: as if that payment had never begun."""

    at_ms: int
    reservation_id: str
    payment_id: str
    clears_payment: bool = False


class ReservationPaid(Message, frozen=True):
    """Confirmed by a payment."""

    at_ms: int
    reservation_id: str
    payment_id: str


class ReservationRetaken(Message, frozen=True):
    """A hold that had expired was paid after all, and its lines were free: `reservation` as it is now,
    confirmed."""

    at_ms: int
    reservation_id: str
    payment_id: str
    reservation: Reservation


class ReservationReduced(Message, frozen=True):
    at_ms: int
    reservation_id: str
    lines: tuple[Line, ...]


class ReservationVoided(Message, frozen=True):
    """Cancelled by the operator."""

    at_ms: int
    reservation_id: str


EventFact = (
    EventCreated
    | EventChanged
    | SalePaused
    | SaleResumed
    | EventPublished
    | EventClosed
    | EventCancelled
    | EventDeleted
    | SeatsBlocked
    | SeatsUnblocked
    | HoldPlaced
    | HoldChanged
    | HoldExtended
    | ReservationConfirmed
    | HoldReleased
    | ReservationCancelled
    | HoldExpired
    | TicketFact
    | ReservationSold
    | PaymentBegun
    | PaymentFailed
    | ReservationPaid
    | ReservationRetaken
    | ReservationReduced
    | ReservationVoided
)

# --- replies --------------------------------------------------------------------------------------


class ReservationReply(Message, frozen=True):
    """The reservation as the command left it, with what is needed to show it."""

    reservation: Reservation
    currency: str
    contact: bytes


class TypeCounts(Message, frozen=True):
    """What is live of one ticket type, and what may still be sold of it. `seats_left`: free seats of its
    categories, which other types may share; None for standing places."""

    code: str
    quota: int
    held: int
    confirmed: int
    available: int
    seats_left: int | None = None


class EventReply(Message, frozen=True):
    """The event as the command left it. `version` changes with its terms, with pausing, with its stage and
    with blocking; `reservations` is how many are live."""

    id: str
    terms: Terms
    version: int
    paused: bool
    counts: tuple[TypeCounts, ...]
    stage: Stage = Stage.PUBLISHED
    reservations: int = 0


class Looked(Message, frozen=True):
    """Answer to `ExpireDue`: the batch it was in has ended what was due."""


EventReplies = ReservationReply | TicketReply | EventReply | Looked | Rejected
