"""One restaurant and a clock that the test moves: commands go through due, decide, evolve as in a batch."""

from __future__ import annotations

from datetime import date, datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from domain.event_messages import CancelReservation, ConfirmReservation, ExtendHold, Stage
from domain.messages import Code, Rejected
from domain.restaurant import State, decide, due, evolve
from domain.restaurant_messages import (
    ChangeRestaurant,
    CompleteStay,
    CreateRestaurant,
    FreeTime,
    FreeTimes,
    HoldTable,
    Join,
    MarkNoShow,
    MoveReservation,
    ProlongStay,
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
    Table,
    TableReply,
    TableReservation,
)

BERLIN = "Europe/Berlin"
MINUTE_MS = 60_000
ADA, BOB = b"ada", b"bob"


def day_of(text: str) -> int:
    """Of `2026-11-20`: days since 1970."""
    return date.fromisoformat(text).toordinal() - date(1970, 1, 1).toordinal()


def minute_of(text: str) -> int:
    """Of `19:30`."""
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def at(text: str, zone: str = BERLIN, fold: int = 0) -> int:
    """Of `2026-11-20 19:30`, by the clocks of the zone: milliseconds since 1970."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


TODAY = day_of("2026-11-20")
"""A Friday, without a change of clocks for months."""
NOON_MS = at("2026-11-20 12:00")
TABLES = (
    Table("t2", "1", 1, 2, "window", ("quiet", "view")),
    Table("t4", "2", 2, 4, "hall"),
    Table("t4b", "3", 2, 4, "hall", ("quiet",)),
    Table("t6", "4", 3, 6, "hall", ("accessible",)),
)
LUNCH_AND_DINNER = tuple(
    Service(weekday, opens, closes)
    for weekday in range(7)
    for opens, closes in ((12 * 60, 15 * 60), (17 * 60, 23 * 60))
)


def restaurant_terms(**changes: Any) -> RestaurantTerms:
    """Four tables, two of them to be joined, lunch and dinner every day, the defaults of everything else."""
    plain: dict[str, Any] = {
        "name": "The Turnstile",
        "time_zone": BERLIN,
        "tables": TABLES,
        "services": LUNCH_AND_DINNER,
        "joins": (Join(("t4", "t4b"), 5, 8),),
    }
    return RestaurantTerms(**(plain | changes))


class Dining:
    """A restaurant under test; `facts` is all that ever happened to it."""

    def __init__(self, now_ms: int = NOON_MS, stage: Stage = Stage.PUBLISHED, **terms: Any) -> None:
        self.state = State()
        self.now_ms = now_ms
        self.facts: list[RestaurantFact] = []
        self._ids = (f"r{number}" for number in count(1))
        reply = self.ask(CreateRestaurant("x1", restaurant_terms(**terms), stage))
        assert isinstance(reply, RestaurantReply), reply

    def ask(self, command: RestaurantCommand) -> RestaurantReplies:
        """One batch of one command: what is due becomes facts first."""
        self.look()
        reply, facts = decide(self.state, command, self.now_ms)
        self._happen(list(facts))
        return reply

    def look(self) -> list[RestaurantFact]:
        facts = due(self.state, self.now_ms, 1_000)
        self._happen(facts)
        return facts

    def _happen(self, facts: list[RestaurantFact]) -> None:
        for fact in facts:
            evolve(self.state, fact)
        self.facts += facts

    def wait_until(self, text: str) -> None:
        self.now_ms = at(text)

    # --- shorthands -------------------------------------------------------------------------------

    def place(
        self, time: str = "19:00", party_size: int = 2, day: int = TODAY, customer: bytes = ADA, **more: Any
    ) -> RestaurantReplies:
        return self.ask(HoldTable(next(self._ids), day, minute_of(time), party_size, customer, b"{}", **more))

    def hold(self, *args: Any, **more: Any) -> TableReservation:
        return reservation(self.place(*args, **more))

    def book(self, *args: Any, **more: Any) -> TableReservation:
        """Held and confirmed."""
        return reservation(self.confirm(self.hold(*args, **more)))

    def dine(self, *args: Any, **more: Any) -> TableReservation:
        """Held, confirmed, and, once its time has come, seated."""
        booked = self.book(*args, **more)
        self.now_ms = booked.start_ms
        return reservation(self.seat(booked))

    def confirm(self, one: TableReservation) -> RestaurantReplies:
        return self.ask(ConfirmReservation(one.id))

    def cancel(self, one: TableReservation) -> RestaurantReplies:
        return self.ask(CancelReservation(one.id))

    def extend(self, one: TableReservation) -> RestaurantReplies:
        return self.ask(ExtendHold(one.id))

    def move(self, one: TableReservation, time: str | None = None, **more: Any) -> RestaurantReplies:
        minute = None if time is None else minute_of(time)
        return self.ask(MoveReservation(one.id, minute=minute, **more))

    def seat(self, one: TableReservation) -> RestaurantReplies:
        return self.ask(SeatParty(one.id))

    def complete(self, one: TableReservation) -> RestaurantReplies:
        return self.ask(CompleteStay(one.id))

    def no_show(self, one: TableReservation) -> RestaurantReplies:
        return self.ask(MarkNoShow(one.id))

    def prolong(self, one: TableReservation, by_minutes: int, move_next: bool = False) -> RestaurantReplies:
        return self.ask(ProlongStay(one.id, by_minutes, move_next))

    def walk_in(self, party_size: int = 2, **more: Any) -> RestaurantReplies:
        return self.ask(SeatWalkIn(next(self._ids), party_size, **more))

    def change(self, if_version: int | None = None, move: bool = False, **fields: Any) -> RestaurantReplies:
        return self.ask(ChangeRestaurant(RestaurantChange(**fields), if_version, move))

    def search(
        self, party_size: int = 2, day: int = TODAY, wished: str | None = None, **more: Any
    ) -> FreeTimes:
        minute = None if wished is None else minute_of(wished)
        reply = self.ask(SearchTables(day, party_size, wished_minute=minute, **more))
        assert isinstance(reply, FreeTimes), reply
        return reply

    def status(self, one: TableReservation) -> str:
        found = self.state.reservations.get(one.id) or self.state.ended[one.id]
        return found.status.value


def reservation(reply: RestaurantReplies) -> TableReservation:
    assert isinstance(reply, TableReply), reply
    return reply.reservation


def restaurant(reply: RestaurantReplies) -> RestaurantReply:
    assert isinstance(reply, RestaurantReply), reply
    return reply


def refused(reply: RestaurantReplies) -> Rejected:
    assert isinstance(reply, Rejected), reply
    return reply


def code(reply: RestaurantReplies) -> Code:
    return refused(reply).code


def path(reply: RestaurantReplies) -> str:
    """What an invalid request has wrong first."""
    assert code(reply) is Code.INVALID, reply
    return refused(reply).errors[0][0]


def clock(time: FreeTime) -> str:
    return f"{time.minute // 60:02}:{time.minute % 60:02}"
