"""Creating a restaurant, and changing it while reservations stand."""

from typing import Any

import pytest

from domain.messages import Code
from domain.restaurant import State, decide
from domain.restaurant_change import AFFECTED_SHOWN_MAX
from domain.restaurant_messages import (
    CreateRestaurant,
    HoldTable,
    Join,
    RestaurantChanged,
    SearchTables,
    Service,
    SpecialDay,
    StayOfParty,
    Table,
)
from domain.restaurant_terms import BOUNDS, flaws
from tests.unit.dining import (
    LUNCH_AND_DINNER,
    NOON_MS,
    TABLES,
    TODAY,
    Dining,
    at,
    code,
    path,
    refused,
    reservation,
    restaurant,
    restaurant_terms,
)

T2, T4, T4B, T6 = TABLES


def retired(table: Table) -> Table:
    return Table(table.id, table.number, table.smallest, table.largest, active=False)


# --- terms --------------------------------------------------------------------------------------------


def test_the_defaults_are_sound() -> None:
    assert flaws(restaurant_terms()) == ()


@pytest.mark.parametrize("name", BOUNDS)
def test_every_number_has_its_bounds(name: str) -> None:
    least, most = BOUNDS[name]
    for value, wrong in ((least - 1, True), (least, False), (most, False), (most + 1, True)):
        partner = {"party_smallest": {"party_largest": 500}, "party_largest": {"party_smallest": 1}}
        terms = restaurant_terms(**{name: value} | partner.get(name, {}))
        assert (name in dict(flaws(terms))) is wrong, value


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"slot_grid_minutes": 25}, "slot_grid_minutes"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"party_smallest": 4, "party_largest": 3}, "party_largest"),
        ({"tables": ()}, "tables"),
        ({"tables": (T2, T2), "joins": ()}, "tables"),
        ({"tables": (Table("a", "1", 3, 2),), "joins": ()}, "tables[0]"),
        ({"tables": (Table("a", "1", 0, 2),), "joins": ()}, "tables[0]"),
        ({"joins": (Join(("t4", "none"), 5, 8),)}, "joins[0].tables"),
        ({"joins": (Join(("t4", "t4"), 5, 8),)}, "joins[0].tables"),
        ({"joins": (Join(("t4",), 5, 8),)}, "joins[0].tables"),
        ({"joins": (Join(("t4", "t4b"), 8, 5),)}, "joins[0]"),
        ({"joins": (Join(("t4", "t4b"), 5, 8), Join(("t4b", "t4"), 5, 7))}, "joins"),
        ({"services": (Service(7, 0, 60),)}, "services[0].weekday"),
        ({"services": (Service(0, 60, 60),)}, "services[0]"),
        ({"services": (Service(0, 1440, 1500),)}, "services[0]"),
        ({"services": (Service(0, 60, 2881),)}, "services[0]"),
        ({"services": (Service(0, 60, 120), Service(0, 119, 180))}, "services"),
        ({"special_days": (SpecialDay(TODAY), SpecialDay(TODAY))}, "special_days"),
        ({"special_days": (SpecialDay(-1),)}, "special_days[0].date"),
        ({"special_days": (SpecialDay(TODAY, ((60, 50),)),)}, "special_days[0].services"),
        ({"special_days": (SpecialDay(TODAY, ((60, 90), (80, 120))),)}, "special_days[0].services"),
        ({"stays": (StayOfParty(4, 90), StayOfParty(2, 120))}, "stays"),
        ({"stays": (StayOfParty(2, 14),)}, "stays[0]"),
    ],
)
def test_terms_that_do_not_fit_together_are_refused_with_the_place(
    changes: dict[str, Any], wrong: str
) -> None:
    state = State()
    reply, facts = decide(state, CreateRestaurant("x", restaurant_terms(**changes)), NOON_MS)
    assert path(reply) == wrong
    assert facts == ()


def test_services_may_touch_and_end_with_the_next_day() -> None:
    assert flaws(restaurant_terms(services=(Service(0, 60, 120), Service(0, 120, 2880)))) == ()


def test_a_restaurant_is_created_once() -> None:
    assert code(Dining().ask(CreateRestaurant("x2", restaurant_terms()))) is Code.WRONG_STATE


@pytest.mark.parametrize("command", [SearchTables(TODAY, 2), HoldTable("r", TODAY, 1140, 2, b"", b"")])
def test_before_that_there_is_none(command: SearchTables | HoldTable) -> None:
    assert code(decide(State(), command, NOON_MS)[0]) is Code.NOT_FOUND


# --- changes ------------------------------------------------------------------------------------------


def test_a_change_raises_the_version_and_one_that_changes_nothing_does_not() -> None:
    dining = Dining()
    assert restaurant(dining.change(name="Another")).version == 2
    assert restaurant(dining.change(name="Another")).version == 2


def test_a_change_meant_for_another_version_is_stale() -> None:
    dining = Dining()
    dining.change(if_version=1, name="Another")
    no = refused(dining.change(if_version=1, name="A third"))
    assert (no.code, no.facts) == (Code.STALE, {"version": 2})


def test_tables_are_added_changed_and_removed() -> None:
    dining = Dining()
    dining.change(tables=(Table("t8", "8", 4, 8), Table("t2", "1a", 1, 3)), removed_tables=("t4",), joins=())
    assert restaurant(dining.change()).terms.tables == (
        Table("t2", "1a", 1, 3),
        T4B,
        T6,
        Table("t8", "8", 4, 8),
    )
    assert dining.hold(party_size=8).tables == ("t8",)
    assert path(dining.change(removed_tables=("t4",))) == "removed_tables"
    assert path(dining.change(removed_tables=("t2",), tables=(T2,))) == "removed_tables"


def test_a_table_that_may_be_joined_stays_or_its_joins_go_too() -> None:
    dining = Dining()
    assert path(dining.change(removed_tables=("t4",))) == "joins[0].tables"
    dining.change(tables=(retired(T4),))
    assert code(dining.place(party_size=8)) is Code.INVALID


@pytest.mark.parametrize(
    "change",
    [
        {"tables": (retired(T2),)},
        {"removed_tables": ("t2",)},
        {"tables": (Table("t2", "1", 1, 1),)},
    ],
)
def test_a_table_that_goes_or_shrinks_under_a_reservation_is_in_use(change: dict[str, Any]) -> None:
    dining = Dining()
    second = dining.book("19:00", table_id="t2")
    first = dining.hold("17:00", table_id="t2")
    no = refused(dining.change(**change))
    assert (no.code, no.reservations, no.facts) == (Code.IN_USE, (first.id, second.id), {"live": 2})
    dining.cancel(first), dining.cancel(second)
    assert restaurant(dining.change(**change)).version == 2


def test_asked_to_the_restaurant_moves_them_to_other_tables() -> None:
    dining = Dining()
    booked, held = dining.book("19:00", table_id="t2"), dining.hold("17:00", table_id="t2")
    reply = restaurant(dining.change(move=True, removed_tables=("t2",)))
    assert [(one.id, one.tables, one.start_ms) for one in reply.moved] == [
        (held.id, ("t4",), held.start_ms),
        (booked.id, ("t4",), booked.start_ms),
    ]
    assert isinstance(dining.facts[-3], RestaurantChanged)
    assert "t2" not in {table for one in dining.state.reservations.values() for table in one.tables}


def test_they_can_be_moved_to_a_table_that_comes_with_the_same_change() -> None:
    dining = Dining(tables=(T2,), joins=())
    dining.book(table_id="t2")
    reply = restaurant(dining.change(move=True, removed_tables=("t2",), tables=(Table("new", "9", 1, 2),)))
    assert [one.tables for one in reply.moved] == [("new",)]
    assert code(dining.place()) is Code.TAKEN


def test_all_are_moved_or_none() -> None:
    dining = Dining(tables=(T2, T4), joins=())
    first, second = dining.book(table_id="t2"), dining.book(table_id="t4")
    third = dining.book("21:00", table_id="t2")
    assert refused(dining.change(move=True, removed_tables=("t2",))).reservations == (first.id, third.id)
    assert {one.tables for one in dining.state.reservations.values()} == {("t2",), ("t4",)}
    assert dining.status(second) == "confirmed"


def test_who_sits_is_not_moved() -> None:
    dining = Dining()
    seated = dining.dine(table_id="t2")
    assert refused(dining.change(move=True, removed_tables=("t2",))).reservations == (seated.id,)


@pytest.mark.parametrize(
    "change",
    [
        {"services": tuple(one for one in LUNCH_AND_DINNER if one.opens_minute < 1000)},
        {"special_days": (SpecialDay(TODAY),)},
        {"special_days": (SpecialDay(TODAY, ((19 * 60, 20 * 60 + 59),)),)},
        {"time_zone": "America/New_York"},
    ],
)
def test_hours_that_end_over_a_reservation_are_in_use(change: dict[str, Any]) -> None:
    dining = Dining()
    booked = dining.book("19:00")
    assert refused(dining.change(**change)).reservations == (booked.id,)
    assert refused(dining.change(move=True, **change)).reservations == (booked.id,)


def test_a_time_zone_with_the_same_clocks_may_take_the_place_of_another() -> None:
    dining = Dining()
    dining.book("19:00")
    assert restaurant(dining.change(time_zone="Europe/Vienna")).version == 2


def test_hours_may_change_around_reservations() -> None:
    dining = Dining()
    dining.book("19:00")
    dining.change(special_days=(SpecialDay(TODAY, ((19 * 60, 21 * 60),)),))
    assert code(dining.place("17:00")) is Code.SALES_CLOSED


def test_new_settings_leave_what_stands_as_it_is() -> None:
    dining = Dining()
    booked = dining.book("19:00", table_id="t2")
    dining.change(stay_minutes=60, buffer_minutes=30, slot_grid_minutes=30)
    assert dining.state.reservations[booked.id] == booked
    dining.hold("21:00", table_id="t2")
    dining.hold("17:30", table_id="t2")


def test_a_time_already_reserved_when_hours_were_other_does_not_hinder_the_next_change() -> None:
    dining = Dining()
    booked = reservation(dining.walk_in())
    assert booked.start_ms == NOON_MS
    dining.wait_until("2026-11-20 16:00")
    dining.walk_in()
    assert restaurant(dining.change(services=LUNCH_AND_DINNER[:-1])).version == 2


def test_of_very_many_in_the_way_the_first_are_named_and_all_counted() -> None:
    tables = tuple(Table(f"t{number}", str(number), 1, 2) for number in range(AFFECTED_SHOWN_MAX + 1))
    dining = Dining(tables=tables, joins=())
    for table in tables:
        dining.hold(table_id=table.id)
    no = refused(dining.change(special_days=(SpecialDay(TODAY),)))
    assert (len(no.reservations), no.facts) == (AFFECTED_SHOWN_MAX, {"live": AFFECTED_SHOWN_MAX + 1})


def test_summer_and_winter_a_restaurant_opens_by_its_own_clock() -> None:
    summer = Dining(now_ms=at("2026-06-19 12:00"))
    assert summer.hold("19:00", day=TODAY - 154).start_ms == at("2026-06-19 19:00")
