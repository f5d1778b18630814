"""The list of events against the slow and obvious way, on ten thousand events in a real PostgreSQL."""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import msgspec
import pytest

from domain.catalogue import Kind, ListedEvent, Place, Sort, Wanted, name_key, words_of
from domain.event_messages import EventReply, Seating, Stage, Terms, TicketType, TypeCounts
from persistence.catalogue import page_of
from persistence.clock import StoreClock
from persistence.migrate import migrate
from persistence.reads import READ_LIMITS, PostgresReads
from persistence.rows import TERMS_COLUMNS, terms_column
from persistence.words import tsvector
from tests.brute_force import Known, listed
from tests.persistence.sales import NOW_MS, Sale, new_id, terms
from tests.persistence.servers import background_loop, throwaway_postgres
from tests.persistence.test_schema import plan_of
from tests.persistence.worlds import PostgresWorld

EVENTS = 10_000
DAY_MS = 86_400_000
TODAY_MS = int(time.time() * 1000) + DAY_MS // 2
"""Around which events start: some have begun by the store's clock, and none is about to."""
NAMES = [
    "Konzert",
    "Zürcher Nacht",
    "L'Été à Paris",
    "STRASSENFEST",
    "Straßenbahn",
    "Østerfest",
    "Łódź",
    "jazz",
]
VENUE_ID = new_id()
ORGANISERS = ["organiser 1", "organiser 2"]
VENUES = ["Große Halle", "Théâtre d'Été", "Hall 3", "Nachtclub", None]
CITIES = ["Zürich", "São Paulo", "New York", "York", None]
TEXTS = ["Eine lange Nacht.", "Jazz & more", "été/hiver", None, "ﬁne ㎏ words"]
FILTERS: dict[str, list[object]] = {
    "text": [words_of("nacht"), words_of("JAZZ ete"), words_of("Strasse"), words_of("!?")],
    "venue": [words_of("HALL"), words_of("theatre d")],
    "city": [words_of("york"), words_of("sao paulo")],
    "starts_from_ms": [TODAY_MS - 10 * DAY_MS],
    "starts_until_ms": [TODAY_MS + 10 * DAY_MS],
    "available": [True, False],
    "stage": [Stage.PUBLISHED, Stage.DRAFT, Stage.CANCELLED],
    "kind": list(Kind),
    "everything": [True],
    "organiser_id": ORGANISERS[:1],
}
PAIRS = [
    Wanted(**{one: value, other: another})  # type: ignore[arg-type]
    for one, other in itertools.combinations(FILTERS, 2)
    for value in FILTERS[one]
    for another in FILTERS[other]
]
SINGLE = [Wanted(**{name: value}) for name, values in FILTERS.items() for value in values]  # type: ignore[arg-type]


def some_events(amount: int, seed: int) -> list[Known]:
    """Few names, venues, cities and times, so that many events are equal in what they are sorted by."""
    dice = random.Random(seed)
    return [_some_event(dice) for _ in range(amount)]


def _some_event(dice: random.Random) -> Known:
    kinds, counts = [], []
    capacity = dice.choice([None, None, 10, 20])
    sold = [dice.choice([0, 3, 10]) for _ in range(dice.randint(1, 2))]
    while capacity is not None and sum(sold) > capacity:
        sold[0], sold[-1] = 0, min(sold[-1], capacity)
    for code, live in zip("AB", sold, strict=False):
        quota = dice.choice([live, 10])
        left = quota - live if capacity is None else min(quota - live, capacity - sum(sold))
        held = dice.randint(0, live)
        kinds.append(TicketType(code, f"Type {code}", quota, 100))
        seats_left = dice.choice([None, None, 0, 3])
        bounds = (left, left if seats_left is None else seats_left)
        counts.append(TypeCounts(code, quota, held, live - held, max(0, min(bounds)), seats_left))
    described = Terms(
        f"{dice.choice(NAMES)} {dice.choice(['', 'I', 'II', '２'])}".strip(),
        TODAY_MS + dice.randint(-30, 30) * DAY_MS,
        "EUR",
        tuple(kinds),
        venue=dice.choice(VENUES),
        city=dice.choice(CITIES),
        description=dice.choice(TEXTS),
        capacity=capacity,
        listed=dice.choice(["always", "always", "while_open"]),
        seating=dice.choice([None, Seating(VENUE_ID, "plan")]),
        organiser_id=dice.choice([None, *ORGANISERS]),
    )
    stage = dice.choice([Stage.PUBLISHED, Stage.PUBLISHED, *Stage])
    if stage is Stage.CANCELLED:
        counts = [msgspec.structs.replace(one, available=0) for one in counts]
    reply = EventReply(new_id(), described, 1, False, tuple(counts), stage)
    return Known(reply, NOW_MS - dice.randint(0, 500))


async def insert(url: str, known: list[Known]) -> None:
    """The rows as appends would have left them, all in one go."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            # Words are sent as text: no driver sends a tsvector as it is.
            await connection.execute(
                "CREATE TEMP TABLE new_events (LIKE events) ON COMMIT DROP;"
                "ALTER TABLE new_events ALTER words TYPE text"
            )
            for relation, rows in _rows(known).items():
                records, columns = [tuple(row.values()) for row in rows], list(rows[0])
                await connection.copy_records_to_table(relation, columns=columns, records=records)
            names = ", ".join(columns for columns in _rows(known[:1])["new_events"][0])
            cast = names.replace("words", "words::tsvector")
            await connection.execute(f"INSERT INTO events ({names}) SELECT {cast} FROM new_events")
    finally:
        await connection.close()


def _rows(known: list[Known]) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {"inventories": [], "new_events": [], "ticket_types": []}
    for one in known:
        event, of = one.event, one.event.terms
        live = sum(count.held + count.confirmed for count in event.counts)
        owned = {"id": event.id, "kind": "event", "owner": "pool:0", "epoch": 1, "seq": 1}
        sums = {"live": live, "live_reservations": event.reservations, "capacity": of.capacity}
        found["inventories"].append({**owned, **sums, "last_fact_ms": one.created_ms})
        columns = {name: terms_column(of, name) for name in TERMS_COLUMNS}
        made = {
            "version": 1,
            "paused": False,
            "stage": event.stage,
            "blocked": "[]",
            "deleted": False,
            "created_ms": one.created_ms,
        }
        words = {"name_key": name_key(of.name), "words": tsvector(of)}
        found["new_events"].append({"id": event.id, **made, **columns, **words})
        for position, (kind, count) in enumerate(zip(of.ticket_types, event.counts, strict=True)):
            plain = {**msgspec.structs.asdict(kind), "categories": "[]"}
            counts = {"held": count.held, "confirmed": count.confirmed, "seats_left": count.seats_left}
            found["ticket_types"].append({"inventory_id": event.id, "position": position, **plain, **counts})
    return found


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


class Catalogue:
    """A database and what is in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.known: list[Known] = []

    async def add(self, known: list[Known]) -> None:
        self.known += known
        await insert(self.url, known)


@pytest.fixture(scope="module")
def catalogue() -> Iterator[Catalogue]:
    with throwaway_postgres() as (url, _), background_loop() as run:
        run(migrate(url))
        made = Catalogue(url)
        run(made.add(some_events(EVENTS, seed=1)))
        run(execute(url, "ANALYZE"))
        yield made


@pytest.fixture
async def reads(catalogue: Catalogue) -> AsyncIterator[PostgresReads]:
    async with reading(catalogue.url) as made:
        yield made


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[PostgresReads]:
    world = PostgresWorld(url)
    clock = StoreClock(world.store().now_ms, 500)
    await clock.start()
    made = PostgresReads(url, clock)
    yield made
    await made.close()
    await clock.stop()
    await world.close()


async def paged(reads: PostgresReads, wanted: Wanted, limit: int = 500) -> list[ListedEvent]:
    found: list[ListedEvent] = []
    page = None
    while page is None or len(page) == limit:
        page = await reads.events(wanted, found[-1].place if found else None, limit)
        found += page
    return found


@pytest.mark.parametrize("wanted", [Wanted(sort=sort) for sort in Sort], ids=lambda wanted: wanted.sort.value)
async def test_each_order_is_the_obvious_one(
    reads: PostgresReads, catalogue: Catalogue, wanted: Wanted
) -> None:
    assert await paged(reads, wanted) == listed(catalogue.known, wanted, now_ms=reads.now_ms())


@pytest.mark.parametrize("alone", SINGLE, ids=range(len(SINGLE)))
async def test_each_filter_finds_what_the_obvious_one_finds_in_each_order(
    reads: PostgresReads, catalogue: Catalogue, alone: Wanted
) -> None:
    for sort in Sort:
        wanted = replace(alone, sort=sort)
        assert await paged(reads, wanted) == listed(catalogue.known, wanted, now_ms=reads.now_ms())


async def test_each_pair_of_filters_finds_what_the_obvious_one_finds(
    reads: PostgresReads, catalogue: Catalogue
) -> None:
    found = 0
    for wanted in PAIRS:
        expected = listed(catalogue.known, wanted, now_ms=reads.now_ms())
        assert await paged(reads, wanted) == expected, wanted
        found += bool(expected)
    assert found > len(PAIRS) * 0.6  # it was not all about nothing


@pytest.mark.parametrize("sort", Sort)
async def test_events_that_are_added_while_pages_are_read_shift_nothing(
    database_url: str, sort: Sort
) -> None:
    catalogue, wanted = Catalogue(database_url), Wanted(everything=True, sort=sort)
    await catalogue.add(some_events(300, seed=2))
    before = {one.event.id for one in catalogue.known}
    seen: list[str] = []
    after: Place | None = None
    async with reading(database_url) as reads:
        while page := await reads.events(wanted, after, 40):
            seen += [one.event.id for one in page]
            after = page[-1].place
            await catalogue.add(some_events(10, seed=len(seen)))
            if len(seen) > 2_000:
                break
    assert len(set(seen)) == len(seen)
    assert before <= set(seen)


async def test_what_the_store_wrote_is_found_by_its_words(database_url: str) -> None:
    world = PostgresWorld(database_url)
    store = world.store()
    described = terms(10)
    long = "x" * 5_000
    for name, venue in (("L'Été", "Ødegård's Hall_3"), ("NUL?", None), ("''\\ :*|&!", f"{long}1 {long}2")):
        of = msgspec.structs.replace(described, name=name, venue=venue, description="ﷺ" * 10_000)
        await Sale.opened(store, of)
    async with reading(database_url) as reads:

        async def names(wanted: Wanted) -> list[str]:
            return [one.event.terms.name for one in await reads.events(wanted, None, 10)]

        assert await names(Wanted(text=words_of("ete"))) == ["L'Été"]
        assert await names(Wanted(venue=words_of("ØDEGARD 3"))) == ["L'Été"]
        assert await names(Wanted(venue=words_of("ete"))) == []
        assert await names(Wanted(text=words_of("' :* & | !"))) == []
        assert await names(Wanted(venue=words_of("x" * 300))) == ["''\\ :*|&!"]
    await world.close()


@pytest.mark.parametrize("sort", Sort)
async def test_an_order_is_walked_along_its_index_whatever_is_searched(
    catalogue: Catalogue, sort: Sort
) -> None:
    place = Place("x" if sort.by == "name" else 1, new_id())
    planner = await asyncpg.connect(catalogue.url, server_settings=READ_LIMITS.server_settings("plans"))
    try:
        plan = await plan_of(planner, *page_of(Wanted(text=words_of("rare"), sort=sort), place, 50, NOW_MS))
    finally:
        await planner.close()
    assert "events_by_" in plan
    assert "Seq Scan" not in plan
    # Nothing is sorted but the few ticket types of each event.
    assert re.findall("Sort Key: (.*)", plan) == ['t."position"']
