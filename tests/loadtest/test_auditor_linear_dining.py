"""The search, for restaurants: explains what the rules themselves did, and nothing that they would not do."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace as altered

from domain.messages import Rejected
from domain.restaurant_messages import TableReply, TableReservation
from loadtest.auditor.dining_model import DiningModel
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.histories import FOREVER_US, UNKNOWN, Operation
from loadtest.auditor.linear import check_dining, explain
from loadtest.auditor.windows import windows
from loadtest.record import Call, Dining, Sitting, Wish
from tests.unit.dining import MINUTE_MS, at
from tests.unit.dining import Dining as Room

HOUSE = Dining("house", "R", (("t2", 1, 2), ("t4", 2, 4), ("t4b", 2, 4), ("t6", 3, 6)), 120, 0, 900, 0)
MODEL = DiningModel(HOUSE)
SEVEN_MS, EIGHT_MS, TEN_MS = (at(f"2026-11-20 {hour}:00") for hour in (19, 20, 22))


def sitting(status: str, start_ms: int, *tables: str, size: int = 2, minutes: int = 120) -> Sitting:
    return Sitting(status, 0, tables, start_ms, start_ms + minutes * MINUTE_MS, size, 0)


def op(
    kind: str, who: str, outcome: str, sent_us: int, wish: Wish | None = None, given: Sitting | None = None
) -> Operation:
    got_us = FOREVER_US if outcome == UNKNOWN else sent_us + 1
    return Operation(kind, who, (), outcome, sent_us, got_us, wish=wish, sitting=given)


def held(who: str, sent_us: int, start_ms: int, *tables: str, size: int = 2, wished: str = "") -> Operation:
    wish = Wish(start_ms, size, wished)
    return op("hold", who, "held", sent_us, wish, sitting("held", start_ms, *tables, size=size))


def refused(who: str, code: str, sent_us: int, start_ms: int, table: str = "", size: int = 2) -> Operation:
    return op("hold", who, f"refused {code}", sent_us, Wish(start_ms, size, table))


def confirmed(who: str, sent_us: int) -> Operation:
    return op("confirm", who, "confirmed", sent_us)


def stuck(*history: Operation) -> Operation | None:
    return explain(MODEL, sorted(history, key=lambda one: one.sent_us)).stuck


def test_one_table_given_twice_at_overlapping_times_has_no_explanation() -> None:
    first, second = held("x", 1, SEVEN_MS, "t2"), held("y", 3, EIGHT_MS, "t2")
    assert stuck(first, second) == second
    assert stuck(first, held("y", 3, EIGHT_MS, "t4")) is None
    assert stuck(first, held("y", 3, SEVEN_MS + 120 * MINUTE_MS, "t2")) is None
    assert stuck(first, op("cancel", "x", "released", 3), held("y", 5, EIGHT_MS, "t2")) is None


def test_given_is_what_was_wished_and_takes_the_party() -> None:
    assert stuck(held("x", 1, SEVEN_MS, "t2", wished="t4")) is not None
    assert stuck(held("x", 1, SEVEN_MS, "t2", size=3)) is not None
    assert stuck(held("x", 1, SEVEN_MS, "t4", "t4b", size=8)) is None
    other_time = sitting("held", EIGHT_MS, "t2")
    assert stuck(op("hold", "x", "held", 1, Wish(SEVEN_MS, 2), other_time)) is not None


def test_a_refusal_needs_somebody_in_the_way_at_each_table_that_would_do() -> None:
    all_of_two = [held("a", 1, SEVEN_MS, "t2"), held("b", 3, EIGHT_MS, "t4"), held("c", 5, SEVEN_MS, "t4b")]
    no = refused("y", "held", 20, SEVEN_MS)
    assert stuck(*all_of_two, no) is None
    assert stuck(*all_of_two[:2], no) == no
    taken = refused("y", "taken", 20, SEVEN_MS)
    assert stuck(*all_of_two, taken) == taken
    assert (
        stuck(
            *all_of_two, *(confirmed(who, at_us) for who, at_us in zip("abc", (7, 9, 11), strict=True)), taken
        )
        is None
    )
    named = refused("y", "taken", 20, SEVEN_MS, "t2")
    assert stuck(all_of_two[0], named) == named
    assert stuck(all_of_two[0], confirmed("a", 7), named) is None


def test_a_move_that_was_refused_keeps_its_place_and_one_that_was_not_gives_it_up() -> None:
    x, other = held("x", 1, SEVEN_MS, "t2"), held("z", 3, TEN_MS, "t2")
    no = op("move", "x", "refused held", 5, Wish(TEN_MS, 0, "t2"))
    assert stuck(x, other, no) is None
    assert stuck(x, no) == no
    late = held("y", 9, SEVEN_MS, "t2")
    assert stuck(x, other, no, late) == late
    moved = op("move", "x", "held", 5, Wish(TEN_MS, 0), sitting("held", TEN_MS, "t4"))
    assert stuck(x, other, moved, late) is None
    assert stuck(x, other, moved, held("y", 9, TEN_MS, "t4")) is not None


def test_who_was_never_answered_may_sit_anywhere_or_nowhere() -> None:
    lost = op("hold", "x", UNKNOWN, 1, Wish(SEVEN_MS, 2))
    assert stuck(lost, held("y", 5, SEVEN_MS, "t2")) is None
    assert stuck(lost, refused("y", "held", 5, SEVEN_MS, "t2")) is None
    assert stuck(lost, refused("y", "held", 5, TEN_MS, "t2")) is not None


def test_what_has_nothing_to_do_with_each_other_is_searched_by_itself() -> None:
    evening = [held("x", 1, SEVEN_MS, "t2"), held("y", 3, EIGHT_MS, "t4"), confirmed("x", 5)]
    lunch = [held("z", 2, SEVEN_MS - 7 * 3_600_000, "t2"), op("cancel", "z", "released", 6)]
    assert windows(HOUSE, [*evening, *lunch]) == [evening, lunch]
    bridge = op("move", "z", "held", 4, Wish(EIGHT_MS, 0), sitting("held", EIGHT_MS, "t4b"))
    assert len(windows(HOUSE, [*evening, *lunch, bridge])) == 1


def test_records_of_a_witnessed_restaurant_are_searched() -> None:
    def given(who: str, sent_us: int, table: str) -> Call:
        return Call(
            "c", "hold", "house", sent_us, sent_us + 1, 201, "", who, who, kind="tables",
            wish=Wish(SEVEN_MS, 2), sitting=sitting("held", SEVEN_MS, table),
        )  # fmt: skip

    for second, failed in (("t4", False), ("t2", True)):
        findings = Findings()
        check_dining(HOUSE, [given("x", 1, "t2"), given("y", 3, second)], findings)
        assert findings.failed(Check.LINEARIZABLE) is failed


# --- against the rules themselves -------------------------------------------------------------------------


class Evening:
    """A restaurant by its rules; what happens to it becomes a history whose operations overlap."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.room = Room(hold_duration_s=86_400, hold_extensions_max=100)
        self.known: list[str] = []
        self.history: list[Operation] = []

    def play(self, steps: int) -> None:
        for moment in range(100, 100 * (steps + 1), 100):
            span = moment - self.rng.randrange(150), moment + 1 + self.rng.randrange(150)
            self.step(span)
        self.history.sort(key=lambda one: one.sent_us)

    def step(self, span: tuple[int, int]) -> None:
        rng, room = self.rng, self.room
        text = rng.choice(("17:00", "18:00", "19:00", "20:00", "21:00"))
        start_ms, size, table = (
            at(f"2026-11-20 {text}"),
            rng.choice((2, 2, 3, 5)),
            rng.choice(("", "t2", "t4")),
        )
        kind = rng.choice(("hold", "hold", "move", "confirm", "cancel", "extend")) if self.known else "hold"
        if kind == "hold":
            reply: Any = room.place(text, size, table_id=table or None)
            self.note(kind, f"refused at {span[0]}", Wish(start_ms, size, table), reply, span)
            return
        one = self.one(rng.choice(self.known[-6:]))
        if kind == "move":
            reply = room.move(one, text, table_id=table or None)
            self.note(kind, one.id, Wish(start_ms, 0, table), reply, span)
            return
        reply = {"confirm": room.confirm, "cancel": room.cancel, "extend": room.extend}[kind](one)
        self.note(kind, one.id, None, reply, span)

    def one(self, reservation_id: str) -> TableReservation:
        state = self.room.state
        return state.reservations.get(reservation_id) or state.ended[reservation_id]

    def note(self, kind: str, who: str, wish: Wish | None, reply: Any, span: tuple[int, int]) -> None:
        if isinstance(reply, Rejected):
            if reply.code.value != "invalid":
                self.history.append(Operation(kind, who, (), f"refused {reply.code.value}", *span, wish=wish))
            return
        assert isinstance(reply, TableReply)
        said = reply.reservation
        self.known += [said.id] if kind == "hold" else []
        times = said.start_ms, said.end_ms
        given = Sitting(said.status.value, 0, said.tables, *times, said.party_size, 0)
        self.history.append(Operation(kind, said.id, (), said.status.value, *span, wish=wish, sitting=given))


@pytest.mark.parametrize("seed", range(20))
def test_every_history_that_the_rules_have_made_is_explained(seed: int) -> None:
    evening = Evening(seed)
    evening.play(45)
    assert sum(one.outcome.startswith("refused") for one in evening.history) > 3
    assert explain(MODEL, evening.history).stuck is None


def test_a_table_that_is_another_in_one_reply_is_found_in_most_histories() -> None:
    """In the others nobody noticed: the table was free as well."""
    found = 0
    for seed in range(20):
        evening = Evening(seed)
        evening.play(45)
        history = list(evening.history)
        number = next(at_ for at_, one in enumerate(history) if at_ > 3 and _elsewhere(one))
        history[number] = with_tables(history[number], ("t2",))
        found += explain(MODEL, history).stuck is not None
    assert found > 10


def _elsewhere(one: Operation) -> bool:
    return one.op == "hold" and one.sitting is not None and one.sitting.tables != ("t2",)


def with_tables(one: Operation, tables: tuple[str, ...]) -> Operation:
    assert one.sitting is not None
    sitting_ = altered(one.sitting, tables=tables)
    return Operation(
        one.op, one.reservation, (), one.outcome, one.sent_us, one.got_us, wish=one.wish, sitting=sitting_
    )
