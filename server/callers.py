"""Who calls, and whom a route takes.

The dispatcher finds out who calls before any handler runs (`server.access`), refuses whom the route does not
take, and notes the caller in the request; a handler asks `caller_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from aiohttp import web

from domain.account import Role, Scope


class Who(Enum):
    """Whose requests a route takes. An admin is taken everywhere."""

    ANYONE = "anyone; who calls is not looked at"
    READER = "anyone; who looks after it sees more"
    GUEST = "anyone, signed in or not"
    HOLDER = "the reservation's token, the account of its e-mail, or an operator"
    ACCOUNT = "an account's access token"
    STAFF = "who works for the organiser that it belongs to, or an operator"
    ORGANISER = "the organiser that it belongs to, or an operator"
    OPERATOR = "an operator's token"


WORKERS = frozenset({Role.ORGANISER, Role.STAFF})
"""Members of an organiser."""


@dataclass(slots=True, frozen=True)
class Caller:
    """Whose request it is. Without a token: a guest, who has no role.

    `customer`: the key of an account's e-mail (`server.customers`), by which reservations are its own.
    `organiser_id`: of which organiser staff and organisers are members. `scope`: whose idempotency keys
    these are.
    """

    role: Role | None
    scope: str
    account_id: str | None = None
    customer: bytes | None = None
    organiser_id: str | None = None
    session_id: str | None = None
    scopes: frozenset[Scope] | None = None
    """What a machine's token is for; None: a person's, who may all that the role may."""
    given_charge: bool = False
    """Found to have a say over what is asked for (`server.belongings`)."""

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN

    @property
    def may_be_in_charge(self) -> bool:
        """Of anything at all."""
        return self.is_admin or self.role in WORKERS

    @property
    def in_charge(self) -> bool:
        """Of what is asked for."""
        return self.given_charge or self.is_admin

    def may(self, scope: Scope | None) -> bool:
        """Whether a route of that scope takes such a token: of a machine, only what it is for."""
        return self.scopes is None or scope in self.scopes

    def organises(self, organiser_id: str | None) -> bool:
        """Is what belongs to that organiser this caller's? Everything is an admin's."""
        return self.is_admin or (self.role is Role.ORGANISER and self._belongs_to(organiser_id))

    def works_for(self, organiser_id: str | None) -> bool:
        """The same where staff may too."""
        return self.is_admin or (self.role in WORKERS and self._belongs_to(organiser_id))

    def _belongs_to(self, organiser_id: str | None) -> bool:
        return organiser_id is not None and organiser_id == self.organiser_id


GUEST = Caller(None, "guest")
OPERATOR = Caller(Role.ADMIN, "operator")
"""By the token of the settings: no account."""
CALLER = web.RequestKey("caller", Caller)


def caller_of(request: web.BaseRequest) -> Caller:
    """Who calls; a guest where the route does not look."""
    caller: Caller = request.get(CALLER, GUEST)
    return caller
