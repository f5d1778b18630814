"""The search, for events with seats: what was given must have been free, and what was refused not."""

from __future__ import annotations

import random

import pytest

from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.histories import FOREVER_US, UNKNOWN, Operation, operations
from loadtest.auditor.linear import check_sale, explain
from loadtest.auditor.sale_model import SaleModel, State
from loadtest.record import Call, Sale, View, Wanted

NAMES = ("S/A/1", "S/A/2", "S/A/3")
MODEL = SaleModel({"A": 3, "standing": 5}, None, {"A": NAMES})


def hold(
    who: str, outcome: str, sent_us: int, *seats: str, named: tuple[str, ...] = (), quantity: int = 1
) -> Operation:
    """Answered at once, or never."""
    got_us = FOREVER_US if outcome == UNKNOWN else sent_us + 1
    wanted: Wanted = (("A", quantity),)
    return Operation("hold", who, wanted, outcome, sent_us, got_us, named, seats or None)


def then(op: str, who: str, outcome: str, sent_us: int) -> Operation:
    return Operation(op, who, (("A", 1),), outcome, sent_us, sent_us + 1)


def stuck(*history: Operation) -> Operation | None:
    return explain(MODEL, sorted(history, key=lambda one: one.sent_us)).stuck


def test_one_seat_given_twice_has_no_explanation_though_there_are_seats_enough() -> None:
    first, second = hold("x", "held", 1, NAMES[0]), hold("y", "held", 3, NAMES[0])
    assert stuck(first, second) == second
    assert stuck(first, hold("y", "held", 3, NAMES[1])) is None
    assert stuck(first, then("cancel", "x", "released", 5), hold("y", "held", 7, NAMES[0])) is None


def test_given_are_the_seats_that_were_named_as_many_as_wanted_and_of_the_type() -> None:
    assert stuck(hold("x", "held", 1, NAMES[0], named=(NAMES[0],))) is None
    assert stuck(hold("x", "held", 1, NAMES[1], named=(NAMES[0],))) is not None
    assert stuck(hold("x", "held", 1, NAMES[0], quantity=2)) is not None
    assert stuck(hold("x", "held", 1, "S/Z/1")) is not None


def test_a_named_seat_is_refused_only_while_somebody_has_it() -> None:
    named = (NAMES[0],)
    taken = hold("x", "held", 1, NAMES[0])
    refused = hold("y", "refused held", 5, named=named)
    assert stuck(refused) == refused
    assert stuck(taken, refused) is None
    assert stuck(hold("x", "held", 1, NAMES[1]), refused) == refused
    assert stuck(taken, then("confirm", "x", "confirmed", 3), refused) == refused
    sold = hold("y", "refused sold_out", 5, named=named)
    assert stuck(taken, then("confirm", "x", "confirmed", 3), sold) is None
    assert stuck(taken, sold) == sold


def test_who_was_never_answered_may_have_any_seat_or_the_named_one() -> None:
    lost = hold("x", UNKNOWN, 1)
    assert stuck(lost, hold("y", "refused held", 5, named=(NAMES[2],))) is None
    assert stuck(hold("x", UNKNOWN, 1, NAMES[0], named=(NAMES[0],)), hold("y", "held", 5, NAMES[0])) is None
    other = hold("y", "refused held", 5, named=(NAMES[2],))
    assert stuck(hold("x", UNKNOWN, 1, NAMES[0], named=(NAMES[0],)), other) == other


@pytest.mark.parametrize("seed", range(15))
def test_every_history_made_by_a_true_sale_is_explained_and_not_when_two_change_seats(seed: int) -> None:
    rng, state = random.Random(seed), MODEL.nothing
    history: list[Operation] = []
    for moment in range(100, 4_100, 100):
        span = moment - rng.randrange(150), moment + 1 + rng.randrange(150)
        done = _done(rng, state, f"r{moment}", span)
        if done is not None:
            after = MODEL.after(state, done)
            assert after is not None
            state, history = after, [*history, done]
    history.sort(key=lambda one: one.sent_us)
    assert explain(MODEL, history).stuck is None
    last = max(one.got_us for one in history)
    wrong = [hold("end", "held", last + 1, NAMES[0]), hold("end2", "held", last + 3, NAMES[0])]
    assert explain(MODEL, [*history, *wrong]).stuck is not None


def _done(rng: random.Random, state: State, who: str, span: tuple[int, int]) -> Operation | None:
    """What a sale might do now: give a free seat, refuse one that is had, or take one back."""
    had = {name: claim for claim in state for name in claim[3] or ()}
    name = rng.choice(NAMES)
    if name not in had:
        return Operation("hold", who, (("A", 1),), "held", *span, (name,), (name,))
    mine = had[name]
    match rng.randrange(3):
        case 0:
            code = "held" if mine[1] == "held" else "sold_out"
            return Operation("hold", who, (("A", 1),), f"refused {code}", *span, (name,))
        case 1:
            return Operation("confirm", mine[0], (("A", 1),), "confirmed", *span)
    ended = "released" if mine[1] == "held" else "cancelled"
    return Operation("cancel", mine[0], (("A", 1),), ended, *span)


def test_records_of_a_witnessed_sale_of_seats_are_searched_with_their_seats() -> None:
    def given(who: str, sent_us: int, seat: str) -> Call:
        view = View("held", 0, (("A", 1, 1),), 1)
        return Call(
            "c", "hold", "e", sent_us, sent_us + 1, 201, "", who, who, wanted=(("A", 1),), view=view,
            kind="seats", seats=(seat,), named=(seat,),
        )  # fmt: skip

    sale = Sale("e", "A match", 0, (("A", 3),), witnessed=True, kind="seats", seats=(("A", NAMES),))
    for second, failed in ((NAMES[1], False), (NAMES[0], True)):
        findings = Findings()
        check_sale(sale, [given("x", 1, NAMES[0]), given("y", 3, second)], findings)
        assert findings.failed(Check.LINEARIZABLE) is failed
    unanswered = Call("c", "hold", "e", 1, 2, 0, key="k", wanted=(("A", 1),), named=(NAMES[0],))
    assert operations([unanswered])[0].seats == (NAMES[0],)
