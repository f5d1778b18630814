"""Payments and refunds in PostgreSQL: asked for by front ends, worked on by payment actors.

- A payment is one row, unique by request id: the same Idempotency-Key meets the same one.
- `take` gives rows away for the time of a lease and counts the attempt; `write` writes only where the attempt
  is still the same. It renews the lease where a quarter of it is over: as long as `wake_ms` stays, no index
  has to be written. A lease only saves work: a step that two workers do has one effect.
- What was noted (`payment_steps`) and the row are written by one statement; notes are never changed.
- What is promised back is counted in the payment's row before a refund begins: `promised <= amount` is the
  database's to check, so no two refunds can promise the same money.
- A purchase and its parts are rows: its parts are never taken, and are written with it, as long as it is its
  writer's.
- That a refund was made is mailed, to the reservation's customer or to whose wallet it was: the statement
  that writes its end asks for the mail, which has the refund's id.
- What was paid for and is cancelled is left by owners' appends in `paid_ends`, which `refund_ended` empties:
  all of it goes back but what is kept. What was conceded before is of what would be kept.
  A refund that is refused takes its own promise back; where the reservation was cancelled meanwhile, that is
  left there again. One that was done and is no more has gone back no more.
- What a provider tells of a refund takes it from whoever works on it, who may have asked before that: it is
  taken again, and asked about again.
"""

# ruff: noqa: S608 - statements are put together from constants of this file only
from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar
from uuid import UUID, uuid5

import msgspec

from domain.messages import Rejected
from domain.payment import (
    KEY_REUSED,
    NO_PAYMENT,
    WAITS_FOR_PROVIDER,
    NewPayment,
    Part,
    Payment,
    Standing,
    Step,
)
from domain.purchase import part_payments
from domain.refund import NewRefund, Reason, Refund, RefundStep, not_refundable
from persistence.append_columns import rows_of
from persistence.connection import Limits, Links, QueueLimits, Row
from persistence.customers import FOUND
from persistence.gathering import Gathering
from persistence.mails import COLUMNS as MAIL_COLUMNS
from persistence.rows import FIRST_ID, LAST_ID, NOW

CONNECTIONS_MAX = 4
TOGETHER_MAX_PAYMENTS = 500
WAITING_MAX_STATEMENTS = 1_000
LIMITS = Limits(command_timeout_s=5.0, statement_timeout_s=4.0)
_LATE = UUID("0d9f3e2b-4f59-4f0e-8a39-6a6f3c0b5a17")

_COLUMNS = {
    "step": "text",
    "standing": "text",
    "amount": "bigint",
    "currency": "text",
    "captured": "boolean",
    "promised": "bigint",
    "provider_ref": "text",
    "action_url": "text",
    "error": "text",
    "detail": "text",
    "pauses": "integer",
    "parts": "json",
}
"""What a worker writes of a payment."""
_PAYMENT = (
    "p.id::text, coalesce(p.inventory_id::text, ''), coalesce(p.reservation_id::text, ''), p.provider,"
    " p.deadline_ms, p.created_ms, p.method, p.refunded, p.attempts, p.whole_id::text,"
    " coalesce(p.wallet, ''), p.pays_out, p.reason, p.done_by, " + ", ".join(f"p.{name}" for name in _COLUMNS)
)
_REFUND = (
    "r.id::text, r.payment_id::text, coalesce(p.inventory_id::text, ''),"
    " coalesce(p.reservation_id::text, ''), p.provider, r.amount, p.currency, r.reason, r.step,"
    " p.provider_ref, r.lines, r.before, r.error, r.attempts, r.pauses, coalesce(p.wallet, ''),"
    " r.created_ms"
)


def _behind(columns: str, alias: str, before: str) -> str:
    """`rows_of` columns whose arrays come after those of other columns."""
    first = len(before.split())
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + first}", rows_of(columns, alias))


_ACCEPTED = (
    "id:uuid inventory_id:uuid reservation_id:uuid request_id:bytea fingerprint:bytea provider:text"
    " method:text deadline_ms:bigint parts:text step:text amount:bigint currency:text wallet:text"
    " pays_out:boolean reason:text done_by:text"
)
_NEW = """
INSERT INTO payments (id, inventory_id, reservation_id, request_id, fingerprint, provider, method, step,
                      standing, captured, promised, conceded, refunded, deadline_ms, created_ms, updated_ms,
                      wake_ms, attempts, pauses, parts, whole_id, amount, currency, wallet, pays_out, reason,
                      done_by)"""
ACCEPT = f"""
{_NEW}
SELECT u.id, u.inventory_id, u.reservation_id, u.request_id, u.fingerprint, u.provider, u.method, u.step,
       'pending', false, 0, 0, 0, u.deadline_ms, now.ms, now.ms, now.ms, 0, 0, u.parts::json, NULL, u.amount,
       u.currency, u.wallet, u.pays_out, u.reason, u.done_by
  FROM {rows_of(_ACCEPTED, "u")}, ({NOW} AS ms) now
ON CONFLICT (request_id) DO NOTHING RETURNING id::text"""
ACCEPT_WITH_PARTS = f"""
WITH made AS ({ACCEPT}, provider, method, deadline_ms, created_ms),
parts AS (
  {_NEW}
  SELECT q.id, q.inventory_id, q.reservation_id, uuid_send(q.id), '', m.provider, m.method, 'begin',
         'pending', false, 0, 0, 0, m.deadline_ms, m.created_ms, m.created_ms, NULL, 0, 0, NULL, q.whole_id,
         NULL, NULL, NULL, false, NULL, NULL
    FROM {_behind("id:uuid inventory_id:uuid reservation_id:uuid whole_id:uuid", "q", _ACCEPTED)}
    JOIN made m ON m.id = q.whole_id::text)
SELECT id FROM made"""
BY_REQUEST = f"""
SELECT {_PAYMENT}, p.request_id, p.fingerprint FROM payments p WHERE p.request_id = ANY ($1::bytea[])"""
FIND = f"SELECT {_PAYMENT} FROM payments p WHERE p.id = ANY ($1::uuid[])"
BEGIN_AGAIN = f"""
UPDATE payments p SET step = 'begin', standing = 'pending', error = NULL, detail = NULL, deadline_ms = $2,
       wake_ms = ({NOW}), updated_ms = ({NOW}), attempts = p.attempts + 1
 WHERE p.id = $1 AND p.standing = 'failed' AND p.reservation_id IS NOT NULL AND p.whole_id IS NULL
   AND p.amount IS NULL
RETURNING p.id"""
CHANGED = f"""
SELECT {_PAYMENT} FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS k(id, standing, refunded)
  JOIN payments p ON p.id = k.id WHERE (p.standing, p.refunded) <> (k.standing, k.refunded)"""
FIND_REFUND = f"""
SELECT {_REFUND} FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE r.id = $1"""
REFUNDS = f"""
SELECT {_REFUND} FROM refunds r JOIN payments p ON p.id = r.payment_id
 WHERE r.payment_id = $1 ORDER BY r.created_ms, r.id"""
OF_INVENTORY = f"""
SELECT {_PAYMENT} FROM payments p
 WHERE p.inventory_id = $1 AND p.id > $3 AND ($2::text IS NULL OR p.standing = $2) ORDER BY p.id LIMIT $4"""
OF_CUSTOMER = f"""
WITH own AS (
  SELECT p.id FROM ({FOUND}) f JOIN payments p ON p.reservation_id = f.id
  UNION SELECT p.id FROM payments p WHERE p.wallet = $3)
SELECT {_PAYMENT} FROM own JOIN payments p ON p.id = own.id
 WHERE p.id < $4 ORDER BY p.id DESC LIMIT $5"""
ACT = f"""
WITH acted AS (
  UPDATE sandbox_charges SET state = CASE WHEN $2 THEN 'captured' ELSE 'declined' END
   WHERE key = $1::uuid::text || ':charge' AND state = 'needs_action' RETURNING key)
UPDATE payments p SET wake_ms = least(p.wake_ms, ({NOW}))
 WHERE p.id = $1::uuid AND EXISTS (SELECT FROM acted) RETURNING p.id"""
HEAR = f"""
WITH new AS (
  INSERT INTO webhook_events (provider, id, payment_id, heard_ms) VALUES ($1, $2, $3, ({NOW}))
  ON CONFLICT DO NOTHING RETURNING payment_id),
woken AS (
  UPDATE payments p SET wake_ms = least(p.wake_ms, ({NOW}))
    FROM new WHERE p.id = new.payment_id AND p.wake_ms IS NOT NULL
                AND p.step IN ({", ".join(f"'{step.value}'" for step in WAITS_FOR_PROVIDER)})),
back AS (
  UPDATE refunds r SET wake_ms = ({NOW}), attempts = r.attempts + 1
    FROM new WHERE r.id = $4::uuid AND r.step IN ('pay_back', 'done', 'failed'))
SELECT payment_id FROM new"""
NOTES = """
SELECT at_ms, step, key, result FROM (
  SELECT * FROM payment_steps WHERE payment_id = $1 ORDER BY number DESC LIMIT $2) newest
 ORDER BY number"""

TAKE = f"""
WITH wanted AS (
  SELECT id FROM payments WHERE wake_ms <= ({NOW}) ORDER BY wake_ms LIMIT $1 FOR UPDATE SKIP LOCKED)
UPDATE payments p SET wake_ms = ({NOW}) + $2, attempts = p.attempts + 1
  FROM wanted w WHERE p.id = w.id
RETURNING {_PAYMENT}"""

_TYPED = " ".join(f"{name}:{kind}" for name, kind in _COLUMNS.items())
_WRITTEN_COLUMNS = (
    f"id:uuid attempts:integer {_TYPED} wake_in_ms:bigint goes_on:boolean back_id:uuid back:bigint"
)
_WRITTEN = rows_of(_WRITTEN_COLUMNS, "u")
_REFUNDED_COLUMNS = "id:uuid attempts:integer step:text error:text pauses:integer wake_in_ms:bigint"


_NOTED = "payment_id:uuid step:text key:text result:text owner:uuid"
_OF_PART = (
    "step",
    "standing",
    "amount",
    "currency",
    "captured",
    "promised",
    "provider_ref",
    "error",
    "detail",
)
"""What a purchase's worker writes of its parts."""
_PARTS_WRITTEN = "id:uuid whole_id:uuid back_id:uuid " + " ".join(
    f"{one}:{_COLUMNS[one]}" for one in _OF_PART
)


def _noted(after: str) -> str:
    """The notes' rows, whose arrays come after those of these columns."""
    return _behind(_NOTED, "n", after)


WRITE = f"""
WITH now AS ({NOW} AS ms),
w AS (SELECT * FROM {_WRITTEN}),
kept AS (
  UPDATE payments p SET {", ".join(f"{name} = w.{name}" for name in _COLUMNS)}, updated_ms = now.ms,
         wake_ms = CASE WHEN w.goes_on AND p.wake_ms - now.ms > w.wake_in_ms * 3 / 4 THEN p.wake_ms
                        ELSE now.ms + w.wake_in_ms END
    FROM w, now WHERE p.id = w.id AND p.attempts = w.attempts
  RETURNING p.id, w.back_id, w.back),
parts AS (
  UPDATE payments p SET {", ".join(f"{name} = q.{name}" for name in _OF_PART)}, updated_ms = now.ms
    FROM {_behind(_PARTS_WRITTEN, "q", f"{_WRITTEN_COLUMNS} {_NOTED}")}, kept k, now
   WHERE p.id = q.id AND k.id = q.whole_id
  RETURNING p.id, q.back_id, q.promised AS back),
backs AS (
  INSERT INTO refunds (id, payment_id, amount, reason, step, lines, before, request_id, fingerprint,
                       created_ms, updated_ms, wake_ms, attempts, pauses)
  SELECT k.back_id, k.id, k.back, 'late', 'pay_back', '[]', '[]', uuid_send(k.back_id), '', now.ms, now.ms,
         now.ms, 0, 0
    FROM (SELECT id, back_id, back FROM kept UNION ALL SELECT * FROM parts) k, now
   WHERE k.back > 0 ON CONFLICT DO NOTHING),
noted AS (
  INSERT INTO payment_steps (payment_id, at_ms, step, key, result)
  SELECT n.payment_id, now.ms, n.step, n.key, n.result FROM {_noted(_WRITTEN_COLUMNS)}, now
   WHERE n.owner IN (SELECT id FROM kept))
SELECT id::text FROM kept"""

TAKE_REFUNDS = f"""
WITH wanted AS (
  SELECT id FROM refunds WHERE wake_ms <= ({NOW}) ORDER BY wake_ms LIMIT $1 FOR UPDATE SKIP LOCKED)
UPDATE refunds r SET wake_ms = ({NOW}) + $2, attempts = r.attempts + 1
  FROM wanted w, payments p WHERE r.id = w.id AND p.id = r.payment_id
RETURNING {_REFUND}"""

_OF_WALLET = "CASE WHEN p.wallet ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN p.wallet::uuid END"
"""Whose wallet it is. An operator's may have any name, and nobody to tell."""
WRITE_REFUNDS = f"""
WITH now AS ({NOW} AS ms),
w AS (SELECT * FROM {rows_of(_REFUNDED_COLUMNS, "u")}),
kept AS (
  UPDATE refunds r SET step = w.step, error = w.error, pauses = w.pauses, updated_ms = now.ms,
         wake_ms = now.ms + w.wake_in_ms
    FROM w JOIN refunds b ON b.id = w.id, now
   WHERE r.id = w.id AND r.attempts = w.attempts AND r.step = b.step AND r.step <> 'refused'
  RETURNING r.id, r.payment_id, r.amount, r.step, r.reason, b.step AS was),
sums AS (
  SELECT payment_id, coalesce(sum(amount) FILTER (WHERE step = 'done' AND was <> 'done'), 0)
                     - coalesce(sum(amount) FILTER (WHERE step <> 'done' AND was = 'done'), 0) AS done,
         coalesce(sum(amount) FILTER (WHERE step = 'refused'), 0) AS refused
    FROM kept GROUP BY 1),
counted AS (
  UPDATE payments p
     SET refunded = p.refunded + s.done, promised = p.promised - s.refused, updated_ms = now.ms,
         standing = CASE WHEN p.refunded + s.done = 0 THEN 'captured'
                         WHEN p.refunded + s.done >= p.amount THEN 'refunded' ELSE 'partly_refunded' END
    FROM sums s, now WHERE p.id = s.payment_id AND (s.done <> 0 OR s.refused > 0)
  RETURNING p.id, p.reservation_id, s.refused),
again AS (
  INSERT INTO paid_ends (reservation_id, payment_id, at_ms, kept)
  SELECT c.reservation_id, c.id, now.ms, coalesce(v.kept, 0)
    FROM counted c JOIN reservations v ON v.id = c.reservation_id, now
   WHERE c.refused > 0 AND v.status IN ('cancelled', 'completed', 'no_show')
  ON CONFLICT DO NOTHING),
told AS (
  INSERT INTO outgoing_mails ({MAIL_COLUMNS}, created_ms, attempts)
  SELECT k.id, CASE WHEN p.wallet IS NULL THEN 'refunded' ELSE 'wallet_refunded' END, 'pending', a.email,
         a.language, p.inventory_id, p.reservation_id,
         json_build_object('amount', k.amount, 'currency', p.currency, 'reason', k.reason), now.ms, NULL,
         now.ms, 0
    FROM kept k JOIN payments p ON p.id = k.payment_id CROSS JOIN now
    LEFT JOIN accounts a ON a.id = {_OF_WALLET}
   WHERE k.step = 'done' AND k.was <> 'done' AND (p.wallet IS NULL OR a.id IS NOT NULL)
  ON CONFLICT (id) DO NOTHING),
noted AS (
  INSERT INTO payment_steps (payment_id, at_ms, step, key, result)
  SELECT n.payment_id, now.ms, n.step, n.key, n.result FROM {_noted(_REFUNDED_COLUMNS)}, now
   WHERE n.owner IN (SELECT id FROM kept))
SELECT id::text FROM kept"""

REFUND = f"""
WITH now AS ({NOW} AS ms),
p AS (SELECT * FROM payments
       WHERE id = $2 AND captured AND step = 'done' AND parts IS NULL FOR UPDATE),
new AS (
  INSERT INTO refunds (id, payment_id, amount, reason, step, lines, before, request_id, fingerprint,
                       created_ms, updated_ms, wake_ms, attempts, pauses)
  SELECT $1::uuid, p.id, coalesce($3::bigint, p.amount - p.promised), $4::text, $5, $6::json, $7::json,
         $8::bytea, $9::bytea, now.ms, now.ms, now.ms, 0, 0 FROM p, now
   WHERE p.promised + coalesce($3::bigint, 1) <= p.amount
  ON CONFLICT (request_id) DO NOTHING RETURNING payment_id, amount),
promised AS (
  UPDATE payments SET promised = payments.promised + new.amount,
         conceded = payments.conceded + CASE WHEN $4 = 'concession' THEN new.amount ELSE 0 END
    FROM new WHERE payments.id = new.payment_id)
SELECT amount FROM new"""
REFUND_BY_REQUEST = f"""
SELECT {_REFUND}, r.fingerprint FROM refunds r JOIN payments p ON p.id = r.payment_id
 WHERE r.request_id = $1"""

REFUND_ENDED = f"""
WITH now AS ({NOW} AS ms),
ended AS (
  SELECT e.reservation_id, e.payment_id, p.captured,
         p.amount - p.promised - greatest(e.kept - p.conceded, 0) AS rest
    FROM paid_ends e JOIN payments p ON p.id = e.payment_id
   WHERE p.step = 'done' LIMIT $1 FOR UPDATE OF e, p SKIP LOCKED),
due AS (SELECT payment_id AS id, rest, gen_random_uuid() AS new_id FROM ended WHERE captured AND rest > 0),
promised AS (UPDATE payments p SET promised = p.promised + due.rest FROM due WHERE p.id = due.id),
new AS (
  INSERT INTO refunds (id, payment_id, amount, reason, step, lines, before, request_id, fingerprint,
                       created_ms, updated_ms, wake_ms, attempts, pauses)
  SELECT due.new_id, due.id, due.rest, 'cancelled', 'pay_back', '[]', '[]', uuid_send(due.new_id), '',
         now.ms, now.ms, now.ms, 0, 0 FROM due, now),
gone AS (
  DELETE FROM paid_ends e USING ended d
   WHERE e.reservation_id = d.reservation_id AND e.payment_id = d.payment_id RETURNING 1)
SELECT count(*) FROM gone"""

NOTES_MAX = 200
T = TypeVar("T", Payment, Refund)


class Noted(Protocol):
    """See `actors.payments.Note`."""

    @property
    def payment_id(self) -> str: ...
    @property
    def step(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def result(self) -> str: ...


class Writing(Protocol):
    """See `actors.payments.Written`."""

    @property
    def after(self) -> Payment | Refund: ...
    @property
    def notes(self) -> Sequence[Noted]: ...
    @property
    def pause_ms(self) -> int: ...
    @property
    def goes_on(self) -> bool: ...
    @property
    def back(self) -> int: ...


class PostgresPayments:
    """What front ends ask of payments (`server.payments`), and their workers (`actors.payments`)."""

    def __init__(self, database_url: str, deadline_ms: int = 5_000) -> None:
        self._deadline_ms = deadline_ms
        self._lease_ms = 30_000
        queue = QueueLimits(WAITING_MAX_STATEMENTS, deadline_ms / 2000)
        self._links = Links(database_url, "turnstile payments", LIMITS, CONNECTIONS_MAX, queue)
        self._accepting: Gathering[NewPayment, Payment | Rejected] = Gathering(
            self._accept, TOGETHER_MAX_PAYMENTS
        )
        self._finding: Gathering[str, Payment | None] = Gathering(self._find, TOGETHER_MAX_PAYMENTS)

    # --- front ends ---------------------------------------------------------------------------------

    async def accept(self, new: NewPayment) -> Payment | Rejected:
        """The payment, once it is durable: this one, or the one that its key made before."""
        return await self._accepting.ask(new)

    async def of_request(self, request_id: bytes, fingerprint: bytes) -> Payment | Rejected | None:
        """What a key has made before."""
        for *columns, _, made_of in await self._ask(BY_REQUEST, [request_id]):
            return _payment(columns) if made_of == fingerprint else KEY_REUSED
        return None

    async def begin_again(self, payment_id: str, deadline_ms: int) -> Payment:
        """One that has failed before it began is to be seen through after all, until that deadline; any other
        stays as it is."""
        await self._ask(BEGIN_AGAIN, payment_id, deadline_ms)
        return _payment((await self._ask(FIND, [payment_id]))[0])

    async def find(self, payment_id: str) -> Payment | None:
        return await self._finding.ask(payment_id)

    async def changed(self, known: Sequence[Payment]) -> list[Payment]:
        """Of these, those that stand elsewhere by now, or of which more has gone back."""
        columns = ([one.id for one in known], [one.standing.value for one in known])
        rows = await self._ask(CHANGED, *columns, [one.refunded for one in known])
        return [_payment(row) for row in rows]

    async def refunds_of(self, payment_id: str) -> list[Refund]:
        return [_refund(row) for row in await self._ask(REFUNDS, payment_id)]

    async def notes_of(self, payment_id: str) -> list[tuple[int, str, str, str]]:
        """When, which step, under which key, with which result: the last of them, the newest at the end."""
        return [tuple(row) for row in await self._ask(NOTES, payment_id, NOTES_MAX)]

    async def of_inventory(
        self, inventory_id: str, standing: Standing | None, after: str | None, limit: int
    ) -> list[Payment]:
        """The next so many by id, of one standing or of all."""
        wanted = None if standing is None else standing.value
        rows = await self._ask(OF_INVENTORY, inventory_id, wanted, after or FIRST_ID, limit)
        return [_payment(row) for row in rows]

    async def of_customer(
        self, customer: bytes, wallet: str, before: str | None, limit: int
    ) -> list[Payment]:
        """The next so many by id, the newest first: of the customer's reservations, and charges of the
        wallet."""
        rows = await self._ask(OF_CUSTOMER, customer, LAST_ID, wallet, before or LAST_ID, limit)
        return [_payment(row) for row in rows]

    async def find_refund(self, refund_id: str) -> Refund | None:
        return next((_refund(row) for row in await self._ask(FIND_REFUND, refund_id)), None)

    async def refund_of_request(self, request_id: bytes, fingerprint: bytes) -> Refund | Rejected | None:
        """What a key has made before."""
        for *columns, made_of in await self._ask(REFUND_BY_REQUEST, request_id):
            return _refund(columns) if made_of == fingerprint else KEY_REUSED
        return None

    async def hear(self, provider: str, event_id: str, payment_id: str, refund_id: str | None = None) -> bool:
        """Keep a provider's event, and have its payment, and that refund of it, looked at; False if it was
        heard before."""
        return bool(await self._ask(HEAR, provider, event_id, payment_id, refund_id))

    async def act(self, payment_id: str, approve: bool) -> bool:
        """What a buyer does who has something to do at the sandbox; False if there is nothing to do."""
        return bool(await self._ask(ACT, payment_id, approve))

    async def refund(self, new: NewRefund) -> Refund | Rejected:
        """A refund that is durable and will be made; the one that its key made before; or why not."""
        lines, before = msgspec.json.encode(new.lines).decode(), msgspec.json.encode(new.before).decode()
        wanted = (new.id, new.payment_id, new.amount, new.reason.value, new.first_step.value, lines, before)
        made = await self._ask(REFUND, *wanted, new.request_id, new.fingerprint)
        for row in await self._ask(REFUND_BY_REQUEST, new.request_id):
            *columns, fingerprint = row
            return _refund(columns) if made or fingerprint == new.fingerprint else KEY_REUSED
        payment = await self.find(new.payment_id)
        return NO_PAYMENT if payment is None else not_refundable(payment, new.amount) or NO_PAYMENT

    # --- workers ------------------------------------------------------------------------------------

    async def take(self, limit: int, lease_ms: int) -> list[Payment]:
        self._lease_ms = lease_ms
        return [_payment(row) for row in await self._links.fetch(TAKE, limit, lease_ms)]

    async def take_refunds(self, limit: int, lease_ms: int) -> list[Refund]:
        return [_refund(row) for row in await self._links.fetch(TAKE_REFUNDS, limit, lease_ms)]

    async def write(self, written: Sequence[Writing]) -> set[str]:
        """The ids of those that are still their writers'; nothing is written of the others."""
        kept: set[str] = set()
        payments = [(one, one.after) for one in written if isinstance(one.after, Payment)]
        if payments:
            kept |= {row[0] for row in await self._links.fetch(WRITE, *self._payment_columns(payments))}
        refunds = [(one, one.after) for one in written if isinstance(one.after, Refund)]
        if refunds:
            kept |= {row[0] for row in await self._links.fetch(WRITE_REFUNDS, *self._refund_columns(refunds))}
        return kept

    async def refund_ended(self, limit: int) -> int:
        rows = await self._links.fetch(REFUND_ENDED, limit)
        return int(rows[0][0])

    async def close(self) -> None:
        await self._links.close()

    async def _ask(self, sql: str, *values: object) -> Sequence[Row]:
        return await self._links.answer(self._deadline_ms / 1000, sql, *values)

    async def _accept(self, wanted: Sequence[NewPayment]) -> Sequence[Payment | Rejected | Exception]:
        parts = [part for new in wanted for part in part_payments(new.payment)]
        sql = ACCEPT_WITH_PARTS if parts else ACCEPT
        columns = [*_accepted_columns(wanted), *(_new_part_columns(parts) if parts else ())]
        made = {row[0] for row in await self._ask(sql, *columns)}
        rest = [new for new in wanted if new.payment.id not in made]
        if not rest:
            return [new.payment for new in wanted]
        before: dict[bytes, tuple[Payment, bytes]] = {}
        for *row, request_id, fingerprint in await self._ask(BY_REQUEST, [new.request_id for new in rest]):
            before[request_id] = (_payment(row), fingerprint)
        return [
            new.payment if new.payment.id in made else _again(new, *before[new.request_id]) for new in wanted
        ]

    async def _find(self, ids: Sequence[str]) -> Sequence[Payment | Exception | None]:
        found = {row[0]: _payment(row) for row in await self._ask(FIND, ids)}
        return [found.get(one) for one in ids]

    def _payment_columns(self, written: Sequence[tuple[Writing, Payment]]) -> list[object]:
        after = [payment for _, payment in written]
        backs = [str(uuid5(_LATE, payment.id)) if one.back else None for one, payment in written]
        return [
            [payment.id for payment in after],
            [payment.attempts for payment in after],
            *([_encoded(payment, name) for payment in after] for name in _COLUMNS),
            [self._wake_in_ms(one, payment.step is Step.DONE) for one, payment in written],
            [one.goes_on for one, _ in written],
            backs,
            [one.back for one, _ in written],
            *_note_columns(written),
            *_part_columns([part for payment in after for part in part_payments(payment)]),
        ]

    def _refund_columns(self, written: Sequence[tuple[Writing, Refund]]) -> list[object]:
        after = [refund for _, refund in written]
        over = (RefundStep.DONE, RefundStep.REFUSED)
        return [
            [refund.id for refund in after],
            [refund.attempts for refund in after],
            [refund.step.value for refund in after],
            [refund.error for refund in after],
            [refund.pauses for refund in after],
            [self._wake_in_ms(one, refund.step in over and not one.pause_ms) for one, refund in written],
            *_note_columns(written),
        ]

    def _wake_in_ms(self, one: Writing, over: bool) -> int | None:
        if one.goes_on:
            return self._lease_ms
        return None if over else one.pause_ms


def _again(new: NewPayment, made: Payment, fingerprint: bytes) -> Payment | Rejected:
    """What its key has made before."""
    return made if fingerprint == new.fingerprint else KEY_REUSED


def _accepted_columns(wanted: Sequence[NewPayment]) -> list[object]:
    payments = [new.payment for new in wanted]
    return [
        [one.id for one in payments],
        [one.inventory_id or None for one in payments],
        [one.reservation_id or None for one in payments],
        [new.request_id for new in wanted],
        [new.fingerprint for new in wanted],
        [one.provider for one in payments],
        [one.method for one in payments],
        [one.deadline_ms for one in payments],
        [_encoded(one, "parts") for one in payments],
        [one.step.value for one in payments],
        [one.amount for one in payments],
        [one.currency for one in payments],
        [one.wallet or None for one in payments],
        [one.pays_out for one in payments],
        [one.reason for one in payments],
        [one.done_by for one in payments],
    ]


def _new_part_columns(parts: Sequence[Payment]) -> list[object]:
    names = ("id", "inventory_id", "reservation_id", "whole_id")
    return [[getattr(part, name) for part in parts] for name in names]


def _encoded(payment: Payment, name: str) -> object:
    """A field as its column takes it."""
    value = getattr(payment, name)
    if name == "parts":
        return msgspec.json.encode(value).decode() if value else None
    return value


def _note_columns(written: Sequence[tuple[Writing, T]]) -> list[object]:
    notes = [(note, after.id) for one, after in written for note in one.notes]
    return [
        [note.payment_id for note, _ in notes],
        [note.step for note, _ in notes],
        [note.key for note, _ in notes],
        [note.result for note, _ in notes],
        [owner for _, owner in notes],
    ]


def _part_columns(parts: Sequence[Payment]) -> list[object]:
    return [
        [part.id for part in parts],
        [part.whole_id for part in parts],
        [str(uuid5(_LATE, part.id)) if part.promised else None for part in parts],
        *([getattr(part, name) for part in parts] for name in _OF_PART),
    ]


def _payment(row: Sequence[object]) -> Payment:
    names = (
        "id",
        "inventory_id",
        "reservation_id",
        "provider",
        "deadline_ms",
        "created_ms",
        "method",
        "refunded",
        "attempts",
        "whole_id",
        "wallet",
        "pays_out",
        "reason",
        "done_by",
        *_COLUMNS,
    )
    values: dict[str, Any] = dict(zip(names, row, strict=True))
    values["parts"] = _parts.decode(values["parts"]) if values["parts"] else ()
    values["step"], values["standing"] = Step(values["step"]), Standing(values["standing"])
    return Payment(**values)


def _refund(row: Sequence[object]) -> Refund:
    names = (
        "id payment_id inventory_id reservation_id provider amount currency reason step provider_ref lines"
        " before error attempts pauses wallet created_ms"
    )
    values: dict[str, Any] = dict(zip(names.split(), row, strict=True))
    values["reason"], values["step"] = Reason(values["reason"]), RefundStep(values["step"])
    values["provider_ref"] = values["provider_ref"] or ""
    for name in ("lines", "before"):
        values[name] = _wanted.decode(values[name])
    return Refund(**values)


_parts = msgspec.json.Decoder(tuple[Part, ...])
_wanted = msgspec.json.Decoder(tuple[tuple[str, int], ...])
