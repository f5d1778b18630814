"""Deposits of tables: what is due, how it is paid, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from domain.event_messages import (
    BeginPayment,
    FailPayment,
    FinishPayment,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationPaid,
    ReservationSold,
    ReservationVoided,
    SellReservation,
    Status,
    VoidReservation,
)
from domain.messages import Code, Rejected
from domain.restaurant_messages import (
    CancelRestaurant,
    Deposit,
    NoShowMarked,
    RestaurantReplies,
    StayCompleted,
    TableReservation,
    TableRetaken,
)
from domain.restaurant_terms import DEPOSIT_MAX, PARTY_MAX_PERSONS
from tests.unit.dining import Dining, code, refused, reservation

COVER = Deposit(500, "EUR")
PAYMENT_MS = 2_000_000


class Paying(Dining):
    """A restaurant that wants a deposit."""

    def __init__(self, deposit: Deposit | None = COVER, **terms: Any) -> None:
        super().__init__(deposit=deposit, **terms)

    def begin(self, reservation_id: str, payment: str = "p1", for_ms: int = PAYMENT_MS) -> RestaurantReplies:
        return self.ask(BeginPayment(reservation_id, payment, self.now_ms + for_ms))

    def finish(self, reservation_id: str, amount: int, payment: str = "p1") -> RestaurantReplies:
        return self.ask(FinishPayment(reservation_id, payment, amount))

    def paid(self, size: int = 2) -> TableReservation:
        held = self.hold(party_size=size)
        self.begin(held.id)
        return reservation(self.finish(held.id, held.deposit))


@pytest.mark.parametrize(
    ("deposit", "size", "due"),
    [
        (None, 2, 0),
        (COVER, 2, 1_000),
        (COVER, 4, 2_000),
        (Deposit(700, "EUR", "reservation"), 4, 700),
        (Deposit(500, "EUR", "cover", 3), 2, 0),
        (Deposit(500, "EUR", "cover", 3), 3, 1_500),
    ],
)
def test_a_hold_costs_what_the_settings_say_of_its_party(
    deposit: Deposit | None, size: int, due: int
) -> None:
    held = Paying(deposit).hold(party_size=size)
    assert (held.deposit, held.currency) == (due, "EUR" if due else "")


def test_a_holder_does_not_just_confirm_what_has_a_deposit_and_does_what_has_none() -> None:
    dining = Paying(Deposit(500, "EUR", "cover", 3))
    refusal = refused(dining.confirm(dining.hold(party_size=3)))
    assert (refusal.code, refusal.facts) == (Code.PAYMENT_DUE, {"total": 1_500, "currency": "EUR"})
    free = dining.hold(party_size=2)
    assert reservation(dining.confirm(free)).status is Status.CONFIRMED


def test_money_confirms_a_table_and_again_changes_nothing() -> None:
    dining = Paying()
    held = dining.hold()
    paying = reservation(dining.begin(held.id))
    assert (paying.status, paying.expires_at_ms) == (Status.PAYING, dining.now_ms + PAYMENT_MS)
    assert reservation(dining.finish(held.id, held.deposit)).status is Status.CONFIRMED
    facts = len(dining.facts)
    assert reservation(dining.finish(held.id, held.deposit)).status is Status.CONFIRMED
    assert len(dining.facts) == facts
    assert isinstance(dining.facts[-1], ReservationPaid)
    assert dining.state.reservations[held.id].expires_at_ms > held.end_ms


def test_while_it_is_being_paid_a_table_is_neither_moved_nor_cancelled_and_is_on_hold_for_others() -> None:
    dining = Paying()
    held = dining.hold(table_id="t2")
    dining.begin(held.id)
    assert code(dining.cancel(held)) is Code.WRONG_STATE
    assert code(dining.move(held, party_size=1)) is Code.WRONG_STATE
    assert code(dining.place(table_id="t2")) is Code.HELD


def test_a_failed_payment_gives_back_the_rest_of_the_holds_time_or_ends_it() -> None:
    dining = Paying(hold_duration_s=900)
    held = dining.hold()
    dining.begin(held.id)
    again = reservation(dining.ask(FailPayment(held.id, "p1")))
    assert (again.status, again.expires_at_ms) == (Status.HELD, held.expires_at_ms)
    dining.begin(held.id, "p2")
    dining.now_ms += 900_000
    assert reservation(dining.ask(FailPayment(held.id, "p2"))).status is Status.EXPIRED


def expired(dining: Paying) -> TableReservation:
    held = dining.hold(table_id="t2")
    dining.begin(held.id)
    dining.now_ms += PAYMENT_MS
    dining.look()
    return held


def test_late_money_takes_the_same_table_again_if_it_is_free() -> None:
    dining = Paying()
    held = expired(dining)
    after = reservation(dining.finish(held.id, held.deposit))
    assert (after.status, after.tables) == (Status.CONFIRMED, held.tables)
    assert isinstance(dining.facts[-1], TableRetaken)
    assert dining.state.reservations[held.id] == after


def test_late_money_is_refused_what_others_have_or_what_is_past_or_closed() -> None:
    dining = Paying()
    held = expired(dining)
    dining.hold(table_id="t2")
    assert code(dining.finish(held.id, held.deposit)) is Code.HELD
    late = Paying()
    held = expired(late)
    late.now_ms = held.start_ms
    assert code(late.finish(held.id, held.deposit)) is Code.WRONG_STATE
    gone = Paying()
    held = expired(gone)
    gone.ask(CancelRestaurant())
    assert code(gone.finish(held.id, held.deposit)) is Code.WRONG_STATE


@pytest.mark.parametrize(("paid", "deposit"), [(None, 1_000), ("card", 1_000), ("free", 0)])
def test_the_staff_take_a_deposit_or_waive_it(paid: Any, deposit: int) -> None:
    dining = Paying()
    held = dining.hold()
    assert reservation(dining.ask(SellReservation(held.id, "ann", paid))).deposit == deposit
    assert dining.facts[-1] == ReservationSold(dining.now_ms, held.id, paid or "cash", "ann")
    assert dining.state.reservations[held.id].deposit == deposit


@pytest.mark.parametrize("due", [True, False])
def test_a_payment_that_failed_has_no_say_in_what_was_confirmed_otherwise_since(due: bool) -> None:
    dining = Paying(Deposit(500, "EUR", "cover", 2))
    held = dining.hold(party_size=2)
    dining.begin(held.id)
    undo = FailPayment(held.id, "p1", undo=True)
    dining.ask(undo)
    if due:
        confirmed = reservation(dining.ask(SellReservation(held.id, "ann", "cash")))
    else:
        dining.move(held, party_size=1)
        confirmed = reservation(dining.confirm(held))
    assert reservation(dining.ask(undo)) == dining.state.reservations[held.id] == confirmed
    assert (confirmed.status, confirmed.paid_by) == (Status.CONFIRMED, None)


def test_where_nothing_is_due_the_staff_confirm_as_everybody_does() -> None:
    dining = Paying(None)
    held = dining.hold()
    dining.ask(SellReservation(held.id, "ann"))
    assert dining.facts[-1] == ReservationConfirmed(dining.now_ms, held.id)


def test_a_hold_of_more_covers_costs_more_and_what_is_confirmed_does_not_grow_beyond_its_deposit() -> None:
    dining = Paying()
    held = dining.hold(party_size=1)
    more = reservation(dining.move(held, party_size=2))
    assert more.deposit == 1_000
    dining.cancel(more)
    paid = dining.paid(2)
    refusal = refused(dining.move(paid, party_size=3))
    assert (refusal.code, refusal.facts["total"]) == (Code.PAYMENT_DUE, 1_500)
    smaller = reservation(dining.move(paid, party_size=1))
    assert (smaller.party_size, smaller.deposit) == (1, 1_000)
    assert reservation(dining.move(paid, party_size=2)).deposit == 1_000


def test_what_is_cancelled_in_time_or_by_the_staff_goes_back_in_full() -> None:
    dining = Paying(cancel_until_minutes=60)
    first, second = dining.paid(), dining.paid()
    dining.now_ms = first.start_ms - 60 * 60_000
    dining.cancel(first)
    assert dining.facts[-1] == ReservationCancelled(dining.now_ms, first.id, 0)
    dining.now_ms += 1
    assert code(dining.cancel(second)) is Code.TOO_LATE
    assert reservation(dining.ask(VoidReservation(second.id))).status is Status.CANCELLED
    assert isinstance(dining.facts[-1], ReservationVoided)
    held = dining.hold("21:00")
    assert code(dining.ask(VoidReservation(held.id))) is Code.WRONG_STATE


def test_a_no_shows_deposit_is_kept() -> None:
    dining = Paying()
    paid = dining.paid()
    dining.now_ms = paid.start_ms + 15 * 60_000
    after = reservation(dining.no_show(paid))
    assert dining.facts[-1] == NoShowMarked(dining.now_ms, paid.id, 1_000)
    assert after.paid_by is not None
    assert after.paid_by.kept == 1_000


@pytest.mark.parametrize(("after_visit", "kept"), [("settled", 1_000), ("returned", 0)])
@pytest.mark.parametrize("said", [True, False])
def test_who_was_there_has_it_settled_with_the_bill_or_returned(
    after_visit: Any, kept: int, said: bool
) -> None:
    dining = Paying(Deposit(500, "EUR", after_visit=after_visit))
    paid = dining.paid()
    dining.now_ms = paid.start_ms
    dining.seat(paid)
    if said:
        dining.complete(paid)
    else:
        dining.now_ms = paid.end_ms + 12 * 3_600_000
        dining.look()
    assert dining.facts[-1] == StayCompleted(dining.now_ms, paid.id, kept)


def test_a_cancelled_restaurant_gives_all_of_it_back() -> None:
    dining = Paying()
    paid, seated = dining.paid(), dining.paid()
    dining.now_ms = seated.start_ms
    dining.seat(seated)
    dining.ask(CancelRestaurant())
    dining.look()
    ends = {fact.reservation_id: fact for fact in dining.facts[-2:]}  # type: ignore[union-attr]
    assert ends[paid.id] == ReservationCancelled(dining.now_ms, paid.id, 0, by_operator=True)
    assert ends[seated.id] == StayCompleted(dining.now_ms, seated.id, 0)


@pytest.mark.parametrize(
    ("deposit", "sound"),
    [
        (Deposit(1, "EUR"), True),
        (Deposit(0, "EUR"), False),
        (Deposit(DEPOSIT_MAX, "EUR"), True),
        (Deposit(DEPOSIT_MAX + 1, "EUR"), False),
        (Deposit(1, "EUR", "cover", 0), False),
        (Deposit(1, "EUR", "cover", PARTY_MAX_PERSONS), True),
        (Deposit(1, "EUR", "cover", PARTY_MAX_PERSONS + 1), False),
    ],
)
def test_deposits_have_bounds(deposit: Deposit, sound: bool) -> None:
    assert isinstance(Paying(None).change(deposit=deposit), Rejected) is not sound
