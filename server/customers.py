"""A customer is a normalised e-mail address, and to the rules only a key made from it.

Normalised: surrounding white space off, Unicode NFKC, case folded. Nothing cleverer: dots and `+tags` mean
what the mail provider makes of them. The key is BLAKE2b keyed with the database's own secret, so that a
journal that leaks does not let addresses be tried against it.

A telephone number is found by a key of its own kind. Normalised, after E.164: its digits, behind a `+` where
it was given with one, or with `00`. A number without its country is another than the same one with it.
"""

from __future__ import annotations

import hashlib
import unicodedata

PHONE_MIN_DIGITS = 5
PHONE_MAX_DIGITS = 15
_KEY_BYTES = 16


def normalised(email: str) -> str:
    stripped = email.strip()
    return stripped.lower() if stripped.isascii() else unicodedata.normalize("NFKC", stripped).casefold()


def normalised_phone(phone: str) -> str | None:
    """None for what has too few or too many digits to be a number."""
    plain = "".join(character for character in phone if character in "+0123456789")
    if plain.startswith("00"):
        plain = f"+{plain[2:]}"
    digits = plain.removeprefix("+")
    sound = digits.isdigit() and PHONE_MIN_DIGITS <= len(digits) <= PHONE_MAX_DIGITS
    return plain if sound else None


class CustomerKeys:
    """Keys under one secret."""

    def __init__(self, secret: bytes) -> None:
        self._empty = hashlib.blake2b(digest_size=_KEY_BYTES, key=secret)
        self._empty_phone = hashlib.blake2b(digest_size=_KEY_BYTES, key=secret, person=b"phone")

    def key(self, email: str) -> bytes:
        """The same 16 bytes for every spelling of one address. A surrogate cannot come out of JSON."""
        digest = self._empty.copy()
        digest.update(normalised(email).encode())
        return digest.digest()

    def phone_key(self, phone: str) -> bytes | None:
        """The same 16 bytes for every spelling of one number; None for what is no number."""
        plain = normalised_phone(phone)
        if plain is None:
            return None
        digest = self._empty_phone.copy()
        digest.update(plain.encode())
        return digest.digest()
