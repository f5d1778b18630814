"""Paying for a reservation: what begins, fails, succeeds, comes too late; and the box office."""

from __future__ import annotations

import msgspec
import pytest

from domain.event import State, evolve
from domain.event_messages import (
    BeginPayment,
    CancelEvent,
    CancelReservation,
    ChangeHold,
    EventReplies,
    FailPayment,
    FinishPayment,
    HoldExpired,
    PaidBy,
    PaymentFailed,
    ReduceReservation,
    ReservationConfirmed,
    ReservationPaid,
    ReservationRetaken,
    ReservationSold,
    ReservationVoided,
    SellReservation,
    Status,
    VoidReservation,
)
from domain.messages import Code
from tests.unit.sale import BOB, HOLD_MS, ONE, START_MS, Sale, code, refused, reservation

PAYMENT_MS = 2 * HOLD_MS
FOUR = (("std", 4),)


class Counter(Sale):
    """A sale that takes money."""

    def __init__(self) -> None:
        super().__init__(payment="required", cancel_until_ms=START_MS + 10**9)

    def begin(self, reservation_id: str, payment: str = "p1", for_ms: int = PAYMENT_MS) -> EventReplies:
        return self.ask(BeginPayment(reservation_id, payment, self.now_ms + for_ms))

    def finish(self, reservation_id: str, payment: str = "p1", amount: int = 4500) -> EventReplies:
        return self.ask(FinishPayment(reservation_id, payment, amount))

    def fail(self, reservation_id: str, payment: str = "p1") -> EventReplies:
        return self.ask(FailPayment(reservation_id, payment))

    def paid(self, lines: tuple[tuple[str, int], ...] = ONE) -> str:
        held = self.hold(lines)
        self.begin(held.id)
        assert reservation(self.finish(held.id, amount=held.total)).status is Status.CONFIRMED
        return held.id


def test_where_payment_is_required_a_holder_cannot_just_confirm_what_costs_something() -> None:
    sale = Counter()
    held = sale.hold()
    refusal = refused(sale.confirm(held.id))
    assert (refusal.code, refusal.facts) == (Code.PAYMENT_DUE, {"total": 4500, "currency": "EUR"})


def test_a_payment_keeps_the_hold_until_its_own_deadline_and_then_it_expires() -> None:
    sale = Counter()
    held = sale.hold()
    paying = reservation(sale.begin(held.id))
    assert (paying.status, paying.expires_at_ms) == (Status.PAYING, START_MS + PAYMENT_MS)
    assert (sale.count("std").held, sale.count("std").confirmed, sale.available("std")) == (1, 0, 9)
    sale.now_ms = START_MS + PAYMENT_MS - 1
    assert sale.expire() == []
    sale.now_ms += 1
    assert [type(fact) for fact in sale.expire()] == [HoldExpired]
    assert sale.available("std") == 10


def test_money_confirms_what_is_being_paid_and_again_changes_nothing() -> None:
    sale = Counter()
    held = sale.hold()
    sale.begin(held.id)
    assert reservation(sale.finish(held.id)).status is Status.CONFIRMED
    facts = len(sale.facts)
    assert reservation(sale.finish(held.id)).status is Status.CONFIRMED
    assert reservation(sale.begin(held.id)).status is Status.CONFIRMED
    assert len(sale.facts) == facts
    assert isinstance(sale.facts[-1], ReservationPaid)


def test_money_that_has_confirmed_says_so_again_after_its_holder_has_cancelled() -> None:
    sale = Counter()
    paid = sale.paid()
    sale.cancel(paid)
    facts = len(sale.facts)
    assert reservation(sale.finish(paid)).status is Status.CANCELLED
    assert len(sale.facts) == facts


def test_a_failed_payment_gives_back_the_rest_of_the_holds_time_and_another_may_begin() -> None:
    sale = Counter()
    held = sale.hold()
    sale.begin(held.id)
    sale.now_ms += HOLD_MS - 1
    again = reservation(sale.fail(held.id))
    assert (again.status, again.expires_at_ms) == (Status.HELD, held.expires_at_ms)
    assert code(sale.begin(held.id)) is Code.WRONG_STATE, "the same payment does not begin twice"
    assert reservation(sale.begin(held.id, "p2")).status is Status.PAYING


def test_a_payment_that_has_begun_again_since_is_not_what_failed() -> None:
    sale = Counter()
    held = sale.hold()
    paying = reservation(sale.begin(held.id))
    before, own = (FailPayment(held.id, "p1", deadline_ms=paying.expires_at_ms - ms) for ms in (1, 0))
    assert reservation(sale.ask(before)) == paying
    assert reservation(sale.ask(own)).status is Status.HELD


def test_a_payment_that_fails_after_the_holds_end_frees_what_it_had() -> None:
    sale = Counter()
    held = sale.hold()
    sale.begin(held.id)
    sale.now_ms += HOLD_MS
    assert reservation(sale.fail(held.id)).status is Status.EXPIRED
    assert [type(fact) for fact in sale.facts[-2:]] == [PaymentFailed, HoldExpired]
    assert sale.available("std") == 10


@pytest.mark.parametrize("ask", [CancelReservation, lambda id_: ChangeHold(id_, FOUR)])
def test_what_is_being_paid_is_neither_changed_nor_cancelled(ask: object) -> None:
    sale = Counter()
    held = sale.hold()
    sale.begin(held.id)
    refusal = refused(sale.ask(ask(held.id)))  # type: ignore[operator]
    assert (refusal.code, refusal.facts) == (Code.WRONG_STATE, {"status": "paying"})


def test_no_payment_begins_on_what_is_gone_free_being_paid_or_past_its_deadline() -> None:
    sale = Counter()
    held = sale.hold()
    assert code(sale.begin(held.id, for_ms=0)) is Code.TOO_LATE
    sale.begin(held.id)
    assert code(sale.begin(held.id, "p2")) is Code.WRONG_STATE
    assert code(sale.begin("nothing")) is Code.NOT_FOUND
    sale.now_ms += PAYMENT_MS
    assert code(sale.begin(held.id, "p3")) is Code.HOLD_EXPIRED
    free = Sale(ticket_types=tuple([kind for kind in sale.state.types.values() if kind.code == "std"]))
    free.state.types["std"] = free.state.types["std"].__class__("std", "S", 10, 0)
    assert code(free.ask(BeginPayment(free.hold().id, "p1", free.now_ms + 1))) is Code.WRONG_STATE


def test_money_that_comes_late_takes_the_same_again_if_it_is_free() -> None:
    sale = Counter()
    held = sale.hold(FOUR)
    sale.begin(held.id)
    sale.now_ms += PAYMENT_MS
    sale.expire()
    after = reservation(sale.finish(held.id, amount=held.total))
    assert (after.status, after.lines) == (Status.CONFIRMED, held.lines)
    assert isinstance(sale.facts[-1], ReservationRetaken)
    assert (sale.count("std").confirmed, sale.available("std")) == (4, 6)


def test_money_that_comes_late_is_refused_what_others_have_by_then() -> None:
    sale = Counter()
    held = sale.hold(FOUR)
    sale.begin(held.id)
    sale.now_ms += PAYMENT_MS
    sale.hold((("std", 7),), BOB)
    assert code(sale.finish(held.id, amount=held.total)) is Code.HELD


def test_money_is_refused_by_what_was_released_costs_otherwise_or_is_paid_by_another() -> None:
    sale = Counter()
    first, second = sale.hold(), sale.hold(customer=BOB)
    sale.begin(first.id)
    assert code(sale.finish(first.id, amount=4499)) is Code.WRONG_STATE
    assert code(sale.finish(first.id, "p2")) is Code.WRONG_STATE
    sale.begin(second.id)
    sale.fail(second.id)
    sale.cancel(second.id)
    assert code(sale.finish(second.id)) is Code.WRONG_STATE


def test_a_cancelled_event_takes_no_late_money_and_what_was_being_paid_ends_released() -> None:
    sale = Counter()
    held = sale.hold()
    sale.begin(held.id)
    sale.ask(CancelEvent())
    assert refused(sale.finish(held.id)).facts == {"status": "released"}
    assert sale.state.ended[held.id].status is Status.RELEASED


@pytest.mark.parametrize(("paid", "said"), [(None, "cash"), ("card", "card"), ("free", "free")])
def test_the_box_office_sells_what_is_held_and_the_fact_says_whose_work_it_was(
    paid: str | None, said: str
) -> None:
    sale = Counter()
    held = sale.hold()
    assert reservation(sale.ask(SellReservation(held.id, "ann", paid))).status is Status.CONFIRMED  # type: ignore[arg-type]
    assert sale.facts[-1] == ReservationSold(START_MS, held.id, said, "ann")  # type: ignore[arg-type]


def test_a_payment_that_failed_has_no_say_in_what_the_box_office_sold_since() -> None:
    sale = Counter()
    held = sale.hold()
    sale.begin(held.id)
    undo = FailPayment(held.id, "p1", undo=True)
    assert reservation(sale.ask(undo)).status is Status.HELD
    sold = reservation(sale.ask(SellReservation(held.id, "ann", "cash")))
    again = reservation(sale.ask(undo))
    assert (again, sale.state.reservations[held.id]) == (sold, sold)
    assert (sold.status, sold.paid_by) == (Status.CONFIRMED, None)
    assert code(sale.begin(held.id)) is code(sale.finish(held.id)) is Code.WRONG_STATE


def test_nor_in_what_its_holder_confirmed_since_and_what_was_said_of_that_before_is_read_as_it_was() -> None:
    sale = Counter()
    held = sale.hold()
    sale.begin(held.id)
    sale.fail(held.id)
    sale.change(payment="none")
    assert reservation(sale.confirm(held.id)).paid_by is None
    for fact in (ReservationConfirmed(START_MS, held.id), ReservationSold(START_MS, held.id, "cash", "ann")):
        *before, _ = msgspec.to_builtins(fact)
        old = State()
        for told in (*sale.facts[:-2], msgspec.convert(before, type(fact))):
            evolve(old, told)
        assert old.reservations[held.id].paid_by == PaidBy("p1", held.expires_at_ms)


def test_where_nothing_is_due_the_box_office_confirms_as_everybody_does() -> None:
    sale = Sale()
    held = sale.hold()
    sale.ask(SellReservation(held.id, "ann"))
    assert sale.facts[-1] == ReservationConfirmed(START_MS, held.id)


def test_one_ticket_of_four_is_given_back_and_no_line_grows() -> None:
    sale = Counter()
    paid = sale.paid(FOUR)
    three = (("std", 3),)
    assert reservation(sale.ask(ReduceReservation(paid, three, FOUR))).total == 3 * 4500
    assert sale.available("std") == 7
    assert code(sale.ask(ReduceReservation(paid, FOUR, three))) is Code.INVALID
    assert code(sale.ask(ReduceReservation(paid, (), three))) is Code.INVALID
    assert code(sale.ask(ReduceReservation(paid, three, FOUR))) is Code.STALE, "another was first"


def test_the_operator_voids_what_is_confirmed_whatever_the_policy_says() -> None:
    sale = Sale()
    bought = sale.buy()
    assert code(sale.cancel(bought.id)) is Code.TOO_LATE
    assert reservation(sale.ask(VoidReservation(bought.id))).status is Status.CANCELLED
    assert isinstance(sale.facts[-1], ReservationVoided)
    assert code(sale.ask(VoidReservation(sale.hold().id))) is Code.WRONG_STATE
