"""What the best seats are, in rows drawn as text: `.` free, `x` taken, `|` an aisle, `W` accessible,
`C` a companion's, other letters free seats of that category, `*` what is given."""

from __future__ import annotations

import pytest

from domain.seat_map import BEST_MAX_SEATS, Fallback, SeatMap
from domain.seat_plan import Layout, Plan, Row, Seat, Section


def drawn(*rows: str) -> SeatMap:
    """The map of rows as they are drawn. `.`, `x`, `W` and `C` are of category A."""
    made, taken, number = [], [], 0
    for label, row in enumerate(rows):
        seats: list[Seat] = []
        for at, sign in enumerate(row):
            if sign != "|":
                category = sign if sign in "BD" else "A"
                aisle = row[at + 1 : at + 2] == "|"
                seats.append(Seat(str(at), category, at, 0, sign == "W", sign == "C", aisle))
                taken += [number] if sign == "x" else []
                number += 1
        made.append(Row(str(label), tuple(seats)))
    seat_map = SeatMap(Layout(Plan((Section("S", tuple(made)),))))
    seat_map.take(taken)
    return seat_map


def given(*rows: str, quantity: int, categories: tuple[str, ...] = (), **wish: object) -> list[str] | None:
    """The same rows with a `*` for each seat that was given."""
    best = drawn(*rows).best(categories, quantity, **wish)  # type: ignore[arg-type]
    if best is None:
        return None
    shown, number = [], 0
    for row in rows:
        signs = ""
        for sign in row:
            signs += "*" if sign != "|" and number in best else sign
            number += sign != "|"
        shown.append(signs)
    return shown


def test_the_group_sits_in_the_middle_of_the_first_row_that_has_room() -> None:
    assert given("x..xx..x", ".........", ".........", quantity=3) == ["x..xx..x", "...***...", "........."]


def test_of_two_places_as_near_to_the_middle_the_lower_one_is_given() -> None:
    assert given("..xxx..", quantity=2) == ["**xxx.."]


def test_an_aisle_parts_neighbours() -> None:
    assert given("..|..", "....", quantity=3, orphans=True) == ["..|..", "***."]


def test_a_single_seat_is_not_left_over_while_any_row_has_room_without() -> None:
    assert given("....", "....x", "......", quantity=3) == ["....", "....x", "***..."]


def test_a_single_seat_is_left_over_where_it_cannot_be_avoided() -> None:
    assert given("x....", "x....", quantity=3) == ["x***.", "x...."]


def test_a_single_seat_is_left_over_on_request() -> None:
    assert given("....", "...", quantity=3, orphans=True) == ["***.", "..."]


def test_a_seat_that_was_alone_before_is_no_orphan() -> None:
    assert given(".x...", "......", quantity=3) == [".x***", "......"]


def test_a_seat_of_another_category_is_not_orphaned_either() -> None:
    assert given("BAAA", "BBAAA", quantity=3, categories=("A",)) == ["BAAA", "BB***"]


def test_only_wanted_categories_are_given_and_a_group_may_span_them() -> None:
    assert given("..BB", "BBDD", quantity=3, categories=("B", "D")) is not None
    assert given("..BB", "BBDD", quantity=4, categories=("B", "D")) == ["..BB", "****"]
    assert given("..BB", quantity=4) == ["****"]
    assert given("..BB", quantity=4, categories=("B",)) is None
    assert given("..BB", quantity=1, categories=("unknown",)) is None


def test_a_group_that_no_row_seats_side_by_side_is_refused_or_sits_with_gaps() -> None:
    rows = ("xx.x.x", "x.x.x.x.x.x")
    assert given(*rows, quantity=4) is None
    assert given(*rows, quantity=4, fallback=Fallback.GAPS) == ["xx.x.x", "x*x*x*x*x.x"]
    assert given(*rows, quantity=4, fallback=Fallback.SPLIT) == ["xx.x.x", "x*x*x*x*x.x"]


def test_with_gaps_the_group_is_as_close_together_as_can_be() -> None:
    assert given(".x.xx.xx.x.x.", quantity=3, fallback=Fallback.GAPS) == [".x.xx.xx*x*x*"]


def test_a_group_that_fits_into_no_row_fills_those_with_most_seats_first() -> None:
    rows = ("..xx", "....", ".xx.", "..x.")
    assert given(*rows, quantity=8, fallback=Fallback.GAPS) is None
    assert given(*rows, quantity=8, fallback=Fallback.SPLIT) == ["..xx", "****", "*xx.", "**x*"]
    assert given(*rows, quantity=12, fallback=Fallback.SPLIT) is None


def test_accessible_and_companions_seats_are_kept_for_groups_that_ask_for_them() -> None:
    assert given("WC..", quantity=3, fallback=Fallback.SPLIT) is None
    assert given("WC..", quantity=2) == ["WC**"]


def test_a_group_with_accessible_seats_has_exactly_so_many_and_companions_seats_beside_them() -> None:
    assert given("....WC..", quantity=2, accessible=1) == ["....**.."]
    assert given("....WC..", quantity=4, accessible=1) == ["..****.."]
    assert given("WCWC...", quantity=3, accessible=1, orphans=True) == ["W***..."]
    assert given("WCWC...", quantity=4, accessible=2, orphans=True) == ["****..."]
    assert given("WCWC...", quantity=3, accessible=3) is None


def test_an_accessible_seat_away_from_the_others_is_had_with_gaps() -> None:
    assert given("W|..C.", quantity=2, accessible=1) is None
    assert given("W|..C.", quantity=2, accessible=1, fallback=Fallback.GAPS) == ["*|..*."]


def test_a_split_group_s_accessible_seat_keeps_a_companion() -> None:
    rows = ("WC", "xx..", "....")
    assert given(*rows, quantity=5, accessible=1, fallback=Fallback.SPLIT) == ["**", "xx..", "***."]


def test_what_is_given_is_not_taken_until_it_is_taken() -> None:
    seat_map = drawn("....")
    assert seat_map.best((), 2) == seat_map.best((), 2) == (0, 1)
    seat_map.take((0, 1))
    assert seat_map.best((), 2) == (2, 3)
    assert [seat_map.is_free(number) for number in range(4)] == [False, False, True, True]
    assert seat_map.free_count("A") == 2
    seat_map.take((2, 3))
    assert seat_map.best((), 1) is None
    seat_map.release((1, 2))
    assert seat_map.best((), 2) == (1, 2)


@pytest.mark.parametrize(
    ("quantity", "accessible"), [(0, 0), (-1, 0), (BEST_MAX_SEATS + 1, 0), (2, 3), (2, -1)]
)
def test_a_group_beyond_the_bounds_has_no_seats(quantity: int, accessible: int) -> None:
    assert drawn("W" * 10 + "." * 100).best((), quantity, accessible, Fallback.SPLIT) is None
    assert drawn("." * 100).best((), BEST_MAX_SEATS) is not None


def test_seats_taken_twice_or_given_back_while_free_are_a_bug() -> None:
    seat_map = drawn("..")
    with pytest.raises(AssertionError):
        seat_map.release((0,))
    seat_map.take((0,))
    with pytest.raises(AssertionError):
        seat_map.take((0,))
