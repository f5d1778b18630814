"""The lists of events and restaurants, the slow and obvious way: look at each, keep what fits, sort, cut off.

Written from the catalogue's prose, not from its code: what counts as a word, and as the same word, is said
here a second time.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import TypeVar

from domain.catalogue import (
    Kind,
    ListedEvent,
    ListedRestaurant,
    PartyWish,
    Place,
    RestaurantPage,
    Wanted,
    WantedRestaurants,
    Words,
)
from domain.event_messages import EventReply, Stage, Terms
from domain.restaurant import State, decide
from domain.restaurant_messages import HoldTable, RestaurantReply, RestaurantTerms, TableReply


@dataclass(frozen=True)
class Known:
    """An event, and when it was made."""

    event: EventReply
    created_ms: int


def listed(
    known: Iterable[Known], wanted: Wanted, after: Place | None = None, now_ms: int = 0
) -> list[ListedEvent]:
    """All that are wanted, in order, beginning behind that place."""
    found = [ListedEvent(one.event, place(one, wanted)) for one in known if fits(one.event, wanted, now_ms)]
    return _in_order(found, wanted.sort, after)


L = TypeVar("L", ListedEvent, ListedRestaurant)


def _in_order(found: list[L], sort: str, after: Place | None) -> list[L]:
    down = sort.startswith("-")
    found.sort(key=_place_of, reverse=down)
    if after is None:
        return found
    last = (after.key, after.id)
    return [one for one in found if (_place_of(one) < last if down else _place_of(one) > last)]


def place(one: Known, wanted: Wanted) -> Place:
    match wanted.sort.lstrip("-"):
        case "name":
            return Place(plain(one.event.terms.name)[:100], one.event.id)
        case "created_at":
            return Place(one.created_ms, one.event.id)
        case _:
            return Place(one.event.terms.starts_at_ms, one.event.id)


def fits(event: EventReply, wanted: Wanted, now_ms: int) -> bool:
    terms = event.terms
    return (
        (wanted.starts_from_ms is None or terms.starts_at_ms >= wanted.starts_from_ms)
        and (wanted.starts_until_ms is None or terms.starts_at_ms < wanted.starts_until_ms)
        and wanted.stage in (None, event.stage)
        and (wanted.kind is None or (wanted.kind is Kind.SEATED) == (terms.seating is not None))
        and wanted.organiser_id in (None, terms.organiser_id)
        and (wanted.everything or for_all(event, now_ms))
        and (wanted.available is None or wanted.available == _any_left(event))
        and (wanted.venue is None or says(terms.venue or "", wanted.venue))
        and (wanted.city is None or says(terms.city or "", wanted.city))
        and (wanted.text is None or says(_everything(terms), wanted.text))
    )


def _any_left(event: EventReply) -> bool:
    return any(count.available > 0 for count in event.counts)


def _everything(terms: Terms) -> str:
    return " ".join(filter(None, (terms.name, terms.venue, terms.city, terms.description)))


def for_all(event: EventReply, now_ms: int) -> bool:
    """Whether others than operators find it in lists."""
    if event.terms.listed == "always":
        return event.stage is not Stage.DRAFT
    starts_later = event.terms.starts_at_ms > now_ms
    return event.stage is Stage.PUBLISHED and starts_later and any(kind.available for kind in event.counts)


@cache
def says(text: str, words: Words) -> bool:
    """Each word begins one of the text's; a search without any word finds nothing."""
    there = words_in(text)
    return bool(words) and all(any(one[:64].startswith(word) for one in there) for word in words)


@cache
def words_in(text: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in plain(text)).split()


@cache
def plain(text: str) -> str:
    """Letters without case and accents: `É` and `e` are one, and so are `ß` and `ss`."""
    letters = []
    for letter in unicodedata.normalize("NFKD", text).casefold():
        letters += [part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part)]
    return "".join(letters)


@dataclass(frozen=True)
class KnownRestaurant:
    """A restaurant, and when it was made. `state`: as its owner has it, where it can be asked."""

    restaurant: RestaurantReply
    created_ms: int
    state: State | None = None


def listed_restaurants(
    known: Iterable[KnownRestaurant],
    wanted: WantedRestaurants,
    after: Place | None = None,
    now_ms: int = 0,
) -> list[ListedRestaurant]:
    """All that are wanted, in order, beginning behind that place."""
    found = [
        ListedRestaurant(one.restaurant, _restaurants_place(one, wanted))
        for one in known
        if _restaurant_fits(one.restaurant, wanted) and _has_a_table(one, wanted.free, now_ms)
    ]
    return _in_order(found, wanted.sort, after)


def restaurant_page(
    known: Iterable[KnownRestaurant], wanted: WantedRestaurants, after: Place | None, limit: int, now_ms: int
) -> RestaurantPage:
    found = listed_restaurants(known, wanted, after, now_ms)
    return RestaurantPage(found[:limit], found[limit - 1].place if len(found) > limit else None)


def _has_a_table(one: KnownRestaurant, wish: PartyWish | None, now_ms: int) -> bool:
    """Each time of the day is asked for at its owner, who is told of no day and no range."""
    if wish is None:
        return True
    assert one.state is not None
    grid = one.restaurant.terms.slot_grid_minutes
    minutes = (at for at in range(wish.from_minute, wish.until_minute + 1) if at % grid == 0)
    holds = (HoldTable("", wish.day, minute, wish.party_size, b"", b"", signed_in=True) for minute in minutes)
    return any(isinstance(decide(one.state, hold, now_ms)[0], TableReply) for hold in holds)


def _restaurants_place(one: KnownRestaurant, wanted: WantedRestaurants) -> Place:
    by_name = wanted.sort.lstrip("-") == "name"
    key = plain(one.restaurant.terms.name)[:100] if by_name else one.created_ms
    return Place(key, one.restaurant.id)


def _restaurant_fits(restaurant: RestaurantReply, wanted: WantedRestaurants) -> bool:
    terms = restaurant.terms
    everything = " ".join(filter(None, (terms.name, terms.address, terms.city, terms.description)))
    return (
        (wanted.text is None or says(everything, wanted.text))
        and (wanted.city is None or says(terms.city or "", wanted.city))
        and (wanted.open_on is None or opens_on(terms, wanted.open_on))
        and wanted.stage in (None, restaurant.stage)
        and wanted.organiser_id in (None, terms.organiser_id)
        and (wanted.everything or restaurant.stage is not Stage.DRAFT)
    )


def opens_on(terms: RestaurantTerms, day: int) -> bool:
    for special in terms.special_days:
        if special.day == day:
            return len(special.services) > 0
    weekday = (date(1970, 1, 1) + timedelta(days=day)).weekday()
    return any(service.weekday == weekday for service in terms.services)


def _place_of(one: ListedEvent | ListedRestaurant) -> tuple[int | str, str]:
    return one.place.key, one.place.id
