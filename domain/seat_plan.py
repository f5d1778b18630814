"""The plan of a venue's seats: sections, rows, seats, as an operator sends them; and its compact form.

- A `Plan` is sections in order of preference, their rows from best to least good, and a row's seats from one
  end to the other. Neighbours in a row are adjacent unless an aisle is between them.
- Seats are numbered 0, 1, 2, ... in that order: what owners, journal and maps of seats speak of. A seat's
  name, which people speak of, is "section/row/seat".
- `flaws` says what is wrong with a plan; everything else here takes a plan that has none.
- A `Layout` is what a sale needs of a plan, in arrays and in integers used as bits: one serves all events of
  the plan. In a row each seat has a place, and so has each aisle between two seats; bit `p` of a row's
  integer is its place `p`. So seats are adjacent exactly where bits are, and an aisle is a bit never set.
"""

from __future__ import annotations

import copy
import re
from array import array
from collections.abc import Iterable, Iterator
from typing import Protocol

from domain.messages import Errors, Message

SEATS_MAX = 100_000
SECTIONS_MAX = 1_000
ROWS_MAX = 10_000
"""In all sections together."""
ROW_MAX_SEATS = 500
LABEL_MAX_CHARACTERS = 40
CATEGORIES_MAX = 100
CATEGORY_MAX_CHARACTERS = 64
COORDINATE_MAX = 1_000_000
"""On either side of 0, in whatever whole unit the map is drawn in."""
FLAWS_SHOWN_MAX = 100

_CATEGORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MASKS_KEPT_MAX = 64

Overrides = tuple[tuple[str, tuple[str, ...]], ...]
"""Categories that an event gives to single seats: (category, names of seats) pairs."""


class Seat(Message, frozen=True):
    """An addressed place. `x` and `y` are for a map; `aisle_after`: the next seat is no neighbour."""

    label: str
    category: str
    x: int = 0
    y: int = 0
    accessible: bool = False
    companion: bool = False
    aisle_after: bool = False


class Row(Message, frozen=True):
    label: str
    seats: tuple[Seat, ...]


class Section(Message, frozen=True):
    label: str
    rows: tuple[Row, ...]


class Plan(Message, frozen=True):
    sections: tuple[Section, ...]

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Each row with its name, "section/row"."""
        for section in self.sections:
            for row in section.rows:
                yield row_name(section.label, row), row


class Drawn(Protocol):
    """A plan as a layout is made from it: whole in memory, or read row by row."""

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Each row with its name, in the plan's order."""


def row_name(section_label: str, row: Row) -> str:
    return f"{section_label}/{row.label}"


# --- what is wrong with a plan --------------------------------------------------------------------


def flaws(plan: Plan) -> Errors:
    """What is wrong with a plan, as (path, message) pairs, the first `FLAWS_SHOWN_MAX`; nothing if sound."""
    found = []
    for flaw in _flaws(plan):
        found.append(flaw)
        if len(found) == FLAWS_SHOWN_MAX:
            break
    return tuple(found)


def override_flaws(layout: Layout, overrides: Overrides) -> Errors:
    """The same for the categories that an event gives to single seats of a layout."""
    errors, seen = [], set()
    for position, (category, names) in enumerate(overrides):
        if not _is_category(category):
            errors.append((f"[{position}].category", _CATEGORY_RULE))
        for place, name in enumerate(names):
            if layout.number_of(name) is None:
                errors.append((f"[{position}].seats[{place}]", f"Unknown seat {name}."))
            if name in seen:
                errors.append((f"[{position}].seats[{place}]", "Each seat once."))
            seen.add(name)
    if len({*layout.categories, *(category for category, _ in overrides)}) > CATEGORIES_MAX:
        errors.append(("", f"At most {CATEGORIES_MAX} categories."))
    return tuple(errors[:FLAWS_SHOWN_MAX])


_LABEL_RULE = f'1 to {LABEL_MAX_CHARACTERS} printable characters without "/" and without space at its ends.'
_CATEGORY_RULE = f"1 to {CATEGORY_MAX_CHARACTERS} letters, digits, '.', '_', '-'; a letter or digit first."


def _flaws(plan: Plan) -> Iterator[tuple[str, str]]:
    rows = sum(len(section.rows) for section in plan.sections)
    seats = sum(len(row.seats) for section in plan.sections for row in section.rows)
    if not 1 <= len(plan.sections) <= SECTIONS_MAX:
        yield "sections", f"From 1 to {SECTIONS_MAX} sections."
    if rows > ROWS_MAX:
        yield "sections", f"At most {ROWS_MAX} rows in all."
    if seats > SEATS_MAX:
        yield "sections", f"At most {SEATS_MAX} seats in all."
    categories = {seat.category for section in plan.sections for row in section.rows for seat in row.seats}
    if len(categories) > CATEGORIES_MAX:
        yield "sections", f"At most {CATEGORIES_MAX} categories."
    wrong = {category for category in categories if not _is_category(category)}
    yield from _label_flaws("sections", plan.sections)
    for position, section in enumerate(plan.sections):
        yield from _section_flaws(f"sections[{position}]", section, wrong)


def _section_flaws(path: str, section: Section, wrong: set[str]) -> Iterator[tuple[str, str]]:
    if not section.rows:
        yield f"{path}.rows", "At least 1 row."
    yield from _label_flaws(f"{path}.rows", section.rows)
    for position, row in enumerate(section.rows):
        at = f"{path}.rows[{position}].seats"
        if not 1 <= len(row.seats) <= ROW_MAX_SEATS:
            yield at, f"From 1 to {ROW_MAX_SEATS} seats."
        yield from _label_flaws(at, row.seats)
        for place, seat in enumerate(row.seats):
            yield from _seat_flaws(f"{at}[{place}]", seat, wrong)


def _seat_flaws(path: str, seat: Seat, wrong: set[str]) -> Iterator[tuple[str, str]]:
    if seat.category in wrong:
        yield f"{path}.category", _CATEGORY_RULE
    if not -COORDINATE_MAX <= seat.x <= COORDINATE_MAX:
        yield f"{path}.x", f"From {-COORDINATE_MAX} to {COORDINATE_MAX}."
    if not -COORDINATE_MAX <= seat.y <= COORDINATE_MAX:
        yield f"{path}.y", f"From {-COORDINATE_MAX} to {COORDINATE_MAX}."
    if seat.accessible and seat.companion:
        yield f"{path}.companion", "A seat is accessible or a companion's, not both."


def _label_flaws(path: str, labelled: tuple[Section | Row | Seat, ...]) -> Iterator[tuple[str, str]]:
    """Each label once among its like, and fit to be part of a name."""
    seen: set[str] = set()
    for position, one in enumerate(labelled):
        if not _is_label(one.label):
            yield f"{path}[{position}].label", _LABEL_RULE
        if one.label in seen:
            yield f"{path}[{position}].label", "Each label once."
        seen.add(one.label)


def _is_label(label: str) -> bool:
    fits = 1 <= len(label) <= LABEL_MAX_CHARACTERS and label.isprintable()
    return fits and "/" not in label and label == label.strip()


def _is_category(category: str) -> bool:
    return len(category) <= CATEGORY_MAX_CHARACTERS and _CATEGORY.fullmatch(category) is not None


# --- the compact form -----------------------------------------------------------------------------


class _Labels:
    """How the seats of a row are called, and which is called so. Rows that are labelled alike share it."""

    __slots__ = ("labels", "seats")

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.labels = labels
        self.seats = {label: seat for seat, label in enumerate(labels)}


class Layout:
    """A plan without flaws, made for selling. Never changed; what it keeps lazily follows from the rest.

    By row: `places` (the bits of its seats), `accessible_places`, `companion_places`, `widths` (how many
    places it has, aisles between seats included) and `row_names` ("section/row"). By seat: `row_of`,
    `place_of`, `kind_of` (its category, as an index of `codes`).
    """

    __slots__ = (
        "_kind_places",
        "_labels",
        "_masks",
        "_plan_codes",
        "_plan_kinds",
        "_rows",
        "_starts",
        "accessible",
        "accessible_places",
        "categories",
        "codes",
        "companion",
        "companion_places",
        "kind_of",
        "place_of",
        "places",
        "row_names",
        "row_of",
        "widths",
    )

    def __init__(self, plan: Drawn, overrides: Overrides = ()) -> None:
        """Raises KeyError for a name in `overrides` that is no seat's."""
        self.row_of = array("H")
        self.place_of = array("H")
        self.kind_of = array("B")
        self.places: list[int] = []
        self.widths: list[int] = []
        self.row_names: list[str] = []
        self._starts = array("L", [0])
        self._labels: list[_Labels] = []
        kinds: dict[str, int] = {}
        special: tuple[list[int], list[int]] = ([], [])
        shared: dict[tuple[str, ...], _Labels] = {}
        for name, row in plan.rows():
            self._add(name, row, kinds, special, shared)
        self._rows = {name: row for row, name in enumerate(self.row_names)}
        self.accessible, self.companion = frozenset(special[0]), frozenset(special[1])
        self.accessible_places = self._by_row(self.accessible)
        self.companion_places = self._by_row(self.companion)
        self._plan_kinds, self._plan_codes = self.kind_of, tuple(kinds)
        self._categorise(overrides)

    def recategorised(self, overrides: Overrides) -> Layout:
        """The same plan with these categories for single seats instead of those there are. Raises KeyError
        as the constructor does. All that does not depend on categories is shared."""
        twin = copy.copy(self)
        twin._categorise(overrides)
        return twin

    def _categorise(self, overrides: Overrides) -> None:
        kinds = {code: kind for kind, code in enumerate(self._plan_codes)}
        self.kind_of = array("B", self._plan_kinds) if overrides else self._plan_kinds
        for category, names in overrides:
            for name in names:
                self.kind_of[self._known(name)] = kinds.setdefault(category, len(kinds))
        self._count(tuple(kinds))
        self._masks: dict[tuple[tuple[str, ...], bool], list[int]] = {}

    def _add(
        self,
        name: str,
        row: Row,
        kinds: dict[str, int],
        special: tuple[list[int], list[int]],
        shared: dict[tuple[str, ...], _Labels],
    ) -> None:
        number, bits, place, last = len(self.row_of), 0, 0, 0
        for seat in row.seats:
            self.place_of.append(place)
            self.kind_of.append(kinds.setdefault(seat.category, len(kinds)))
            bits |= 1 << place
            last = place
            if seat.accessible or seat.companion:
                special[0 if seat.accessible else 1].append(number)
            place += 2 if seat.aisle_after else 1
            number += 1
        labels = tuple([seat.label for seat in row.seats])
        if labels not in shared:
            shared[labels] = _Labels(labels)
        self._labels.append(shared[labels])
        self.row_of.extend([len(self.row_names)] * len(row.seats))
        self._starts.append(number)
        self.places.append(bits)
        self.widths.append(last + 1)
        self.row_names.append(name)

    def _count(self, codes: tuple[str, ...]) -> None:
        """How many seats each category has, and where in each row; a category of no seat is left out."""
        self.codes = codes
        self._kind_places: list[dict[int, int]] = [{} for _ in codes]
        counts = [0] * len(codes)
        for kind, row, place in zip(self.kind_of, self.row_of, self.place_of, strict=True):
            counts[kind] += 1
            of_kind = self._kind_places[kind]
            of_kind[row] = of_kind.get(row, 0) | 1 << place
        self.categories = {code: count for code, count in zip(codes, counts, strict=True) if count}

    def _by_row(self, numbers: Iterable[int]) -> list[int]:
        bits = [0] * len(self.row_names)
        for number in numbers:
            bits[self.row_of[number]] |= 1 << self.place_of[number]
        return bits

    def _known(self, name: str) -> int:
        number = self.number_of(name)
        if number is None:
            raise KeyError(name)
        return number

    def count_at(self, places: list[int]) -> list[int]:
        """How many of each category's seats are at these places of the rows, in the order of `codes`."""
        return [
            sum((places[row] & bits).bit_count() for row, bits in by_row.items())
            for by_row in self._kind_places
        ]

    @property
    def size(self) -> int:
        """How many seats there are; they are numbered from 0."""
        return len(self.row_of)

    def number_of(self, name: str) -> int | None:
        """The number of the seat that is called "section/row/seat"; None where there is none."""
        row_name, _, label = name.rpartition("/")
        row = self._rows.get(row_name)
        if row is None:
            return None
        seat = self._labels[row].seats.get(label)
        return None if seat is None else self._starts[row] + seat

    def name_of(self, number: int) -> str:
        row = self.row_of[number]
        return f"{self.row_names[row]}/{self._labels[row].labels[number - self._starts[row]]}"

    def category_of(self, number: int) -> str:
        return self.codes[self.kind_of[number]]

    def seats_of_row(self, row: int) -> range:
        """The numbers of a row's seats."""
        return range(self._starts[row], self._starts[row + 1])

    def numbers_at(self, row: int, bits: int) -> tuple[int, ...]:
        """The seats at these places of a row, in order."""
        start, places = self._starts[row], self.places[row]
        numbers = []
        while bits:
            lowest = bits & -bits
            numbers.append(start + (places & (lowest - 1)).bit_count())
            bits ^= lowest
        return tuple(numbers)

    def wanted_places(self, categories: tuple[str, ...], special: bool) -> list[int]:
        """By row, the places of these categories' seats (none given: of all); not to be changed.

        Accessible and companions' seats are among them only if `special`.
        """
        key = (categories, special)
        kept = self._masks.get(key)
        if kept is None:
            if len(self._masks) >= _MASKS_KEPT_MAX:
                self._masks.clear()
            kept = self._masks[key] = self._make_wanted(categories, special)
        return kept

    def _make_wanted(self, categories: tuple[str, ...], special: bool) -> list[int]:
        wanted = [0] * len(self.places) if categories else list(self.places)
        for category in categories:
            if category in self.codes:
                for row, bits in self._kind_places[self.codes.index(category)].items():
                    wanted[row] |= bits
        if special:
            return wanted
        held_back = zip(wanted, self.accessible_places, self.companion_places, strict=True)
        return [bits & ~(accessible | companion) for bits, accessible, companion in held_back]
