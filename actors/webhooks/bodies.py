"""What a fact says outside: its kind, and a body that names no person.

A body has what changed, and of whom only the reservation's id: who may see more asks for it (`GET
/api/v1/reservations/{id}`). So what a receiver keeps has nothing that an erasure would have to reach, and no
key, token or code leaves this way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from domain.endpoints import FactKind
from domain.event_messages import (
    EventCancelled,
    EventChanged,
    EventClosed,
    EventCreated,
    EventDeleted,
    EventPublished,
    HoldChanged,
    HoldExpired,
    HoldExtended,
    HoldPlaced,
    HoldReleased,
    Line,
    PaymentBegun,
    PaymentFailed,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationPaid,
    ReservationReduced,
    ReservationRetaken,
    ReservationSold,
    ReservationVoided,
    SalePaused,
    SaleResumed,
    SeatsBlocked,
    SeatsUnblocked,
)
from domain.kinds import Fact
from domain.restaurant_messages import (
    NoShowMarked,
    PartySeated,
    ReservationMoved,
    RestaurantCancelled,
    RestaurantChanged,
    RestaurantClosed,
    RestaurantCreated,
    RestaurantDeleted,
    RestaurantPublished,
    StayCompleted,
    StayProlonged,
    TableHeld,
    TableRetaken,
    WalkInSeated,
)
from domain.ticket_messages import CheckInUndone, TicketCheckedIn, TicketReissued, TicketTransferred

Said = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a fact stands: of an event or a restaurant (`kind`), in which append, and where in that."""

    inventory_id: str
    kind: str
    seq: int
    position: int


def _nothing(_fact: Any) -> Said:
    return {}


def _terms(fact: EventCreated | EventChanged) -> Said:
    terms = fact.terms
    return {
        "name": terms.name,
        "starts_at": _moment(terms.starts_at_ms),
        "ends_at": _moment(terms.ends_at_ms),
        "venue": terms.venue,
        "city": terms.city,
    }


def _restaurant(fact: RestaurantCreated | RestaurantChanged) -> Said:
    return {"name": fact.terms.name, "time_zone": fact.terms.time_zone}


def _seats(fact: SeatsBlocked | SeatsUnblocked) -> Said:
    return {"seats": fact.seats}


def _lines(lines: Sequence[Line]) -> list[Said]:
    return [
        {"ticket_type": line.ticket_type, "quantity": line.quantity, "seats": line.seats} for line in lines
    ]


def _held(fact: HoldPlaced) -> Said:
    return {"lines": _lines(fact.lines), "expires_at": _moment(fact.expires_at_ms)}


def _of_lines(fact: HoldChanged | ReservationReduced) -> Said:
    return {"lines": _lines(fact.lines)}


def _extended(fact: HoldExtended) -> Said:
    return {"expires_at": _moment(fact.expires_at_ms)}


def _payment(fact: PaymentBegun | PaymentFailed | ReservationPaid) -> Said:
    return {"payment_id": fact.payment_id}


def _retaken(fact: ReservationRetaken) -> Said:
    return {"payment_id": fact.payment_id, "lines": _lines(fact.reservation.lines)}


def _table_retaken(fact: TableRetaken) -> Said:
    stay = fact.reservation
    times = {"starts_at": _moment(stay.start_ms), "ends_at": _moment(stay.end_ms)}
    return {"payment_id": fact.payment_id, "tables": stay.tables, **times, "party_size": stay.party_size}


def _stay(fact: TableHeld | ReservationMoved | WalkInSeated) -> Said:
    return {
        "tables": fact.tables,
        "starts_at": _moment(fact.start_ms),
        "ends_at": _moment(fact.end_ms),
        "party_size": fact.party_size,
    }


def _table_held(fact: TableHeld) -> Said:
    return {**_stay(fact), "expires_at": _moment(fact.expires_at_ms)}


def _prolonged(fact: StayProlonged) -> Said:
    return {"ends_at": _moment(fact.end_ms), "warned": fact.warned}


def _ticket(fact: CheckInUndone | TicketTransferred | TicketReissued) -> Said:
    return {"ticket": fact.number}


def _entry(fact: TicketCheckedIn) -> Said:
    return {"ticket": fact.number, "entered_at": _moment(fact.entry.at_ms), "gate": fact.entry.gate}


TOLD: Mapping[type, tuple[FactKind, Callable[[Any], Said]]] = {
    EventCreated: (FactKind.EVENT_CREATED, _terms),
    EventChanged: (FactKind.EVENT_CHANGED, _terms),
    EventPublished: (FactKind.EVENT_PUBLISHED, _nothing),
    EventClosed: (FactKind.EVENT_CLOSED, _nothing),
    EventCancelled: (FactKind.EVENT_CANCELLED, _nothing),
    EventDeleted: (FactKind.EVENT_DELETED, _nothing),
    RestaurantCreated: (FactKind.RESTAURANT_CREATED, _restaurant),
    RestaurantChanged: (FactKind.RESTAURANT_CHANGED, _restaurant),
    RestaurantPublished: (FactKind.RESTAURANT_PUBLISHED, _nothing),
    RestaurantClosed: (FactKind.RESTAURANT_CLOSED, _nothing),
    RestaurantCancelled: (FactKind.RESTAURANT_CANCELLED, _nothing),
    RestaurantDeleted: (FactKind.RESTAURANT_DELETED, _nothing),
    SalePaused: (FactKind.SALE_PAUSED, _nothing),
    SaleResumed: (FactKind.SALE_RESUMED, _nothing),
    SeatsBlocked: (FactKind.SEATS_BLOCKED, _seats),
    SeatsUnblocked: (FactKind.SEATS_UNBLOCKED, _seats),
    HoldPlaced: (FactKind.HOLD_PLACED, _held),
    TableHeld: (FactKind.HOLD_PLACED, _table_held),
    HoldChanged: (FactKind.HOLD_CHANGED, _of_lines),
    HoldExtended: (FactKind.HOLD_EXTENDED, _extended),
    HoldReleased: (FactKind.HOLD_RELEASED, _nothing),
    HoldExpired: (FactKind.HOLD_EXPIRED, _nothing),
    ReservationConfirmed: (FactKind.CONFIRMED, _nothing),
    ReservationSold: (FactKind.SOLD, lambda fact: {"paid": fact.paid}),
    ReservationPaid: (FactKind.PAID, _payment),
    ReservationRetaken: (FactKind.RETAKEN, _retaken),
    TableRetaken: (FactKind.RETAKEN, _table_retaken),
    ReservationReduced: (FactKind.REDUCED, _of_lines),
    ReservationMoved: (FactKind.MOVED, _stay),
    ReservationCancelled: (FactKind.CANCELLED, _nothing),
    ReservationVoided: (FactKind.VOIDED, _nothing),
    PartySeated: (FactKind.SEATED, lambda fact: {"starts_at": _moment(fact.start_ms)}),
    WalkInSeated: (FactKind.WALKED_IN, _stay),
    StayProlonged: (FactKind.PROLONGED, _prolonged),
    StayCompleted: (FactKind.COMPLETED, _nothing),
    NoShowMarked: (FactKind.NO_SHOW, _nothing),
    PaymentBegun: (FactKind.PAYMENT_BEGUN, _payment),
    PaymentFailed: (FactKind.PAYMENT_FAILED, _payment),
    TicketCheckedIn: (FactKind.CHECKED_IN, _entry),
    CheckInUndone: (FactKind.CHECK_IN_UNDONE, _ticket),
    TicketTransferred: (FactKind.TRANSFERRED, _ticket),
    TicketReissued: (FactKind.REISSUED, _ticket),
}
"""Of each fact that there is, what it is called and what is said of it."""


def kind_of(fact: Fact) -> FactKind:
    return TOLD[type(fact)][0]


def about(fact: Fact, inventory_id: str) -> str:
    """The reservation that it is of, or else the event or restaurant."""
    return getattr(fact, "reservation_id", inventory_id)


def body_of(fact: Fact, place: Place) -> bytes:
    """As JSON. `sequence` and `position` grow from fact to fact of one event or restaurant."""
    kind, said = TOLD[type(fact)]
    whole: Said = {
        "type": kind.value,
        "at": _moment(fact.at_ms),
        f"{place.kind}_id": place.inventory_id,
        "sequence": place.seq,
        "position": place.position,
        "reservation_id": getattr(fact, "reservation_id", None),
        "data": said(fact),
    }
    return msgspec.json.encode(whole)


def _moment(at_ms: int | None) -> str | None:
    """RFC 3339."""
    if at_ms is None:
        return None
    written = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return written.replace("+00:00", "Z")
