"""What a payment does to a reservation, whatever it is of: it begins, fails, succeeds, or comes too late.

- A payment begins on a hold that costs something, and only one at a time. From then on the reservation is
  `paying`: it stays live until the payment's deadline, where it expires like any hold.
- A payment that fails gives the rest of the hold's own time back; if there is none, the hold expires. One
  that has begun again meanwhile, with a later deadline, is not what failed.
- Money confirms what is paying, by this payment and for what it costs. What has expired meanwhile is for its
  kind to take again, if it can (`Late`); everything else is refused, and the money goes back.
- What is confirmed otherwise, by its customer where nothing is due or by the box office, is of no payment any
  more: one that failed before, however often it is given back, has no say in it.
- A fact names the payment, never a person. Saying any of it again changes nothing.

Nothing here answers a client: each kind makes its reply of the reservation as it is afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from domain.event_messages import (
    ENDS_PAID,
    BeginPayment,
    FailPayment,
    FinishPayment,
    HoldExpired,
    PaidBy,
    PaymentBegun,
    PaymentFailed,
    Reservation,
    ReservationConfirmed,
    ReservationPaid,
    ReservationSold,
    ReservationVoided,
    SellReservation,
    Status,
)
from domain.messages import Code, Rejected
from domain.restaurant_messages import TableReservation

R = TypeVar("R", Reservation, TableReservation)
PaymentFact = (
    PaymentBegun
    | PaymentFailed
    | ReservationPaid
    | ReservationSold
    | ReservationConfirmed
    | ReservationVoided
    | HoldExpired
)


@dataclass(frozen=True, slots=True)
class Late:
    """The hold had run out when its money came."""


def is_of(found: Reservation | TableReservation, payment_id: str) -> bool:
    return found.paid_by is not None and found.paid_by.payment_id == payment_id


def begin(found: R, command: BeginPayment, now_ms: int) -> tuple[R, tuple[PaymentFact, ...]] | Rejected:
    if is_of(found, command.payment_id):
        again = found.status is Status.PAYING or found.status.firm
        return (found, ()) if again else wrong(found)
    if found.status is not Status.HELD:
        return not_held(found)
    if not found.total:
        return Rejected(Code.WRONG_STATE, "Nothing is to be paid.", {"status": found.status.value})
    if command.deadline_ms <= now_ms:
        return Rejected(Code.TOO_LATE, "The time for this payment has passed.")
    fact = PaymentBegun(now_ms, found.id, command.payment_id, command.deadline_ms)
    return paying(found, fact), (fact,)


def finish(
    found: R, command: FinishPayment, now_ms: int
) -> tuple[R, tuple[PaymentFact, ...]] | Rejected | Late:
    payment_id = command.payment_id
    if is_of(found, payment_id) and _was_confirmed(found):
        return found, ()
    if found.total != command.amount:
        return wrong(found)
    if found.status is Status.PAYING and is_of(found, payment_id):
        return replace(found, status=Status.CONFIRMED), (ReservationPaid(now_ms, found.id, payment_id),)
    return Late() if found.status is Status.EXPIRED else wrong(found)


def _was_confirmed(found: Reservation | TableReservation) -> bool:
    """Be it that it has ended since: what is kept of it then is not this payment's to say."""
    return found.status.firm or found.status is Status.SEATED or found.status in ENDS_PAID


def taken_again(found: R, payment_id: str) -> R:
    """What had expired, confirmed by money that came after that."""
    hold_ends_ms = found.expires_at_ms if found.paid_by is None else found.paid_by.hold_ends_ms
    return replace(found, status=Status.CONFIRMED, paid_by=PaidBy(payment_id, hold_ends_ms))


def fail(found: R, command: FailPayment, now_ms: int) -> tuple[R, tuple[PaymentFact, ...]]:
    if found.status is not Status.PAYING or not is_of(found, command.payment_id):
        return found, ()
    if command.deadline_ms is not None and found.expires_at_ms > command.deadline_ms:
        return found, ()
    failed = PaymentFailed(now_ms, found.id, command.payment_id, command.may_begin_again)
    after = given_back(found, failed)
    if now_ms < after.expires_at_ms:
        return after, (failed,)
    return replace(after, status=Status.EXPIRED), (failed, HoldExpired(now_ms, found.id))


def sell(
    found: R, command: SellReservation, due: bool, now_ms: int
) -> tuple[R, tuple[PaymentFact, ...]] | Rejected:
    """The box office confirms. `due`: something is to be paid for it first, by others."""
    if found.status.firm:
        return found, ()
    if found.status is not Status.HELD:
        return not_held(found)
    if command.paid is None and not due:
        return confirm(found, now_ms)
    clears = found.paid_by is not None
    after = replace(found, status=Status.CONFIRMED, paid_by=None)
    return after, (ReservationSold(now_ms, found.id, command.paid or "cash", command.by, clears),)


def confirm(found: R, now_ms: int) -> tuple[R, tuple[ReservationConfirmed]]:
    """A hold, where nothing is due."""
    clears = found.paid_by is not None
    after = replace(found, status=Status.CONFIRMED, paid_by=None)
    return after, (ReservationConfirmed(now_ms, found.id, clears),)


def paying(before: R, fact: PaymentBegun) -> R:
    """A hold whose payment has begun."""
    paid_by = PaidBy(fact.payment_id, before.expires_at_ms)
    return replace(before, status=Status.PAYING, expires_at_ms=fact.deadline_ms, paid_by=paid_by)


def given_back(before: R, fact: PaymentFailed) -> R:
    """A hold whose payment has failed: its own end counts again."""
    mark = before.paid_by
    assert mark is not None
    paid_by = None if fact.clears_payment else mark
    return replace(before, status=Status.HELD, expires_at_ms=mark.hold_ends_ms, paid_by=paid_by)


def ended_with(before: R, status: Status, kept: int = 0) -> R:
    """The reservation as it has ended. What is kept is marked where a payment was, for what goes back is that
    payment's."""
    mark = before.paid_by
    if mark is not None and kept:
        mark = replace(mark, kept=kept)
    return replace(before, status=status, paid_by=mark)


def not_held(found: Reservation | TableReservation) -> Rejected:
    """It is no hold, or none any more."""
    if found.status is Status.EXPIRED:
        return Rejected(Code.HOLD_EXPIRED, "The hold's time ran out.")
    return wrong(found)


def wrong(found: Reservation | TableReservation) -> Rejected:
    detail = f"The reservation is {found.status.value}."
    return Rejected(Code.WRONG_STATE, detail, {"status": found.status.value})


def payment_due(found: Reservation | TableReservation, currency: str) -> Rejected:
    due: dict[str, int | str] = {"total": found.total, "currency": currency}
    return Rejected(Code.PAYMENT_DUE, "This has to be paid for before it is confirmed.", due)
