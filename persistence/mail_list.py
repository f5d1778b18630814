"""Mails as their operator sees them: where they stand, and those that are dead sent again.

What is in a mail is not shown: its parameters may open an account.
"""

# ruff: noqa: S608 - statements are put together from constants of this file only
from __future__ import annotations

from collections.abc import Sequence

from domain.mail import ListedMail, MailStatus
from persistence.connection import Limits, Links, QueueLimits, Row
from persistence.rows import NOW

CONNECTIONS_MAX = 1
WAITING_MAX_STATEMENTS = 100
LIMITS = Limits(command_timeout_s=5.0, statement_timeout_s=4.0)
REPLAY_MAX_MAILS = 10_000
"""In one statement."""
FIRST = (-1, "00000000-0000-0000-0000-000000000000")

_SHOWN = """
id::text, kind, status, inventory_id::text, reservation_id::text, recipient, created_ms, due_ms, attempts,
error, ended_ms"""
_PENDING_AGAIN = f"status = 'pending', attempts = 0, ended_ms = NULL, due_ms = ({NOW})"

LIST = f"""
SELECT {_SHOWN} FROM outgoing_mails
 WHERE status = $1 AND (created_ms, id) > ($2, $3::uuid) ORDER BY created_ms, id LIMIT $4"""
FIND = f"SELECT {_SHOWN} FROM outgoing_mails WHERE id = $1"
REPLAY = f"UPDATE outgoing_mails SET {_PENDING_AGAIN} WHERE id = $1 AND status = 'dead' RETURNING {_SHOWN}"
REPLAY_ALL = f"""
UPDATE outgoing_mails SET {_PENDING_AGAIN}
 WHERE id IN (SELECT id FROM outgoing_mails WHERE status = 'dead' ORDER BY created_ms, id LIMIT $1)
RETURNING 1"""
PREFER = f"""
INSERT INTO mail_preferences (customer, reminders, changed_ms) VALUES ($1, $2, ({NOW}))
ON CONFLICT (customer) DO UPDATE SET reminders = excluded.reminders, changed_ms = excluded.changed_ms
 WHERE mail_preferences.reminders <> excluded.reminders RETURNING customer"""
PREFER_APART = f"""
WITH said AS ({PREFER})
UPDATE accounts a SET version = a.version + 1 FROM said WHERE a.customer = said.customer"""
"""Where it is not the account that says so: it shows what is wanted, so it has changed."""


class PostgresMailList:
    """The `Mails` of front ends (see `server.mails`)."""

    def __init__(self, database_url: str, deadline_ms: int = 5_000) -> None:
        queue = QueueLimits(WAITING_MAX_STATEMENTS, deadline_ms / 2000)
        self._links = Links(database_url, "turnstile mail list", LIMITS, CONNECTIONS_MAX, queue)
        self._deadline_s = deadline_ms / 1000

    async def page(self, status: MailStatus, after: tuple[int, str] | None, limit: int) -> list[ListedMail]:
        """The next ones, the oldest first, beginning after (created, id)."""
        rows = await self._ask(LIST, status.value, *(after or FIRST), limit)
        return [_listed(row) for row in rows]

    async def find(self, mail_id: str) -> ListedMail | None:
        rows = await self._ask(FIND, mail_id)
        return _listed(rows[0]) if rows else None

    async def replay(self, mail_id: str) -> ListedMail | None:
        """Send a dead mail again, with all of its attempts before it; None where it is not dead."""
        rows = await self._ask(REPLAY, mail_id)
        return _listed(rows[0]) if rows else None

    async def replay_all(self) -> int:
        """The same of all that are dead; how many those were."""
        replayed = 0
        while rows := await self._ask(REPLAY_ALL, REPLAY_MAX_MAILS):
            replayed += len(rows)
        return replayed

    async def prefer(self, customer: bytes, reminders: bool) -> None:
        """Whether that customer is to be reminded."""
        await self._ask(PREFER_APART, customer, reminders)

    async def close(self) -> None:
        await self._links.close()

    async def _ask(self, sql: str, *values: object) -> Sequence[Row]:
        return await self._links.answer(self._deadline_s, sql, *values)


def _listed(row: Row) -> ListedMail:
    return ListedMail(row["id"], row["kind"], MailStatus(row["status"]), *tuple(row)[3:])
