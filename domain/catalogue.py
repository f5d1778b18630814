"""The lists of events and of restaurants: what can be asked of them, and the words that one is found by.

Words are compared folded: without accents, without case, compatibility forms made one (`STRASSE` finds
`Straße`, `zurich` finds `Zürich`). A wanted word finds each that begins with it. All wanted words have to be
found. What counts as a word is decided here and nowhere else, so that the store, which keeps the words, and
whoever asks for some cannot differ.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from domain.event_messages import EventReply, Stage, Terms
from domain.restaurant_messages import RestaurantReply, RestaurantTerms

WORD_MAX_CHARACTERS = 64
"""What of a word counts. An index has a bound too, and would else refuse what an operator may write."""
NAME_KEY_MAX_CHARACTERS = 100
_WORD = re.compile(r"[^\W_]+")


class Order(enum.StrEnum):
    """The order of a list; within equals by id, in the same direction."""

    @property
    def by(self) -> str:
        """What it compares."""
        return self.value.removeprefix("-")

    @property
    def down(self) -> bool:
        return self.value.startswith("-")


class Sort(Order):
    """Of events."""

    STARTS_AT = "starts_at"
    STARTS_AT_DOWN = "-starts_at"
    NAME = "name"
    NAME_DOWN = "-name"
    CREATED_AT = "created_at"
    CREATED_AT_DOWN = "-created_at"


class RestaurantSort(Order):
    """Of restaurants."""

    NAME = "name"
    NAME_DOWN = "-name"
    CREATED_AT = "created_at"
    CREATED_AT_DOWN = "-created_at"


class Kind(enum.StrEnum):
    """What an event sells: places of which some have seats, or standing places only."""

    SEATED = "seated"
    STANDING = "standing"


class Part(enum.Enum):
    """Where a word stands; the value is the weight that PostgreSQL keeps with it. A restaurant has an address
    where an event has a venue."""

    NAME = "A"
    VENUE = "B"
    CITY = "C"
    DESCRIPTION = "D"


Words = tuple[str, ...]
"""Wanted words. None wanted is not the same as no filter: a text without a word in it finds nothing."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events, in which order; what is None does not matter. `starts_until_ms` is itself outside.

    `available`: at least one ticket can be sold, or none, by quotas and shared capacity. `everything`: as
    operators see the list; others see no drafts, and what is listed `while_open` only if it can be reserved.
    """

    text: Words | None = None
    venue: Words | None = None
    city: Words | None = None
    starts_from_ms: int | None = None
    starts_until_ms: int | None = None
    available: bool | None = None
    stage: Stage | None = None
    everything: bool = False
    sort: Sort = Sort.STARTS_AT
    kind: Kind | None = None
    organiser_id: str | None = None


@dataclass(frozen=True, slots=True)
class PartyWish:
    """A table for so many persons, at some time of a local day whose minute is in [from, until]."""

    day: int
    party_size: int
    from_minute: int = 0
    until_minute: int = 1439


@dataclass(frozen=True, slots=True)
class WantedRestaurants:
    """Which restaurants, in which order; what is None does not matter. `open_on`: those that open on that
    local day, whether anything is free then or not. `everything`: drafts too. `free`: those whose search
    finds a time for it."""

    text: Words | None = None
    city: Words | None = None
    open_on: int | None = None
    stage: Stage | None = None
    everything: bool = False
    sort: RestaurantSort = RestaurantSort.NAME
    organiser_id: str | None = None
    free: PartyWish | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of a list ended: what the last one there was sorted by, and its id."""

    key: int | str
    id: str


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """An event of a list, and its place there."""

    event: EventReply
    place: Place


@dataclass(frozen=True, slots=True)
class ListedRestaurant:
    """A restaurant of a list, and its place there."""

    restaurant: RestaurantReply
    place: Place


@dataclass(frozen=True, slots=True)
class RestaurantPage:
    """Those of a list that a page has, and behind which place it goes on: None, it ends there."""

    found: list[ListedRestaurant]
    further: Place | None


@dataclass(frozen=True, slots=True)
class OpenDays:
    """When a restaurant opens: `weekdays` has a bit for each, the lowest for Monday; days with hours of their
    own do not follow these."""

    weekdays: int
    special_open: tuple[int, ...]
    special_closed: tuple[int, ...]


def folded(text: str) -> str:
    """The text without case and accents. Folding case can bring an accent out, so these go last."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))


def words_of(text: str) -> Words:
    """The text's words, folded and cut, each once."""
    return tuple(dict.fromkeys(word[:WORD_MAX_CHARACTERS] for word in _WORD.findall(folded(text))))


def name_key(name: str) -> str:
    """What lists are sorted by when they are sorted by name."""
    return folded(name)[:NAME_KEY_MAX_CHARACTERS]


def open_days(terms: RestaurantTerms) -> OpenDays:
    weekdays = {service.weekday for service in terms.services}
    return OpenDays(
        sum(1 << weekday for weekday in weekdays),
        tuple(special.day for special in terms.special_days if special.services),
        tuple(special.day for special in terms.special_days if not special.services),
    )


def found_by(terms: Terms | RestaurantTerms) -> Iterable[tuple[Part, Words]]:
    """The words an event or a restaurant is found by, part by part."""
    texts = (
        (Part.NAME, terms.name),
        (Part.VENUE, terms.venue if isinstance(terms, Terms) else terms.address),
        (Part.CITY, terms.city),
        (Part.DESCRIPTION, terms.description),
    )
    return [(part, words_of(text)) for part, text in texts if text]
