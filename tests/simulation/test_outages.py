"""What excuses a hold that ends late, and for how long."""

from tests.simulation.outages import LATE_MAX_S, Outages


def test_an_outage_moves_the_deadline_to_its_own_end_and_two_seconds() -> None:
    outages = Outages()
    outages.note("timer:0", 9.0, 15.0)
    assert outages.deadline_s(["timer:0"], 10.0) == 15.0 + LATE_MAX_S


def test_outages_of_other_parts_and_those_before_the_end_or_after_the_deadline_move_nothing() -> None:
    outages = Outages()
    outages.note("timer:1", 9.0, 15.0)
    outages.note("timer:0", 5.0, 9.9)
    outages.note("timer:0", 12.1, 15.0)
    assert outages.deadline_s(["timer:0", "pool:0"], 10.0) == 10.0 + LATE_MAX_S


def test_outages_one_after_the_other_move_it_together_however_they_were_noted() -> None:
    outages = Outages()
    outages.note("pool:0", 15.0, 16.0)
    outages.note("store", 9.0, 14.0)
    assert outages.deadline_s(["store", "pool:0"], 10.0) == 16.0 + LATE_MAX_S


def test_where_clocks_may_be_off_a_part_may_go_away_so_much_later_and_still_be_the_reason() -> None:
    outages = Outages()
    outages.note("timer:0", 12.5, 14.0)
    assert outages.deadline_s(["timer:0"], 10.0, skew_s=0.0) == 10.0 + LATE_MAX_S
    assert outages.deadline_s(["timer:0"], 10.0, skew_s=1.0) == 14.0 + LATE_MAX_S + 1.0


def test_an_outage_that_is_over_sooner_than_planned_counts_only_until_then() -> None:
    outages = Outages()
    outages.note("store", 9.0, 14.0).over(11.0)
    assert outages.deadline_s(["store"], 10.0) == 11.0 + LATE_MAX_S
