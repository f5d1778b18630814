"""The auditor's own fold of one reservation of tables: what facts make of it, and which may happen to it."""

from __future__ import annotations

from domain.event_messages import (
    HoldExpired,
    HoldExtended,
    HoldReleased,
    PaymentBegun,
    PaymentFailed,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationPaid,
    ReservationSold,
    ReservationVoided,
)
from domain.restaurant_messages import (
    NoShowMarked,
    PartySeated,
    ReservationMoved,
    RestaurantTerms,
    StayCompleted,
    StayProlonged,
    TableHeld,
    TableRetaken,
    WalkInSeated,
)
from loadtest.auditor.claims import CANCELLED, CONFIRMED, EXPIRED, HELD, ON_HOLD, PAYING, RELEASED
from loadtest.record import Sitting

SEATED, COMPLETED, NO_SHOW = "seated", "completed", "no_show"
LIVE = (HELD, PAYING, CONFIRMED, SEATED)
COUNTED = (COMPLETED, CANCELLED, NO_SHOW)
"""What a guest's history is made of."""
MINUTE_MS = 60_000
LOOKED_AT_AFTER_MS = 12 * 60 * MINUTE_MS
EARLY_MAX_MS = 60 * MINUTE_MS

Placed = TableHeld | WalkInSeated
OfOne = (
    HoldExpired
    | HoldExtended
    | HoldReleased
    | NoShowMarked
    | PartySeated
    | ReservationCancelled
    | ReservationConfirmed
    | ReservationMoved
    | StayCompleted
    | StayProlonged
    | PaymentBegun
    | PaymentFailed
    | ReservationPaid
    | ReservationSold
    | ReservationVoided
    | TableRetaken
)
ENDS = {
    HoldExpired: EXPIRED,
    HoldReleased: RELEASED,
    ReservationCancelled: CANCELLED,
    ReservationVoided: CANCELLED,
    StayCompleted: COMPLETED,
    NoShowMarked: NO_SHOW,
}
NEEDS = {
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
    TableRetaken: (EXPIRED,),
    ReservationMoved: LIVE,
    PartySeated: (CONFIRMED,),
    NoShowMarked: (CONFIRMED,),
    StayCompleted: (CONFIRMED, SEATED),
    StayProlonged: (SEATED,),
}
"""What a reservation has to be for each fact."""


class Stay:
    """A reservation of tables as the facts so far left it."""

    __slots__ = (
        "created_ms",
        "currency",
        "customer",
        "deposit",
        "end_ms",
        "expires_ms",
        "extensions",
        "free_at_ms",
        "given_back_ms",
        "hold_ends_ms",
        "kept",
        "overstays",
        "paid",
        "party_size",
        "payment_id",
        "start_ms",
        "status",
        "tables",
        "warned",
    )

    def __init__(self, fact: Placed) -> None:
        self.status = HELD if isinstance(fact, TableHeld) else SEATED
        self.expires_ms = fact.expires_at_ms if isinstance(fact, TableHeld) else fact.end_ms
        self.tables = fact.tables
        self.start_ms, self.end_ms, self.free_at_ms = fact.start_ms, fact.end_ms, fact.free_at_ms
        self.party_size = fact.party_size
        self.customer = fact.customer
        self.created_ms = fact.at_ms
        self.extensions = self.overstays = 0
        self.deposit, self.currency = 0, ""
        if isinstance(fact, TableHeld):
            self.deposit, self.currency = fact.deposit, fact.currency
        self.payment_id: str | None = None
        self.hold_ends_ms: int | None = None
        self.warned: tuple[str, ...] = ()
        self.paid = False
        self.kept: int | None = None
        self.given_back_ms = 0
        """See `claims.Claim` for these."""

    @property
    def price(self) -> int:
        """Of what is confirmed, or kept now that it has ended."""
        return self.deposit if self.status in (CONFIRMED, SEATED) else self.kept or 0

    def become(self, fact: OfOne) -> None:
        """Make the fact true."""
        match fact:
            case HoldExtended():
                self.expires_ms, self.extensions = fact.expires_at_ms, self.extensions + 1
            case ReservationConfirmed() | ReservationPaid() | ReservationSold() | TableRetaken():
                self._confirm(fact)
            case PaymentBegun():
                self.status, self.payment_id = PAYING, fact.payment_id
                self.hold_ends_ms, self.expires_ms = self.expires_ms, fact.deadline_ms
            case PaymentFailed():
                self.status, self.given_back_ms = HELD, fact.at_ms
                self.expires_ms = self.hold_ends_ms or 0
                if fact.clears_payment:
                    self.payment_id = self.hold_ends_ms = None
            case PartySeated():
                self.status, self.start_ms, self.expires_ms = SEATED, fact.start_ms, self.end_ms
            case ReservationMoved():
                self._move(fact)
            case StayProlonged():
                self.end_ms, self.free_at_ms = fact.end_ms, fact.free_at_ms
                self.expires_ms, self.overstays = fact.looks_at_ms, fact.overstays
                self.warned = fact.warned
            case _:
                self.status = ENDS[type(fact)]
                kept = kept_by(fact)
                self.kept = kept if kept and self.payment_id is not None else None

    def _confirm(self, fact: ReservationConfirmed | ReservationPaid | ReservationSold | TableRetaken) -> None:
        hold_ends_ms = self.hold_ends_ms or self.expires_ms
        self.status, self.expires_ms = CONFIRMED, self.end_ms + LOOKED_AT_AFTER_MS
        self.paid = isinstance(fact, ReservationPaid | TableRetaken)
        if isinstance(fact, ReservationSold) and fact.paid == "free":
            self.deposit, self.currency = 0, ""
        if isinstance(fact, ReservationConfirmed | ReservationSold) and fact.clears_payment:
            self.payment_id = self.hold_ends_ms = None
        if isinstance(fact, TableRetaken):
            self.payment_id, self.hold_ends_ms = fact.payment_id, hold_ends_ms

    def view(self) -> Sitting:
        """As a reply would show it."""
        expires_ms = self.expires_ms if self.status == HELD else 0
        times = self.start_ms, self.end_ms
        return Sitting(self.status, expires_ms, self.tables, *times, self.party_size, self.created_ms)

    def _move(self, fact: ReservationMoved) -> None:
        self.tables, self.party_size = fact.tables, fact.party_size
        self.start_ms, self.end_ms, self.free_at_ms = fact.start_ms, fact.end_ms, fact.free_at_ms
        if self.status == CONFIRMED:
            self.expires_ms = fact.end_ms + LOOKED_AT_AFTER_MS
        if fact.deposit is not None:
            self.deposit, self.currency = fact.deposit, fact.currency


def misfit(stay: Stay, fact: OfOne, terms: RestaurantTerms | None) -> str:
    """Why the fact cannot happen to the reservation as it stands; empty if it can."""
    if stay.status not in NEEDS[type(fact)]:
        return f"it is {stay.status}"
    if stay.status in ON_HOLD and (fact.at_ms >= stay.expires_ms) is not isinstance(fact, HoldExpired):
        return f"its end is {stay.expires_ms - fact.at_ms} ms ahead"
    assert terms is not None
    wrong = unpaid(stay, fact, terms)
    if wrong:
        return wrong
    at_ms = fact.at_ms
    match fact:
        case ReservationCancelled():
            fits = at_ms <= stay.start_ms - terms.cancel_until_minutes * MINUTE_MS
        case NoShowMarked():
            fits = at_ms >= stay.start_ms + terms.no_show_grace_minutes * MINUTE_MS
        case PartySeated():
            fits = stay.start_ms - EARLY_MAX_MS <= at_ms < stay.end_ms and fact.start_ms <= stay.start_ms
        case StayCompleted():
            fits = stay.status == SEATED or at_ms >= stay.start_ms
        case StayProlonged():
            fits = stay.end_ms <= fact.end_ms <= fact.free_at_ms
        case ReservationMoved():
            fits = fact.start_ms < fact.end_ms <= fact.free_at_ms and bool(fact.tables)
        case _:
            fits = True
    return "" if fits else "its time is another"


def due_of(terms: RestaurantTerms, party_size: int) -> tuple[int, str]:
    """What a party of that size has to pay before it is confirmed."""
    wants = terms.deposit
    if wants is None or party_size < wants.from_party_size:
        return 0, ""
    return wants.amount * (party_size if wants.per == "cover" else 1), wants.currency


def kept_by(fact: OfOne) -> int:
    """How much of a deposit does not go back with this end."""
    return fact.kept if isinstance(fact, ReservationCancelled | NoShowMarked | StayCompleted) else 0


def excused(fact: OfOne) -> bool:
    """It was cancelled, and not by its customer."""
    by_operator = isinstance(fact, ReservationCancelled) and fact.by_operator
    return by_operator or isinstance(fact, ReservationVoided)


def unpaid(stay: Stay, fact: OfOne, terms: RestaurantTerms) -> str:
    """What is wrong with the money; empty if nothing is."""
    match fact:
        case ReservationConfirmed() if stay.deposit:
            return "it is confirmed unpaid"
        case PaymentFailed() | ReservationPaid() if fact.payment_id != stay.payment_id:
            return f"it is being paid by {stay.payment_id}"
        case ReservationMoved() if stay.status == HELD and fact.party_size != stay.party_size:
            due = due_of(terms, fact.party_size)
            return "" if (fact.deposit, fact.currency) == due else f"its deposit is not {due}"
        case ReservationMoved():
            more = due_of(terms, fact.party_size)[0] > stay.deposit and fact.party_size > stay.party_size
            fits = fact.deposit is None and not (more and stay.status == CONFIRMED)
            return "" if fits else "it is for more than was paid for"
        case TableRetaken():
            after = fact.reservation
            same = (after.tables, after.start_ms, after.deposit) == (stay.tables, stay.start_ms, stay.deposit)
            return "" if same and fact.at_ms < stay.start_ms else "it is not what there was"
        case NoShowMarked() | ReservationCancelled() | StayCompleted():
            returned = terms.deposit is not None and terms.deposit.after_visit == "returned"
            visited = isinstance(fact, StayCompleted)
            goes_back = isinstance(fact, ReservationCancelled) or (visited and returned)
            kept = 0 if goes_back else stay.deposit
            return "" if fact.kept == kept else f"{fact.kept} of its deposit were kept, not {kept}"
    return ""
