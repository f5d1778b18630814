"""What is wrong with a plan, on both sides of each bound; names and categories of its seats."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.seat_plan import (
    CATEGORIES_MAX,
    CATEGORY_MAX_CHARACTERS,
    COORDINATE_MAX,
    FLAWS_SHOWN_MAX,
    LABEL_MAX_CHARACTERS,
    ROW_MAX_SEATS,
    ROWS_MAX,
    SEATS_MAX,
    SECTIONS_MAX,
    Layout,
    Plan,
    Row,
    Seat,
    Section,
    flaws,
    override_flaws,
)

SEAT = Seat("1", "A")


def row_of(count: int, label: str = "1", category: str = "A") -> Row:
    return Row(label, tuple(Seat(str(number), category) for number in range(1, count + 1)))


def plan_of(*rows: Row) -> Plan:
    return Plan((Section("Main", rows),))


def of_seat(seat: Seat) -> Plan:
    return plan_of(Row("1", (seat,)))


def rows_of(count: int, seats: int) -> tuple[Row, ...]:
    one = row_of(seats)
    return tuple(replace(one, label=str(number)) for number in range(count))


def sections_of(count: int) -> Plan:
    return Plan(tuple(Section(str(number), (row_of(1),)) for number in range(count)))


def of_categories(count: int) -> Plan:
    return plan_of(Row("1", tuple(Seat(str(number), f"C{number}") for number in range(count))))


@pytest.mark.parametrize(
    ("at_the_bound", "beyond", "path"),
    [
        (sections_of(1), Plan(()), "sections"),
        (sections_of(SECTIONS_MAX), sections_of(SECTIONS_MAX + 1), "sections"),
        (plan_of(row_of(1)), plan_of(), "sections[0].rows"),
        (plan_of(row_of(1)), plan_of(row_of(0)), "sections[0].rows[0].seats"),
        (plan_of(row_of(ROW_MAX_SEATS)), plan_of(row_of(ROW_MAX_SEATS + 1)), "sections[0].rows[0].seats"),
        (plan_of(*rows_of(ROWS_MAX, 1)), plan_of(*rows_of(ROWS_MAX + 1, 1)), "sections"),
        (
            plan_of(*rows_of(SEATS_MAX // 400, 400)),
            plan_of(*rows_of(SEATS_MAX // 400, 400), row_of(1, "last")),
            "sections",
        ),
        (of_categories(CATEGORIES_MAX), of_categories(CATEGORIES_MAX + 1), "sections"),
        (
            of_seat(Seat("x" * LABEL_MAX_CHARACTERS, "A")),
            of_seat(Seat("x" * (LABEL_MAX_CHARACTERS + 1), "A")),
            "sections[0].rows[0].seats[0].label",
        ),
        (of_seat(SEAT), of_seat(Seat("", "A")), "sections[0].rows[0].seats[0].label"),
        (
            of_seat(Seat("1", "c" * CATEGORY_MAX_CHARACTERS)),
            of_seat(Seat("1", "c" * (CATEGORY_MAX_CHARACTERS + 1))),
            "sections[0].rows[0].seats[0].category",
        ),
        (of_seat(SEAT), of_seat(Seat("1", "")), "sections[0].rows[0].seats[0].category"),
        (
            of_seat(Seat("1", "A", COORDINATE_MAX, -COORDINATE_MAX)),
            of_seat(Seat("1", "A", COORDINATE_MAX + 1)),
            "sections[0].rows[0].seats[0].x",
        ),
        (
            of_seat(Seat("1", "A", -COORDINATE_MAX, COORDINATE_MAX)),
            of_seat(Seat("1", "A", 0, -COORDINATE_MAX - 1)),
            "sections[0].rows[0].seats[0].y",
        ),
        (
            of_seat(Seat("1", "A", accessible=True)),
            of_seat(Seat("1", "A", accessible=True, companion=True)),
            "sections[0].rows[0].seats[0].companion",
        ),
    ],
)
def test_a_plan_at_a_bound_is_sound_and_one_beyond_it_is_not(
    at_the_bound: Plan, beyond: Plan, path: str
) -> None:
    assert flaws(at_the_bound) == ()
    assert [where for where, _ in flaws(beyond)] == [path]


@pytest.mark.parametrize("label", ["a/b", " a", "a ", "a\tb", "a\0", "\n"])
def test_a_label_is_fit_to_be_part_of_a_seat_s_name(label: str) -> None:
    plan = Plan((Section(label, (Row(label, (Seat(label, "A"),)),)),))
    assert [path for path, _ in flaws(plan)] == [
        "sections[0].label",
        "sections[0].rows[0].label",
        "sections[0].rows[0].seats[0].label",
    ]


@pytest.mark.parametrize("category", ["-A", "a b", "ä", "A\n"])
def test_a_category_s_code_is_as_a_ticket_type_s(category: str) -> None:
    assert flaws(of_seat(Seat("1", "A.b_c-9"))) == ()
    assert [path for path, _ in flaws(of_seat(Seat("1", category)))] == [
        "sections[0].rows[0].seats[0].category"
    ]


def test_labels_are_unique_within_their_parent_only() -> None:
    row = row_of(2)
    again = Plan((Section("S", (row, row)), Section("S", (Row("1", (SEAT, SEAT)),))))
    assert [path for path, _ in flaws(again)] == [
        "sections[1].label",
        "sections[0].rows[1].label",
        "sections[1].rows[0].seats[1].label",
    ]
    assert flaws(Plan((Section("S", (row,)), Section("T", (row,))))) == ()


def test_a_plan_with_countless_flaws_names_the_first_of_them() -> None:
    plan = plan_of(row_of(ROW_MAX_SEATS, category="?"))
    assert len(flaws(plan)) == FLAWS_SHOWN_MAX


def test_single_seats_of_an_event_get_categories_of_their_own() -> None:
    layout = Layout(
        plan_of(row_of(3), row_of(2, "2", "B")), (("VIP", ("Main/1/2", "Main/2/1")), ("B", ("Main/1/1",)))
    )
    assert [layout.category_of(number) for number in range(layout.size)] == ["B", "VIP", "A", "VIP", "B"]
    assert layout.categories == {"A": 1, "B": 2, "VIP": 2}


def test_overrides_name_known_seats_once_and_sound_categories() -> None:
    layout = Layout(plan_of(row_of(2)))
    assert override_flaws(layout, (("VIP", ("Main/1/1", "Main/1/2")),)) == ()
    wrong = (("VIP", ("Main/1/1", "Main/1/9", "Main", "")), ("a b", ("Main/1/1",)))
    assert [path for path, _ in override_flaws(layout, wrong)] == [
        "[0].seats[1]",
        "[0].seats[2]",
        "[0].seats[3]",
        "[1].category",
        "[1].seats[0]",
    ]


def test_overrides_and_plan_together_have_a_bounded_number_of_categories() -> None:
    layout = Layout(of_categories(CATEGORIES_MAX - 1))
    one, another = ("VIP", ("Main/1/1",)), ("BOX", ("Main/1/2",))
    assert override_flaws(layout, (one,)) == ()
    assert override_flaws(layout, (one, another)) == (("", f"At most {CATEGORIES_MAX} categories."),)


@pytest.mark.parametrize(
    "name", ["", "Main", "Main/1", "Main/1/3", "Main/2/1", "main/1/1", "Main/1/1/", "/1/1"]
)
def test_what_is_no_seat_s_name_has_no_number(name: str) -> None:
    assert Layout(plan_of(row_of(2))).number_of(name) is None
