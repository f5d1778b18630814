"""What clients get of a restaurant's statistics."""

from __future__ import annotations

from domain.event_messages import Status
from domain.views import StaysByStatus, StaySums
from server.views import MoneyView, View, encode
from server.views_restaurants import date_of


class StaysView(View, frozen=True):
    """Reservations of one status, and how many persons they are for."""

    status: Status
    reservations: int
    covers: int


class DayStaysView(View, frozen=True):
    """Of a local date, the reservations whose stay begins on it."""

    date: str
    by_status: list[StaysView]


class DepositsView(View, frozen=True):
    """`taken`: for what is confirmed or seated; `kept`: of what was paid for stays that have ended, what does
    not go back. Of a deposit taken by the staff nothing is known once the stay has ended."""

    taken: MoneyView
    kept: MoneyView


class StayStatisticsView(View, frozen=True):
    """A restaurant's reservations at a `sequence`, by status as the journal has it: a hold is held until its
    end is on record. A status of which there is none is left out. `deposits`: one of each currency."""

    restaurant_id: str
    sequence: int
    reservations: int
    covers: int
    by_status: list[StaysView]
    by_day: list[DayStaysView]
    deposits: list[DepositsView]


def stay_statistics(found: StaySums, first: int, days: int) -> bytes:
    """`first`: the first of so many days, counted since 1970-01-01."""
    every = found.by_status.values()
    return encode(
        StayStatisticsView(
            found.restaurant_id,
            found.sequence,
            sum(one.reservations for one in every),
            sum(one.covers for one in every),
            _views(found.by_status),
            [DayStaysView(date_of(first + n), _views(found.by_day.get(n, {}))) for n in range(days)],
            [
                DepositsView(MoneyView(one.taken, currency), MoneyView(one.kept, currency))
                for currency, one in sorted(found.deposits.items())
            ],
        )
    )


def _views(stays: StaysByStatus) -> list[StaysView]:
    found = ((status, stays[status]) for status in Status if status in stays)
    return [StaysView(status, one.reservations, one.covers) for status, one in found]
