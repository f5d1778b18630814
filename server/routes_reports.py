"""The routes of what an operator is told of sales; see `server/routes.py`."""

from __future__ import annotations

from typing import Any

from domain.account import Scope
from server import payloads_catalogue as wanted
from server import views_catalogue as sums
from server.callers import Who
from server.csv_export import CSV
from server.handlers_reports import ReportHandlers
from server.route import Route
from server.views_stays import StayStatisticsView

_EVENT = "/api/v1/events/{event_id}"
_RESTAURANT = "/api/v1/restaurants/{restaurant_id}"


# One route is easier to find among its like than among its arguments.
# fmt: off
def report_routes(reports: ReportHandlers) -> list[Route]:
    """Every route of sums and of reservations as a file."""
    own: Any = {"who": Who.ORGANISER, "scope": Scope.READ}
    file: Any = {**own, "tag": "reservations", "media": CSV,
                 "reply_headers": ("Content-Disposition", "Cache-Control")}
    return [
        Route("GET", "/api/v1/statistics", reports.ranking, sums.RankingView, query=wanted.RankingQuery,
              **{**own, "who": Who.OPERATOR}, tag="events"),
        Route("GET", f"{_EVENT}/statistics", reports.of_event, sums.EventSalesView,
              query=wanted.StatisticsQuery, tag="events", **own),
        Route("GET", f"{_EVENT}/reservations.csv", reports.export_of_event, str, **file),
        Route("GET", f"{_RESTAURANT}/statistics", reports.of_restaurant, StayStatisticsView,
              query=wanted.StayStatisticsQuery, tag="restaurants", **own),
        Route("GET", f"{_RESTAURANT}/reservations.csv", reports.export_of_restaurant, str, **file),
    ]
