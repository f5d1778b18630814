"""What a reservation's holder has to show: the token, and the code for cancelling it.

A token is base64url(inventory id, HMAC-SHA256(key, reservation id), cut to 16 bytes): made from the ids
alone, so a replayed reply, a mail and a recovered link carry the same one, and it says which event to ask
without a read. The other half of the same HMAC is in the cancel code (`domain.cancel_codes`): neither says
anything of the other. The key is the database's own. Comparisons take the same time wherever the difference
is.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from functools import lru_cache

from domain.cancel_codes import spelled

INVENTORY_IDS_KEPT_MAX = 4_096
_ID_BYTES = 16
_MAC_BYTES = 16
_SHA256_BLOCK_BYTES = 64
_TOKEN_CHARACTERS = 43


class Papers:
    """Makes and checks them, under one secret."""

    def __init__(self, secret: bytes) -> None:
        key = hashlib.sha256(secret).digest() if len(secret) > _SHA256_BLOCK_BYTES else secret
        padded = key.ljust(_SHA256_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def of(self, inventory_id: str, reservation_id: str) -> tuple[str, str]:
        """The token and the code."""
        mac = self.mac(reservation_id)
        token = _encoded(_inventory_bytes(inventory_id) + mac[:_MAC_BYTES])
        return token, spelled(reservation_id, mac[_MAC_BYTES:])

    def is_code_of(self, reservation_id: str, code: str) -> bool:
        """`code` as `cancel_codes.as_spelled` writes it."""
        return hmac.compare_digest(spelled(reservation_id, self.mac(reservation_id)[_MAC_BYTES:]), code)

    def inventory_in(self, token: str, reservation_id: str) -> str | None:
        """The inventory that the token names; None where it is not this reservation's."""
        raw = _decoded(token)
        mac = self.mac(reservation_id)[:_MAC_BYTES]
        if raw is None or not hmac.compare_digest(raw[_ID_BYTES:], mac):
            return None
        digits = raw[:_ID_BYTES].hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def mac(self, reservation_id: str) -> bytes:
        """HMAC with both pads hashed beforehand (RFC 2104, section 4): less than half of `hmac.digest`."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(bytes.fromhex(reservation_id.replace("-", "")))
        outer.update(inner.digest())
        return outer.digest()


@lru_cache(maxsize=INVENTORY_IDS_KEPT_MAX)
def _inventory_bytes(inventory_id: str) -> bytes:
    return bytes.fromhex(inventory_id.replace("-", ""))


_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")
_FROM_URLSAFE = bytes.maketrans(b"-_", b"+/")


def _encoded(raw: bytes) -> str:
    """base64url without padding."""
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URLSAFE)[:_TOKEN_CHARACTERS].decode()


def _decoded(token: str) -> bytes | None:
    """The token's 32 bytes, or None for any other text. Only the one spelling `_encoded` makes is taken."""
    if len(token) != _TOKEN_CHARACTERS or not token.isascii():
        return None
    try:
        raw = binascii.a2b_base64(token.encode().translate(_FROM_URLSAFE) + b"=")
    except binascii.Error:
        return None
    return raw if _encoded(raw) == token else None
