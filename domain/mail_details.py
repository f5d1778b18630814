"""What a mail says of a reservation, as it stands when the mail is sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BookedLine:
    """So many of one ticket type. `skipped`: so many numbers before theirs are of tickets that went back."""

    name: str
    quantity: int
    unit_price: int
    seats: tuple[str, ...] = ()
    skipped: int = 0


@dataclass(frozen=True)
class Details:
    """Of a reservation and of what it is for. `time_zone` None: times are shown in UTC. `party_size`: of a
    table's reservation, which has no lines. `email` None: its customer was erased. `what_cancelled`: the
    event or restaurant itself."""

    reservation_id: str
    inventory_id: str
    status: str
    customer: bytes
    name: str
    starts_at_ms: int
    email: str | None = None
    customer_name: str | None = None
    language: str | None = None
    ends_at_ms: int | None = None
    venue: str | None = None
    city: str | None = None
    address: str | None = None
    phone: str | None = None
    time_zone: str | None = None
    currency: str | None = None
    lines: tuple[BookedLine, ...] = ()
    deposit: int = 0
    """Of a table, in minor units of `currency`."""
    party_size: int | None = None
    tables: tuple[str, ...] = ()
    cancel_until_ms: int | None = None
    what_cancelled: bool = False
    wants_reminders: bool = True

    def place(self, number: int) -> tuple[str, str] | None:
        """A ticket's type and seat, by its number (see `domain.event_tickets`)."""
        for line in self.lines:
            number -= line.skipped
            if 1 <= number <= line.quantity:
                return line.name, line.seats[number - 1] if line.seats else ""
            number -= line.quantity
        return None

    @property
    def total(self) -> int:
        return sum(line.quantity * line.unit_price for line in self.lines)

    @property
    def of_table(self) -> bool:
        return self.party_size is not None


@dataclass(frozen=True)
class TicketHolder:
    """Whom a ticket of that generation was passed on to. `email` None: they were erased."""

    generation: int
    customer: bytes = b""
    email: str | None = None
    name: str | None = None
    language: str | None = None
    wants_reminders: bool = True
