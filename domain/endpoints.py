"""Webhooks: who outside is told of which facts, and how what they are told is signed.

- An endpoint is an address, and what is told there: some kinds of facts or all, of one event or restaurant or
  of all; of one organiser's only, where it is an organiser's.
- What is told is a delivery: one fact for one endpoint. Its id is made of both, so whoever is told twice can
  see it. Of one reservation (or of the event itself) the next is not tried before the one before has ended.
- It is signed with HMAC-SHA256 over its id, the time and the body (Standard Webhooks 1.0), under a secret
  that is made of the database's key: nothing has to be kept that could be read. While a secret is replaced
  the old one signs too.
- An address is https, without credentials. Where it leads is looked at when it is connected to
  (`actors.webhooks.reach`), not here: a name can lead elsewhere by then.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import re

import msgspec

from domain.public_addresses import is_loopback, is_public

ENDPOINTS_MAX = 100
"""Of an organiser, and of the operator."""
URL_MAX_CHARACTERS = 2_000
DESCRIPTION_MAX_CHARACTERS = 200
OLD_SECRET_LIFE_MS = 86_400_000
"""So long the secret before the present one signs too."""
SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with
KEY_NAME = "webhook_key"
"""Of the database's key that secrets are made of."""
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:[/?][!\x22$-\[\]-~]*)?"
)
"""Neither user nor fragment; nothing that parsers read in two ways."""


class FactKind(enum.StrEnum):
    """What a fact is called outside; the names stay."""

    EVENT_CREATED = "event.created"
    EVENT_CHANGED = "event.changed"
    EVENT_PUBLISHED = "event.published"
    EVENT_CLOSED = "event.closed"
    EVENT_CANCELLED = "event.cancelled"
    EVENT_DELETED = "event.deleted"
    RESTAURANT_CREATED = "restaurant.created"
    RESTAURANT_CHANGED = "restaurant.changed"
    RESTAURANT_PUBLISHED = "restaurant.published"
    RESTAURANT_CLOSED = "restaurant.closed"
    RESTAURANT_CANCELLED = "restaurant.cancelled"
    RESTAURANT_DELETED = "restaurant.deleted"
    SALE_PAUSED = "sale.paused"
    SALE_RESUMED = "sale.resumed"
    SEATS_BLOCKED = "seats.blocked"
    SEATS_UNBLOCKED = "seats.unblocked"
    HOLD_PLACED = "hold.placed"
    HOLD_CHANGED = "hold.changed"
    HOLD_EXTENDED = "hold.extended"
    HOLD_RELEASED = "hold.released"
    HOLD_EXPIRED = "hold.expired"
    CONFIRMED = "reservation.confirmed"
    SOLD = "reservation.sold"
    PAID = "reservation.paid"
    RETAKEN = "reservation.retaken"
    REDUCED = "reservation.reduced"
    MOVED = "reservation.moved"
    CANCELLED = "reservation.cancelled"
    VOIDED = "reservation.voided"
    SEATED = "reservation.seated"
    WALKED_IN = "reservation.walked_in"
    PROLONGED = "reservation.prolonged"
    COMPLETED = "reservation.completed"
    NO_SHOW = "reservation.no_show"
    PAYMENT_BEGUN = "payment.begun"
    PAYMENT_FAILED = "payment.failed"
    CHECKED_IN = "ticket.checked_in"
    CHECK_IN_UNDONE = "ticket.check_in_undone"
    TRANSFERRED = "ticket.transferred"
    REISSUED = "ticket.reissued"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody is told. `kinds` empty: of all; `inventory_id`, `organiser_id` None: of all.
    `generation`: of its secret; until `old_secret_until_ms` the one before it signs too. `paused_ms`: since
    when nothing is sent, and `pause_reason` why. `failures`: in a row, the first at `failing_since_ms`."""

    id: str
    url: str
    created_ms: int
    kinds: tuple[str, ...] = ()
    inventory_id: str | None = None
    organiser_id: str | None = None
    description: str = ""
    generation: int = 1
    old_secret_until_ms: int = 0
    version: int = 1
    paused_ms: int | None = None
    pause_reason: str | None = None
    failures: int = 0
    failing_since_ms: int | None = None

    def wants(self, kind: FactKind, inventory_id: str, organiser_id: str | None) -> bool:
        """Whether a fact of that kind is told here. `organiser_id`: whose the event or restaurant is."""
        return (
            (not self.kinds or kind in self.kinds)
            and self.inventory_id in (None, inventory_id)
            and self.organiser_id in (None, organiser_id)
        )


class EndpointChange(msgspec.Struct, frozen=True):
    """None: as it is."""

    url: str | None = None
    kinds: tuple[str, ...] | None = None
    description: str | None = None


class DeliveryStatus(enum.StrEnum):
    """Where a delivery stands. `dead`: given up after its last attempt, for the operator to replay."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One fact for one endpoint, as it is listed. `about`: the reservation, or else the event or restaurant
    itself; `seq` and `position`: the fact's place in that one's journal. `answer`: the last HTTP status.
    `body` only where one is asked for."""

    id: str
    endpoint_id: str
    kind: str
    status: DeliveryStatus
    inventory_id: str
    about: str
    seq: int
    position: int
    created_ms: int
    due_ms: int
    attempts: int
    answer: int | None
    error: str | None
    ended_ms: int | None
    body: bytes = b""


def url_fault(url: str, local: bool) -> str | None:
    """What is wrong with an address, in a sentence. `local`: this machine may be told by http too."""
    if len(url) > URL_MAX_CHARACTERS:
        return f"At most {URL_MAX_CHARACTERS} characters."
    parts = _URL.fullmatch(url)
    if parts is None or int(parts["port"] or 443) not in range(1, 65_536):
        return "An https address of visible ASCII characters, without user, password or fragment."
    host = parts["host"].strip("[]")
    here = local and (is_loopback(host) or host == "localhost")
    if parts["scheme"] == "http" and not here:
        return "Only https."
    looks_like_address = ":" in host or host.rpartition(".")[2].isdigit()
    if looks_like_address and not (here or is_public(host)):
        return "Not a public address."
    return None


def secret_of(key: bytes, endpoint_id: str, generation: int) -> str:
    """An endpoint's secret, as it is shown once: `whsec_` and base64 of 32 bytes."""
    raw = hmac.digest(key, f"endpoint\0{endpoint_id}\0{generation}".encode(), hashlib.sha256)
    return SECRET_PREFIX + base64.b64encode(raw).decode()


def signature(key: bytes, endpoint: Endpoint, delivery_id: str, at_ms: int, body: bytes) -> str:
    """What `Webhook-Signature` says: one signature for each secret that serves, with a space between them."""
    generations = [endpoint.generation]
    if at_ms < endpoint.old_secret_until_ms:
        generations.append(endpoint.generation - 1)
    signed = f"{delivery_id}.{at_ms // 1000}.".encode() + body
    return " ".join(_signed(secret_of(key, endpoint.id, one), signed) for one in generations)


def _signed(secret: str, signed: bytes) -> str:
    raw = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(raw, signed, hashlib.sha256)).decode()
