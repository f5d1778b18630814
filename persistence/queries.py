"""The queries of the read side, written in SQLAlchemy and compiled once.

They name columns of `persistence.schema`, so a column that goes takes its queries with it. What runs is the
text, on a plain asyncpg connection.

A page of an event's reservations is ordered by id, over an index (inventory, live, id): the live ones and
the ended ones are two ranges of it, each read in order and merged. Both are compared as one key, so that
no plan prefers to walk through everybody's reservations by id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Integer,
    LargeBinary,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, asyncpg, distinct_on

from domain.event_messages import Status
from persistence.rows import LAST_ID, TERMS_COLUMNS, TYPES_JSON
from persistence.schema.base import ID
from persistence.schema.events import events, plans, tickets, venues
from persistence.schema.inventories import inventories, secrets
from persistence.schema.reservations import START_MS, reservations
from persistence.schema.restaurants import diners, guests, restaurants

_dialect = asyncpg.dialect()  # type: ignore[no-untyped-call]


class Query:
    """A statement as text, and the order its parameters have there."""

    def __init__(self, statement: Select[Any] | CompoundSelect[Any]) -> None:
        compiled = statement.compile(dialect=_dialect)
        self.sql = str(compiled)
        self._names = tuple(compiled.positiontup or ())
        self._constants = compiled.params

    def values(self, given: Mapping[str, object]) -> list[object]:
        return [given[name] if name in given else self._constants[name] for name in self._names]


inventory = inventories.alias("i")
_types = literal_column(TYPES_JSON, Text).label("types")
event_rows = select(
    cast(inventory.c.id, Text).label("id"),
    events.c.version,
    events.c.paused,
    events.c.stage,
    *(events.c[name] for name in TERMS_COLUMNS),
    inventory.c.capacity,
    inventory.c.live,
    inventory.c.live_reservations,
    _types,
).select_from(inventory.join(events, (events.c.id == inventory.c.id) & ~events.c.deleted))

EVENT = Query(event_rows.where(inventory.c.id == bindparam("id", type_=ID)))

AVAILABILITY = Query(
    select(inventory.c.seq, inventory.c.live, inventory.c.capacity, events.c.stage, _types)
    .select_from(inventory.outerjoin(events, events.c.id == inventory.c.id))
    .where(inventory.c.id == bindparam("id", type_=ID), events.c.deleted.is_not(True))
)
"""Of a restaurant its sequence: it has neither a stage nor types."""

BELONGS = Query(
    union_all(
        *(
            select(literal(kind, type_=Text).label("kind"), relation.c.organiser_id).where(
                relation.c.id == bindparam("id", type_=ID)
            )
            for kind, relation in (("event", events), ("restaurant", restaurants))
        )
    )
)
"""What an inventory is, and to which organiser it belongs; deleted or not, for that never changes."""

_STORED = (
    cast(reservations.c.id, Text).label("id"),
    reservations.c.status,
    reservations.c.expires_ms,
    reservations.c.lines,
    reservations.c.customer,
    reservations.c.created_ms,
    reservations.c.extensions,
    reservations.c.contact,
    cast(reservations.c.payment_id, Text).label("payment_id"),
    reservations.c.hold_ends_ms,
    reservations.c.kept,
)

RESERVATION = Query(
    select(
        *_STORED,
        cast(reservations.c.inventory_id, Text).label("inventory_id"),
        events.c.currency,
        func.coalesce(events.c.stage, restaurants.c.stage).label("stage"),
    )
    .select_from(
        reservations.outerjoin(events, events.c.id == reservations.c.inventory_id).outerjoin(
            restaurants, restaurants.c.id == reservations.c.inventory_id
        )
    )
    .where(reservations.c.id == bindparam("id", type_=ID))
)

PRESENT_PLAN = Query(
    select(cast(plans.c.id, Text), plans.c.plan)
    .join(venues, venues.c.id == plans.c.venue_id)
    .where(venues.c.id == bindparam("venue_id", type_=ID), venues.c.removed_ms.is_(None))
    .order_by(plans.c.number.desc())
    .limit(1)
)

restaurant_rows = select(
    cast(restaurants.c.id, Text).label("id"),
    restaurants.c.version,
    restaurants.c.paused,
    restaurants.c.stage,
    restaurants.c.terms,
).where(~restaurants.c.deleted)

RESTAURANT = Query(restaurant_rows.where(restaurants.c.id == bindparam("id", type_=ID)))

FOUND_GUESTS = Query(
    select(
        reservations.c.contact,
        func.coalesce(guests.c.visits, 0),
        func.coalesce(guests.c.cancellations, 0),
        func.coalesce(guests.c.no_shows, 0),
    )
    .ext(distinct_on(reservations.c.customer))
    .select_from(
        diners.join(reservations, reservations.c.id == diners.c.reservation_id).outerjoin(
            guests,
            (guests.c.inventory_id == diners.c.inventory_id) & (guests.c.customer == reservations.c.customer),
        )
    )
    .where(
        diners.c.inventory_id == bindparam("id", type_=ID),
        diners.c.key == bindparam("key", type_=LargeBinary),
    )
    .order_by(reservations.c.customer, reservations.c.id.desc())
    .limit(bindparam("limit", type_=Integer))
)
"""Who made a restaurant's reservations under a key, each with the contact of the last one."""

LISTED_OF = Query(
    union_all(
        select(events.c.currency, events.c.stage).where(events.c.id == bindparam("id", type_=ID)),
        select(null(), restaurants.c.stage).where(restaurants.c.id == bindparam("id", type_=ID)),
    )
)
"""What all reservations of an event, or of a restaurant, have in common; these bring their own currency."""

SECRET = Query(select(secrets.c.value).where(secrets.c.name == bindparam("name", type_=Text)))


def _range(live: bool, *conditions: ColumnElement[bool]) -> Select[Any]:
    key = (reservations.c.inventory_id, reservations.c.live, reservations.c.id)
    event_id, after = bindparam("event_id", type_=ID), bindparam("after", type_=ID)
    return (
        select(*_STORED)
        .where(
            tuple_(*key) > tuple_(event_id, literal(live), after),
            tuple_(*key) < tuple_(event_id, literal(live), literal(LAST_ID, ID)),
            *conditions,
        )
        .order_by(*key)
        .limit(bindparam("limit", type_=Integer))
    )


def _both(first: Select[Any], second: Select[Any]) -> CompoundSelect[Any]:
    merged = union_all(first.subquery().select(), second.subquery().select())
    return merged.order_by(literal_column("id")).limit(bindparam("limit", type_=Integer))


def _of_status(status: Status | None, *others: ColumnElement[bool]) -> Query:
    """A hold past its end counts as expired, whatever its row still says. `others`: further conditions."""
    over = reservations.c.expires_ms <= bindparam("now_ms", type_=BigInteger)
    on_hold = or_(*(reservations.c.status == one.value for one in Status if one.on_hold))
    same = reservations.c.status == (status or "")
    match status:
        case None:
            return Query(_both(_range(True, *others), _range(False, *others)))
        case Status.EXPIRED:
            return Query(_both(_range(True, on_hold, over, *others), _range(False, same, *others)))
        case Status.HELD | Status.PAYING:
            return Query(_range(True, same, ~over, *others))
        case _:
            return Query(_range(status.live, same, *others))


def _made_at(live: bool) -> Select[Any]:
    key = tuple_(reservations.c.inventory_id, reservations.c.live, reservations.c.id)
    event_id = bindparam("event_id", type_=ID)
    return select(cast(reservations.c.id, Text).label("id")).where(
        key >= tuple_(event_id, literal(live), bindparam("first", type_=ID)),
        key <= tuple_(event_id, literal(live), bindparam("last", type_=ID)),
        reservations.c.customer == bindparam("customer", type_=LargeBinary),
    )


_status = reservations.c.status
DOOR = Query(_range(True, (_status == Status.CONFIRMED.value) | (_status == Status.CHECKED_IN.value)))
"""Those of an event that have tickets."""

TICKETS_OF = Query(
    select(
        cast(tickets.c.reservation_id, Text),
        tickets.c.number,
        tickets.c.generation,
        tickets.c.holder,
        tickets.c.contact,
        tickets.c.entered_ms,
        tickets.c.entered_by,
        tickets.c.gate,
        tickets.c.device,
    ).where(
        tickets.c.inventory_id == bindparam("event_id", type_=ID),
        tickets.c.reservation_id == any_(bindparam("ids", type_=ARRAY(ID))),
    )
)
"""Of these reservations, as `persistence.rows.ticket_of` reads them."""

MADE_AT = Query(union_all(_made_at(True), _made_at(False)))
"""Of one customer: those whose ids lie between two."""

RESERVATIONS = {status: _of_status(status) for status in (None, *Status)}

_start_ms = literal_column(START_MS, BigInteger)
_on_day = (
    reservations.c.inventory_id == bindparam("event_id", type_=ID),
    _start_ms >= bindparam("since_ms", type_=BigInteger),
    _start_ms < bindparam("until_ms", type_=BigInteger),
)
_table_id = bindparam("table_id", type_=Text)
_at_table = or_(_table_id.is_(None), cast(reservations.c.lines["tables"], JSONB).bool_op("?")(_table_id))
_of_key = reservations.c.id.in_(
    select(diners.c.reservation_id).where(
        diners.c.inventory_id == bindparam("event_id", type_=ID),
        diners.c.key == bindparam("key", type_=LargeBinary),
    )
)


def _stays_on(status: Status | None) -> Query:
    """Found along their starts and sorted by id: there are few on a day. OFFSET 0: in that order."""
    of_day = select(*_STORED).where(*_on_day, _at_table, *_shown_as(status)).offset(literal_column("0"))
    found = of_day.subquery("of_day")
    limit = bindparam("limit", type_=Integer)
    after = found.c.id > cast(bindparam("after", type_=ID), Text)
    return Query(select(found).where(after).order_by(found.c.id).limit(limit))


def _shown_as(status: Status | None) -> tuple[ColumnElement[bool], ...]:
    """Of live and ended ones together: a hold past its end counts as expired."""
    over = reservations.c.expires_ms <= bindparam("now_ms", type_=BigInteger)
    on_hold = or_(*(reservations.c.status == one.value for one in Status if one.on_hold))
    same = reservations.c.status == (status or "")
    match status:
        case None:
            return ()
        case Status.EXPIRED:
            return (or_(same, and_(on_hold, over)),)
        case Status.HELD | Status.PAYING:
            return same, ~over
        case _:
            return (same,)


STAYS = {status: _of_status(status, _at_table) for status in (None, *Status)}
"""Of a restaurant: those who have that table, if one is named."""
STAYS_ON = {status: _stays_on(status) for status in (None, *Status)}
"""The same of those whose stay begins within a time."""
STAYS_OF = {status: _of_status(status, *_on_day[1:], _at_table, _of_key) for status in (None, *Status)}
"""Of one guest, by a key of theirs; and within a time."""
