"""A customer is a normalised e-mail address, and to the rules only a key made from it.

Normalised: surrounding white space off, Unicode NFKC, case folded. Nothing cleverer: dots and `+tags` mean
what the mail provider makes of them. The key is BLAKE2b keyed with the database's own secret, so that a
journal that leaks does not let addresses be tried against it.
"""

from __future__ import annotations

import hashlib
import unicodedata

_KEY_BYTES = 16


def normalised(email: str) -> str:
    stripped = email.strip()
    return stripped.lower() if stripped.isascii() else unicodedata.normalize("NFKC", stripped).casefold()


class CustomerKeys:
    """Keys under one secret."""

    def __init__(self, secret: bytes) -> None:
        self._empty = hashlib.blake2b(digest_size=_KEY_BYTES, key=secret)

    def key(self, email: str) -> bytes:
        """The same 16 bytes for every spelling of one address. A surrogate cannot come out of JSON."""
        digest = self._empty.copy()
        digest.update(normalised(email).encode())
        return digest.digest()
