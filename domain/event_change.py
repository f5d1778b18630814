"""Changing an event's terms: what a change, or another event's prices, make of them, and when terms do not
fit together."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from domain.event_messages import Copied, Terms, TermsChange, TicketType, TicketTypeChange
from domain.local_time import known_zone
from domain.messages import Code, Errors, Rejected

HOLD_DURATION_MIN_S = 10
HOLD_DURATION_MAX_S = 86_400
TICKET_TYPES_MAX = 100
QUOTA_MAX = 10_000_000
PRICE_MAX = 1_000_000_000_000
"""In minor units: the largest amount that a total of 10,000 of them still fits in 64 bits."""
HOLD_EXTENSIONS_MAX = 100
POSTPONED_REFUND_DAYS_MAX = 365


def changed_terms(terms: Terms, change: TermsChange, now_ms: int) -> Terms | Rejected:
    """The terms after a change, or an `invalid` that names what is wrong with it. A start that becomes
    another one is moved now."""
    plain: dict[str, Any] = {
        name: getattr(change, name)
        for name in change.__struct_fields__
        if name not in ("ticket_types", "removed_ticket_types") and getattr(change, name) is not UNSET
    }
    types = _changed_types(terms, change)
    if isinstance(types, Rejected):
        return types
    after = msgspec.structs.replace(terms, **plain, ticket_types=types)
    if after.starts_at_ms != terms.starts_at_ms:
        after = msgspec.structs.replace(after, moved_ms=now_ms)
    errors = flaws(after)
    return (
        Rejected(Code.INVALID, "The event's terms do not fit together.", errors=errors) if errors else after
    )


def _changed_types(terms: Terms, change: TermsChange) -> tuple[TicketType, ...] | Rejected:
    types = {kind.code: kind for kind in terms.ticket_types}
    errors = []
    codes = [kind.code for kind in change.ticket_types] + list(change.removed_ticket_types)
    if len(set(codes)) != len(codes):
        errors.append(("ticket_types", "Each ticket type once."))
    unknown = [code for code in change.removed_ticket_types if types.pop(code, None) is None]
    errors += [("removed_ticket_types", f"Unknown ticket type {code}.") for code in unknown]
    for position, wanted in enumerate(change.ticket_types):
        merged = _merged(types.get(wanted.code), wanted)
        if merged is None:
            errors.append((f"ticket_types[{position}]", "A new ticket type needs name, quota and price."))
        else:
            types[wanted.code] = merged
    if errors:
        return Rejected(Code.INVALID, "The ticket types cannot be changed so.", errors=tuple(errors))
    return tuple(types.values())


def copied_terms(terms: Terms, copied: Copied) -> Terms | Rejected:
    """The terms with another event's prices: of each ticket type that both have, what it costs and which
    seats it is for; types that only the other has are added; seats with categories of their own are the
    other's. What a type was sold for stays with what was sold."""
    if copied.ticket_types and copied.currency != terms.currency:
        wrong = ("event_id", f"An event has one currency; this one's is {terms.currency}.")
        return Rejected(Code.INVALID, "The other event has another currency.", errors=(wrong,))
    types = {kind.code: kind for kind in terms.ticket_types}
    for kind in copied.ticket_types:
        own = types.get(kind.code, kind)
        types[kind.code] = msgspec.structs.replace(own, price=kind.price, categories=kind.categories)
    after = msgspec.structs.replace(terms, ticket_types=tuple(types.values()))
    if copied.overrides is not None and after.seating is not None:
        seating = msgspec.structs.replace(after.seating, overrides=copied.overrides)
        after = msgspec.structs.replace(after, seating=seating)
    errors = flaws(after)
    return Rejected(Code.INVALID, "The prices do not fit here.", errors=errors) if errors else after


def _merged(present: TicketType | None, wanted: TicketTypeChange) -> TicketType | None:
    given: dict[str, Any] = {
        name: getattr(wanted, name) for name in wanted.__struct_fields__ if getattr(wanted, name) is not UNSET
    }
    if present is not None:
        return msgspec.structs.replace(present, **given)
    return TicketType(**given) if {"name", "quota", "price"} <= given.keys() else None


def flaws(terms: Terms) -> Errors:
    """What is wrong with terms, as (path, message) pairs; nothing if they are sound."""
    checks = [
        (
            terms.ends_at_ms is not None and terms.ends_at_ms <= terms.starts_at_ms,
            "ends_at",
            "Must be after starts_at.",
        ),
        (
            terms.sales_start_ms is not None and terms.sales_start_ms >= terms.closes_at_ms,
            "sales_start",
            "Must be before the sale's end.",
        ),
        (
            not HOLD_DURATION_MIN_S <= terms.hold_duration_s <= HOLD_DURATION_MAX_S,
            "hold_duration_s",
            f"From {HOLD_DURATION_MIN_S} to {HOLD_DURATION_MAX_S}.",
        ),
        (
            terms.capacity is not None and not 0 <= terms.capacity <= QUOTA_MAX,
            "capacity",
            f"From 0 to {QUOTA_MAX}.",
        ),
        (
            terms.max_per_customer is not None and terms.max_per_customer < 1,
            "max_per_customer",
            "At least 1.",
        ),
        (
            not 0 <= terms.hold_extensions_max <= HOLD_EXTENSIONS_MAX,
            "hold_extensions_max",
            f"From 0 to {HOLD_EXTENSIONS_MAX}.",
        ),
        (
            terms.time_zone is not None and not known_zone(terms.time_zone),
            "time_zone",
            "Not a time zone of the IANA database.",
        ),
        (not 0 <= terms.cancel_keeps_percent <= 100, "cancel_keeps_percent", "From 0 to 100."),
        (
            not 0 <= terms.postponed_refund_days <= POSTPONED_REFUND_DAYS_MAX,
            "postponed_refund_days",
            f"From 0 to {POSTPONED_REFUND_DAYS_MAX}.",
        ),
        (
            not 1 <= len(terms.ticket_types) <= TICKET_TYPES_MAX,
            "ticket_types",
            f"From 1 to {TICKET_TYPES_MAX} ticket types.",
        ),
        (
            len({kind.code for kind in terms.ticket_types}) != len(terms.ticket_types),
            "ticket_types",
            "Each ticket type once.",
        ),
        (
            terms.seating is None and any(kind.categories for kind in terms.ticket_types),
            "ticket_types",
            "Only an event with seating has seats of categories.",
        ),
    ]
    errors = [(path, message) for wrong, path, message in checks if wrong]
    for position, kind in enumerate(terms.ticket_types):
        errors += [(f"ticket_types[{position}].{field}", message) for field, message in _type_flaws(kind)]
    return tuple(errors)


def _type_flaws(kind: TicketType) -> list[tuple[str, str]]:
    checks = [
        (not 0 <= kind.quota <= QUOTA_MAX, "quota", f"From 0 to {QUOTA_MAX}."),
        (not 0 <= kind.price <= PRICE_MAX, "price", f"From 0 to {PRICE_MAX}."),
        (kind.max_per_order is not None and kind.max_per_order < 1, "max_per_order", "At least 1."),
        (len(set(kind.categories)) != len(kind.categories), "categories", "Each category once."),
    ]
    return [(field, message) for wrong, field, message in checks if wrong]
