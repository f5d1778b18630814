"""A restaurant's payload as the terms that the rules know, and a patch as a change of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET

from domain.restaurant_messages import (
    Deposit,
    Join,
    RestaurantChange,
    RestaurantTerms,
    Service,
    SpecialDay,
    StayOfParty,
    Table,
)
from server.ids import parse_id, uuid7
from server.payloads_restaurants import (
    GivenDeposit,
    GivenJoin,
    GivenService,
    GivenSpecialDay,
    NewRestaurant,
    NewTable,
    RestaurantPatch,
    TablePatch,
)
from server.problems import invalid
from server.views_restaurants import day_of, minute_of

_OWN_SHAPE = ("services", "special_days", "tables", "joins", "stays", "removed_tables", "deposit")
_NO_TERMS = ("placement", "expected_crowd", "status", "move", "organiser_id")
_DAY_MINUTES = 1_440


def terms_of(wanted: NewRestaurant, now_ms: int, organiser_id: str | None = None) -> RestaurantTerms:
    """Its tables get their ids here."""
    tables = tuple(_table(uuid7(now_ms), table) for table in wanted.tables)
    plain = _plain(wanted)
    return RestaurantTerms(
        **plain,
        organiser_id=organiser_id,
        tables=tables,
        services=_services(wanted.services),
        special_days=_special_days(wanted.special_days),
        joins=_joins(wanted.joins, {table.number: table.id for table in tables}),
        stays=tuple(StayOfParty(stay.party_largest, stay.stay_minutes) for stay in wanted.stays),
        deposit=_deposit(wanted.deposit),
    )


def change_of(wanted: RestaurantPatch, present: RestaurantTerms, now_ms: int) -> RestaurantChange:
    """What was given, under the rules' names. `present` knows the ids of tables."""
    given = _plain(wanted)
    tables = tuple(_table(_id_of(at, table, now_ms), table) for at, table in enumerate(wanted.tables))
    if wanted.services is not UNSET:
        given["services"] = _services(wanted.services)
    if wanted.special_days is not UNSET:
        given["special_days"] = _special_days(wanted.special_days)
    if wanted.stays is not UNSET:
        given["stays"] = tuple(StayOfParty(stay.party_largest, stay.stay_minutes) for stay in wanted.stays)
    if wanted.deposit is not UNSET:
        given["deposit"] = _deposit(wanted.deposit)
    if wanted.joins is not UNSET:
        ids = {table.number: table.id for table in (*present.tables, *tables)}
        given["joins"] = _joins(wanted.joins, ids)
    removed = tuple(_known(f"removed_tables[{at}]", text) for at, text in enumerate(wanted.removed_tables))
    return RestaurantChange(**given, tables=tables, removed_tables=removed)


def _plain(wanted: NewRestaurant | RestaurantPatch) -> dict[str, Any]:
    names = [name for name in wanted.__struct_fields__ if name not in _OWN_SHAPE + _NO_TERMS]
    values = {name: getattr(wanted, name) for name in names}
    return {name: value for name, value in values.items() if value is not UNSET}


def _id_of(position: int, table: TablePatch, now_ms: int) -> str:
    return uuid7(now_ms) if table.id is None else _known(f"tables[{position}].id", table.id)


def _known(path: str, text: str) -> str:
    found = parse_id(text)
    if found is None:
        raise invalid(path, "Not an id.")
    return found


def _table(table_id: str, given: NewTable) -> Table:
    return Table(
        table_id, given.number, given.smallest, given.largest, given.area, given.traits, given.active
    )


def _deposit(given: GivenDeposit | None) -> Deposit | None:
    if given is None:
        return None
    money = given.amount
    return Deposit(money.amount, money.currency, given.per, given.from_party_size, given.after_visit)


def _services(given: Sequence[GivenService]) -> tuple[Service, ...]:
    return tuple(Service(one.weekday, *_span(one.opens, one.closes)) for one in given)


def _special_days(given: Sequence[GivenSpecialDay]) -> tuple[SpecialDay, ...]:
    return tuple(
        SpecialDay(
            day_of(one.date), tuple(_span(span.opens, span.closes) for span in one.services), one.reason
        )
        for one in given
    )


def _span(opens: str, closes: str) -> tuple[int, int]:
    first, last = minute_of(opens), minute_of(closes)
    return first, last if last > first else last + _DAY_MINUTES


def _joins(given: Sequence[GivenJoin], ids: Mapping[str, str]) -> tuple[Join, ...]:
    for at, join in enumerate(given):
        for number in join.tables:
            if number not in ids:
                raise invalid(f"joins[{at}].tables", f"There is no table {number}.")
    return tuple(
        Join(tuple(ids[number] for number in join.tables), join.smallest, join.largest) for join in given
    )
