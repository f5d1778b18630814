"""What clients send of accounts and sessions; see `server/payloads.py`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from server.payloads import _END, Email, Payload, Text

PASSWORD_MIN_CHARACTERS = 10
PASSWORD_MAX_CHARACTERS = 200
MAILED_TOKEN_CHARACTERS = 43
REFRESH_TOKEN_CHARACTERS = 64

Language = Literal["en", "es"]
WantedPassword = Annotated[str, Meta(min_length=PASSWORD_MIN_CHARACTERS, max_length=PASSWORD_MAX_CHARACTERS)]
GivenPassword = Annotated[str, Meta(min_length=1, max_length=PASSWORD_MAX_CHARACTERS)]
MailedTokenText = Annotated[
    str,
    Meta(
        min_length=MAILED_TOKEN_CHARACTERS,
        max_length=MAILED_TOKEN_CHARACTERS,
        pattern="^[A-Za-z0-9_-]*" + _END,
        description="The token of a mail.",
    ),
]
RefreshToken = Annotated[
    str,
    Meta(
        min_length=REFRESH_TOKEN_CHARACTERS,
        max_length=REFRESH_TOKEN_CHARACTERS,
        pattern="^[A-Za-z0-9_-]*" + _END,
        description="Serves once: the answer has the next one. Given again, it ends the session.",
    ),
]


class NewAccount(Payload, frozen=True):
    """An account, there once its e-mail is confirmed. `language`: of the mails to it."""

    email: Email
    name: Text
    language: Language = "en"


class Confirmation(Payload, frozen=True):
    """What the mail of a registration brought, and the password that the account is to have."""

    token: MailedTokenText
    password: WantedPassword


class Credentials(Payload, frozen=True):
    """Who logs in."""

    email: Email
    password: GivenPassword


class Renewal(Payload, frozen=True):
    """The refresh token that came last."""

    refresh_token: RefreshToken


class AccountPatch(Payload, frozen=True):
    """What is to be changed of an account. `reminders`: whether its e-mail is to be reminded of what is
    confirmed, a day before."""

    name: Text | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    reminders: bool | UnsetType = UNSET


class PasswordChange(Payload, frozen=True):
    """The present password, and the one that is to be."""

    present: GivenPassword
    password: WantedPassword


class WantedReset(Payload, frozen=True):
    """Whose password is forgotten."""

    email: Email


class Recovery(Payload, frozen=True):
    """Whose reservations are to be found again."""

    email: Email


class PasswordReset(Payload, frozen=True):
    """What the mail of a reset brought, and the password that is to be."""

    token: MailedTokenText
    password: WantedPassword
