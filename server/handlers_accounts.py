"""Accounts: register, confirm, show, change, export, erase, and the ways to another password.

What asks for a mail answers the same to everybody: whether an address has an account is said in the mail
alone.
"""

from __future__ import annotations

from aiohttp import web
from msgspec import UNSET

from domain.account import CONFIRMATION_LIFE_MS, RESET_LIFE_MS, Account, Registration
from domain.mail import Json, Mail, MailKind, UnsoundMail, check
from domain.messages import Rejected
from server import views
from server.bodies import Payload, read_body
from server.callers import caller_of
from server.entity_tags import version_of, wanted_versions
from server.exported import exported
from server.ids import uuid7
from server.keys import key_of
from server.one_time_tokens import new_token, token_hash
from server.parts import Parts
from server.payloads_accounts import (
    AccountPatch,
    Confirmation,
    NewAccount,
    PasswordChange,
    PasswordReset,
    Recovery,
    WantedReset,
)
from server.problems import Problem, invalid, not_found, refusal
from server.replies import PRIVATE, Reply
from server.throttle import Group
from server.views_accounts import AskedView, account_view

_NEW, _CONFIRMATION, _PATCH = Payload(NewAccount), Payload(Confirmation), Payload(AccountPatch)
_RECOVERY = Payload(Recovery)
_PASSWORD, _WANTED_RESET, _RESET = Payload(PasswordChange), Payload(WantedReset), Payload(PasswordReset)
_ASKED = views.encode(AskedView())


class AccountHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def register(self, request: web.BaseRequest) -> Reply:
        """Ask for an account. A mail brings the token that makes it, or says that there is one already."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _NEW.parse(request, body)
        key = key_of(request, body)
        customer = parts.customers.key(wanted.email)
        email = mailable(wanted.email)
        await parts.throttle.of_email(Group.ASK_EMAIL, customer)
        registration = Registration(email, customer, wanted.name, wanted.language)
        now_ms = parts.reads.now_ms()
        text, token = new_token(now_ms, CONFIRMATION_LIFE_MS)
        said: dict[str, Json] = {"token": text, "valid_minutes": CONFIRMATION_LIFE_MS // 60_000}
        mail = Mail(MailKind.CONFIRM_EMAIL, email, language=wanted.language, parameters=said)
        known = Mail(MailKind.ACCOUNT_EXISTS, email, language=wanted.language)
        refused = await parts.accounts.register(
            registration, token, mail, known, (key.request_id, key.fingerprint) if key else None
        )
        return refusal(refused) if refused is not None else Reply(202, _ASKED, PRIVATE)

    async def confirm(self, request: web.BaseRequest) -> Reply:
        """Confirm the e-mail of a registration and choose the password, which makes the account.

        The password is chosen here and not before, so that nobody has one to an account of another's address.
        """
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        given = _CONFIRMATION.parse(request, body)
        hashed_token = token_hash(given.token)
        if not await parts.accounts.may_confirm(hashed_token, parts.reads.now_ms()):
            raise not_found("token")
        hashed = await parts.passwords.hashed(given.password)
        now_ms = parts.reads.now_ms()
        made = await parts.accounts.confirm(hashed_token, uuid7(now_ms), hashed, now_ms)
        if made is None:
            raise not_found("token")
        return _shown(made)

    async def show(self, request: web.BaseRequest) -> Reply:
        """Show one's own account."""
        return _shown(await self._own(request))

    async def change(self, request: web.BaseRequest) -> Reply:
        """Change one's own account."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _PATCH.parse(request, body)
        present = await self._own(request)
        if_version = version_of(wanted_versions(request), present.version)
        name = None if wanted.name is UNSET else wanted.name
        language = None if wanted.language is UNSET else wanted.language
        reminders = None if wanted.reminders is UNSET else wanted.reminders
        changed = await parts.accounts.change(present.id, name, language, reminders, if_version)
        return refusal(changed) if isinstance(changed, Rejected) else _shown(changed)

    async def export(self, request: web.BaseRequest) -> Reply:
        """Show all that is kept of oneself."""
        return Reply(200, views.encode(await exported(self._parts, await self._own(request))), PRIVATE)

    async def recover(self, request: web.BaseRequest) -> Reply:
        """Ask for links and codes of one's reservations; they are mailed to the address, if it has any."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        email = mailable(_RECOVERY.parse(request, body).email)
        key, customer = key_of(request, body), parts.customers.key(email)
        await parts.throttle.of_email(Group.ASK_EMAIL, customer)
        refused = await parts.accounts.recover(
            customer,
            email,
            parts.reads.now_ms(),
            (key.request_id, key.fingerprint) if key else None,
        )
        return refusal(refused) if refused is not None else Reply(202, _ASKED, PRIVATE)

    async def erase(self, request: web.BaseRequest) -> Reply:
        """Erase one's own account, and the name and address wherever they are kept."""
        parts, account = self._parts, await self._own(request)
        now_ms = parts.reads.now_ms()
        sessions = await parts.accounts.sessions(account.id, now_ms)
        refused = await parts.accounts.erase(account.id, now_ms)
        if refused is not None:
            return refusal(refused)
        parts.access.end([session.id for session in sessions])
        return Reply(204, content_type="")

    async def change_password(self, request: web.BaseRequest) -> Reply:
        """Change one's own password; all other sessions end."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _PASSWORD.parse(request, body)
        account = await self._own(request)
        # Who has somebody's access token has no more tries at the password than who has none.
        await parts.throttle.of_email(Group.LOG_IN_EMAIL, account.customer)
        found = await parts.accounts.credentials(account.customer)
        present = found[1] if found else None
        if not await parts.passwords.matches(present, wanted.present):
            raise _another_password()
        hashed = await parts.passwords.hashed(wanted.password)
        now_ms, own = parts.reads.now_ms(), caller_of(request).session_id
        others = [one.id for one in await parts.accounts.sessions(account.id, now_ms) if one.id != own]
        if not await parts.accounts.set_password(account.id, hashed, now_ms, own, present):
            raise _another_password()
        parts.access.end(others)
        return Reply(204, content_type="")

    async def ask_reset(self, request: web.BaseRequest) -> Reply:
        """Ask for another password. A mail brings the token for it, if the address has an account."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _WANTED_RESET.parse(request, body)
        key = key_of(request, body)
        customer, now_ms = parts.customers.key(wanted.email), parts.reads.now_ms()
        await parts.throttle.of_email(Group.ASK_EMAIL, customer)
        text, token = new_token(now_ms, RESET_LIFE_MS)
        said: dict[str, Json] = {"token": text, "valid_minutes": RESET_LIFE_MS // 60_000}
        mail = Mail(MailKind.PASSWORD_RESET, parameters=said)
        refused = await parts.accounts.ask_reset(
            customer, token, mail, (key.request_id, key.fingerprint) if key else None
        )
        return refusal(refused) if refused is not None else Reply(202, _ASKED, PRIVATE)

    async def reset(self, request: web.BaseRequest) -> Reply:
        """Set another password by a mailed token; all sessions end."""
        parts = self._parts
        body = await read_body(request, parts.options.body_max_bytes)
        wanted = _RESET.parse(request, body)
        hashed_token = token_hash(wanted.token)
        if not await parts.accounts.may_reset(hashed_token, parts.reads.now_ms()):
            raise not_found("token")
        hashed = await parts.passwords.hashed(wanted.password)
        if not await parts.accounts.reset(hashed_token, hashed, parts.reads.now_ms()):
            raise not_found("token")
        return Reply(204, content_type="")

    async def _own(self, request: web.BaseRequest) -> Account:
        account_id = caller_of(request).account_id
        account = await self._parts.accounts.account(account_id) if account_id else None
        if account is None:
            raise not_found("account")
        return account


def mailable(email: str) -> str:
    """The address as it is written to. One that has in it what no header may have is invalid."""
    address = email.strip()
    try:
        check(Mail(MailKind.ACCOUNT_EXISTS, address))
    except UnsoundMail:
        raise invalid("email", "No mail can be sent to this address.") from None
    return address


def _another_password() -> Problem:
    return Problem("forbidden", "The present password is another.")


def _shown(account: Account) -> Reply:
    tag = b'ETag: "%d"\r\n' % account.version
    return Reply(200, views.encode(account_view(account)), tag + PRIVATE)
