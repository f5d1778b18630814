"""I3 as the auditor reads it in the journal: whose a seat is, fact by fact."""

from __future__ import annotations

from domain.event_messages import Line
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.fold import Book
from loadtest.auditor.rows import check_live_seats
from loadtest.auditor.seats import SeatBook


def line(*seats: str, quantity: int | None = None) -> tuple[Line, ...]:
    return (Line("A", len(seats) if quantity is None else quantity, 100, seats),)


def test_a_seat_of_two_live_reservations_is_found() -> None:
    book = SeatBook()
    assert list(book.takes("r1", line("S/A/1", "S/A/2"))) == []
    assert list(book.takes("r2", line("S/A/2"))) == ["seat S/A/2 is that of r1 already"]


def test_a_seat_may_be_taken_again_when_its_reservation_has_ended_or_changed() -> None:
    book = SeatBook()
    list(book.takes("r1", line("S/A/1", "S/A/2")))
    assert list(book.takes("r1", line("S/A/2", "S/A/3"))) == []
    assert list(book.takes("r2", line("S/A/1"))) == []
    book.leaves("r1")
    assert list(book.takes("r3", line("S/A/2"))) == []


def test_a_blocked_seat_is_nobodys() -> None:
    book = SeatBook()
    assert list(book.blocks(("S/A/1",))) == []
    assert list(book.takes("r1", line("S/A/1"))) == ["seat S/A/1 is blocked"]
    book.unblocks(("S/A/1",))
    book.leaves("r1")
    assert list(book.takes("r1", line("S/A/1"))) == []
    assert list(book.blocks(("S/A/1",))) == ["seat S/A/1 is blocked and that of r1"]


def test_a_line_with_seats_has_as_many_as_tickets() -> None:
    assert list(SeatBook().takes("r1", line("S/A/1", quantity=2))) == ["1 seats for 2 of A"]
    assert list(SeatBook().takes("r1", line(quantity=2))) == []


def test_seats_that_stand_as_taken_are_those_of_live_reservations() -> None:
    for stored, sound in [({"r1": 2}, True), ({"r1": 1}, False), ({"r1": 2, "r2": 1}, False), ({}, False)]:
        findings = Findings()
        book = Book("e1", findings)
        list(book.seats.takes("r1", line("S/A/1", "S/A/2")))
        check_live_seats(book, stored, findings)
        assert bool(findings.results[Check.SEATS].failures) != sound, stored
