"""Lists in pages: the query, and the cursor, which is the last item's sort key made opaque.

A cursor says where the page before ended, so items that come or go in between shift nothing.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from server.bodies import field_problem
from server.problems import invalid

T = TypeVar("T")


def parse_query(request: web.BaseRequest, kind: type[T]) -> T:
    """The query as its type; a parameter that is unknown, wrong or given twice is invalid."""
    given = request.rel_url.query
    plain = dict(given)
    if len(plain) != len(given):
        raise invalid("query", "Each parameter once.")
    try:
        return msgspec.convert(plain, kind, strict=False)
    except msgspec.ValidationError as error:
        raise field_problem(str(error)) from None


def cursor_of(sort_key: Any) -> str:
    """The cursor of an item's sort key."""
    return urlsafe_b64encode(msgspec.msgpack.encode(sort_key)).rstrip(b"=").decode()


def sort_key_of(cursor: str | msgspec.UnsetType, kind: type[T]) -> T | None:
    """The sort key in a cursor that `cursor_of` made; None without one."""
    if isinstance(cursor, msgspec.UnsetType):
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return msgspec.msgpack.decode(urlsafe_b64decode(padded), type=kind)
    except (msgspec.DecodeError, ValueError):
        raise invalid("cursor", "Not a cursor of this list.") from None
