"""What the handlers ask of whoever keeps accounts: rows that nobody owns, read and changed by front ends."""

from __future__ import annotations

from typing import Protocol

from domain.account import Account, MailedToken, Registration, Session, SigningKey
from domain.mail import Mail
from domain.messages import Rejected


class Accounts(Protocol):
    """Accounts, sessions, keys. Each deed is whole or nothing, and so is the mail that tells of it."""

    async def register(
        self,
        wanted: Registration,
        token: MailedToken,
        mail: Mail,
        known: Mail,
        key: tuple[bytes, bytes] | None,
    ) -> Rejected | None:
        """Keep it until its e-mail is confirmed. Of an address that has an account nothing is kept, and it is
        mailed `known`. Rejected: `key_reused`."""

    async def may_confirm(self, token_hash: bytes, now_ms: int) -> bool:
        """Whether such a token is there."""

    async def confirm(
        self, token_hash: bytes, account_id: str, password_hash: str, now_ms: int
    ) -> Account | None:
        """Make the account that was registered, with that password; shown again, and nothing changed, while
        the token lasts. None: no such token."""

    async def create(self, account: Account, password_hash: str | None) -> Account | Rejected:
        """An account that an operator makes. `in_use` where the e-mail has one."""

    async def account(self, account_id: str) -> Account | None:
        """One account."""

    async def credentials(self, customer: bytes) -> tuple[Account, str | None] | None:
        """The account of that e-mail's key, and the hash of its password, if it has one."""

    async def change(
        self,
        account_id: str,
        name: str | None,
        language: str | None,
        reminders: bool | None,
        if_version: int | None,
    ) -> Account | Rejected:
        """None: as it is. `stale` if the version is not the one meant."""

    async def set_password(
        self, account_id: str, password_hash: str, now_ms: int, session_id: str | None, present: str | None
    ) -> bool:
        """And end all sessions but that one, and mail that it was done. False: there is no such account, or
        `present` is not the hash of its password any more."""

    async def ask_reset(
        self, customer: bytes, token: MailedToken, mail: Mail, key: tuple[bytes, bytes] | None
    ) -> Rejected | None:
        """Mail it to the account's address, in the account's language; to nobody if there is none. Rejected:
        `key_reused`."""

    async def may_reset(self, token_hash: bytes, now_ms: int) -> bool:
        """Whether such a token is there."""

    async def reset(self, token_hash: bytes, password_hash: str, now_ms: int) -> bool:
        """The token serves once, all sessions end, and that it was done is mailed. False: no such token."""

    async def recover(
        self, customer: bytes, email: str, now_ms: int, key: tuple[bytes, bytes] | None
    ) -> Rejected | None:
        """Mail to the address what opens its live reservations, if it has any. Rejected: `key_reused`."""

    async def erase(self, account_id: str, now_ms: int) -> Rejected | None:
        """The account, and whatever else names the person. Rejected: `in_use` while there is money in its
        wallet, or on its way into it or out of it, or a submission under its e-mail is pending;
        `not_found`."""

    async def open_session(self, session: Session, password_hash: str | None) -> Account | None:
        """Keep it; its account as it stands by now. None: that is not the hash of its password any more."""

    async def renew(
        self, session_id: str, secret_hash: bytes, next_hash: bytes, now_ms: int, expires_ms: int
    ) -> Account | None:
        """The session's account, and from now on `next_hash` serves. None: the session is over, or ends here
        because its secret had served already."""

    async def end_session(self, session_id: str, now_ms: int) -> None:
        """Its tokens serve no more."""

    async def sessions(self, account_id: str, now_ms: int) -> list[Session]:
        """Those that have not ended."""

    async def ended_since(self, since_ms: int) -> frozenset[str]:
        """Sessions that were ended since then."""

    async def signing_keys(self) -> list[SigningKey]:
        """The oldest first."""
