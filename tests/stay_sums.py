"""A restaurant's reservations added up, the slow and obvious way: look at each, for each sum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.event_messages import Status
from domain.restaurant_messages import TableReservation
from domain.views import Deposits, Stays, StaySums


def stay_sums(
    restaurant_id: str, sequence: int, known: Iterable[TableReservation], begins_ms: Sequence[int]
) -> StaySums:
    stays = list(known)
    days = {
        day: [one for one in stays if begins_ms[day] <= one.start_ms < begins_ms[day + 1]]
        for day in range(len(begins_ms) - 1)
    }
    currencies = {one.currency for one in stays if _counts(one)}
    return StaySums(
        restaurant_id,
        sequence,
        _by_status(stays),
        {day: _by_status(of_day) for day, of_day in days.items() if of_day},
        {currency: _deposits(stays, currency) for currency in currencies},
    )


def _by_status(stays: list[TableReservation]) -> dict[Status, Stays]:
    of = {status: [one.party_size for one in stays if one.status is status] for status in Status}
    return {status: Stays(len(parties), sum(parties)) for status, parties in of.items() if parties}


def _deposits(stays: list[TableReservation], currency: str) -> Deposits:
    own = [one for one in stays if one.currency == currency]
    return Deposits(sum(map(_taken, own)), sum(map(_kept, own)))


def _counts(one: TableReservation) -> bool:
    return _taken(one) + _kept(one) > 0


def _taken(one: TableReservation) -> int:
    return one.deposit if one.status in (Status.CONFIRMED, Status.SEATED) else 0


def _kept(one: TableReservation) -> int:
    return 0 if one.paid_by is None else one.paid_by.kept
