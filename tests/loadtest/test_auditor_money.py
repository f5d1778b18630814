"""I4 and I6: what the auditor makes of payments, of what they confirmed, and of the ledger."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from domain import event_messages as m
from domain.ticket_messages import Entry, TicketCheckedIn
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.fold import Book, JournalRow
from loadtest.auditor.money import (
    ChargeRow,
    LedgerRow,
    PaymentRow,
    PurchaseRow,
    check_charges,
    check_ledger,
    check_payments,
    check_purchases,
)
from tests.loadtest.sound_sale import EVE, EVENT, T0, A, B, SoundSale, lines

PAYMENT = "01900000-0000-7000-8000-0000000000f1"
DEADLINE_MS = T0 + 60_000
BEGUN = m.PaymentBegun(T0 + 17_000, EVE, PAYMENT, DEADLINE_MS)
PAID = m.ReservationPaid(T0 + 18_000, EVE, PAYMENT)
SOUND = PaymentRow(PAYMENT, EVE, "captured", True, A + B, 0, 0, A + B, 0, 0, waiting=False)
BACK = replace(SOUND, standing="refunded", promised=A + B, refunded=A + B, back=A + B)


def folded(*facts: m.EventFact) -> tuple[Book, Findings]:
    """The sound sale, in which Eve has a hold of A and B, and then these facts."""
    findings = Findings()
    book = Book(EVENT, findings)
    appends = [*SoundSale().appends, *((fact.at_ms - T0, [fact]) for fact in facts)]
    for seq, (at_ms, some) in enumerate(appends, 1):
        book.add(JournalRow(seq, T0 + at_ms, msgspec.msgpack.encode(some)))
    return book, findings


def failures(findings: Findings) -> list[Check]:
    return [check for check in Check if findings.failed(check)]


def test_what_was_paid_and_is_confirmed_is_sound() -> None:
    book, findings = folded(BEGUN, PAID)
    check_payments(book, [SOUND], findings)
    assert failures(findings) == []
    assert book.confirmed == {"A": 3, "B": 1}


@pytest.mark.parametrize(
    ("facts", "row"),
    [
        ((BEGUN,), SOUND),
        ((BEGUN, PAID), BACK),
        ((BEGUN, PAID), replace(SOUND, taken=2 * (A + B))),
        ((BEGUN, PAID), replace(SOUND, taken=0)),
        ((BEGUN, PAID), replace(SOUND, amount=A)),
        ((BEGUN, PAID), replace(SOUND, promised=1)),
        ((BEGUN, PAID, m.ReservationVoided(T0 + 19_000, EVE)), SOUND),
        ((BEGUN, PAID, m.ReservationReduced(T0 + 19_000, EVE, lines(("A", 1, A)))), SOUND),
    ],
)
def test_money_that_is_not_where_it_belongs_is_found(facts: tuple[m.EventFact, ...], row: PaymentRow) -> None:
    book, findings = folded(*facts)
    check_payments(book, [row], findings)
    assert failures(findings) == [Check.PAYMENTS]


@pytest.mark.parametrize(("number", "found"), [(1, [Check.TICKETS]), (2, []), (3, [Check.TICKETS])])
def test_of_what_went_back_no_ticket_is_let_in_and_the_others_keep_their_numbers(
    number: int, found: list[Check]
) -> None:
    smaller = m.ReservationReduced(T0 + 19_000, EVE, (m.Line("B", 1, B, (), 1),))
    entry = Entry(T0 + 20_000, "ann")
    _, findings = folded(BEGUN, PAID, smaller, TicketCheckedIn(entry.at_ms, EVE, number, entry))
    assert failures(findings) == found


def test_what_was_paid_back_is_sound_for_what_is_cancelled_smaller_or_conceded() -> None:
    book, findings = folded(BEGUN, PAID, m.ReservationVoided(T0 + 19_000, EVE))
    check_payments(book, [BACK], findings)
    smaller, found = folded(BEGUN, PAID, m.ReservationReduced(T0 + 19_000, EVE, lines(("A", 1, A))))
    check_payments(smaller, [replace(SOUND, promised=B, refunded=B, back=B)], found)
    conceding, others = folded(BEGUN, PAID)
    check_payments(conceding, [replace(SOUND, promised=7, refunded=7, back=7, conceded=7)], others)
    assert failures(findings) == failures(found) == failures(others) == []


KEPT = m.ReservationCancelled(T0 + 19_000, EVE, 7)


@pytest.mark.parametrize(
    ("back", "conceded", "sound"),
    [
        (A + B - 7, 0, True),
        (A + B - 8, 0, False),
        (A + B, 0, False),
        (A + B - 2, 5, True),
        (A + B, A + B, True),
    ],
)
def test_what_is_kept_stays_but_for_what_is_conceded_of_it(back: int, conceded: int, sound: bool) -> None:
    book, findings = folded(BEGUN, PAID, KEPT)
    row = replace(SOUND, promised=back, refunded=back, back=back, conceded=conceded)
    check_payments(book, [row], findings)
    assert (Check.PAYMENTS not in failures(findings)) is sound


@pytest.mark.parametrize(
    ("clears", "stored"),
    [((False, True), (None, None)), ((True, False), (None, None)), ((False, False), (PAYMENT, T0 + 26_000))],
)
def test_a_payment_that_failed_before_the_box_office_sold_has_confirmed_nothing(
    clears: tuple[bool, bool], stored: tuple[str | None, int | None]
) -> None:
    failed = m.PaymentFailed(T0 + 18_000, EVE, PAYMENT, clears[0])
    sold = m.ReservationSold(T0 + 18_500, EVE, "cash", "ann", clears[1])
    book, findings = folded(BEGUN, failed, sold)
    row = replace(SOUND, standing="failed", captured=False, taken=0)
    check_payments(book, [row], findings)
    assert failures(findings) == []
    claim = book.claims[EVE]
    assert (claim.payment_id, claim.hold_ends_ms) == stored, "as the row has to be"


@pytest.mark.parametrize(
    "facts",
    [
        (PAID,),
        (BEGUN, BEGUN),
        (BEGUN, m.ReservationPaid(T0 + 18_000, EVE, "another")),
        (BEGUN, m.ReservationConfirmed(T0 + 18_000, EVE)),
        (BEGUN, m.HoldReleased(T0 + 18_000, EVE)),
        (BEGUN, m.PaymentFailed(T0 + 60_000, EVE, PAYMENT)),
        (m.ReservationVoided(T0 + 18_000, EVE),),
    ],
)
def test_facts_of_money_that_do_not_fit_the_reservations_life_are_found(
    facts: tuple[m.EventFact, ...],
) -> None:
    _, findings = folded(*facts)
    assert Check.LIFE in failures(findings)


def test_a_payment_that_is_still_under_way_is_left_alone() -> None:
    book, findings = folded(BEGUN)
    check_payments(book, [replace(SOUND, waiting=True)], findings)
    assert failures(findings) == []


@pytest.mark.parametrize(
    ("row", "sound"),
    [
        (PurchaseRow("p", 3, 3, 0, 0), True),
        (PurchaseRow("p", 3, 0, 0, 0), True),
        (PurchaseRow("p", 3, 3, 3, 0), True),
        (PurchaseRow("p", 3, 3, 2, 1), True),
        (PurchaseRow("p", 3, 2, 0, 0), False),
        (PurchaseRow("p", 3, 3, 1, 0), False),
        (PurchaseRow("p", 3, 3, 1, 1), False),
    ],
)
def test_a_purchase_is_all_or_nothing(row: PurchaseRow, sound: bool) -> None:
    findings = Findings()
    check_purchases([row], findings)
    assert (failures(findings) == []) is sound


CHARGED = ChargeRow("c", "captured", 50, 0, 50, 0, 50, 0)


@pytest.mark.parametrize(
    ("row", "sound"),
    [
        (CHARGED, True),
        (replace(CHARGED, refunded=20, back=20, withdrawn=20), True),
        (ChargeRow("c", "failed", 0, 0, 0, 0, 0, 0), True),
        (ChargeRow("c", "paid_out", 50, 0, 50, 0, 50, 0), True),
        (ChargeRow("c", "failed", 0, 0, 0, 0, 50, 0), False),
        (ChargeRow("c", "failed", 0, 0, 50, 0, 0, 0), False),
        (replace(CHARGED, given=0), False),
        (replace(CHARGED, given=100), False),
        (replace(CHARGED, amount=0), False),
        (replace(CHARGED, refunded=20, back=20), False),
        (replace(CHARGED, withdrawn=20), False),
    ],
)
def test_what_charged_a_wallet_is_in_it_and_what_went_back_is_not(row: ChargeRow, sound: bool) -> None:
    findings = Findings()
    check_charges([row], findings)
    assert (failures(findings) == []) is sound


@pytest.mark.parametrize(
    ("row", "sound"),
    [
        (LedgerRow(0, 0, 0), True),
        (LedgerRow(3, 0, 0), True),
        (LedgerRow(3, 1, 0), False),
        (LedgerRow(3, 0, 1), False),
    ],
)
def test_the_ledger_sums_to_zero_and_wallets_are_their_entries(row: LedgerRow, sound: bool) -> None:
    findings = Findings()
    check_ledger(row, findings)
    assert (failures(findings) == []) is sound
