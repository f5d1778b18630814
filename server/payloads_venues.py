"""What clients send about venues: see `server.payloads`. A plan is given seat by seat, or made."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from domain.seat_generators import (
    PITCH_LENGTH_CM,
    PITCH_WIDTH_CM,
    SECTORS_MAX,
    STANDARD,
    TIERS_MAX,
)
from domain.seat_plan import (
    CATEGORIES_MAX,
    COORDINATE_MAX,
    LABEL_MAX_CHARACTERS,
    ROW_MAX_SEATS,
    ROWS_MAX,
    SECTIONS_MAX,
)
from domain.venue import ADDRESS_MAX_CHARACTERS, CITY_MAX_CHARACTERS
from server.payloads import OrganiserId, Payload, Text, TypeCode

VENUE_BODY_MAX_BYTES = 16 * 1024 * 1024
"""Of a body with a plan: 100,000 seats with all that may be said of them."""
TIER_MAX_ROWS = 200
SEATS_ADDED_MAX = 50
ACCESSIBLE_MAX_PAIRS = ROW_MAX_SEATS // 2
PITCH_MAX_CM = 100_000

Label = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LABEL_MAX_CHARACTERS,
        pattern="^[^/]+$",
        description="Printable, without a slash and without space at its ends.",
    ),
]
City = Annotated[str, Meta(min_length=1, max_length=CITY_MAX_CHARACTERS)]
Address = Annotated[str, Meta(max_length=ADDRESS_MAX_CHARACTERS)]
Coordinate = Annotated[int, Meta(ge=-COORDINATE_MAX, le=COORDINATE_MAX)]
RowSeats = Annotated[int, Meta(ge=1, le=ROW_MAX_SEATS)]
Pairs = Annotated[
    int,
    Meta(
        ge=0,
        le=ACCESSIBLE_MAX_PAIRS,
        description="Pairs of an accessible and a companion's seat that the last row begins with.",
    ),
]


class NewSeat(Payload, frozen=True):
    """A seat. `x`, `y`: where it is on a map. `aisle_after`: the next seat of its row is no neighbour."""

    label: Label
    category: TypeCode
    x: Coordinate = 0
    y: Coordinate = 0
    accessible: bool = False
    companion: bool = False
    aisle_after: bool = False


class NewRow(Payload, frozen=True):
    """A row's seats from one end to the other."""

    label: Label
    seats: Annotated[tuple[NewSeat, ...], Meta(min_length=1, max_length=ROW_MAX_SEATS)]


class NewSection(Payload, frozen=True):
    """A section's rows, the best first."""

    label: Label
    rows: Annotated[tuple[NewRow, ...], Meta(min_length=1, max_length=ROWS_MAX)]


class CategoryRows(Payload, frozen=True):
    """The rows of a category in a block end with `last_row`."""

    category: TypeCode
    last_row: Annotated[int, Meta(ge=1, le=ROWS_MAX)]


class NewBlock(Payload, frozen=True):
    """One section of rows x seats. `categories` in order of rows; `aisles` are after these seats."""

    section: Label
    rows: Annotated[int, Meta(ge=1, le=ROWS_MAX)]
    seats_per_row: RowSeats
    categories: Annotated[tuple[CategoryRows, ...], Meta(min_length=1, max_length=CATEGORIES_MAX)] = (
        CategoryRows(STANDARD, ROWS_MAX),
    )
    aisles: Annotated[tuple[RowSeats, ...], Meta(max_length=ROW_MAX_SEATS)] = ()
    accessible: Pairs = 0


class NewTier(Payload, frozen=True):
    """A ring of a stadium: sectors of rows that grow by `seats_added` from one to the next. `categories` are
    given to equal shares of the sectors."""

    label: Label
    sectors: Annotated[int, Meta(ge=1, le=SECTORS_MAX)]
    rows: Annotated[int, Meta(ge=1, le=TIER_MAX_ROWS)]
    seats_per_row: RowSeats
    seats_added: Annotated[int, Meta(ge=0, le=SEATS_ADDED_MAX)] = 0
    categories: Annotated[tuple[TypeCode, ...], Meta(min_length=1, max_length=CATEGORIES_MAX)] = (STANDARD,)
    accessible: Pairs = 0


class NewBowl(Payload, frozen=True):
    """A stadium: tiers round a pitch, the innermost first. Lengths in centimetres."""

    tiers: Annotated[tuple[NewTier, ...], Meta(min_length=1, max_length=TIERS_MAX)]
    pitch_length: Annotated[int, Meta(ge=1, le=PITCH_MAX_CM)] = PITCH_LENGTH_CM
    pitch_width: Annotated[int, Meta(ge=1, le=PITCH_MAX_CM)] = PITCH_WIDTH_CM


class NewPlan(Payload, frozen=True):
    """One of the three: `sections` in order of preference, or what makes them."""

    sections: Annotated[tuple[NewSection, ...], Meta(min_length=1, max_length=SECTIONS_MAX)] | None = None
    block: NewBlock | None = None
    bowl: NewBowl | None = None


class NewVenue(Payload, frozen=True):
    """A place where events are held. Without a plan it has no seats to sell."""

    name: Text
    city: City
    address: Address | None = None
    plan: NewPlan | None = None
    organiser_id: OrganiserId | None = None


class VenuePatch(Payload, frozen=True):
    """What is left out stays; null takes the address away. Events keep the plan they were made with."""

    name: Text | UnsetType = UNSET
    city: City | UnsetType = UNSET
    address: Address | UnsetType | None = UNSET
    plan: NewPlan | UnsetType = UNSET
