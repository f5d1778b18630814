"""What was sold, and for how much: sums over rows of reservations; of restaurants, by status and day.

Most reservations of an event share their lines, so rows are grouped by the lines' text before any of them is
read as JSON. A reservation's row says when it was confirmed, also while its tickets are let in; that is its
time. Each sum is one statement, so it is of one moment. It costs a walk through an event's live reservations,
through all of a restaurant's, or through all that are live: that is why reads like these have a connection of
their own, one for all (`persistence.reads`).
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from domain.event_messages import Status
from domain.views import Deposits, EventSales, Ranked, Ranking, Sold, Stays, StaySums, TypeSales
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

TAKEN = "'confirmed', 'seated'"
STAYS = f"""
SELECT i.seq,
       (SELECT json_agg(json_build_array(
                 s.day, s.status, s.currency, s.reservations, s.covers, s.taken, s.kept))
          FROM (SELECT r.day, r.status, r.currency, count(*) AS reservations, sum(r.covers) AS covers,
                       coalesce(sum(r.deposit) FILTER (WHERE r.status IN ({TAKEN})), 0) AS taken,
                       coalesce(sum(r.kept), 0) AS kept
                  FROM (SELECT width_bucket((o.lines ->> 'start_ms')::bigint, $2::bigint[]) - 1 AS day,
                               o.status, coalesce(o.lines ->> 'currency', '') AS currency,
                               (o.lines ->> 'party_size')::integer AS covers,
                               (o.lines ->> 'deposit')::bigint AS deposit, o.kept
                          FROM reservations o WHERE o.inventory_id = i.id) r
                 GROUP BY 1, 2, 3) s) AS sums
  FROM inventories i JOIN restaurants h ON h.id = i.id WHERE i.id = $1 AND NOT h.deleted"""
"""$2: where each day begins, and where the last ends. What lies before them is of day -1."""


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


class _StaySum(msgspec.Struct, array_like=True, gc=False):
    """A row of `STAYS`: of one day, one status and one currency of deposits, or none."""

    day: int
    status: Status
    currency: str
    reservations: int
    covers: int
    taken: int
    kept: int


_stay_sums = msgspec.json.Decoder(list[_StaySum])


def stay_sums_of(restaurant_id: str, row: Row, days: int) -> StaySums:
    """A row of `STAYS`."""
    sums = _stay_sums.decode(row["sums"]) if row["sums"] else []
    by_day: defaultdict[int, list[_StaySum]] = defaultdict(list)
    of_money: defaultdict[str, list[_StaySum]] = defaultdict(list)
    for one in sums:
        if 0 <= one.day < days:
            by_day[one.day].append(one)
        if one.taken or one.kept:
            of_money[one.currency].append(one)
    deposits = {
        currency: Deposits(sum(one.taken for one in some), sum(one.kept for one in some))
        for currency, some in of_money.items()
    }
    every_day = {day: _by_status(some) for day, some in by_day.items()}
    return StaySums(restaurant_id, row["seq"], _by_status(sums), every_day, deposits)


def _by_status(sums: Sequence[_StaySum]) -> dict[Status, Stays]:
    found: dict[Status, Stays] = {}
    for one in sums:
        before = found.get(one.status, Stays())
        found[one.status] = Stays(before.reservations + one.reservations, before.covers + one.covers)
    return found


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
