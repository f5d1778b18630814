"""What clients send of organisers and their members; see `server/payloads.py`."""

from __future__ import annotations

from typing import Literal

from server.payloads import Email, Payload, Text
from server.payloads_accounts import Language, MailedTokenText


class NewOrganiser(Payload, frozen=True):
    """Whoever puts things on, by name."""

    name: Text


class NewInvitation(Payload, frozen=True):
    """Whom to ask to become a member, and as what. `language`: of the mail."""

    email: Email
    role: Literal["organiser", "staff"]
    language: Language = "en"


class Joining(Payload, frozen=True):
    """What the mail of an invitation brought."""

    token: MailedTokenText
