"""Drafts, published, closed and cancelled events: what each stage allows, and what a cancellation ends."""

from __future__ import annotations

import pytest

from domain.event import (
    State,
    admit,
    adopt,
    counts,
    decide,
    definition,
    describe,
    due,
    evolve,
    moves,
    next_due_ms,
    restored,
)
from domain.event_messages import (
    BlockSeats,
    CancelEvent,
    CancelReservation,
    CloseEvent,
    DeleteEvent,
    HoldReleased,
    PauseSale,
    PublishEvent,
    ReservationCancelled,
    Stage,
    Status,
    TicketType,
    TicketTypeChange,
)
from domain.messages import Code
from tests.unit.sale import ADA, BOB, START_MS, Sale, code, event, refused, reservation
from tests.unit.seated import Hall

DRAFT, PUBLISHED, CLOSED, CANCELLED = Stage


# --- what can be sold in it ---------------------------------------------------------------------------


def test_a_draft_is_not_there_for_guests_and_not_on_sale_for_operators() -> None:
    sale = Sale(DRAFT)
    assert code(sale.place()) is Code.NOT_FOUND
    assert code(sale.place(guest=False)) is Code.SALES_CLOSED
    sale.ask(PublishEvent())
    assert reservation(sale.place())


def test_a_closed_event_takes_no_new_holds_and_keeps_those_that_are() -> None:
    sale = Sale(cancel_until_ms=START_MS)
    held, bought = sale.hold((("std", 2),)), sale.buy()
    sale.ask(CloseEvent())
    assert code(sale.place()) is Code.SALES_CLOSED
    assert code(sale.change_lines(held.id, (("std", 3),))) is Code.SALES_CLOSED
    assert reservation(sale.change_lines(held.id, (("std", 1),)))
    assert reservation(sale.extend(held.id))
    assert reservation(sale.confirm(held.id)).status is Status.CONFIRMED
    assert reservation(sale.cancel(bought.id)).status is Status.CANCELLED


def test_holds_expire_while_the_event_is_closed() -> None:
    sale = Sale()
    held = sale.hold()
    sale.ask(CloseEvent())
    sale.now_ms = held.expires_at_ms
    assert code(sale.confirm(held.id)) is Code.HOLD_EXPIRED


def test_an_event_that_was_closed_can_be_sold_again() -> None:
    sale = Sale()
    sale.ask(CloseEvent())
    sale.ask(PublishEvent())
    assert reservation(sale.place())


# --- cancelling ---------------------------------------------------------------------------------------


def busy_sale() -> tuple[Sale, list[str]]:
    """Two confirmed for good, three holds."""
    sale = Sale(max_per_customer=10, one_per_customer=False)
    ids = [sale.buy().id, sale.buy((("vip", 1),), BOB).id]
    return sale, ids + [sale.hold((("std", 2),), who).id for who in (ADA, BOB, ADA)]


def test_from_its_cancellation_on_nothing_of_an_event_is_live() -> None:
    sale, _ = busy_sale()
    cancelled = event(sale.ask(CancelEvent()))
    assert (cancelled.stage, cancelled.reservations) == (CANCELLED, 0)
    assert {(kind.held, kind.confirmed, kind.available) for kind in cancelled.counts} == {(0, 0, 0)}
    assert cancelled == describe(sale.state)
    assert sale.state.live == 0
    assert code(sale.place()) is Code.SALES_CLOSED
    assert code(sale.place(guest=False)) is Code.SALES_CLOSED


def test_what_a_cancelled_event_had_ends_slice_by_slice_at_once() -> None:
    sale, ids = busy_sale()
    sale.ask(CancelEvent())
    ended = []
    while sale.state.reservations:
        assert next_due_ms(sale.state) == sale.state.last_fact_ms == sale.now_ms
        facts = due(sale.state, sale.now_ms, 2)
        assert 1 <= len(facts) <= 2
        for fact in facts:
            evolve(sale.state, fact)
        ended += facts
    assert next_due_ms(sale.state) is None
    assert due(sale.state, sale.now_ms, 2) == []
    assert [fact.reservation_id for fact in ended if isinstance(fact, ReservationCancelled)] == ids[:2]
    assert [fact.reservation_id for fact in ended if isinstance(fact, HoldReleased)] == ids[2:]
    assert {found.status for found in sale.state.ended.values()} == {Status.RELEASED, Status.CANCELLED}


def test_commands_behind_a_cancellation_in_its_batch_find_all_ended() -> None:
    """`decide` is asked before anything was due again."""
    sale, ids = busy_sale()
    sale.ask(CancelEvent())
    sale.expire = list  # type: ignore[method-assign]
    for reservation_id, status in ((ids[0], Status.CANCELLED), (ids[2], Status.RELEASED)):
        assert reservation(sale.cancel(reservation_id)).status is status
        refusal = refused(sale.confirm(reservation_id))
        assert (refusal.code, refusal.facts) == (Code.WRONG_STATE, {"status": status.value})
        assert code(sale.extend(reservation_id)) is Code.WRONG_STATE
        assert code(sale.change_lines(reservation_id, (("std", 1),))) is Code.WRONG_STATE
    assert len(sale.state.reservations) == 5


def test_a_hold_that_ran_out_before_the_cancellation_is_expired_not_released() -> None:
    sale, ids = busy_sale()
    sale.now_ms = sale.state.reservations[ids[2]].expires_at_ms
    sale.ask(CancelEvent())
    assert code(sale.confirm(ids[2])) is Code.HOLD_EXPIRED


def test_a_hold_that_would_run_out_later_is_released_however_late_that_is_said() -> None:
    sale, ids = busy_sale()
    sale.ask(CancelEvent())
    sale.now_ms = sale.state.reservations[ids[2]].expires_at_ms + 1
    sale.expire()
    assert sale.state.ended[ids[2]].status is Status.RELEASED


def test_a_cancelled_event_that_is_loaded_again_goes_on_ending() -> None:
    sale, ids = busy_sale()
    live = list(sale.state.reservations.values())
    terms = sale.state.terms
    assert terms is not None
    loaded = State()
    adopt(loaded, "e1", terms, 2, False, CANCELLED)
    loaded.last_fact_ms = START_MS
    for found in live:
        admit(loaded, found)
    assert counts(loaded) == tuple(
        c for c in counts(loaded) if (c.held, c.confirmed, c.available) == (0, 0, 0)
    )
    assert (loaded.live, loaded.customers, next_due_ms(loaded)) == (0, {}, START_MS)
    assert {fact.reservation_id for fact in due(loaded, START_MS, 9)} == set(ids)  # type: ignore[union-attr]


def test_a_paused_event_can_be_cancelled_and_a_cancelled_one_changed() -> None:
    sale, _ = busy_sale()
    sale.ask(PauseSale())
    sale.ask(CancelEvent())
    changed = event(sale.change(ticket_types=(TicketTypeChange("std", quota=0),), max_per_customer=None))
    assert (changed.paused, changed.stage, changed.counts[0].quota) == (True, CANCELLED, 0)
    assert event(sale.change(max_per_customer=1)) == describe(sale.state)
    assert sale.state.customers == {}


# --- deleting -----------------------------------------------------------------------------------------


def test_an_event_without_live_reservations_is_deleted_and_then_not_there() -> None:
    sale = Sale()
    sale.cancel(sale.hold().id)
    deleted = event(sale.ask(DeleteEvent()))
    assert (deleted.version, deleted.stage) == (2, CANCELLED)
    assert deleted == describe(sale.state)
    assert sale.state.hidden
    for command in (DeleteEvent(), PublishEvent(), PauseSale(), CancelReservation("r1")):
        assert code(sale.ask(command)) is Code.NOT_FOUND
    assert code(sale.place(guest=False)) is Code.NOT_FOUND
    assert sale.state.terms is not None
    loaded = restored("e1", definition(sale.state), START_MS)
    assert (loaded.deleted, describe(loaded)) == (True, describe(sale.state))


@pytest.mark.parametrize("confirmed", [True, False])
def test_what_is_live_keeps_an_event_from_being_deleted(confirmed: bool) -> None:
    sale = Sale()
    held = sale.hold()
    if confirmed:
        sale.confirm(held.id)
    refusal = refused(sale.ask(DeleteEvent()))
    assert (refusal.code, refusal.facts) == (Code.IN_USE, {"live": 1})


def test_a_cancelled_event_can_be_deleted_when_all_of_it_has_ended() -> None:
    sale, _ = busy_sale()
    sale.ask(CancelEvent())
    reply, _ = decide(sale.state, DeleteEvent(), sale.now_ms)
    assert code(reply) is Code.IN_USE
    assert event(sale.ask(DeleteEvent()))


# --- one for each customer ----------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [(("std", 1),), (("vip", 1),)])
def test_who_has_a_live_reservation_gets_no_second_one(lines: tuple[tuple[str, int], ...]) -> None:
    sale = Sale(one_per_customer=True)
    held = sale.hold((("std", 3),))
    assert code(sale.place(lines)) is Code.ALREADY_RESERVED
    sale.confirm(held.id)
    assert code(sale.place(lines)) is Code.ALREADY_RESERVED
    assert reservation(sale.place(lines, customer=BOB))


def test_it_is_said_before_sold_out_and_after_what_is_wrong_with_the_lines() -> None:
    sale = Sale(one_per_customer=True)
    sale.hold((("vip", 2),))
    assert code(sale.place((("vip", 1),))) is Code.ALREADY_RESERVED
    assert code(sale.place((("none", 1),))) is Code.INVALID
    assert code(sale.place((("vip", 1),), customer=BOB)) is Code.HELD


def test_who_has_released_cancelled_or_lost_a_reservation_may_make_another() -> None:
    sale = Sale(one_per_customer=True, cancel_until_ms=START_MS + 10**9)
    sale.cancel(sale.hold().id)
    sale.cancel(sale.buy().id)
    held = sale.hold()
    sale.now_ms = held.expires_at_ms - 1
    assert code(sale.place()) is Code.ALREADY_RESERVED
    sale.now_ms = held.expires_at_ms
    assert reservation(sale.place())


def test_ones_own_hold_may_grow() -> None:
    sale = Sale(one_per_customer=True)
    assert reservation(sale.change_lines(sale.hold().id, (("std", 3),))).quantity == 3


def test_the_policy_can_be_set_and_taken_back_while_the_event_sells() -> None:
    sale = Sale()
    sale.hold()
    sale.hold()
    sale.change(one_per_customer=True)
    assert code(sale.place()) is Code.ALREADY_RESERVED
    sale.change(one_per_customer=False)
    assert reservation(sale.place())


def test_it_goes_with_a_limit_of_tickets() -> None:
    sale = Sale(one_per_customer=True, max_per_customer=2)
    assert code(sale.place((("std", 3),))) is Code.LIMIT_EXCEEDED
    sale.hold((("std", 2),))
    sale.change(one_per_customer=False)
    assert code(sale.place()) is Code.LIMIT_EXCEEDED


# --- confirmed at once --------------------------------------------------------------------------------

FREE = (TicketType("std", "Standard", 2, 0), TicketType("vip", "Premium", 2, 1))


def test_what_costs_nothing_is_confirmed_at_once() -> None:
    sale = Sale(ticket_types=FREE)
    made = reservation(sale.place((("std", 2),), confirm=True))
    assert made.status is Status.CONFIRMED
    assert sale.state.reservations[made.id] == made
    assert (sale.count("std").confirmed, sale.count("std").held, next_due_ms(sale.state)) == (2, 0, None)
    assert code(sale.place(confirm=True)) is Code.SOLD_OUT


@pytest.mark.parametrize("guest", [True, False])
def test_what_costs_something_is_not_confirmed_at_once(guest: bool) -> None:
    sale = Sale(ticket_types=FREE)
    refusal = refused(sale.place((("std", 1), ("vip", 2)), guest=guest, confirm=True))
    assert (refusal.code, refusal.facts) == (Code.PAYMENT_DUE, {"total": 2, "currency": "EUR"})
    assert sale.state.reservations == {}
    assert reservation(sale.place((("vip", 2),))).status is Status.HELD


# --- with seats ---------------------------------------------------------------------------------------


def test_the_seats_of_a_cancelled_event_are_free_when_all_of_it_has_ended() -> None:
    hall = Hall()
    hall.buy((("front", 2), ("stand", 1)))
    hall.hold((("back", 3),), BOB)
    hall.ask(BlockSeats(("S-C-6",)))
    moves(hall.state)
    cancelled = event(hall.ask(CancelEvent()))
    assert cancelled == describe(hall.state)
    assert {kind.available for kind in cancelled.counts} == {0}
    assert moves(hall.state) == ()
    hall.expire()
    assert {(move.after, move.before is None) for move in moves(hall.state)} == {(None, False)}
    left = {kind.code: kind.seats_left for kind in counts(hall.state)}
    assert left == {"front": 0, "back": 0, "child": 0, "stand": None}
    assert {kind.available for kind in counts(hall.state)} == {0}
