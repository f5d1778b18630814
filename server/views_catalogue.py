"""What clients get of the catalogue: statistics of an event, and the first among all events."""

from __future__ import annotations

from domain.views import EventSales, Ranked, Ranking, Sold
from server.payloads_catalogue import StatisticsQuery
from server.times import rfc3339
from server.views import MoneyView, View, encode

MINUTE_MS = 60_000
WIDTHS_MS = {"minute": MINUTE_MS, "hour": 60 * MINUTE_MS, "day": 24 * 60 * MINUTE_MS}


class TypeSalesView(View, frozen=True):
    """`sold` is confirmed, `held` all that is live and not confirmed; `revenue`: each line at its price."""

    code: str
    sold: int
    held: int
    revenue: MoneyView


class SpanSalesView(View, frozen=True):
    """What was confirmed from `begins_at` on, until the next begins, and is not cancelled."""

    begins_at: str
    sold: int
    revenue: MoneyView


class EventSalesView(View, frozen=True):
    """What an event has sold at a `sequence`; `over_time` oldest first, its last span not over yet."""

    event_id: str
    sequence: int
    sold: int
    held: int
    revenue: MoneyView
    ticket_types: list[TypeSalesView]
    bucket: str
    over_time: list[SpanSalesView]


class RankedView(View, frozen=True):
    """An event and what it has sold; `sold_in_window`: of that, what was confirmed in the window."""

    event_id: str
    name: str
    sold: int
    revenue: MoneyView
    sold_in_window: int


class RankingView(View, frozen=True):
    """The first five by tickets, by revenue (five of each currency), and by tickets in the window."""

    window_s: int
    by_sales: list[RankedView]
    by_revenue: list[RankedView]
    by_speed: list[RankedView]


def event_sales(sales: EventSales, query: StatisticsQuery, first: int) -> bytes:
    """`first`: the number of the first span. What a clock that is ahead has put behind the last is in it."""
    width_ms = WIDTHS_MS[query.bucket]
    spans = [Sold()] * query.buckets
    for begins_ms, sold in sales.over_time.items():
        at = min(begins_ms // width_ms - first, query.buckets - 1)
        spans[at] = _sum(spans[at], sold)
    total = _sum(*(kind.sold for kind in sales.ticket_types))
    money = sales.currency
    return encode(
        EventSalesView(
            sales.event_id,
            sales.sequence,
            total.tickets,
            sum(kind.held for kind in sales.ticket_types),
            MoneyView(total.revenue, money),
            [
                TypeSalesView(kind.code, kind.sold.tickets, kind.held, MoneyView(kind.sold.revenue, money))
                for kind in sales.ticket_types
            ],
            query.bucket,
            [
                SpanSalesView(rfc3339((first + n) * width_ms), span.tickets, MoneyView(span.revenue, money))
                for n, span in enumerate(spans)
            ],
        )
    )


def ranking(found: Ranking, window_s: int) -> bytes:
    """The first five, as JSON."""
    by_sales, by_revenue, by_speed = (
        [_ranked(one) for one in order] for order in (found.by_sales, found.by_revenue, found.by_speed)
    )
    return encode(RankingView(window_s, by_sales, by_revenue, by_speed))


def _ranked(one: Ranked) -> RankedView:
    revenue = MoneyView(one.sold.revenue, one.currency)
    return RankedView(one.event_id, one.name, one.sold.tickets, revenue, one.lately)


def _sum(*sales: Sold) -> Sold:
    return Sold(sum(one.tickets for one in sales), sum(one.revenue for one in sales))
