"""What a ticket's holder has to show: the code for the door, and the token that is the right to the ticket.

Both are 32 bytes: the reservation's id, the ticket's number (3 bytes) and generation (1 byte), and 12 bytes
of an HMAC-SHA256 over these, under a key that makes nothing else. So nothing has to be stored of a ticket to
know its code, and a code says which ticket to ask for without a read.

The code is base32 (RFC 4648) without padding: capitals and digits, which a QR code has a compact mode for,
and which can be read out and typed; small letters, spaces and hyphens are taken too. The token is base64url,
and another HMAC: whoever sees a code, at the door or on a photograph, can come in with it once, but cannot
pass the ticket on.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import NamedTuple

_ID_BYTES, _NUMBER_BYTES, _MAC_BYTES = 16, 3, 12
_NAMED_BYTES = _ID_BYTES + _NUMBER_BYTES + 1
CODE_CHARACTERS = 52
"""32 bytes are 51.2 characters; with spaces and hyphens between them more."""
CODE_MAX_CHARACTERS = 128
TOKEN_CHARACTERS = 43
NUMBER_MAX = 2 ** (8 * _NUMBER_BYTES) - 1
_FOR_DOOR, _FOR_HOLDER = b"door\0", b"holder\0"


class Named(NamedTuple):
    """The ticket that a code or a token is of."""

    reservation_id: str
    number: int
    generation: int


class TicketCodes:
    """Makes and checks them, under one key."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def code(self, reservation_id: str, number: int, generation: int) -> str:
        """For the door."""
        raw = self._signed(_FOR_DOOR, reservation_id, number, generation)
        return base64.b32encode(raw).decode().rstrip("=")

    def token(self, reservation_id: str, number: int, generation: int) -> str:
        """For whom the ticket was passed on to."""
        raw = self._signed(_FOR_HOLDER, reservation_id, number, generation)
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def of_code(self, text: str) -> Named | None:
        """None for anything but a code that was made here."""
        plain = text.replace(" ", "").replace("-", "").upper()
        if len(plain) != CODE_CHARACTERS or not plain.isascii():
            return None
        try:
            raw = base64.b32decode(plain + "====")
        except binascii.Error:
            return None
        return self._checked(_FOR_DOOR, raw)

    def of_token(self, text: str) -> Named | None:
        """None for anything but a token that was made here."""
        if len(text) != TOKEN_CHARACTERS or not text.isascii():
            return None
        try:
            raw = base64.b64decode(text + "=", altchars=b"-_", validate=True)
        except binascii.Error:
            return None
        return self._checked(_FOR_HOLDER, raw)

    def _signed(self, use: bytes, reservation_id: str, number: int, generation: int) -> bytes:
        named = bytes.fromhex(reservation_id.replace("-", ""))
        named += number.to_bytes(_NUMBER_BYTES, "big") + generation.to_bytes(1, "big")
        return named + self._mac(use, named)

    def _checked(self, use: bytes, raw: bytes) -> Named | None:
        named, mac = raw[:_NAMED_BYTES], raw[_NAMED_BYTES:]
        if not hmac.compare_digest(mac, self._mac(use, named)):
            return None
        digits = named[:_ID_BYTES].hex()
        reservation_id = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        return Named(reservation_id, int.from_bytes(named[_ID_BYTES:-1], "big"), named[-1])

    def _mac(self, use: bytes, named: bytes) -> bytes:
        return hmac.digest(self._secret, use + named, "sha256")[:_MAC_BYTES]


def grouped(code: str) -> str:
    """A code as it is printed, in fours."""
    return " ".join(code[start : start + 4] for start in range(0, len(code), 4))
