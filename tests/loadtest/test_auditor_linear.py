"""The search for a sequential explanation: finds one where there is one, and none where there is none."""

from __future__ import annotations

import random

import pytest

from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.histories import FOREVER_US, UNKNOWN, Operation, operations
from loadtest.auditor.linear import TooWide, check_sale, explain
from loadtest.auditor.sale_model import NOTHING_SOLD, SaleModel, State
from loadtest.record import Call, Sale, View, Wanted

ONE: Wanted = (("A", 1),)
MODEL = SaleModel({"A": 1}, None)


def op(kind: str, who: str, outcome: str, sent_us: int, got_us: int, wanted: Wanted = ONE) -> Operation:
    return Operation(kind, who, wanted, outcome, sent_us, got_us)


def stuck(*history: Operation, model: SaleModel = MODEL) -> Operation | None:
    return explain(model, sorted(history, key=lambda one: one.sent_us)).stuck


def test_one_ticket_sold_twice_has_no_explanation() -> None:
    second = op("hold", "y", "held", 3, 4)
    assert stuck(op("hold", "x", "held", 1, 2), second) == second


def test_two_holds_at_once_are_explained_in_either_order_if_one_was_refused() -> None:
    assert stuck(op("hold", "x", "held", 1, 9), op("hold", "y", "held", 2, 3, (("A", 1),))) is not None
    assert stuck(op("hold", "x", "held", 1, 9), op("hold", "y", "held", 2, 9)) is not None
    assert stuck(op("hold", "x", "held", 1, 9), op("hold", "y", "refused held", 2, 3)) is None


def test_a_refusal_needs_a_moment_in_which_it_was_true() -> None:
    before = op("hold", "y", "refused sold_out", 1, 2)
    assert stuck(before, op("hold", "x", "held", 3, 4), op("confirm", "x", "confirmed", 5, 6)) == before
    during = op("hold", "y", "refused sold_out", 5, 8)
    assert stuck(op("hold", "x", "held", 3, 4), op("confirm", "x", "confirmed", 5, 6), during) is None


def test_held_by_others_is_not_true_of_what_is_confirmed() -> None:
    sold = (op("hold", "x", "held", 1, 2), op("confirm", "x", "confirmed", 3, 4))
    assert stuck(*sold, op("hold", "y", "held", 5, 6)) is not None
    assert stuck(*sold, op("hold", "y", "refused sold_out", 5, 6)) is None


def test_what_was_given_back_can_be_sold_again() -> None:
    history = (
        op("hold", "x", "held", 1, 2),
        op("cancel", "x", "released", 3, 6),
        op("hold", "y", "held", 4, 5),
        op("confirm", "y", "confirmed", 7, 8),
        op("cancel", "y", "cancelled", 9, 10),
        op("hold", "z", "held", 11, 12),
    )
    assert stuck(*history) is None
    assert stuck(*history, op("confirm", "x", "confirmed", 13, 14)) is not None


def test_what_was_never_answered_may_have_happened_late_or_never() -> None:
    lost = op("hold", "x", UNKNOWN, 1, FOREVER_US)
    assert stuck(lost, op("hold", "y", "held", 3, 4)) is None
    assert stuck(lost, op("hold", "y", "refused sold_out", 3, 4)) is not None
    assert stuck(lost, op("change", "y", "refused wrong_state", 3, 4)) is None
    taken = SaleModel({"A": 2}, None)
    assert stuck(lost, op("hold", "y", "held", 3, 4), op("hold", "z", "held", 5, 6), model=taken) is None


def test_a_hold_that_grows_takes_from_the_others() -> None:
    two = SaleModel({"A": 3}, 2)
    held = op("hold", "x", "held", 1, 2)
    grown = op("change", "x", "held", 3, 4, (("A", 2),))
    assert stuck(held, grown, model=two) is None
    assert stuck(held, grown, op("hold", "y", "held", 5, 6), model=two) is not None
    assert stuck(held, op("change", "x", "held", 3, 4, (("A", 3),)), model=two) is not None
    assert (
        stuck(held, op("extend", "x", "held", 3, 4), op("extend", "y", "held", 5, 6), model=two) is not None
    )


def test_a_history_too_wide_to_search_is_undecided_which_proves_nothing_and_fails() -> None:
    wide = [op("hold", str(number), "held", number, 100) for number in range(20)]
    with pytest.raises(TooWide):
        explain(SaleModel({"A": 20}, None), wide)
    findings = Findings()
    calls = [_call("hold", f"key {number}", number, 100, "held", f"r{number}") for number in range(20)]
    check_sale(Sale("event", "wide", 0, (("A", 20),)), calls, findings)
    assert findings.failed(Check.LINEARIZABLE)
    assert "undecided" in findings.results[Check.LINEARIZABLE].examples[0]


def test_a_sale_without_an_explanation_fails_the_check() -> None:
    findings = Findings()
    calls = [_call("hold", "k", 1, 2, "held", "x"), _call("hold", "l", 3, 4, "held", "y")]
    check_sale(Sale("event", "sold twice", 0, (("A", 1),)), calls, findings)
    assert findings.failed(Check.LINEARIZABLE)


@pytest.mark.parametrize("seed", range(25))
def test_every_history_made_by_a_true_sale_is_explained(seed: int) -> None:
    """The sale decides at one moment between request and reply; requests overlap at random."""
    rng, model = random.Random(seed), SaleModel({"A": 2, "B": 1}, None)
    state: State = NOTHING_SOLD
    history: list[Operation] = []
    ids: list[str] = []
    for moment in range(100, 6_100, 100):
        kind = rng.choice(["hold", "hold", "confirm", "cancel", "change"]) if ids else "hold"
        who = f"r{moment}" if kind == "hold" else rng.choice(ids)
        wanted: Wanted = ((rng.choice("AB"), rng.choice([1, 1, 2])),)
        outcomes = [
            "held",
            "confirmed",
            "released",
            "cancelled",
            "refused sold_out",
            "refused wrong_state",
            "refused hold_expired",
        ]
        for outcome in outcomes:
            span = (moment - rng.randrange(180), moment + 1 + rng.randrange(180))
            tried = Operation(kind, who, wanted, outcome, *span)
            after = model.after(state, tried)
            if after is not None:
                state, history = after, [*history, tried]
                ids += [who] if kind == "hold" and outcome == "held" else []
                break
    history.sort(key=lambda one: one.sent_us)
    assert explain(model, history).stuck is None


def _call(kind: str, key: str, sent_us: int, got_us: int, status: str, who: str, code: str = "") -> Call:
    view = View(status, 0, (("A", 1, 1),), 1) if not code else None
    number = {"": 201, "sold_out": 409, "held": 423, "unavailable": 503, "overloaded": 503}[code]
    return Call("c", kind, "event", sent_us, got_us, number, code, who, key, wanted=ONE, view=view)  # type: ignore[arg-type]


def test_the_retries_of_a_key_are_one_operation_from_its_first_attempt_to_its_first_success() -> None:
    calls = [
        _call("hold", "k", 1, 2, "", "", "unavailable"),
        _call("hold", "k", 3, 4, "", "", "overloaded"),
        _call("hold", "k", 5, 6, "held", "x"),
        _call("hold", "k", 7, 8, "held", "x"),
    ]
    assert operations(calls) == [Operation("hold", "x", ONE, "held", 1, 6)]


def test_a_refusal_is_an_operation_of_its_own_beside_what_may_still_happen() -> None:
    calls = [_call("hold", "k", 1, 2, "", "", "unavailable"), _call("hold", "k", 3, 4, "", "", "sold_out")]
    found = operations(calls)
    assert [(one.outcome, one.sent_us, one.got_us) for one in found] == [
        (UNKNOWN, 1, FOREVER_US),
        ("refused sold_out", 3, 4),
    ]


def test_the_refusal_held_is_not_taken_for_a_hold() -> None:
    findings = Findings()
    calls = [_call("hold", "k", 1, 2, "held", "x"), _call("hold", "l", 3, 4, "", "", "held")]
    check_sale(Sale("event", "a refusal", 0, (("A", 1),)), calls, findings)
    assert findings.sound
