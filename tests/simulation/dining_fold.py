"""A restaurant's journal, folded by rules written a second time, with every append checked.

Knows the messages, not `domain.restaurant` and not the owner. `wrong` says what no restaurant may do: have
two parties at one table, end a hold before its time, change what has ended, leave what was due out of an
append. Overlap is looked for the slow and obvious way: every live reservation against every other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import msgspec
from msgspec.structs import replace

from domain.event_messages import (
    HoldExpired,
    HoldExtended,
    HoldReleased,
    PaidBy,
    PaymentBegun,
    PaymentFailed,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationPaid,
    ReservationSold,
    ReservationVoided,
    SalePaused,
    SaleResumed,
    Stage,
    Status,
)
from domain.restaurant_messages import (
    NoShowMarked,
    PartySeated,
    ReservationMoved,
    RestaurantCancelled,
    RestaurantChanged,
    RestaurantClosed,
    RestaurantCreated,
    RestaurantDeleted,
    RestaurantFact,
    RestaurantPublished,
    RestaurantTerms,
    StayCompleted,
    StayProlonged,
    TableHeld,
    TableReservation,
    TableRetaken,
    WalkInSeated,
)
from persistence.memory_rows import Inventory, Journaled
from tests.simulation.fold import DUE_GRID_MS

_facts = msgspec.msgpack.Decoder(list[RestaurantFact])
HELD, PAYING, CONFIRMED, SEATED = Status.HELD, Status.PAYING, Status.CONFIRMED, Status.SEATED
LIVE = (HELD, PAYING, CONFIRMED, SEATED)
ON_HOLD = (HELD, PAYING)
MINUTE_MS = 60_000
SETTLED_MS = 12 * 60 * MINUTE_MS
EARLY_MS = 60 * MINUTE_MS
MAY: dict[type, tuple[Status, ...]] = {
    HoldExpired: ON_HOLD,
    HoldExtended: (HELD,),
    HoldReleased: (HELD,),
    ReservationConfirmed: (HELD,),
    ReservationCancelled: (CONFIRMED,),
    ReservationVoided: (CONFIRMED,),
    ReservationSold: (HELD,),
    PaymentBegun: (HELD,),
    PaymentFailed: (PAYING,),
    ReservationPaid: (PAYING,),
    TableRetaken: (Status.EXPIRED,),
    ReservationMoved: LIVE,
    PartySeated: (CONFIRMED,),
    NoShowMarked: (CONFIRMED,),
    StayCompleted: (CONFIRMED, SEATED),
    StayProlonged: (SEATED,),
}
"""What a reservation has to be for each fact."""
BECOMES: dict[type, Stage] = {
    RestaurantPublished: Stage.PUBLISHED,
    RestaurantClosed: Stage.CLOSED,
    RestaurantCancelled: Stage.CANCELLED,
}
WITH_IT = {
    HELD: HoldReleased,
    PAYING: HoldReleased,
    CONFIRMED: ReservationCancelled,
    SEATED: StayCompleted,
}
"""By which fact each ends with a cancelled restaurant."""
ENDS = {
    HoldExpired: Status.EXPIRED,
    HoldReleased: Status.RELEASED,
    ReservationCancelled: Status.CANCELLED,
    ReservationVoided: Status.CANCELLED,
    NoShowMarked: Status.NO_SHOW,
    StayCompleted: Status.COMPLETED,
}


@dataclass
class DiningFold:
    """A restaurant as the journal tells it, and what was wrong on the way. Where both are used, as `Fold`."""

    inventory_id: str
    terms: RestaurantTerms | None = None
    version: int = 0
    paused: bool = False
    stage: Stage = Stage.PUBLISHED
    deleted: bool = False
    cancelled_seq: int = 0
    """The append that cancelled it; 0 for none."""
    last_ended_seq: int = 0
    """The last append that ended something because of that."""
    last_ms: int = 0
    reservations: dict[str, TableReservation] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    effects: int = 0
    """Facts that commands had; the others are what time alone has done."""
    expired: dict[str, int] = field(default_factory=dict)
    """The sequence of the append in which a hold ended by itself."""
    failed: dict[str, int] = field(default_factory=dict)
    """The sequence of the append in which a payment last failed."""
    ends: list[tuple[str, int]] = field(default_factory=list)
    """Every end a hold or a stay was given: reservation and time."""
    looked: dict[tuple[str, int], int] = field(default_factory=dict)
    """By such an end: the sequence of the append that says what came of it, if anything did."""

    def read(self, journal: list[Journaled]) -> DiningFold:
        for expected, row in enumerate(journal, 1):
            if row.seq != expected:
                self._is_wrong(row.seq, f"comes where {expected} is due")
            facts = _facts.decode(row.facts)
            if not facts:
                self._is_wrong(row.seq, "is empty")
            asked_for = [self._apply(row.seq, fact) for fact in facts]
            self.effects += sum(asked_for)
            self._check_tables(row.seq)
            if any(asked_for):
                self._check_due(row)
        return self

    def live(self) -> list[TableReservation]:
        """Nothing of a cancelled restaurant is."""
        all_ = () if self.stage is Stage.CANCELLED else self.reservations.values()
        return [one for one in all_ if one.status in LIVE]

    # --- steps ----------------------------------------------------------------------------------------

    def _apply(self, seq: int, fact: RestaurantFact) -> bool:
        """True if a command had it."""
        if fact.at_ms < self.last_ms:
            self._is_wrong(seq, f"{fact} is earlier than what came before it")
        self.last_ms = max(self.last_ms, fact.at_ms)
        if self.deleted:
            self._is_wrong(seq, f"{fact} of a restaurant that was deleted")
        match fact:
            case RestaurantCreated() | RestaurantChanged():
                self.terms, self.version = fact.terms, self.version + 1
                self.stage = fact.stage if isinstance(fact, RestaurantCreated) else self.stage
            case RestaurantPublished() | RestaurantClosed() | RestaurantCancelled():
                self._move(seq, fact)
            case RestaurantDeleted():
                if any(one.status in LIVE for one in self.reservations.values()):
                    self._is_wrong(seq, "deleted with live reservations")
                self.deleted, self.stage, self.version = True, Stage.CANCELLED, self.version + 1
            case SalePaused() | SaleResumed():
                self.paused, self.version = isinstance(fact, SalePaused), self.version + 1
            case TableHeld() | WalkInSeated():
                self._place(seq, fact)
            case _:
                return self._step(seq, fact)
        return True

    def _move(self, seq: int, fact: RestaurantPublished | RestaurantClosed | RestaurantCancelled) -> None:
        to = BECOMES[type(fact)]
        skips = self.stage is Stage.DRAFT and to is Stage.CLOSED
        if self.stage in (Stage.CANCELLED, to) or skips:
            self._is_wrong(seq, f"{fact} of a restaurant that is {self.stage.value}")
        self.stage, self.version = to, self.version + 1
        if to is Stage.CANCELLED:
            self.cancelled_seq = self.last_ended_seq = seq

    def _place(self, seq: int, fact: TableHeld | WalkInSeated) -> None:
        held = isinstance(fact, TableHeld)
        if fact.reservation_id in self.reservations:
            self._is_wrong(seq, f"{fact.reservation_id} is placed twice")
        if self.stage is not Stage.PUBLISHED:
            self._is_wrong(seq, f"{fact} while the restaurant is {self.stage.value}")
        if held and (self.paused or fact.start_ms < fact.at_ms):
            self._is_wrong(seq, f"{fact} while the restaurant is paused, or for a time that is past")
        if not held and fact.start_ms != fact.at_ms:
            self._is_wrong(seq, f"{fact} does not begin now")
        self.reservations[fact.reservation_id] = TableReservation(
            fact.reservation_id,
            HELD if held else SEATED,
            fact.expires_at_ms if isinstance(fact, TableHeld) else fact.end_ms,
            fact.tables,
            fact.start_ms,
            fact.end_ms,
            fact.free_at_ms,
            fact.party_size,
            fact.customer,
            fact.at_ms,
            deposit=fact.deposit if isinstance(fact, TableHeld) else 0,
            currency=fact.currency if isinstance(fact, TableHeld) else "",
        )
        self._given(fact.reservation_id)
        self._check_place(seq, fact)
        if held:
            self._check_pace(seq, fact.start_ms)

    def _step(self, seq: int, fact: Any) -> bool:
        """Something that happens to a reservation that is there; True if a command had it."""
        before = self.reservations.get(fact.reservation_id)
        if before is None:
            self._is_wrong(seq, f"{fact} of nothing")
            return True
        if self.stage is Stage.CANCELLED:
            if WITH_IT.get(before.status) is not type(fact):
                self._is_wrong(seq, f"{fact} of {before}, and the restaurant is cancelled")
            self.reservations[before.id] = _after(before, fact)
            self.last_ended_seq = seq
            return False
        over = fact.at_ms >= before.expires_at_ms
        due = isinstance(fact, HoldExpired) or (
            over and isinstance(fact, StayProlonged | StayCompleted) and not self._said(before, fact)
        )
        if before.status not in MAY[type(fact)] or (before.status in ON_HOLD and over is not due):
            self._is_wrong(seq, f"{fact} of {before}")
        if self._is_unpaid(before, fact):
            self._is_wrong(seq, f"{fact} and the deposit of {before}")
        if not self._in_time(before, fact):
            self._is_wrong(seq, f"{fact} comes at the wrong time for {before}")
        self.reservations[before.id] = _after(before, fact)
        if due:
            self.looked[before.id, before.expires_at_ms] = seq
            if isinstance(fact, HoldExpired):
                self.expired[before.id] = seq
        if before.expires_at_ms != self.reservations[before.id].expires_at_ms:
            self._given(before.id)
        if isinstance(fact, ReservationMoved):
            self._check_place(seq, fact)
        if isinstance(fact, PaymentFailed):
            self.failed[before.id] = seq
        if isinstance(fact, TableRetaken):
            self.expired.pop(before.id, None)
        return not due

    def _said(self, before: TableReservation, fact: StayProlonged | StayCompleted) -> bool:
        """Did the staff say so? Time alone counts the stays that it prolongs, or gives up on them."""
        if isinstance(fact, StayCompleted):
            return fact.at_ms < before.end_ms + SETTLED_MS
        given_up = fact.looks_at_ms == before.end_ms + SETTLED_MS != before.expires_at_ms
        return fact.overstays == before.overstays and not given_up

    def _is_unpaid(self, before: TableReservation, fact: Any) -> bool:
        """Confirmed without its deposit, by another's payment, or kept where it should go back."""
        mark = before.paid_by
        match fact:
            case ReservationConfirmed():
                return before.deposit > 0
            case PaymentFailed() | ReservationPaid():
                return mark is None or mark.payment_id != fact.payment_id
            case TableRetaken():
                return (fact.reservation.tables, fact.reservation.deposit) != (before.tables, before.deposit)
            case NoShowMarked():
                return bool(fact.kept != before.deposit)
            case ReservationCancelled():
                return bool(fact.kept)
            case StayCompleted():
                assert self.terms is not None
                wants = self.terms.deposit
                returned = wants is not None and wants.after_visit == "returned"
                return bool(fact.kept != (0 if returned else before.deposit))
        return False

    def _in_time(self, before: TableReservation, fact: Any) -> bool:
        assert self.terms is not None
        match fact:
            case ReservationCancelled():
                until_ms = before.start_ms - self.terms.cancel_until_minutes * MINUTE_MS
                return bool(fact.at_ms <= until_ms)
            case PartySeated():
                now = before.start_ms - EARLY_MS <= fact.at_ms < before.end_ms
                return now and fact.start_ms == min(before.start_ms, fact.at_ms)
            case NoShowMarked():
                return bool(fact.at_ms >= before.start_ms + self.terms.no_show_grace_minutes * MINUTE_MS)
            case StayCompleted():
                return before.status is SEATED or fact.at_ms >= before.start_ms
            case StayProlonged():
                return before.end_ms <= fact.end_ms <= fact.free_at_ms
        return True

    def _given(self, reservation_id: str) -> None:
        """The end of a hold or a stay; that of what is confirmed is hours away."""
        one = self.reservations[reservation_id]
        if one.status in (*ON_HOLD, SEATED):
            self.ends.append((reservation_id, one.expires_at_ms))

    # --- what must hold -------------------------------------------------------------------------------

    def _check_place(self, seq: int, fact: TableHeld | WalkInSeated | ReservationMoved) -> None:
        """A table, or a join, that takes the party."""
        assert self.terms is not None
        sizes = {(table.id,): (table.smallest, table.largest) for table in self.terms.tables if table.active}
        own = {table_id for (table_id,) in sizes}
        for join in self.terms.joins:
            if own.issuperset(join.tables):
                sizes[join.tables] = (join.smallest, join.largest)
        smallest, largest = sizes.get(fact.tables, (0, 0))
        if not smallest <= fact.party_size <= largest:
            self._is_wrong(seq, f"{fact} is no place for the party")
        if fact.free_at_ms != fact.end_ms + self.terms.buffer_minutes * MINUTE_MS:
            self._is_wrong(seq, f"{fact} has another buffer")

    def _check_pace(self, seq: int, start_ms: int) -> None:
        """I1, of the kitchen."""
        assert self.terms is not None
        most, slot_ms = self.terms.covers_per_slot_max, self.terms.slot_grid_minutes * MINUTE_MS
        covers = sum(one.party_size for one in self.live() if start_ms <= one.start_ms < start_ms + slot_ms)
        if most is not None and covers > most:
            self._is_wrong(seq, f"{covers} sit down in one slot, the kitchen serves {most}")

    def _check_tables(self, seq: int) -> None:
        """I3, in every committed state."""
        for one, other in combinations(self.live(), 2):
            together = one.start_ms < other.free_at_ms and other.start_ms < one.free_at_ms
            if together and {*one.tables} & {*other.tables}:
                self._is_wrong(seq, f"I3: {one.id} and {other.id} have a table at one time")

    def _check_due(self, row: Journaled) -> None:
        """Whatever decides has looked first at what was due."""
        for one in self.live():
            if one.expires_at_ms <= row.at_ms:
                self._is_wrong(row.seq, f"leaves {one} past its time")

    def _is_wrong(self, seq: int, what: str) -> None:
        self.wrong.append(f"{self.inventory_id} seq {seq}: {what}")

    def _left_over_ms(self) -> list[int]:
        """What a cancelled restaurant still has is due at once."""
        left = any(one.status in LIVE for one in self.reservations.values())
        return [self.last_ms] if left else []

    # --- the rows -------------------------------------------------------------------------------------

    def compare(self, row: Inventory) -> list[str]:
        """Where the rows are not what the journal says."""
        live = self.live()
        ends = [one.expires_at_ms for one in live] or self._left_over_ms()
        stored = {found.reservation.id: found.reservation for found in row.reservations.values()}
        pairs = {
            "terms": (row.definition.terms, self.terms),
            "version": (row.definition.version, self.version),
            "paused": (row.definition.paused, self.paused),
            "stage": (row.definition.stage, self.stage),
            "deleted": (row.definition.deleted, self.deleted),
            "live": (row.live, len(live)),
            "live reservations": (row.live_reservations, len(live)),
            "next due": (row.next_due_ms, -(-min(ends) // DUE_GRID_MS) * DUE_GRID_MS if ends else None),
            "reservations": (stored, self.reservations),
            "last fact": (row.last_fact_ms, self.last_ms),
            "sequence": (row.seq, len(row.journal)),
        }
        return [
            f"{self.inventory_id}: {what} is {stored} in the row and {told} in the journal"
            for what, (stored, told) in pairs.items()
            if stored != told
        ]


def _after(before: TableReservation, fact: Any) -> TableReservation:
    """The reservation as the fact leaves it."""
    match fact:
        case HoldExtended():
            return replace(before, expires_at_ms=fact.expires_at_ms, extensions=before.extensions + 1)
        case ReservationConfirmed() | ReservationPaid() | ReservationSold():
            free = isinstance(fact, ReservationSold) and fact.paid == "free"
            due = (0, "") if free else (before.deposit, before.currency)
            later = before.end_ms + SETTLED_MS
            mark = before.paid_by if isinstance(fact, ReservationPaid) else None
            after = replace(before, status=CONFIRMED, expires_at_ms=later, paid_by=mark)
            return replace(after, deposit=due[0], currency=due[1])
        case TableRetaken():
            ends_ms = before.paid_by.hold_ends_ms if before.paid_by else before.expires_at_ms
            mark = PaidBy(fact.payment_id, ends_ms)
            return replace(before, status=CONFIRMED, expires_at_ms=before.end_ms + SETTLED_MS, paid_by=mark)
        case PaymentBegun():
            mark = PaidBy(fact.payment_id, before.expires_at_ms)
            return replace(before, status=PAYING, expires_at_ms=fact.deadline_ms, paid_by=mark)
        case PaymentFailed():
            assert before.paid_by is not None
            left = None if fact.clears_payment else before.paid_by
            return replace(before, status=HELD, expires_at_ms=before.paid_by.hold_ends_ms, paid_by=left)
        case PartySeated():
            return replace(before, status=SEATED, start_ms=fact.start_ms, expires_at_ms=before.end_ms)
        case StayProlonged():
            return replace(
                before,
                end_ms=fact.end_ms,
                free_at_ms=fact.free_at_ms,
                expires_at_ms=fact.looks_at_ms,
                overstays=fact.overstays,
                warned=fact.warned,
            )
        case ReservationMoved():
            later = fact.end_ms + SETTLED_MS if before.status is CONFIRMED else before.expires_at_ms
            return replace(
                before,
                tables=fact.tables,
                start_ms=fact.start_ms,
                end_ms=fact.end_ms,
                free_at_ms=fact.free_at_ms,
                party_size=fact.party_size,
                expires_at_ms=later,
                deposit=before.deposit if fact.deposit is None else fact.deposit,
                currency=before.currency if fact.deposit is None else fact.currency,
            )
    kept = getattr(fact, "kept", 0)
    marked = replace(before.paid_by, kept=kept) if before.paid_by and kept else before.paid_by
    excused = isinstance(fact, ReservationVoided) or getattr(fact, "by_operator", False)
    return replace(before, status=ENDS[type(fact)], paid_by=marked, excused=excused)
