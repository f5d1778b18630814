"""The ledger in PostgreSQL: accounts, and movements that are only ever added.

All movements that wait go into one statement, which adds each of them once and changes the wallets' balances
by what was added. The database keeps a wallet from going below zero (`ledger_accounts_balance`); a statement
that it refuses is made again one movement at a time, and the one that it refuses alone is the one that
cannot be.
"""

# ruff: noqa: S608 - statements are put together from constants of this file only
from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid5

from domain.ledger import Account, House, Kind, Movement, Refusal, is_same
from persistence.append_columns import rows_of
from persistence.connection import Limits, Links, QueueLimits, Row
from persistence.gathering import Gathering
from persistence.rows import NOW
from persistence.store import Refused

CONNECTIONS_MAX = 2
WAITING_MAX_STATEMENTS = 1_000
TOGETHER_MAX_MOVEMENTS = 500
OPENED_MAX_ACCOUNTS = 100_000
"""Known to be there; beyond that it is found out again."""
LIMITS = Limits(command_timeout_s=5.0, statement_timeout_s=4.0)
_ACCOUNTS = UUID("7f1d4a5e-0d0c-4a0e-9f57-0c6f1f6f4a11")

_COLUMNS = (
    "id:uuid kind:text from_id:uuid to_id:uuid amount:bigint currency:text payment_id:uuid reason:text"
    " done_by:text"
)
_NAMES = tuple(word.split(":")[0] for word in _COLUMNS.split())
_MOVEMENT = (
    "m.id::text, m.kind, m.from_id::text, m.to_id::text, m.amount, m.currency, m.payment_id::text, m.reason,"
    " m.done_by, m.number, m.at_ms"
)
OPEN = f"""
INSERT INTO ledger_accounts (id, kind, name, currency, balance, created_ms)
VALUES ($1, $2, $3, $4, CASE $2 WHEN 'wallet' THEN 0 END, ({NOW})) ON CONFLICT DO NOTHING"""
MOVE = f"""
WITH w AS (SELECT * FROM {rows_of(_COLUMNS, "u")}),
locked AS (
  SELECT a.id FROM ledger_accounts a
   WHERE a.balance IS NOT NULL AND a.id IN (SELECT from_id FROM w UNION SELECT to_id FROM w)
   ORDER BY a.id FOR UPDATE),
made AS (
  INSERT INTO ledger_movements (at_ms, {", ".join(_NAMES)})
  SELECT ({NOW}), {", ".join(f"w.{name}" for name in _NAMES)} FROM w
   WHERE (SELECT count(*) FROM locked) >= 0
  ON CONFLICT (id) DO NOTHING RETURNING id, from_id, to_id, amount),
sums AS (
  SELECT account_id, sum(amount) AS amount
    FROM (SELECT from_id AS account_id, -amount AS amount FROM made
          UNION ALL SELECT to_id, amount FROM made) e GROUP BY 1),
changed AS (
  UPDATE ledger_accounts a SET balance = a.balance + s.amount
    FROM sums s WHERE a.id = s.account_id AND a.balance IS NOT NULL)
SELECT id::text FROM made"""
"""Wallets are those with a balance. Asked for by their kind all of them would be read, where the plan is made
before there are statistics."""
FIND = f"SELECT {_MOVEMENT} FROM ledger_movements m WHERE m.id = ANY ($1::uuid[])"
ACCOUNT = """
SELECT a.id::text, a.kind, a.name, a.currency,
       coalesce(a.balance, (SELECT coalesce(sum(e.amount), 0) FROM ledger_entries e
                             WHERE e.account_id = a.id))::bigint
  FROM ledger_accounts a WHERE a.kind = $1 AND a.name = $2 AND a.currency = $3"""
WALLETS = """
SELECT id::text, kind, name, currency, balance FROM ledger_accounts
 WHERE kind = 'wallet' AND name = $1 ORDER BY currency"""
STATEMENT = f"""
SELECT {_MOVEMENT} FROM ledger_movements m
 WHERE ($1::uuid IS NULL OR m.from_id = $1 OR m.to_id = $1) AND ($2::text IS NULL OR m.kind = $2)
   AND ($3::bigint IS NULL OR m.at_ms >= $3) AND ($4::bigint IS NULL OR m.at_ms < $4)
   AND m.number < $5 AND m.kind <> 'void'
 ORDER BY m.number DESC LIMIT $6"""


class PostgresLedger:
    """What front ends ask of wallets, and payment actors of the wallet as a provider."""

    def __init__(self, database_url: str, deadline_ms: int = 5_000) -> None:
        self._deadline_ms = deadline_ms
        queue = QueueLimits(WAITING_MAX_STATEMENTS, deadline_ms / 2000)
        self._links = Links(database_url, "turnstile ledger", LIMITS, CONNECTIONS_MAX, queue)
        self._moving: Gathering[Movement, Movement | Refusal] = Gathering(self._move, TOGETHER_MAX_MOVEMENTS)
        self._opened: set[str] = set()

    async def open(self, kind: str, name: str, currency: str) -> str:
        """The id of that account, made if there is none."""
        account_id = account_id_of(kind, name, currency)
        if account_id not in self._opened:
            await self._ask(OPEN, account_id, kind, name, currency)
            if len(self._opened) >= OPENED_MAX_ACCOUNTS:
                self._opened.clear()
            self._opened.add(account_id)
        return account_id

    async def house(self, name: House, currency: str) -> str:
        return await self.open("house", name.value, currency)

    async def account(self, kind: str, name: str, currency: str) -> Account | None:
        for row in await self._ask(ACCOUNT, kind, name, currency):
            return Account(*row)
        return None

    async def wallets(self, name: str) -> list[Account]:
        """The wallets of that name, one for each currency."""
        return [Account(*row) for row in await self._ask(WALLETS, name)]

    async def move(self, movement: Movement) -> Movement | Refusal:
        """The movement, once it is durable; the same id is the same movement. Raises StoreError."""
        return await self._moving.ask(movement)

    async def movements(
        self,
        account_id: str | None,
        kind: Kind | None,
        since_ms: int | None,
        until_ms: int | None,
        before: int,
        limit: int,
    ) -> list[Movement]:
        """Newest first, of numbers below `before`."""
        kind_text = None if kind is None else kind.value
        rows = await self._ask(STATEMENT, account_id, kind_text, since_ms, until_ms, before, limit)
        return [_movement(row) for row in rows]

    async def close(self) -> None:
        await self._links.close()

    async def _move(self, wanted: Sequence[Movement]) -> Sequence[Movement | Refusal | Exception]:
        if len({one.id for one in wanted}) < len(wanted):
            return [await self._move_one(one) for one in wanted]
        try:
            return await self._made(wanted)
        except Refused as refused:
            if len(wanted) == 1:
                return [_refusal(refused)]
        return [await self._move_one(one) for one in wanted]

    async def _move_one(self, one: Movement) -> Movement | Refusal | Exception:
        try:
            return (await self._made([one]))[0]
        except Refused as refused:
            return _refusal(refused)

    async def _made(self, wanted: Sequence[Movement]) -> list[Movement | Refusal | Exception]:
        columns = [[getattr(one, name) for one in wanted] for name in _NAMES]
        made = {row[0] for row in await self._ask(MOVE, *columns)}
        rest = [one.id for one in wanted if one.id not in made]
        there = {row[0]: _movement(row) for row in await self._ask(FIND, rest)} if rest else {}
        return [one if one.id in made else _found(one, there.get(one.id)) for one in wanted]

    async def _ask(self, sql: str, *values: object) -> Sequence[Row]:
        return await self._links.answer(self._deadline_ms / 1000, sql, *values)


def account_id_of(kind: str, name: str, currency: str) -> str:
    """An account's id follows from what it is."""
    return str(uuid5(_ACCOUNTS, f"{kind}/{currency}/{name}"))


def _found(wanted: Movement, there: Movement | None) -> Movement | Refusal | Exception:
    return Refused("a movement was neither made nor is there") if there is None else again(wanted, there)


def again(wanted: Movement, there: Movement) -> Movement | Refusal:
    """What its id has done before."""
    if there.kind is Kind.VOID and wanted.kind is not Kind.VOID:
        return Refusal.VOIDED
    if wanted.kind is Kind.VOID:
        return there
    return there if is_same(there, wanted) else Refusal.KEY_REUSED


def _refusal(refused: Refused) -> Refusal | Exception:
    match refused.constraint:
        case "ledger_accounts_balance":
            return Refusal.NOT_ENOUGH
        case "ledger_from" | "ledger_to":
            return Refusal.NO_ACCOUNT
    return refused


def _movement(row: Row) -> Movement:
    id_, kind, from_id, to_id, amount, currency, payment_id, reason, done_by, number, at_ms = row
    return Movement(
        id=id_,
        kind=Kind(kind),
        from_id=from_id,
        to_id=to_id,
        amount=amount,
        currency=currency,
        payment_id=payment_id,
        reason=reason,
        done_by=done_by,
        number=number,
        at_ms=at_ms,
    )
