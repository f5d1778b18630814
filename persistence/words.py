"""Words of events and restaurants as PostgreSQL keeps them, and wanted words as it looks for them.

The words are made by `domain.catalogue`: PostgreSQL's own parser and dictionaries would depend on its
version and the database's locale. They consist of letters and digits, so there is nothing to escape. A
word's parts are kept as its weights, each with a position of its own.
"""

from __future__ import annotations

from domain.catalogue import Part, Words, found_by
from domain.event_messages import Terms
from domain.restaurant_messages import RestaurantTerms

_MARKS = {part: f"{position}{part.value}" for position, part in enumerate(Part, 1)}


def tsvector(terms: Terms | RestaurantTerms) -> str:
    """The text form of a tsvector: `'berlin':3C 'hall':1A,2B`."""
    marks: dict[str, list[str]] = {}
    for part, words in found_by(terms):
        for word in words:
            marks.setdefault(word, []).append(_MARKS[part])
    return " ".join(f"'{word}':{','.join(found)}" for word, found in marks.items())


def tsquery(words: Words, part: Part | None = None) -> str:
    """The text form of a tsquery: each word as a beginning, in that part or in any."""
    weight = part.value if part else ""
    return " & ".join(f"'{word}':*{weight}" for word in words)
