"""Entity tags: those that If-Match and If-None-Match name, and the one that is made of a body."""

from __future__ import annotations

import hashlib
import re

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s",]+)')
_DIGEST_BYTES = 16


def named(header: str) -> set[str]:
    """The tags in a header; weak and unquoted ones are taken for what they mean."""
    return {quoted or bare for quoted, bare in _TAG.findall(header)}


def tag_of(body: bytes) -> str:
    """The same for the same bytes."""
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()


def matches(header: str | None, tag: str) -> bool:
    """Whether If-None-Match names this tag, or any."""
    return header is not None and (header.strip() == "*" or tag in named(header))
