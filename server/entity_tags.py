"""Entity tags: those that If-Match and If-None-Match name, versions among them, and one made of a body."""

from __future__ import annotations

import hashlib
import re

from aiohttp import web
from multidict import istr

from server.problems import Problem

IF_MATCH = istr("If-Match")
IF_NONE_MATCH = istr("If-None-Match")
_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s",]+)')
_DIGEST_BYTES = 16


def named(header: str) -> set[str]:
    """The tags in a header; weak and unquoted ones are taken for what they mean."""
    return {quoted or bare for quoted, bare in _TAG.findall(header)}


def versions(header: str) -> set[int]:
    """The versions among a header's tags."""
    return {int(tag) for tag in named(header) if tag.isascii() and tag.isdigit() and len(tag) < 16}


def wanted_versions(request: web.BaseRequest) -> set[int] | None:
    """Those that If-Match names; None where any will do."""
    given = request.headers.get(IF_MATCH)
    return None if given is None or given.strip() == "*" else versions(given)


def version_of(wanted: set[int] | None, present: int) -> int | None:
    """The version that a change is to be made of: of several, the present one if it is among them."""
    if wanted is None:
        return None
    if len(wanted) > 1:
        wanted &= {present}
    if not wanted:
        raise Problem("stale", "If-Match names no version that there is.")
    return wanted.pop()


def tag_of(body: bytes) -> str:
    """The same for the same bytes."""
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()


def matches(header: str | None, tag: str) -> bool:
    """Whether If-None-Match names this tag, or any."""
    return header is not None and (header.strip() == "*" or tag in named(header))
