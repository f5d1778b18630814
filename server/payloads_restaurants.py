"""What clients send about restaurants and their tables; `server/payloads.py` says what holds of all payloads.

Dates and times of day are local to the restaurant. What closes at or before the time at which it opens,
closes on the next day.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from domain.event_messages import Status
from domain.restaurant_floor import STAY_MAX_MINUTES
from domain.restaurant_messages import AfterVisit, DepositPer
from domain.restaurant_terms import (
    BOUNDS,
    DEPOSIT_MAX,
    JOINED_TABLES_MAX,
    JOINS_MAX,
    PARTY_MAX_PERSONS,
    SERVICES_MAX,
    SERVICES_OF_DAY_MAX,
    SPECIAL_DAYS_MAX,
    STAYS_MAX,
    TABLES_MAX,
)
from server.customers import PHONE_MAX_DIGITS, PHONE_MIN_DIGITS
from server.payloads import (
    PAGE_DEFAULT_ITEMS,
    Crowd,
    Cursor,
    Customer,
    Description,
    Email,
    OrganiserId,
    PageLimit,
    Payload,
    Text,
    Zone,
)
from server.placement import Placement

NUMBER_MAX_CHARACTERS = 20
TABLE_MAX_CHARACTERS = 36
"""An id; a number is shorter."""
TRAIT_MAX_CHARACTERS = 40
TRAITS_MAX = 20
TRAITS_MAX_CHARACTERS = 1_000
PHONE_MAX_CHARACTERS = 40
NOTE_MAX_CHARACTERS = 1_000
_END = r"$(?!\n)"
DAY_BEGINS, DAY_ENDS = "00:00", "23:59"


def _bounds(name: str) -> Meta:
    least, most = BOUNDS[name]
    return Meta(ge=least, le=most)


Clock = Annotated[
    str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]" + _END, description="Local time of day: `19:30`.")
]
Persons = Annotated[int, Meta(ge=1, le=PARTY_MAX_PERSONS)]
TableNumber = Annotated[str, Meta(min_length=1, max_length=NUMBER_MAX_CHARACTERS)]
TableId = Annotated[str, Meta(pattern="^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}" + _END)]
NamedTable = Annotated[
    str, Meta(min_length=1, max_length=TABLE_MAX_CHARACTERS, description="A table's number, or its id.")
]
Area = Annotated[str, Meta(max_length=TRAIT_MAX_CHARACTERS)]
Trait = Annotated[str, Meta(min_length=1, max_length=TRAIT_MAX_CHARACTERS, pattern="^[^,]*" + _END)]
Traits = Annotated[tuple[Trait, ...], Meta(max_length=TRAITS_MAX)]
Phone = Annotated[str, Meta(min_length=1, max_length=PHONE_MAX_CHARACTERS)]
DinersPhone = Annotated[
    str,
    Meta(
        min_length=PHONE_MIN_DIGITS,
        max_length=PHONE_MAX_CHARACTERS,
        pattern=r"^[+]?[0-9 ()./-]+" + _END,
        description=f"From {PHONE_MIN_DIGITS} to {PHONE_MAX_DIGITS} digits: `+39 06 1234`.",
    ),
]
Note = Annotated[str, Meta(max_length=NOTE_MAX_CHARACTERS)]
Weekday = Annotated[int, Meta(ge=0, le=6, description="0 is Monday.")]
Grid = Literal[5, 10, 15, 20, 30, 60]
PartySmallest = Annotated[int, _bounds("party_smallest")]
PartyLargest = Annotated[int, _bounds("party_largest")]
DaysAhead = Annotated[int, _bounds("days_ahead_max")]
NoticeSameDay = Annotated[int, _bounds("notice_same_day_minutes")]
Notice = Annotated[int, _bounds("notice_minutes")]
Stay = Annotated[int, _bounds("stay_minutes")]
Buffer = Annotated[int, _bounds("buffer_minutes")]
CancelUntil = Annotated[int, _bounds("cancel_until_minutes")]
HoldDuration = Annotated[int, _bounds("hold_duration_s")]
HoldExtensions = Annotated[int, _bounds("hold_extensions_max")]
Covers = Annotated[int, _bounds("covers_per_slot_max")]
Grace = Annotated[int, _bounds("no_show_grace_minutes")]
ScoreStart = Annotated[int, _bounds("score_start")]
ScoreNoShow = Annotated[int, _bounds("score_no_show")]
ScoreVisit = Annotated[int, _bounds("score_visit")]
MinScore = Annotated[int, _bounds("min_score")]


class DepositMoney(Payload, frozen=True):
    """An amount over 0, in minor units of a currency (ISO 4217)."""

    amount: Annotated[int, Meta(ge=1, le=DEPOSIT_MAX)]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}" + _END)]


# --- restaurants ----------------------------------------------------------------------------------


class NewTable(Payload, frozen=True):
    """A table for parties from `smallest` to `largest`. `active` false: retired."""

    number: TableNumber
    largest: Persons
    smallest: Persons = 1
    area: Area = ""
    traits: Traits = ()
    active: bool = True


class TablePatch(NewTable, frozen=True):
    """A table as it shall be, found by its id; without one it is new."""

    id: TableId | None = None


class GivenJoin(Payload, frozen=True):
    """Tables, by their numbers, that are joined for parties of these sizes."""

    tables: Annotated[tuple[TableNumber, ...], Meta(min_length=2, max_length=JOINED_TABLES_MAX)]
    largest: Persons
    smallest: Persons = 1


class GivenHours(Payload, frozen=True):
    """From opening to closing."""

    opens: Clock
    closes: Clock


class GivenService(GivenHours, frozen=True):
    """Open on each such weekday."""

    weekday: Weekday


class GivenSpecialDay(Payload, frozen=True):
    """Other hours on one date; none: closed."""

    date: dt.date
    services: Annotated[tuple[GivenHours, ...], Meta(max_length=SERVICES_OF_DAY_MAX)] = ()
    reason: Text | Literal[""] = ""


class GivenStay(Payload, frozen=True):
    """Parties of up to `party_largest` stay so long."""

    party_largest: Persons
    stay_minutes: Stay


class GivenDeposit(Payload, frozen=True):
    """What is paid before a reservation of at least `from_party_size` persons is confirmed: `amount` for each
    cover, or for the reservation. It goes back when it is cancelled in time, and is kept on a no-show. Once
    the party was there it is settled with the bill, or `returned`."""

    amount: DepositMoney
    per: DepositPer = "cover"
    from_party_size: Persons = 1
    after_visit: AfterVisit = "settled"


NewTables = Annotated[tuple[NewTable, ...], Meta(min_length=1, max_length=TABLES_MAX)]
Services = Annotated[tuple[GivenService, ...], Meta(max_length=SERVICES_MAX)]
SpecialDays = Annotated[tuple[GivenSpecialDay, ...], Meta(max_length=SPECIAL_DAYS_MAX)]
Joins = Annotated[tuple[GivenJoin, ...], Meta(max_length=JOINS_MAX)]
Stays = Annotated[tuple[GivenStay, ...], Meta(max_length=STAYS_MAX)]


class NewRestaurant(Payload, frozen=True):
    """The house rules that are left out are those of most. A party larger than all `stays` stays
    `stay_minutes`; without `covers_per_slot_max` the kitchen keeps any pace."""

    name: Text
    time_zone: Zone
    tables: NewTables
    services: Services
    special_days: SpecialDays = ()
    joins: Joins = ()
    address: Text | None = None
    city: Text | None = None
    phone: Phone | None = None
    email: Email | None = None
    description: Description | None = None
    slot_grid_minutes: Grid = 15
    party_smallest: PartySmallest = 1
    party_largest: PartyLargest = 12
    days_ahead_max: DaysAhead = 90
    notice_same_day_minutes: NoticeSameDay = 120
    notice_minutes: Notice = 30
    stay_minutes: Stay = 120
    stays: Stays = ()
    buffer_minutes: Buffer = 0
    cancel_until_minutes: CancelUntil = 0
    hold_duration_s: HoldDuration = 900
    hold_extensions_max: HoldExtensions = 1
    covers_per_slot_max: Covers | None = None
    no_show_grace_minutes: Grace = 15
    score_start: ScoreStart = 100
    score_no_show: ScoreNoShow = -20
    score_visit: ScoreVisit = 5
    min_score: MinScore = 20
    guests: bool = True
    deposit: GivenDeposit | None = None
    status: Literal["draft", "published"] = "published"
    organiser_id: OrganiserId | None = None
    placement: Placement | UnsetType = UNSET
    expected_crowd: Crowd | None = None


class RestaurantPatch(Payload, frozen=True):
    """What is left out stays; null takes away what need not be. One command: all of it or nothing.

    Tables are given one by one, each as it shall be; hours, special days, joins and stays as a whole. `move`:
    reservations at tables that go are moved to others; else they refuse the change."""

    name: Text | UnsetType = UNSET
    time_zone: Zone | UnsetType = UNSET
    services: Services | UnsetType = UNSET
    special_days: SpecialDays | UnsetType = UNSET
    joins: Joins | UnsetType = UNSET
    address: Text | UnsetType | None = UNSET
    city: Text | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    slot_grid_minutes: Grid | UnsetType = UNSET
    party_smallest: PartySmallest | UnsetType = UNSET
    party_largest: PartyLargest | UnsetType = UNSET
    days_ahead_max: DaysAhead | UnsetType = UNSET
    notice_same_day_minutes: NoticeSameDay | UnsetType = UNSET
    notice_minutes: Notice | UnsetType = UNSET
    stay_minutes: Stay | UnsetType = UNSET
    stays: Stays | UnsetType = UNSET
    buffer_minutes: Buffer | UnsetType = UNSET
    cancel_until_minutes: CancelUntil | UnsetType = UNSET
    hold_duration_s: HoldDuration | UnsetType = UNSET
    hold_extensions_max: HoldExtensions | UnsetType = UNSET
    covers_per_slot_max: Covers | UnsetType | None = UNSET
    no_show_grace_minutes: Grace | UnsetType = UNSET
    score_start: ScoreStart | UnsetType = UNSET
    score_no_show: ScoreNoShow | UnsetType = UNSET
    score_visit: ScoreVisit | UnsetType = UNSET
    min_score: MinScore | UnsetType = UNSET
    guests: bool | UnsetType = UNSET
    deposit: GivenDeposit | UnsetType | None = UNSET
    tables: Annotated[tuple[TablePatch, ...], Meta(max_length=TABLES_MAX)] = ()
    removed_tables: Annotated[tuple[TableId, ...], Meta(max_length=TABLES_MAX)] = ()
    move: bool = False


class StaysQuery(Payload, frozen=True):
    """A page of a restaurant's reservations: of one status or of all, of one date or of all, of one table,
    joined to others or not, or of all, of one guest, by `email` or by `phone`, or of all."""

    date: dt.date | UnsetType = UNSET
    table: NamedTable | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    phone: DinersPhone | UnsetType = UNSET
    limit: PageLimit = PAGE_DEFAULT_ITEMS
    cursor: Cursor | UnsetType = UNSET


class GuestsQuery(Payload, frozen=True):
    """Who reserved with this `email`, or with this `phone`: one of the two."""

    email: Email | UnsetType = UNSET
    phone: DinersPhone | UnsetType = UNSET


class SearchQuery(Payload, frozen=True):
    """The free times of a date from `earliest` to `latest`. `time`: the wished one; where it is taken, the
    nearest alternatives are shown too. `traits`: those that the tables must have, with commas between."""

    date: dt.date
    party_size: Persons
    time: Clock | UnsetType = UNSET
    earliest: Clock = DAY_BEGINS
    latest: Clock = DAY_ENDS
    traits: Annotated[str, Meta(max_length=TRAITS_MAX_CHARACTERS)] = ""


class WatchQuery(Payload, frozen=True):
    """The times of a date for a party of so many, as they come and go. From today to as far ahead as the
    restaurant takes reservations."""

    date: dt.date
    party_size: Persons


# --- reservations of tables -----------------------------------------------------------------------


class Diner(Customer, frozen=True):
    """Who the reservation is for, and how to call them."""

    phone: DinersPhone | None = None


class NewTableReservation(Payload, frozen=True):
    """Without a `table_id` the restaurant chooses, among tables that have all of the `traits`."""

    date: dt.date
    time: Clock
    party_size: Persons
    customer: Diner
    table_id: TableId | None = None
    traits: Traits = ()
    note: Note | None = None


class NewWalkIn(Payload, frozen=True):
    """A party at the door. Without `stay_minutes` it stays as long as one of its size does."""

    party_size: Persons
    customer: Diner | None = None
    table_id: TableId | None = None
    traits: Traits = ()
    stay_minutes: Annotated[int, Meta(ge=1, le=STAY_MAX_MINUTES)] | None = None
    note: Note | None = None


class TableMove(Payload, frozen=True):
    """What is left out stays as it is. Without a `table_id` the present tables are kept where they do."""

    date: dt.date | None = None
    time: Clock | None = None
    party_size: Persons | None = None
    table_id: TableId | None = None
    traits: Traits = ()


class Prolonging(Payload, frozen=True):
    """`move_next`: who is in the way is moved to another table where one is free."""

    by_minutes: Annotated[int, Meta(ge=1, le=STAY_MAX_MINUTES)]
    move_next: bool = False
