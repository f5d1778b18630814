"""The rules of tables, command by command, against the reference model; and what holds in every state."""

from __future__ import annotations

from datetime import date
from functools import partial
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from domain import restaurant
from domain.event_messages import (
    BeginPayment,
    CancelReservation,
    ConfirmReservation,
    ExtendHold,
    FailPayment,
    FinishPayment,
    HoldExpired,
    PauseSale,
    ResumeSale,
    SellReservation,
    Status,
    VoidReservation,
)
from domain.messages import Code, Rejected
from domain.restaurant import State, decide, describe, due, evolve, next_due_ms
from domain.restaurant_messages import (
    ChangeRestaurant,
    CloseRestaurant,
    CompleteStay,
    CreateRestaurant,
    Deposit,
    FreeTimes,
    History,
    HoldTable,
    Join,
    MarkNoShow,
    MoveReservation,
    ProlongStay,
    PublishRestaurant,
    RestaurantChange,
    RestaurantCommand,
    RestaurantFact,
    RestaurantReplies,
    RestaurantReply,
    RestaurantTerms,
    SearchTables,
    SeatParty,
    SeatWalkIn,
    Service,
    StayCompleted,
    StayOfParty,
    StayProlonged,
    Table,
    TableReply,
    TableReservation,
)
from tests.chance import many
from tests.properties.deposit_reference import completed
from tests.properties.restarts import restarted, through_the_wire
from tests.properties.restaurant_reference import LIVE, Answer, exists, local, shown
from tests.properties.sequential_restaurant import SequentialRestaurant

EPOCH_DAY = date(1970, 1, 1).toordinal()
ZONES = tuple(
    (zone, date.fromisoformat(day).toordinal() - EPOCH_DAY)
    for zone, day in (
        ("Europe/Berlin", "2026-10-24"),
        ("Europe/Berlin", "2027-03-27"),
        ("America/New_York", "2026-10-31"),
        ("America/New_York", "2027-03-13"),
        ("Australia/Lord_Howe", "2027-04-03"),
        ("Australia/Lord_Howe", "2026-10-03"),
    )
)
"""Zones, and the day before their clocks are changed."""
DAY_MS, MINUTE_MS = 86_400_000, 60_000
TABLES = (
    Table("a", "1", 1, 2, "window", ("quiet",)),
    Table("b", "2", 1, 4, "hall", ("quiet",)),
    Table("c", "3", 2, 4, "hall"),
)
JOINS = (Join(("b", "c"), 4, 7), Join(("a", "b", "c"), 7, 9))
NIGHTS = tuple(
    Service(weekday, opens, closes) for weekday in range(7) for opens, closes in ((0, 300), (1200, 1560))
)
TABLE_IDS = st.none() | st.sampled_from("abcd")
TRAITS = st.sampled_from(((), (), (), ("quiet",)))
STARTS = st.sampled_from((0, 15, 60, 90, 120, 135, 150, 180, 1200, 1230, 1320, 1380, 1410, 7))
SIZES = st.integers(0, 9)
BACK = st.integers(1, 6)
DEPOSITS = (
    None,
    Deposit(500, "EUR"),
    Deposit(700, "EUR", "reservation", 3),
    Deposit(500, "GBP", "cover", 2, "returned"),
)


class RestaurantMachine(RuleBasedStateMachine):
    """Every command goes to both; `facts` is the journal."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()
        self.facts: list[RestaurantFact] = []
        self.placed = 0

    @initialize(
        zone=st.sampled_from(ZONES),
        buffer=st.sampled_from((0, 20)),
        pace=st.sampled_from((None, None, 6)),
        extensions=st.integers(0, 2),
        until=st.sampled_from((0, 60)),
        notices=st.sampled_from(((0, 0), (0, 0), (120, 30))),
        deposit=st.sampled_from(DEPOSITS),
    )
    def open(
        self,
        zone: Any,
        buffer: int,
        pace: int | None,
        extensions: int,
        until: int,
        notices: tuple[int, int],
        deposit: Deposit | None,
    ) -> None:
        name, self.day = zone
        terms = RestaurantTerms(
            "R",
            name,
            TABLES,
            NIGHTS,
            joins=JOINS,
            party_largest=8,
            stay_minutes=120,
            stays=(StayOfParty(2, 90),),
            buffer_minutes=buffer,
            covers_per_slot_max=pace,
            hold_extensions_max=extensions,
            cancel_until_minutes=until,
            days_ahead_max=20,
            notice_same_day_minutes=notices[0],
            notice_minutes=notices[1],
            deposit=deposit,
        )
        self.now_ms = self.day * DAY_MS
        self.reference = SequentialRestaurant()
        self.same(CreateRestaurant("x", terms))

    # --- commands -------------------------------------------------------------------------------------

    @rule(
        ahead=st.integers(-1, 21),
        minute=STARTS,
        size=SIZES,
        table=TABLE_IDS,
        traits=TRAITS,
        no_shows=st.sampled_from((0, 0, 0, 4, 5)),
    )
    def hold(self, ahead: int, minute: int, size: int, table: str | None, traits: Any, no_shows: int) -> None:
        self.place(self.today + ahead, minute, size, table, traits, History(no_shows=no_shows))

    @rule(ahead=st.integers(0, 2), minute=STARTS, size=st.integers(1, 5))
    def hold_something_likely(self, ahead: int, minute: int, size: int) -> None:
        self.place(self.today + ahead, minute, size)

    def place(
        self,
        day: int,
        minute: int,
        size: int,
        table: str | None = None,
        traits: Any = (),
        history: History = History(),  # noqa: B008 - a frozen value
    ) -> None:
        command = HoldTable(
            f"r{self.placed}", day, minute, size, b"ada", b"{}", table, traits, history, False
        )
        self.both(command, lambda: self.reference.hold(command, self.now_ms))
        self.placed += command.reservation_id in self.reference.all

    @rule(size=st.integers(1, 7), table=TABLE_IDS, minutes=st.sampled_from((None, None, 20, 200)))
    def walk_in(self, size: int, table: str | None, minutes: int | None) -> None:
        command = SeatWalkIn(f"r{self.placed}", size, b"", b"{}", table, (), minutes)
        self.both(command, lambda: self.reference.walk_in(command, self.now_ms))
        self.placed += command.reservation_id in self.reference.all

    @rule(
        back=BACK,
        kind=st.sampled_from(
            (
                *[ConfirmReservation] * 3,
                CancelReservation,
                partial(CancelReservation, by_operator=True),
                ExtendHold,
                *[SeatParty] * 2,
                CompleteStay,
                MarkNoShow,
            )
        ),
    )
    def say(self, back: int, kind: Any) -> None:
        self.to_one(kind(self.meant(back)))

    @rule(
        back=BACK,
        kind=st.sampled_from(("begin", "begin", "finish", "finish", "fail", "sell", "void")),
        payment=st.sampled_from(("p1", "p2")),
        by=st.sampled_from((0, 1, 600_000, 7_200_000)),
        paid=st.sampled_from((None, "cash", "free")),
        off=st.sampled_from((0, 0, 0, 1)),
    )
    def pay(self, back: int, kind: str, payment: str, by: int, paid: Any, off: int) -> None:
        wanted = self.meant(back)
        found = self.reference.all.get(wanted)
        amount = (found.deposit if found is not None else 0) + off
        commands: dict[str, Any] = {
            "begin": BeginPayment(wanted, payment, self.now_ms + by),
            "finish": FinishPayment(wanted, payment, amount),
            "fail": FailPayment(wanted, payment, False, self.now_ms + by, paid is None),
            "sell": SellReservation(wanted, "ann", paid),
            "void": VoidReservation(wanted),
        }
        self.to_one(commands[kind])

    @rule(
        back=BACK,
        ahead=st.none() | st.integers(0, 2),
        minute=st.none() | STARTS,
        size=st.none() | st.integers(1, 8),
        table=TABLE_IDS,
        traits=TRAITS,
    )
    def move(
        self,
        back: int,
        ahead: int | None,
        minute: int | None,
        size: int | None,
        table: str | None,
        traits: Any,
    ) -> None:
        day = None if ahead is None else self.today + ahead
        self.to_one(MoveReservation(self.meant(back), day, minute, size, table, traits))

    @rule(back=BACK, minutes=st.integers(1, 200), move_next=st.booleans())
    def stay_longer(self, back: int, minutes: int, move_next: bool) -> None:
        command = ProlongStay(self.meant(back), minutes, move_next)
        before = self.reference.all.get(command.reservation_id)
        reply = self.same(command)
        if isinstance(reply, TableReply):
            assert before is not None
            assert reply.reservation.end_ms >= before.end_ms
            assert not reply.moved or move_next
            self.only_their_tables_are_others(reply.moved)

    @rule(
        retire=st.sampled_from(("", "a", "b", "c")),
        revive=st.booleans(),
        hours=st.sampled_from((None, None, NIGHTS[:12], NIGHTS)),
        move=st.booleans(),
    )
    def change(self, retire: str, revive: bool, hours: Any, move: bool) -> None:
        before = self.terms
        tables = {table.id: table for table in (TABLES if revive else before.tables)}
        if retire:
            tables[retire] = replace(tables[retire], active=False)
        services = before.services if hours is None else hours
        wished = replace(before, services=services, tables=tuple(tables.values()))
        change = RestaurantChange(services=services, tables=wished.tables)
        reply = self.same(ChangeRestaurant(change, move=move))
        if isinstance(reply, Rejected):
            assert reply.code is Code.IN_USE
            assert self.terms == before
            return
        assert isinstance(reply, RestaurantReply)
        assert self.terms == reply.terms == wished
        assert move or not reply.moved
        self.only_their_tables_are_others(reply.moved)

    def same(self, command: RestaurantCommand) -> RestaurantReplies:
        """Both say the same, and are the same afterwards; what was is noted for who looks at it."""
        self.look()
        self.was = dict(self.reference.all)
        reply, expected = self.decide(command), self.reference.ask(command, self.now_ms)
        if isinstance(reply, Rejected):
            assert Rejected(reply.code, "", reply.facts, (), reply.reservations) == expected, command
        else:
            said = replace(reply, contact=b"") if isinstance(reply, TableReply) else reply
            assert said == expected, command
        return reply

    def only_their_tables_are_others(self, moved: tuple[TableReservation, ...]) -> None:
        """And such as take the party."""
        for one in moved:
            was = self.was[one.id]
            assert was.status in (Status.HELD, Status.PAYING, Status.CONFIRMED)
            assert one == replace(was, tables=one.tables)
            assert one.tables in self.reference.options(one.party_size)

    @rule(paused=st.sampled_from((True, False, False, False)))
    def pause(self, paused: bool) -> None:
        self.same(PauseSale() if paused else ResumeSale())

    @rule(closed=st.sampled_from((True, False, False, False)))
    def close(self, closed: bool) -> None:
        self.same(CloseRestaurant() if closed else PublishRestaurant())

    @rule(
        ahead=st.integers(0, 2),
        size=st.integers(1, 8),
        traits=TRAITS,
        wished=st.none() | STARTS,
        window=st.sampled_from(((0, 1439), (60, 180), (1200, 1439))),
    )
    def search(self, ahead: int, size: int, traits: Any, wished: int | None, window: Any) -> None:
        day = self.today + ahead
        command = SearchTables(day, size, *window, traits, wished)
        reply = self.decide(command)
        if wished is not None and not exists(local(self.terms, day, wished)):
            assert isinstance(reply, Rejected)
            return
        assert isinstance(reply, FreeTimes), reply
        expected = self.reference.free_times(day, size, traits, self.now_ms)
        inside = [one for one in expected if window[0] <= self.minute_of(one[0]) <= window[1]]
        assert [(time.start_ms, time.tables) for time in reply.times] == inside
        if wished is not None:
            nearest = self.reference.alternatives(command, self.now_ms)
            assert [(time.start_ms, time.tables) for time in reply.alternatives] == nearest

    @rule(seed=st.integers(0, 2**32))
    def a_busy_evening(self, seed: int) -> None:
        """Many likely commands at once: where Hypothesis alone would seldom get."""
        rng = Random(seed)
        for _ in range(40):
            self.now_ms += rng.choice((0, 0, 1, 40_000, 600_000, 1_800_000))
            back = rng.randint(1, 6)
            kinds = (ConfirmReservation, ConfirmReservation, CancelReservation, SeatParty, CompleteStay)
            match rng.randint(0, 5):
                case 0 | 1:
                    minute = rng.choice((0, 30, 90, 120, 180, 1200, 1260, 1320, 1380))
                    self.place(self.today + rng.randint(0, 1), minute, rng.randint(1, 6))
                case 2:
                    self.to_one(rng.choice(kinds)(self.meant(back)))
                case 3:
                    minute = rng.choice((None, 60, 150, 1290))
                    self.to_one(MoveReservation(self.meant(back), None, minute, rng.choice((None, 2, 5))))
                case 4:
                    self.walk_in(rng.randint(1, 4), None, rng.choice((None, 20)))
                case _:
                    self.stay_longer(back, rng.choice((15, 60)), rng.random() < 0.5)
            self.the_live_reservations_are_those_of_the_reference()
            self.no_two_live_reservations_of_a_table_overlap()

    @rule(size=st.integers(1, 4), minute=st.sampled_from((30, 180, 1260)))
    def everybody_wants_one_time(self, size: int, minute: int) -> None:
        """Until all that could take such a party is on hold, each hold with an end of its own."""
        for _ in range(5):
            self.place(self.today + 1, minute, size)
            self.now_ms += 1_500

    @rule(minutes=st.sampled_from((15, 60, 200)), move_next=st.booleans())
    def a_party_stays_into_the_time_of_the_next(self, minutes: int, move_next: bool) -> None:
        """At the smallest table, which both fit best."""
        walked_in = self.placed
        self.walk_in(1, "a", 20)
        now = shown(self.terms, self.now_ms)
        minute = (now.hour * 4 + now.minute // 15 + 4) * 15
        if self.placed > walked_in and minute < 1_440:
            self.place(now.toordinal() - EPOCH_DAY, minute, 1, "a")
            self.stay_longer(self.placed - walked_in, minutes, move_next)

    @rule(by_ms=st.sampled_from((1, 60_000, 899_999, 900_000, 5_400_000, 7_200_000, 30_000_000)))
    def wait(self, by_ms: int) -> None:
        self.now_ms += by_ms

    # --- one turn of both -----------------------------------------------------------------------------

    @property
    def terms(self) -> RestaurantTerms:
        assert self.state.terms is not None
        return self.state.terms

    @property
    def today(self) -> int:
        return self.now_ms // DAY_MS

    def minute_of(self, at_ms: int) -> int:
        moment = shown(self.terms, at_ms)
        return moment.hour * 60 + moment.minute

    @rule()
    def restart(self) -> None:
        self.state = restarted(restaurant, self.state)

    def meant(self, back: int) -> str:
        return f"r{self.placed - back}"

    def to_one(self, command: Any) -> None:
        self.both(command, lambda: self.reference.of_one(command, self.now_ms))

    def both(self, command: RestaurantCommand, expected: Any) -> None:
        reply = self.decide(command)
        answer: Answer = expected()
        if isinstance(reply, Rejected):
            assert Rejected(reply.code, "", reply.facts) == answer, command
        else:
            assert isinstance(reply, TableReply)
            assert reply.reservation == answer, command

    def decide(self, command: RestaurantCommand) -> RestaurantReplies:
        command = through_the_wire(command, RestaurantCommand)
        self.look()
        reply, facts = decide(self.state, command, self.now_ms)
        assert not (isinstance(reply, Rejected) and facts)
        self.happen(list(facts))
        return through_the_wire(reply, RestaurantReplies)  # type: ignore[no-any-return]

    def look(self) -> None:
        """What is due: holds end as in the reference, of stays the facts are judged."""
        expired = self.reference.expire(self.now_ms)
        ended: set[str] = set()
        while facts := due(self.state, self.now_ms, 3):
            assert len(facts) <= 3
            for fact in facts:
                match fact:
                    case HoldExpired():
                        ended.add(fact.reservation_id)
                    case StayCompleted():
                        one = self.reference.all[fact.reservation_id]
                        assert one.status in (Status.CONFIRMED, Status.SEATED)
                        assert self.now_ms >= one.end_ms + 12 * 60 * MINUTE_MS
                        self.reference.keep(completed(self.terms, one))
                    case StayProlonged():
                        self.judge_overstay(fact)
                    case _:
                        raise AssertionError(fact)
            self.happen(facts)
        assert ended == expired
        upcoming = next_due_ms(self.state)
        assert upcoming is None or upcoming > self.now_ms

    def judge_overstay(self, fact: StayProlonged) -> None:
        one = self.reference.all[fact.reservation_id]
        assert one.status is Status.SEATED
        assert self.now_ms >= one.end_ms
        assert fact.end_ms == one.end_ms or self.now_ms < fact.end_ms <= self.now_ms + 15 * MINUTE_MS
        assert fact.looks_at_ms > self.now_ms
        for other in fact.warned:
            assert self.reference.all[other].start_ms >= one.end_ms
        after = replace(one, end_ms=fact.end_ms, free_at_ms=fact.free_at_ms, overstays=fact.overstays)
        self.reference.keep(replace(after, expires_at_ms=fact.looks_at_ms, warned=fact.warned))

    def happen(self, facts: list[RestaurantFact]) -> None:
        for fact in facts:
            evolve(self.state, through_the_wire(fact, RestaurantFact))
            self.facts.append(fact)

    # --- what always holds ----------------------------------------------------------------------------

    @invariant()
    def no_two_live_reservations_of_a_table_overlap(self) -> None:
        live = list(self.state.reservations.values())
        for at, one in enumerate(live):
            for other in live[at + 1 :]:
                apart = one.free_at_ms <= other.start_ms or other.free_at_ms <= one.start_ms
                assert apart or not {*one.tables} & {*other.tables}, (one, other)

    @invariant()
    def the_live_reservations_are_those_of_the_reference(self) -> None:
        if self.state.terms is None:
            return
        assert self.state.reservations == {one.id: one for one in self.reference.live()}
        assert self.state.live == len(self.state.reservations)
        assert all(one.status in LIVE for one in self.state.reservations.values())
        for table_id, diary in self.state.diaries.items():
            here = [one for one in self.state.reservations.values() if table_id in one.tables]
            assert diary.entries == sorted(here, key=lambda one: one.start_ms)

    @invariant()
    def folding_the_facts_from_the_first_gives_the_state(self) -> None:
        if self.state.terms is None or len(self.facts) % 7:
            return
        folded = State()
        for fact in self.facts:
            evolve(folded, fact)
        assert describe(folded) == describe(self.state)
        assert folded.reservations == self.state.reservations
        assert folded.last_fact_ms == self.state.last_fact_ms
        assert next_due_ms(folded) == next_due_ms(self.state)


TestRestaurant = RestaurantMachine.TestCase
TestRestaurant.settings = settings(max_examples=many(60), stateful_step_count=30)
