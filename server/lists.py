"""Lists that can be filtered and sorted: their cursors, which are of one list only, and their tags."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, NamedTuple

from aiohttp import web
from msgspec import Meta, UnsetType

from domain.catalogue import Place, Wanted, WantedRestaurants, Words, words_of
from server.callers import caller_of
from server.entity_tags import IF_NONE_MATCH, matches, tag_of
from server.ids import parse_id
from server.paging import cursor_of, sort_key_of
from server.problems import invalid
from server.replies import Reply
from server.views import page

_FINGERPRINT_BYTES = 8


class _Cursor(NamedTuple):
    """Where a page ended, and of which list. Anybody can write one, and PostgreSQL counts no further."""

    of: bytes
    key: Annotated[int, Meta(le=2**63 - 1)] | str
    id: str


def fingerprint_of(wanted: Wanted | WantedRestaurants) -> bytes:
    """A list's own: a place in one list is none in another."""
    return hashlib.blake2b(repr(wanted).encode(), digest_size=_FINGERPRINT_BYTES).digest()


def place_of(given: str | UnsetType, wanted: Wanted | WantedRestaurants) -> Place | None:
    """Where a cursor of this very list says that the page before ended."""
    cursor = sort_key_of(given, _Cursor)
    if cursor is None:
        return None
    by_name = wanted.sort.by == "name"
    fits = isinstance(cursor.key, str) == by_name and "\0" not in str(cursor.key)
    if cursor.of != fingerprint_of(wanted) or not fits or parse_id(cursor.id) is None:
        raise invalid("cursor", "Not a cursor of this list.")
    return Place(cursor.key, cursor.id)


def page_reply(
    request: web.BaseRequest,
    items: list[Any],
    wanted: Wanted | WantedRestaurants,
    last: Place | None,
) -> Reply:
    """A page, or that it is the one which the client has. `last`: where it ended, if more follows."""
    following = cursor_of((fingerprint_of(wanted), last.key, last.id)) if last else None
    body = page(items, following)
    tag = tag_of(body)
    lines = f'ETag: "{tag}"\r\nCache-Control: no-cache\r\n'.encode()
    if matches(request.headers.get(IF_NONE_MATCH), tag):
        return Reply(304, b"", lines, content_type="")
    return Reply(200, body, lines)


def sees_everything(request: web.BaseRequest, organiser_id: str | UnsetType) -> bool:
    """Drafts are listed for operators, and for organisers where they ask for what is theirs."""
    return caller_of(request).organises(organiser_id or None)


def words(text: str | UnsetType) -> Words | None:
    return None if isinstance(text, UnsetType) else words_of(text)
