"""Accounts, sessions and one-time tokens in PostgreSQL, kept by front ends: each deed is one transaction,
with the mail that tells of it.

Secrets are stored as hashes only: whoever reads these rows can log in as nobody.
"""

# ruff: noqa: S608 - statements are put together from constants of this file only
from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple, TypeVar

import msgspec

from domain.account import ACCESS_LIFE_MS, Account, MailedToken, Registration, Role, Session, SigningKey
from domain.mail import Mail, MailKind
from domain.messages import Code, Rejected
from persistence import mails
from persistence.connection import Connection, Limits, Links, QueueLimits, Row, in_time
from persistence.customers import FENCED, FORGET_CONTACTS, FORGET_DINERS, FORGET_TICKETS, LIVE_OF
from persistence.mail_list import PREFER
from persistence.rows import LAST_ID, scope_id

CONNECTIONS_MAX = 2
WAITING_MAX_STATEMENTS = 200
SCOPE = "accounts"
LIMITS = Limits(command_timeout_s=5.0, statement_timeout_s=4.0)
KEY_NAME = "access_key:"
CONFIRM, RESET = "confirm", "reset"
"""What a one-time token is for."""

NOACCOUNT = Rejected(Code.NOT_FOUND, "There is no such account.")
TAKEN = Rejected(Code.IN_USE, "There is an account with this e-mail already.")
MONEY_KEPT = Rejected(
    Code.IN_USE,
    "There is money in your wallet. Spend it, or ask the operator to pay it out, then erase the account.",
)
MONEY_MOVING = Rejected(
    Code.IN_USE,
    "A payment with your wallet, or a refund of one, is under way. Erase the account when it is over.",
)
ASKED_FOR = Rejected(
    Code.IN_USE,
    "A reservation under your e-mail is asked for and not answered yet. Erase the account when it is.",
)
KEY_REUSED = Rejected(Code.KEY_REUSED, "This key came with another body.")

ACCOUNT = (
    "id::text, email, customer, name, language, role, organiser_id::text, version, created_ms,"
    " coalesce((SELECT p.reminders FROM mail_preferences p WHERE p.customer = accounts.customer), true)"
)
ACCOUNT_COLUMNS = 10
BY_ID = f"SELECT {ACCOUNT} FROM accounts WHERE id = $1"
BY_CUSTOMER = f"SELECT {ACCOUNT}, password_hash FROM accounts WHERE customer = $1"
CREATE = f"""
INSERT INTO accounts (id, customer, email, name, language, role, organiser_id, password_hash,
                      created_ms, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1) ON CONFLICT (customer) DO NOTHING RETURNING {ACCOUNT}"""
CHANGE = f"""
UPDATE accounts SET name = coalesce($3, name), language = coalesce($4, language), version = version + 1
 WHERE id = $1 AND version = coalesce($2, version) RETURNING {ACCOUNT}"""
SET_HASH = """
UPDATE accounts SET password_hash = $2, version = version + 1
 WHERE id = $1 AND ($3::text IS NULL OR password_hash = $3) RETURNING email, language"""
ERASE = "DELETE FROM accounts WHERE id = $1 RETURNING customer, email"
_TOUCHES = "(p.wallet = $1 OR (p.provider = 'wallet' AND p.method = $1))"
MONEY = f"""
SELECT EXISTS (SELECT FROM ledger_accounts WHERE kind = 'wallet' AND name = $1 AND balance > 0) AS kept,
       EXISTS (SELECT FROM payments p WHERE p.wake_ms IS NOT NULL AND {_TOUCHES})
       OR EXISTS (SELECT FROM refunds r JOIN payments p ON p.id = r.payment_id
                   WHERE r.wake_ms IS NOT NULL AND r.step <> 'done' AND {_TOUCHES}) AS moving"""
"""What stands against an erasure: what is in the wallet of that name, or on its way."""

PENDING = """
SELECT EXISTS (SELECT FROM submissions WHERE status = 'pending'
                  AND customer = (SELECT customer FROM accounts WHERE id = $1))"""
"""Whether anything is asked for behind the scenes under the account's e-mail: name and address are in it, and
would be in the reservation that is made of it afterwards."""

RECORD = """
INSERT INTO requests (request_id, scope, fingerprint, reply, expires_ms) VALUES ($1, $2, $3, '', $4)
ON CONFLICT DO NOTHING RETURNING 1"""
RECORDED = "SELECT fingerprint FROM requests WHERE request_id = $1 AND scope = $2"

KEEP = """
INSERT INTO one_time_tokens (token_hash, kind, customer, account_id, registration, created_ms, expires_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""
FIND = """
WITH all_of_them AS MATERIALIZED (
  SELECT token_hash FROM one_time_tokens
   WHERE customer = (SELECT customer FROM one_time_tokens WHERE token_hash = $1)
   ORDER BY token_hash FOR UPDATE)
SELECT account_id::text, registration FROM one_time_tokens
 WHERE token_hash = $1 AND kind = $2 AND expires_ms > $3 AND EXISTS (SELECT FROM all_of_them) FOR UPDATE"""
"""Who uses one ends the others of its customer, and changes the account. So all of them are locked first, and
always in this order: tokens, then accounts."""
LOCK_TOKENS = """
SELECT FROM one_time_tokens WHERE customer = (SELECT customer FROM accounts WHERE id = $1)
 ORDER BY token_hash FOR UPDATE"""
"""For who begins at the account."""
USED = "UPDATE one_time_tokens SET account_id = $2, registration = NULL WHERE token_hash = $1"
FORGET_OTHERS = "DELETE FROM one_time_tokens WHERE customer = $1 AND token_hash <> $2 AND kind <> 'join'"
FORGET_RESETS = "DELETE FROM one_time_tokens WHERE customer = $1 AND kind <> 'join'"
"""An invitation outlives both: it opens nothing but a membership, to who is signed in."""
FORGET_TOKENS = "DELETE FROM one_time_tokens WHERE customer = $1"

OPEN = f"""
WITH there AS MATERIALIZED (
  SELECT {ACCOUNT} FROM accounts WHERE id = $2::uuid AND password_hash = $6::text FOR SHARE),
opened AS (
  INSERT INTO sessions (id, account_id, secret_hash, created_ms, expires_ms)
  SELECT $1::uuid, $2::uuid, $3::bytea, $4::bigint, $5::bigint FROM there)
SELECT * FROM there"""
"""A password takes a while to check. Who changes the account meanwhile and ends its sessions is waited for:
else one would be opened behind him, of a password that serves no more or with a role that was taken away."""
RENEW = f"""
WITH renewed AS (
  UPDATE sessions SET secret_hash = $3, expires_ms = $5
   WHERE id = $1 AND secret_hash IN ($2, $3) AND ended_ms IS NULL AND expires_ms > $4 RETURNING account_id)
SELECT {ACCOUNT} FROM accounts WHERE id = (SELECT account_id FROM renewed)"""
"""Also where the next secret is the present one already: the answer to the same request was lost."""
END = "UPDATE sessions SET ended_ms = $2 WHERE id = $1 AND ended_ms IS NULL"
END_ALL = """
UPDATE sessions SET ended_ms = $2
 WHERE account_id = $1 AND ended_ms IS NULL AND id IS DISTINCT FROM $3::uuid"""
SESSIONS = """
SELECT id::text, account_id::text, ''::bytea, created_ms, expires_ms FROM sessions
 WHERE account_id = $1 AND ended_ms IS NULL AND expires_ms > $2 ORDER BY id"""
ENDED = "SELECT id::text FROM sessions WHERE ended_ms > $1"

KEYS = f"SELECT name, value FROM secrets WHERE starts_with(name, '{KEY_NAME}')"
ADD_KEY = "INSERT INTO secrets (name, value) VALUES ($1, $2)"
DROP_KEY = "DELETE FROM secrets WHERE name = $1"

_registrations = msgspec.msgpack.Decoder(Registration)
Result = TypeVar("Result")


class PostgresAccounts:
    """The `Accounts` of front ends (see `server.accounts`)."""

    def __init__(self, database_url: str, deadline_ms: int = 5_000, key_retention_s: int = 25 * 3600) -> None:
        queue = QueueLimits(WAITING_MAX_STATEMENTS, deadline_ms / 2000)
        self._links = Links(database_url, "turnstile accounts", LIMITS, CONNECTIONS_MAX, queue)
        self._watch = Links(database_url, "turnstile sessions", LIMITS, 1, queue)
        self._deadline_s = deadline_ms / 1000
        self._key_retention_ms = key_retention_s * 1000

    async def register(
        self,
        wanted: Registration,
        token: MailedToken,
        mail: Mail,
        known: Mail,
        key: tuple[bytes, bytes] | None,
    ) -> Rejected | None:
        async def work(connection: Connection) -> Rejected | None:
            said = await recorded(connection, SCOPE, key, token.created_ms + self._key_retention_ms)
            if said is not None:
                return said.rejection
            there = await connection.fetch(BY_CUSTOMER, wanted.customer)
            # A row where nothing is to be confirmed too: the answer shall take as long.
            kept = None if there else msgspec.msgpack.encode(wanted)
            times = (token.created_ms, token.expires_ms)
            await connection.execute(KEEP, token.token_hash, CONFIRM, wanted.customer, None, kept, *times)
            await mails.enqueue(connection, known if there else mail)
            return None

        return await self._together(work)

    async def may_confirm(self, token_hash: bytes, now_ms: int) -> bool:
        return bool(await self._ask(FIND, token_hash, CONFIRM, now_ms))

    async def confirm(
        self, token_hash: bytes, account_id: str, password_hash: str, now_ms: int
    ) -> Account | None:
        async def work(connection: Connection) -> Account | None:
            found = await connection.fetchrow(FIND, token_hash, CONFIRM, now_ms)
            if found is None:
                return None
            if found["registration"] is None:
                there = await connection.fetchrow(BY_ID, found["account_id"])
                return account_of(there) if there else None
            wanted = _registrations.decode(found["registration"])
            values = (account_id, wanted.customer, wanted.email, wanted.name, wanted.language)
            made = await connection.fetchrow(
                CREATE, *values, Role.CUSTOMER.value, None, password_hash, now_ms
            )
            if made is None:
                return None
            await connection.execute(USED, token_hash, account_id)
            await connection.execute(FORGET_OTHERS, wanted.customer, token_hash)
            return account_of(made)

        return await self._together(work)

    async def create(self, account: Account, password_hash: str | None) -> Account | Rejected:
        values = (account.id, account.customer, account.email, account.name, account.language)
        role = (account.role.value, account.organiser_id)
        rows = await self._ask(CREATE, *values, *role, password_hash, account.created_ms)
        return account_of(rows[0]) if rows else TAKEN

    async def account(self, account_id: str) -> Account | None:
        rows = await self._ask(BY_ID, account_id)
        return account_of(rows[0]) if rows else None

    async def credentials(self, customer: bytes) -> tuple[Account, str | None] | None:
        rows = await self._ask(BY_CUSTOMER, customer)
        return (account_of(rows[0]), rows[0]["password_hash"]) if rows else None

    async def change(
        self,
        account_id: str,
        name: str | None,
        language: str | None,
        reminders: bool | None,
        if_version: int | None,
    ) -> Account | Rejected:
        async def work(connection: Connection) -> Account | None:
            row = await connection.fetchrow(CHANGE, account_id, if_version, name, language)
            if row is None or reminders is None:
                return account_of(row) if row else None
            await connection.execute(PREFER, row["customer"], reminders)
            return account_of(await connection.fetchrow(BY_ID, account_id))

        changed = await self._together(work)
        if changed is not None:
            return changed
        there = await self.account(account_id)
        if there is None:
            return NOACCOUNT
        return Rejected(Code.STALE, "The account has changed meanwhile.", {"version": there.version})

    async def set_password(
        self, account_id: str, password_hash: str, now_ms: int, session_id: str | None, present: str | None
    ) -> bool:
        async def work(connection: Connection) -> bool:
            return await _set_password(connection, account_id, password_hash, now_ms, session_id, present)

        return await self._together(work)

    async def ask_reset(
        self, customer: bytes, token: MailedToken, mail: Mail, key: tuple[bytes, bytes] | None
    ) -> Rejected | None:
        async def work(connection: Connection) -> Rejected | None:
            said = await recorded(connection, SCOPE, key, token.created_ms + self._key_retention_ms)
            if said is not None:
                return said.rejection
            found = await connection.fetchrow(BY_CUSTOMER, customer)
            # A row for nobody too: the answer shall take as long.
            account_id = found["id"] if found else None
            times = (token.created_ms, token.expires_ms)
            await connection.execute(KEEP, token.token_hash, RESET, customer, account_id, None, *times)
            if found:
                addressed = replace(mail, recipient=found["email"], language=found["language"])
                await mails.enqueue(connection, addressed)
            return None

        return await self._together(work)

    async def may_reset(self, token_hash: bytes, now_ms: int) -> bool:
        rows = await self._ask(FIND, token_hash, RESET, now_ms)
        return bool(rows) and rows[0]["account_id"] is not None

    async def reset(self, token_hash: bytes, password_hash: str, now_ms: int) -> bool:
        async def work(connection: Connection) -> bool:
            found = await connection.fetchrow(FIND, token_hash, RESET, now_ms)
            account_id = found["account_id"] if found else None
            there = await connection.fetchrow(BY_ID, account_id) if account_id else None
            if there is None:
                return False
            await connection.execute(FORGET_RESETS, there["customer"])
            return await _set_password(connection, there["id"], password_hash, now_ms, None, None)

        return await self._together(work)

    async def recover(
        self, customer: bytes, email: str, now_ms: int, key: tuple[bytes, bytes] | None
    ) -> Rejected | None:
        async def work(connection: Connection) -> Rejected | None:
            said = await recorded(connection, SCOPE, key, now_ms + self._key_retention_ms)
            if said is not None:
                return said.rejection
            found = [row["id"] for row in await connection.fetch(LIVE_OF, customer, LAST_ID, now_ms)]
            there = await connection.fetchrow(BY_CUSTOMER, customer)
            if found:
                language = there["language"] if there else None
                said_of = {"reservation_ids": found}
                told = Mail(MailKind.RECOVER_LINKS, email, language=language, parameters=said_of)
                await mails.enqueue(connection, told)
            return None

        return await self._together(work)

    async def erase(self, account_id: str, now_ms: int) -> Rejected | None:
        async def work(connection: Connection) -> Rejected | None:
            money = await connection.fetchrow(MONEY, account_id)
            if money["moving"] or money["kept"]:
                return MONEY_MOVING if money["moving"] else MONEY_KEPT
            if await connection.fetchval(PENDING, account_id):
                return ASKED_FOR
            await connection.execute(LOCK_TOKENS, account_id)
            row = await connection.fetchrow(ERASE, account_id)
            if row is None:
                return NOACCOUNT
            await connection.execute(END_ALL, account_id, now_ms, None)
            await connection.execute(FORGET_TOKENS, row["customer"])
            await connection.execute(mails.FORGET, row["email"])
            await connection.execute(FENCED, row["customer"], LAST_ID)
            await connection.execute(FORGET_CONTACTS, row["customer"], LAST_ID)
            await connection.execute(FORGET_DINERS, row["customer"], LAST_ID)
            await connection.execute(FORGET_TICKETS, row["customer"])
            return None

        return await self._together(work)

    async def open_session(self, session: Session, password_hash: str | None) -> Account | None:
        said = (session.secret_hash, session.created_ms, session.expires_ms)
        rows = await self._ask(OPEN, session.id, session.account_id, *said, password_hash)
        return account_of(rows[0]) if rows else None

    async def renew(
        self, session_id: str, secret_hash: bytes, next_hash: bytes, now_ms: int, expires_ms: int
    ) -> Account | None:
        rows = await self._ask(RENEW, session_id, secret_hash, next_hash, now_ms, expires_ms)
        if rows:
            return account_of(rows[0])
        await self.end_session(session_id, now_ms)
        return None

    async def end_session(self, session_id: str, now_ms: int) -> None:
        await self._ask(END, session_id, now_ms)

    async def sessions(self, account_id: str, now_ms: int) -> list[Session]:
        return [Session(*row) for row in await self._ask(SESSIONS, account_id, now_ms)]

    async def ended_since(self, since_ms: int) -> frozenset[str]:
        rows = await self._watch.answer(self._deadline_s, ENDED, since_ms)
        return frozenset([row["id"] for row in rows])

    async def signing_keys(self) -> list[SigningKey]:
        return _keys_of(await self._watch.answer(self._deadline_s, KEYS))

    async def rotate_keys(self, value: bytes, now_ms: int, grace_ms: int) -> SigningKey:
        """A new key; those that nobody needs any more go: superseded for longer than the life of a token."""

        async def work(connection: Connection) -> SigningKey:
            keys = _keys_of(await connection.fetch(KEYS))
            for key, following in pairwise(keys):
                if following.made_ms + grace_ms + ACCESS_LIFE_MS < now_ms:
                    await connection.execute(DROP_KEY, f"{KEY_NAME}{key.made_ms}")
            made = SigningKey(str(now_ms), value, now_ms)
            await connection.execute(ADD_KEY, f"{KEY_NAME}{now_ms}", value)
            return made

        return await self._together(work)

    async def close(self) -> None:
        await self._links.close()
        await self._watch.close()

    async def _together(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        async def whole(connection: Connection) -> Result:
            async with connection.transaction():
                return await work(connection)

        return await in_time(self._deadline_s, self._links.run(whole))

    async def _ask(self, sql: str, *values: object) -> Sequence[Row]:
        return await self._links.answer(self._deadline_s, sql, *values)


class Recorded(NamedTuple):
    """A key was there already: with the same body if there is no `rejection`."""

    rejection: Rejected | None


async def recorded(
    connection: Connection, scope: str, key: tuple[bytes, bytes] | None, expires_ms: int
) -> Recorded | None:
    """What this key has done; None if this is its first time. In the connection's transaction."""
    if key is None:
        return None
    if await connection.fetch(RECORD, key[0], scope_id(scope), key[1], expires_ms):
        return None
    row = await connection.fetchrow(RECORDED, key[0], scope_id(scope))
    return Recorded(None if row["fingerprint"] == key[1] else KEY_REUSED)


async def _set_password(
    connection: Connection,
    account_id: str,
    password_hash: str,
    now_ms: int,
    session_id: str | None,
    present: str | None,
) -> bool:
    """In the connection's transaction."""
    row = await connection.fetchrow(SET_HASH, account_id, password_hash, present)
    if row is None:
        return False
    await connection.execute(END_ALL, account_id, now_ms, session_id)
    await mails.enqueue(connection, Mail(MailKind.PASSWORD_CHANGED, row["email"], language=row["language"]))
    return True


def account_of(row: Row) -> Account:
    account_id, email, customer, name, language, role, *rest = tuple(row)[:ACCOUNT_COLUMNS]
    return Account(account_id, email, customer, name, language, Role(role), *rest)


def _keys_of(rows: Sequence[Row]) -> list[SigningKey]:
    """The oldest first."""
    made = [(int(row["name"].removeprefix(KEY_NAME)), row["value"]) for row in rows]
    return [SigningKey(str(made_ms), value, made_ms) for made_ms, value in sorted(made)]
