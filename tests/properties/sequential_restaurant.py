"""A restaurant that is asked one command at a time: the object that a linearizable history has to fit.

Adds to the reference what that one leaves to be judged (stays that are prolonged, terms that change, what
is over and goes on by itself), and what a search for an order needs: to be copied, compared, told of an end.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET
from msgspec.structs import replace

from domain.event_messages import ExpireDue, Looked, PauseSale, ResumeSale, Stage, Status
from domain.messages import Code, Rejected
from domain.restaurant_messages import (
    CancelRestaurant,
    ChangeRestaurant,
    CloseRestaurant,
    CreateRestaurant,
    DeleteRestaurant,
    FreeTime,
    FreeTimes,
    HoldTable,
    ProlongStay,
    PublishRestaurant,
    RestaurantCommand,
    RestaurantReplies,
    RestaurantReply,
    RestaurantTerms,
    SearchTables,
    SeatWalkIn,
    TableReply,
    TableReservation,
)
from tests.properties.deposit_reference import completed
from tests.properties.restaurant_reference import (
    LIVE,
    MINUTE_MS,
    ON_HOLD,
    SETTLE_MS,
    Answer,
    Reference,
    Stay,
    local,
    ms,
    no,
    overlap,
    shown,
)

OVERSTAYS_MAX = 8
STAY_MAX_MS = 720 * MINUTE_MS
STAGES: dict[type, Stage] = {
    PublishRestaurant: Stage.PUBLISHED,
    CloseRestaurant: Stage.CLOSED,
    CancelRestaurant: Stage.CANCELLED,
}
WITH_IT = {
    Status.HELD: Status.RELEASED,
    Status.PAYING: Status.RELEASED,
    Status.CONFIRMED: Status.CANCELLED,
    Status.SEATED: Status.COMPLETED,
}


class SequentialRestaurant(Reference):
    """`ask` answers and changes; `expire_one` says that the time of one reservation has come."""

    def __init__(self) -> None:
        self.id = ""
        self.version = 0
        self.paused = self.closed = self.gone = False
        self.stage = Stage.PUBLISHED
        self.deleted = False
        self.all: dict[str, TableReservation] = {}

    def copy(self) -> SequentialRestaurant:
        twin = SequentialRestaurant()
        twin.__dict__.update(self.__dict__)
        twin.all = dict(self.all)
        return twin

    @property
    def reservations(self) -> dict[str, TableReservation]:
        return self.all

    def key(self) -> tuple[object, ...]:
        """Equal for equal states."""
        return self.version, self.paused, self.stage, frozenset(self.all.values())

    # --- commands -----------------------------------------------------------------------------------

    def ask(self, command: RestaurantCommand, now_ms: int) -> RestaurantReplies:
        if isinstance(command, CreateRestaurant):
            return self._create(command)
        asks_as_guest = isinstance(command, HoldTable | SearchTables) and command.guest
        if self.deleted or (self.stage is Stage.DRAFT and asks_as_guest):
            return no(Code.NOT_FOUND)
        match command:
            case PauseSale() | ResumeSale():
                return self._pause(isinstance(command, PauseSale))
            case PublishRestaurant() | CloseRestaurant() | CancelRestaurant():
                return self._move_on(STAGES[type(command)])
            case DeleteRestaurant():
                return self._delete(command)
            case ChangeRestaurant():
                return self._change(command)
            case SearchTables():
                return self._search(command, now_ms)
            case ExpireDue():
                return Looked()
            case HoldTable():
                return _reply(self.hold(command, now_ms))
            case SeatWalkIn():
                return _reply(self.walk_in(command, now_ms))
            case ProlongStay():
                return self._prolong(command, now_ms)
        return _reply(self.of_one(command, now_ms))

    def expire_one(self, reservation_id: str, end_ms: int) -> list[str]:
        """A hold ends; a party of whom nobody has said that they have left stays on."""
        found = self.all.get(reservation_id)
        if found is None or found.status not in LIVE or found.expires_at_ms != end_ms:
            return []
        if found.status in ON_HOLD:
            self.keep(replace(found, status=Status.EXPIRED))
        elif found.status is Status.CONFIRMED or end_ms >= found.end_ms + SETTLE_MS:
            self.keep(completed(self.terms, found))
        else:
            self.keep(self._overstay(found))
        return [reservation_id]

    def _overstay(self, found: TableReservation) -> TableReservation:
        """Another slot of the grid, if its tables are free for so long."""
        longer = self._longer(found, found.end_ms + self.terms.slot_grid_minutes * MINUTE_MS)
        others = self._in_the_way(found, longer)
        if others or found.overstays >= OVERSTAYS_MAX:
            warned = tuple(one.id for one in others[:1])
            return replace(found, expires_at_ms=found.end_ms + SETTLE_MS, warned=warned)
        return replace(longer, overstays=found.overstays + 1, warned=())

    def describe(self, moved: Iterable[TableReservation] = ()) -> RestaurantReply:
        return RestaurantReply(self.id, self.terms, self.version, self.paused, tuple(moved), self.stage)

    def _create(self, command: CreateRestaurant) -> RestaurantReply:
        self.id, self.terms, self.version = command.id, command.terms, 1
        self.stage, self.closed = command.stage, command.stage is not Stage.PUBLISHED
        return self.describe()

    def _delete(self, command: DeleteRestaurant) -> RestaurantReplies:
        if command.if_version not in (None, self.version):
            return no(Code.STALE, version=self.version)
        if self.live():
            return no(Code.IN_USE, live=len(self.live()))
        self.deleted, self.stage, self.version = True, Stage.CANCELLED, self.version + 1
        return self.describe()

    def _move_on(self, stage: Stage) -> RestaurantReplies:
        """What a cancelled one had has ended, whoever has noted it."""
        never_open = self.stage is Stage.DRAFT and stage is Stage.CLOSED
        if never_open or (self.stage is Stage.CANCELLED and stage is not self.stage):
            return no(Code.WRONG_STATE, restaurant_status=self.stage.value)
        if self.stage is not stage:
            self.stage, self.version, self.closed = stage, self.version + 1, stage is not Stage.PUBLISHED
        if stage is Stage.CANCELLED:
            self.gone = True
            for one in self.live():
                status = WITH_IT[one.status]
                self.keep(replace(one, status=status, excused=status is Status.CANCELLED))
        return self.describe()

    def _pause(self, paused: bool) -> RestaurantReply:
        if self.paused != paused:
            self.paused, self.version = paused, self.version + 1
        return self.describe()

    # --- stays that are prolonged -------------------------------------------------------------------

    def _longer(self, found: TableReservation, end_ms: int) -> TableReservation:
        free_at_ms = end_ms + self.terms.buffer_minutes * MINUTE_MS
        return replace(found, end_ms=end_ms, free_at_ms=free_at_ms, expires_at_ms=end_ms)

    def _in_the_way(self, found: TableReservation, wished: TableReservation) -> list[TableReservation]:
        """By time; of one time in the order of the tables."""
        others = [one for one in self.live(found.id) if overlap(one, wished.tables, _stay(wished))]
        place = wished.tables.index
        return sorted(
            others,
            key=lambda one: (
                one.start_ms,
                min(place(table) for table in one.tables if table in wished.tables),
            ),
        )

    def _prolong(self, command: ProlongStay, now_ms: int) -> RestaurantReplies:
        found = self.all.get(command.reservation_id)
        if found is None:
            return no(Code.NOT_FOUND)
        if found.status is not Status.SEATED:
            expired = found.status is Status.EXPIRED
            return no(Code.HOLD_EXPIRED) if expired else no(Code.WRONG_STATE, status=found.status.value)
        end_ms = max(found.end_ms, now_ms) + command.by_minutes * MINUTE_MS
        if command.by_minutes < 1 or end_ms - found.start_ms > STAY_MAX_MS:
            return no(Code.INVALID)
        wished = self._longer(found, end_ms)
        others = self._in_the_way(found, wished)
        moved = self._moved_away(others, [wished], self.terms, now_ms) if command.move_next else []
        if len(moved) < len(others):
            first = others[len(moved)]
            end_ms = max(found.end_ms, first.start_ms - self.terms.buffer_minutes * MINUTE_MS)
        after = self._longer(found, end_ms) if end_ms > found.end_ms else found
        moved = [one for one in moved if one.start_ms < after.free_at_ms]
        after = replace(after, warned=tuple(one.id for one in others[len(moved) :]))
        for one in (*moved, after):
            self.keep(one)
        return TableReply(after, b"", tuple(moved), after.warned)

    def _moved_away(
        self,
        entries: list[TableReservation],
        planned: list[TableReservation],
        terms: RestaurantTerms,
        now_ms: int,
    ) -> list[TableReservation]:
        """These at other tables of their time, up to the first that has to stay where it is."""
        moved: list[TableReservation] = []
        then = self.copy()
        then.terms = terms
        for entry in entries:
            options = [
                tables
                for tables in then.options(entry.party_size)
                if not any(overlap(one, tables, _stay(entry)) for one in (*planned, *moved))
            ]
            tables = self.place(options, _stay(entry), entry.id, now_ms)
            if entry.status is Status.SEATED or isinstance(tables, Rejected):
                break
            moved.append(replace(entry, tables=tables))
        return moved

    # --- terms that change --------------------------------------------------------------------------

    def _change(self, command: ChangeRestaurant) -> RestaurantReplies:
        """For changes that are sound in themselves and leave the time zone alone."""
        if command.if_version not in (None, self.version):
            return no(Code.STALE, version=self.version)
        after = self._changed(command)
        if after == self.terms:
            return self.describe()
        untimely, homeless = self._untimely(after), self._homeless(after)
        moved = self._moved_away(homeless, [], after, 0) if command.move else []
        affected = sorted({(one.start_ms, one.id) for one in untimely + homeless[len(moved) :]})
        if affected:
            in_the_way = tuple(reservation_id for _, reservation_id in affected)
            return Rejected(Code.IN_USE, "", {"live": len(affected)}, reservations=in_the_way)
        self.terms, self.version = after, self.version + 1
        for one in moved:
            self.keep(one)
        return self.describe(moved)

    def _changed(self, command: ChangeRestaurant) -> RestaurantTerms:
        change = command.change
        plain = {
            name: getattr(change, name)
            for name in change.__struct_fields__
            if name not in ("tables", "removed_tables") and getattr(change, name) is not UNSET
        }
        given = {table.id: table for table in change.tables}
        kept = [table for table in self.terms.tables if table.id not in change.removed_tables]
        tables = [given.pop(table.id, table) for table in kept]
        return replace(self.terms, **plain, tables=(*tables, *given.values()))

    def _untimely(self, after: RestaurantTerms) -> list[TableReservation]:
        then = self.copy()
        then.terms = after
        return [
            one
            for one in self.live()
            if one.status is not Status.SEATED
            and self.open_(one.start_ms, one.end_ms)
            and not then.open_(one.start_ms, one.end_ms)
        ]

    def _homeless(self, after: RestaurantTerms) -> list[TableReservation]:
        active = {table.id for table in after.tables if table.active}
        gone = {table.id for table in self.terms.tables if table.active} - active
        found = [one for one in self.live() if gone & {*one.tables}]
        return sorted(found, key=lambda one: (one.start_ms, one.id))

    # --- search -------------------------------------------------------------------------------------

    def _search(self, command: SearchTables, now_ms: int) -> RestaurantReplies:
        """For sizes that the restaurant takes, and a wished time that there is."""
        grid = self.terms.slot_grid_minutes
        first = -(-command.from_minute // grid) * grid
        asked = [(command.day, minute) for minute in range(first, command.until_minute + 1, grid)]
        times = self._free(asked, command, now_ms)
        if command.wished_minute is None:
            return FreeTimes(tuple(times))
        wished_ms = ms(local(self.terms, command.day, command.wished_minute))
        steps = range(-120 // grid, 120 // grid + 1)
        near = [self._local(wished_ms + by * grid * MINUTE_MS) for by in steps]
        free = self._free(dict.fromkeys(near), command, now_ms)  # a time that is shown twice is one
        if any(one.start_ms == wished_ms for one in free):
            return FreeTimes(tuple(times))
        nearest = sorted(free, key=lambda one: (abs(one.start_ms - wished_ms), one.start_ms))
        return FreeTimes(tuple(times), tuple(nearest[:3]))

    def _free(self, asked: Iterable[tuple[int, int]], command: SearchTables, now_ms: int) -> list[FreeTime]:
        found = []
        options = [] if self.paused or self.closed else self.options(command.party_size, command.traits)
        for day, minute in asked if options else ():
            stay = self.when(day, minute, command.party_size, now_ms)
            if isinstance(stay, Rejected) or self.pace(stay[0], command.party_size, "", now_ms):
                continue
            tables = self.place(options, stay, "", now_ms)
            if not isinstance(tables, Rejected):
                found.append(self._shown(day, minute, stay[0], tables))
        return found

    def _shown(self, day: int, minute: int, start_ms: int, tables: tuple[str, ...]) -> FreeTime:
        own = [table for table in self.terms.tables if table.id in tables]
        joined = [join.largest for join in self.terms.joins if join.tables == tables]
        areas = {table.area for table in own}
        traits = set.intersection(*({*table.traits} for table in own))
        area = areas.pop() if len(areas) == 1 else ""
        return FreeTime(
            day, minute, start_ms, tables, (joined or [own[0].largest])[0], area, tuple(sorted(traits))
        )

    def _local(self, at_ms: int) -> tuple[int, int]:
        moment = shown(self.terms, at_ms)
        return moment.toordinal() - EPOCH_DAY, moment.hour * 60 + moment.minute


EPOCH_DAY = 719_163
"""1970-01-01, as `datetime` counts days."""


def _reply(answer: Answer) -> RestaurantReplies:
    return answer if isinstance(answer, Rejected) else TableReply(answer, b"")


def _stay(one: TableReservation) -> Stay:
    return one.start_ms, one.end_ms, one.free_at_ms
