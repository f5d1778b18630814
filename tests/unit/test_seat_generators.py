"""Plans that are made: a block and a bowl."""

from __future__ import annotations

import pytest

from domain.seat_generators import PITCH_LENGTH_CM, PITCH_WIDTH_CM, Tier, block, bowl
from domain.seat_plan import Layout, Plan, Seat, flaws


def all_seats(plan: Plan) -> list[Seat]:
    return [seat for section in plan.sections for row in section.rows for seat in row.seats]


def test_a_block_has_rows_times_seats_and_categories_by_row() -> None:
    plan = block("Stalls", 6, 4, (("front", 2), ("middle", 4), ("back", 5)))
    assert flaws(plan) == ()
    assert Layout(plan).categories == {"front": 8, "middle": 8, "back": 8}
    (section,) = plan.sections
    assert section.label == "Stalls"
    assert [row.label for row in section.rows] == ["1", "2", "3", "4", "5", "6"]
    assert [row.seats[0].category for row in section.rows] == ["front"] * 2 + ["middle"] * 2 + ["back"] * 2


def test_a_block_s_aisles_part_neighbours_and_are_as_wide_as_a_seat() -> None:
    row = block("Stalls", 1, 4, aisles=(2,)).sections[0].rows[0]
    assert [seat.aisle_after for seat in row.seats] == [False, True, False, False]
    assert [seat.x for seat in row.seats] == [0, 50, 150, 200]


def test_the_last_row_of_a_block_begins_with_pairs_of_accessible_and_companion_seats() -> None:
    layout = Layout(block("Stalls", 3, 5, accessible=2))
    assert [layout.name_of(number) for number in sorted(layout.accessible)] == ["Stalls/3/1", "Stalls/3/3"]
    assert [layout.name_of(number) for number in sorted(layout.companion)] == ["Stalls/3/2", "Stalls/3/4"]


TIERS = (Tier("A", 8, 10, 20, 1, ("gold", "silver"), 2), Tier("B", 12, 5, 30))


def test_a_bowl_has_the_seats_that_its_tiers_say_in_sectors_that_share_the_categories() -> None:
    plan = bowl(TIERS)
    assert flaws(plan) == ()
    assert [section.label for section in plan.sections][:9] == [
        *(f"A-{sector}" for sector in range(1, 9)),
        "B-1",
    ]
    assert len(plan.sections) == 20
    layout = Layout(plan)
    assert layout.size == sum(tier.size for tier in TIERS) == 8 * (200 + 45) + 12 * 150
    assert layout.categories == {"gold": 980, "silver": 980, "standard": 1800}
    assert len(layout.accessible) == len(layout.companion) == 16
    assert [len(row.seats) for row in plan.sections[0].rows] == list(range(20, 30))


def test_a_bowl_s_seats_lie_round_the_pitch_and_no_two_in_one_place() -> None:
    seats = all_seats(bowl(TIERS))
    assert len({(seat.x, seat.y) for seat in seats}) == len(seats)
    assert not any(abs(seat.x) < PITCH_LENGTH_CM / 2 and abs(seat.y) < PITCH_WIDTH_CM / 2 for seat in seats)


@pytest.mark.parametrize("make", [lambda: block("S", 3, 7, accessible=1), lambda: bowl(TIERS)])
def test_the_same_is_made_each_time(make: object) -> None:
    assert callable(make)
    assert make() == make()
