"""Machine tokens: what programs sign in with, for an organiser or for the operator, for some purposes only.

A token is a prefix that scanners of leaked secrets can look for, and base64url(id, 32 secret bytes). The
prefix tells it from an access token, the id finds it, and the hash of the secret is compared in constant
time. Each front end has all that serve in memory, loaded every second: so a token costs no read, and one that
was made or revoked elsewhere is known here within two.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from domain.account import MachineToken, Role
from domain.messages import Rejected
from server.callers import Caller
from server.ids import id_bytes

PREFIX = "tsm_"
SECRET_BYTES = 32
_SHAPE = re.compile(PREFIX + "[A-Za-z0-9_-]{64}")
OWN_KEPT_MS = 10_000
"""What was made, revoked or ended here counts for so long, whatever a look says that began before."""


class Machines(Protocol):
    """Machine tokens as rows."""

    async def create(self, token: MachineToken, key: tuple[bytes, bytes] | None) -> MachineToken | Rejected:
        """Keep it. `key`: of a repeated request the token that it made, or `key_reused`. Rejected:
        `limit_exceeded` where so many serve already."""

    async def token(self, token_id: str) -> MachineToken | None:
        """One, whether it serves or not."""

    async def tokens(
        self, organiser_id: str | None, everybodys: bool, after: str | None, limit: int
    ) -> list[MachineToken]:
        """Those of an organiser, or everybody's, by id, beginning after `after`."""

    async def revoke(self, token_id: str, now_ms: int) -> bool:
        """From now on it serves no more. False: there is none."""

    async def serving(self, now_ms: int) -> list[MachineToken]:
        """All that serve."""


def text_of(token_id: str, secret: bytes) -> str:
    """What is shown, once."""
    return PREFIX + urlsafe_b64encode(id_bytes(token_id) + secret).decode()


def hash_of(secret: bytes) -> bytes:
    """What is kept. The secret is random: no slow hash makes it harder to guess."""
    return hashlib.sha256(secret).digest()


class MachineTokens:
    """Those that serve, as this front end knows."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._serving: dict[str, tuple[MachineToken, Caller]] = {}
        self._own: dict[str, tuple[int, MachineToken | None]] = {}
        """What was made here, or None: revoked; and when."""

    def know(self, serving: Sequence[MachineToken], asked_ms: int) -> None:
        """All that served when they were asked for."""
        self._own = {name: own for name, own in self._own.items() if own[0] > asked_ms - OWN_KEPT_MS}
        found = {token.id: token for token in serving}
        for token_id, (_, made) in self._own.items():
            if made is None:
                found.pop(token_id, None)
            else:
                found[token_id] = made
        self._serving = {name: (token, _caller_of(token)) for name, token in found.items()}

    def made(self, token: MachineToken) -> None:
        """Here it serves at once."""
        self._own[token.id] = (self._now_ms(), token)
        self._serving[token.id] = (token, _caller_of(token))

    def revoked(self, token_id: str) -> None:
        """Here it serves no more, at once."""
        self._own[token_id] = (self._now_ms(), None)
        self._serving.pop(token_id, None)

    def caller(self, text: str) -> Caller | None:
        """Who signs in with it; None: it is none, or serves no more."""
        if not _SHAPE.fullmatch(text):
            return None
        raw = urlsafe_b64decode(text.removeprefix(PREFIX))
        token_id, secret = str(UUID(bytes=raw[:16])), raw[16:]
        token, caller = self._serving.get(token_id, (None, None))
        if token is None or token.expires_ms <= self._now_ms():
            return None
        return caller if hmac.compare_digest(hash_of(secret), token.secret_hash) else None


def _caller_of(token: MachineToken) -> Caller:
    role = Role.ADMIN if token.organiser_id is None else Role.ORGANISER
    return Caller(
        role, f"machine:{token.id}", organiser_id=token.organiser_id, scopes=frozenset(token.scopes)
    )
