"""An event's payload as the terms that the rules know, and a patch as a change of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from domain.event_messages import Terms, TermsChange, TicketType, TicketTypeChange
from server.payloads import EventPatch, Money, NewEvent, NewTicketType, TicketTypePatch
from server.problems import invalid
from server.seating import Counted
from server.times import TIME_MAX_MS, TIME_MIN_MS, to_ms

_MOMENTS = ("starts_at", "ends_at", "sales_start", "sales_end", "cancel_until")
_OWN_SHAPE = (*_MOMENTS, "ticket_types", "removed_ticket_types")


def terms_of(
    wanted: NewEvent,
    hold_extensions_max: int,
    seated: Counted | None = None,
    organiser_id: str | None = None,
) -> Terms:
    """All prices are of one currency: the first one's. `hold_extensions_max`: where none is given.
    `seated`: where its seats are, and how many of each category."""
    seating, seats = seated or (None, {})
    currency = wanted.ticket_types[0].price.currency
    extensions = wanted.hold_extensions_max
    return Terms(
        name=wanted.name,
        starts_at_ms=_ms("starts_at", wanted.starts_at),
        currency=currency,
        ticket_types=tuple(
            _new_type(at, kind, currency, seats) for at, kind in enumerate(wanted.ticket_types)
        ),
        ends_at_ms=_ms_or_none("ends_at", wanted.ends_at),
        venue=wanted.venue,
        city=wanted.city,
        description=wanted.description,
        sales_start_ms=_ms_or_none("sales_start", wanted.sales_start),
        sales_end_ms=_ms_or_none("sales_end", wanted.sales_end),
        capacity=wanted.capacity,
        hold_duration_s=wanted.hold_duration_s,
        max_per_customer=wanted.max_per_customer,
        cancel_until_ms=_ms_or_none("cancel_until", wanted.cancel_until),
        guests=wanted.guests,
        hold_extensions_max=hold_extensions_max if extensions is None else extensions,
        one_per_customer=wanted.one_per_customer,
        listed=wanted.listed,
        payment=wanted.payment,
        cancel_keeps_percent=wanted.cancel_keeps_percent,
        postponed_refund_days=wanted.postponed_refund_days,
        seating=seating,
        organiser_id=organiser_id,
        time_zone=wanted.time_zone,
    )


def change_of(wanted: EventPatch, currency: str) -> TermsChange:
    """What was given, under the rules' names. `currency`: the event's, which no price may differ from."""
    given: dict[str, Any] = {name: value for name, value in _given(wanted).items() if name not in _OWN_SHAPE}
    for name in _MOMENTS:
        moment: datetime | UnsetType | None = getattr(wanted, name)
        if moment is not UNSET:
            given[f"{name}_ms"] = _ms_or_none(name, moment)
    types = tuple(_changed_type(at, kind, currency) for at, kind in enumerate(wanted.ticket_types))
    return TermsChange(**given, ticket_types=types, removed_ticket_types=wanted.removed_ticket_types)


def _given(wanted: EventPatch | TicketTypePatch) -> dict[str, Any]:
    values = {name: getattr(wanted, name) for name in wanted.__struct_fields__}
    return {name: value for name, value in values.items() if value is not UNSET}


def _new_type(at: int, kind: NewTicketType, currency: str, seats: Mapping[str, int]) -> TicketType:
    price = _minor_units(at, kind.price, currency)
    quota = _quota(at, kind, seats)
    return TicketType(kind.code, kind.name, quota, price, kind.max_per_order, kind.categories)


def _quota(at: int, kind: NewTicketType, seats: Mapping[str, int]) -> int:
    """As given, or all seats of the categories, which are the most there can be."""
    path = f"ticket_types[{at}]"
    unknown = [category for category in kind.categories if category not in seats]
    if unknown:
        raise invalid(f"{path}.categories", f"The plan has no seats of category {unknown[0]}.")
    most = sum(seats[category] for category in set(kind.categories))
    if not isinstance(kind.quota, int):
        if not kind.categories:
            raise invalid(f"{path}.quota", "Needed for standing places.")
        return most
    if kind.categories and kind.quota > most:
        raise invalid(f"{path}.quota", f"There are {most} seats of these categories.")
    return kind.quota


def _changed_type(at: int, kind: TicketTypePatch, currency: str) -> TicketTypeChange:
    given = _given(kind)
    if isinstance(kind.price, Money):
        given["price"] = _minor_units(at, kind.price, currency)
    return TicketTypeChange(**given)


def _minor_units(at: int, price: Money, currency: str) -> int:
    if price.currency != currency:
        raise invalid(
            f"ticket_types[{at}].price.currency", f"An event has one currency; this one's is {currency}."
        )
    return price.amount


def _ms(name: str, moment: datetime) -> int:
    at_ms = to_ms(moment)
    if not TIME_MIN_MS <= at_ms <= TIME_MAX_MS:
        raise invalid(name, "From 1970-01-01 to 9998-12-31, UTC.")
    return at_ms


def _ms_or_none(name: str, moment: datetime | UnsetType | None) -> int | None:
    return _ms(name, moment) if isinstance(moment, datetime) else None
