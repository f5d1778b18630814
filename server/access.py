"""Who may: the operator's bearer token, and the token that is a guest's claim to one reservation.

A reservation's token is base64url(event id, HMAC-SHA256(key, reservation id), cut to 16 bytes): made from
the ids alone, so a replayed reply carries the same one, and it says which event to ask without a read.
The other half of the same HMAC is in the cancel code (`server.cancel_codes`): neither says anything of the
other. The key is the database's own. All comparisons take the same time wherever the difference is.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac

from aiohttp import web
from multidict import istr

from server.cancel_codes import spelled
from server.ids import event_id_bytes, id_bytes, id_of_bytes
from server.problems import Problem, not_found

AUTHORIZATION = istr("Authorization")
RESERVATION_TOKEN = istr("Reservation-Token")
_ID_BYTES = 16
_MAC_BYTES = 16
_SHA256_BLOCK_BYTES = 64
_TOKEN_CHARACTERS = 43


class Access:
    """Makes and checks tokens."""

    def __init__(self, admin_token: str, reservation_secret: bytes) -> None:
        if not admin_token:
            raise ValueError("an empty operator's token would let everybody in")
        self._admin = admin_token.encode()
        key = reservation_secret
        if len(key) > _SHA256_BLOCK_BYTES:
            key = hashlib.sha256(key).digest()
        padded = key.ljust(_SHA256_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def is_operator(self, request: web.BaseRequest) -> bool:
        """False without an Authorization header; a wrong one is refused, not overlooked."""
        given = request.headers.get(AUTHORIZATION)
        if given is None:
            return False
        if not self._is_operators(given):
            raise Problem("unauthorized", "The bearer token is not the operator's.")
        return True

    def sees_all(self, request: web.BaseRequest) -> bool:
        """For what everybody may look at: there a wrong token is no worse than none."""
        given = request.headers.get(AUTHORIZATION)
        return given is not None and self._is_operators(given)

    def require_operator(self, request: web.BaseRequest) -> None:
        if not self.is_operator(request):
            raise Problem("unauthorized", "This needs the operator's bearer token.")

    def papers(self, event_id: str, reservation_id: str) -> tuple[str, str]:
        """What a new reservation brings its holder: the token, and the code for cancelling it."""
        mac = self._mac(reservation_id)
        token = _encoded(event_id_bytes(event_id) + mac[:_MAC_BYTES])
        return token, spelled(reservation_id, mac[_MAC_BYTES:])

    def is_code_of(self, reservation_id: str, code: str) -> bool:
        """`code` as `cancel_codes.as_spelled` writes it."""
        return hmac.compare_digest(spelled(reservation_id, self._mac(reservation_id)[_MAC_BYTES:]), code)

    def event_of(self, request: web.BaseRequest, reservation_id: str) -> str:
        """The event that a guest's token names, once the token is found to be this reservation's."""
        given = request.headers.get(RESERVATION_TOKEN)
        if given is None:
            raise Problem("unauthorized", "This needs the Reservation-Token, or the operator's bearer token.")
        raw = _decoded(given)
        mac = self._mac(reservation_id)[:_MAC_BYTES]
        if raw is None or not hmac.compare_digest(raw[_ID_BYTES:], mac):
            raise not_found("reservation")
        return id_of_bytes(raw[:_ID_BYTES])

    def _is_operators(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        right = hmac.compare_digest(token.strip().encode("utf-8", "surrogateescape"), self._admin)
        return right and scheme.lower() == "bearer"

    def _mac(self, reservation_id: str) -> bytes:
        """HMAC with both pads hashed beforehand (RFC 2104, section 4): less than half of `hmac.digest`."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(id_bytes(reservation_id))
        outer.update(inner.digest())
        return outer.digest()


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
