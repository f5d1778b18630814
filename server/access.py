"""Who calls, and who may: bearer tokens, and the token that is a guest's claim to one reservation.

A bearer token is the operator's of the settings, an account's access token (`server.access_tokens`), or a
machine's (`server.machine_tokens`).
Whom a route takes stands in the route (`Who`); `admission` makes a check of that, and the dispatcher runs
it before the handler. What only a role may do is `forbidden` to others, whatever they ask for; what is not
theirs is `not_found` (`server.belongings`).

What a reservation's token is made of stands in `domain.papers`. All comparisons take the same time wherever
the difference is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Collection
from functools import partial
from typing import assert_never

from aiohttp import web
from multidict import istr

from domain.account import Account, Scope
from domain.papers import Papers
from server.access_tokens import AccessTokens
from server.callers import CALLER, GUEST, OPERATOR, Caller, Who
from server.machine_tokens import MachineTokens
from server.problems import Problem, not_found

AUTHORIZATION = istr("Authorization")
RESERVATION_TOKEN = istr("Reservation-Token")
Admission = Callable[[web.BaseRequest], None]


class Access:
    """Checks tokens; `papers` and `is_code_of` are those of `domain.papers`."""

    def __init__(
        self, admin_token: str, reservation_secret: bytes, tokens: AccessTokens | None = None
    ) -> None:
        """`tokens`: without them nobody but the operator is known."""
        if not admin_token:
            raise ValueError("an empty operator's token would let everybody in")
        self._admin = admin_token.encode()
        self._papers = Papers(reservation_secret)
        self.papers = self._papers.of
        self.is_code_of = self._papers.is_code_of
        self._tokens = tokens
        self.reservation_secret = reservation_secret

    def admission(self, who: Who, scope: Scope | None = None) -> Admission | None:
        """What notes the caller in a request, and refuses whom such a route does not take. `scope`: what a
        machine's token has to be for. None: all are taken, and nobody looks who it is."""
        match who:
            case Who.ANYONE:
                return None
            case Who.READER:
                return partial(self._note_reader, scope)
            case Who.GUEST | Who.HOLDER:
                return partial(self._note, scope)
            case Who.ACCOUNT:
                return partial(self._note_account, scope)
            case Who.STAFF:
                return partial(self._note_staff, scope)
            case Who.ORGANISER:
                return partial(self._note_organiser, scope)
            case Who.OPERATOR:
                return partial(self._note_operator, scope)
            case _:
                assert_never(who)

    def _note(self, scope: Scope | None, request: web.BaseRequest) -> None:
        given = request.headers.get(AUTHORIZATION)
        request[CALLER] = GUEST if given is None else self._caller(given, scope)

    def _note_reader(self, scope: Scope | None, request: web.BaseRequest) -> None:
        """What everybody may look at: there a wrong token is no worse than none."""
        given = request.headers.get(AUTHORIZATION)
        caller = None if given is None else self._bearer(given)
        request[CALLER] = caller if caller is not None and caller.may(scope) else GUEST

    def _note_account(self, scope: Scope | None, request: web.BaseRequest) -> None:
        if self._signed_in(request, scope).account_id is None:
            raise Problem("forbidden", "This is for accounts: the operator's token and machines have none.")

    def _note_staff(self, scope: Scope | None, request: web.BaseRequest) -> None:
        caller = self._signed_in(request, scope)
        if not caller.works_for(caller.organiser_id):
            raise Problem("forbidden", "This is for organisers and their staff.")

    def _note_organiser(self, scope: Scope | None, request: web.BaseRequest) -> None:
        caller = self._signed_in(request, scope)
        if not caller.organises(caller.organiser_id):
            raise Problem("forbidden", "This is for organisers.")

    def _note_operator(self, scope: Scope | None, request: web.BaseRequest) -> None:
        if not self._signed_in(request, scope).is_admin:
            raise Problem("forbidden", "This is for operators.")

    def _signed_in(self, request: web.BaseRequest, scope: Scope | None) -> Caller:
        given = request.headers.get(AUTHORIZATION)
        if given is None:
            raise Problem("unauthorized", "This needs a bearer token.")
        request[CALLER] = caller = self._caller(given, scope)
        return caller

    def _caller(self, authorization: str, scope: Scope | None) -> Caller:
        """A wrong token is refused, not overlooked; so is a machine's that is for something else."""
        caller = self._bearer(authorization)
        if caller is None:
            raise Problem("unauthorized", "The bearer token is not one that is known here, or has run out.")
        if not caller.may(scope):
            raise Problem("forbidden", "This machine token is not for that.")
        return caller

    def _bearer(self, authorization: str) -> Caller | None:
        scheme, _, given = authorization.partition(" ")
        token = given.strip()
        if hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._admin):
            return OPERATOR if scheme.lower() == "bearer" else None
        if self._tokens is None or scheme.lower() != "bearer":
            return None
        return self._tokens.caller(token)

    def is_password(self, authorization: str | None) -> bool:
        """Whether the operator's token was given as a browser gives a password (RFC 7617), whatever the
        name."""
        scheme, _, given = (authorization or "").partition(" ")
        try:
            said = base64.b64decode(given, validate=True).partition(b":")[2]
        except ValueError:
            return False
        return hmac.compare_digest(said, self._admin) and scheme.lower() == "basic"

    def event_of(self, request: web.BaseRequest, reservation_id: str) -> str:
        """The event that a guest's token names, once the token is found to be this reservation's."""
        given = request.headers.get(RESERVATION_TOKEN)
        if given is None:
            raise Problem("unauthorized", "This needs the Reservation-Token, or a bearer token.")
        named = self._papers.inventory_in(given, reservation_id)
        if named is None:
            raise not_found("reservation")
        return named

    def access_token(self, account: Account, session_id: str) -> tuple[str, int]:
        """A new access token, and when it runs out."""
        assert self._tokens is not None, "sessions are of a server that signs"
        return self._tokens.made(account, session_id)

    @property
    def machines(self) -> MachineTokens:
        """Those that are known here."""
        assert self._tokens is not None, "machine tokens are of a server that knows accounts"
        return self._tokens.machines

    def end(self, session_ids: Collection[str]) -> None:
        """Their access tokens serve no more: here at once, elsewhere within a second or two."""
        if self._tokens is not None:
            self._tokens.end(session_ids)

    def machine_secret(self, request_id: bytes) -> bytes:
        """The secret of the machine token that an Idempotency-Key makes: the same for a repeated request."""
        return hmac.digest(self.reservation_secret, b"machine\0" + request_id, hashlib.sha256)

    def successor(self, secret: bytes, key: str) -> bytes:
        """The secret that follows another under an Idempotency-Key: the same for a repeated request."""
        return hmac.digest(self.reservation_secret, b"session\0" + secret + key.encode(), hashlib.sha256)
