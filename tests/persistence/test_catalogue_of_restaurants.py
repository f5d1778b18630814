"""The list of restaurants against the slow and obvious way, on thousands of them in a real PostgreSQL."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import asyncpg
import msgspec
import pytest

from domain.catalogue import (
    ListedRestaurant,
    PartyWish,
    Place,
    RestaurantSort,
    WantedRestaurants,
    name_key,
    open_days,
    words_of,
)
from domain.event_messages import ConfirmReservation, PauseSale, Stage
from domain.restaurant import decide, describe, due, evolve
from domain.restaurant_messages import (
    ChangeRestaurant,
    HoldTable,
    RestaurantChange,
    RestaurantReply,
    Service,
    SpecialDay,
    TableReply,
)
from persistence import catalogue
from persistence.append_restaurant import array_of
from persistence.catalogue import page_of_restaurants
from persistence.migrate import migrate
from persistence.reads import READ_LIMITS, PostgresReads
from persistence.schema.restaurants import restaurants
from persistence.store import OwnerStore
from persistence.words import tsvector
from tests.brute_force import KnownRestaurant, listed_restaurants
from tests.persistence.restaurants import House, terms
from tests.persistence.sales import CONTACT, NOW_MS, new_id
from tests.persistence.servers import background_loop, throwaway_postgres
from tests.persistence.test_catalogue import execute, reading
from tests.persistence.test_schema import plan_of
from tests.persistence.worlds import PostgresWorld

RESTAURANTS = 4_000
MONDAY = 20_780
"""2026-11-23."""
NAMES = ["Osteria", "Zur Straße", "L'Été", "ØSTER", "Łódź", "da ada"]
ADDRESSES = ["Große Gasse 3", "12 Été Street", None]
CITIES = ["Zürich", "São Paulo", "New York", "York", None]
ORGANISERS = ["organiser 1", "organiser 2"]
TEXTS = ["Eine lange Nacht.", "Fish & more", None]
FILTERS: dict[str, list[object]] = {
    "text": [words_of("strasse"), words_of("FISH ete"), words_of("gasse"), words_of("!?")],
    "city": [words_of("york"), words_of("sao paulo")],
    "open_on": [MONDAY, MONDAY + 5, MONDAY + 6],
    "stage": [Stage.PUBLISHED, Stage.DRAFT, Stage.CANCELLED],
    "everything": [True],
    "organiser_id": ORGANISERS[:1],
}
SINGLE = [
    WantedRestaurants(**{name: value})  # type: ignore[arg-type]
    for name, values in FILTERS.items()
    for value in values
]
PAIRS = [
    WantedRestaurants(**{one: value, other: another})  # type: ignore[arg-type]
    for one, other in itertools.combinations(FILTERS, 2)
    for value in FILTERS[one]
    for another in FILTERS[other]
]
SAID = ["id", "version", "paused", "stage", "deleted", "created_ms", "name", "city", "organiser_id"]
COLUMNS = [*SAID, "name_key", "words", "weekdays", "special_open", "special_closed", "terms"]
CASTS = {"words": "::tsvector", "special_open": "::integer[]", "special_closed": "::integer[]"}


def some_restaurants(amount: int, seed: int) -> list[KnownRestaurant]:
    """Few names, cities and times, so that many are equal in what they are sorted by."""
    dice = random.Random(seed)
    return [_some_restaurant(dice) for _ in range(amount)]


def _some_restaurant(dice: random.Random) -> KnownRestaurant:
    weekdays = dice.choice([range(7), range(5), (5, 6), (), (0,)])
    special = dice.sample(range(MONDAY - 1, MONDAY + 8), dice.randint(0, 3))
    described = msgspec.structs.replace(
        terms(4),
        name=f"{dice.choice(NAMES)} {dice.choice(['', 'I', '２'])}".strip(),
        address=dice.choice(ADDRESSES),
        city=dice.choice(CITIES),
        organiser_id=dice.choice([None, *ORGANISERS]),
        description=dice.choice(TEXTS),
        services=tuple(Service(weekday, 600, 1_000) for weekday in weekdays),
        special_days=tuple(SpecialDay(day, dice.choice([(), ((600, 900),)])) for day in special),
    )
    stage = dice.choice([Stage.PUBLISHED, Stage.PUBLISHED, *Stage])
    reply = RestaurantReply(new_id(), described, 1, False, stage=stage)
    return KnownRestaurant(reply, NOW_MS - dice.randint(0, 500))


async def insert(url: str, known: list[KnownRestaurant]) -> None:
    """The rows as appends would have left them, all in one go."""
    owned = [(one.restaurant.id, "restaurant", "pool:0", 1, 1, 0, 0, one.created_ms) for one in known]
    columns = ["id", "kind", "owner", "epoch", "seq", "live", "live_reservations", "last_fact_ms"]
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.copy_records_to_table("inventories", columns=columns, records=owned)
            await connection.execute(
                "CREATE TEMP TABLE new_ones (LIKE restaurants) ON COMMIT DROP;"
                "ALTER TABLE new_ones ALTER words TYPE text, ALTER special_open TYPE text,"
                " ALTER special_closed TYPE text"
            )
            records = [_row(one) for one in known]
            await connection.copy_records_to_table("new_ones", columns=COLUMNS, records=records)
            cast = ", ".join(name + CASTS.get(name, "") for name in COLUMNS)
            await connection.execute(
                f"INSERT INTO restaurants ({', '.join(COLUMNS)}) SELECT {cast} FROM new_ones"
            )
    finally:
        await connection.close()


def _row(one: KnownRestaurant) -> tuple[object, ...]:
    shown = one.restaurant
    of, days = shown.terms, open_days(shown.terms)
    said = (shown.id, 1, False, shown.stage, False, one.created_ms, of.name, of.city, of.organiser_id)
    opens = (days.weekdays, array_of(days.special_open), array_of(days.special_closed))
    return (*said, name_key(of.name), tsvector(of), *opens, msgspec.json.encode(of).decode())


class Street:
    """A database and the restaurants in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.known: list[KnownRestaurant] = []

    async def add(self, known: list[KnownRestaurant]) -> None:
        self.known += known
        await insert(self.url, known)


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    with throwaway_postgres() as (url, _), background_loop() as run:
        run(migrate(url))
        made = Street(url)
        run(made.add(some_restaurants(RESTAURANTS, seed=1)))
        run(execute(url, "ANALYZE"))
        yield made


@pytest.fixture
async def reads(street: Street) -> AsyncIterator[PostgresReads]:
    async with reading(street.url) as made:
        yield made


async def paged(reads: PostgresReads, wanted: WantedRestaurants, limit: int = 500) -> list[ListedRestaurant]:
    found: list[ListedRestaurant] = []
    after: Place | None = None
    while True:
        page = await reads.restaurants(wanted, after, limit)
        found += page.found
        after = page.further
        if after is None:
            return found


async def agree(reads: PostgresReads, street: Street, wanted: WantedRestaurants) -> None:
    assert await paged(reads, wanted) == listed_restaurants(street.known, wanted), wanted


@pytest.mark.parametrize("sort", RestaurantSort)
async def test_each_filter_finds_what_the_obvious_one_finds_in_each_order(
    reads: PostgresReads, street: Street, sort: RestaurantSort
) -> None:
    for alone in (WantedRestaurants(), *SINGLE):
        await agree(reads, street, replace(alone, sort=sort))


async def test_each_pair_of_filters_finds_what_the_obvious_one_finds(
    reads: PostgresReads, street: Street
) -> None:
    found = 0
    for wanted in PAIRS:
        expected = listed_restaurants(street.known, wanted)
        assert await paged(reads, wanted) == expected, wanted
        found += bool(expected)
    assert found > len(PAIRS) * 0.6  # it was not all about nothing


@pytest.mark.parametrize("sort", RestaurantSort)
async def test_restaurants_that_are_added_while_pages_are_read_shift_nothing(
    database_url: str, sort: RestaurantSort
) -> None:
    street, wanted = Street(database_url), WantedRestaurants(everything=True, sort=sort)
    await street.add(some_restaurants(200, seed=2))
    before = {one.restaurant.id for one in street.known}
    seen: list[str] = []
    after: Place | None = None
    async with reading(database_url) as reads:
        while True:
            page = await reads.restaurants(wanted, after, 40)
            seen += [one.restaurant.id for one in page.found]
            after = page.further
            if after is None:
                break
            await street.add(some_restaurants(10, seed=len(seen)))
            if len(seen) > 1_500:
                break
    assert len(set(seen)) == len(seen)
    assert before <= set(seen)


async def some_house(store: OwnerStore, dice: random.Random, day: int, now_ms: int) -> KnownRestaurant:
    """Open for five times of an evening, some of which have gone; some holds there have run out by now."""
    of = msgspec.structs.replace(
        terms(*dice.choice([(2, 4), (4, 4, 2), (6,)])),
        name=dice.choice(NAMES),
        services=tuple(Service(weekday, 1_080, 1_260) for weekday in range(7)),
        covers_per_slot_max=dice.choice([None, None, 4]),
        time_zone=dice.choice(["UTC", "Europe/Rome", "Asia/Tokyo"]),
        days_ahead_max=dice.choice([2, 90, 90, 90]),
    )
    house = await House.opened(store, of, dice.choice([Stage.DRAFT, *[Stage.PUBLISHED] * 5]))
    house.now_ms = now_ms - 3_600_000
    for _ in range(dice.randint(0, 8)):
        minute, party = dice.choice([1_080, 1_095, 1_110, 1_140]), dice.randint(1, 6)
        hold = HoldTable(new_id(), day, minute, party, b"customer", CONTACT)
        if isinstance(decide(house.state, hold, house.now_ms)[0], TableReply):
            firm = [ConfirmReservation(hold.reservation_id)] * dice.randint(0, 1)
            await house.does(store, hold, *firm)
    if dice.random() < 0.1:
        await house.does(store, PauseSale())
    for fact in due(house.state, now_ms, 1_000):
        evolve(house.state, fact)
    return KnownRestaurant(describe(house.state), NOW_MS, house.state)


async def test_restaurants_with_a_table_are_those_whose_owners_give_one(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("persistence.reads.LOOKED_AT_MAX", 7)
    world = PostgresWorld(database_url)
    async with reading(database_url) as reads:
        now_ms = reads.now_ms()
        day = now_ms // 86_400_000 + 3
        store = world.store()
        known = [await some_house(store, random.Random(seed), day, now_ms) for seed in range(30)]
        found = []
        wishes = (
            PartyWish(day, 2),
            PartyWish(day, 4, 1_080, 1_080),
            PartyWish(day, 4, 1_081, 1_100),
            PartyWish(day, 7),
            PartyWish(day - 1, 5),
            PartyWish(day, 2, 0, 1_079),
            PartyWish(day + 87, 1),
        )
        for wish, sort in zip(wishes, itertools.cycle(RestaurantSort), strict=False):
            wanted = WantedRestaurants(free=wish, everything=True, sort=sort)
            expected = listed_restaurants(known, wanted, now_ms=now_ms)
            assert await paged(reads, wanted, 3) == expected, wish
            found.append(len(expected))
        assert len(set(found)) >= 5, found
        first = await reads.restaurants(WantedRestaurants(free=PartyWish(day, 2, 0, 1_079)), None, 3)
        assert first.found == []
        assert first.further is not None, "so many were looked at, and no more"
    await world.close()


@pytest.mark.parametrize("sort", RestaurantSort)
async def test_an_order_is_walked_along_its_index(street: Street, sort: RestaurantSort) -> None:
    place = Place("x" if sort.by == "name" else 1, new_id())
    wanted = WantedRestaurants(text=words_of("rare"), sort=sort)
    planner = await asyncpg.connect(street.url, server_settings=READ_LIMITS.server_settings("plans"))
    try:
        plan = await plan_of(planner, *page_of_restaurants(wanted, place, 50))
    finally:
        await planner.close()
    assert "restaurants_by_" in plan
    assert "Seq Scan" not in plan
    assert "Sort Key" not in plan


async def test_what_the_store_wrote_is_found_and_what_it_changed_is_found_anew(database_url: str) -> None:
    world = PostgresWorld(database_url)
    store = world.store()
    of = msgspec.structs.replace(terms(2), name="L'Été", address="''\\ :*|&!", services=(Service(0, 0, 60),))
    house = await House.opened(store, of)
    async with reading(database_url) as reads:

        async def ids(wanted: WantedRestaurants) -> list[str]:
            return [one.restaurant.id for one in (await reads.restaurants(wanted, None, 10)).found]

        assert await ids(WantedRestaurants(text=words_of("ete"), open_on=MONDAY)) == [house.id]
        assert await ids(WantedRestaurants(open_on=MONDAY + 1)) == []
        special = (SpecialDay(MONDAY), SpecialDay(MONDAY + 1, ((0, 60),)))
        change = RestaurantChange(name="Winter", city="Łódź", special_days=special)
        await house.does(store, ChangeRestaurant(change))
        assert await ids(WantedRestaurants(text=words_of("ete"))) == []
        assert await ids(WantedRestaurants(open_on=MONDAY)) == []
        assert await ids(WantedRestaurants(city=words_of("lodz"), open_on=MONDAY + 1)) == []
        assert await ids(WantedRestaurants(city=words_of("łódź"), open_on=MONDAY + 1)) == [house.id]
    await world.close()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("stage", WantedRestaurants(stage=Stage.DRAFT, everything=True)),
        ("no_drafts", WantedRestaurants()),
        ("open_on", WantedRestaurants(open_on=MONDAY)),
        ("text", WantedRestaurants(text=words_of("gasse"))),
        ("city", WantedRestaurants(city=words_of("york"))),
    ],
)
async def test_a_filter_that_lets_all_pass_is_noticed(
    reads: PostgresReads,
    street: Street,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    wanted: WantedRestaurants,
) -> None:
    sound = catalogue.RESTAURANTS
    leaky = {**sound.conditions, name: sound.conditions[name] | (restaurants.c.version > 0)}
    monkeypatch.setattr(catalogue, "RESTAURANTS", replace(sound, conditions=leaky))
    with pytest.raises(AssertionError):
        await agree(reads, street, wanted)
