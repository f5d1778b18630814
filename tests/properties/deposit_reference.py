"""The rules of deposits once more, small and obvious: what is due, and what a payment does to a
reservation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from domain.event_messages import (
    BeginPayment,
    FailPayment,
    FinishPayment,
    PaidBy,
    SellReservation,
    Status,
    VoidReservation,
)
from domain.messages import Code, Rejected
from domain.restaurant_messages import RestaurantTerms, TableReservation

if TYPE_CHECKING:
    from tests.properties.restaurant_reference import Answer, Reference

OF_MONEY = (SellReservation, BeginPayment, FinishPayment, FailPayment, VoidReservation)
OfMoney = SellReservation | BeginPayment | FinishPayment | FailPayment | VoidReservation
SETTLE_MS = 12 * 3_600_000
PAID_FOR = (Status.SEATED, Status.COMPLETED, Status.NO_SHOW, Status.CANCELLED)


def due(terms: RestaurantTerms, size: int) -> tuple[int, str]:
    wants = terms.deposit
    if wants is None or size < wants.from_party_size:
        return 0, ""
    return (wants.amount * size if wants.per == "cover" else wants.amount), wants.currency


def wrong(found: TableReservation) -> Rejected:
    if found.status is Status.EXPIRED:
        return Rejected(Code.HOLD_EXPIRED, "")
    return Rejected(Code.WRONG_STATE, "", {"status": found.status.value})


def unpaid(total: int, currency: str) -> Rejected:
    return Rejected(Code.PAYMENT_DUE, "", {"total": total, "currency": currency})


def ended(found: TableReservation, status: Status, kept: int) -> TableReservation:
    mark = replace(found.paid_by, kept=kept) if found.paid_by and kept else found.paid_by
    return replace(found, status=status, paid_by=mark)


def completed(terms: RestaurantTerms, found: TableReservation) -> TableReservation:
    if found.status is Status.COMPLETED:
        return found
    returned = terms.deposit is not None and terms.deposit.after_visit == "returned"
    return ended(found, Status.COMPLETED, 0 if returned else found.deposit)


def pay(reference: Reference, found: TableReservation, command: OfMoney, now_ms: int) -> Answer:
    confirmed = replace(found, status=Status.CONFIRMED, expires_at_ms=found.end_ms + SETTLE_MS)
    match command:
        case SellReservation() if found.status is Status.HELD:
            by_hand = replace(confirmed, paid_by=None)
            free = command.paid == "free"
            return reference.keep(replace(by_hand, deposit=0, currency="") if free else by_hand)
        case SellReservation():
            return found if found.status is Status.CONFIRMED else wrong(found)
        case VoidReservation() if found.status is Status.CONFIRMED:
            return reference.keep(replace(found, status=Status.CANCELLED, excused=True))
        case VoidReservation():
            return found if found.status is Status.CANCELLED else _as_it_is(found)
        case BeginPayment():
            return _begin(reference, found, command, now_ms)
        case FailPayment():
            return _fail(reference, found, command, now_ms)
        case FinishPayment():
            return _finish(reference, found, confirmed, command, now_ms)


def _as_it_is(found: TableReservation) -> Rejected:
    return Rejected(Code.WRONG_STATE, "", {"status": found.status.value})


def _own(found: TableReservation, payment_id: str) -> bool:
    return found.paid_by is not None and found.paid_by.payment_id == payment_id


def _begin(reference: Reference, found: TableReservation, command: BeginPayment, now_ms: int) -> Answer:
    if _own(found, command.payment_id):
        return found if found.status in (Status.PAYING, Status.CONFIRMED) else _as_it_is(found)
    if found.status is not Status.HELD:
        return wrong(found)
    if not found.deposit:
        return _as_it_is(found)
    if command.deadline_ms <= now_ms:
        return Rejected(Code.TOO_LATE, "")
    mark = PaidBy(command.payment_id, found.expires_at_ms)
    paying = replace(found, status=Status.PAYING, expires_at_ms=command.deadline_ms, paid_by=mark)
    return reference.keep(paying)


def _fail(reference: Reference, found: TableReservation, command: FailPayment, now_ms: int) -> Answer:
    until_ms = found.expires_at_ms if command.deadline_ms is None else command.deadline_ms
    if found.status is not Status.PAYING or not _own(found, command.payment_id):
        return found
    if until_ms < found.expires_at_ms:
        return found
    assert found.paid_by is not None
    ends_ms = found.paid_by.hold_ends_ms
    status = Status.HELD if now_ms < ends_ms else Status.EXPIRED
    mark = None if command.may_begin_again else found.paid_by
    return reference.keep(replace(found, status=status, expires_at_ms=ends_ms, paid_by=mark))


def _finish(
    reference: Reference,
    found: TableReservation,
    confirmed: TableReservation,
    command: FinishPayment,
    now_ms: int,
) -> Answer:
    own = _own(found, command.payment_id)
    if own and (found.status in PAID_FOR or found.status is Status.CONFIRMED):
        return found
    if found.deposit != command.amount:
        return _as_it_is(found)
    if found.status is Status.PAYING and own:
        return reference.keep(confirmed)
    if found.status is not Status.EXPIRED:
        return _as_it_is(found)
    active = {table.id for table in reference.terms.tables if table.active}
    if now_ms >= found.start_ms or not {*found.tables} <= active or reference.gone:
        return _as_it_is(found)
    stay = (found.start_ms, found.end_ms, found.free_at_ms)
    refusal = reference.place([found.tables], stay, found.id, now_ms)
    if isinstance(refusal, Rejected):
        return refusal
    slow = reference.pace(found.start_ms, found.party_size, found.id, now_ms)
    if slow is not None:
        return slow
    ends_ms = found.paid_by.hold_ends_ms if found.paid_by else found.expires_at_ms
    return reference.keep(replace(confirmed, paid_by=PaidBy(command.payment_id, ends_ms)))
