"""What was sold, and for how much: sums over the rows of confirmed reservations.

Most reservations of an event share their lines, so rows are grouped by the lines' text before any of them is
read as JSON. A reservation's row says when it was confirmed, also while its tickets are let in; that is its
time. Each sum is one statement, so it is of one moment. It costs a walk through an event's live reservations,
or through all of them: that is why reads like these have a connection of their own, one for all
(`persistence.reads`).
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.views import EventSales, Ranked, Ranking, Sold, TypeSales
from persistence.connection import Row
from persistence.rows import TYPES_JSON, types_of

RANKED_MAX_EVENTS = 5

SOLD = "'confirmed', 'checked_in'"
_TICKETS = "g.times * (l.line ->> 1)::bigint"
_REVENUE = f"{_TICKETS} * (l.line ->> 2)::numeric"

SALES = f"""
SELECT e.currency, i.seq, {TYPES_JSON} AS types,
       (SELECT json_agg(json_build_array(s.span, s.code, s.tickets, s.revenue))
          FROM (SELECT g.span, l.line ->> 0 AS code, sum({_TICKETS}) AS tickets, sum({_REVENUE}) AS revenue
                  FROM (SELECT CASE WHEN r.updated_ms >= $2 THEN r.updated_ms / $3 END AS span,
                               r.lines::text AS lines, count(*) AS times
                          FROM reservations r
                         WHERE r.inventory_id = i.id AND r.live AND r.status IN ({SOLD})
                         GROUP BY 1, 2) g,
                       json_array_elements(g.lines::json) AS l(line)
                 GROUP BY GROUPING SETS ((g.span), (l.line ->> 0))) s) AS sums
  FROM inventories i JOIN events e ON e.id = i.id WHERE i.id = $1 AND NOT e.deleted"""
"""$2: where the spans begin, in ms; $3: how long each is. What was confirmed before is in no span."""

RANKING = f"""
WITH sales AS (
  SELECT g.inventory_id AS id, sum({_TICKETS}) AS tickets, sum({_REVENUE}) AS revenue,
         sum(g.lately * (l.line ->> 1)::bigint) AS lately
    FROM (SELECT r.inventory_id, r.lines::text AS lines, count(*) AS times,
                 count(*) FILTER (WHERE r.updated_ms >= $1) AS lately
            FROM reservations r
           WHERE r.live AND r.status IN ({SOLD}) AND r.inventory_id IN (SELECT id FROM events)
           GROUP BY 1, 2) g,
         json_array_elements(g.lines::json) AS l(line)
   GROUP BY 1),
ranked AS (
  SELECT s.*, e.name, e.currency,
         row_number() OVER (ORDER BY s.tickets DESC, e.id) AS by_sales,
         row_number() OVER (PARTITION BY e.currency ORDER BY s.revenue DESC, e.id) AS by_revenue,
         row_number() OVER (ORDER BY s.lately DESC, e.id) AS by_speed
    FROM sales s JOIN events e ON e.id = s.id)
SELECT id::text, name, currency, tickets::bigint, revenue::text, lately::bigint,
       by_sales, by_revenue, by_speed
  FROM ranked WHERE least(by_sales, by_revenue, by_speed) <= {RANKED_MAX_EVENTS}"""
"""$1: where the window of lately begins."""


class _Sum(msgspec.Struct, array_like=True, gc=False):
    """A row of `SALES`: of one span (no code), of one ticket type (no span), or of no span at all."""

    span: int | None
    code: str | None
    tickets: int
    revenue: int

    @property
    def sold(self) -> Sold:
        return Sold(self.tickets, self.revenue)


_sums = msgspec.json.Decoder(list[_Sum])


def sales_of(event_id: str, row: Row, width_ms: int) -> EventSales:
    """A row of `SALES`."""
    sums = _sums.decode(row["sums"]) if row["sums"] else []
    sold = {one.code: one.sold for one in sums if one.code is not None}
    types = tuple(
        TypeSales(kind.code, kind.held, sold.get(kind.code, Sold())) for kind in types_of(row["types"])
    )
    spans = {one.span * width_ms: one.sold for one in sums if one.span is not None}
    return EventSales(event_id, row["seq"], row["currency"], types, spans)


def ranking_of(rows: Sequence[Row]) -> Ranking:
    """The rows of `RANKING`."""

    def first(by: str, *also: str) -> tuple[Ranked, ...]:
        found = [row for row in rows if row[by] <= RANKED_MAX_EVENTS]
        return tuple(map(_ranked, sorted(found, key=lambda row: (*(row[name] for name in also), row[by]))))

    by_speed = tuple(one for one in first("by_speed") if one.lately)
    return Ranking(first("by_sales"), first("by_revenue", "currency"), by_speed)


def _ranked(row: Row) -> Ranked:
    sold = Sold(row["tickets"], int(row["revenue"]))
    return Ranked(row["id"], row["name"], row["currency"], sold, row["lately"])
