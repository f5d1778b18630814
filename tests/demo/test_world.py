"""The demo's world is the same for the same seed, fits what the API takes, and refuses nobody in itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest

from domain.seat_generators import Tier, bowl
from domain.seat_plan import flaws
from server.demo.plan import SIZES, Offer, World
from server.demo.season import SEATS
from server.demo.stages import CLASSES, CLUB_PLACES, THEATRE_ROW_SEATS, THEATRE_ROWS
from server.demo.world import make_world
from server.payloads import NewEvent, NewReservation
from server.payloads_restaurants import NewRestaurant, NewTableReservation
from server.payloads_venues import NewVenue

FIRST_DAY = date(2026, 11, 28)
SEEDS = range(5)


def world(seed: int = 1, size: str = "small", first_day: date = FIRST_DAY) -> World:
    return make_world(seed, size, first_day)


def offers(found: World, kind: str) -> list[Offer]:
    return [offer for offer in found.offers if offer.kind == kind]


def test_the_same_seed_makes_the_same_world_in_the_same_order() -> None:
    assert world(7, "medium") == world(7, "medium")
    assert world(7) != world(8)


def test_another_first_day_moves_the_dates_and_nothing_else() -> None:
    one, other = world(), world(first_day=FIRST_DAY + timedelta(days=7))
    assert [offer.name for offer in one.offers] == [offer.name for offer in other.offers]
    assert one != other


def test_how_much_there_is_of_each_size() -> None:
    counts = {size: Counter(offer.kind for offer in world(size=size).offers) for size in SIZES}
    assert counts["small"] == {"show": 6, "match": 3, "restaurant": 3, "session": 4}
    assert counts["medium"] == {"show": 17, "match": 9, "restaurant": 8, "session": 12}
    assert counts["large"] == {"show": 60, "match": 17, "restaurant": 20, "session": 20}
    assert world(size="small").visits < 400 < 2_000 < world(size="medium").visits < 4_000


def test_a_larger_world_has_all_that_a_smaller_one_has() -> None:
    small, medium = world(3, "small"), world(3, "medium")
    assert small.venues == medium.venues
    theirs = {(one.kind, one.name, str(one.body.get("starts_at"))): one for one in medium.offers}
    for offer in small.offers:
        larger = theirs[offer.kind, offer.name, str(offer.body.get("starts_at"))]
        assert larger.body == offer.body
        assert larger.visits[: len(offer.visits)] == offer.visits


@pytest.mark.parametrize("seed", SEEDS)
def test_the_api_takes_all_bodies(seed: int) -> None:
    found = world(seed, "medium")
    for venue in found.venues:
        msgspec.convert(venue.body, NewVenue)
    for offer in found.offers:
        dines = offer.kind == "restaurant"
        msgspec.convert(offer.body, NewRestaurant if dines else NewEvent)
        for visit in offer.visits:
            msgspec.convert(visit.body, NewTableReservation if dines else NewReservation)


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_is_there_twice_and_no_address_is_a_real_ones(seed: int) -> None:
    for offer in world(seed, "medium").offers:
        emails = Counter(visit.email for visit in offer.visits)
        assert set(emails.values()) <= {1}, offer.name
        assert all(email.endswith("@example.org") for email in emails)


@pytest.mark.parametrize("seed", SEEDS)
def test_all_is_found_again_by_its_name_its_start_and_the_mark(seed: int) -> None:
    found = world(seed, "medium")
    places = Counter((offer.kind, offer.name, offer.body.get("starts_at")) for offer in found.offers)
    assert set(places.values()) == {1}
    assert all(offer.body["description"].endswith(found.mark) for offer in found.offers)
    assert all(venue.body["address"].endswith(found.mark) for venue in found.venues)
    assert len({venue.name for venue in found.venues}) == len(found.venues)


def test_the_stadium_has_60_000_seats_and_each_stand_a_price() -> None:
    ground = world().venues[0]
    tiers = [
        Tier(**{**tier, "categories": tuple(tier["categories"])})
        for tier in ground.body["plan"]["bowl"]["tiers"]
    ]
    plan = bowl(tiers)
    seats = [seat for section in plan.sections for row in section.rows for seat in row.seats]
    assert len(seats) == SEATS == 60_000
    assert not flaws(plan)
    stands = {kind["code"] for kind in offers(world(), "match")[0].body["ticket_types"]}
    assert {seat.category for seat in seats} == stands


@pytest.mark.parametrize("seed", SEEDS)
def test_no_type_and_no_capacity_is_sold_beyond_what_there_is(seed: int) -> None:
    theatre = {code: rows * THEATRE_ROW_SEATS for code, _, _, rows, _ in CLASSES}
    assert sum(theatre.values()) == THEATRE_ROWS * THEATRE_ROW_SEATS
    for offer in world(seed, "medium").offers:
        if offer.kind in ("restaurant", "match"):
            continue
        wanted: Counter[str] = Counter()
        for visit in offer.visits:
            for line in visit.body["lines"]:
                wanted[line["ticket_type"]] += line["quantity"]
        quotas = {
            kind["code"]: kind.get("quota") or theatre[kind["code"]] for kind in offer.body["ticket_types"]
        }
        assert all(count <= quotas[code] for code, count in wanted.items()), offer.name
        assert wanted.total() <= offer.body.get("capacity", 10**9)


@pytest.mark.parametrize("size", SIZES)
def test_the_small_club_and_every_fourth_session_are_full(size: str) -> None:
    found = world(size=size)
    club = next(offer for offer in found.offers if offer.body.get("venue") == "The Cellar")
    sold = sum(line["quantity"] for visit in club.visits for line in visit.body["lines"])
    assert (sold, {visit.fate for visit in club.visits}) == (CLUB_PLACES, {"confirmed"})
    full = offers(found, "session")[::4]
    assert [len(one.visits) for one in full] == [one.body["ticket_types"][0]["quota"] for one in full]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_table_has_two_parties_at_one_time_and_each_fits_its_party_and_the_hours(seed: int) -> None:
    for house in offers(world(seed, "medium"), "restaurant"):
        tables = {table["number"]: table for table in house.body["tables"]}
        services = house.body["services"]
        times: defaultdict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
        for visit in house.visits:
            body = visit.body
            starts = datetime.fromisoformat(f"{body['date']}T{body['time']}")
            ends = starts + timedelta(minutes=stay(house, body["party_size"]))
            open_ones = [one for one in services if one["weekday"] == starts.weekday()]
            assert any(one["opens"] <= body["time"] and _closes(one, starts) >= ends for one in open_ones)
            for number in [visit.table] if visit.table else house.body["joins"][0]["tables"]:
                times[number].append((starts, ends))
            if visit.table:
                assert body["party_size"] <= tables[visit.table]["largest"]
        for taken in times.values():
            assert all(before[1] <= after[0] for before, after in pairwise(sorted(taken)))


def stay(house: Offer, party: int) -> int:
    minutes = (one["stay_minutes"] for one in house.body["stays"] if party <= one["party_largest"])
    return int(next(minutes))


def _closes(service: dict[str, str], starts: datetime) -> datetime:
    closes = datetime.fromisoformat(f"{starts.date()}T{service['closes']}")
    return closes if service["closes"] > service["opens"] else closes + timedelta(days=1)
