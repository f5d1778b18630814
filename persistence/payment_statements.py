"""The statements of payments and refunds. `persistence.payments` puts them to PostgreSQL.

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

from domain.payment import WAITS_FOR_PROVIDER
from persistence.append_columns import rows_of
from persistence.customers import FOUND
from persistence.mails import COLUMNS as MAIL_COLUMNS
from persistence.rows import NOW

OF_PAYMENT = {
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
    " coalesce(p.wallet, ''), p.pays_out, p.reason, p.done_by, "
    + ", ".join(f"p.{name}" for name in OF_PAYMENT)
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

_TYPED = " ".join(f"{name}:{kind}" for name, kind in OF_PAYMENT.items())
_WRITTEN_COLUMNS = (
    f"id:uuid attempts:integer {_TYPED} wake_in_ms:bigint goes_on:boolean back_id:uuid back:bigint"
)
_WRITTEN = rows_of(_WRITTEN_COLUMNS, "u")
_REFUNDED_COLUMNS = "id:uuid attempts:integer step:text error:text pauses:integer wake_in_ms:bigint"


_NOTED = "payment_id:uuid step:text key:text result:text owner:uuid"
OF_PART = (
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
    f"{one}:{OF_PAYMENT[one]}" for one in OF_PART
)


def _noted(after: str) -> str:
    """The notes' rows, whose arrays come after those of these columns."""
    return _behind(_NOTED, "n", after)


WRITE = f"""
WITH now AS ({NOW} AS ms),
w AS (SELECT * FROM {_WRITTEN}),
kept AS (
  UPDATE payments p SET {", ".join(f"{name} = w.{name}" for name in OF_PAYMENT)}, updated_ms = now.ms,
         wake_ms = CASE WHEN w.goes_on AND p.wake_ms - now.ms > w.wake_in_ms * 3 / 4 THEN p.wake_ms
                        ELSE now.ms + w.wake_in_ms END
    FROM w, now WHERE p.id = w.id AND p.attempts = w.attempts
  RETURNING p.id, w.back_id, w.back),
parts AS (
  UPDATE payments p SET {", ".join(f"{name} = q.{name}" for name in OF_PART)}, updated_ms = now.ms
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
    FROM paid_ends e
   CROSS JOIN LATERAL (SELECT * FROM payments WHERE id = e.payment_id AND step = 'done'
                       OFFSET 0 FOR UPDATE SKIP LOCKED) p
   LIMIT $1 FOR UPDATE OF e SKIP LOCKED),
due AS (SELECT payment_id AS id, rest, gen_random_uuid() AS new_id FROM ended WHERE captured AND rest > 0),
promised AS (
  UPDATE payments p SET promised = p.promised + due.rest
    FROM due WHERE p.id = due.id AND p.id = ANY (ARRAY (SELECT id FROM due))),
new AS (
  INSERT INTO refunds (id, payment_id, amount, reason, step, lines, before, request_id, fingerprint,
                       created_ms, updated_ms, wake_ms, attempts, pauses)
  SELECT due.new_id, due.id, due.rest, 'cancelled', 'pay_back', '[]', '[]', uuid_send(due.new_id), '',
         now.ms, now.ms, now.ms, 0, 0 FROM due, now),
gone AS (
  DELETE FROM paid_ends e USING ended d
   WHERE e.reservation_id = d.reservation_id AND e.payment_id = d.payment_id RETURNING 1)
SELECT count(*) FROM gone"""
"""Five times a second. What has been paid for is looked up for what has ended, never the other way round:
whoever makes the plan before there are statistics would read all payments each time."""
