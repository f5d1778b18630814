"""The lists of events and restaurants: a query for each shape of a question, compiled once.

A page begins behind a place: the key it is sorted by, and the id. What is added meanwhile shifts nothing.
Each order has an index, and a page walks along it until it is full; the longest way is that of a question
which finds nothing. An index over words would shorten that one alone, and no planner can tell which it is.
What is available is looked up type by type in the rows that the sale itself updates: an index over their
counts would make each of those updates dearer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BinaryExpression,
    Column,
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    not_,
    or_,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from domain.catalogue import Kind, Order, Part, Place, Wanted, WantedRestaurants, Words
from domain.event_messages import Stage
from domain.local_time import weekday
from persistence.queries import Query, event_rows, inventory, restaurant_rows
from persistence.schema.base import ID
from persistence.schema.events import events, ticket_types
from persistence.schema.restaurants import restaurants
from persistence.words import tsquery

SHAPES_KEPT_MAX = 512
Given = dict[str, object]
"""By the names of conditions: what they compare with, if anything."""


@dataclass(frozen=True, eq=False)
class Listing:
    """A list: its rows, what they can be sorted by, and the conditions that a question may name."""

    rows: Select[Any]
    id: Column[Any]
    keys: Mapping[str, ColumnElement[Any]]
    conditions: Mapping[str, ColumnElement[bool]]


def page_of(wanted: Wanted, after: Place | None, limit: int, now_ms: int) -> tuple[str, list[object]]:
    """The statement of a page of events, and its values."""
    given: Given = {} if wanted.everything else {"now_ms": now_ms}
    given |= _words(text=(wanted.text, None), venue=(wanted.venue, Part.VENUE), city=(wanted.city, Part.CITY))
    for name in ("starts_from_ms", "starts_until_ms", "stage", "organiser_id"):
        value = getattr(wanted, name)
        if value is not None:
            given[name] = value
    if wanted.available is not None:
        given["available" if wanted.available else "unavailable"] = True
    if wanted.kind is not None:
        given[wanted.kind.value] = True
    return _page(EVENTS, given, wanted.sort, after, limit)


def page_of_restaurants(
    wanted: WantedRestaurants, after: Place | None, limit: int
) -> tuple[str, list[object]]:
    """The statement of a page of restaurants, and its values."""
    given: Given = {} if wanted.everything else {"no_drafts": True}
    given |= _words(text=(wanted.text, None), city=(wanted.city, Part.CITY))
    for name in ("stage", "organiser_id"):
        value = getattr(wanted, name)
        if value is not None:
            given[name] = value
    if wanted.open_on is not None:
        given |= {"open_on": wanted.open_on, "weekday": 1 << weekday(wanted.open_on)}
    return _page(RESTAURANTS, given, wanted.sort, after, limit)


def _words(**wanted: tuple[Words | None, Part | None]) -> Given:
    return {name: tsquery(words, part) for name, (words, part) in wanted.items() if words is not None}


def _page(
    listing: Listing, given: Given, sort: Order, after: Place | None, limit: int
) -> tuple[str, list[object]]:
    if after is not None:
        given |= {"after": after.key, "after_id": after.id}
    query = _query(listing, frozenset(given), sort)
    return query.sql, query.values(given | {"limit": limit})


@lru_cache(SHAPES_KEPT_MAX)
def _query(listing: Listing, given: frozenset[str], sort: Order) -> Query:
    key = listing.keys[sort.by]
    place = key, listing.id
    conditions = [condition for name, condition in listing.conditions.items() if name in given]
    if "after" in given:
        after = tuple_(
            bindparam("after", type_=Text if sort.by == "name" else BigInteger),
            bindparam("after_id", type_=ID),
        )
        conditions.append(tuple_(*place) < after if sort.down else tuple_(*place) > after)
    ordered = [column.desc() if sort.down else column for column in place]
    limit = bindparam("limit", type_=Integer)
    rows = listing.rows.add_columns(key.label("sorted_by"))
    return Query(rows.where(*conditions).order_by(*ordered).limit(limit))


def _found(words: ColumnElement[Any], name: str) -> BinaryExpression[bool]:
    return words.bool_op("@@")(cast(cast(bindparam(name, type_=Text), Text), TSQUERY))


# --- events ---------------------------------------------------------------------------------------

_left = ticket_types.c.quota - ticket_types.c.held - ticket_types.c.confirmed
_seats_left = ticket_types.c.seats_left
_available = (
    exists().where(
        ticket_types.c.inventory_id == inventory.c.id,
        _left > 0,
        or_(_seats_left.is_(None), _seats_left > 0),
    )
    & (events.c.stage != Stage.CANCELLED.value)
    & or_(inventory.c.capacity.is_(None), inventory.c.live < inventory.c.capacity)
)
_starts_later = events.c.starts_at_ms > bindparam("now_ms", type_=BigInteger)
_open = and_(events.c.stage == Stage.PUBLISHED.value, _starts_later, _available)
_for_all = and_(events.c.stage != Stage.DRAFT.value, or_(events.c.listed == "always", _open))

EVENTS = Listing(
    event_rows,
    events.c.id,
    {
        "starts_at": events.c.starts_at_ms,
        "name": events.c.name_key,
        "created_at": events.c.created_ms,
    },
    {
        "starts_from_ms": events.c.starts_at_ms >= bindparam("starts_from_ms", type_=BigInteger),
        "starts_until_ms": events.c.starts_at_ms < bindparam("starts_until_ms", type_=BigInteger),
        "stage": events.c.stage == bindparam("stage", type_=Text),
        "organiser_id": events.c.organiser_id == bindparam("organiser_id", type_=Text),
        "now_ms": _for_all,
        "available": _available,
        "unavailable": not_(_available),
        Kind.SEATED.value: events.c.seating.is_not(None),
        Kind.STANDING.value: events.c.seating.is_(None),
        **{name: _found(events.c.words, name) for name in ("text", "venue", "city")},
    },
)

# --- restaurants ----------------------------------------------------------------------------------

_day = bindparam("open_on", type_=Integer)
_weekday = restaurants.c.weekdays.op("&")(bindparam("weekday", type_=Integer))

RESTAURANTS = Listing(
    restaurant_rows,
    restaurants.c.id,
    {"name": restaurants.c.name_key, "created_at": restaurants.c.created_ms},
    {
        "stage": restaurants.c.stage == bindparam("stage", type_=Text),
        "organiser_id": restaurants.c.organiser_id == bindparam("organiser_id", type_=Text),
        "no_drafts": restaurants.c.stage != Stage.DRAFT.value,
        "open_on": or_(
            _day == any_(restaurants.c.special_open),
            and_(_weekday != 0, not_(_day == any_(restaurants.c.special_closed))),
        ),
        **{name: _found(restaurants.c.words, name) for name in ("text", "city")},
    },
)
