"""The list of events: a query for each shape of a question, compiled once.

A page begins behind a place: the key it is sorted by, and the id. What is added meanwhile shifts nothing.
Each order has an index, and a page walks along it until it is full; the longest way is that of a question
which finds nothing. An index over words would shorten that one alone, and no planner can tell which it is.
What is available is looked up type by type in the rows that the sale itself updates: an index over their
counts would make each of those updates dearer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BinaryExpression,
    ColumnElement,
    Integer,
    Text,
    and_,
    bindparam,
    cast,
    exists,
    not_,
    or_,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from domain.catalogue import Part, Place, Sort, Wanted
from domain.event_messages import Stage
from persistence.queries import Query, event_rows, inventory
from persistence.schema import ID, events, ticket_types
from persistence.words import tsquery

SHAPES_KEPT_MAX = 512
_KEYS: dict[str, ColumnElement[Any]] = {
    "starts_at": events.c.starts_at_ms,
    "name": events.c.name_key,
    "created_at": events.c.created_ms,
}
_WORDS = {"text": None, "venue": Part.VENUE, "city": Part.CITY}
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


def page_of(wanted: Wanted, after: Place | None, limit: int, now_ms: int) -> tuple[str, list[object]]:
    """The statement of a page, and its values."""
    given: dict[str, object] = {"limit": limit}
    if not wanted.everything:
        given["now_ms"] = now_ms
    for name, part in _WORDS.items():
        words = getattr(wanted, name)
        if words is not None:
            given[name] = tsquery(words, part)
    for name in ("starts_from_ms", "starts_until_ms", "stage"):
        value = getattr(wanted, name)
        if value is not None:
            given[name] = value
    if after is not None:
        given |= {"after": after.key, "after_id": after.id}
    query = _query(frozenset(given), wanted.available, wanted.sort)
    return query.sql, query.values(given)


@lru_cache(SHAPES_KEPT_MAX)
def _query(given: frozenset[str], available: bool | None, sort: Sort) -> Query:
    key = _KEYS[sort.by]
    place = key, events.c.id
    conditions = [condition for name, condition in _conditions().items() if name in given]
    if available is not None:
        conditions.append(_available if available else not_(_available))
    if "after" in given:
        after = tuple_(
            bindparam("after", type_=Text if sort.by == "name" else BigInteger),
            bindparam("after_id", type_=ID),
        )
        conditions.append(tuple_(*place) < after if sort.down else tuple_(*place) > after)
    ordered = [column.desc() if sort.down else column for column in place]
    limit = bindparam("limit", type_=Integer)
    rows = event_rows.add_columns(key.label("sorted_by"))
    return Query(rows.where(*conditions).order_by(*ordered).limit(limit))


def _conditions() -> dict[str, ColumnElement[bool]]:
    """By the name of what they are given."""
    start = events.c.starts_at_ms
    return {
        "starts_from_ms": start >= bindparam("starts_from_ms", type_=BigInteger),
        "starts_until_ms": start < bindparam("starts_until_ms", type_=BigInteger),
        "stage": events.c.stage == bindparam("stage", type_=Text),
        "now_ms": _for_all,
        **{name: _found(name) for name in _WORDS},
    }


def _found(name: str) -> BinaryExpression[bool]:
    return events.c.words.bool_op("@@")(cast(cast(bindparam(name, type_=Text), Text), TSQUERY))
