"""Prices, categories of single seats, and blocked seats taken over from other events, while seats are sold:
the rules against the reference model, command by command."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from msgspec import UNSET, UnsetType

from domain.event import State, counts, evolve
from domain.event_messages import (
    ChangeEvent,
    ChangeHold,
    Copied,
    CopyFromEvent,
    ExpireDue,
    SeatWish,
    TermsChange,
    TicketType,
    TicketTypeChange,
)
from domain.event_seats import Seats
from tests.chance import many
from tests.properties.test_event_seats import BACK, LAYOUT, NAMES, WISHES, SeatsMachine

CODES = st.sampled_from(("front", "back", "child", "best"))
LINES = st.lists(st.tuples(CODES, st.integers(1, 4)), min_size=1, max_size=2, unique_by=lambda line: line[0])
THEIRS = (
    TicketType("front", "Front", 6, 100, categories=("front",)),
    TicketType("front", "Front", 6, 150, categories=("best", "front")),
    TicketType("back", "Back", 12, 200, categories=("back", "front")),
    TicketType("best", "Best", 4, 300, categories=("best",)),
    TicketType("child", "Standing now", 3, 400),
    TicketType("odd", "No such quota", -1, 400),
)
NO_SEAT = "S/Z/1"
OWN = (
    (),
    (("best", ("S/A/1", "S/B/1")),),
    (("back", ("S/A/1", "S/A/2")), ("best", ("S/C/5", "S/A/3"))),
    (("front", (NO_SEAT,)),),
    (("front", ("S/B/1",)), ("back", ("S/B/1",))),
)


class CopyingMachine(SeatsMachine):
    """The same sale, whose categories change meanwhile."""

    @rule(code=CODES, seats=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3))
    def place_named(self, code: str, seats: list[str]) -> None:  # type: ignore[override]
        if code in self.state.types:
            self.place(((code, len(seats)),), SeatWish((tuple(seats),)))

    @rule(lines=LINES, wish=WISHES)
    def place_best(self, lines: list[tuple[str, int]], wish: SeatWish) -> None:
        self.place(tuple(lines), wish)

    @rule(back=BACK, lines=LINES, wish=WISHES)
    def change(self, back: int, lines: list[tuple[str, int]], wish: SeatWish) -> None:
        self.ask(ChangeHold(self.meant(back), tuple(lines), wish))

    @rule(
        currency=st.sampled_from(("EUR", "EUR", "EUR", "CHF")),
        types=st.lists(st.sampled_from(THEIRS), max_size=3, unique_by=lambda kind: kind.code),
        own=st.sampled_from((None, *OWN)),
        blocked=st.lists(st.sampled_from((*NAMES, NO_SEAT)), max_size=2),
        version=st.sampled_from((None, None, None, 1, 2)),
    )
    def copy_from(
        self, currency: str, types: list[TicketType], own: object, blocked: list[str], version: int | None
    ) -> None:
        copied = Copied(currency, tuple(types), own, tuple(blocked))  # type: ignore[arg-type]
        self.ask(ExpireDue())
        before = dict(self.state.reservations)
        self.ask(CopyFromEvent(copied, version))
        self.ask(CopyFromEvent(copied))
        assert self.state.reservations == before, "what is sold stays as it was sold"
        again = len(self.facts)
        self.ask(CopyFromEvent(copied))
        assert len(self.facts) == again, "what is copied already changes nothing"

    @rule(
        code=CODES,
        quota=st.sampled_from((UNSET, 4, 6, 12, 13)),
        categories=st.sampled_from((UNSET, ("front",), ("best",), ("back", "front"))),
    )
    def change_type(self, code: str, quota: int | UnsetType, categories: tuple[str, ...] | UnsetType) -> None:
        change = TicketTypeChange(code, quota=quota, categories=categories)
        self.ask(ChangeEvent(TermsChange(ticket_types=(change,))))

    @rule()
    def copy_from_nowhere(self) -> None:
        self.ask(CopyFromEvent(None))

    @invariant()
    def what_is_available_is_what_is_free(self) -> None:
        assert counts(self.state) == self.reference.counts()

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
        assert folded.seats.layout.categories == self.state.seats.layout.categories
        assert counts(folded) == counts(self.state)


TestCopying = CopyingMachine.TestCase
TestCopying.settings = settings(max_examples=many(50), stateful_step_count=40)
