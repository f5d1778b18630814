"""What the handlers ask of organisers and their members: rows that nobody owns, kept by front ends."""

from __future__ import annotations

from typing import Protocol

from domain.account import Account, Invitation, MailedToken, Organiser
from domain.mail import Mail
from domain.messages import Rejected


class Organisers(Protocol):
    """Each deed is whole or nothing, and so is the mail that tells of it."""

    async def create(self, organiser: Organiser, key: tuple[bytes, bytes] | None) -> Organiser | Rejected:
        """Make it. `key`: an Idempotency-Key's id and its body's digest; if that has made an organiser
        before, that one, or `key_reused`."""

    async def organiser(self, organiser_id: str) -> Organiser | None:
        """One of them."""

    async def organisers(self, after: str | None, limit: int) -> list[Organiser]:
        """By id, which is the order they were made in, beginning after `after`."""

    async def invite(
        self,
        invitation: Invitation,
        customer: bytes,
        token: MailedToken,
        mail: Mail,
        key: tuple[bytes, bytes] | None,
    ) -> Rejected | None:
        """Keep the invitation of that e-mail's key until it is accepted, and mail it. Rejected:
        `key_reused`."""

    async def join(self, account_id: str, token_hash: bytes, now_ms: int) -> Account | Rejected:
        """Make the account what it was invited as; the same again while the token lasts. Rejected:
        `not_found` where the token is none of the account's e-mail, `in_use` where the account has a role
        already, `limit_exceeded`."""

    async def members(self, organiser_id: str) -> list[Account]:
        """All of them, by id."""

    async def dismiss(self, organiser_id: str, account_id: str, now_ms: int) -> list[str] | None:
        """Make a member a customer again. Its invitations by this organiser and its sessions end: the ids of
        these. None: it is no member."""
