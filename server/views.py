"""What clients get: the types of the replies, and how the domain's values become them.

Commands answer with the state they left. Reads go through `as_read`: there a hold past its end is shown
as expired, and what a cancelled event or restaurant still has as it will end, whether or not anybody has
noticed yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from domain.event_messages import (
    Due,
    EventReply,
    Line,
    Listed,
    ReservationReply,
    Seating,
    Stage,
    Status,
    TicketType,
    TypeCounts,
)
from domain.restaurant_messages import TableReply
from domain.stages import as_it_ends
from domain.views import Availability, FoundReservation
from server.payloads import Customer
from server.placement import Placement
from server.times import rfc3339, rfc3339_or_none

T = TypeVar("T")
OfAnyKind = TypeVar("OfAnyKind", bound=ReservationReply | TableReply)
encode = msgspec.json.Encoder().encode
PRICED_LINES_KEPT_MAX = 4096
_NO_CONTACT = msgspec.Raw(b"null")


class View(msgspec.Struct, frozen=True, gc=False):
    """What goes out."""


class MoneyView(View, frozen=True):
    """An amount in minor units of a currency (ISO 4217)."""

    amount: int
    currency: str


class LineView(View, frozen=True):
    """So many tickets of one type at one price each, and the names of their seats, if they have any."""

    ticket_type: str
    quantity: int
    unit_price: MoneyView
    seats: tuple[str, ...] | UnsetType = UNSET


class ReservationView(View, frozen=True):
    """One customer's claim. `token`, and the `code` that cancels it, come with its making only; `customer` is
    null once erased."""

    id: str
    event_id: str
    status: Status
    expires_at: str
    lines: list[LineView]
    total: MoneyView
    customer: msgspec.Raw
    created_at: str
    token: str | UnsetType = UNSET
    code: str | UnsetType = UNSET


class TicketTypeView(View, frozen=True):
    """A ticket type with its counts: `held` is what is live and not confirmed."""

    code: str
    name: str
    quota: int
    price: MoneyView
    max_per_order: int | None
    available: int
    held: int
    confirmed: int
    categories: tuple[str, ...]


class OwnCategoryView(View, frozen=True):
    """Seats that belong to this category at this event, whatever the plan says."""

    category: str
    seats: tuple[str, ...]


class SeatingView(View, frozen=True):
    """The venue's plan that the event's seats are of."""

    venue_id: str
    plan_id: str
    categories: list[OwnCategoryView]


class EventView(View, frozen=True):
    """`version`, the ETag, changes with the terms, with pausing and with `status`. `sales_end` null: when it
    starts. `moved_at`: when its start was last changed. `reservations`: how many are live. `placement`:
    where it is shown alone, to operators."""

    id: str
    name: str
    starts_at: str
    ends_at: str | None
    venue: str | None
    city: str | None
    description: str | None
    sales_start: str | None
    sales_end: str | None
    capacity: int | None
    hold_duration_s: int
    hold_extensions_max: int
    max_per_customer: int | None
    cancel_until: str | None
    guests: bool
    paused: bool
    version: int
    seating: SeatingView | None
    ticket_types: list[TicketTypeView]
    status: Stage
    one_per_customer: bool
    listed: Listed
    payment: Due
    cancel_keeps_percent: int
    postponed_refund_days: int
    moved_at: str | None
    reservations: int
    organiser_id: str | None
    time_zone: str | None
    placement: Placement | UnsetType = UNSET


class CountsView(View, frozen=True):
    """`available` is of the shared capacity too; `held`: all that is live and not confirmed."""

    code: str
    quota: int
    available: int
    held: int
    confirmed: int


class PlacementView(View, frozen=True):
    """`owner` is the name it has in Ray's dashboard and in `turnstile status`."""

    event_id: str
    placement: Placement
    owner: str


class RestaurantPlacementView(View, frozen=True):
    """As of an event: `owner` is the name it has in Ray's dashboard and in `turnstile status`."""

    restaurant_id: str
    placement: Placement
    owner: str


class SeatMapView(View, frozen=True):
    """An event's `seats` seats at a sequence. Either all, as `states`, in base64: seat k is two bits, in byte
    k // 4 at bit 2 * (k % 4) counted from the lowest: 0 free, 1 held, 2 sold, 3 blocked. Or the `changes`
    after the sequence `since`, as pairs of a seat's number and its state."""

    event_id: str
    sequence: int
    plan_id: str
    seats: int
    states: str | UnsetType = UNSET
    since: int | UnsetType = UNSET
    changes: list[tuple[int, int]] | UnsetType = UNSET


class AvailabilityView(View, frozen=True):
    """An event's counts. A higher `sequence` is newer; it is the ETag as well."""

    event_id: str
    sequence: int
    ticket_types: list[CountsView]


class AvailabilityDelta(View, frozen=True):
    """The ticket types that have changed since that sequence, each with its present counts."""

    event_id: str
    sequence: int
    since: int
    ticket_types: list[CountsView]


class Page(View, Generic[T], frozen=True):
    """A part of a list; `next` is the cursor of the part after it, null at the end."""

    items: list[T]
    next: str | None


class CustomerView(Customer, frozen=True):
    """Who the reservation is for, as given."""


class OwnerView(View, frozen=True):
    """What one owner says of itself; more members may come."""

    name: str


# --- making them ----------------------------------------------------------------------------------


def reservation(
    event_id: str,
    reply: ReservationReply,
    token: str | UnsetType = UNSET,
    code: str | UnsetType = UNSET,
) -> bytes:
    """A reservation as JSON."""
    return encode(reservation_view(event_id, reply, token, code))


def reservation_view(
    event_id: str,
    reply: ReservationReply,
    token: str | UnsetType = UNSET,
    code: str | UnsetType = UNSET,
) -> ReservationView:
    claim = reply.reservation
    lines, total = _priced(claim.lines, reply.currency)
    return ReservationView(
        claim.id,
        event_id,
        claim.status,
        rfc3339(claim.expires_at_ms),
        lines,
        total,
        msgspec.Raw(reply.contact) if reply.contact else _NO_CONTACT,
        rfc3339(claim.created_at_ms),
        token,
        code,
    )


@lru_cache(maxsize=PRICED_LINES_KEPT_MAX)
def _priced(lines: tuple[Line, ...], currency: str) -> tuple[Any, Any]:
    """The lines and their total, rendered: most orders are for one or two of the few types on sale, so
    most have been rendered before. (`Raw` takes the place of the views that it was made from.)"""
    shown = [
        LineView(line.ticket_type, line.quantity, MoneyView(line.unit_price, currency), line.seats or UNSET)
        for line in lines
    ]
    total = sum(line.quantity * line.unit_price for line in lines)
    return msgspec.Raw(encode(shown)), msgspec.Raw(encode(MoneyView(total, currency)))


def as_read(reply: OfAnyKind, now_ms: int, stage: Stage) -> OfAnyKind:
    """The reservation as it stands at `now_ms`, of an inventory in that stage."""
    shown = as_it_ends(reply.reservation, stage)
    if shown.status.on_hold and now_ms >= shown.expires_at_ms:
        shown = msgspec.structs.replace(shown, status=Status.EXPIRED)
    return reply if shown is reply.reservation else msgspec.structs.replace(reply, reservation=shown)


def stage_in_list(found: FoundReservation, status: Status | None) -> Stage:
    """By which one of a list is shown. Those of one status are found by what their rows say, and shown so."""
    return found.stage if status is None else Stage.PUBLISHED


def event_view(reply: EventReply, placement: Placement | UnsetType = UNSET) -> EventView:
    terms = reply.terms
    return EventView(
        id=reply.id,
        name=terms.name,
        starts_at=rfc3339(terms.starts_at_ms),
        ends_at=rfc3339_or_none(terms.ends_at_ms),
        venue=terms.venue,
        city=terms.city,
        description=terms.description,
        sales_start=rfc3339_or_none(terms.sales_start_ms),
        sales_end=rfc3339_or_none(terms.sales_end_ms),
        capacity=terms.capacity,
        hold_duration_s=terms.hold_duration_s,
        hold_extensions_max=terms.hold_extensions_max,
        max_per_customer=terms.max_per_customer,
        cancel_until=rfc3339_or_none(terms.cancel_until_ms),
        guests=terms.guests,
        paused=reply.paused,
        version=reply.version,
        seating=_seating(terms.seating),
        ticket_types=ticket_type_views(reply),
        status=reply.stage,
        one_per_customer=terms.one_per_customer,
        listed=terms.listed,
        payment=terms.payment,
        cancel_keeps_percent=terms.cancel_keeps_percent,
        postponed_refund_days=terms.postponed_refund_days,
        moved_at=rfc3339_or_none(terms.moved_ms),
        reservations=reply.reservations,
        organiser_id=terms.organiser_id,
        time_zone=terms.time_zone,
        placement=placement,
    )


def _seating(seating: Seating | None) -> SeatingView | None:
    if seating is None:
        return None
    own = [OwnCategoryView(category, seats) for category, seats in seating.overrides]
    return SeatingView(seating.venue_id, seating.plan_id, own)


def ticket_type_views(reply: EventReply) -> list[TicketTypeView]:
    """An event's ticket types in the operator's order, each with its counts."""
    counts = {entry.code: entry for entry in reply.counts}
    return [_ticket_type(kind, counts[kind.code], reply.terms.currency) for kind in reply.terms.ticket_types]


def _ticket_type(kind: TicketType, counts: TypeCounts, currency: str) -> TicketTypeView:
    return TicketTypeView(
        kind.code,
        kind.name,
        kind.quota,
        MoneyView(kind.price, currency),
        kind.max_per_order,
        counts.available,
        counts.held,
        counts.confirmed,
        kind.categories,
    )


def availability(found: Availability) -> bytes:
    """An event's counts as JSON."""
    counts = [_counts(entry) for entry in found.ticket_types]
    return encode(AvailabilityView(found.event_id, found.sequence, counts))


def availability_delta(found: Availability, since: int, changed: Iterable[TypeCounts]) -> bytes:
    """What has changed of them since a sequence, as JSON."""
    counts = [_counts(entry) for entry in changed]
    return encode(AvailabilityDelta(found.event_id, found.sequence, since, counts))


def _counts(entry: TypeCounts) -> CountsView:
    return CountsView(entry.code, entry.quota, entry.available, entry.held, entry.confirmed)


def page(items: list[Any], following: str | None) -> bytes:
    """A part of a list as JSON."""
    return encode(Page(items, following))
