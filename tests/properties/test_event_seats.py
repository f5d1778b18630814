"""The rules of seats in every state that random customers and an operator bring about: against the reference
model, command by command, and against plain sets."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain import event
from domain.event import State, counts, decide, due, evolve
from domain.event_messages import (
    BlockSeats,
    CancelReservation,
    ChangeHold,
    CloseEvent,
    ConfirmReservation,
    CreateEvent,
    EventCommand,
    EventFact,
    EventReplies,
    PauseSale,
    PlaceHold,
    PublishEvent,
    ReservationReply,
    ResumeSale,
    SeatWish,
    Stage,
    Status,
    UnblockSeats,
    Wanted,
)
from domain.event_seats import Seats
from domain.messages import Code, Rejected
from domain.seat_map import Fallback
from domain.seat_plan import Layout
from tests.chance import many
from tests.properties.reference import Reference, bare
from tests.properties.restarts import restarted
from tests.unit.sale import START_MS, event_terms
from tests.unit.seated import HALL, SEATING, TYPES

LAYOUT = Layout(HALL)
NAMES = [LAYOUT.name_of(number) for number in range(LAYOUT.size)]
CATEGORY = {name: LAYOUT.category_of(number) for number, name in enumerate(NAMES)}
CODES_OF = {"front": ("front",), "back": ("back", "child")}
SEATED = st.sampled_from(("front", "back", "child"))
LINES = st.lists(st.tuples(SEATED, st.integers(1, 4)), min_size=1, max_size=2, unique_by=lambda line: line[0])
WISHES = st.builds(
    SeatWish,
    accessible=st.sampled_from((0, 0, 0, 1)),
    fallback=st.sampled_from(tuple(Fallback)),
    orphans=st.booleans(),
)
BACK = st.integers(1, 6)


class SeatsMachine(RuleBasedStateMachine):
    """Every command is decided, and its facts made true; the sets are made from the reservations alone."""

    @initialize()
    def open(self) -> None:
        self.state = State()
        self.reference = Reference(HALL)
        self.facts: list[EventFact] = []
        self.now_ms = START_MS
        self.placed = 0
        terms = event_terms(
            ticket_types=TYPES, seating=SEATING, cancel_until_ms=START_MS + 10**9, hold_duration_s=10
        )
        self.ask(CreateEvent("e1", terms))
        self.state.seats = Seats(LAYOUT)

    # --- commands -------------------------------------------------------------------------------------

    @rule(seats=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True), child=st.booleans())
    def place_named(self, seats: list[str], child: bool) -> None:
        groups: dict[str, list[str]] = {}
        for name in seats:
            groups.setdefault(CATEGORY[name], []).append(name)
        code_of = {"front": "front", "back": "child" if child else "back"}
        lines = tuple((code_of[category], len(names)) for category, names in groups.items())
        named = tuple(tuple(names) for names in groups.values())
        expected = self.fate_of(seats)
        reply = self.place(lines, SeatWish(named))
        if self.state.paused or self.state.stage is not Stage.PUBLISHED:
            assert isinstance(reply, Rejected)
        elif expected is None:
            assert isinstance(reply, ReservationReply), reply
            assert tuple(line.seats for line in reply.reservation.lines) == named
        else:
            assert isinstance(reply, Rejected)
            assert reply.code in expected

    @rule(lines=LINES, wish=WISHES)
    def place_best(self, lines: list[tuple[str, int]], wish: SeatWish) -> None:
        before = self.free()
        reply = self.place(tuple(lines), wish)
        if not isinstance(reply, ReservationReply):
            return
        taken = [name for line in reply.reservation.lines for name in line.seats]
        assert len(set(taken)) == sum(quantity for _, quantity in lines)
        assert set(taken) <= before
        for line in reply.reservation.lines:
            assert len(line.seats) == line.quantity
            assert all(line.ticket_type in CODES_OF[CATEGORY[name]] for name in line.seats)
        if wish.fallback is Fallback.REFUSE:
            for category in CODES_OF:
                places = sorted(NAMES.index(name) for name in taken if CATEGORY[name] == category)
                assert places == list(range(places[0], places[0] + len(places))) if places else True

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK, lines=LINES, wish=WISHES)
    def change(self, back: int, lines: list[tuple[str, int]], wish: SeatWish) -> None:
        self.ask(ChangeHold(self.meant(back), tuple(lines), wish))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK, command=st.sampled_from((ConfirmReservation, CancelReservation)))
    def end(self, back: int, command: Any) -> None:
        self.ask(command(self.meant(back)))

    @rule(
        seats=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
        kind=st.sampled_from((BlockSeats, UnblockSeats)),
    )
    def block(self, seats: list[str], kind: Any) -> None:
        assert self.state.seats is not None
        taken = set(seats) - self.free() - self.state.seats.blocked
        reply = self.ask(kind(tuple(seats)))
        refused = isinstance(reply, Rejected) and reply.code is Code.IN_USE
        assert refused == (kind is BlockSeats and bool(taken))

    @rule(command=st.sampled_from((PauseSale(), ResumeSale(), ResumeSale(), CloseEvent(), PublishEvent())))
    def say(self, command: EventCommand) -> None:
        self.ask(command)

    @rule(by_ms=st.sampled_from((1, 3_000, 9_999, 10_000)))
    def wait(self, by_ms: int) -> None:
        self.now_ms += by_ms

    @rule()
    def restart(self) -> None:
        before = self.picture()
        assert self.state.terms is not None
        assert self.state.terms.seating is not None
        self.state = restarted(event, self.state, Layout(HALL, self.state.terms.seating.overrides))
        assert self.picture() == before

    # --- the plain sets -------------------------------------------------------------------------------

    def holders(self) -> dict[str, str]:
        return {
            name: found.id
            for found in self.state.reservations.values()
            for line in found.lines
            for name in line.seats
        }

    def free(self) -> set[str]:
        """What will be free once what is due has ended."""
        late = {
            found.id
            for found in self.state.reservations.values()
            if found.status is Status.HELD and found.expires_at_ms <= self.now_ms
        }
        taken = {name for name, holder in self.holders().items() if holder not in late}
        assert self.state.seats is not None
        return set(NAMES) - taken - self.state.seats.blocked

    def fate_of(self, seats: list[str]) -> tuple[Code, ...] | None:
        """How a request for these must end; a category with fewer seats than that is sold out or held."""
        if set(seats) <= self.free():
            return None
        return (Code.HELD, Code.SOLD_OUT)

    def meant(self, back: int) -> str:
        return f"r{max(1, self.placed - back + 1)}"

    def place(self, lines: Wanted, wish: SeatWish) -> EventReplies:
        self.placed += 1
        return self.ask(PlaceHold(f"r{self.placed}", lines, b"ada", b"{}", wish=wish))

    def ask(self, command: EventCommand) -> EventReplies:
        self.happen(due(self.state, self.now_ms, 1_000))
        self.reference.expire(self.now_ms)
        before = self.picture()
        reply, facts = decide(self.state, command, self.now_ms)
        assert self.picture() == before
        self.happen(list(facts))
        if isinstance(command, CreateEvent):
            self.reference.ask(command, self.now_ms)  # no owner counts seats before it has loaded the plan
        else:
            assert bare(reply) == bare(self.reference.ask(command, self.now_ms)), command
        return reply

    def happen(self, facts: list[EventFact]) -> None:
        for fact in facts:
            evolve(self.state, fact)
        self.facts += facts

    def picture(self) -> Any:
        seats = self.state.seats
        return seats and [(seats.is_free(name), seats.holder(name)) for name in NAMES]

    # --- what always holds ----------------------------------------------------------------------------

    @invariant()
    def each_seat_is_free_blocked_or_of_one_live_reservation(self) -> None:
        seats = self.state.seats
        assert seats is not None
        holders = self.holders()
        assert len(holders) == sum(
            len(line.seats) for found in self.state.reservations.values() for line in found.lines
        )
        for name in NAMES:
            assert seats.holder(name) == holders.get(name)
            assert seats.is_free(name) == (name not in holders and name not in seats.blocked)

    @invariant()
    def what_is_available_is_what_is_free(self) -> None:
        assert self.state.seats is not None
        free = {name for name in NAMES if self.state.seats.is_free(name)}
        for count in counts(self.state):
            kind = self.state.types[count.code]
            if not kind.categories:
                assert count.seats_left is None
                continue
            left = sum(CATEGORY[name] in kind.categories for name in free)
            assert count.seats_left == left
            assert count.available == min(left, kind.quota - count.held - count.confirmed)

    @invariant()
    def folding_the_facts_gives_the_same_seats(self) -> None:
        if len(self.facts) % 5:
            return
        folded = State()
        evolve(folded, self.facts[0])
        folded.seats = Seats(LAYOUT)
        for fact in self.facts[1:]:
            evolve(folded, fact)
        assert self.state.seats is not None
        assert folded.seats.blocked == self.state.seats.blocked
        assert [folded.seats.holder(name) for name in NAMES] == [
            self.state.seats.holder(name) for name in NAMES
        ]


TestSeats = SeatsMachine.TestCase
TestSeats.settings = settings(max_examples=many(100), stateful_step_count=40)
