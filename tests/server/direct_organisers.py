"""Organisers in memory, as `server.organisers` describes them, over accounts in memory."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from domain.account import MEMBERS_MAX_ACCOUNTS, Account, Invitation, MailedToken, Organiser, Role
from domain.mail import Mail
from domain.messages import Code, Rejected
from tests.server.direct_accounts import KEY_REUSED, DirectAccounts

NO_INVITATION = Rejected(Code.NOT_FOUND, "There is no such token.")


@dataclass
class Invited:
    """An invitation of an e-mail's key."""

    invitation: Invitation
    customer: bytes
    expires_ms: int
    account_id: str | None = None


class DirectOrganisers:
    """What there is, and what keys have done."""

    def __init__(self, accounts: DirectAccounts) -> None:
        self.accounts = accounts
        self.kept: dict[str, Organiser] = {}
        self.invited: dict[bytes, Invited] = {}
        self.recorded: dict[bytes, tuple[bytes, Organiser | None]] = {}

    async def create(self, organiser: Organiser, key: tuple[bytes, bytes] | None) -> Organiser | Rejected:
        if key is not None and key[0] in self.recorded:
            fingerprint, made = self.recorded[key[0]]
            return made if made is not None and fingerprint == key[1] else KEY_REUSED
        self.kept[organiser.id] = organiser
        if key is not None:
            self.recorded[key[0]] = (key[1], organiser)
        return organiser

    async def organiser(self, organiser_id: str) -> Organiser | None:
        return self.kept.get(organiser_id)

    async def organisers(self, after: str | None, limit: int) -> list[Organiser]:
        return [self.kept[one] for one in sorted(self.kept) if one > (after or "")][:limit]

    async def invite(
        self,
        invitation: Invitation,
        customer: bytes,
        token: MailedToken,
        mail: Mail,
        key: tuple[bytes, bytes] | None,
    ) -> Rejected | None:
        if key is not None and key[0] in self.recorded:
            return None if self.recorded[key[0]][0] == key[1] else KEY_REUSED
        if key is not None:
            self.recorded[key[0]] = (key[1], None)
        self.invited[token.token_hash] = Invited(invitation, customer, token.expires_ms)
        self.accounts.mails.append(mail)
        return None

    async def join(self, account_id: str, token_hash: bytes, now_ms: int) -> Account | Rejected:
        account, found = self.accounts.kept.get(account_id), self.invited.get(token_hash)
        if account is None or found is None or found.expires_ms <= now_ms:
            return NO_INVITATION
        if found.customer != account.customer:
            return NO_INVITATION
        if found.account_id is not None:
            return account
        organiser_id = found.invitation.organiser_id
        if len(await self.members(organiser_id)) >= MEMBERS_MAX_ACCOUNTS:
            return Rejected(Code.LIMIT_EXCEEDED, "Too many.", {"limit": MEMBERS_MAX_ACCOUNTS})
        if account.role is not Role.CUSTOMER and account.organiser_id != organiser_id:
            return Rejected(Code.IN_USE, "The account works for another.")
        found.account_id = account_id
        return self._become(account, found.invitation.role, organiser_id)

    async def members(self, organiser_id: str) -> list[Account]:
        return [one for one in self.accounts.kept.values() if one.organiser_id == organiser_id]

    async def dismiss(self, organiser_id: str, account_id: str, now_ms: int) -> list[str] | None:
        account = self.accounts.kept.get(account_id)
        if account is None or account.organiser_id != organiser_id:
            return None
        self._become(account, Role.CUSTOMER, None)
        self.invited = {
            name: one
            for name, one in self.invited.items()
            if (one.customer, one.invitation.organiser_id) != (account.customer, organiser_id)
        }
        ended = [one.id for one in self.accounts.open.values() if one.account_id == account_id]
        for session_id in ended:
            await self.accounts.end_session(session_id, now_ms)
        return ended

    def _become(self, account: Account, role: Role, organiser_id: str | None) -> Account:
        version = account.version + 1
        now = msgspec.structs.replace(account, role=role, organiser_id=organiser_id, version=version)
        self.accounts.kept[account.id] = now
        return now
