"""Crowded evenings, command by command, against the restaurant that is asked one at a time.

Where Hypothesis seldom gets: tables so few that parties stay into the time of the next ones, who are moved or
warned of, and an operator who takes tables and hours away from under them; also in nights in which clocks are
changed.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from domain import restaurant
from domain.event_messages import CancelReservation, ConfirmReservation, ExtendHold, PauseSale, ResumeSale
from domain.local_time import local_of
from domain.messages import Rejected
from domain.restaurant import State, decide, due, evolve
from domain.restaurant_messages import (
    ChangeRestaurant,
    CompleteStay,
    CreateRestaurant,
    HoldTable,
    MarkNoShow,
    MoveReservation,
    ProlongStay,
    RestaurantChange,
    RestaurantCommand,
    RestaurantTerms,
    SearchTables,
    SeatParty,
    SeatWalkIn,
    Service,
    StayOfParty,
    TableReply,
)
from tests import chance
from tests.properties.restarts import restarted
from tests.properties.restaurant_reference import LIVE, MINUTE_MS
from tests.properties.sequential_restaurant import SequentialRestaurant
from tests.properties.test_restaurant_against_reference import DAY_MS, JOINS, TABLES, ZONES

EVENINGS, COMMANDS = chance.many(60), 120
FOUND = (621, 799)
"""Evenings that once went otherwise: who stays up to an end that has passed; two who come at the same time to
tables that are joined."""
RESTARTS_EACH = 40
"""So many commands."""
GRID_MINUTES = 15
ALL_DAY = tuple(Service(weekday, 0, 1_800) for weekday in range(7))
OF_ONE = (
    *[ConfirmReservation] * 4,
    CancelReservation,
    ExtendHold,
    *[SeatParty] * 4,
    CompleteStay,
    MarkNoShow,
)


class Evening:
    """The rules and the reference, side by side."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = Random(seed)
        self.zone, day = rng.choice(ZONES)
        self.now_ms = day * DAY_MS + rng.randrange(24) * 60 * MINUTE_MS
        self.state, self.reference = State(), SequentialRestaurant()
        self.outcomes: Counter[str] = Counter()
        self.placed = 0
        terms = RestaurantTerms(
            "R",
            self.zone,
            TABLES,
            ALL_DAY,
            joins=JOINS,
            party_largest=9,
            notice_same_day_minutes=0,
            notice_minutes=0,
            stay_minutes=45,
            stays=(StayOfParty(2, 30),),
            buffer_minutes=rng.choice((0, 5)),
            covers_per_slot_max=rng.choice((None, None, 6)),
            cancel_until_minutes=rng.choice((0, 20)),
            no_show_grace_minutes=rng.choice((0, 10)),
        )
        self.same(CreateRestaurant("x", terms))

    def step(self) -> None:
        """Never longer than a slot of the grid at once, so that what is over is looked at in time."""
        self.now_ms += self.rng.choice((0, 0, 1_000, 90_000, 3 * MINUTE_MS, 10 * MINUTE_MS))
        self.look()
        self.same(self.command())
        self.look()  # who has not left by an end that has passed is looked at again at once
        live = {one.id: one for one in self.reference.all.values() if one.status in LIVE}
        assert self.state.reservations == live

    def look(self) -> None:
        for fact in due(self.state, self.now_ms, 1_000):
            end_ms = self.state.reservations[fact.reservation_id].expires_at_ms  # type: ignore[union-attr]
            assert self.reference.expire_one(fact.reservation_id, end_ms)  # type: ignore[union-attr]
            evolve(self.state, fact)
            self.outcomes[type(fact).__name__] += 1
        assert all(one.expires_at_ms > self.now_ms for one in self.reference.live())

    def same(self, command: RestaurantCommand) -> None:
        reply, facts = decide(self.state, command, self.now_ms)
        expected = self.reference.ask(command, self.now_ms)
        self.outcomes[self.named(command, reply)] += 1
        said: Any = reply
        if isinstance(reply, Rejected):
            said = Rejected(reply.code, "", reply.facts, (), reply.reservations)
        elif isinstance(reply, TableReply):
            said = replace(reply, contact=b"")
        assert said == expected, command
        for fact in facts:
            evolve(self.state, fact)

    def named(self, command: RestaurantCommand, reply: Any) -> str:
        """What was asked and how it ended."""
        if isinstance(reply, Rejected):
            return f"{type(command).__name__} {reply.code.value}"
        others = "moved" if getattr(reply, "moved", ()) else "warned" if getattr(reply, "warned", ()) else ""
        return f"{type(command).__name__} {others}".strip()

    def restart(self) -> None:
        """Nothing of it is lost: what is due next is so again, and who sits where."""
        again = restarted(restaurant, self.state)
        assert restaurant.describe(again) == restaurant.describe(self.state)
        assert restaurant.next_due_ms(again) == restaurant.next_due_ms(self.state)
        self.state = again

    # --- what is asked ------------------------------------------------------------------------------

    def command(self) -> RestaurantCommand:
        rng = self.rng
        match rng.randrange(12):
            case 0 | 1 | 2:
                self.placed += 1
                day, minute = self.when()
                size, table_id = rng.choice((1, 2, 2, 3, 5)), rng.choice((None, None, "a", "b"))
                return HoldTable(f"r{self.placed}", day, minute, size, b"", b"", table_id, guest=False)
            case 3:
                self.placed += 1
                return SeatWalkIn(f"r{self.placed}", 1, stay_minutes=rng.choice((None, 5, 20)))
            case 4:
                return ProlongStay(self.one("seated"), rng.choice((5, 15, 60)), rng.random() < 0.6)
            case 6:
                day, minute = self.when() if rng.random() < 0.5 else (None, None)
                return MoveReservation(
                    self.one(), day, minute, rng.choice((None, 2, 5)), rng.choice((None, "b"))
                )
            case 5 | 7:
                return self.change()
            case 9:
                return CompleteStay(self.one("seated"))
            case 8 if rng.random() < 0.3:
                return rng.choice((PauseSale(), ResumeSale(), ResumeSale()))
            case 8:
                day, minute = self.when()
                return SearchTables(day, 2, minute, min(minute + 60, 1_439), wished_minute=minute)
        return rng.choice(OF_ONE)(self.one())

    def when(self) -> tuple[int, int]:
        """One of the next times of the grid, as the clocks show it."""
        ahead_ms = self.rng.choice((1, 1, 2, 3, 5, 8)) * GRID_MINUTES * MINUTE_MS
        day, minute = local_of(self.zone, self.now_ms + ahead_ms)
        return day, minute // GRID_MINUTES * GRID_MINUTES

    def one(self, status: str = "") -> str:
        """Somebody live, with that status if there is one; or somebody who was here."""
        live = list(self.state.reservations.values())
        likely = [one.id for one in live if one.status.value == status] or [one.id for one in live]
        return self.rng.choice(likely) if likely else f"r{self.placed}"

    def change(self) -> ChangeRestaurant:
        rng = self.rng
        table = replace(rng.choice(TABLES), active=rng.random() < 0.7)
        _, minute = local_of(self.zone, self.now_ms + 45 * MINUTE_MS)
        early = tuple(Service(weekday, 0, max(minute, 1)) for weekday in range(7))
        changes = (
            *[RestaurantChange(tables=(table,))] * 4,
            *[RestaurantChange(services=ALL_DAY)] * 2,
            RestaurantChange(services=early),
            RestaurantChange(covers_per_slot_max=rng.choice((None, 6))),
        )
        return ChangeRestaurant(rng.choice(changes), move=rng.random() < 0.6)


@pytest.mark.hypothesis
def test_crowded_evenings_go_as_the_reference_says() -> None:
    outcomes: Counter[str] = Counter()
    for seed in (*FOUND, *range(chance.SEED, chance.SEED + EVENINGS)):
        evening = Evening(seed)
        for number in range(COMMANDS):
            evening.step()
            if number % RESTARTS_EACH == 0:
                evening.restart()
        outcomes += evening.outcomes
    for seldom in (
        "ProlongStay moved",
        "ProlongStay warned",
        "StayProlonged",
        "ChangeRestaurant moved",
        "ChangeRestaurant in_use",
        "MoveReservation taken",
        "HoldTable held",
        "HoldTable taken",
        "MarkNoShow",
        "SeatParty taken",
    ):
        assert outcomes[seldom] >= 3, (seldom, outcomes)
