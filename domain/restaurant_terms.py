"""A restaurant's terms: what a change makes of them, and when they do not fit together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from domain.local_time import DAY_MAX, DAY_MIN, MINUTES_OF_DAY, known_zone
from domain.messages import Code, Rejected
from domain.restaurant_messages import Deposit, Join, RestaurantChange, RestaurantTerms, SpecialDay, Table

TABLES_MAX = 500
JOINS_MAX = 500
JOINED_TABLES_MAX = 12
SERVICES_MAX = 42
"""Six on each weekday."""
SPECIAL_DAYS_MAX = 400
SERVICES_OF_DAY_MAX = 6
STAYS_MAX = 20
PARTY_MAX_PERSONS = 500
CLOSES_MAX_MINUTE = 2 * MINUTES_OF_DAY
DEPOSIT_MAX = 1_000_000_000
"""In minor units, for each cover or reservation."""

BOUNDS: dict[str, tuple[int, int]] = {
    "party_smallest": (1, PARTY_MAX_PERSONS),
    "party_largest": (1, PARTY_MAX_PERSONS),
    "days_ahead_max": (0, 730),
    "notice_same_day_minutes": (0, 1_440),
    "notice_minutes": (0, 43_200),
    "stay_minutes": (15, 720),
    "buffer_minutes": (0, 240),
    "cancel_until_minutes": (0, 43_200),
    "hold_duration_s": (10, 86_400),
    "hold_extensions_max": (0, 100),
    "covers_per_slot_max": (1, 10_000),
    "no_show_grace_minutes": (0, 240),
    "score_start": (-1_000_000, 1_000_000),
    "score_no_show": (-1_000_000, 0),
    "score_visit": (0, 1_000_000),
    "min_score": (-1_000_000, 1_000_000),
}
"""Smallest and largest of every setting that is a number."""
SLOT_GRIDS_MINUTES = (5, 10, 15, 20, 30, 60)

Errors = tuple[tuple[str, str], ...]
Found = Iterator[tuple[str, str]]


def changed_terms(terms: RestaurantTerms, change: RestaurantChange) -> RestaurantTerms | Rejected:
    """The terms after a change, or an `invalid` that names what is wrong with it."""
    plain: dict[str, Any] = {
        name: getattr(change, name)
        for name in change.__struct_fields__
        if name not in ("tables", "removed_tables") and getattr(change, name) is not UNSET
    }
    tables = {table.id: table for table in terms.tables}
    unknown = [table_id for table_id in change.removed_tables if tables.pop(table_id, None) is None]
    both = {table.id for table in change.tables} & set(change.removed_tables)
    if unknown or both:
        return _invalid((("removed_tables", "Each a table that there is, and not given anew."),))
    tables |= {table.id: table for table in change.tables}
    after = replace(terms, **plain, tables=tuple(tables.values()))
    errors = flaws(after)
    return _invalid(errors) if errors else after


def _invalid(errors: Errors) -> Rejected:
    return Rejected(Code.INVALID, "The restaurant's terms do not fit together.", errors=errors)


def flaws(terms: RestaurantTerms) -> Errors:
    """What is wrong with terms, as (path, message) pairs; nothing if they are sound."""
    return (
        *_of_numbers(terms),
        *_of_hours(terms),
        *_of_tables(terms.tables),
        *_of_joins(terms),
        *_of_stays(terms),
        *_of_deposit(terms.deposit),
    )


def _of_numbers(terms: RestaurantTerms) -> Found:
    for name, (least, most) in BOUNDS.items():
        value = getattr(terms, name)
        if value is not None and not least <= value <= most:
            yield name, f"From {least} to {most}."
    if terms.slot_grid_minutes not in SLOT_GRIDS_MINUTES:
        yield "slot_grid_minutes", f"One of {', '.join(map(str, SLOT_GRIDS_MINUTES))}."
    if terms.party_largest < terms.party_smallest:
        yield "party_largest", "At least party_smallest."
    if not known_zone(terms.time_zone):
        yield "time_zone", "Not a time zone of the IANA database."


def _of_deposit(deposit: Deposit | None) -> Found:
    if deposit is None:
        return
    if not 1 <= deposit.amount <= DEPOSIT_MAX:
        yield "deposit.amount", f"From 1 to {DEPOSIT_MAX}."
    if not 1 <= deposit.from_party_size <= PARTY_MAX_PERSONS:
        yield "deposit.from_party_size", f"From 1 to {PARTY_MAX_PERSONS}."


def _of_hours(terms: RestaurantTerms) -> Found:
    if len(terms.services) > SERVICES_MAX:
        yield "services", f"At most {SERVICES_MAX}."
    for at, service in enumerate(terms.services):
        if not 0 <= service.weekday <= 6:
            yield f"services[{at}].weekday", "From 0, Monday, to 6."
        if not _sound(service.opens_minute, service.closes_minute):
            yield f"services[{at}]", _WRONG_SERVICE
    for weekday in range(7):
        day = [(one.opens_minute, one.closes_minute) for one in terms.services if one.weekday == weekday]
        if _overlap(day):
            yield "services", "The services of a day must not overlap."
    yield from _of_special_days(terms.special_days)


def _of_special_days(days: tuple[SpecialDay, ...]) -> Found:
    if len(days) > SPECIAL_DAYS_MAX or len({special.day for special in days}) < len(days):
        yield "special_days", f"Each date once, and at most {SPECIAL_DAYS_MAX}."
    for at, special in enumerate(days):
        if not DAY_MIN <= special.day <= DAY_MAX:
            yield f"special_days[{at}].date", "From 1970-01-01 to 9998-12-31."
        if len(special.services) > SERVICES_OF_DAY_MAX:
            yield f"special_days[{at}].services", f"At most {SERVICES_OF_DAY_MAX}."
        if not all(_sound(*service) for service in special.services):
            yield f"special_days[{at}].services", _WRONG_SERVICE
        if _overlap(special.services):
            yield f"special_days[{at}].services", "The services of a day must not overlap."


def _sound(opens_minute: int, closes_minute: int) -> bool:
    return 0 <= opens_minute < MINUTES_OF_DAY and opens_minute < closes_minute <= CLOSES_MAX_MINUTE


_WRONG_SERVICE = "Opens within the day, and closes after that, at the latest with the next day."


def _overlap(services: Iterable[tuple[int, int]]) -> bool:
    in_order = sorted(services)
    return any(one[1] > following[0] for one, following in pairwise(in_order))


def _of_tables(tables: tuple[Table, ...]) -> Found:
    if not 1 <= len(tables) <= TABLES_MAX:
        yield "tables", f"From 1 to {TABLES_MAX} tables."
    for name in ("id", "number"):
        if len({getattr(table, name) for table in tables}) < len(tables):
            yield "tables", f"Each {name} once."
    for at, table in enumerate(tables):
        if not 1 <= table.smallest <= table.largest <= PARTY_MAX_PERSONS:
            yield f"tables[{at}]", f"From 1 to {PARTY_MAX_PERSONS} persons, the smallest party first."


def _of_joins(terms: RestaurantTerms) -> Found:
    known = {table.id for table in terms.tables}
    if len(terms.joins) > JOINS_MAX:
        yield "joins", f"At most {JOINS_MAX}."
    if len({frozenset(join.tables) for join in terms.joins}) < len(terms.joins):
        yield "joins", "The same tables only once."
    for at, join in enumerate(terms.joins):
        if not _joinable(join, known):
            yield f"joins[{at}].tables", f"From 2 to {JOINED_TABLES_MAX} different tables of the restaurant."
        if not 1 <= join.smallest <= join.largest <= PARTY_MAX_PERSONS:
            yield f"joins[{at}]", f"From 1 to {PARTY_MAX_PERSONS} persons, the smallest party first."


def _joinable(join: Join, known: set[str]) -> bool:
    tables = set(join.tables)
    return 2 <= len(join.tables) <= JOINED_TABLES_MAX and len(tables) == len(join.tables) and tables <= known


def _of_stays(terms: RestaurantTerms) -> Found:
    least, most = BOUNDS["stay_minutes"]
    sizes = [stay.party_largest for stay in terms.stays]
    if len(sizes) > STAYS_MAX or sizes != sorted(set(sizes)):
        yield "stays", f"At most {STAYS_MAX}, by rising party size."
    for at, stay in enumerate(terms.stays):
        if not least <= stay.stay_minutes <= most or not 1 <= stay.party_largest <= PARTY_MAX_PERSONS:
            yield f"stays[{at}]", f"From {least} to {most} minutes, for up to {PARTY_MAX_PERSONS} persons."
