"""What goes over the wire in every peer: the bodies of `POST /events/{id}/reservations`, as in Turnstile.

Typed decoding, a UUIDv7, an HMAC capability token and RFC 3339 times are what any honest service of this kind
pays for, so every peer pays for them alike; only the echo does without.
"""

import base64
import hashlib
import hmac
import os
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

OPEN_EVENT = "01890000-0000-7000-8000-000000000001"
SOLD_OUT_EVENT = "01890000-0000-7000-8000-000000000002"
TICKET_TYPE = "ga"
PRICE_MINOR_UNITS = 4500
CURRENCY = "EUR"
HOLD_DURATION_S = 900
QUANTITY_MAX = 10

_HOLD_DURATION = timedelta(seconds=HOLD_DURATION_S)
_TOKEN_KEY = hashlib.sha256(b"peers guard nothing: a fixed key costs the same as a secret one").digest()


class OrderLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ticket_type: str
    quantity: int


class Customer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    email: str


class HoldBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lines: list[OrderLine]
    customer: Customer


class Money(msgspec.Struct, frozen=True):
    amount: int
    currency: str


class PricedLine(msgspec.Struct, frozen=True):
    ticket_type: str
    quantity: int
    unit_price: Money


class Reservation(msgspec.Struct, frozen=True):
    id: str
    event_id: str
    status: Literal["held", "confirmed"]
    expires_at: datetime
    lines: list[PricedLine]
    total: Money
    customer: Customer
    created_at: datetime
    token: str


UNIT_PRICE = Money(PRICE_MINOR_UNITS, CURRENCY)
hold_body = msgspec.json.Decoder(HoldBody)
_encoder = msgspec.json.Encoder()


def uuid7() -> uuid.UUID:
    """A time-ordered id (RFC 9562): milliseconds, then random bits, so that index inserts stay local."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def token_of(event_id: str, reservation_id: str) -> str:
    mac = hmac.digest(_TOKEN_KEY, reservation_id.encode(), "sha256")
    return base64.urlsafe_b64encode(bytes.fromhex(event_id.replace("-", "")) + mac).decode()


def is_token_of(token: str, reservation_id: str) -> bool:
    mac = hmac.digest(_TOKEN_KEY, reservation_id.encode(), "sha256")
    try:
        return hmac.compare_digest(base64.urlsafe_b64decode(token)[16:], mac)
    except ValueError:
        return False


def new_reservation(event_id: str, body: HoldBody) -> Reservation:
    """The hold as it will stand if the store takes it. One line only: a peer has a counter per type."""
    line = body.lines[0]
    now = datetime.now(UTC)
    reservation_id = str(uuid7())
    return Reservation(
        id=reservation_id,
        event_id=event_id,
        status="held",
        expires_at=now + _HOLD_DURATION,
        lines=[PricedLine(line.ticket_type, line.quantity, UNIT_PRICE)],
        total=Money(PRICE_MINOR_UNITS * line.quantity, CURRENCY),
        customer=body.customer,
        created_at=now,
        token=token_of(event_id, reservation_id),
    )


def reply(reservation: Reservation) -> bytes:
    return _encoder.encode(reservation)


def problem(status: int, code: str, detail: str) -> bytes:
    """An RFC 9457 body of the size Turnstile's have."""
    return _encoder.encode(
        {"type": f"/problems/{code}", "title": code, "status": status, "code": code, "detail": detail}
    )
