"""The messages of a restaurant's tables: what can be asked of them, what can have happened, what they answer.

A *day* is a local date, counted in days since 1970-01-01; a *minute* is a local time of day, counted from
midnight by the clock on the wall, and may be past 1440 where something begun on a day ends on the next.
Moments in facts are absolute (`_ms`): what has happened does not move when a country changes its clocks.

What a reservation of a table has in common with one of tickets (confirm, pay for, cancel, extend, expire,
pause) are the event's own messages; so are the stages that one can be in.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from domain.event_messages import (
    BeginPayment,
    CancelReservation,
    ConfirmReservation,
    ExpireDue,
    ExtendHold,
    FailPayment,
    FinishPayment,
    HoldExpired,
    HoldExtended,
    HoldReleased,
    Looked,
    PaidBy,
    PauseSale,
    PaymentBegun,
    PaymentFailed,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationPaid,
    ReservationSold,
    ReservationVoided,
    ResumeSale,
    SalePaused,
    SaleResumed,
    SellReservation,
    Stage,
    Status,
    VoidReservation,
)
from domain.messages import Message, Rejected

# --- values ---------------------------------------------------------------------------------------


class Table(Message, frozen=True):
    """A table for parties from `smallest` to `largest`. `number` is what the staff call it.

    `active` False: retired, takes no reservation any more."""

    id: str
    number: str
    smallest: int
    largest: int
    area: str = ""
    traits: tuple[str, ...] = ()
    active: bool = True


class Join(Message, frozen=True):
    """Tables that may be pushed together, for parties of these sizes. They are taken together or not."""

    tables: tuple[str, ...]
    smallest: int
    largest: int


class Service(Message, frozen=True):
    """Open on each such weekday (0 is Monday) in [opens, closes), in minutes of that day."""

    weekday: int
    opens_minute: int
    closes_minute: int


class SpecialDay(Message, frozen=True):
    """Other hours on one date; none: closed. `services` are (opens, closes) pairs in minutes of that day."""

    day: int
    services: tuple[tuple[int, int], ...] = ()
    reason: str = ""


class StayOfParty(Message, frozen=True):
    """Parties of up to `party_largest` stay so long."""

    party_largest: int
    stay_minutes: int


DepositPer = Literal["cover", "reservation"]
AfterVisit = Literal["settled", "returned"]


class Deposit(Message, frozen=True):
    """What is paid before a reservation is confirmed, by parties of at least `from_party_size`: `amount`, in
    minor units, for each cover or for the reservation. Once the party was there it is settled with the
    bill, and kept, or returned."""

    amount: int
    currency: str
    per: DepositPer = "cover"
    from_party_size: int = 1
    after_visit: AfterVisit = "settled"

    def of(self, party_size: int) -> int:
        """What a party of this size has to pay."""
        if party_size < self.from_party_size:
            return 0
        return self.amount * party_size if self.per == "cover" else self.amount


class RestaurantTerms(Message, frozen=True):
    """What the operator decides about a restaurant; the defaults are the house rules of most.

    `stays` go by party size, smallest first; a party larger than all of them stays `stay_minutes`.
    `covers_per_slot_max` None: the kitchen keeps any pace. `score_no_show` is negative.
    `organiser_id`: to whom it belongs, for good; None: to the operator alone."""

    name: str
    time_zone: str
    tables: tuple[Table, ...]
    services: tuple[Service, ...]
    special_days: tuple[SpecialDay, ...] = ()
    joins: tuple[Join, ...] = ()
    address: str | None = None
    city: str | None = None
    phone: str | None = None
    email: str | None = None
    description: str | None = None
    slot_grid_minutes: int = 15
    party_smallest: int = 1
    party_largest: int = 12
    days_ahead_max: int = 90
    notice_same_day_minutes: int = 120
    notice_minutes: int = 30
    stay_minutes: int = 120
    stays: tuple[StayOfParty, ...] = ()
    buffer_minutes: int = 0
    cancel_until_minutes: int = 0
    hold_duration_s: int = 900
    hold_extensions_max: int = 1
    covers_per_slot_max: int | None = None
    no_show_grace_minutes: int = 15
    score_start: int = 100
    score_no_show: int = -20
    score_visit: int = 5
    min_score: int = 20
    guests: bool = True
    deposit: Deposit | None = None
    organiser_id: str | None = None

    def deposit_of(self, party_size: int) -> tuple[int, str]:
        """How much of which currency a party of this size has to pay; (0, "") is nothing."""
        due = 0 if self.deposit is None else self.deposit.of(party_size)
        return (due, self.deposit.currency) if self.deposit is not None and due else (0, "")

    def stay_minutes_of(self, party_size: int) -> int:
        """How long a party of this size stays."""
        fitting = (stay.stay_minutes for stay in self.stays if party_size <= stay.party_largest)
        return next(fitting, self.stay_minutes)


class RestaurantDefinition(Message, frozen=True):
    """A restaurant as its operator defined it: stored when it is created and whenever it changes."""

    terms: RestaurantTerms
    version: int
    paused: bool
    stage: Stage = Stage.PUBLISHED
    deleted: bool = False
    """Then there is no such restaurant, for whoever asks."""

    @property
    def capacity(self) -> int | None:
        """None: how many reservations may be live, the tables' diaries decide."""
        return None


class RestaurantChange(msgspec.Struct, frozen=True):
    """The fields of `RestaurantTerms` to change; what is unset stays.

    `tables` are found by their ids, and an unknown id adds one; hours, special days, joins are given whole.
    """

    name: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    services: tuple[Service, ...] | UnsetType = UNSET
    special_days: tuple[SpecialDay, ...] | UnsetType = UNSET
    joins: tuple[Join, ...] | UnsetType = UNSET
    address: str | UnsetType | None = UNSET
    city: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    slot_grid_minutes: int | UnsetType = UNSET
    party_smallest: int | UnsetType = UNSET
    party_largest: int | UnsetType = UNSET
    days_ahead_max: int | UnsetType = UNSET
    notice_same_day_minutes: int | UnsetType = UNSET
    notice_minutes: int | UnsetType = UNSET
    stay_minutes: int | UnsetType = UNSET
    stays: tuple[StayOfParty, ...] | UnsetType = UNSET
    buffer_minutes: int | UnsetType = UNSET
    cancel_until_minutes: int | UnsetType = UNSET
    hold_duration_s: int | UnsetType = UNSET
    hold_extensions_max: int | UnsetType = UNSET
    covers_per_slot_max: int | UnsetType | None = UNSET
    no_show_grace_minutes: int | UnsetType = UNSET
    score_start: int | UnsetType = UNSET
    score_no_show: int | UnsetType = UNSET
    score_visit: int | UnsetType = UNSET
    min_score: int | UnsetType = UNSET
    guests: bool | UnsetType = UNSET
    deposit: Deposit | UnsetType | None = UNSET
    tables: tuple[Table, ...] = ()
    removed_tables: tuple[str, ...] = ()


class History(Message, frozen=True):
    """What a customer has done at this restaurant so far, as its stored reservations say: nobody else's
    cancellations."""

    visits: int = 0
    cancellations: int = 0
    no_shows: int = 0


class TableReservation(Message, frozen=True):
    """One party's claim of tables in [start, end); they are free for the next from `free_at_ms` on.

    `expires_at_ms` is the end of a hold, or of its payment while it is paying; once confirmed, when the rules
    look at it again (see `due`). `deposit`: what is, or was, to be paid for it, in minor units of `currency`.
    `overstays` counts how often the stay was prolonged because nobody had said that the party had left.
    `phone` is a key made of the customer's number, as `customer` is one of the e-mail. `excused`: it was
    cancelled, but not by its customer. `warned`: who was next at its tables when it was last prolonged, and
    was in its way."""

    id: str
    status: Status
    expires_at_ms: int
    tables: tuple[str, ...]
    start_ms: int
    end_ms: int
    free_at_ms: int
    party_size: int
    customer: bytes
    created_at_ms: int
    extensions: int = 0
    overstays: int = 0
    phone: bytes = b""
    deposit: int = 0
    currency: str = ""
    paid_by: PaidBy | None = None
    excused: bool = False
    warned: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """What a payment is of."""
        return self.deposit


# --- commands -------------------------------------------------------------------------------------


class CreateRestaurant(Message, frozen=True):
    """`id` becomes the restaurant's, unless the same request has made one already. `stage`: draft or
    published."""

    id: str
    terms: RestaurantTerms
    stage: Stage = Stage.PUBLISHED


class ChangeRestaurant(Message, frozen=True):
    """`if_version` None changes whatever stands. `move`: reservations at tables that go are moved to others
    of the same time, where that can be; else a change that affects any is refused."""

    change: RestaurantChange
    if_version: int | None = None
    move: bool = False


class PublishRestaurant(Message, frozen=True):
    """Take reservations; also after it was closed."""


class CloseRestaurant(Message, frozen=True):
    """No new reservations; those that are, are kept."""


class CancelRestaurant(Message, frozen=True):
    """For good: what is held, confirmed or seated ends with it."""


class DeleteRestaurant(Message, frozen=True):
    """As if it had never been, but for the journal. `if_version` None deletes whatever stands."""

    if_version: int | None = None


class HoldTable(Message, frozen=True):
    """`table_id` None lets the restaurant choose among what has the `traits`. `contact` is name, e-mail and
    note, encoded; no rule looks into it, no fact holds it."""

    reservation_id: str
    day: int
    minute: int
    party_size: int
    customer: bytes
    contact: bytes
    table_id: str | None = None
    traits: tuple[str, ...] = ()
    history: History = History()
    guest: bool = True
    phone: bytes = b""
    signed_in: bool = False


class MoveReservation(Message, frozen=True):
    """To another time, table or party size; None stays as it is. The old place is kept until the new is had.

    Without a `table_id` the present tables are kept where they do, and else the restaurant chooses."""

    reservation_id: str
    day: int | None = None
    minute: int | None = None
    party_size: int | None = None
    table_id: str | None = None
    traits: tuple[str, ...] = ()


class SeatParty(Message, frozen=True):
    """The party has arrived."""

    reservation_id: str


class CompleteStay(Message, frozen=True):
    """The party has left: the rest of its time is free."""

    reservation_id: str


class MarkNoShow(Message, frozen=True):
    """Nobody came."""

    reservation_id: str


class SeatWalkIn(Message, frozen=True):
    """A party at the door, seated at once. `stay_minutes` None: as long as a party of that size stays."""

    reservation_id: str
    party_size: int
    customer: bytes = b""
    contact: bytes = b""
    table_id: str | None = None
    traits: tuple[str, ...] = ()
    stay_minutes: int | None = None
    phone: bytes = b""


class ProlongStay(Message, frozen=True):
    """A seated party stays longer. `move_next`: who is in its way gets another table where one is free."""

    reservation_id: str
    by_minutes: int
    move_next: bool = False


class SearchTables(Message, frozen=True):
    """The free times of a day whose minutes are in [from, until]. `wished_minute`: if that one is not free,
    the nearest others as well."""

    day: int
    party_size: int
    from_minute: int = 0
    until_minute: int = 1439
    traits: tuple[str, ...] = ()
    wished_minute: int | None = None
    guest: bool = True


RestaurantCommand = (
    CreateRestaurant
    | ChangeRestaurant
    | PauseSale
    | ResumeSale
    | PublishRestaurant
    | CloseRestaurant
    | CancelRestaurant
    | DeleteRestaurant
    | HoldTable
    | ExtendHold
    | ConfirmReservation
    | CancelReservation
    | MoveReservation
    | SeatParty
    | CompleteStay
    | MarkNoShow
    | SeatWalkIn
    | ProlongStay
    | SearchTables
    | SellReservation
    | BeginPayment
    | FinishPayment
    | FailPayment
    | VoidReservation
    | ExpireDue
)

# --- facts ----------------------------------------------------------------------------------------


class RestaurantCreated(Message, frozen=True):
    at_ms: int
    id: str
    terms: RestaurantTerms
    stage: Stage = Stage.PUBLISHED


class RestaurantChanged(Message, frozen=True):
    at_ms: int
    terms: RestaurantTerms


class RestaurantPublished(Message, frozen=True):
    at_ms: int


class RestaurantClosed(Message, frozen=True):
    at_ms: int


class RestaurantCancelled(Message, frozen=True):
    """From here on nothing of it is live; facts that say so of each reservation follow."""

    at_ms: int


class RestaurantDeleted(Message, frozen=True):
    at_ms: int


class TableHeld(Message, frozen=True):
    at_ms: int
    reservation_id: str
    customer: bytes
    tables: tuple[str, ...]
    start_ms: int
    end_ms: int
    free_at_ms: int
    party_size: int
    expires_at_ms: int
    phone: bytes = b""
    deposit: int = 0
    currency: str = ""


class ReservationMoved(Message, frozen=True):
    """`deposit`, `currency`: of a hold, what is to be paid for it from now on; None: as before."""

    at_ms: int
    reservation_id: str
    tables: tuple[str, ...]
    start_ms: int
    end_ms: int
    free_at_ms: int
    party_size: int
    deposit: int | None = None
    currency: str = ""


class TableRetaken(Message, frozen=True):
    """A hold that had expired was paid after all, and its tables were free: `reservation` as it is now,
    confirmed."""

    at_ms: int
    reservation_id: str
    payment_id: str
    reservation: TableReservation


class PartySeated(Message, frozen=True):
    """`start_ms` is earlier than it was where the party came early."""

    at_ms: int
    reservation_id: str
    start_ms: int


class WalkInSeated(Message, frozen=True):
    at_ms: int
    reservation_id: str
    customer: bytes
    tables: tuple[str, ...]
    start_ms: int
    end_ms: int
    free_at_ms: int
    party_size: int
    phone: bytes = b""


class StayProlonged(Message, frozen=True):
    """A party stays longer, as far as the next one lets it. `warned`: the reservations that it is in the way
    of. `looks_at_ms`: when the rules look at it again; `overstays`: how often they have."""

    at_ms: int
    reservation_id: str
    end_ms: int
    free_at_ms: int
    looks_at_ms: int
    overstays: int
    warned: tuple[str, ...] = ()


class StayCompleted(Message, frozen=True):
    """`kept`: so much of its deposit is settled with the bill."""

    at_ms: int
    reservation_id: str
    kept: int = 0


class NoShowMarked(Message, frozen=True):
    """`kept`: so much of its deposit is."""

    at_ms: int
    reservation_id: str
    kept: int = 0


RestaurantFact = (
    RestaurantCreated
    | RestaurantChanged
    | SalePaused
    | SaleResumed
    | RestaurantPublished
    | RestaurantClosed
    | RestaurantCancelled
    | RestaurantDeleted
    | TableHeld
    | HoldExtended
    | ReservationConfirmed
    | HoldReleased
    | ReservationCancelled
    | HoldExpired
    | ReservationMoved
    | PartySeated
    | WalkInSeated
    | StayProlonged
    | StayCompleted
    | NoShowMarked
    | PaymentBegun
    | PaymentFailed
    | ReservationPaid
    | ReservationSold
    | ReservationVoided
    | TableRetaken
)

# --- replies --------------------------------------------------------------------------------------


class TableReply(Message, frozen=True):
    """The reservation as the command left it. `moved` and `warned`: the others that it had to do with."""

    reservation: TableReservation
    contact: bytes
    moved: tuple[TableReservation, ...] = ()
    warned: tuple[str, ...] = ()

    @property
    def currency(self) -> str:
        return self.reservation.currency


class RestaurantReply(Message, frozen=True):
    """The restaurant as the command left it. `version` changes with its terms, with pausing and with its
    stage."""

    id: str
    terms: RestaurantTerms
    version: int
    paused: bool
    moved: tuple[TableReservation, ...] = ()
    stage: Stage = Stage.PUBLISHED


class FreeTime(Message, frozen=True):
    """A time that can be had, and the tables that fit the party best then. `area` and `traits` are what all
    of these tables have; `largest`: the largest party that they would take."""

    day: int
    minute: int
    start_ms: int
    tables: tuple[str, ...]
    largest: int
    area: str
    traits: tuple[str, ...]


class FreeTimes(Message, frozen=True):
    """In order of time; the alternatives nearest to the wished time first."""

    times: tuple[FreeTime, ...]
    alternatives: tuple[FreeTime, ...] = ()


RestaurantReplies = TableReply | RestaurantReply | FreeTimes | Looked | Rejected
