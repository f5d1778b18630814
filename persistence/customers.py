"""Reservations by their customer: filed behind the sales, many at a time.

Ids of reservations are in order of time, so what has not been filed yet is a range of them. A row may be
committed a while after its id was made (a submission waits for up to its patience), so the range that is
filed ends `LAG_MS` ago; what is newer is looked through when somebody asks.
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

from persistence.rows import FIRST_ID, stored_columns
from persistence.submissions import STILL_PENDING

LAG_MS = 180_000
"""More than any reservation takes from its id to its commit."""
SLICE_MAX_ROWS = 20_000

_UNFILED = """
SELECT id, customer FROM reservations
 WHERE id > (SELECT until_id FROM customers_filed) AND id < $1::uuid ORDER BY id LIMIT $2::int"""

FILE = f"""
WITH slice AS MATERIALIZED ({_UNFILED}),
filed AS (
  INSERT INTO customers_reservations (customer, reservation_id)
  SELECT customer, id FROM slice WHERE customer <> '' ORDER BY customer, id
  ON CONFLICT DO NOTHING),
marked AS (
  UPDATE customers_filed SET until_id = s.id FROM (SELECT id FROM slice ORDER BY id DESC LIMIT 1) s
   WHERE until_id < s.id)
SELECT count(*) AS count FROM slice"""

FOUND = """
SELECT c.reservation_id AS id FROM customers_reservations c
 WHERE c.customer = $1 AND c.reservation_id < $2::uuid
UNION
SELECT r.id FROM reservations r
 WHERE r.id > (SELECT until_id FROM customers_filed) AND r.id < $2::uuid AND r.customer = $1"""
"""The ids of a customer's reservations below an id."""


def first_id_of(at_ms: int) -> str:
    """No id that was made then or later is below it."""
    digits = f"{max(0, at_ms):012x}"
    time = f"{digits[:8]}-{digits[8:]}"
    return time + FIRST_ID[len(time) :]


OF_CUSTOMER = f"""
SELECT {stored_columns("r.")}, r.inventory_id::text, e.currency, coalesce(e.stage, s.stage) AS stage
  FROM ({FOUND}) f CROSS JOIN LATERAL (SELECT * FROM reservations WHERE id = f.id OFFSET 0) r
  LEFT JOIN events e ON e.id = r.inventory_id LEFT JOIN restaurants s ON s.id = r.inventory_id
 ORDER BY f.id DESC LIMIT $3::int"""
"""Each looked up by its id: in their order they would be looked for among all reservations, where the plan is
made before there are any."""

ON_HOLD = f"""
SELECT id::text, live AND status IN ('held', 'paying') AND expires_ms > $2::bigint
  FROM reservations WHERE id = ANY ($1::uuid[])
UNION ALL SELECT id::text, true FROM submissions WHERE id = ANY ($1::uuid[]) AND {STILL_PENDING}"""
"""What is asked for behind the scenes is on hold as long as it waits, and longer if it is made."""

KNOWN = """
SELECT EXISTS (SELECT FROM requests WHERE request_id = $2 AND scope = $1::uuid AND expires_ms > $3::bigint)
    OR EXISTS (SELECT FROM submissions WHERE request_id = $2 AND inventory_id = $1::uuid)"""

RECOVERED_MAX_RESERVATIONS = 50
LIVE_OF = f"""
SELECT r.id::text FROM ({FOUND}) f JOIN reservations r ON r.id = f.id
 WHERE r.live AND (r.status <> 'held' OR r.expires_ms > $3)
 ORDER BY r.id DESC LIMIT {RECOVERED_MAX_RESERVATIONS}"""

RECEIVED = """
SELECT t.reservation_id::text, t.number, t.generation, t.holder, t.contact, t.entered_ms, t.entered_by,
       t.gate, t.device, t.inventory_id::text
  FROM tickets t
 WHERE t.holder = $1 AND t.holder <> '' AND (t.reservation_id, t.number) < ($2::uuid, $3::int)
 ORDER BY t.reservation_id DESC, t.number DESC LIMIT $4::int"""
FENCED = f"""
SELECT id FROM inventories
 WHERE id IN (SELECT inventory_id FROM reservations WHERE id IN ({FOUND})
              UNION SELECT inventory_id FROM tickets WHERE holder = $1 AND holder <> '')
 ORDER BY id FOR NO KEY UPDATE"""
"""What owners' appends take first, and in this order, whoever else writes rows of theirs takes first too:
each writes many, in an order of its own, and they would come to wait for each other."""
DINED = f"""
SELECT s.id::text, s.terms, g.visits, g.cancellations, g.no_shows
  FROM (SELECT DISTINCT inventory_id FROM reservations WHERE id IN ({FOUND})) dined
 CROSS JOIN LATERAL (SELECT visits, cancellations, no_shows FROM guests
                      WHERE inventory_id = dined.inventory_id AND customer = $1 OFFSET 0) g
  JOIN restaurants s ON s.id = dined.inventory_id ORDER BY s.id"""
"""What restaurants have counted of a customer, each looked up by its whole key."""

FORGET_TICKETS = "UPDATE tickets SET contact = '' WHERE holder = $1 AND holder <> ''"
"""Those that were passed on to the customer. That there is one is said because only those are indexed."""
FORGET_CONTACTS = f"""
WITH locked AS MATERIALIZED (
  SELECT id FROM reservations WHERE id IN ({FOUND}) ORDER BY inventory_id, id FOR NO KEY UPDATE)
UPDATE reservations SET contact = '' WHERE id IN (SELECT id FROM locked)"""
"""In the order in which owners write them: else each could wait for the other."""
FORGET_DINERS = f"""
WITH made AS MATERIALIZED (
  SELECT inventory_id, id, lines FROM reservations WHERE id IN ({FOUND}) AND json_typeof(lines) = 'object')
DELETE FROM diners d
 USING (SELECT inventory_id, $1::bytea AS key, id FROM made
        UNION ALL SELECT inventory_id, decode(lines ->> 'phone', 'hex'), id FROM made OFFSET 0) m
 WHERE d.inventory_id = m.inventory_id AND d.key = m.key AND d.reservation_id = m.id"""
"""By the keys of the e-mail and of the number under which staff found them."""
