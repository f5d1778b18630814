"""A reservation as an iCalendar file (RFC 5545): events and tables; what was cancelled is taken out again.

Its UID is the reservation's, or that of the ticket that was passed on, so a file that is fetched again
replaces the entry. Times are in UTC, which every calendar shows as its own. An event without an end is
entered for two hours.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event

from domain.event_messages import EventReply, Reservation, Stage, Status
from domain.event_tickets import Placed
from domain.restaurant_messages import RestaurantReply, TableReservation
from server.problems import Problem

CALENDAR = "text/calendar; charset=utf-8"
LASTS_UNLESS_SAID = timedelta(hours=2)
_STANDS = (Status.CONFIRMED, Status.CHECKED_IN, Status.SEATED, Status.COMPLETED)
_WAITS = Status.HELD


def of_event(reservation: Reservation, event: EventReply, place: Placed | None, now_ms: int) -> bytes:
    """`place`: of the ticket that was passed on to who asks; else it is all of the reservation."""
    terms = event.terms
    starts = _moment(terms.starts_at_ms)
    ends = starts + LASTS_UNLESS_SAID if terms.ends_at_ms is None else _moment(terms.ends_at_ms)
    where = ", ".join(part for part in (terms.venue, terms.city) if part)
    names = {kind.code: kind.name for kind in terms.ticket_types}
    taken = [(line.quantity, line.ticket_type, line.seats) for line in reservation.lines]
    if place is not None:
        taken = [(1, place.ticket_type, (place.seat,) if place.seat else ())]
    what = [
        f"{quantity} x {names.get(code, code)}" + (f": {', '.join(seats)}" if seats else "")
        for quantity, code, seats in taken
    ]
    uid = reservation.id if place is None else f"{reservation.id}-{place.number}"
    off = event.stage is Stage.CANCELLED
    return _file(
        reservation, uid, terms.name, starts, ends, where, "\n".join(what), event.version, off, now_ms
    )


def of_table(reservation: TableReservation, restaurant: RestaurantReply, now_ms: int) -> bytes:
    terms = restaurant.terms
    numbers = {table.id: table.number for table in terms.tables}
    tables = ", ".join(str(numbers.get(table_id, "")) for table_id in reservation.tables)
    what = f"Table {tables}, {reservation.party_size} persons"
    starts, ends = _moment(reservation.start_ms), _moment(reservation.end_ms)
    off = restaurant.stage is Stage.CANCELLED
    where, uid = terms.city or "", reservation.id
    return _file(reservation, uid, terms.name, starts, ends, where, what, restaurant.version, off, now_ms)


def _file(
    reservation: Reservation | TableReservation,
    uid: str,
    summary: str,
    starts: datetime,
    ends: datetime,
    where: str,
    what: str,
    version: int,
    off: bool,
    now_ms: int,
) -> bytes:
    if reservation.status is _WAITS:
        raise Problem("wrong_state", "The reservation is held.", reservation_status=reservation.status.value)
    entry = Event()
    entry.add("uid", f"{uid}@turnstile")
    entry.add("dtstamp", _moment(now_ms))
    entry.add("dtstart", starts)
    entry.add("dtend", ends)
    entry.add("summary", summary)
    entry.add("description", what)
    if where:
        entry.add("location", where)
    stands = reservation.status in _STANDS and not off
    entry.add("status", "CONFIRMED" if stands else "CANCELLED")
    entry.add("sequence", version + (0 if stands else 1))
    calendar = Calendar()
    calendar.add("prodid", "-//Turnstile//Reservations//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH" if stands else "CANCEL")
    calendar.add_component(entry)
    return bytes(calendar.to_ical())


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC)
