"""What a provider tells of its own accord: signed, in time, and each once.

The signature is that of Stripe's scheme: `t=<seconds>,v1=<hex of HMAC-SHA256(secret, "<t>.<raw body>")>`;
more than one `v1` may be there while a secret is changed. It is over the raw body, and the time is part of
it, so an old one cannot be sent again later. What is told is believed no further than that something has
happened: the provider is asked what.
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

WINDOW_S = 300
"""So far from now may the time of a signature be, before or after."""
SIGNATURE_MAX_CHARACTERS = 1_000


class Told(msgspec.Struct, frozen=True):
    """What a webhook says: its own id, of which payment or refund, and how much of which currency it is
    about."""

    id: str
    payment_id: str
    amount: int
    currency: str
    type: str = ""
    refund_id: str = ""


_told = msgspec.json.Decoder(Told)


def signature_of(secret: bytes, body: bytes, at_s: int) -> str:
    """The header's value for a body that is sent now."""
    return f"t={at_s},v1={_mac(secret, body, str(at_s))}"


def is_signed(secret: bytes, body: bytes, signature: str, now_s: int) -> bool:
    """Was the body signed with the secret, and not too long ago?"""
    if len(signature) > SIGNATURE_MAX_CHARACTERS or not signature.isascii():
        return False
    pairs = [part.strip().partition("=")[::2] for part in signature.split(",")]
    times = [value for name, value in pairs if name == "t"]
    if len(times) != 1 or not times[0].isdigit() or len(times[0]) > 12:
        return False
    if abs(now_s - int(times[0])) > WINDOW_S:
        return False
    right = _mac(secret, body, times[0])
    given = [value for name, value in pairs if name == "v1"]
    return any(hmac.compare_digest(right, value) for value in given)


def told_of(body: bytes) -> Told | None:
    """None: that is no webhook."""
    try:
        return _told.decode(body)
    except msgspec.DecodeError:
        return None


def _mac(secret: bytes, body: bytes, at: str) -> str:
    return hmac.new(secret, at.encode() + b"." + body, hashlib.sha256).hexdigest()
