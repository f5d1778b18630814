"""What clients get of restaurants: the types of the replies, and how the domain's values become them.

Moments are UTC like everywhere; what the house decides (hours, the times of a search) is local to it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache

import msgspec
from msgspec import UNSET, UnsetType

from domain.event_messages import Stage, Status
from domain.images import Image
from domain.restaurant_choice import score_of
from domain.restaurant_messages import (
    AfterVisit,
    Deposit,
    DepositPer,
    FreeTime,
    FreeTimes,
    RestaurantReply,
    RestaurantTerms,
    TableReply,
)
from domain.views import FoundGuest
from server.payloads_restaurants import Diner
from server.placement import Placement
from server.times import rfc3339
from server.views import MoneyView, View, encode

_EPOCH = dt.date(1970, 1, 1)
_NOBODY = msgspec.Raw(b"null")
DAYS_KEPT_MAX = 1024
MINUTES_KEPT_MAX = 4096
"""Texts that are remembered: every one of a search's times says them."""


class TableView(View, frozen=True):
    """A table. `active` false: retired."""

    id: str
    number: str
    smallest: int
    largest: int
    area: str
    traits: tuple[str, ...]
    active: bool


class JoinView(View, frozen=True):
    """Tables, by their numbers, that are joined for parties of these sizes."""

    tables: list[str]
    smallest: int
    largest: int


class ServiceView(View, frozen=True):
    """Open on each such weekday (0 is Monday); closing at or before opening means the next day."""

    weekday: int
    opens: str
    closes: str


class HoursView(View, frozen=True):
    """From opening to closing."""

    opens: str
    closes: str


class SpecialDayView(View, frozen=True):
    """Other hours on one date; none: closed."""

    date: str
    services: list[HoursView]
    reason: str


class StayView(View, frozen=True):
    """Parties of up to `party_largest` stay so long."""

    party_largest: int
    stay_minutes: int


class DepositView(View, frozen=True):
    """What is paid before a reservation of at least `from_party_size` persons is confirmed: `amount` for each
    cover, or for the reservation. Once the party was there it is settled with the bill, or `returned`."""

    amount: MoneyView
    per: DepositPer
    from_party_size: int
    after_visit: AfterVisit


class RestaurantView(View, frozen=True):
    """`version`, the ETag, changes with the terms, with pausing and with `status`. `placement`: where it is
    shown alone, to operators."""

    id: str
    name: str
    time_zone: str
    address: str | None
    city: str | None
    phone: str | None
    email: str | None
    description: str | None
    services: list[ServiceView]
    special_days: list[SpecialDayView]
    tables: list[TableView]
    joins: list[JoinView]
    slot_grid_minutes: int
    party_smallest: int
    party_largest: int
    days_ahead_max: int
    notice_same_day_minutes: int
    notice_minutes: int
    stay_minutes: int
    stays: list[StayView]
    buffer_minutes: int
    cancel_until_minutes: int
    hold_duration_s: int
    hold_extensions_max: int
    covers_per_slot_max: int | None
    no_show_grace_minutes: int
    score_start: int
    score_no_show: int
    score_visit: int
    min_score: int
    guests: bool
    deposit: DepositView | None
    status: Stage
    paused: bool
    version: int
    organiser_id: str | None
    placement: Placement | UnsetType = UNSET


class TableReservationView(View, frozen=True):
    """One party's claim of tables. `token` comes with its making only; `customer` is null once erased, or
    where nobody gave a name. `deposit`: what is, or was, to be paid before it is confirmed. `moved` and
    `warned`: ids of other reservations that the change touched; in the staff's list, `warned` with a party
    that sits are those that were next when it last stayed on."""

    id: str
    restaurant_id: str
    status: Status
    expires_at: str | None
    tables: tuple[str, ...]
    starts_at: str
    ends_at: str
    party_size: int
    customer: msgspec.Raw
    note: str | None
    created_at: str
    deposit: MoneyView | None
    token: str | UnsetType = UNSET
    moved: list[str] | UnsetType = UNSET
    warned: list[str] | UnsetType = UNSET


class ImageView(View, frozen=True):
    """An image of a restaurant; the file is at `url`, and never another one."""

    id: str
    url: str
    media_type: str
    width: int
    height: int
    size_bytes: int
    created_at: str


class GuestView(View, frozen=True):
    """A guest of this restaurant, as of their last reservation, what they have done, and the score that
    follows; below `min_score` they get no hold. `cancellations`: of what was confirmed, by the guest. Who was
    erased is not found."""

    customer: msgspec.Raw
    visits: int
    cancellations: int
    no_shows: int
    score: int


class FreeTimeView(View, frozen=True):
    """A time that can be had, and the tables that fit best then, with what all of these are like."""

    date: str
    time: str
    starts_at: str
    tables: tuple[str, ...]
    largest: int
    area: str
    traits: tuple[str, ...]


class SearchView(View, frozen=True):
    """Times in order; where the wished one cannot be had, the nearest `alternatives`, the nearest first."""

    restaurant_id: str
    times: list[FreeTimeView]
    alternatives: list[FreeTimeView]


class DayTimesView(View, frozen=True):
    """The times of a date that a party can have, as `search` shows them, at a sequence of the restaurant.
    What time it is now is not looked at: times past, or too short a notice, are among them."""

    restaurant_id: str
    sequence: int
    date: str
    party_size: int
    times: list[FreeTimeView]


class DayTimesDelta(View, frozen=True):
    """What has changed since that sequence: `times` can be had now, or with other tables; `gone`, by their
    `time`, cannot be had any more."""

    restaurant_id: str
    sequence: int
    since: int
    date: str
    party_size: int
    times: list[FreeTimeView]
    gone: list[str]


class DinerView(Diner, frozen=True):
    """Who the reservation is for, as given."""


class Contact(msgspec.Struct, frozen=True):
    """What is stored of a party that no rule looks into: erased as one."""

    customer: msgspec.Raw = _NOBODY
    note: str | None = None


_contact = msgspec.json.Decoder(Contact)


# --- making them ----------------------------------------------------------------------------------


def restaurant_view(reply: RestaurantReply, placement: Placement | UnsetType = UNSET) -> RestaurantView:
    terms = reply.terms
    numbers = {table.id: table.number for table in terms.tables}
    shown = {name: getattr(terms, name) for name in _PLAIN}
    return RestaurantView(
        id=reply.id,
        status=reply.stage,
        paused=reply.paused,
        version=reply.version,
        placement=placement,
        services=[
            ServiceView(one.weekday, clock(one.opens_minute), clock(one.closes_minute))
            for one in terms.services
        ],
        special_days=[
            SpecialDayView(
                date_of(one.day), [HoursView(clock(a), clock(b)) for a, b in one.services], one.reason
            )
            for one in terms.special_days
        ],
        tables=[
            TableView(one.id, one.number, one.smallest, one.largest, one.area, one.traits, one.active)
            for one in terms.tables
        ],
        joins=[
            JoinView([numbers[id_] for id_ in one.tables], one.smallest, one.largest) for one in terms.joins
        ],
        stays=[StayView(one.party_largest, one.stay_minutes) for one in terms.stays],
        deposit=_deposit(terms.deposit),
        **shown,
    )


def _deposit(deposit: Deposit | None) -> DepositView | None:
    if deposit is None:
        return None
    money = MoneyView(deposit.amount, deposit.currency)
    return DepositView(money, deposit.per, deposit.from_party_size, deposit.after_visit)


_OWN_SHAPE = ("services", "special_days", "tables", "joins", "stays", "deposit")
_PLAIN = tuple(
    name
    for name in RestaurantView.__struct_fields__
    if name in RestaurantTerms.__struct_fields__ and name not in _OWN_SHAPE
)
"""The fields that are shown as the rules have them."""


def table_reservation_view(
    restaurant_id: str, reply: TableReply, token: str | UnsetType = UNSET
) -> TableReservationView:
    claim = reply.reservation
    contact = _contact.decode(reply.contact) if reply.contact else Contact()
    return TableReservationView(
        claim.id,
        restaurant_id,
        claim.status,
        rfc3339(claim.expires_at_ms) if claim.status.on_hold else None,
        claim.tables,
        rfc3339(claim.start_ms),
        rfc3339(claim.end_ms),
        claim.party_size,
        contact.customer,
        contact.note,
        rfc3339(claim.created_at_ms),
        MoneyView(claim.deposit, claim.currency) if claim.deposit else None,
        token,
        [other.id for other in reply.moved] or UNSET,
        list(reply.warned) or UNSET,
    )


def image_view(image: Image) -> ImageView:
    url = f"/api/v1/restaurants/{image.restaurant_id}/images/{image.id}"
    measures = (image.media_type, image.width, image.height, image.size_bytes)
    return ImageView(image.id, url, *measures, rfc3339(image.created_ms))


def guest_view(found: FoundGuest, terms: RestaurantTerms) -> GuestView:
    contact = _contact.decode(found.contact) if found.contact else Contact()
    done = found.history
    score = score_of(terms, done.visits, done.no_shows)
    return GuestView(contact.customer, done.visits, done.cancellations, done.no_shows, score)


def search_view(restaurant_id: str, found: FreeTimes) -> SearchView:
    return SearchView(restaurant_id, _times(found.times), _times(found.alternatives))


def day_times(
    restaurant_id: str, day: int, party_size: int, sequence: int, times: Iterable[FreeTime]
) -> bytes:
    """A day's times as JSON."""
    return encode(DayTimesView(restaurant_id, sequence, date_of(day), party_size, _times(times)))


def day_times_delta(
    restaurant_id: str,
    day: int,
    party_size: int,
    sequence: int,
    since: int,
    times: Iterable[FreeTime],
    gone: Iterable[int],
) -> bytes:
    """What has changed of them since a sequence, as JSON. `gone`: minutes of the day."""
    minutes = [clock(minute) for minute in sorted(gone)]
    return encode(
        DayTimesDelta(restaurant_id, sequence, since, date_of(day), party_size, _times(times), minutes)
    )


def _times(times: Iterable[FreeTime]) -> list[FreeTimeView]:
    return [
        FreeTimeView(
            date_of(one.day),
            clock(one.minute),
            rfc3339(one.start_ms),
            one.tables,
            one.largest,
            one.area,
            one.traits,
        )
        for one in times
    ]


@lru_cache(maxsize=DAYS_KEPT_MAX)
def date_of(day: int) -> str:
    """Of a day counted since 1970-01-01. A search says it of each time that it finds."""
    return (_EPOCH + dt.timedelta(days=day)).isoformat()


def day_of(date: dt.date) -> int:
    return (date - _EPOCH).days


@lru_cache(maxsize=MINUTES_KEPT_MAX)
def clock(minute: int) -> str:
    """Of a minute of the day; what is past midnight is shown as the next day's."""
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"


def minute_of(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
