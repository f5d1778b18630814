"""Commands and replies in few words, for reports that people read."""

from __future__ import annotations

from msgspec import UNSET

from domain.event_messages import (
    ChangeEvent,
    ChangeHold,
    EventReply,
    PlaceHold,
    ReservationReply,
)
from domain.kinds import Command, Reply
from domain.messages import Rejected
from domain.restaurant_messages import (
    FreeTimes,
    HoldTable,
    MoveReservation,
    RestaurantReply,
    SearchTables,
    TableReply,
)
from domain.ticket_messages import TicketReply


def brief(message: Command | Reply | None) -> str:
    """`PlaceHold 1f3a 2 std`, `held 1f3a until 12.345`, `sold_out`."""
    match message:
        case Rejected():
            return " ".join(
                [message.code.value, *(f"{name} {value}" for name, value in message.facts.items())]
            )
        case ReservationReply():
            found = message.reservation
            lines = ", ".join(f"{line.quantity} {line.ticket_type}" for line in found.lines)
            return f"{found.status.value} {found.id[:4]} {lines} until {found.expires_at_ms % 1_000_000}"
        case TicketReply():
            ticket = message.ticket
            inside = f"in since {ticket.entry.at_ms % 1_000_000}" if ticket.entry else "not in"
            return f"ticket {message.reservation_id[:4]}/{message.number}.{ticket.generation} {inside}"
        case EventReply():
            sums = ", ".join(f"{c.code} {c.held}+{c.confirmed}/{c.quota}" for c in message.counts)
            paused = " paused" if message.paused else ""
            return f"event version {message.version} {message.stage.value}{paused}: {sums}"
        case PlaceHold() | ChangeHold():
            lines = ", ".join(f"{quantity} {code}" for code, quantity in message.lines)
            return f"{type(message).__name__} {message.reservation_id[:4]} {lines}"
        case ChangeEvent():
            change = message.change
            plain = {f: getattr(change, f) for f in change.__struct_fields__ if f != "ticket_types"}
            said = [f"{name}={value}" for name, value in plain.items() if value not in (UNSET, ())]
            for kind in change.ticket_types:
                fields = {f: getattr(kind, f) for f in kind.__struct_fields__}
                said += [
                    f"{kind.code}.{name}={value}" for name, value in fields.items() if value is not UNSET
                ]
            return " ".join(["ChangeEvent", *said])
        case None:
            return "nothing"
    if isinstance(message, OfTables):
        return _brief_at_tables(message)
    reservation_id = getattr(message, "reservation_id", "")
    return f"{type(message).__name__} {reservation_id[:4]}".strip()


OfTables = TableReply | RestaurantReply | FreeTimes | HoldTable | MoveReservation | SearchTables


def _brief_at_tables(message: OfTables) -> str:
    """`held 1f3a 2 at ab12 from 45.000 to 55.000 until 12.345`."""
    match message:
        case TableReply():
            found = message.reservation
            tables = "+".join(table_id[:4] for table_id in found.tables)
            times = f"from {found.start_ms % 10_000_000} to {found.free_at_ms % 10_000_000}"
            until = found.expires_at_ms % 10_000_000
            return f"{found.status.value} {found.id[:4]} {found.party_size} at {tables} {times} until {until}"
        case RestaurantReply():
            retired = [table.number for table in message.terms.tables if not table.active]
            paused = " paused" if message.paused else ""
            return f"restaurant version {message.version}{paused}, retired {retired}"
        case FreeTimes():
            return f"free {[(time.minute, len(time.tables)) for time in message.times]}"
        case SearchTables():
            return f"SearchTables {message.party_size} from {message.from_minute}"
    table = f" at {message.table_id[:4]}" if message.table_id else ""
    kind, size = type(message).__name__, message.party_size
    return f"{kind} {message.reservation_id[:4]} {size} at minute {message.minute}{table}"
