"""What clients send: the types that parse and check bodies and queries, and that the document is made of.

Every bound stands here as a constraint, so that the check and the document cannot differ. What one field
alone cannot say (one currency, no type twice, times in order) is checked after, here or by the rules.
Strings are counted in characters.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.event_change import (
    HOLD_DURATION_MAX_S,
    HOLD_DURATION_MIN_S,
    HOLD_EXTENSIONS_MAX,
    POSTPONED_REFUND_DAYS_MAX,
    PRICE_MAX,
    QUOTA_MAX,
    TICKET_TYPES_MAX,
)
from domain.event_messages import Due, Listed, Paid, Status
from domain.mail import Language
from domain.seat_map import Fallback
from domain.seat_plan import LABEL_MAX_CHARACTERS
from server.placement import Placement

NAME_MAX_CHARACTERS = 200
ZONE_MAX_CHARACTERS = 64
DESCRIPTION_MAX_CHARACTERS = 10_000
CODE_MAX_CHARACTERS = 64
EMAIL_MAX_CHARACTERS = 254
LINES_MAX = 100
QUANTITY_MAX_TICKETS = 10_000
CATEGORIES_MAX = 100
SEAT_NAME_MAX_CHARACTERS = 3 * LABEL_MAX_CHARACTERS + 2
LINE_MAX_SEATS = 500
BLOCK_MAX_SEATS = 2_000
"""Of one request; also of all seats that an event puts into categories of its own."""
CROWD_MAX_PERSONS = 10_000_000
PAGE_MAX_ITEMS = 200
PAGE_DEFAULT_ITEMS = 50
CURSOR_MAX_CHARACTERS = 200
CANCEL_CODE_MAX_CHARACTERS = 64

_END = r"$(?!\n)"
"""In Python `$` also stands before a last line feed; elsewhere the rest changes nothing."""
_CODE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*" + _END
_EMAIL_PATTERN = r"^\s*[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]+\s*$"

Text = Annotated[str, Meta(min_length=1, max_length=NAME_MAX_CHARACTERS)]
Zone = Annotated[
    str,
    Meta(min_length=1, max_length=ZONE_MAX_CHARACTERS, description="Of the IANA database: `Europe/Rome`."),
]
Description = Annotated[str, Meta(max_length=DESCRIPTION_MAX_CHARACTERS)]
TypeCode = Annotated[str, Meta(min_length=1, max_length=CODE_MAX_CHARACTERS, pattern=_CODE_PATTERN)]
WantedCode = Annotated[str, Meta(min_length=1, max_length=CODE_MAX_CHARACTERS)]
"""Without the pattern: the event knows its types, and the check would cost the hot path."""
Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=EMAIL_MAX_CHARACTERS,
        pattern=_EMAIL_PATTERN,
        description="One address is one customer, whatever its case, Unicode form or white space around it.",
    ),
]
Moment = Annotated[
    datetime,
    Meta(
        tz=True,
        description="RFC 3339 with an offset, from 1970-01-01 to 9998-12-31 UTC; cut to milliseconds.",
    ),
]
Quota = Annotated[int, Meta(ge=0, le=QUOTA_MAX)]
MaxPerOrder = Annotated[int, Meta(ge=1, le=QUANTITY_MAX_TICKETS)]
MaxPerCustomer = Annotated[int, Meta(ge=1, le=QUOTA_MAX)]
Crowd = Annotated[
    int,
    Meta(
        ge=0,
        le=CROWD_MAX_PERSONS,
        description="How many will want it at a time: from so many on, or with so many places, as the server"
        " is set, it gets an owner of its own, unless `placement` says otherwise. Looked at once, not kept.",
    ),
]
HoldDuration = Annotated[int, Meta(ge=HOLD_DURATION_MIN_S, le=HOLD_DURATION_MAX_S)]
HoldExtensions = Annotated[int, Meta(ge=0, le=HOLD_EXTENSIONS_MAX)]
KeepsPercent = Annotated[int, Meta(ge=0, le=100)]
RefundDays = Annotated[int, Meta(ge=0, le=POSTPONED_REFUND_DAYS_MAX)]
Quantity = Annotated[int, Meta(ge=1, le=QUANTITY_MAX_TICKETS)]
Categories = Annotated[
    tuple[TypeCode, ...],
    Meta(max_length=CATEGORIES_MAX, description="Each ticket takes a seat of one of these."),
]
SeatName = Annotated[
    str,
    Meta(min_length=1, max_length=SEAT_NAME_MAX_CHARACTERS, description="section/row/seat"),
]


OrganiserId = Annotated[
    str,
    Meta(
        pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}" + _END,
        description="To which organiser it belongs. Left out: to the organiser that makes it, or to the"
        " operator. Only operators may name another.",
    ),
]


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What comes from outside: nothing in it is unknown."""


# --- events ---------------------------------------------------------------------------------------


class Money(Payload, frozen=True):
    """An amount in minor units of a currency (ISO 4217)."""

    amount: Annotated[int, Meta(ge=0, le=PRICE_MAX)]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}" + _END)]


class NewTicketType(Payload, frozen=True):
    """A priced class of admission. `quota` may be left out where there are `categories`: all their seats."""

    code: TypeCode
    name: Text
    price: Money
    quota: Quota | UnsetType = UNSET
    max_per_order: MaxPerOrder | None = None
    categories: Categories = ()


NewTicketTypes = Annotated[tuple[NewTicketType, ...], Meta(min_length=1, max_length=TICKET_TYPES_MAX)]


class OwnCategory(Payload, frozen=True):
    """Seats that belong to this category at this event, whatever the plan says."""

    category: TypeCode
    seats: Annotated[tuple[SeatName, ...], Meta(min_length=1, max_length=BLOCK_MAX_SEATS)]


class NewSeating(Payload, frozen=True):
    """The venue whose present plan the event's seats are of."""

    venue_id: str
    categories: Annotated[tuple[OwnCategory, ...], Meta(max_length=CATEGORIES_MAX)] = ()


class NewEvent(Payload, frozen=True):
    """`sales_end` left out means: when it starts. Without `cancel_until` what is confirmed is final.
    `listed` `while_open`: in lists only until it starts or is full. `payment` `required`: what costs
    something is confirmed by a payment or by the box office. `cancel_keeps_percent`: of the price, when a
    holder cancels. `postponed_refund_days`: so long may who was there before cancel, with all of it back,
    once the start was moved. `time_zone`: in which mails and tickets tell its times; else in UTC."""

    name: Text
    starts_at: Moment
    ticket_types: NewTicketTypes
    ends_at: Moment | None = None
    venue: Text | None = None
    description: Description | None = None
    sales_start: Moment | None = None
    sales_end: Moment | None = None
    capacity: Quota | None = None
    hold_duration_s: HoldDuration = 900
    max_per_customer: MaxPerCustomer | None = None
    cancel_until: Moment | None = None
    guests: bool = True
    placement: Placement | UnsetType = UNSET
    expected_crowd: Crowd | None = None
    hold_extensions_max: HoldExtensions | None = None
    one_per_customer: bool = False
    listed: Listed = "always"
    payment: Due = "none"
    cancel_keeps_percent: KeepsPercent = 0
    postponed_refund_days: RefundDays = 14
    status: Literal["draft", "published"] = "published"
    city: Text | None = None
    seating: NewSeating | None = None
    organiser_id: OrganiserId | None = None
    time_zone: Zone | None = None


class NewPlacement(Payload, frozen=True):
    """An owner of its own, or one that it shares with others."""

    placement: Placement


class TicketTypePatch(Payload, frozen=True):
    """Found by its code: the fields given are changed. An unknown code adds a type: name, quota, price."""

    code: TypeCode
    name: Text | UnsetType = UNSET
    quota: Quota | UnsetType = UNSET
    price: Money | UnsetType = UNSET
    max_per_order: MaxPerOrder | UnsetType | None = UNSET
    categories: Categories | UnsetType = UNSET


class EventPatch(Payload, frozen=True):
    """What is left out stays; null takes away what need not be. One command: all of it or nothing."""

    name: Text | UnsetType = UNSET
    starts_at: Moment | UnsetType = UNSET
    ends_at: Moment | UnsetType | None = UNSET
    venue: Text | UnsetType | None = UNSET
    city: Text | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    sales_start: Moment | UnsetType | None = UNSET
    sales_end: Moment | UnsetType | None = UNSET
    capacity: Quota | UnsetType | None = UNSET
    hold_duration_s: HoldDuration | UnsetType = UNSET
    max_per_customer: MaxPerCustomer | UnsetType | None = UNSET
    cancel_until: Moment | UnsetType | None = UNSET
    guests: bool | UnsetType = UNSET
    hold_extensions_max: HoldExtensions | UnsetType = UNSET
    one_per_customer: bool | UnsetType = UNSET
    listed: Listed | UnsetType = UNSET
    payment: Due | UnsetType = UNSET
    cancel_keeps_percent: KeepsPercent | UnsetType = UNSET
    postponed_refund_days: RefundDays | UnsetType = UNSET
    time_zone: Zone | UnsetType | None = UNSET
    ticket_types: Annotated[tuple[TicketTypePatch, ...], Meta(max_length=TICKET_TYPES_MAX)] = ()
    removed_ticket_types: Annotated[tuple[TypeCode, ...], Meta(max_length=TICKET_TYPES_MAX)] = ()


# --- reservations ---------------------------------------------------------------------------------


class WantedLine(Payload, frozen=True):
    """So many tickets of one type; each type once. `seats`: these; without them the best that are left."""

    ticket_type: WantedCode
    quantity: Quantity
    seats: Annotated[tuple[SeatName, ...], Meta(max_length=LINE_MAX_SEATS)] = ()


WantedLines = Annotated[tuple[WantedLine, ...], Meta(min_length=1, max_length=LINES_MAX)]


class BestAvailable(Payload, frozen=True):
    """How seats are chosen where none are named: side by side in the best row. `fallback`: what else, where
    no row has so many; `orphans`: a single seat may be left between others."""

    fallback: Fallback = Fallback.REFUSE
    accessible: Annotated[int, Meta(ge=0, le=LINE_MAX_SEATS)] = 0
    orphans: bool = False


class Customer(Payload, frozen=True):
    """Who the reservation is for. `language`: of the mails about it; if not given, that of the account of
    the e-mail, else English."""

    name: Text
    email: Email
    language: Language | UnsetType = UNSET


class NewReservation(Payload, frozen=True):
    """All of the lines or none. `confirm`: at once, which takes a total of 0. `customer`: who is signed in
    may leave it out, and reserves for himself."""

    lines: WantedLines
    customer: Customer | UnsetType = UNSET
    confirm: bool = False
    best: BestAvailable | None = None


class BoxOffice(Payload, frozen=True):
    """How it was paid, for operators to say. Left out where payment is required: in cash."""

    paid: Paid | None = None


class ReservationPatch(Payload, frozen=True):
    """The lines of a hold as they shall be, all or none; its end stays. A line that does not grow and names
    no seats keeps its own."""

    lines: WantedLines
    best: BestAvailable | None = None


class NamedSeats(Payload, frozen=True):
    """Seats by name, all or none."""

    seats: Annotated[tuple[SeatName, ...], Meta(min_length=1, max_length=BLOCK_MAX_SEATS)]


class CopyFrom(Payload, frozen=True):
    """The event whose `prices` (ticket types, and seats in categories of their own), blocked seats
    (`blocks`), or both this one gets."""

    event_id: str
    prices: bool = True
    blocks: bool = True


class Cancellation(Payload, frozen=True):
    """The e-mail that a reservation is for, and the `code` that came with its making, however it is typed."""

    email: Email
    code: Annotated[str, Meta(min_length=1, max_length=CANCEL_CODE_MAX_CHARACTERS)]


class Nothing(Payload, frozen=True):
    """A request that says all by its path: no body, or an empty object."""


# --- queries --------------------------------------------------------------------------------------

Cursor = Annotated[str, Meta(max_length=CURSOR_MAX_CHARACTERS, description="`next` of the page before.")]
PageLimit = Annotated[int, Meta(ge=1, le=PAGE_MAX_ITEMS)]


class NoQuery(Payload, frozen=True):
    """No parameters."""


class SeatsQuery(Payload, frozen=True):
    """`since`: a sequence that the client knows: it gets what has changed after it, if that is known here."""

    since: Annotated[int, Meta(ge=0, le=2**63 - 1)] | UnsetType = UNSET


class PageQuery(Payload, frozen=True):
    """A page of a list."""

    limit: PageLimit = PAGE_DEFAULT_ITEMS
    cursor: Cursor | UnsetType = UNSET


class MailsQuery(PageQuery, frozen=True):
    """A page of the mails of one status."""

    status: Literal["pending", "sent", "dead", "void"] = "dead"


class ReservationsQuery(Payload, frozen=True):
    """A page of an event's reservations, of one status or of all."""

    status: Status | UnsetType = UNSET
    limit: PageLimit = PAGE_DEFAULT_ITEMS
    cursor: Cursor | UnsetType = UNSET
