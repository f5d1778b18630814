"""The token in a reminder by which its customer ends reminders with one click (RFC 8058), without logging in.

base64url(customer's key, HMAC-SHA256(secret, what for, customer's key), cut to 16 bytes). It names no
address, and opens nothing but this.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

TOKEN_MAX_CHARACTERS = 64
_PURPOSE = b"no more reminders\0"
_MAC_BYTES = 16


def token_for(customer: bytes, secret: bytes) -> str:
    return base64.urlsafe_b64encode(customer + _mac(customer, secret)).rstrip(b"=").decode()


def customer_in(token: str, secret: bytes) -> bytes | None:
    """The customer's key; None for any text that is not such a token, in its one spelling."""
    if len(token) > TOKEN_MAX_CHARACTERS or not token.isascii():
        return None
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    customer, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    sound = bool(customer) and hmac.compare_digest(mac, _mac(customer, secret))
    return customer if sound and token_for(customer, secret) == token else None


def _mac(customer: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE + customer, hashlib.sha256)[:_MAC_BYTES]
