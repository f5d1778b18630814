"""Organisers and their members in PostgreSQL, kept by front ends.

A member is an account whose `organiser_id` names the organiser. An invitation is a one-time token of the
e-mail that it went to: nobody else can accept it, and who was dismissed cannot come back by an old one.
"""

# ruff: noqa: S608 - statements are put together from constants of this file only
from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from domain.account import MEMBERS_MAX_ACCOUNTS, Account, Invitation, MailedToken, Organiser, Role
from domain.mail import Mail
from domain.messages import Code, Rejected
from persistence import mails
from persistence.accounts import (
    ACCOUNT,
    BY_ID,
    END_ALL,
    FIND,
    KEEP,
    LIMITS,
    LOCK_TOKENS,
    SESSIONS,
    WAITING_MAX_STATEMENTS,
    account_of,
    recorded,
)
from persistence.connection import Connection, Links, QueueLimits, Row, in_time
from persistence.rows import FIRST_ID, scope_id

CONNECTIONS_MAX = 1
SCOPE = "organisers"
JOIN = "join"
"""What such a one-time token is for."""

NO_INVITATION = Rejected(Code.NOT_FOUND, "There is no such token.")
HAS_A_ROLE = Rejected(Code.IN_USE, "The account works for another organiser, or for the operator.")

_ORGANISER = "id::text, name, created_ms"
CREATE = f"""
WITH recorded AS (
  INSERT INTO requests (request_id, scope, fingerprint, reply, expires_ms)
  SELECT r.*
    FROM (SELECT $4::bytea AS id, $5::uuid, $6::bytea, $7::bytea, $8::bigint) r WHERE r.id IS NOT NULL
  ON CONFLICT DO NOTHING RETURNING 1)
INSERT INTO organisers (id, name, created_ms)
SELECT $1::uuid, $2::text, $3::bigint WHERE $4::bytea IS NULL OR EXISTS (SELECT FROM recorded)
RETURNING {_ORGANISER}"""
"""No row where the key has made one already."""
RECORDED = "SELECT fingerprint, reply FROM requests WHERE request_id = $1 AND scope = $2"
ONE = f"SELECT {_ORGANISER} FROM organisers WHERE id = $1"
PAGE = f"SELECT {_ORGANISER} FROM organisers WHERE id > $1 ORDER BY id LIMIT $2"
LOCK = "SELECT id FROM organisers WHERE id = $1 FOR UPDATE"
"""Who joins waits for who is joining: nobody is counted twice, or not at all."""
COUNT = "SELECT count(*) FROM accounts WHERE organiser_id = $1"
MEMBERS = f"SELECT {ACCOUNT} FROM accounts WHERE organiser_id = $1 ORDER BY id LIMIT {MEMBERS_MAX_ACCOUNTS}"
APPOINT = f"""
UPDATE accounts SET role = $2, organiser_id = $3, version = version + 1
 WHERE id = $1 AND (role = 'customer' OR organiser_id = $3) RETURNING {ACCOUNT}"""
DISMISS = """
UPDATE accounts SET role = 'customer', organiser_id = NULL, version = version + 1
 WHERE id = $1 AND organiser_id = $2 RETURNING customer"""
WITHDRAW = f"""
DELETE FROM one_time_tokens WHERE customer = $1 AND kind = '{JOIN}' AND registration = ANY ($2::bytea[])"""
MARK_USED = "UPDATE one_time_tokens SET account_id = $2 WHERE token_hash = $1"
"""It keeps what it was for, so that it can be withdrawn."""
FIND_OF = f"{FIND.removesuffix('FOR UPDATE')} AND customer = $4 FOR UPDATE"

_organisers = msgspec.msgpack.Decoder(Organiser)
_invitations = msgspec.msgpack.Decoder(Invitation)
_encode = msgspec.msgpack.encode
Result = TypeVar("Result")


class PostgresOrganisers:
    """The `Organisers` of front ends (see `server.organisers`)."""

    def __init__(self, database_url: str, deadline_ms: int = 5_000, key_retention_s: int = 25 * 3600) -> None:
        queue = QueueLimits(WAITING_MAX_STATEMENTS, deadline_ms / 2000)
        self._links = Links(database_url, "turnstile organisers", LIMITS, CONNECTIONS_MAX, queue)
        self._deadline_s = deadline_ms / 1000
        self._key_retention_ms = key_retention_s * 1000

    async def create(self, organiser: Organiser, key: tuple[bytes, bytes] | None) -> Organiser | Rejected:
        request_id, fingerprint = key or (None, b"")
        scope, expires_ms = scope_id(SCOPE), organiser.created_ms + self._key_retention_ms
        made = (organiser.id, organiser.name, organiser.created_ms)
        noted = (request_id, scope, fingerprint, _encode(organiser), expires_ms)
        if await self._ask(CREATE, *made, *noted):
            return organiser
        done = (await self._ask(RECORDED, request_id, scope))[0]
        if done["fingerprint"] != fingerprint:
            return Rejected(Code.KEY_REUSED, "This key came with another body.")
        return _organisers.decode(done["reply"])

    async def organiser(self, organiser_id: str) -> Organiser | None:
        rows = await self._ask(ONE, organiser_id)
        return Organiser(*rows[0]) if rows else None

    async def organisers(self, after: str | None, limit: int) -> list[Organiser]:
        return [Organiser(*row) for row in await self._ask(PAGE, after or FIRST_ID, limit)]

    async def invite(
        self,
        invitation: Invitation,
        customer: bytes,
        token: MailedToken,
        mail: Mail,
        key: tuple[bytes, bytes] | None,
    ) -> Rejected | None:
        async def work(connection: Connection) -> Rejected | None:
            expires_ms = token.created_ms + self._key_retention_ms
            said = await recorded(connection, SCOPE, key, expires_ms)
            if said is not None:
                return said.rejection
            times = (token.created_ms, token.expires_ms)
            wanted = _encode(invitation)
            await connection.execute(KEEP, token.token_hash, JOIN, customer, None, wanted, *times)
            await mails.enqueue(connection, mail)
            return None

        return await self._together(work)

    async def join(self, account_id: str, token_hash: bytes, now_ms: int) -> Account | Rejected:
        async def work(connection: Connection) -> Account | Rejected:
            account = await connection.fetchrow(BY_ID, account_id)
            if account is None:
                return NO_INVITATION
            found = await connection.fetchrow(FIND_OF, token_hash, JOIN, now_ms, account["customer"])
            if found is None:
                return NO_INVITATION
            if found["account_id"] is not None:
                return account_of(account)
            return await _appointed(connection, account_id, token_hash, found["registration"])

        return await self._together(work)

    async def members(self, organiser_id: str) -> list[Account]:
        return [account_of(row) for row in await self._ask(MEMBERS, organiser_id)]

    async def dismiss(self, organiser_id: str, account_id: str, now_ms: int) -> list[str] | None:
        async def work(connection: Connection) -> list[str] | None:
            await connection.execute(LOCK_TOKENS, account_id)
            row = await connection.fetchrow(DISMISS, account_id, organiser_id)
            if row is None:
                return None
            roles = (Role.STAFF, Role.ORGANISER)
            invited = [_encode(Invitation(organiser_id, role)) for role in roles]
            await connection.execute(WITHDRAW, row["customer"], invited)
            ended = [one["id"] for one in await connection.fetch(SESSIONS, account_id, now_ms)]
            await connection.execute(END_ALL, account_id, now_ms, None)
            return ended

        return await self._together(work)

    async def close(self) -> None:
        await self._links.close()

    async def _together(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        async def whole(connection: Connection) -> Result:
            async with connection.transaction():
                return await work(connection)

        return await in_time(self._deadline_s, self._links.run(whole))

    async def _ask(self, sql: str, *values: object) -> Sequence[Row]:
        return await self._links.answer(self._deadline_s, sql, *values)


async def _appointed(
    connection: Connection, account_id: str, token_hash: bytes, encoded: bytes
) -> Account | Rejected:
    """In the connection's transaction."""
    invitation = _invitations.decode(encoded)
    organiser_id = invitation.organiser_id
    await connection.execute(LOCK, organiser_id)
    count = (await connection.fetchrow(COUNT, organiser_id))[0]
    if count >= MEMBERS_MAX_ACCOUNTS:
        facts: dict[str, int | str] = {"limit": MEMBERS_MAX_ACCOUNTS, "requested": count + 1}
        return Rejected(Code.LIMIT_EXCEEDED, f"At most {MEMBERS_MAX_ACCOUNTS} members.", facts)
    made = await connection.fetchrow(APPOINT, account_id, invitation.role.value, organiser_id)
    if made is None:
        return HAS_A_ROLE
    await connection.execute(MARK_USED, token_hash, account_id)
    return account_of(made)
