"""The rules of a restaurant's tables once more, small, slow and obvious: a list of reservations, compared.

Shares with `domain.restaurant` the messages and nothing else: overlap is tried pair by pair, local time comes
from `datetime` itself, a search tries every minute as a hold. What a prolonged stay and a change of terms do
is said in `sequential_restaurant`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from domain.event_messages import CancelReservation, ConfirmReservation, ExtendHold, Status
from domain.messages import Code, Rejected
from domain.restaurant_messages import (
    CompleteStay,
    HoldTable,
    MarkNoShow,
    MoveReservation,
    RestaurantTerms,
    SearchTables,
    SeatParty,
    SeatWalkIn,
    TableReservation,
)
from tests.properties.deposit_reference import OF_MONEY, OfMoney, completed, due, ended, pay, unpaid

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE_MS = 60_000
SETTLE_MS = 12 * 60 * MINUTE_MS
LIVE = (Status.HELD, Status.PAYING, Status.CONFIRMED, Status.SEATED)
ON_HOLD = (Status.HELD, Status.PAYING)

Answer = TableReservation | Rejected
Stay = tuple[int, int, int]


def no(code: Code, **facts: int | str) -> Rejected:
    return Rejected(code, "", facts)


def local(terms: RestaurantTerms, day: int, minute: int) -> datetime:
    return _local(terms.time_zone, day, minute)


@lru_cache(maxsize=100_000)
def _local(time_zone: str, day: int, minute: int) -> datetime:
    midnight = datetime.combine(date(1970, 1, 1) + timedelta(days=day), datetime.min.time())
    return (midnight + timedelta(minutes=minute)).replace(tzinfo=ZoneInfo(time_zone))


def ms(moment: datetime) -> int:
    return round((moment.astimezone(UTC) - EPOCH).total_seconds() * 1000)


def shown(terms: RestaurantTerms, at_ms: int) -> datetime:
    return (EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(terms.time_zone))


def exists(moment: datetime) -> bool:
    there_and_back = moment.astimezone(UTC).astimezone(moment.tzinfo)
    return there_and_back.replace(tzinfo=None, fold=0) == moment.replace(tzinfo=None, fold=0)


def overlap(one: TableReservation, tables: tuple[str, ...], stay: Stay) -> bool:
    return bool({*one.tables} & {*tables}) and one.start_ms < stay[2] and stay[0] < one.free_at_ms


class Reference:
    """One restaurant. `ask` answers and changes; `expire` ends the holds that are due."""

    def __init__(self, terms: RestaurantTerms) -> None:
        self.terms = terms
        self.paused = self.closed = self.gone = False
        self.all: dict[str, TableReservation] = {}

    def live(self, but: str = "") -> list[TableReservation]:
        return [one for one in self.all.values() if one.status in LIVE and one.id != but]

    def expire(self, now_ms: int) -> set[str]:
        over = [one for one in self.live() if one.status in ON_HOLD and one.expires_at_ms <= now_ms]
        for one in over:
            self.all[one.id] = replace(one, status=Status.EXPIRED)
        return {one.id for one in over}

    # --- when and where -----------------------------------------------------------------------------

    def options(self, party_size: int, traits: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
        """Best fit first."""
        tables = {table.id: table for table in self.terms.tables if table.active}
        all_ = [((one.id,), one.smallest, one.largest) for one in tables.values()]
        all_ += [
            (join.tables, join.smallest, join.largest)
            for join in self.terms.joins
            if {*join.tables} <= {*tables}
        ]
        all_.sort(key=lambda option: (len(option[0]), option[2]))
        return [
            ids
            for ids, smallest, largest in all_
            if smallest <= party_size <= largest
            and all({*traits} <= {*tables[table_id].traits} for table_id in ids)
        ]

    def open_(self, start_ms: int, end_ms: int) -> bool:
        day = (shown(self.terms, start_ms).date() - date(1970, 1, 1)).days
        special = {one.day: one.services for one in self.terms.special_days}
        for begun in (day - 1, day):
            weekday = (begun + 3) % 7  # the first of 1970 was a Thursday
            weekly = [
                (one.opens_minute, one.closes_minute) for one in self.terms.services if one.weekday == weekday
            ]
            for opens, closes in special.get(begun, weekly):
                if ms(local(self.terms, begun, opens)) <= start_ms and end_ms <= ms(
                    local(self.terms, begun, closes)
                ):
                    return True
        return False

    def stay(self, start_ms: int, minutes: int) -> Stay:
        end_ms = start_ms + minutes * MINUTE_MS
        return start_ms, end_ms, end_ms + self.terms.buffer_minutes * MINUTE_MS

    def minutes(self, party_size: int) -> int:
        for one in self.terms.stays:
            if party_size <= one.party_largest:
                return one.stay_minutes
        return self.terms.stay_minutes

    def when(self, day: int, minute: int, party_size: int, now_ms: int) -> Stay | Rejected:
        terms = self.terms
        start = local(terms, day, minute)
        if minute % terms.slot_grid_minutes or not exists(start):
            return no(Code.INVALID)
        today = shown(terms, now_ms).date()
        notice = terms.notice_minutes if start.date() != today else terms.notice_same_day_minutes
        if (start.date() - today).days > terms.days_ahead_max or ms(start) - now_ms < notice * MINUTE_MS:
            return no(Code.SALES_CLOSED)
        return self.from_(ms(start), party_size)

    def from_(self, start_ms: int, party_size: int) -> Stay | Rejected:
        if not self.terms.party_smallest <= party_size <= self.terms.party_largest:
            return no(Code.INVALID)
        stay = self.stay(start_ms, self.minutes(party_size))
        return stay if self.open_(stay[0], stay[1]) else no(Code.SALES_CLOSED)

    def pace(self, start_ms: int, party_size: int, but: str, now_ms: int) -> Rejected | None:
        most = self.terms.covers_per_slot_max
        if most is None:
            return None
        if party_size > most:
            return no(Code.LIMIT_EXCEEDED, limit=most, requested=party_size)
        until_ms = start_ms + self.terms.slot_grid_minutes * MINUTE_MS
        others = [one for one in self.live(but) if start_ms <= one.start_ms < until_ms]
        if sum(one.party_size for one in others) + party_size <= most:
            return None
        ends = sorted({one.expires_at_ms for one in others if one.status in ON_HOLD})
        for end_ms in ends:
            left = [one for one in others if one.status not in ON_HOLD or one.expires_at_ms > end_ms]
            if sum(one.party_size for one in left) + party_size <= most:
                return self.held(end_ms, now_ms)
        return no(Code.TAKEN)

    def place(
        self, options: list[tuple[str, ...]], stay: Stay, but: str, now_ms: int
    ) -> tuple[str, ...] | Rejected:
        waits = []
        for tables in options:
            others = [one for one in self.live(but) if overlap(one, tables, stay)]
            if not others:
                return tables
            if all(one.status in ON_HOLD for one in others):
                waits.append(max(one.expires_at_ms for one in others))
        return self.held(min(waits), now_ms) if waits else no(Code.TAKEN)

    def held(self, end_ms: int, now_ms: int) -> Rejected:
        return no(Code.HELD, retry_after_s=max(1, -(-(end_ms - now_ms) // 1000)))

    def wanted(self, table_id: str | None, party_size: int, traits: tuple[str, ...]) -> list[tuple[str, ...]]:
        found = self.options(party_size, traits)
        return found if table_id is None else [tables for tables in found if tables == (table_id,)]

    # --- commands -----------------------------------------------------------------------------------

    def hold(self, command: HoldTable, now_ms: int) -> Answer:
        terms, history = self.terms, command.history
        score = (
            terms.score_start + history.visits * terms.score_visit + history.no_shows * terms.score_no_show
        )
        if self.paused or self.closed:
            return no(Code.SALES_CLOSED)
        if score < terms.min_score:
            return no(Code.SCORE_TOO_LOW)
        stay = self.when(command.day, command.minute, command.party_size, now_ms)
        if isinstance(stay, Rejected):
            return stay
        options = self.wanted(command.table_id, command.party_size, command.traits)
        if not options:
            return no(Code.INVALID)
        pace = self.pace(stay[0], command.party_size, "", now_ms)
        tables = pace or self.place(options, stay, "", now_ms)
        if isinstance(tables, Rejected):
            return tables
        end_ms = now_ms + terms.hold_duration_s * 1000
        return self.keep(
            TableReservation(
                command.reservation_id,
                Status.HELD,
                end_ms,
                tables,
                *stay,
                command.party_size,
                command.customer,
                now_ms,
                deposit=due(terms, command.party_size)[0],
                currency=due(terms, command.party_size)[1],
            )
        )

    def walk_in(self, command: SeatWalkIn, now_ms: int) -> Answer:
        size = command.party_size
        stay = self.stay(now_ms, command.stay_minutes or self.minutes(size))
        options = self.wanted(command.table_id, size, command.traits)
        if self.closed:
            return no(Code.SALES_CLOSED)
        if not options:
            return no(Code.INVALID)
        tables = self.place(options, stay, "", now_ms)
        if isinstance(tables, Rejected):
            return tables
        return self.keep(
            TableReservation(
                command.reservation_id,
                Status.SEATED,
                stay[1],
                tables,
                *stay,
                size,
                command.customer,
                now_ms,
            )
        )

    def of_one(
        self,
        command: ConfirmReservation
        | CancelReservation
        | ExtendHold
        | MoveReservation
        | SeatParty
        | CompleteStay
        | MarkNoShow
        | OfMoney,
        now_ms: int,
    ) -> Answer:
        found = self.all.get(command.reservation_id)
        if found is None:
            return no(Code.NOT_FOUND)
        if isinstance(command, OF_MONEY):
            return pay(self, found, command, now_ms)
        match command:
            case ConfirmReservation() if found.status is Status.HELD and found.deposit:
                return unpaid(found.deposit, found.currency)
            case ConfirmReservation() if found.status in (Status.HELD, Status.CONFIRMED):
                looks_ms = found.end_ms + SETTLE_MS
                mark = None if found.status is Status.HELD else found.paid_by
                after = replace(found, status=Status.CONFIRMED, expires_at_ms=looks_ms, paid_by=mark)
                return self.keep(after)
            case CancelReservation() if found.status not in (Status.SEATED, Status.PAYING):
                return self.cancel(found, command.by_operator, now_ms)
            case ExtendHold() if found.status is Status.HELD:
                return self.extend(found, now_ms)
            case MoveReservation() if found.status in LIVE and found.status is not Status.PAYING:
                return self.move(found, command, now_ms)
            case SeatParty() if found.status in (Status.CONFIRMED, Status.SEATED):
                return self.seat(found, now_ms)
            case CompleteStay() if found.status in (Status.SEATED, Status.COMPLETED) or (
                found.status is Status.CONFIRMED and now_ms >= found.start_ms
            ):
                return self.keep(completed(self.terms, found))
            case MarkNoShow() if found.status is Status.NO_SHOW:
                return found
            case MarkNoShow() if found.status is Status.CONFIRMED:
                from_ms = found.start_ms + self.terms.no_show_grace_minutes * MINUTE_MS
                if now_ms < from_ms:
                    return self.early(from_ms, now_ms)
                return self.keep(ended(found, Status.NO_SHOW, found.deposit))
        if found.status is Status.EXPIRED:
            return no(Code.HOLD_EXPIRED)
        return no(Code.WRONG_STATE, status=found.status.value)

    def cancel(self, found: TableReservation, by_operator: bool, now_ms: int) -> Answer:
        if found.status is Status.HELD:
            return self.keep(replace(found, status=Status.RELEASED))
        if found.status is not Status.CONFIRMED:
            return found
        if self.late(found, now_ms):
            return no(Code.TOO_LATE)
        return self.keep(replace(found, status=Status.CANCELLED, excused=by_operator))

    def late(self, found: TableReservation, now_ms: int) -> bool:
        return now_ms > found.start_ms - self.terms.cancel_until_minutes * MINUTE_MS

    def extend(self, found: TableReservation, now_ms: int) -> Answer:
        most = self.terms.hold_extensions_max
        if found.extensions == most:
            return no(Code.LIMIT_EXCEEDED, limit=most, requested=most + 1)
        end_ms = max(found.expires_at_ms, now_ms + self.terms.hold_duration_s * 1000)
        return self.keep(replace(found, expires_at_ms=end_ms, extensions=found.extensions + 1))

    def move(self, found: TableReservation, command: MoveReservation, now_ms: int) -> Answer:
        size = command.party_size or found.party_size
        start = shown(self.terms, found.start_ms)
        day = (start.date() - date(1970, 1, 1)).days
        minute = start.hour * 60 + start.minute
        wished = (
            day if command.day is None else command.day,
            minute if command.minute is None else command.minute,
        )
        stay: Stay | Rejected = (found.start_ms, found.end_ms, found.free_at_ms)
        if wished != (day, minute) or size != found.party_size:
            if found.status is Status.SEATED:
                return no(Code.WRONG_STATE, status=found.status.value)
            if (self.paused or self.closed) and (wished != (day, minute) or size > found.party_size):
                return no(Code.SALES_CLOSED)
            if wished == (day, minute):
                stay = self.from_(found.start_ms, size)
            elif found.status is Status.CONFIRMED and self.late(found, now_ms):
                return no(Code.TOO_LATE)
            else:
                stay = self.when(*wished, size, now_ms)
        if isinstance(stay, Rejected):
            return stay
        options = self.wanted(command.table_id, size, command.traits)
        if not options:
            return no(Code.INVALID)
        if command.table_id is None and found.tables in options:
            options = [found.tables] + [tables for tables in options if tables != found.tables]
        more = stay[0] != found.start_ms or size > found.party_size
        pace = self.pace(stay[0], size, found.id, now_ms) if more else None
        tables = pace or self.place(options, stay, found.id, now_ms)
        if isinstance(tables, Rejected):
            return tables
        looks_ms = found.expires_at_ms
        if found.status is Status.CONFIRMED:
            looks_ms = stay[1] + SETTLE_MS
        deposit = found.deposit, found.currency
        if size != found.party_size:
            new = due(self.terms, size)
            if found.status is Status.CONFIRMED and size > found.party_size and new[0] > deposit[0]:
                return unpaid(*new)
            deposit = new if found.status is Status.HELD else deposit
        return self.keep(
            replace(
                found,
                deposit=deposit[0],
                currency=deposit[1],
                expires_at_ms=looks_ms,
                tables=tables,
                start_ms=stay[0],
                end_ms=stay[1],
                free_at_ms=stay[2],
                party_size=size,
            )
        )

    def seat(self, found: TableReservation, now_ms: int) -> Answer:
        if found.status is Status.SEATED:
            return found
        if now_ms >= found.end_ms:
            return no(Code.TOO_LATE)
        if now_ms < found.start_ms - 60 * MINUTE_MS:
            return self.early(found.start_ms - 60 * MINUTE_MS, now_ms)
        start_ms = min(now_ms, found.start_ms)
        tables = self.place([found.tables], (start_ms, found.end_ms, found.free_at_ms), found.id, now_ms)
        if isinstance(tables, Rejected):
            return tables
        return self.keep(replace(found, status=Status.SEATED, start_ms=start_ms, expires_at_ms=found.end_ms))

    def early(self, from_ms: int, now_ms: int) -> Rejected:
        return no(Code.WRONG_STATE, status="confirmed", retry_after_s=-(-(from_ms - now_ms) // 1000))

    def keep(self, one: TableReservation) -> TableReservation:
        self.all[one.id] = one
        return one

    # --- search -------------------------------------------------------------------------------------

    def free_times(
        self, day: int, party_size: int, traits: tuple[str, ...], now_ms: int
    ) -> list[tuple[int, tuple[str, ...]]]:
        """(start, tables) of every minute of a day at which such a party would get a hold."""
        found: list[tuple[int, tuple[str, ...]]] = []
        options = self.options(party_size, traits)
        if self.paused or self.closed or not options:
            return found
        for minute in range(1440):
            stay = self.when(day, minute, party_size, now_ms)
            if isinstance(stay, Rejected):
                continue
            if self.pace(stay[0], party_size, "", now_ms) is None:
                tables = self.place(options, stay, "", now_ms)
                if not isinstance(tables, Rejected):
                    found.append((stay[0], tables))
        return found

    def alternatives(self, command: SearchTables, now_ms: int) -> list[tuple[int, tuple[str, ...]]]:
        assert command.wished_minute is not None
        wished_ms = ms(local(self.terms, command.day, command.wished_minute))
        near = [
            one
            for day in (command.day - 1, command.day, command.day + 1)
            for one in self.free_times(day, command.party_size, command.traits, now_ms)
            if abs(one[0] - wished_ms) <= 120 * MINUTE_MS
        ]
        if any(start_ms == wished_ms for start_ms, _ in near):
            return []
        return sorted(near, key=lambda one: (abs(one[0] - wished_ms), one[0]))[:3]
