"""Which restaurants of a list have a table for a party: said by the rules themselves, from rows.

No column can tell it: a free time follows from hours, house rules and the tables' times. So a page looks at
one restaurant after the other, as many as `LOOKED_AT_MAX`, and goes on from there; what it finds is what the
restaurant's search finds by then. A hold whose time has run out is in nobody's way, whatever its row says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from domain import restaurant
from domain.catalogue import ListedRestaurant, PartyWish, Place, RestaurantPage
from domain.restaurant_messages import (
    FreeTimes,
    RestaurantDefinition,
    RestaurantReply,
    SearchTables,
    TableReservation,
)
from domain.restaurant_search import search
from persistence.connection import Row
from persistence.table_times import claim_of, ranges_of

LOOKED_AT_MAX = 100
"""Restaurants for one page: each costs a front end up to a millisecond or two."""

TAKEN = """
SELECT w.n, v.id::text, v.lines::text AS lines
  FROM unnest($1::integer[], $2::text[]) AS w(n, during)
  JOIN table_times t ON t.during && w.during::numrange
  JOIN reservations v ON v.id = t.reservation_id
 WHERE NOT (v.status IN ('held', 'paying') AND v.expires_ms <= $3)"""
"""$1, $2: which restaurant's table, and where the day is on its stretch of time (`ranges_of`)."""


def asked(candidates: Sequence[ListedRestaurant], wish: PartyWish, now_ms: int) -> tuple[object, ...]:
    """The values of `TAKEN`."""
    ranges = [
        (n, during)
        for n, one in enumerate(candidates)
        for during in ranges_of(one.restaurant.terms, wish.day)
    ]
    return [n for n, _ in ranges], [during for _, during in ranges], now_ms


def page_with_tables(
    candidates: Sequence[ListedRestaurant],
    taken: Sequence[Row],
    wish: PartyWish,
    limit: int,
    now_ms: int,
    last: Place | None,
) -> RestaurantPage:
    """The first of them that have a time. `last`: where to go on if all of them have been looked at."""
    by_restaurant: defaultdict[int, dict[str, TableReservation]] = defaultdict(dict)
    for n, reservation_id, lines in taken:
        by_restaurant[n][reservation_id] = claim_of(reservation_id, lines)
    found: list[ListedRestaurant] = []
    for n, one in enumerate(candidates):
        if not _has_time(one.restaurant, by_restaurant[n], wish, now_ms):
            continue
        found.append(one)
        if len(found) == limit:
            return RestaurantPage(found, last if n == len(candidates) - 1 else one.place)
    return RestaurantPage(found, last)


def _has_time(of: RestaurantReply, taken: dict[str, TableReservation], wish: PartyWish, now_ms: int) -> bool:
    definition = RestaurantDefinition(of.terms, of.version, of.paused, of.stage)
    state = restaurant.rebuilt(of.id, definition, taken.values())
    command = SearchTables(wish.day, wish.party_size, wish.from_minute, wish.until_minute)
    answer = search(state, command, now_ms)
    return isinstance(answer, FreeTimes) and bool(answer.times)
