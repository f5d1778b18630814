"""The auditor's own fold of a restaurant's facts: who had which table when, and nobody twice the same (I3).

Written from the rules' prose, not from the code that keeps them: times of tables are kept in plain
dictionaries and, where an append has touched them, sorted and compared. That is done for every committed
state; within an append parties may change places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Protocol

import msgspec

from domain.event_messages import (
    HoldExpired,
    HoldReleased,
    ReservationCancelled,
    SalePaused,
    SaleResumed,
    Stage,
)
from domain.restaurant_messages import (
    RestaurantCancelled,
    RestaurantChanged,
    RestaurantClosed,
    RestaurantCreated,
    RestaurantDeleted,
    RestaurantFact,
    RestaurantPublished,
    RestaurantTerms,
    StayCompleted,
    TableHeld,
    WalkInSeated,
)
from loadtest.auditor.claims import CONFIRMED, HELD, ON_HOLD, PAYING
from loadtest.auditor.dining_stay import (
    COUNTED,
    LIVE,
    MINUTE_MS,
    SEATED,
    OfOne,
    Placed,
    Stay,
    due_of,
    excused,
    kept_by,
    misfit,
)
from loadtest.auditor.ends import LATE_MAX_MS, Outages
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.fold import JournalRow

_decoder = msgspec.msgpack.Decoder(list[RestaurantFact])

ENDS_WITH_HOUSE = {
    HELD: HoldReleased,
    PAYING: HoldReleased,
    CONFIRMED: ReservationCancelled,
    SEATED: StayCompleted,
}
"""What can still be said of a live reservation once the restaurant is cancelled."""
_BECOMES: dict[type, Stage] = {
    RestaurantPublished: Stage.PUBLISHED,
    RestaurantClosed: Stage.CLOSED,
    RestaurantCancelled: Stage.CANCELLED,
    RestaurantDeleted: Stage.CANCELLED,
}


class Watcher(Protocol):
    """Sees the fold pass by."""

    def changed(self, book: House, reservation_id: str, claim: Stay, at_ms: int) -> None:
        """A fact has changed this reservation; `book` is as the fact left it."""

    def row_ended(self, book: House, at_ms: int) -> None:
        """A state that was committed."""


class House:
    """One restaurant's facts, added up."""

    def __init__(
        self, inventory_id: str, findings: Findings, outages: Outages, watchers: Iterable[Watcher] = ()
    ) -> None:
        self.inventory_id = inventory_id
        self.seq = self.at_ms = self.facts = 0
        self.created_ms = self.version = self.cancelled_ms = 0
        self.paused = self.deleted = False
        self.stage = Stage.PUBLISHED
        self.terms: RestaurantTerms | None = None
        self.stays: dict[str, Stay] = {}
        self.times: dict[str, dict[str, tuple[int, int]]] = {}
        """Of each table: from when until when each live reservation has it."""
        self.guests: Counter[tuple[bytes, str]] = Counter()
        self.latest_ms = 0
        """How late the latest hold ended."""
        self._findings = findings
        self._outages = outages
        self._watchers = tuple(watchers)
        self._touched: set[str] = set()

    def where(self) -> str:
        return f"{self.inventory_id} sequence {self.seq}"

    @property
    def claims(self) -> dict[str, Stay]:
        return self.stays

    def live(self) -> int:
        """Nothing of a cancelled restaurant is, whatever is still to be said of it."""
        return 0 if self.stage is Stage.CANCELLED else self.unended()

    def unended(self) -> int:
        return sum(stay.status in LIVE for stay in self.stays.values())

    def add(self, row: JournalRow) -> None:
        """One append, in the journal's order."""
        follows = row.seq == self.seq + 1 and row.at_ms >= self.at_ms
        said = f"{self.inventory_id}: {row.seq} of {row.at_ms} follows {self.seq} of {self.at_ms}"
        self._findings.expect(Check.SEQUENCE, follows, said)
        self.seq = row.seq
        for fact in _decoder.decode(row.facts):
            if not self.at_ms <= fact.at_ms <= row.at_ms:
                detail = f"{self.where()}: fact of {fact.at_ms} in a row of {row.at_ms}"
                self._findings.fail(Check.SEQUENCE, detail)
            self._apply(fact)
            self.facts += 1
        self.at_ms = row.at_ms
        self._nobody_sits_on_another()
        for watcher in self._watchers:
            watcher.row_ended(self, row.at_ms)

    def _apply(self, fact: RestaurantFact) -> None:
        if self.deleted:
            self._findings.fail(Check.LIFE, f"{self.where()}: {type(fact).__name__} after its deletion")
        match fact:
            case RestaurantCreated() | RestaurantChanged():
                self.stage = fact.stage if isinstance(fact, RestaurantCreated) else self.stage
                self.created_ms = self.created_ms or fact.at_ms
                self.terms, self.version = fact.terms, self.version + 1
            case SalePaused() | SaleResumed():
                self.paused, self.version = isinstance(fact, SalePaused), self.version + 1
            case RestaurantPublished() | RestaurantClosed() | RestaurantCancelled() | RestaurantDeleted():
                self._enter(fact)
            case TableHeld() | WalkInSeated():
                self._placed(fact)
            case _:
                self._changed(fact)

    def _enter(
        self, fact: RestaurantPublished | RestaurantClosed | RestaurantCancelled | RestaurantDeleted
    ) -> None:
        to, before = _BECOMES[type(fact)], self.stage
        if isinstance(fact, RestaurantDeleted):
            fits, self.deleted = not self.unended(), True
        else:
            skips = before is Stage.DRAFT and to is Stage.CLOSED
            fits = before not in (to, Stage.CANCELLED) and not skips
        said = f"{self.where()}: {type(fact).__name__} of one that is {before}, {self.unended()} unended"
        self._findings.expect(Check.LIFE, fits, said)
        self.stage, self.version = to, self.version + 1
        if to is Stage.CANCELLED:
            self.cancelled_ms = fact.at_ms

    def _placed(self, fact: Placed) -> None:
        wrong = "it is there already" if fact.reservation_id in self.stays else self._breach(fact)
        self._lived(fact, wrong)
        self.stays[fact.reservation_id] = Stay(fact)
        self._take(fact.reservation_id)
        self._seen(fact.reservation_id, fact.at_ms)

    def _changed(self, fact: OfOne) -> None:
        stay = self.stays.get(fact.reservation_id)
        self._lived(fact, "nothing has placed it" if stay is None else self._misfit(stay, fact))
        if stay is None:
            return
        if isinstance(fact, HoldExpired):
            self._ended(fact, stay)
        self._give_back(fact.reservation_id)
        stay.become(fact)
        self._take(fact.reservation_id)
        if stay.status in COUNTED and stay.customer and not excused(fact):
            self.guests[stay.customer, stay.status] += 1
        self._seen(fact.reservation_id, fact.at_ms)

    def _seen(self, reservation_id: str, at_ms: int) -> None:
        for watcher in self._watchers:
            watcher.changed(self, reservation_id, self.stays[reservation_id], at_ms)

    def _lived(self, fact: Placed | OfOne, wrong: str) -> None:
        said = f"{self.where()}: {type(fact).__name__} of {fact.reservation_id}: {wrong}"
        self._findings.expect(Check.LIFE, not wrong, said)

    def _misfit(self, stay: Stay, fact: OfOne) -> str:
        if self.stage is not Stage.CANCELLED:
            return misfit(stay, fact, self.terms)
        fits = not kept_by(fact) and ENDS_WITH_HOUSE.get(stay.status) is type(fact)
        fits = fits and (excused(fact) or not isinstance(fact, ReservationCancelled))
        return "" if fits else "the restaurant is cancelled"

    def _breach(self, fact: Placed) -> str:
        """Which of the terms a new reservation breaks."""
        if self.terms is None:
            return "there is no restaurant"
        if self.stage is not Stage.PUBLISHED:
            return f"the restaurant is {self.stage.value}"
        active = {table.id for table in self.terms.tables if table.active}
        if not fact.tables or not active.issuperset(fact.tables):
            return f"{fact.tables} are not its tables"
        if fact.free_at_ms != fact.end_ms + self.terms.buffer_minutes * MINUTE_MS:
            return "its buffer is another"
        if isinstance(fact, WalkInSeated):
            return "" if fact.start_ms == fact.at_ms < fact.end_ms else "it does not begin now"
        if fact.start_ms <= fact.at_ms or fact.end_ms <= fact.start_ms:
            return "it does not lie ahead"
        if fact.expires_at_ms != fact.at_ms + self.terms.hold_duration_s * 1000:
            return "it is held for another time"
        due = due_of(self.terms, fact.party_size)
        return "" if (fact.deposit, fact.currency) == due else f"its deposit is {fact.deposit}, not {due}"

    def _ended(self, fact: HoldExpired, stay: Stay) -> None:
        late_ms = fact.at_ms - max(stay.expires_ms, stay.given_back_ms)
        self.latest_ms = max(self.latest_ms, late_ms)
        self._in_time(f"{self.where()}: {fact.reservation_id} ended", stay, fact.at_ms)

    def still_held(self, now_ms: int) -> None:
        """What is on hold when the rows are read: none of it past its end for long; and of what was cancelled
        some time ago nothing is left."""
        if self.stage is Stage.CANCELLED:
            late = self.unended() and now_ms > self._outages.deadline_ms(self.cancelled_ms)
            said = f"{self.inventory_id}: {self.unended()} are not ended, it is cancelled"
            self._findings.expect(Check.HOLDS_END, not late, said)
            return
        for reservation_id, stay in self.stays.items():
            if stay.status in ON_HOLD:
                self._in_time(f"{self.inventory_id}: {reservation_id} is still held", stay, now_ms)

    def _in_time(self, what: str, stay: Stay, at_ms: int) -> None:
        end_ms = max(stay.expires_ms, stay.given_back_ms)
        late_ms = at_ms - end_ms
        sound = late_ms <= LATE_MAX_MS or at_ms <= self._outages.deadline_ms(end_ms)
        self._findings.expect(Check.HOLDS_END, sound, f"{what}, {late_ms} ms past its end")

    # --- who has which table ------------------------------------------------------------------------

    def _take(self, reservation_id: str) -> None:
        stay = self.stays[reservation_id]
        for table_id in stay.tables if stay.status in LIVE else ():
            self.times.setdefault(table_id, {})[reservation_id] = (stay.start_ms, stay.free_at_ms)
            self._touched.add(table_id)

    def _give_back(self, reservation_id: str) -> None:
        for table_id in self.stays[reservation_id].tables:
            self.times.get(table_id, {}).pop(reservation_id, None)

    def _nobody_sits_on_another(self) -> None:
        for table_id in self._touched:
            times = sorted(self.times[table_id].values())
            shared = [both for both in pairwise(times) if both[0][1] > both[1][0]]
            self._findings.expect(
                Check.TABLES, not shared, f"{self.where()}: {table_id} is had by {shared[:1]}"
            )
        self._touched.clear()
