"""Who calls, and whom a route takes.

The dispatcher finds out who calls before any handler runs (`server.access`), refuses whom the route does not
take, and notes the caller in the request; a handler asks `caller_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from aiohttp import web

from domain.account import Role


class Who(Enum):
    """Whose requests a route takes. An admin is taken everywhere."""

    ANYONE = "anyone; who calls is not looked at"
    READER = "anyone; who looks after it sees more"
    GUEST = "anyone, signed in or not"
    HOLDER = "the reservation's token, the account of its e-mail, or an operator"
    ACCOUNT = "an account's access token"
    OPERATOR = "an operator's token"


@dataclass(slots=True, frozen=True)
class Caller:
    """Whose request it is. Without a token: a guest, who has no role.

    `customer`: the key of an account's e-mail (`server.customers`), by which reservations are its own.
    `organiser_id`: whose events staff and organisers look after. `scope`: whose idempotency keys these are.
    """

    role: Role | None
    scope: str
    account_id: str | None = None
    customer: bytes | None = None
    organiser_id: str | None = None
    session_id: str | None = None

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN


GUEST = Caller(None, "guest")
OPERATOR = Caller(Role.ADMIN, "operator")
"""By the token of the settings: no account."""
CALLER = web.RequestKey("caller", Caller)


def caller_of(request: web.BaseRequest) -> Caller:
    """Who calls; a guest where the route does not look."""
    caller: Caller = request.get(CALLER, GUEST)
    return caller
