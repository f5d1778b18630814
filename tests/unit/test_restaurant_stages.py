"""Drafts, published, closed and cancelled restaurants: what each allows, and what a cancellation ends."""

from __future__ import annotations

from domain.event_messages import ConfirmReservation, PauseSale, Stage, Status
from domain.messages import Code
from domain.restaurant import admit, decide, definition, due, evolve, next_due_ms, restored
from domain.restaurant_messages import (
    CancelRestaurant,
    CloseRestaurant,
    DeleteRestaurant,
    PublishRestaurant,
    RestaurantDeleted,
    RestaurantPublished,
    SearchTables,
)
from tests.unit.dining import (
    BOB,
    TODAY,
    Dining,
    code,
    refused,
    reservation,
    restaurant,
)

DRAFT, PUBLISHED, CLOSED, CANCELLED = Stage


# --- what is taken in it ------------------------------------------------------------------------------


def test_a_draft_is_not_there_for_guests_and_takes_nothing_from_operators() -> None:
    dining = Dining(stage=DRAFT)
    assert code(dining.place()) is Code.NOT_FOUND
    assert code(dining.place(guest=False)) is Code.SALES_CLOSED
    assert code(dining.ask(SearchTables(TODAY, 2))) is Code.NOT_FOUND
    assert dining.search(guest=False).times == ()
    assert code(dining.walk_in()) is Code.SALES_CLOSED
    dining.ask(PublishRestaurant())
    assert reservation(dining.place())
    assert dining.search().times


def test_a_closed_restaurant_takes_nothing_new_and_keeps_what_is() -> None:
    dining = Dining()
    held, booked = dining.hold(), dining.book(customer=BOB)
    dining.ask(CloseRestaurant())
    for refusal in (dining.place(), dining.move(booked, "20:00"), dining.move(booked, party_size=4)):
        assert code(refusal) is Code.SALES_CLOSED
    assert code(dining.walk_in()) is Code.SALES_CLOSED
    assert dining.search().times == ()
    assert reservation(dining.extend(held))
    assert reservation(dining.confirm(held)).status is Status.CONFIRMED
    assert reservation(dining.move(booked, table_id="t4b")).tables == ("t4b",)
    assert reservation(dining.move(held, party_size=1)).party_size == 1
    assert reservation(dining.cancel(booked)).status is Status.CANCELLED
    dining.now_ms = held.start_ms
    assert reservation(dining.seat(held)).status is Status.SEATED
    assert reservation(dining.prolong(held, 15)).status is Status.SEATED


def test_while_paused_nothing_is_moved_to_another_time_either() -> None:
    dining = Dining()
    booked = dining.book()
    dining.ask(PauseSale())
    assert code(dining.move(booked, "20:00")) is Code.SALES_CLOSED
    assert reservation(dining.move(booked, table_id="t4")).tables == ("t4",)


def test_what_was_closed_takes_reservations_again_once_it_is_published() -> None:
    dining = Dining()
    dining.ask(CloseRestaurant())
    dining.ask(PublishRestaurant())
    assert reservation(dining.place())
    assert isinstance(dining.facts[-2], RestaurantPublished)


# --- cancelled for good -------------------------------------------------------------------------------


def evening() -> tuple[Dining, list[str]]:
    """A hold, a confirmed one and a seated party; and how each of them will end."""
    dining = Dining(cancel_until_minutes=1_440)
    dining.now_ms = dining.dine("17:00").start_ms
    dining.hold("20:00")
    dining.book("20:00", customer=BOB)
    return dining, ["completed", "released", "cancelled"]


def test_from_its_cancellation_on_nothing_of_a_restaurant_is_live() -> None:
    dining, ends = evening()
    found = list(dining.state.reservations.values())
    reply, facts = decide(dining.state, CancelRestaurant(), dining.now_ms)
    assert restaurant(reply).stage is CANCELLED
    for fact in facts:
        evolve(dining.state, fact)
    assert (dining.state.live, len(dining.state.reservations)) == (0, 3)
    assert next_due_ms(dining.state) == dining.state.last_fact_ms
    for one, end in zip(found, ends, strict=True):
        asked, nothing = decide(dining.state, ConfirmReservation(one.id), dining.now_ms)
        assert (refused(asked).facts, nothing) == ({"status": end}, ())


def test_what_a_cancelled_restaurant_had_ends_in_slices() -> None:
    dining, ends = evening()
    found = list(dining.state.reservations.values())
    dining.ask(CancelRestaurant())
    slices = []
    while facts := due(dining.state, dining.now_ms, 2):
        for fact in facts:
            evolve(dining.state, fact)
        slices.append(len(facts))
    assert slices == [2, 1]
    assert [dining.status(one) for one in found] == ends
    assert (dining.state.live, dining.state.reservations) == (0, {})
    assert next_due_ms(dining.state) is None
    assert all(not diary.entries for diary in dining.state.diaries.values())


def test_what_is_loaded_of_a_cancelled_restaurant_is_not_live_and_ends() -> None:
    dining, _ = evening()
    found = list(dining.state.reservations.values())
    dining.ask(CancelRestaurant())
    state = restored("x1", definition(dining.state), dining.state.last_fact_ms)
    for one in found:
        admit(state, one)
    assert (state.live, next_due_ms(state)) == (0, dining.state.last_fact_ms)
    assert len(due(state, dining.now_ms, 10)) == 3


def test_a_cancelled_restaurant_refuses_more() -> None:
    dining = Dining()
    dining.ask(CancelRestaurant())
    assert code(dining.place()) is Code.SALES_CLOSED
    assert code(dining.walk_in()) is Code.SALES_CLOSED
    assert dining.search().times == ()


# --- deleted ------------------------------------------------------------------------------------------


def test_a_restaurant_with_live_reservations_is_in_use() -> None:
    dining = Dining()
    held = dining.hold()
    refusal = refused(dining.ask(DeleteRestaurant()))
    assert (refusal.code, refusal.facts) == (Code.IN_USE, {"live": 1})
    dining.cancel(held)
    assert restaurant(dining.ask(DeleteRestaurant())).stage is CANCELLED
    assert isinstance(dining.facts[-1], RestaurantDeleted)


def test_what_is_deleted_is_not_there_for_anybody() -> None:
    dining = Dining()
    dining.ask(DeleteRestaurant())
    for reply in (
        dining.place(),
        dining.place(guest=False),
        dining.change(name="B"),
        dining.ask(PublishRestaurant()),
    ):
        assert code(reply) is Code.NOT_FOUND
    state = restored("x1", definition(dining.state), dining.state.last_fact_ms)
    assert (state.deleted, state.hidden) == (True, True)
