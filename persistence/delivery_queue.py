"""Deliveries waiting to be sent: taken by lease, in order of what they are about, then marked.

`take` gives rows away for the time of a lease, as that of mails does (`persistence.mail_queue`): `due_ms` is
its end. It gives none away while an earlier one of the same endpoint, about the same, is pending, whether
that one is due, on its way, or waits for its next attempt: nothing overtakes. A dead one is not waited for.

What is marked must still be pending, and of the attempt that is marked as failed.
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

from collections.abc import Mapping

from domain.endpoints import Delivery, Endpoint
from persistence.connection import Limits, Links
from persistence.endpoint_rows import ALL_ENDPOINTS, DELIVERY, delivery_of, endpoint_of
from persistence.mail_queue import short
from persistence.rows import NOW

CONNECTIONS_MAX = 2

TAKE = f"""
WITH now AS MATERIALIZED ({NOW} AS ms),
wanted AS (
  SELECT d.id AS wanted_id
    FROM unnest($1::uuid[], $2::integer[]) AS f(endpoint_id, places)
   CROSS JOIN LATERAL (
         SELECT w.id FROM webhook_deliveries w
          WHERE w.endpoint_id = f.endpoint_id AND w.status = 'pending' AND w.due_ms <= (SELECT ms FROM now)
            AND NOT EXISTS (
                SELECT FROM webhook_deliveries e
                 WHERE e.endpoint_id = w.endpoint_id AND e.about = w.about AND e.status = 'pending'
                   AND (e.seq, e.position) < (w.seq, w.position))
          ORDER BY w.due_ms LIMIT f.places FOR UPDATE SKIP LOCKED) d)
UPDATE webhook_deliveries m SET due_ms = (SELECT ms FROM now) + $3::bigint, attempts = m.attempts + 1
  FROM wanted w WHERE m.id = w.wanted_id
RETURNING {DELIVERY}, body"""

DELIVERED = f"""
WITH ended AS (
  UPDATE webhook_deliveries SET status = 'delivered', answer = $3, error = NULL, ended_ms = ({NOW})
   WHERE id = $1 AND status = 'pending')
UPDATE webhook_endpoints SET failures = 0, failing_since_ms = NULL WHERE id = $2 AND failures > 0"""

FAILED = f"""
WITH now AS MATERIALIZED ({NOW} AS ms),
put_off AS (
  UPDATE webhook_deliveries d
     SET answer = $4, error = $5, due_ms = now.ms + coalesce($6::bigint, 0),
         status = CASE WHEN $6::bigint IS NULL THEN 'dead' ELSE 'pending' END,
         ended_ms = CASE WHEN $6::bigint IS NULL THEN now.ms END
    FROM now WHERE d.id = $1 AND d.status = 'pending' AND d.attempts = $3)
UPDATE webhook_endpoints e
   SET failures = e.failures + 1, failing_since_ms = coalesce(e.failing_since_ms, now.ms),
       paused_ms = CASE WHEN e.failures + 1 >= $7 AND now.ms - coalesce(e.failing_since_ms, now.ms) >= $8
                        THEN now.ms END,
       pause_reason = CASE WHEN e.failures + 1 >= $7 AND now.ms - coalesce(e.failing_since_ms, now.ms) >= $8
                           THEN $5 END
  FROM now WHERE e.id = $2 AND e.paused_ms IS NULL"""

WAITING = f"""
SELECT coalesce(sum(p.due), 0)::bigint AS due, coalesce(sum(x.dead), 0)::bigint AS dead,
       coalesce(max(now.ms - p.oldest_ms), 0)::bigint AS age_ms,
       count(*) FILTER (WHERE e.paused_ms IS NOT NULL) AS paused
  FROM webhook_endpoints e CROSS JOIN ({NOW} AS ms) now
  LEFT JOIN LATERAL (
       SELECT count(*) FILTER (WHERE due_ms <= now.ms) AS due, min(created_ms) AS oldest_ms
         FROM webhook_deliveries WHERE endpoint_id = e.id AND status = 'pending') p ON e.paused_ms IS NULL
 CROSS JOIN LATERAL (
       SELECT count(*) AS dead FROM webhook_deliveries WHERE endpoint_id = e.id AND status = 'dead') x
 WHERE e.removed_ms IS NULL"""


class PostgresDeliveryQueue:
    """A few connections: what is sent at the same time is marked at the same time."""

    def __init__(self, database_url: str, limits: Limits | None = None) -> None:
        self._links = Links(database_url, "turnstile webhooks", limits or Limits(), CONNECTIONS_MAX)

    async def endpoints(self) -> list[Endpoint]:
        """Those that there are, paused ones too."""
        return [endpoint_of(row) for row in await self._links.fetch(ALL_ENDPOINTS)]

    async def take(self, places: Mapping[str, int], lease_ms: int) -> list[Delivery]:
        """Of each endpoint at most so many; nobody else is given them within the lease."""
        values = (list(places), list(places.values()), lease_ms)
        return [delivery_of(row) for row in await self._links.fetch(TAKE, *values)]

    async def delivered(self, delivery: Delivery, answer: int) -> None:
        await self._links.fetch(DELIVERED, delivery.id, delivery.endpoint_id, answer)

    async def failed(
        self,
        delivery: Delivery,
        answer: int | None,
        error: str,
        retry_ms: int | None,
        patience: tuple[int, int],
    ) -> None:
        """Not this time; None: never, unless it is replayed. The endpoint is paused if that makes so many
        failures in a row, over so many milliseconds."""
        values = (delivery.attempts, answer, short(error), retry_ms)
        await self._links.fetch(FAILED, delivery.id, delivery.endpoint_id, *values, *patience)

    async def waiting(self) -> tuple[int, int, int, int]:
        """How many are due and how many dead, how old the oldest is that is pending, in milliseconds, and how
        many endpoints are paused, of which nothing is due or pending."""
        row = (await self._links.fetch(WAITING))[0]
        return row["due"], row["dead"], row["age_ms"], row["paused"]

    async def close(self) -> None:
        await self._links.close()
