"""Tickets of an event: let in once, passed on, issued again."""

from __future__ import annotations

import pytest

from domain.event import decide
from domain.event_messages import (
    CancelEvent,
    EventReplies,
    Line,
    ReduceReservation,
    Reservation,
    Status,
    Wanted,
)
from domain.event_tickets import GENERATIONS_MAX, Placed, place_of, places
from domain.messages import Code
from domain.ticket_messages import (
    CheckIn,
    Entry,
    ReissueTicket,
    Ticket,
    TicketCheckedIn,
    TicketReply,
    TransferTicket,
    UndoCheckIn,
)
from tests.unit.sale import ADA, BOB, START_MS, Sale, code, refused, reservation
from tests.unit.seated import Hall

TWO: Wanted = (("std", 2),)
UNTIL_MS = START_MS + 3_600_000


def ticket(reply: EventReplies) -> TicketReply:
    assert isinstance(reply, TicketReply), reply
    return reply


class Door(Sale):
    """A sale with one reservation of two tickets."""

    def __init__(self) -> None:
        super().__init__(cancel_until_ms=UNTIL_MS)
        self.bought = self.buy(TWO)

    def scan(self, number: int = 1, generation: int = 1, gate: str = "north") -> EventReplies:
        return self.ask(CheckIn(self.bought.id, number, generation, "eve", gate))

    def told_later(self, at_ms: int, device: str = "phone 7", number: int = 1) -> EventReplies:
        return self.ask(CheckIn(self.bought.id, number, 1, "eve", "south", device, at_ms))

    def pass_on(self, number: int = 1, generation: int | None = None, as_buyer: bool = False) -> EventReplies:
        return self.ask(TransferTicket(self.bought.id, number, BOB, b'{"name":"Bob"}', generation, as_buyer))

    def issue_again(self, generation: int | None = None, as_buyer: bool = False) -> EventReplies:
        return self.ask(ReissueTicket(self.bought.id, 1, generation, as_buyer))

    @property
    def status(self) -> Status:
        return self.state.reservations[self.bought.id].status


def test_the_places_of_a_reservation_are_numbered_by_its_lines_and_their_seats() -> None:
    lines = (Line("std", 1, 0), Line("seat", 2, 0, ("A/1", "A/2")), Line("vip", 1, 0))
    found = Reservation("r", Status.CONFIRMED, 0, lines, ADA, 0)
    expected = [
        Placed(1, "std", ""),
        Placed(2, "seat", "A/1"),
        Placed(3, "seat", "A/2"),
        Placed(4, "vip", ""),
    ]
    assert list(places(found)) == expected
    assert [place_of(found, number) for number in range(6)] == [None, *expected, None]


def test_what_went_back_leaves_the_codes_of_the_other_tickets_as_they_are() -> None:
    hall = Hall()
    lines: Wanted = (("front", 2), ("back", 2), ("stand", 1))
    bought = hall.hold_seats(lines, "S/A/1 S/A/2", "S/B/1 S/B/2", "")
    hall.confirm(bought.id)
    hall.ask(ReduceReservation(bought.id, (("stand", 1), ("front", 1), ("back", 2)), lines))
    four: Wanted = (("front", 1), ("back", 2), ("stand", 1))
    three: Wanted = (("front", 1), ("back", 1), ("stand", 1))
    left = reservation(hall.ask(ReduceReservation(bought.id, three, four)))
    expected = [Placed(1, "front", "S/A/1"), Placed(3, "back", "S/B/1"), Placed(5, "stand", "")]
    assert list(places(left)) == expected
    assert [place_of(left, number) for number in (1, 3, 5)] == expected
    scans = [hall.ask(CheckIn(bought.id, number, 1, "eve")) for number in range(1, 6)]
    assert [code(said) for said in (scans[1], scans[3])] == [Code.NOT_FOUND] * 2, "these went back"
    assert [(ticket(said).seat, ticket(said).let_in) for said in scans[::2]] == [
        ("S/A/1", 1),
        ("S/B/1", 2),
        ("", 3),
    ]
    assert hall.state.reservations[bought.id].status is Status.CHECKED_IN
    without = (Line("back", 2, 0, ("B/1", "B/2"), 3), Line("stand", 1, 0, (), 1))
    found = Reservation("r", Status.CONFIRMED, 0, without, ADA, 0)
    assert [place.number for place in places(found)] == [4, 5, 7]
    assert [place.number for place in places(found, 4)] == [5, 7]
    assert list(places(found, 7)) == []


def test_a_ticket_is_let_in_once_and_the_next_is_told_who_when_and_where() -> None:
    door = Door()
    let_in = ticket(door.scan())
    assert let_in.ticket.entry == Entry(START_MS, "eve", "north")
    assert (let_in.let_in, let_in.of, let_in.ticket_type) == (1, 2, "std")
    door.now_ms += 1_000
    again = refused(door.scan(gate="south"))
    assert again.code is Code.ALREADY_CHECKED_IN
    assert again.facts == {"entered_ms": START_MS, "by": "eve", "gate": "north"}


def test_a_reservation_is_checked_in_while_all_of_its_tickets_are_in() -> None:
    door = Door()
    door.scan(1)
    assert door.status is Status.CONFIRMED
    door.scan(2)
    assert door.status is Status.CHECKED_IN
    assert door.count("std").confirmed == 2
    assert reservation(door.confirm(door.bought.id)).status is Status.CHECKED_IN
    undone = ticket(door.ask(UndoCheckIn(door.bought.id, 1, 1, "eve")))
    assert (undone.ticket, undone.let_in) == (Ticket(), 1)
    assert door.status is Status.CONFIRMED
    assert ticket(door.scan(1)).let_in == 2


def test_who_is_not_in_is_not_sent_out() -> None:
    door = Door()
    facts = len(door.facts)
    assert ticket(door.ask(UndoCheckIn(door.bought.id, 1, 1, "eve"))).let_in == 0
    assert len(door.facts) == facts


@pytest.mark.parametrize("number", [0, 3])
def test_there_is_no_ticket_beyond_the_places_of_a_reservation(number: int) -> None:
    assert code(Door().scan(number)) is Code.NOT_FOUND


def test_only_what_is_confirmed_has_tickets() -> None:
    door = Door()
    held = door.hold(TWO)
    waiting = refused(door.ask(CheckIn(held.id, 1, 1, "eve")))
    assert (waiting.code, waiting.facts) == (Code.WRONG_STATE, {"status": "held"})
    door.cancel(door.bought.id)
    assert refused(door.scan()).facts == {"status": "cancelled"}
    assert code(door.ask(CheckIn("r9", 1, 1, "eve"))) is Code.NOT_FOUND


def test_a_cancelled_event_lets_nobody_in() -> None:
    door = Door()
    door.scan(1)
    door.scan(2)
    door.ask(CancelEvent())
    assert refused(door.scan()).facts == {"status": "cancelled"}
    door.expire()
    assert door.state.ended[door.bought.id].status is Status.CANCELLED
    assert door.state.tickets.of(door.bought.id) == {}


@pytest.mark.parametrize("ended", [False, True], ids=["in the batch that cancels it", "ended"])
@pytest.mark.parametrize("as_buyer", [True, False])
def test_what_ended_with_its_event_has_no_tickets_for_anybody(as_buyer: bool, ended: bool) -> None:
    """Who bought one that was passed on is told the state of what is theirs, and not that it is not there."""
    door = Door()
    door.pass_on()
    door.ask(CancelEvent())
    if ended:
        door.expire()
    assert (door.bought.id in door.state.ended) is ended
    for command in (
        ReissueTicket(door.bought.id, 1, None, as_buyer),
        TransferTicket(door.bought.id, 1, BOB, b"{}", None, as_buyer),
        ReissueTicket(door.bought.id, 1, 1, as_buyer),
        CheckIn(door.bought.id, 1, 2, "eve"),
        UndoCheckIn(door.bought.id, 1, 2, "eve"),
    ):
        reply, facts = decide(door.state, command, door.now_ms)
        assert (code(reply), refused(reply).facts) == (Code.WRONG_STATE, {"status": "cancelled"})
        assert facts == ()


def test_what_is_let_in_or_passed_on_cannot_be_cancelled() -> None:
    door = Door()
    door.scan()
    assert refused(door.cancel(door.bought.id)).facts == {"status": "confirmed"}
    door.ask(UndoCheckIn(door.bought.id, 1, 1, "eve"))
    door.issue_again()
    assert reservation(door.cancel(door.bought.id)).status is Status.CANCELLED
    other = Door()
    other.pass_on(2)
    assert code(other.cancel(other.bought.id)) is Code.WRONG_STATE


def test_when_a_ticket_is_passed_on_its_old_code_is_dead_and_the_new_one_is_let_in() -> None:
    door = Door()
    passed = ticket(door.pass_on())
    assert (passed.ticket, passed.contact) == (Ticket(2, BOB), b'{"name":"Bob"}')
    assert code(door.scan(generation=1)) is Code.TICKET_REPLACED
    assert code(door.scan(generation=3)) is Code.TICKET_REPLACED
    assert ticket(door.scan(generation=2)).ticket.generation == 2


def test_who_passed_a_ticket_on_has_no_right_to_it_any_more() -> None:
    door = Door()
    assert ticket(door.pass_on(as_buyer=True)).ticket.generation == 2
    assert code(door.pass_on(as_buyer=True)) is Code.NOT_FOUND
    assert code(door.issue_again(as_buyer=True)) is Code.NOT_FOUND
    assert code(door.issue_again(generation=1)) is Code.TICKET_REPLACED
    again = ticket(door.issue_again(generation=2)).ticket
    assert again == Ticket(3, BOB)
    assert ticket(door.pass_on(2, as_buyer=True)).ticket.holder == BOB


def test_what_is_in_is_neither_passed_on_nor_issued_again() -> None:
    door = Door()
    door.scan()
    assert code(door.pass_on()) is Code.ALREADY_CHECKED_IN
    assert code(door.issue_again()) is Code.ALREADY_CHECKED_IN


def test_a_ticket_is_replaced_so_often_and_no_more() -> None:
    door = Door()
    for _ in range(GENERATIONS_MAX - 1):
        last = ticket(door.issue_again())
    assert last.ticket.generation == GENERATIONS_MAX
    assert refused(door.issue_again()).facts == {"limit": GENERATIONS_MAX, "requested": GENERATIONS_MAX + 1}
    assert code(door.pass_on()) is Code.LIMIT_EXCEEDED


def test_what_was_let_in_out_of_touch_is_told_later_with_its_own_time() -> None:
    door = Door()
    door.now_ms += 60_000
    told = ticket(door.told_later(START_MS + 5_000))
    assert told.ticket.entry == Entry(START_MS + 5_000, "eve", "south", "phone 7")
    facts = len(door.facts)
    assert ticket(door.told_later(START_MS + 5_000)) == told
    assert len(door.facts) == facts
    other = refused(door.told_later(START_MS + 4_000, "phone 8"))
    assert other.facts == {"entered_ms": START_MS + 5_000, "by": "eve", "gate": "south", "device": "phone 7"}
    assert isinstance(door.facts[-1], TicketCheckedIn)
    assert door.facts[-1].at_ms == door.now_ms


def test_a_device_whose_clock_is_far_ahead_is_told_so() -> None:
    door = Door()
    ahead = refused(door.told_later(door.now_ms + 300_001))
    assert (ahead.code, ahead.errors[0][0]) == (Code.INVALID, "scanned_at")
    assert ticket(door.told_later(door.now_ms + 300_000)).let_in == 1


def test_of_a_ticket_to_which_nothing_has_happened_nothing_is_kept() -> None:
    door = Door()
    door.scan()
    door.ask(UndoCheckIn(door.bought.id, 1, 1, "eve"))
    assert door.state.tickets.of(door.bought.id) == {}
    assert door.state.tickets.moves({}) == ()
