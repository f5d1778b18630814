"""Another event's prices and blocked seats, taken over in one command."""

from __future__ import annotations

import pytest

from domain.event_messages import (
    CancelEvent,
    Copied,
    CopyFromEvent,
    EventChanged,
    SeatsBlocked,
    TicketType,
    TicketTypeChange,
)
from domain.event_operator import COPY_MAX_SEATS
from domain.messages import Code
from tests.unit.sale import BOB, Sale, code, event, refused, reservation
from tests.unit.seated import TYPES, Hall, seats_in

DEARER = tuple(
    TicketType(kind.code, "Theirs", 99, 2 * kind.price, categories=kind.categories) for kind in TYPES
)
BEST = TicketType("best", "Best", 2, 20_000, categories=("best",))


def prices(hall: Sale) -> dict[str, int]:
    return {kind.code: kind.price for kind in hall.state.types.values()}


def test_each_type_costs_what_it_costs_at_the_other_event_and_keeps_name_and_quota() -> None:
    hall = Hall()
    after = event(hall.ask(CopyFromEvent(Copied("EUR", DEARER))))
    assert prices(hall) == {"front": 18_000, "back": 10_000, "child": 5_000, "stand": 4_000}
    assert [(kind.name, kind.quota) for kind in after.terms.ticket_types] == [
        (kind.name, kind.quota) for kind in TYPES
    ]
    assert after.version == hall.state.version == 2


def test_a_type_that_only_the_other_has_is_added_and_one_that_only_this_has_stays() -> None:
    hall = Hall()
    hall.ask(CopyFromEvent(Copied("EUR", (BEST,), (("best", ("S/A/3", "S/A/4")),))))
    assert list(hall.state.types) == ["front", "back", "child", "stand", "best"]
    assert hall.available("best") == 2
    assert hall.available("front") == 4


def test_what_is_sold_stays_sold_at_its_price() -> None:
    hall = Hall()
    sold = hall.hold_seats((("front", 1),), "S/A/3")
    hall.confirm(sold.id)
    held = hall.hold_seats((("front", 1),), "S/A/4", customer=BOB)
    hall.ask(CopyFromEvent(Copied("EUR", (*DEARER, BEST), (("best", ("S/A/3", "S/A/4")),))))
    assert hall.state.reservations[sold.id].total == 9000
    assert hall.seats.holder("S/A/3") == sold.id
    assert reservation(hall.confirm(held.id)).total == 9000
    assert hall.available("best") == 0
    assert reservation(hall.place_seats((("front", 1),), "S/A/1")).total == 18_000


def test_a_seat_that_comes_free_later_is_of_its_new_category() -> None:
    hall = Hall()
    held = hall.hold_seats((("front", 1),), "S/A/3")
    hall.ask(CopyFromEvent(Copied("EUR", (BEST,), (("best", ("S/A/3", "S/A/4")),))))
    assert (hall.available("front"), hall.available("best")) == (4, 1)
    hall.cancel(held.id)
    assert (hall.available("front"), hall.available("best")) == (4, 2)
    assert seats_in(hall.hold_seats((("best", 2),))) == ["S/A/3", "S/A/4"]


def test_seats_get_their_plan_s_category_back_where_the_other_event_gives_them_none() -> None:
    hall = Hall()
    hall.ask(CopyFromEvent(Copied("EUR", (BEST,), (("best", ("S/A/3", "S/A/4")),))))
    hall.ask(CopyFromEvent(Copied("EUR", DEARER, ())))
    assert (hall.available("front"), hall.available("best")) == (6, 0)


def test_blocked_seats_are_blocked_here_too_beside_those_that_are_already() -> None:
    hall = Hall()
    hall.ask(CopyFromEvent(Copied("EUR", blocked=("S/A/1",))))
    after = event(hall.ask(CopyFromEvent(Copied("EUR", DEARER, (), ("S/A/1", "S/B/2", "S/B/2")))))
    assert hall.seats.blocked == {"S/A/1", "S/B/2"}
    assert hall.facts[-2:] == [
        EventChanged(hall.now_ms, after.terms),
        SeatsBlocked(hall.now_ms, ("S/B/2",), with_terms=True),
    ]
    assert (after.version, hall.state.version) == (4, 4)
    assert {count.code: count.available for count in after.counts} == {
        "front": 5,
        "back": 11,
        "child": 11,
        "stand": 20,
    }


def test_if_one_of_the_seats_is_taken_here_nothing_is_copied() -> None:
    hall = Hall()
    hall.hold_seats((("front", 1),), "S/A/2")
    no = refused(hall.ask(CopyFromEvent(Copied("EUR", DEARER, (), ("S/A/1", "S/A/2")))))
    assert (no.code, no.facts) == (Code.IN_USE, {"seat": "S/A/2", "live": 1})
    assert prices(hall)["front"] == 9000
    assert hall.seats.is_free("S/A/1")


def test_copying_again_changes_nothing() -> None:
    hall = Hall()
    hall.ask(CopyFromEvent(Copied("EUR", DEARER, (), ("S/A/1",))))
    before = len(hall.facts)
    assert event(hall.ask(CopyFromEvent(Copied("EUR", DEARER, (), ("S/A/1",))))).version == 3
    assert len(hall.facts) == before


@pytest.mark.parametrize(
    ("copied", "path"),
    [
        (None, "event_id"),
        (Copied("CHF", DEARER), "event_id"),
        (Copied("EUR", DEARER, (("best", ("S/Z/1",)),)), "seating.categories[0].seats[0]"),
        (Copied("EUR", blocked=("S/A/1", "S/Z/1")), "seats[1]"),
        (Copied("EUR", (BEST,)), "ticket_types[4].categories"),
        (
            Copied("EUR", tuple(TicketType(f"t{n}", "T", 1, 1) for n in range(97))),
            "ticket_types",
        ),
    ],
)
def test_what_does_not_fit_here_is_not_copied(copied: Copied | None, path: str) -> None:
    hall = Hall()
    no = refused(hall.ask(CopyFromEvent(copied)))
    assert (no.code, [at for at, _ in no.errors]) == (Code.INVALID, [path])
    assert len(hall.facts) == 1


def test_so_many_blocked_seats_are_copied_at_most() -> None:
    hall = Hall()
    event(hall.ask(CopyFromEvent(Copied("EUR", blocked=("S/A/1",) * COPY_MAX_SEATS))))
    no = refused(hall.ask(CopyFromEvent(Copied("EUR", blocked=("S/A/2",) * (COPY_MAX_SEATS + 1)))))
    assert (no.code, no.facts) == (
        Code.LIMIT_EXCEEDED,
        {"limit": COPY_MAX_SEATS, "requested": COPY_MAX_SEATS + 1},
    )


def test_an_event_without_seats_takes_prices_only() -> None:
    sale = Sale()
    dearer = TicketType("std", "Standard", 10, 9000)
    event(sale.ask(CopyFromEvent(Copied("EUR", (dearer,), (("best", ("S/A/1",)),)))))
    assert prices(sale)["std"] == 9000
    assert code(sale.ask(CopyFromEvent(Copied("EUR", DEARER)))) is Code.INVALID
    assert code(sale.ask(CopyFromEvent(Copied("EUR", blocked=("S/A/1",))))) is Code.INVALID


def test_blocks_alone_care_for_no_currency() -> None:
    hall = Hall()
    event(hall.ask(CopyFromEvent(Copied("CHF", blocked=("S/A/1",)))))
    assert hall.seats.blocked == {"S/A/1"}
    assert hall.facts[-1] == SeatsBlocked(hall.now_ms, ("S/A/1",))


def test_a_version_that_has_passed_is_stale_and_a_cancelled_event_takes_nothing() -> None:
    hall = Hall()
    assert code(hall.ask(CopyFromEvent(Copied("EUR", DEARER), if_version=2))) is Code.STALE
    event(hall.ask(CopyFromEvent(Copied("EUR", DEARER), if_version=1)))
    hall.ask(CancelEvent())
    assert code(hall.ask(CopyFromEvent(Copied("EUR", TYPES)))) is Code.WRONG_STATE


def test_no_type_can_be_changed_to_seats_of_a_category_that_there_is_not() -> None:
    hall = Hall()
    no = refused(hall.change(ticket_types=(TicketTypeChange("child", categories=("balcony",)),)))
    assert no.errors[0][0] == "ticket_types[2].categories"
    assert event(hall.change(ticket_types=(TicketTypeChange("child", categories=("front",)),))).version == 2


def test_no_quota_can_be_changed_to_more_than_there_are_seats() -> None:
    hall = Hall()
    no = refused(hall.change(ticket_types=(TicketTypeChange("front", quota=7),)))
    assert (no.code, no.errors[0][0]) == (Code.INVALID, "ticket_types[0].quota")
    assert event(hall.change(ticket_types=(TicketTypeChange("front", quota=6),))).version == 1
    assert event(hall.change(ticket_types=(TicketTypeChange("stand", quota=700),))).version == 2
