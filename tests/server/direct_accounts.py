"""Accounts in memory, as `server.accounts` describes them: for front ends whose events are in memory too."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from domain.account import Account, MailedToken, Registration, Role, Session, SigningKey
from domain.mail import Json, Language, Mail, MailKind
from domain.messages import Code, Rejected
from domain.payment import Payment, Standing
from persistence.accounts import MONEY_KEPT, MONEY_MOVING
from tests.server.direct_gateway import DirectReads
from tests.server.direct_mails import DirectMails
from tests.server.direct_payments import DirectPayments
from tests.server.direct_wallets import DirectWallets

NOT_FOUND = Rejected(Code.NOT_FOUND, "There is no such account.")
TAKEN = Rejected(Code.IN_USE, "There is an account with this e-mail already.")
KEY_REUSED = Rejected(Code.KEY_REUSED, "This key came with another body.")


def _language(account: Account) -> Language:
    return "es" if account.language == "es" else "en"


def _payer(payment: Payment) -> str:
    """Whose wallet pays; nothing where it is none."""
    return payment.method if payment.provider == "wallet" else ""


@dataclass
class Kept:
    """A one-time token: of a registration until it is confirmed, of an account to reset its password."""

    expires_ms: int
    registration: Registration | None = None
    account_id: str | None = None
    confirms: bool = False


class DirectAccounts:
    """What there is. `mails`: what would be sent. `preferences`: who wants reminders."""

    def __init__(
        self,
        reads: DirectReads,
        wallets: DirectWallets,
        payments: DirectPayments,
        preferences: DirectMails,
    ) -> None:
        self.reads = reads
        self.wallets = wallets
        self.payments = payments
        self.preferences = preferences
        self.kept: dict[str, Account] = {}
        self.hashes: dict[str, str | None] = {}
        self.tokens: dict[bytes, Kept] = {}
        self.open: dict[str, Session] = {}
        self.ended: dict[str, int] = {}
        self.mails: list[Mail] = []
        self.keys = [SigningKey("1", b"k" * 32, 1)]
        self.recorded: dict[bytes, bytes] = {}

    def _of(self, customer: bytes) -> Account | None:
        return next((one for one in self.kept.values() if one.customer == customer), None)

    def _seen(self, key: tuple[bytes, bytes] | None) -> bool:
        if key is None:
            return False
        seen = key[0] in self.recorded
        self.recorded.setdefault(*key)
        return seen

    async def register(
        self,
        wanted: Registration,
        token: MailedToken,
        mail: Mail,
        known: Mail,
        key: tuple[bytes, bytes] | None,
    ) -> Rejected | None:
        if key is not None and self._seen(key):
            return None if self.recorded[key[0]] == key[1] else KEY_REUSED
        if self._of(wanted.customer) is not None:
            self.mails.append(known)
            return None
        self.tokens[token.token_hash] = Kept(token.expires_ms, confirms=True, registration=wanted)
        self.mails.append(mail)
        return None

    async def may_confirm(self, token_hash: bytes, now_ms: int) -> bool:
        found = self.tokens.get(token_hash)
        return found is not None and found.confirms and found.expires_ms > now_ms

    async def confirm(
        self, token_hash: bytes, account_id: str, password_hash: str, now_ms: int
    ) -> Account | None:
        found = self.tokens.get(token_hash)
        if found is None or not found.confirms or found.expires_ms <= now_ms:
            return None
        if found.account_id is not None:
            return self.kept.get(found.account_id)
        wanted = found.registration
        assert wanted is not None
        if self._of(wanted.customer) is not None:
            return None
        found.account_id, found.registration = account_id, None
        identity = (account_id, wanted.email, wanted.customer, wanted.name, wanted.language)
        self.kept[account_id] = Account(*identity, Role.CUSTOMER, None, 1, now_ms)
        self.hashes[account_id] = password_hash
        return self.kept[account_id]

    async def create(self, account: Account, password_hash: str | None) -> Account | Rejected:
        if self._of(account.customer) is not None:
            return TAKEN
        self.kept[account.id], self.hashes[account.id] = account, password_hash
        return account

    async def account(self, account_id: str) -> Account | None:
        there = self.kept.get(account_id)
        return there and self._shown(there)

    def _shown(self, account: Account) -> Account:
        reminders = self.preferences.reminders.get(account.customer, True)
        return msgspec.structs.replace(account, reminders=reminders)

    async def credentials(self, customer: bytes) -> tuple[Account, str | None] | None:
        found = self._of(customer)
        return None if found is None else (self._shown(found), self.hashes[found.id])

    async def change(
        self,
        account_id: str,
        name: str | None,
        language: str | None,
        reminders: bool | None,
        if_version: int | None,
    ) -> Account | Rejected:
        there = self.kept.get(account_id)
        if there is None:
            return NOT_FOUND
        if if_version not in (None, there.version):
            return Rejected(Code.STALE, "Changed.", {"version": there.version})
        self.kept[account_id] = msgspec.structs.replace(
            there,
            name=there.name if name is None else name,
            language=there.language if language is None else language,
            version=there.version + 1,
        )
        if reminders is not None:
            await self.preferences.prefer(there.customer, reminders)
        return self._shown(self.kept[account_id])

    async def set_password(
        self, account_id: str, password_hash: str, now_ms: int, session_id: str | None, present: str | None
    ) -> bool:
        if account_id not in self.kept or present not in (None, self.hashes[account_id]):
            return False
        self.hashes[account_id] = password_hash
        self._end_all(account_id, now_ms, session_id)
        there = self.kept[account_id]
        self.mails.append(Mail(MailKind.PASSWORD_CHANGED, there.email, language=_language(there)))
        return True

    async def ask_reset(
        self, customer: bytes, token: MailedToken, mail: Mail, key: tuple[bytes, bytes] | None
    ) -> Rejected | None:
        if key is not None and self._seen(key):
            return None if self.recorded[key[0]] == key[1] else KEY_REUSED
        found = self._of(customer)
        if found is not None:
            self.tokens[token.token_hash] = Kept(token.expires_ms, account_id=found.id)
            self.mails.append(replace(mail, recipient=found.email, language=_language(found)))
        return None

    async def may_reset(self, token_hash: bytes, now_ms: int) -> bool:
        found = self.tokens.get(token_hash)
        return found is not None and not found.confirms and found.expires_ms > now_ms

    async def reset(self, token_hash: bytes, password_hash: str, now_ms: int) -> bool:
        if not await self.may_reset(token_hash, now_ms):
            return False
        account_id = self.tokens.pop(token_hash).account_id
        return await self.set_password(account_id or "", password_hash, now_ms, None, None)

    async def recover(
        self, customer: bytes, email: str, now_ms: int, key: tuple[bytes, bytes] | None
    ) -> Rejected | None:
        if key is not None and self._seen(key):
            return None if self.recorded[key[0]] == key[1] else KEY_REUSED
        found = [one.reply.reservation for one in await self.reads.of_customer(customer, None, 50)]
        live = [one.id for one in found if one.status.live and one.expires_at_ms > now_ms]
        if live:
            said: dict[str, Json] = {"reservation_ids": [*live]}
            there = self._of(customer)
            language = _language(there) if there else None
            self.mails.append(Mail(MailKind.RECOVER_LINKS, email, language=language, parameters=said))
        return None

    async def erase(self, account_id: str, now_ms: int) -> Rejected | None:
        pending = [one for one in self.payments.payments if one.standing is Standing.PENDING]
        if any(account_id in (one.wallet, _payer(one)) for one in pending):
            return MONEY_MOVING
        if any(self.wallets.balance(one.id) for one in await self.wallets.wallets(account_id)):
            return MONEY_KEPT
        there = self.kept.pop(account_id, None)
        if there is None:
            return NOT_FOUND
        self._end_all(account_id, now_ms, None)
        self.mails = [mail for mail in self.mails if mail.recipient != there.email]
        return None

    async def open_session(self, session: Session, password_hash: str | None) -> Account | None:
        if self.hashes.get(session.account_id) != password_hash:
            return None
        self.open[session.id] = session
        return await self.account(session.account_id)

    async def renew(
        self, session_id: str, secret_hash: bytes, next_hash: bytes, now_ms: int, expires_ms: int
    ) -> Account | None:
        session = self.open.get(session_id)
        if session is None or session.expires_ms <= now_ms:
            return None
        if session.secret_hash not in (secret_hash, next_hash):
            await self.end_session(session_id, now_ms)
            return None
        self.open[session_id] = msgspec.structs.replace(session, secret_hash=next_hash, expires_ms=expires_ms)
        return await self.account(session.account_id)

    async def end_session(self, session_id: str, now_ms: int) -> None:
        if self.open.pop(session_id, None) is not None:
            self.ended[session_id] = now_ms

    async def sessions(self, account_id: str, now_ms: int) -> list[Session]:
        return [one for one in self.open.values() if one.account_id == account_id]

    async def ended_since(self, since_ms: int) -> frozenset[str]:
        return frozenset([name for name, at_ms in self.ended.items() if at_ms > since_ms])

    async def signing_keys(self) -> list[SigningKey]:
        return self.keys

    def _end_all(self, account_id: str, now_ms: int, but: str | None) -> None:
        for session in list(self.open.values()):
            if session.account_id == account_id and session.id != but:
                del self.open[session.id]
                self.ended[session.id] = now_ms
