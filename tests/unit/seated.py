"""A seated event under test: a small hall whose seats are easy to name."""

from __future__ import annotations

from typing import Any

from domain.event_messages import (
    ChangeHold,
    EventReplies,
    PlaceHold,
    Reservation,
    Seating,
    SeatWish,
    TicketType,
    Wanted,
)
from domain.event_seats import Seats
from domain.seat_plan import Layout, Plan, Row, Seat, Section
from tests.unit.sale import ADA, Sale, reservation

HALL = Plan(
    (
        Section(
            "S",
            (
                Row("A", tuple(Seat(str(number), "front") for number in range(1, 7))),
                Row("B", tuple(Seat(str(number), "back") for number in range(1, 7))),
                Row(
                    "C",
                    (
                        Seat("1", "back", accessible=True),
                        Seat("2", "back", companion=True),
                        *(Seat(str(number), "back") for number in range(3, 7)),
                    ),
                ),
            ),
        ),
    )
)
SEATING = Seating("v1", "p1")
TYPES = (
    TicketType("front", "Front", 6, 9000, categories=("front",)),
    TicketType("back", "Back", 12, 5000, categories=("back",)),
    TicketType("child", "Back, child", 12, 2500, categories=("back",)),
    TicketType("stand", "Standing", 20, 2000),
)


class Hall(Sale):
    """A sale with seats: six in front, twelve behind, and twenty standing places."""

    def __init__(self, **terms: Any) -> None:
        super().__init__(**({"ticket_types": TYPES, "seating": SEATING} | terms))
        self.state.seats = Seats(Layout(HALL))

    @property
    def seats(self) -> Seats:
        assert self.state.seats is not None
        return self.state.seats

    def place_seats(self, lines: Wanted, *named: str, customer: bytes = ADA, **wish: Any) -> EventReplies:
        """`named`: for each line its seats' names, separated by blanks."""
        wanted = SeatWish(tuple(tuple(names.split()) for names in named), **wish)
        return self.ask(PlaceHold(next(self._ids), lines, customer, b"{}", wish=wanted))

    def hold_seats(self, lines: Wanted, *named: str, **wish: Any) -> Reservation:
        return reservation(self.place_seats(lines, *named, **wish))

    def change_seats(self, reservation_id: str, lines: Wanted, *named: str, **wish: Any) -> EventReplies:
        wanted = SeatWish(tuple(tuple(names.split()) for names in named), **wish)
        return self.ask(ChangeHold(reservation_id, lines, wanted))


def seats_in(found: Reservation) -> list[str]:
    return [name for line in found.lines for name in line.seats]
