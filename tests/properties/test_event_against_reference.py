"""The event's rules, command by command, against the reference model; and what holds in every state."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import UNSET

from domain import event
from domain.event import State, counts, decide, describe, due, evolve, next_due_ms
from domain.event_messages import (
    BeginPayment,
    CancelEvent,
    CancelReservation,
    ChangeEvent,
    ChangeHold,
    CloseEvent,
    ConfirmReservation,
    CreateEvent,
    DeleteEvent,
    EventCommand,
    EventFact,
    EventReplies,
    ExpireDue,
    ExtendHold,
    FailPayment,
    FinishPayment,
    HoldExpired,
    PauseSale,
    PlaceHold,
    PublishEvent,
    ReduceReservation,
    ReservationReply,
    ResumeSale,
    SellReservation,
    Stage,
    Terms,
    TermsChange,
    TicketType,
    TicketTypeChange,
    VoidReservation,
)
from domain.stages import as_it_ends
from domain.ticket_messages import (
    ORDINARY,
    CheckIn,
    ReissueTicket,
    TransferTicket,
    UndoCheckIn,
)
from tests.chance import many
from tests.properties.reference import Reference, bare
from tests.properties.restarts import restarted, through_the_wire

START_MS = 1_000_000
CUSTOMERS = st.sampled_from((b"ada", b"bob"))
CODES = st.sampled_from(("std", "vip", "new"))
LINES = st.lists(st.tuples(CODES, st.integers(0, 4)), max_size=3).map(tuple)
QUANTITY_OR_NONE = st.none() | st.integers(1, 6)
AHEAD_MS = st.sampled_from((None, None, None, -60_000, -60_000, 300_000, 300_001))
RIGHT = st.sampled_from((None, None, 1, 2, 3))
BACK = st.integers(1, 5)
"""Which reservation is meant, counted back from the last; there may be none."""


def unset_or(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.just(UNSET) | strategy


TERMS = st.builds(
    Terms,
    name=st.just("A show"),
    starts_at_ms=st.just(START_MS + 900_000),
    currency=st.just("EUR"),
    ticket_types=st.tuples(
        st.builds(
            TicketType,
            code=st.just("std"),
            name=st.just("S"),
            quota=st.integers(1, 8),
            price=st.integers(0, 3),
            max_per_order=st.sampled_from((None, None, 2, 4)),
        ),
        st.builds(
            TicketType, code=st.just("vip"), name=st.just("V"), quota=st.integers(1, 3), price=st.just(9)
        ),
    ),
    sales_start_ms=st.sampled_from((None, None, None, START_MS + 2_000)),
    sales_end_ms=st.sampled_from((None, None, None, START_MS + 90_000)),
    capacity=st.none() | st.integers(2, 8),
    hold_duration_s=st.sampled_from((10, 15)),
    max_per_customer=st.none() | st.integers(2, 8),
    cancel_until_ms=st.none() | st.just(START_MS + 30_000),
    guests=st.sampled_from((True, True, False)),
    hold_extensions_max=st.integers(0, 2),
    one_per_customer=st.sampled_from((False, False, True)),
    payment=st.sampled_from(("none", "required")),
    cancel_keeps_percent=st.sampled_from((0, 0, 33)),
)
PAYMENTS = st.sampled_from(("p1", "p2"))
TYPE_CHANGES = st.builds(
    TicketTypeChange,
    code=CODES,
    name=unset_or(st.just("N")),
    quota=unset_or(st.integers(-1, 8)),
    price=unset_or(st.integers(0, 5)),
    max_per_order=unset_or(QUANTITY_OR_NONE),
)
CHANGES = st.builds(
    TermsChange,
    name=unset_or(st.sampled_from(("A show", "Another"))),
    starts_at_ms=unset_or(st.integers(START_MS + 50_000, START_MS + 90_000)),
    postponed_refund_days=unset_or(st.sampled_from((-1, 0, 1))),
    time_zone=unset_or(st.sampled_from((None, "Europe/Rome", "Nowhere/At-all"))),
    sales_end_ms=unset_or(st.none() | st.integers(START_MS + 20_000, START_MS + 60_000)),
    capacity=unset_or(st.none() | st.integers(0, 10)),
    hold_duration_s=unset_or(st.sampled_from((9, 10, 20))),
    max_per_customer=unset_or(QUANTITY_OR_NONE),
    cancel_until_ms=unset_or(st.none() | st.integers(START_MS, START_MS + 60_000)),
    hold_extensions_max=unset_or(st.integers(0, 3)),
    one_per_customer=unset_or(st.booleans()),
    payment=unset_or(st.sampled_from(("none", "required"))),
    ticket_types=st.lists(TYPE_CHANGES, max_size=2).map(tuple),
    removed_ticket_types=st.lists(CODES, max_size=1).map(tuple),
)


RAISED = (TicketTypeChange("std", quota=6, price=4), TicketTypeChange("vip", quota=2))


class EventMachine(RuleBasedStateMachine):
    """Every command goes to both; `facts` is the journal."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()
        self.reference = Reference()
        self.facts: list[EventFact] = []
        self.now_ms = START_MS
        self.placed = 0

    @initialize(terms=TERMS, stage=st.sampled_from((*[Stage.PUBLISHED] * 5, Stage.DRAFT, Stage.CLOSED)))
    def open(self, terms: Terms, stage: Stage) -> None:
        self.ask(CreateEvent("e1", terms, stage))
        self.ask(CreateEvent("e2", terms))

    # --- commands -------------------------------------------------------------------------------------

    @rule(lines=LINES, customer=CUSTOMERS, guest=st.booleans(), confirm=st.booleans())
    def place(self, lines: Any, customer: bytes, guest: bool, confirm: bool) -> None:
        self.ask(PlaceHold(f"r{self.placed}", lines, customer, b"{}", guest, confirm))
        self.placed += f"r{self.placed}" in self.state.reservations

    @rule(quantity=st.integers(1, 3), code=st.sampled_from(("std", "vip")))
    def place_something_likely(self, quantity: int, code: str) -> None:
        self.place(((code, quantity),), b"ada", False, False)

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK, lines=LINES)
    def change_hold(self, back: int, lines: Any) -> None:
        self.ask(ChangeHold(self.meant(back), lines))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK)
    def extend(self, back: int) -> None:
        self.ask(ExtendHold(self.meant(back)))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK)
    def confirm(self, back: int) -> None:
        self.ask(ConfirmReservation(self.meant(back)))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK, if_live=st.booleans())
    def cancel(self, back: int, if_live: bool) -> None:
        self.ask(CancelReservation(self.meant(back), if_live))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK, number=st.integers(0, 5), generation=st.integers(1, 3), ahead_ms=AHEAD_MS)
    def check_in(self, back: int, number: int, generation: int, ahead_ms: int | None) -> None:
        scanned_ms = None if ahead_ms is None else self.now_ms + ahead_ms
        self.ask(CheckIn(self.meant(back), number, generation, "staff", "north", "", scanned_ms))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK)
    def let_all_in(self, back: int) -> None:
        self.ask(ConfirmReservation(self.meant(back)))
        for number in range(1, 5):
            self.ask(CheckIn(self.meant(back), number, 1, "staff", "south", "phone"))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK, number=st.integers(1, 4), generation=st.integers(1, 2))
    def undo_check_in(self, back: int, number: int, generation: int) -> None:
        self.ask(UndoCheckIn(self.meant(back), number, generation, "staff"))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK, number=st.integers(1, 4), generation=RIGHT, buyer=st.booleans(), customer=CUSTOMERS)
    def transfer(self, back: int, number: int, generation: int | None, buyer: bool, customer: bytes) -> None:
        self.ask(TransferTicket(self.meant(back), number, customer, b"{}", generation, buyer))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK, number=st.integers(1, 4), generation=RIGHT, buyer=st.booleans())
    def reissue(self, back: int, number: int, generation: int | None, buyer: bool) -> None:
        self.ask(ReissueTicket(self.meant(back), number, generation, buyer))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK, payment=PAYMENTS, for_ms=st.sampled_from((-1, 0, 1, 700, 4_000, 20_000)))
    def begin_payment(self, back: int, payment: str, for_ms: int) -> None:
        self.ask(BeginPayment(self.meant(back), payment, self.now_ms + for_ms))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK, payment=PAYMENTS, off=st.sampled_from((0, 0, 0, 1)))
    def finish_payment(self, back: int, payment: str, off: int) -> None:
        self.ask(FinishPayment(self.meant(back), payment, self.price(self.meant(back)) + off))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK, payment=PAYMENTS, began=st.sampled_from((None, 0, 4_000)), again=st.booleans())
    def fail_payment(self, back: int, payment: str, began: int | None, again: bool) -> None:
        until_ms = None if began is None else self.now_ms + began
        self.ask(FailPayment(self.meant(back), payment, False, until_ms, again))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK, paid=st.sampled_from((None, "cash", "free")))
    def sell(self, back: int, paid: Any) -> None:
        self.ask(SellReservation(self.meant(back), "staff", paid))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK, lines=LINES)
    def reduce(self, back: int, lines: Any) -> None:
        self.ask(ReduceReservation(self.meant(back), lines, self.has(self.meant(back))))

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK)
    def void(self, back: int) -> None:
        self.ask(VoidReservation(self.meant(back)))

    def has(self, reservation_id: str) -> tuple[tuple[str, int], ...]:
        found = self.state.reservations.get(reservation_id)
        return tuple((line.ticket_type, line.quantity) for line in found.lines) if found else ()

    def price(self, reservation_id: str) -> int:
        found = self.state.reservations.get(reservation_id) or self.state.ended.get(reservation_id)
        return found.total if found else 0

    @precondition(lambda self: self.placed > 0)
    @rule(back=BACK, quantity=st.integers(1, 4), code=st.sampled_from(("std", "vip")))
    def change_hold_to_something_likely(self, back: int, quantity: int, code: str) -> None:
        self.ask(ChangeHold(self.meant(back), ((code, quantity),)))

    @rule(change=CHANGES, if_version=st.none() | st.integers(1, 4))
    def change_event(self, change: TermsChange, if_version: int | None) -> None:
        self.ask(ChangeEvent(change, if_version))

    @rule(command=st.sampled_from((PauseSale(), ResumeSale(), ResumeSale(), ResumeSale(), ExpireDue())))
    def say(self, command: EventCommand) -> None:
        self.ask(command)

    @rule(command=st.sampled_from((PublishEvent(), PublishEvent(), PublishEvent(), CloseEvent())))
    def move(self, command: EventCommand) -> None:
        self.ask(command)

    @precondition(lambda self: self.placed > 3)
    @rule()
    def cancel_the_event(self) -> None:
        self.ask(CancelEvent())

    @precondition(lambda self: self.placed > 6)
    @rule(if_version=st.none() | st.integers(1, 9))
    def delete_the_event(self, if_version: int | None) -> None:
        """What ended with it has to be a fact first."""
        if self.state.stage is Stage.CANCELLED:
            self.ends_at_most(1_000)
        self.ask(DeleteEvent(if_version))

    @rule(seed=st.integers(0, 2**32))
    def a_busy_minute(self, seed: int) -> None:
        """Many likely commands at once: where Hypothesis alone would seldom get."""
        rng = Random(seed)
        self.ask(ResumeSale())
        self.ask(PublishEvent())
        for _ in range(40):
            self.now_ms += rng.choice((0, 0, 0, 1, 700, 4_000))
            lines = tuple(
                (code, rng.randint(1, 3)) for code in rng.choice((("std",), ("vip",), ("vip", "std")))
            )
            self.ask(
                rng.choice(self.likely(self.meant(rng.randint(1, 4)), lines, rng.choice((b"ada", b"bob"))))
            )
            self.placed += f"r{self.placed}" in self.state.reservations
            self.the_sums_are_those_of_the_live_reservations()
            self.what_is_due_next_is_the_first_end_of_a_hold()

    def likely(self, meant: str, lines: Any, customer: bytes) -> list[EventCommand]:
        return [
            *[PlaceHold(f"r{self.placed}", lines, customer, b"{}", False)] * 4,
            PlaceHold(f"r{self.placed}", lines, customer, b"{}", False, True),
            *[ChangeHold(meant, lines)] * 3,
            *[CancelReservation(meant)] * 3,
            *[ExtendHold(meant)] * 2,
            *[ConfirmReservation(meant)] * 2,
            CheckIn(meant, 1, 1, "staff"),
            CheckIn(meant, 2, 1, "staff"),
            UndoCheckIn(meant, 1, 1, "staff"),
            TransferTicket(meant, 1, customer, b"{}"),
            *[BeginPayment(meant, "p1", self.now_ms + 4_000)] * 3,
            *[FinishPayment(meant, "p1", self.price(meant))] * 4,
            FinishPayment(meant, "p2", self.price(meant)),
            FailPayment(meant, "p1"),
            SellReservation(meant, "staff", "cash"),
            ReduceReservation(meant, lines, self.has(meant)),
            VoidReservation(meant),
            ChangeEvent(TermsChange(ticket_types=RAISED, cancel_until_ms=self.now_ms + 5_000)),
        ]

    @rule(by_ms=st.sampled_from((1, 500, 1_000, 3_000, 9_999, 10_000, 10_001)))
    def wait(self, by_ms: int) -> None:
        self.now_ms += by_ms

    @rule(limit=st.integers(1, 3))
    def expire_a_few_at_a_time(self, limit: int) -> None:
        ended: list[EventFact] = []
        while facts := due(self.state, self.now_ms, limit):
            assert len(facts) <= limit
            ended += facts
            self.happen(facts)
        self.compare_ends(ended)

    @rule()
    def restart(self) -> None:
        if self.state.terms is not None:
            self.state = restarted(event, self.state)

    def meant(self, back: int) -> str:
        return f"r{self.placed - back}"

    # --- one turn of both -----------------------------------------------------------------------------

    def ask(self, command: EventCommand) -> None:
        command = through_the_wire(command, EventCommand)
        # What ends with its event does so by and by: commands come in between, and hear that it has ended.
        self.ends_at_most(1 if self.state.stage is Stage.CANCELLED else 1_000)
        reply, facts = decide(self.state, command, self.now_ms)
        self.happen(list(facts))
        expected = self.reference.ask(command, self.now_ms)
        assert bare(through_the_wire(reply, EventReplies)) == bare(expected), command
        if isinstance(reply, ReservationReply):
            shown = self.state.reservations.get(reply.reservation.id)
            assert shown is None or as_it_ends(shown, self.state.stage) == reply.reservation

    def ends_at_most(self, limit: int) -> None:
        ended = due(self.state, self.now_ms, limit)
        self.happen(ended)
        self.compare_ends(ended)

    def compare_ends(self, ended: list[EventFact]) -> None:
        """Holds end when their time runs out; with a cancelled event, everything, however it was told."""
        expired = {fact.reservation_id for fact in ended if isinstance(fact, HoldExpired)}
        assert expired == set(self.reference.expire(self.now_ms))
        assert len(expired) == len(ended) or self.state.stage is Stage.CANCELLED
        for found in self.reference.reservations:
            if found.id in self.state.ended:
                assert self.state.ended[found.id] == found

    def happen(self, facts: list[EventFact]) -> None:
        for fact in facts:
            evolve(self.state, through_the_wire(fact, EventFact))
            self.facts.append(fact)

    # --- what always holds ----------------------------------------------------------------------------

    @invariant()
    def nothing_is_oversold_and_nothing_negative(self) -> None:
        terms = self.state.terms
        if terms is None:
            return
        for count in counts(self.state):
            assert count.held >= 0
            assert count.confirmed >= 0
            assert count.held + count.confirmed <= count.quota
        assert terms.capacity is None or self.state.live <= terms.capacity

    @invariant()
    def the_sums_are_those_of_the_live_reservations(self) -> None:
        if self.state.terms is None:
            return
        assert describe(self.state) == self.reference.describe()
        live = {found.id: found for found in self.reference.live()}
        if self.state.stage is not Stage.CANCELLED:
            assert self.state.reservations == live
        assert self.state.live == sum(found.quantity for found in live.values())
        if self.state.customers is not None:
            totals: dict[bytes, int] = {}
            for found in live.values():
                totals[found.customer] = totals.get(found.customer, 0) + found.quantity
            assert self.state.customers == totals

    @invariant()
    def only_tickets_of_which_something_has_happened_are_kept(self) -> None:
        kept = {
            (found.id, number): ticket
            for found in self.state.reservations.values()
            for number, ticket in self.state.tickets.of(found.id).items()
        }
        live = {found.id for found in self.reference.live()}
        known = self.reference.tickets.items()
        if self.state.stage is not Stage.CANCELLED:
            assert kept == {place: one for place, one in known if one != ORDINARY and place[0] in live}

    @invariant()
    def what_is_due_next_is_the_first_end_of_a_hold(self) -> None:
        if self.state.stage is Stage.CANCELLED:
            at_once = self.state.last_fact_ms if self.state.reservations else None
            assert next_due_ms(self.state) == at_once
        else:
            assert next_due_ms(self.state) == self.reference.next_end_ms()

    @invariant()
    def folding_the_facts_from_the_first_gives_the_state(self) -> None:
        if self.state.terms is None or len(self.facts) % 7:
            return
        folded = State()
        for fact in self.facts:
            evolve(folded, fact)
        assert describe(folded) == describe(self.state)
        assert folded.reservations == self.state.reservations
        assert folded.customers == self.state.customers
        for found in folded.reservations:
            assert folded.tickets.of(found) == self.state.tickets.of(found)
        assert folded.last_fact_ms == self.state.last_fact_ms


TestEvent = EventMachine.TestCase
TestEvent.settings = settings(max_examples=many(80), stateful_step_count=40)
