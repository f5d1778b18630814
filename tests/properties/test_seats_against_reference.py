"""The best seats and the state behind them against the reference, on small plans that Hypothesis makes up."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.seat_map import Fallback, SeatMap
from domain.seat_plan import Layout, Plan, Row, Seat, Section, flaws
from tests.chance import many
from tests.properties.seat_reference import SlowMap, Wish

CODES = ("A", "B", "C")
ORDINARY, ACCESSIBLE, COMPANION = (False, False), (True, False), (False, True)
KINDS = st.sampled_from((ORDINARY,) * 6 + (ACCESSIBLE, COMPANION))
AISLES = st.sampled_from((False,) * 5 + (True,))


@st.composite
def seats(draw: st.DrawFn) -> tuple[Seat, ...]:
    """A row: mostly of one category, mostly ordinary seats."""
    usual = draw(st.sampled_from(CODES))
    categories = st.sampled_from((usual,) * 4 + CODES)
    return tuple(
        Seat(str(number), draw(categories), 0, 0, *draw(KINDS), draw(AISLES))
        for number in range(draw(st.integers(1, 10)))
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    return Plan(
        tuple(
            Section(
                f"S{section}", tuple(Row(str(row), draw(seats())) for row in range(draw(st.integers(1, 3))))
            )
            for section in range(draw(st.integers(1, 2)))
        )
    )


WISHES = st.builds(
    Wish,
    categories=st.lists(st.sampled_from((*CODES, "unknown")), max_size=3).map(tuple),
    quantity=st.integers(1, 7),
    accessible=st.sampled_from((0, 0, 0, 1, 2)),
    fallback=st.sampled_from(Fallback),
    orphans=st.booleans(),
)
CHANGES = st.lists(
    st.tuples(st.sampled_from(("take", "release", "take best")), st.sets(st.integers(0, 60)), WISHES)
)


def asked(seat_map: SeatMap, wish: Wish) -> tuple[int, ...] | None:
    return seat_map.best(wish.categories, wish.quantity, wish.accessible, wish.fallback, wish.orphans)


@settings(max_examples=many(400))
@given(plans(), CHANGES, st.lists(WISHES, min_size=1, max_size=4))
def test_the_best_seats_are_the_reference_s_after_any_history(
    plan: Plan, changes: list[tuple[str, set[int], Wish]], standing: list[Wish]
) -> None:
    """The wishes in `standing` are asked after every change: what was learned of a row must not go stale."""
    seat_map, slow = SeatMap(Layout(plan)), SlowMap(plan)
    for what, numbers, wish in changes:
        wanted = {place for place in slow.places if place.number in numbers}
        if what == "take best":
            best = asked(seat_map, wish)
            assert best == slow.best(wish)
            wanted = {slow.places[number] for number in best or ()}
        if what == "release":
            given_back = wanted - slow.free
            slow.free |= given_back
            seat_map.release([place.number for place in given_back])
        else:
            taken = wanted & slow.free
            slow.free -= taken
            seat_map.take([place.number for place in taken])
        for other in standing:
            assert asked(seat_map, other) == slow.best(other)


@settings(max_examples=many(100))
@given(plans(), CHANGES)
def test_what_is_free_and_how_much_of_each_category_is_what_was_not_taken(
    plan: Plan, changes: list[tuple[str, set[int], Wish]]
) -> None:
    seat_map, slow = SeatMap(Layout(plan)), SlowMap(plan)
    for what, numbers, wish in changes:
        asked(seat_map, wish)
        wanted = {place for place in slow.places if place.number in numbers}
        moved = wanted - slow.free if what == "release" else wanted & slow.free
        slow.free ^= moved
        (seat_map.release if what == "release" else seat_map.take)(place.number for place in moved)
        assert [seat_map.is_free(place.number) for place in slow.places] == [
            place in slow.free for place in slow.places
        ]
        left = Counter(place.category for place in slow.free)
        assert {code: seat_map.free_count(code) for code in CODES} == {code: left[code] for code in CODES}


@settings(max_examples=many(100))
@given(plans(), st.dictionaries(st.integers(0, 60), st.sampled_from((*CODES, "D")), max_size=5))
def test_a_layout_says_of_each_seat_what_the_plan_says(plan: Plan, chosen: dict[int, str]) -> None:
    assert flaws(plan) == ()
    plain = SlowMap(plan).places
    overrides = {plain[number].name: code for number, code in chosen.items() if number < len(plain)}
    layout = Layout(plan, tuple((code, (name,)) for name, code in overrides.items()))
    places = SlowMap(plan, overrides).places
    assert layout.size == len(places)
    for place in places:
        assert layout.name_of(place.number) == place.name
        assert layout.number_of(place.name) == place.number
        assert layout.category_of(place.number) == place.category
        assert layout.row_of[place.number] == place.row
        assert place.number in layout.seats_of_row(place.row)
    assert layout.categories == Counter(place.category for place in places)
    assert layout.accessible == {place.number for place in places if place.accessible}
    assert layout.companion == {place.number for place in places if place.companion}
