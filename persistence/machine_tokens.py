"""Machine tokens in PostgreSQL: see `server.machine_tokens`."""

# ruff: noqa: S608 - statements are put together from constants of this file only
from __future__ import annotations

from collections.abc import Sequence

from domain.account import MACHINE_TOKENS_MAX, MachineToken, Scope
from domain.messages import Code, Rejected
from persistence.accounts import KEY_REUSED, LIMITS, WAITING_MAX_STATEMENTS, recorded
from persistence.connection import Connection, Links, QueueLimits, Row, in_time
from persistence.rows import FIRST_ID, scope_id

CONNECTIONS_MAX = 1
SCOPE = "machine tokens"
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
"""Who makes one for an organiser waits for who is making one: none is counted twice, or not at all."""

_ROW = "id::text, organiser_id::text, name, scopes, secret_hash, made_by, created_ms, expires_ms, revoked_ms"
ONE = f"SELECT {_ROW} FROM machine_tokens WHERE id = $1"
PAGE = f"""
SELECT {_ROW} FROM machine_tokens
 WHERE id > $3 AND ($2 OR organiser_id IS NOT DISTINCT FROM $1::uuid) ORDER BY id LIMIT $4"""
SERVING = f"SELECT {_ROW} FROM machine_tokens WHERE expires_ms > $1 AND revoked_ms IS NULL"
COUNT = """
SELECT count(*) FROM machine_tokens
 WHERE organiser_id IS NOT DISTINCT FROM $1::uuid AND expires_ms > $2 AND revoked_ms IS NULL"""
CREATE = """
INSERT INTO machine_tokens (id, organiser_id, name, scopes, secret_hash, made_by, created_ms, expires_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING 1"""
FORGET = "DELETE FROM requests WHERE request_id = $1 AND scope = $2"
"""A refusal is no effect: with the same key it is decided anew."""
REVOKE = "UPDATE machine_tokens SET revoked_ms = coalesce(revoked_ms, $2) WHERE id = $1 RETURNING 1"


class PostgresMachines:
    """The `Machines` of front ends."""

    def __init__(self, database_url: str, deadline_ms: int = 5_000, key_retention_s: int = 25 * 3600) -> None:
        queue = QueueLimits(WAITING_MAX_STATEMENTS, deadline_ms / 2000)
        self._links = Links(database_url, "turnstile machine tokens", LIMITS, CONNECTIONS_MAX, queue)
        self._watch = Links(database_url, "turnstile tokens that serve", LIMITS, 1, queue)
        self._deadline_s = deadline_ms / 1000
        self._key_retention_ms = key_retention_s * 1000

    async def create(self, token: MachineToken, key: tuple[bytes, bytes] | None) -> MachineToken | Rejected:
        async def whole(connection: Connection) -> MachineToken | Rejected:
            async with connection.transaction():
                expires_ms = token.created_ms + self._key_retention_ms
                said = await recorded(connection, SCOPE, key, expires_ms)
                if said is not None:
                    return said.rejection or _token_of(await connection.fetchrow(ONE, token.id))
                kept = await _kept(connection, token)
                if isinstance(kept, Rejected) and key is not None:
                    await connection.execute(FORGET, key[0], scope_id(SCOPE))
                return kept

        return await in_time(self._deadline_s, self._links.run(whole))

    async def token(self, token_id: str) -> MachineToken | None:
        rows = await self._ask(ONE, token_id)
        return _token_of(rows[0]) if rows else None

    async def tokens(
        self, organiser_id: str | None, everybodys: bool, after: str | None, limit: int
    ) -> list[MachineToken]:
        rows = await self._ask(PAGE, organiser_id, everybodys, after or FIRST_ID, limit)
        return [_token_of(row) for row in rows]

    async def revoke(self, token_id: str, now_ms: int) -> bool:
        return bool(await self._ask(REVOKE, token_id, now_ms))

    async def serving(self, now_ms: int) -> list[MachineToken]:
        return [_token_of(row) for row in await self._watch.answer(self._deadline_s, SERVING, now_ms)]

    async def close(self) -> None:
        await self._links.close()
        await self._watch.close()

    async def _ask(self, sql: str, *values: object) -> Sequence[Row]:
        return await self._links.answer(self._deadline_s, sql, *values)


async def _kept(connection: Connection, token: MachineToken) -> MachineToken | Rejected:
    """In the connection's transaction."""
    await connection.execute(LOCK, f"machine tokens of {token.organiser_id}")
    count = (await connection.fetchrow(COUNT, token.organiser_id, token.created_ms))[0]
    if count >= MACHINE_TOKENS_MAX:
        facts: dict[str, int | str] = {"limit": MACHINE_TOKENS_MAX, "requested": count + 1}
        return Rejected(Code.LIMIT_EXCEEDED, f"At most {MACHINE_TOKENS_MAX} serve at a time.", facts)
    scopes = [scope.value for scope in token.scopes]
    said = (token.secret_hash, token.made_by, token.created_ms, token.expires_ms)
    made = await connection.fetch(CREATE, token.id, token.organiser_id, token.name, scopes, *said)
    return token if made else KEY_REUSED


def _token_of(row: Row) -> MachineToken:
    token_id, organiser_id, name, scopes, *said = row
    return MachineToken(token_id, organiser_id, name, tuple(map(Scope, scopes)), *said)
