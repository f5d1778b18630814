"""The auditor's own fold of an inventory's facts, and the rules that each fact is held against.

Written from the rules' prose, not from the code that keeps them. I1 is checked after every single fact, so
also in states that only existed in the middle of a batch. Whoever wants to see the fold pass by (`Watcher`)
is shown every reservation that changed and every row that ended. Memory: one small object per reservation
of the inventory under way, its lines shared with all that took the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from domain.event_messages import (
    EventCancelled,
    EventChanged,
    EventClosed,
    EventCreated,
    EventDeleted,
    EventFact,
    EventPublished,
    HoldChanged,
    HoldExtended,
    HoldPlaced,
    HoldReleased,
    Line,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationReduced,
    ReservationRetaken,
    ReservationVoided,
    SalePaused,
    SaleResumed,
    SeatsBlocked,
    SeatsUnblocked,
    Stage,
    Terms,
    TicketType,
)
from domain.ticket_messages import (
    CheckInUndone,
    TicketCheckedIn,
    TicketFact,
    TicketReissued,
    TicketTransferred,
)
from loadtest.auditor.claims import LIVE, ON_HOLD, Claim, ClaimFact, become, misfit
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.seats import SeatBook
from loadtest.auditor.terms import breaches, breaches_after, unfit, unmoved
from loadtest.auditor.tickets import TicketBook
from loadtest.record import Lines


@dataclass(slots=True, frozen=True)
class JournalRow:
    """One append: its facts stand still encoded, so that only one row's facts are in memory at a time."""

    seq: int
    at_ms: int
    facts: bytes


class Watcher(Protocol):
    """Sees the fold pass by."""

    def changed(self, book: Book, reservation_id: str, claim: Claim, at_ms: int) -> None:
        """A fact has changed this reservation; `book` is as the fact left it."""

    def row_ended(self, book: Book, at_ms: int) -> None:
        """A state that was committed."""


class Book:
    """One inventory's facts, added up."""

    def __init__(self, inventory_id: str, findings: Findings, watchers: Iterable[Watcher] = ()) -> None:
        self.inventory_id = inventory_id
        self.seq = 0
        self.at_ms = 0
        self.facts = 0
        self.created_ms = 0
        self.terms: Terms | None = None
        self.paused = False
        self.stage = Stage.PUBLISHED
        self.deleted = False
        self.cancelled_ms = 0
        self.versions: list[tuple[Terms, bool, Stage]] = []
        """The event as each of its versions had it: its terms, whether its sale was paused, its stage."""
        self.types: dict[str, TicketType] = {}
        self.held: dict[str, int] = {}
        self.confirmed: dict[str, int] = {}
        self.live = 0
        self.live_claims = 0
        self.seats = SeatBook()
        self.tickets = TicketBook()
        self.claims: dict[str, Claim] = {}
        self.customers: dict[bytes, int] = {}
        self._findings = findings
        self._watchers = tuple(watchers)
        self._lines: dict[Lines, Lines] = {}
        self._names: dict[bytes, bytes] = {}
        self._fresh: set[str] = set()
        """What the present append has placed."""

    # --- reading ----------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        return len(self.versions)

    def available(self, code: str) -> int:
        """What may still be sold of a type; of the shared capacity too."""
        if self.stage is Stage.CANCELLED:
            return 0
        left = self.types[code].quota - self.held[code] - self.confirmed[code]
        if self.terms is not None and self.terms.capacity is not None:
            left = min(left, self.terms.capacity - self.live)
        return max(left, 0)

    def where(self) -> str:
        return f"{self.inventory_id} sequence {self.seq}"

    # --- adding -----------------------------------------------------------------------------------

    def add(self, row: JournalRow) -> None:
        """One append, in the journal's order."""
        findings = self._findings
        findings.saw(Check.SEQUENCE)
        if row.seq != self.seq + 1:
            findings.fail(Check.SEQUENCE, f"{self.inventory_id}: {row.seq} follows {self.seq}")
        if row.at_ms < self.at_ms:
            fell_ms = self.at_ms - row.at_ms
            findings.fail(
                Check.SEQUENCE, f"{self.inventory_id} sequence {row.seq}: time fell by {fell_ms} ms"
            )
        self._fresh.clear()
        self.seq = row.seq
        for fact in _decoder.decode(row.facts):
            if fact.at_ms < self.at_ms or fact.at_ms > row.at_ms:
                findings.fail(Check.SEQUENCE, f"{self.where()}: fact of {fact.at_ms} in a row of {row.at_ms}")
            self._apply(fact)
            self.facts += 1
        self.at_ms = row.at_ms
        for watcher in self._watchers:
            watcher.row_ended(self, row.at_ms)

    def _apply(self, fact: EventFact) -> None:
        if self.deleted:
            late = f"{type(fact).__name__} after the event was deleted"
            self._findings.fail(Check.LIFE, f"{self.where()}: {late}")
        match fact:
            case HoldPlaced():
                self._placed(fact)
            case EventCreated() | EventChanged():
                self._defined(fact)
            case SalePaused() | SaleResumed():
                self._paused(isinstance(fact, SalePaused))
            case EventPublished() | EventClosed() | EventCancelled():
                self._moved(fact)
            case EventDeleted():
                self._deleted()
            case SeatsBlocked() | SeatsUnblocked():
                self._blocked(fact)
            case TicketCheckedIn() | CheckInUndone() | TicketTransferred() | TicketReissued():
                self._of_ticket(fact)
            case _:
                self._of_reservation(fact)
        self._check_sums()

    def _defined(self, fact: EventCreated | EventChanged) -> None:
        first = self.terms is None
        fits = first and fact.id == self.inventory_id if isinstance(fact, EventCreated) else not first
        if not fits:
            self._findings.fail(Check.LIFE, f"{self.where()}: {type(fact).__name__} out of place")
        if first:
            self.created_ms = fact.at_ms
        if isinstance(fact, EventCreated):
            self.stage = fact.stage
        for wrong in [*unfit(fact.terms, self.terms), *unmoved(fact.terms, self.terms, fact.at_ms)]:
            self._findings.fail(Check.TERMS, f"{self.where()}: {wrong}")
        self.terms = fact.terms
        self.versions.append((fact.terms, self.paused, self.stage))
        self.types = {kind.code: kind for kind in fact.terms.ticket_types}
        for code in self.types:
            self.held.setdefault(code, 0)
            self.confirmed.setdefault(code, 0)

    def _paused(self, paused: bool) -> None:
        if self.terms is None or paused == self.paused:
            self._findings.fail(Check.LIFE, f"{self.where()}: paused or resumed out of place")
            return
        self.paused = paused
        self.versions.append((self.terms, paused, self.stage))

    def _moved(self, fact: EventPublished | EventClosed | EventCancelled) -> None:
        """From a cancellation on nothing is live; how each reservation ended is told after it."""
        to = _BECOMES[type(fact)]
        skips = self.stage is Stage.DRAFT and to is Stage.CLOSED
        if self.terms is None or self.stage in (to, Stage.CANCELLED) or skips:
            self._findings.fail(Check.LIFE, f"{self.where()}: {to.value} out of place")
            return
        self.stage = to
        self.versions.append((self.terms, self.paused, to))
        if to is Stage.CANCELLED:
            self.cancelled_ms = fact.at_ms
            self.held, self.confirmed = dict.fromkeys(self.held, 0), dict.fromkeys(self.confirmed, 0)
            self.live = self.live_claims = 0
            self.customers.clear()

    def _blocked(self, fact: SeatsBlocked | SeatsUnblocked) -> None:
        if self.terms is None:
            self._findings.fail(Check.LIFE, f"{self.where()}: seats blocked out of place")
            return
        self.versions.append((self.terms, self.paused, self.stage))
        if isinstance(fact, SeatsBlocked):
            self._check_seats(self.seats.blocks(fact.seats))
        else:
            self.seats.unblocks(fact.seats)

    def _deleted(self) -> None:
        """It counts as cancelled too."""
        live = [claim for claim in self.claims.values() if claim.status in LIVE]
        if self.terms is None or self.deleted or live:
            self._findings.fail(Check.LIFE, f"{self.where()}: deleted with {len(live)} live")
            return
        self.deleted, self.stage = True, Stage.CANCELLED
        self.versions.append((self.terms, self.paused, self.stage))

    def _placed(self, fact: HoldPlaced) -> None:
        if fact.reservation_id in self.claims or self.terms is None:
            self._findings.fail(Check.LIFE, f"{self.where()}: {fact.reservation_id} placed out of place")
            return
        customer = self._names.setdefault(fact.customer, fact.customer)
        claim = Claim(fact.at_ms, customer, self._shared(fact.lines), fact.expires_at_ms)
        self.claims[fact.reservation_id] = claim
        self._fresh.add(fact.reservation_id)
        self._count(claim, 1)
        self._check_seats(self.seats.takes(fact.reservation_id, fact.lines))
        self._check_terms(fact.reservation_id, claim, fact.lines, (), fact.at_ms, new=True)
        self._tell(fact.reservation_id, claim, fact.at_ms)

    def _of_reservation(self, fact: ClaimFact) -> None:
        claim = self.claims.get(fact.reservation_id)
        self._findings.saw(Check.LIFE)
        wrong = "it does not exist" if claim is None else self._misfit(claim, fact)
        if wrong:
            what = f"{type(fact).__name__} of {fact.reservation_id}"
            self._findings.fail(Check.LIFE, f"{self.where()}: {what}: {wrong}")
        if claim is None:
            return
        self._check_after(fact, claim)
        self._count(claim, -1)
        before = claim.lines
        lines = self._shared(fact.lines) if isinstance(fact, HoldChanged | ReservationReduced) else before
        become(claim, fact, lines)
        self._count(claim, 1)
        if claim.status not in LIVE:
            self.seats.leaves(fact.reservation_id)
        if isinstance(fact, ReservationReduced | ReservationRetaken):
            self._check_paid(fact, claim, before)
        if isinstance(fact, HoldChanged):
            self._check_seats(self.seats.takes(fact.reservation_id, fact.lines))
            self._check_terms(fact.reservation_id, claim, fact.lines, before, fact.at_ms, new=False)
        self._tell(fact.reservation_id, claim, fact.at_ms)

    def _of_ticket(self, fact: TicketFact) -> None:
        """The reservation stays confirmed; `TicketBook.status` says when it counts as checked in."""
        claim = self.claims.get(fact.reservation_id)
        self._findings.saw(Check.TICKETS)
        wrongs = ["it does not exist"] if claim is None else list(self.tickets.happens(fact, claim))
        if self.stage is Stage.CANCELLED:
            wrongs.append("its event is cancelled")
        for wrong in wrongs:
            what = f"{type(fact).__name__} of {fact.reservation_id}"
            self._findings.fail(Check.TICKETS, f"{self.where()}: {what}: {wrong}")

    def _misfit(self, claim: Claim, fact: ClaimFact) -> str:
        if self.stage is not Stage.CANCELLED:
            kept = isinstance(fact, ReservationCancelled | ReservationVoided) and self.tickets.keeps(
                fact.reservation_id, claim
            )
            return "a ticket of it is in, or was passed on" if kept else misfit(claim, fact)
        expected = HoldReleased if claim.status in ON_HOLD else ReservationCancelled
        fits = claim.status in LIVE and isinstance(fact, expected)
        return "" if fits else f"it is {claim.status}, its event is cancelled"

    def _count(self, claim: Claim, sign: int) -> None:
        """A live claim into the sums, or out of them; of a cancelled event nothing is in them."""
        if claim.status not in LIVE or self.stage is Stage.CANCELLED:
            return
        self.live_claims += sign
        sums = self.held if claim.status in ON_HOLD else self.confirmed
        quantity_sum = 0
        for code, quantity, _ in claim.lines:
            sums[code] = sums.get(code, 0) + sign * quantity
            quantity_sum += quantity
        self.live += sign * quantity_sum
        total = self.customers.get(claim.customer, 0) + sign * quantity_sum
        if total:
            self.customers[claim.customer] = total
        else:
            self.customers.pop(claim.customer, None)

    def _shared(self, lines: tuple[Line, ...]) -> Lines:
        plain = tuple((line.ticket_type, line.quantity, line.unit_price) for line in lines)
        return self._lines.setdefault(plain, plain)

    def _tell(self, reservation_id: str, claim: Claim, at_ms: int) -> None:
        for watcher in self._watchers:
            watcher.changed(self, reservation_id, claim, at_ms)

    # --- checking ---------------------------------------------------------------------------------

    def _check_sums(self) -> None:
        findings = self._findings
        findings.saw(Check.QUOTA)
        for code, held in self.held.items():
            live = held + self.confirmed.get(code, 0)
            quota = self.types[code].quota if code in self.types else 0
            if live > quota or held < 0 or live < held:
                findings.fail(Check.QUOTA, f"{self.where()}: {live} of {code} are live, its quota is {quota}")
        if self.terms is None or self.terms.capacity is None:
            return
        findings.saw(Check.CAPACITY)
        if self.live > self.terms.capacity:
            most = self.terms.capacity
            findings.fail(Check.CAPACITY, f"{self.where()}: {self.live} are live, the capacity is {most}")

    def _check_seats(self, wrongs: Iterable[str]) -> None:
        for wrong in wrongs:
            self._findings.fail(Check.SEATS, f"{self.where()}: {wrong}")
        if self.seats.holders:
            self._findings.saw(Check.SEATS)

    def _check_terms(
        self, reservation_id: str, claim: Claim, lines: tuple[Line, ...], before: Lines, at_ms: int, new: bool
    ) -> None:
        self._findings.saw(Check.TERMS)
        for wrong in breaches(self, claim, lines, before, at_ms, new):
            self._findings.fail(Check.TERMS, f"{self.where()}: {reservation_id}: {wrong}")

    def _check_after(self, fact: ClaimFact, claim: Claim) -> None:
        """`claim` as it was before the fact."""
        if isinstance(fact, ReservationConfirmed) and fact.reservation_id in self._fresh:
            self._findings.saw(Check.TERMS)
            if any(price for _, _, price in claim.lines):
                unpaid = f"{fact.reservation_id}: confirmed at once, though it costs something"
                self._findings.fail(Check.TERMS, f"{self.where()}: {unpaid}")
        self._check_confirmed(fact, claim)
        if self.terms is None or not isinstance(fact, HoldExtended | ReservationCancelled):
            return
        if self.stage is Stage.CANCELLED:
            return
        self._findings.saw(Check.TERMS)
        for wrong in breaches_after(self.terms, claim, fact):
            self._findings.fail(Check.TERMS, f"{self.where()}: {fact.reservation_id}: {wrong}")

    def _check_confirmed(self, fact: ClaimFact, claim: Claim) -> None:
        """Where payment is required, nothing that costs something is just confirmed."""
        if not isinstance(fact, ReservationConfirmed) or self.terms is None or self.terms.payment == "none":
            return
        self._findings.saw(Check.TERMS)
        if any(price for _, _, price in claim.lines):
            self._findings.fail(Check.TERMS, f"{self.where()}: {fact.reservation_id}: confirmed unpaid")

    def _check_paid(self, fact: ReservationReduced | ReservationRetaken, claim: Claim, before: Lines) -> None:
        """What is made smaller is smaller, at its prices; what is taken again is what there was."""
        lines = fact.lines if isinstance(fact, ReservationReduced) else fact.reservation.lines
        self._check_seats(self.seats.takes(fact.reservation_id, lines))
        self._findings.saw(Check.TERMS)
        had = {code: (quantity, price) for code, quantity, price in before}
        fits = all(
            price == had.get(code, (0, -1))[1] and 0 < quantity <= had[code][0]
            for code, quantity, price in self._shared(lines)
        )
        most = self.terms.max_per_customer if self.terms is not None else None
        over = most is not None and self.customers.get(claim.customer, 0) > most
        if isinstance(fact, ReservationRetaken):
            fits = self._shared(lines) == before and not over
        if not fits:
            self._findings.fail(Check.TERMS, f"{self.where()}: {type(fact).__name__} of {before} to {lines}")


_BECOMES = {
    EventPublished: Stage.PUBLISHED,
    EventClosed: Stage.CLOSED,
    EventCancelled: Stage.CANCELLED,
}
_decoder = msgspec.msgpack.Decoder(list[EventFact])
