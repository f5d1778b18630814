"""An event's journal, folded by rules written a second time, with every step checked.

Knows the messages, not `domain.event` and not the owner. `wrong` says what no event may do: sell more than
there is, end a hold before its time, change what has ended, leave a hold that was due out of an append.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec
from msgspec.structs import replace as replace_ticket

from domain.event_messages import (
    EventCancelled,
    EventChanged,
    EventClosed,
    EventCreated,
    EventDeleted,
    EventFact,
    EventPublished,
    HoldChanged,
    HoldExpired,
    HoldExtended,
    HoldPlaced,
    HoldReleased,
    Line,
    PaidBy,
    PaymentBegun,
    PaymentFailed,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationPaid,
    ReservationReduced,
    ReservationRetaken,
    ReservationSold,
    ReservationVoided,
    SalePaused,
    SaleResumed,
    SeatsBlocked,
    SeatsUnblocked,
    Stage,
    Terms,
)
from domain.seat_plan import Layout, Plan, Row, Seat, Section
from domain.ticket_messages import (
    ORDINARY,
    CheckInUndone,
    Ticket,
    TicketCheckedIn,
    TicketFact,
    TicketReissued,
    TicketTransferred,
)
from persistence.memory_rows import Inventory, Journaled

HALL = Plan(
    (
        Section(
            "S",
            tuple(
                Row(label, tuple(Seat(str(number), label) for number in range(1, 6))) for label in ("A", "B")
            ),
        ),
    )
)
"""Two rows of five; each is a category of its own."""
LAYOUT = Layout(HALL)
_facts = msgspec.msgpack.Decoder(list[EventFact])
LIVE = ("held", "paying", "confirmed", "checked_in")
ON_HOLD = ("held", "paying")
FIRM = ("confirmed", "checked_in")
DUE_GRID_MS = 250
_BECOMES = {
    EventPublished: Stage.PUBLISHED,
    EventClosed: Stage.CLOSED,
    EventCancelled: Stage.CANCELLED,
}


OfMoney = PaymentBegun | PaymentFailed | ReservationPaid | ReservationRetaken | ReservationReduced


@dataclass(frozen=True)
class Folded:
    """A reservation as the journal tells it."""

    status: str
    expires_at_ms: int
    lines: tuple[Line, ...]
    customer: bytes
    created_at_ms: int
    extensions: int = 0
    paid_by: PaidBy | None = None


@dataclass
class Fold:
    """An event as the journal tells it, and what was wrong on the way."""

    inventory_id: str
    terms: Terms | None = None
    version: int = 0
    paused: bool = False
    stage: Stage = Stage.PUBLISHED
    deleted: bool = False
    cancelled_seq: int = 0
    """The sequence of the append in which the event was cancelled."""
    last_ended_seq: int = 0
    """The last one in which a reservation ended with it."""
    blocked: set[str] = field(default_factory=set)
    last_ms: int = 0
    reservations: dict[str, Folded] = field(default_factory=dict)
    tickets: dict[tuple[str, int], Ticket] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    effects: int = 0
    """Facts that a command had; the others are ends of holds that were due."""
    placed_seq: dict[str, int] = field(default_factory=dict)
    """The sequence of the append in which it was placed."""
    expired: dict[str, int] = field(default_factory=dict)
    """The sequence of the append in which a hold ended by itself."""
    ends: list[tuple[str, int]] = field(default_factory=list)
    """Every end a hold was given: reservation and time."""
    failed: dict[str, int] = field(default_factory=dict)
    """The sequence of the append in which a payment last failed."""
    looked: dict[tuple[str, int], int] = field(default_factory=dict)
    """By such an end: the sequence of the append that says so, if the hold ended by it."""

    def read(self, journal: list[Journaled]) -> Fold:
        for expected, row in enumerate(journal, 1):
            if row.seq != expected:
                self._is_wrong(row.seq, f"comes where {expected} is due")
            facts = _facts.decode(row.facts)
            if not facts:
                self._is_wrong(row.seq, "is empty")
            for fact in facts:
                self._apply(row.seq, fact)
                self._check_sums(row.seq)
            if any(not self._is_due(row.seq, fact) for fact in facts):
                self._check_due(row)
        return self

    def seats(self) -> list[tuple[str, str]]:
        """The seats of live reservations, each with its reservation."""
        return [
            (name, reservation_id)
            for reservation_id, found in self.reservations.items()
            if found.status in LIVE
            for line in found.lines
            for name in line.seats
        ]

    def sold(self, code: str, *statuses: str) -> int:
        """Tickets that are live; of a cancelled event none."""
        return sum(
            line.quantity
            for found in self.reservations.values()
            if found.status in (statuses or LIVE) and self.stage is not Stage.CANCELLED
            for line in found.lines
            if line.ticket_type == code
        )

    # --- steps ----------------------------------------------------------------------------------------

    def _apply(self, seq: int, fact: EventFact) -> None:
        if fact.at_ms < self.last_ms:
            self._is_wrong(seq, f"{fact} is earlier than what came before it")
        self.last_ms = max(self.last_ms, fact.at_ms)
        if self.deleted:
            self._is_wrong(seq, f"{fact} of an event that was deleted")
        self.effects += not (self._is_due(seq, fact) or self._is_at_once(seq, fact))
        match fact:
            case EventCreated() | EventChanged():
                self.terms, self.version = fact.terms, self.version + 1
                self.stage = fact.stage if isinstance(fact, EventCreated) else self.stage
            case SalePaused() | SaleResumed():
                self.paused, self.version = isinstance(fact, SalePaused), self.version + 1
            case EventPublished() | EventClosed() | EventCancelled():
                self._move(seq, fact)
            case EventDeleted():
                self._delete(seq)
            case SeatsBlocked() | SeatsUnblocked():
                self.version += 1
                change = (
                    self.blocked.update if isinstance(fact, SeatsBlocked) else self.blocked.difference_update
                )
                change(fact.seats)
            case HoldPlaced():
                self._place(seq, fact)
                self.ends.append((fact.reservation_id, fact.expires_at_ms))
            case TicketCheckedIn() | CheckInUndone() | TicketTransferred() | TicketReissued():
                self._of_ticket(seq, fact)
            case _:
                self._step(seq, fact)

    def _move(self, seq: int, fact: EventPublished | EventClosed | EventCancelled) -> None:
        to = _BECOMES[type(fact)]
        skips = self.stage is Stage.DRAFT and to is Stage.CLOSED
        if to is self.stage or self.stage is Stage.CANCELLED or skips:
            self._is_wrong(seq, f"{fact} of an event that is {self.stage.value}")
        self.stage, self.version = to, self.version + 1
        if to is Stage.CANCELLED:
            self.cancelled_seq = self.last_ended_seq = seq

    def _delete(self, seq: int) -> None:
        if any(found.status in LIVE for found in self.reservations.values()):
            self._is_wrong(seq, "deleted with live reservations")
        self.deleted, self.stage, self.version = True, Stage.CANCELLED, self.version + 1

    def _is_due(self, seq: int, fact: EventFact) -> bool:
        """Nobody asked for it: a hold ran out, or it ends with its event."""
        with_event = 0 < self.cancelled_seq < seq and isinstance(fact, HoldReleased | ReservationCancelled)
        return with_event or isinstance(fact, HoldExpired)

    def _is_at_once(self, seq: int, fact: EventFact) -> bool:
        """Confirmed by the command that placed it: nobody else knows of it before the append is done. Or
        blocked by the command that changed the terms."""
        if isinstance(fact, SeatsBlocked):
            return fact.with_terms
        return isinstance(fact, ReservationConfirmed) and self.placed_seq.get(fact.reservation_id) == seq

    def _place(self, seq: int, fact: HoldPlaced) -> None:
        if fact.reservation_id in self.reservations:
            self._is_wrong(seq, f"{fact.reservation_id} is placed twice")
        closed = self.paused or self.stage is not Stage.PUBLISHED
        if closed or self.terms is None or fact.at_ms >= self.terms.closes_at_ms:
            self._is_wrong(seq, f"{fact.reservation_id} is placed while the sale is closed")
        others = [found for found in self.reservations.values() if found.status in LIVE]
        if self.terms and self.terms.one_per_customer and fact.customer in {one.customer for one in others}:
            self._is_wrong(seq, f"{fact.reservation_id} is its customer's second")
        self.placed_seq[fact.reservation_id] = seq
        self.reservations[fact.reservation_id] = Folded(
            "held", fact.expires_at_ms, fact.lines, fact.customer, fact.at_ms
        )

    def _step(self, seq: int, fact: EventFact) -> None:
        """Something that happens to a reservation that is there."""
        before = self.reservations.get(fact.reservation_id)  # type: ignore[union-attr]
        if before is None:
            self._is_wrong(seq, f"{fact} of nothing")
            return
        needs, running = ("held",), fact.at_ms < before.expires_at_ms
        match fact:
            case ReservationConfirmed():
                after = _confirmed(before, fact)
                if self._is_at_once(seq, fact) and any(line.unit_price for line in before.lines):
                    self._is_wrong(seq, f"{fact} at once, though there is something to pay")
            case ReservationSold():
                after = _confirmed(before, fact)
            case (
                PaymentBegun()
                | PaymentFailed()
                | ReservationPaid()
                | ReservationRetaken()
                | ReservationReduced()
            ):
                self._money(seq, fact, before)
                return
            case HoldReleased():
                after = replace(before, status="released")
                needs = before.status if self._is_due(seq, fact) and before.status in ON_HOLD else needs
            case HoldChanged():
                after = replace(before, lines=fact.lines)
            case HoldExtended():
                after = replace(before, expires_at_ms=fact.expires_at_ms, extensions=before.extensions + 1)
                self.ends.append((fact.reservation_id, fact.expires_at_ms))
            case HoldExpired():
                after, running = replace(before, status="expired"), not running
                needs = before.status if before.status in ON_HOLD else needs
                self.expired[fact.reservation_id] = seq
                self.looked[fact.reservation_id, before.expires_at_ms] = seq
            case ReservationCancelled() | ReservationVoided():
                after, needs, running = replace(before, status="cancelled"), FIRM, True
                kept = fact.kept if isinstance(fact, ReservationCancelled) else 0
                if before.paid_by is not None:
                    after = replace(after, paid_by=msgspec.structs.replace(before.paid_by, kept=kept))
                if kept > sum(line.quantity * line.unit_price for line in before.lines):
                    self._is_wrong(seq, f"{fact} keeps more than {before} costs")
                if not self._is_due(seq, fact) and self._kept(fact.reservation_id):
                    self._is_wrong(seq, f"{fact} with a ticket that is in, or was passed on")
            case _:
                raise AssertionError(fact)
        if self._is_due(seq, fact) and not isinstance(fact, HoldExpired):
            running, self.last_ended_seq = True, seq
        elif self.stage is Stage.CANCELLED:
            self._is_wrong(seq, f"{fact} of a cancelled event")
        if before.status not in needs or not running:
            self._is_wrong(seq, f"{fact} of {before}")
        self.reservations[fact.reservation_id] = after  # type: ignore[union-attr]

    def _of_ticket(self, seq: int, fact: TicketFact) -> None:
        """Let in once; another code only for who is not in; checked in, while all are."""
        found = self.reservations.get(fact.reservation_id)
        places = _numbered(found.lines) if found else {}
        if found is None or found.status not in FIRM or self.stage is Stage.CANCELLED:
            self._is_wrong(seq, f"{fact} of {found}")
        place = fact.reservation_id, fact.number
        before = self.tickets.get(place, ORDINARY)
        inside = isinstance(fact, CheckInUndone)
        if (before.entry is not None) is not inside or fact.number not in places:
            self._is_wrong(seq, f"{fact} of {before}")
        match fact:
            case TicketCheckedIn():
                after = replace_ticket(before, entry=fact.entry)
            case CheckInUndone():
                after = replace_ticket(before, entry=None)
            case _:
                holder = fact.customer if isinstance(fact, TicketTransferred) else before.holder
                after = Ticket(before.generation + 1, holder)
                if fact.generation != after.generation:
                    self._is_wrong(seq, f"{fact} of {before}")
        self.tickets[place] = after
        let_in = [self.tickets.get((place[0], n), ORDINARY).entry for n in places]
        if found is not None:
            status = "checked_in" if all(let_in) else "confirmed"
            self.reservations[place[0]] = replace(found, status=status)

    def _kept(self, reservation_id: str) -> bool:
        return any(
            ticket.entry or ticket.holder for (of, _), ticket in self.tickets.items() if of == reservation_id
        )

    def _money(self, seq: int, fact: OfMoney, before: Folded) -> None:
        """Only what is paying, by this payment, fails or is paid; only what has expired is taken again."""
        reservation_id, mark = fact.reservation_id, before.paid_by
        paid = None if isinstance(fact, ReservationReduced) else fact.payment_id
        own = before.status == "paying" and mark is not None and mark.payment_id == paid
        match fact:
            case PaymentBegun():
                begun = PaidBy(fact.payment_id, before.expires_at_ms)
                after = replace(before, status="paying", expires_at_ms=fact.deadline_ms, paid_by=begun)
                own = before.status == "held" and fact.at_ms < before.expires_at_ms
                self.ends.append((reservation_id, fact.deadline_ms))
            case ReservationReduced():
                after = replace(before, lines=fact.lines)
                own = before.status == "confirmed" and _smaller(fact.lines, before.lines)
            case PaymentFailed():
                assert mark is not None
                left = None if fact.clears_payment else mark
                after = replace(before, status="held", expires_at_ms=mark.hold_ends_ms, paid_by=left)
                self.ends.append((reservation_id, mark.hold_ends_ms))
                self.failed[reservation_id] = seq
            case ReservationPaid():
                after = replace(before, status="confirmed")
                own = own and fact.at_ms < before.expires_at_ms
            case ReservationRetaken():
                ends_ms = mark.hold_ends_ms if mark is not None else before.expires_at_ms
                after = replace(before, status="confirmed", paid_by=PaidBy(fact.payment_id, ends_ms))
                own = before.status == "expired" and fact.reservation.lines == before.lines
                self.expired.pop(reservation_id, None)
        if not own or self.stage is Stage.CANCELLED:
            self._is_wrong(seq, f"{fact} of {before}")
        self.reservations[reservation_id] = after

    # --- what must hold after each --------------------------------------------------------------------

    def _check_sums(self, seq: int) -> None:
        """I1."""
        if self.terms is None:
            self._is_wrong(seq, "before the event was created")
            return
        total = 0
        for kind in self.terms.ticket_types:
            sold = self.sold(kind.code)
            total += sold
            if sold > kind.quota:
                self._is_wrong(seq, f"{sold} of {kind.code} are live, its quota is {kind.quota}")
        seats = self.seats()
        if len({name for name, _ in seats}) < len(seats):
            self._is_wrong(seq, "I3: a seat is in two live reservations")
        if self.blocked & {name for name, _ in seats}:
            self._is_wrong(seq, "a blocked seat is taken")
        if self.terms.capacity is not None and total > self.terms.capacity:
            self._is_wrong(seq, f"{total} are live, the capacity is {self.terms.capacity}")

    def _check_due(self, row: Journaled) -> None:
        """Whatever decides has ended first what was due."""
        for reservation_id, found in self.reservations.items():
            if found.status in ON_HOLD and found.expires_at_ms <= row.at_ms:
                self._is_wrong(row.seq, f"leaves {reservation_id} held past its end")
            if found.status in LIVE and 0 < self.cancelled_seq < row.seq:
                self._is_wrong(row.seq, f"leaves {reservation_id} to a cancelled event")

    def _is_wrong(self, seq: int, what: str) -> None:
        self.wrong.append(f"{self.inventory_id} seq {seq}: {what}")

    # --- the rows -------------------------------------------------------------------------------------

    def compare(self, row: Inventory) -> list[str]:
        """Where the rows are not what the journal says."""
        assert self.terms is not None
        ends = [found.expires_at_ms for found in self.reservations.values() if found.status in ON_HOLD]
        live = [found for found in self.reservations.values() if found.status in LIVE]
        if self.stage is Stage.CANCELLED:
            ends = [self.last_ms] if live else []
        due = -(-min(ends) // DUE_GRID_MS) * DUE_GRID_MS if ends else None
        counts = [
            (kind.code, kind.quota, self.sold(kind.code, *ON_HOLD), self.sold(kind.code, *FIRM))
            for kind in self.terms.ticket_types
        ]
        stored = {
            reservation_id: Folded(
                found.reservation.status.value,
                found.reservation.expires_at_ms,
                found.reservation.lines,
                found.reservation.customer,
                found.reservation.created_at_ms,
                found.reservation.extensions,
                found.reservation.paid_by,
            )
            for reservation_id, found in row.reservations.items()
        }
        pairs = {
            "terms": (row.definition.terms, self.terms),
            "version": (row.definition.version, self.version),
            "paused": (row.definition.paused, self.paused),
            "stage": (row.definition.stage, self.stage),
            "deleted": (row.definition.deleted, self.deleted),
            "live reservations": (row.live_reservations, 0 if self.stage is Stage.CANCELLED else len(live)),
            "next due": (row.next_due_ms, due),
            "live": (row.live, sum(self.sold(kind.code) for kind in self.terms.ticket_types)),
            "counts": ([(c.code, c.quota, c.held, c.confirmed) for c in row.counts], counts),
            "reservations": (stored, self.reservations),
            "seats": (
                sorted(row.seats.items()),
                sorted((number_of(name), holder) for name, holder in self.seats()),
            ),
            "tickets": (
                {place: stored.ticket for place, stored in row.tickets.items()},
                {place: ticket for place, ticket in self.tickets.items() if ticket != ORDINARY},
            ),
            "blocked": (row.definition.blocked, tuple(sorted(map(number_of, self.blocked)))),
            "last fact": (row.last_fact_ms, self.last_ms),
            "sequence": (row.seq, len(row.journal)),
        }
        return [
            f"{self.inventory_id}: {what} is {stored} in the row and {told} in the journal"
            for what, (stored, told) in pairs.items()
            if stored != told
        ]


def _confirmed(before: Folded, fact: ReservationConfirmed | ReservationSold) -> Folded:
    """By no payment: from here on it is of none."""
    return replace(before, status="confirmed", paid_by=None)


def _smaller(lines: tuple[Line, ...], before: tuple[Line, ...]) -> bool:
    """Of each type no more than there was, at its price, in seats that it had, with the numbers that these
    had; and less of all."""
    had = {line.ticket_type: line for line in before}
    own = all(
        line.unit_price == had[line.ticket_type].unit_price
        and 0 < line.quantity <= had[line.ticket_type].quantity
        and {*line.seats} <= {*had[line.ticket_type].seats}
        for line in lines
    )
    return own and _numbered(lines).items() < _numbered(before).items()


def _numbered(lines: tuple[Line, ...]) -> dict[int, tuple[str, str]]:
    """The type and the seat of each ticket, by its number."""
    found, number = {}, 0
    for line in lines:
        number += line.skipped
        for position in range(line.quantity):
            number += 1
            found[number] = line.ticket_type, line.seats[position] if line.seats else ""
    return found


def number_of(name: str) -> int:
    """Of a seat of the hall."""
    number = LAYOUT.number_of(name)
    assert number is not None, name
    return number
