"""Accounts: who somebody is to the server, and what of that is kept.

An account is made by confirming an e-mail, or by an operator; so each has an address that is its holder's. To
the rules of a sale it is a customer like any other, by the key of that address (`server.customers`).
"""

from __future__ import annotations

import enum

from domain.messages import Message

SESSION_LIFE_MS = 30 * 86_400_000
"""Of a session that is not renewed."""
CONFIRMATION_LIFE_MS = 24 * 3_600_000
RESET_LIFE_MS = 3_600_000
ACCESS_LIFE_MS = 15 * 60_000
INVITATION_LIFE_MS = 7 * 86_400_000
MACHINE_TOKEN_LIFE_MIN_S = 60
MACHINE_TOKEN_LIFE_MAX_S = 366 * 86_400
MACHINE_TOKENS_MAX = 50
"""Of one organiser, and of the operator, that serve at a time."""
MEMBERS_MAX_ACCOUNTS = 200
"""Of one organiser."""


class Role(enum.StrEnum):
    """What an account may do. `customer`: only what concerns itself."""

    CUSTOMER = "customer"
    STAFF = "staff"
    ORGANISER = "organiser"
    ADMIN = "admin"


class Scope(enum.StrEnum):
    """What a machine token is for: looking at what there is; making, changing and confirming reservations;
    the door and the floor; and making and changing what is put on."""

    READ = "read"
    SELL = "sell"
    CHECK_IN = "check_in"
    MANAGE = "manage"


class Account(Message, frozen=True):
    """A person, or what works for one. `customer`: the key of the e-mail. `organiser_id`: whose events staff
    and organisers look after. `reminders`: whether they are wanted, with or without the account."""

    id: str
    email: str
    customer: bytes
    name: str
    language: str
    role: Role
    organiser_id: str | None
    version: int
    created_ms: int
    reminders: bool = True


class Organiser(Message, frozen=True):
    """Whoever puts things on: a name that events, venues and restaurants belong to. Its members, accounts of
    the roles `organiser` and `staff`, act for it."""

    id: str
    name: str
    created_ms: int


class Invitation(Message, frozen=True):
    """What an account is asked to become a member as."""

    organiser_id: str
    role: Role


class MachineToken(Message, frozen=True):
    """What a program signs in with, for an organiser, or without one for the operator. `made_by`: whose
    request made it. Only the hash of its secret is kept."""

    id: str
    organiser_id: str | None
    name: str
    scopes: tuple[Scope, ...]
    secret_hash: bytes
    made_by: str
    created_ms: int
    expires_ms: int
    revoked_ms: int | None = None


class Registration(Message, frozen=True):
    """What is wanted of an account that is not there before its e-mail is confirmed. Whoever confirms it
    chooses the password: anybody can register anybody's address."""

    email: str
    customer: bytes
    name: str
    language: str


class MailedToken(Message, frozen=True):
    """A token that is mailed, and serves once until it runs out. Only its hash is kept."""

    token_hash: bytes
    created_ms: int
    expires_ms: int


class Session(Message, frozen=True):
    """One log-in on one device, renewed again and again by tokens that each serve once. `secret_hash`: of the
    one that serves next."""

    id: str
    account_id: str
    secret_hash: bytes
    created_ms: int
    expires_ms: int


class SigningKey(Message, frozen=True):
    """What access tokens are signed with, from `made_ms` on until the next one is made."""

    id: str
    value: bytes
    made_ms: int
