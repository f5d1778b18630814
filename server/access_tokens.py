"""Access tokens: what a signed-in client sends with each request, recognised without a read.

A JWT (RFC 7519) of one algorithm, HS256, whose key the header names by `kid`. The keys are the database's
own; a new one signs from `KEY_REST_MS` after it was made on, when all front ends have it, and the one before
is accepted for as long as what it signed can last. A token lasts 15 minutes. Who ends a session before that
puts it on the list of those that have ended: each front end loads that list and the keys every second, and
while it could not for `KNOWN_MAX_AGE_MS` it takes no access token at all. Machine tokens are known by the
same look (`server.machine_tokens`).

Verifying costs thirty times as much as finding again, so what was verified is remembered, by the token's
hash, in bounded number. The library checks the signature; what is signed is read as all messages are.
"""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import jwt
import msgspec
import structlog

from domain.account import ACCESS_LIFE_MS, Account, Role, SigningKey
from server.accounts import Accounts
from server.callers import Caller
from server.machine_tokens import OWN_KEPT_MS, PREFIX, Machines, MachineTokens
from server.problems import Problem

ALGORITHM = "HS256"
Issuer = Literal["turnstile"]
Audience = Literal["turnstile-api"]
ISSUER: Issuer = "turnstile"
AUDIENCE: Audience = "turnstile-api"
KEY_REST_MS = 5_000
LOOK_EVERY_S = 1.0
KNOWN_MAX_AGE_MS = 15_000
SKEW_MAX_MS = 2_000
"""Between the clocks of two front ends."""
REMEMBERED_MAX = 20_000
TOKEN_MAX_CHARACTERS = 1_024
_HASH_BYTES = 16

_log = structlog.get_logger("turnstile.http")


class Claims(msgspec.Struct, frozen=True):
    """What a token says: all of it is required but for the last; `exp` in whole seconds, `customer` in
    base64."""

    iss: Issuer
    aud: Audience
    sub: str
    sid: str
    role: Role
    customer: bytes
    exp: int
    organiser: str | None = None


class Header(msgspec.Struct):
    """What is read of a token to find its key, before anything of it is known to be true."""

    kid: str


class AccessTokens:
    """Makes them, and knows them again. `now_ms`: store time."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._keys: Sequence[SigningKey] = ()
        self._ended: set[str] = set()
        self._own_ended: dict[str, int] = {}
        """What was ended here, and when."""
        self._known_ms = 0
        self._remembered: dict[bytes, tuple[int, Caller]] = {}
        self.machines = MachineTokens(now_ms)

    def know(self, keys: Sequence[SigningKey], ended: frozenset[str], asked_ms: int) -> None:
        """The keys there are, the oldest first, and the sessions that had been ended when they were asked
        for. What was ended here since, or not long before, stays so, whatever that list says."""
        own = {name: at_ms for name, at_ms in self._own_ended.items() if at_ms > asked_ms - OWN_KEPT_MS}
        self._keys, self._own_ended, self._known_ms = keys, own, self._now_ms()
        self._ended = {*ended, *own}

    def end(self, session_ids: Collection[str]) -> None:
        """Here at once; elsewhere when they look."""
        self._own_ended.update(dict.fromkeys(session_ids, self._now_ms()))
        self._ended.update(session_ids)

    def made(self, account: Account, session_id: str) -> tuple[str, int]:
        """A token, and when it runs out."""
        now_ms = self._now_ms()
        usable = [key for key in self._keys if key.made_ms + KEY_REST_MS <= now_ms] or self._keys[:1]
        expires_ms = now_ms + ACCESS_LIFE_MS
        said: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now_ms // 1000,
            "exp": expires_ms // 1000,
            "sub": account.id,
            "sid": session_id,
            "role": account.role.value,
            "customer": b64encode(account.customer).decode(),
        }
        if account.organiser_id is not None:
            said["organiser"] = account.organiser_id
        key = usable[-1]
        return jwt.encode(said, key.value, algorithm=ALGORITHM, headers={"kid": key.id}), expires_ms

    def caller(self, token: str) -> Caller | None:
        """Whose token it is; None if it is nobody's, has run out, or its session has ended.
        Raises Problem where that cannot be known."""
        now_ms = self._now_ms()
        if token.startswith(PREFIX):
            return self._if_known_lately(self.machines.caller(token), now_ms)
        digest = hashlib.blake2b(token.encode("utf-8", "surrogateescape"), digest_size=_HASH_BYTES).digest()
        found = self._remembered.get(digest) or self._verified(token, digest, now_ms)
        if found is None or found[0] <= now_ms or found[1].session_id in self._ended:
            return None
        return self._if_known_lately(found[1], now_ms)

    def _if_known_lately(self, caller: Caller | None, now_ms: int) -> Caller | None:
        if caller is not None and now_ms - self._known_ms > KNOWN_MAX_AGE_MS:
            raise Problem("unavailable", "It cannot be found out whether this token still serves.")
        return caller

    def _verified(self, token: str, digest: bytes, now_ms: int) -> tuple[int, Caller] | None:
        claims = self._claims(token, now_ms) if len(token) <= TOKEN_MAX_CHARACTERS else None
        if claims is None:
            return None
        scope = f"account:{claims.sub}"
        caller = Caller(claims.role, scope, claims.sub, claims.customer, claims.organiser, claims.sid)
        if len(self._remembered) >= REMEMBERED_MAX:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = found = (claims.exp * 1000, caller)
        return found

    def _claims(self, token: str, now_ms: int) -> Claims | None:
        try:
            key = self._key(_key_id(token), now_ms)
            if key is None:
                return None
            claims = _as_claims.decode(_signed.decode(token, key, [ALGORITHM]))
            # No token of ours lasts longer; one that did would outlast the key that signed it.
            sound = claims.exp * 1000 <= now_ms + ACCESS_LIFE_MS + SKEW_MAX_MS
            return claims if sound else None
        except (jwt.InvalidTokenError, msgspec.MsgspecError, ValueError):
            return None

    def _key(self, key_id: str, now_ms: int) -> bytes | None:
        """None also for one that was replaced so long ago that what it signed has run out."""
        for position, key in enumerate(self._keys):
            if key.id == key_id:
                following = self._keys[position + 1 : position + 2]
                until_ms = [one.made_ms + KEY_REST_MS + ACCESS_LIFE_MS + SKEW_MAX_MS for one in following]
                return key.value if all(now_ms <= end_ms for end_ms in until_ms) else None
        return None

    async def look(self, accounts: Accounts, machines: Machines) -> None:
        """Load what `know` takes, and the machine tokens."""
        now_ms = self._now_ms()
        since_ms = now_ms - ACCESS_LIFE_MS - SKEW_MAX_MS
        keys, ended, serving = await asyncio.gather(
            accounts.signing_keys(), accounts.ended_since(since_ms), machines.serving(now_ms)
        )
        self.know(keys, ended, now_ms)
        self.machines.know(serving, now_ms)

    async def keep_looking(self, accounts: Accounts, machines: Machines) -> None:
        """Every second, until it is cancelled. Who does not answer is asked again."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look(accounts, machines)
            except Exception as error:  # noqa: BLE001 - whatever it raises, the next look may find it well
                _log.warning("the list of ended sessions cannot be read", error=repr(error))


_signed = jwt.PyJWS(algorithms=[ALGORITHM])
_as_claims = msgspec.json.Decoder(Claims)
_as_header = msgspec.json.Decoder(Header)


def _key_id(token: str) -> str:
    """Raises ValueError or MsgspecError where the token names none."""
    return _as_header.decode(urlsafe_b64decode(token.partition(".")[0] + "==")).kid
