"""What is to stand on tickets of paper."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from domain.event_messages import EventReply
from domain.event_tickets import Placed
from server.parts import Parts
from server.problems import invalid
from server.ticket_paper import Paper, PaperTicket
from server.tickets import Tickets


class _Named(msgspec.Struct):
    name: str = ""


_named = msgspec.json.Decoder(_Named)


def paper_of(
    parts: Parts, event: EventReply, tickets: Tickets, wanted: Iterable[Placed], time_zone: str | None
) -> Paper:
    """Of these places; times as they are in that zone, else in the event's."""
    terms = event.terms
    names = {kind.code: kind.name for kind in terms.ticket_types}
    pages = tuple(
        PaperTicket(
            place.number,
            names.get(place.ticket_type, place.ticket_type),
            place.seat,
            _name_in(tickets.contact(place.number)),
            tickets.code(parts, place.number),
        )
        for place in wanted
    )
    where = ", ".join(part for part in (terms.venue, terms.city) if part)
    when = said(terms.starts_at_ms, time_zone or terms.time_zone or "UTC")
    of = sum(line.skipped + line.quantity for line in tickets.reservation.lines)
    return Paper(terms.name, when, where, tickets.reservation.id, of, pages)


def said(at_ms: int, time_zone: str) -> str:
    """`Friday, 1 January 2027, 21:00 (Europe/Madrid)`. Raises `invalid` where there is no such zone."""
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid("time_zone", "Not a time zone of the IANA's list.") from None
    moment = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(zone)
    return f"{moment:%A}, {moment.day} {moment:%B %Y, %H:%M} ({time_zone})"


def _name_in(contact: bytes) -> str:
    """The name in a contact; nothing, once it is erased."""
    if not contact:
        return ""
    try:
        return _named.decode(contact).name
    except msgspec.DecodeError:
        return ""
