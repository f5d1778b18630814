"""The list of events, the slow and obvious way: look at each, keep what fits, sort, cut off.

Written from the catalogue's prose, not from its code: what counts as a word, and as the same word, is said
here a second time.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from domain.catalogue import ListedEvent, Place, Wanted, Words
from domain.event_messages import EventReply, Stage


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
    found.sort(key=_place_of, reverse=wanted.sort.startswith("-"))
    if after is None:
        return found
    last = (after.key, after.id)
    if wanted.sort.startswith("-"):
        return [one for one in found if _place_of(one) < last]
    return [one for one in found if _place_of(one) > last]


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
    everything = " ".join(filter(None, (terms.name, terms.venue, terms.city, terms.description)))
    sellable = any(count.available > 0 for count in event.counts)
    return (
        says(everything, wanted.text)
        and says(terms.venue or "", wanted.venue)
        and says(terms.city or "", wanted.city)
        and (wanted.starts_from_ms is None or terms.starts_at_ms >= wanted.starts_from_ms)
        and (wanted.starts_until_ms is None or terms.starts_at_ms < wanted.starts_until_ms)
        and wanted.available in (None, sellable)
        and wanted.stage in (None, event.stage)
        and (wanted.everything or for_all(event, now_ms))
    )


def for_all(event: EventReply, now_ms: int) -> bool:
    """Whether others than operators find it in lists."""
    if event.terms.listed == "always":
        return event.stage is not Stage.DRAFT
    starts_later = event.terms.starts_at_ms > now_ms
    return event.stage is Stage.PUBLISHED and starts_later and any(kind.available for kind in event.counts)


def says(text: str, words: Words | None) -> bool:
    """Each word begins one of the text's; a search without any word finds nothing."""
    if words is None:
        return True
    there = "".join(letter if letter.isalnum() else " " for letter in plain(text)).split()
    return bool(words) and all(any(one[:64].startswith(word) for one in there) for word in words)


def plain(text: str) -> str:
    """Letters without case and accents: `É` and `e` are one, and so are `ß` and `ss`."""
    letters = []
    for letter in unicodedata.normalize("NFKD", text).casefold():
        letters += [part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part)]
    return "".join(letters)


def _place_of(one: ListedEvent) -> tuple[int | str, str]:
    return one.place.key, one.place.id
