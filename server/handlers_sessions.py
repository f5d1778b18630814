"""Sessions: log in, go on, log out.

A session is a family of refresh tokens, one after the other. A refresh token is base64url(session id, 32
secret bytes); the session keeps the hash of the one that serves next, so any other of the family is one
that has served already: who comes with it has stolen it, or was stolen from, and the session ends. A client
that lost the answer repeats its request under the same Idempotency-Key, of which the next secret is made.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from aiohttp import web

from domain.account import SESSION_LIFE_MS, Account, Session
from server import views
from server.bodies import Payload, read_body
from server.callers import caller_of
from server.ids import id_bytes, uuid7
from server.keys import IDEMPOTENCY_KEY, key_of
from server.parts import Parts
from server.payloads_accounts import Credentials, Renewal
from server.problems import Problem
from server.replies import PRIVATE, Reply
from server.throttle import Group
from server.times import rfc3339
from server.views_accounts import SessionView, account_view

_CREDENTIALS, _RENEWAL = Payload(Credentials), Payload(Renewal)
_SECRET_BYTES = 32


class SessionHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def log_in(self, request: web.BaseRequest) -> Reply:
        """Log in by e-mail and password.

        Which of the two was wrong is not said, not by the time it takes either.
        """
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        given = _CREDENTIALS.parse(request, body)
        customer = parts.customers.key(given.email)
        await parts.throttle.of_email(Group.LOG_IN_EMAIL, customer)
        found = await parts.accounts.credentials(customer)
        right = await parts.passwords.matches(found[1] if found else None, given.password)
        if found is None or not right:
            raise _wrong()
        now_ms, secret = parts.reads.now_ms(), secrets.token_bytes(_SECRET_BYTES)
        expires_ms = now_ms + SESSION_LIFE_MS
        session = Session(uuid7(now_ms), found[0].id, _hash(secret), now_ms, expires_ms)
        account = await parts.accounts.open_session(session, found[1])
        if account is None:
            raise _wrong()
        return self._given(201, account, session.id, secret, expires_ms)

    async def refresh(self, request: web.BaseRequest) -> Reply:
        """Go on with a session: the next access token, and the next refresh token."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        given = _RENEWAL.parse(request, body)
        raw = urlsafe_b64decode(given.refresh_token)
        session_id, secret = str(UUID(bytes=raw[:16])), raw[16:]
        following = secrets.token_bytes(_SECRET_BYTES)
        if key_of(request, body) is not None:
            following = parts.access.successor(secret, request.headers[IDEMPOTENCY_KEY])
        now_ms = parts.reads.now_ms()
        expires_ms = now_ms + SESSION_LIFE_MS
        hashes = (_hash(secret), _hash(following))
        account = await parts.accounts.renew(session_id, *hashes, now_ms, expires_ms)
        if account is None:
            parts.access.end([session_id])
            raise Problem("unauthorized", "The refresh token serves no more, and its session is over.")
        return self._given(200, account, session_id, following, expires_ms)

    async def log_out(self, request: web.BaseRequest) -> Reply:
        """Log out: this session's tokens serve no more."""
        parts, session_id = self._parts, caller_of(request).session_id
        if session_id is not None:
            await parts.accounts.end_session(session_id, parts.reads.now_ms())
            parts.access.end([session_id])
        return Reply(204, content_type="")

    def _given(self, status: int, account: Account, session_id: str, secret: bytes, expires_ms: int) -> Reply:
        access_token, access_expires_ms = self._parts.access.access_token(account, session_id)
        refresh_token = urlsafe_b64encode(id_bytes(session_id) + secret).decode()
        shown = SessionView(
            access_token,
            rfc3339(access_expires_ms),
            refresh_token,
            rfc3339(expires_ms),
            account_view(account),
        )
        return Reply(status, views.encode(shown), PRIVATE)


def _wrong() -> Problem:
    return Problem("unauthorized", "The e-mail or the password is wrong.")


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
