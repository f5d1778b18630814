"""Idempotency-Key: from the header to what an owner compares.

A key's scope is the caller (all guests are one), the method and the full path: the same text elsewhere is
another key. The owner records what the key did and under which body, and gives the same reply again.
"""

from __future__ import annotations

import hashlib
import re

from aiohttp import web
from multidict import istr

from actors.gateway import Key
from server.callers import caller_of
from server.problems import invalid

IDEMPOTENCY_KEY = istr("Idempotency-Key")
KEY_MAX_CHARACTERS = 255
_VISIBLE = re.compile(rf"[!-~]{{1,{KEY_MAX_CHARACTERS}}}")
_DIGEST_BYTES = 16


def key_of(request: web.BaseRequest, body: bytes) -> Key | None:
    """None where the client gave no key: then a retry is a new request."""
    text = request.headers.get(IDEMPOTENCY_KEY)
    if text is None:
        return None
    if not _VISIBLE.fullmatch(text):
        raise invalid("Idempotency-Key", f"1 to {KEY_MAX_CHARACTERS} visible ASCII characters.")
    identity = f"{caller_of(request).scope}\0{request.method}\0{request.rel_url.raw_path}\0{text}".encode()
    return Key(
        hashlib.blake2b(identity, digest_size=_DIGEST_BYTES).digest(),
        hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest(),
    )
