"""The records of requests, held against the journal and against what clients were told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from domain import event_messages as m
from domain.messages import Code, Rejected
from loadtest.auditor.findings import Check
from loadtest.auditor.requests import KEYS_KEPT_MIN_MS
from tests.loadtest.sound_sale import (
    ADA,
    BOB,
    CYD,
    EVENT,
    T0,
    TERMS,
    A,
    B,
    SoundSale,
    failed,
    record,
    replied,
)

HELD, CONFIRMED = m.Status.HELD, m.Status.CONFIRMED
Corrupt = Callable[[SoundSale], None]


def _record(reply: m.EventReplies) -> Corrupt:
    return lambda sale: sale.requested.append(record("one more", reply))


def _event(version: int, terms: m.Terms = TERMS, paused: bool = False, event: str = EVENT) -> Corrupt:
    return _record(m.EventReply(event, terms, version, paused, ()))


def _another_customers(sale: SoundSale) -> None:
    said = m.Reservation(ADA, HELD, T0 + 11_000, (m.Line("A", 2, A),), b"somebody else", T0 + 1_000)
    sale.requested[0] = record("request 0", m.ReservationReply(said, "EUR", b""))


def _in_another_currency(sale: SoundSale) -> None:
    said = m.Reservation(ADA, HELD, T0 + 11_000, (m.Line("A", 2, A),), ADA.encode(), T0 + 1_000)
    sale.requested[0] = record("request 0", m.ReservationReply(said, "USD", b""))


def _forgotten(sale: SoundSale) -> None:
    """A retry of Ada's hold would make a second one."""
    del sale.requested[0]


@pytest.mark.parametrize(
    "corrupt",
    [
        _forgotten,
        _another_customers,
        _in_another_currency,
        _record(replied("nobody", HELD, 11_000, 1_000, ("A", 1, A))),
        _record(replied(CYD, CONFIRMED, 14_000, 4_000, ("A", 1, A))),
        _record(replied(BOB, HELD, 12_000, 1_000, ("B", 2, B))),
        _record(replied(ADA, CONFIRMED, 11_000, 1_000, ("A", 2, A))),
        _record(Rejected(Code.SOLD_OUT, "Nothing is left.")),
        _event(2),
        _event(0),
        _event(1, paused=True),
        _event(1, terms=m.Terms("Another", T0, "EUR", ())),
        _event(1, event=BOB),
    ],
)
def test_a_record_without_its_fact_and_a_fact_without_its_record_are_found(corrupt: Corrupt) -> None:
    sale = SoundSale()
    corrupt(sale)
    assert failed(sale.audit()) == {Check.REQUESTS.title}


def test_each_version_of_an_event_may_be_on_record() -> None:
    sale = SoundSale()
    sale.append(17_000, m.SalePaused(T0 + 17_000), m.SaleResumed(T0 + 17_000))
    assert sale.row is not None
    assert sale.event_row is not None
    sale.row = replace(sale.row, seq=9, last_fact_ms=T0 + 17_000)
    sale.event_row = replace(sale.event_row, version=3)
    for version, paused in ((1, False), (2, True), (3, False)):
        _event(version, paused=paused)(sale)
    assert sale.audit().sound


def test_lines_changed_there_and_back_are_two_facts_and_may_have_two_records() -> None:
    sale = SoundSale()
    there, back = (m.HoldChanged(T0 + 2_000, BOB, (m.Line("B", n, B),)) for n in (1, 2))
    sale.appends[2][1].extend([there, back])
    for quantity in (1, 2):
        _record(replied(BOB, HELD, 11_000, 1_000, ("B", quantity, B)))(sale)
    assert Check.REQUESTS.title not in failed(sale.audit())


def test_after_the_time_that_keys_are_kept_no_record_is_asked_for() -> None:
    sale = SoundSale()
    _forgotten(sale)
    assert sale.row is not None
    for late_ms, found in ((-1, True), (0, False)):
        at_ms = T0 + 1_005 + KEYS_KEPT_MIN_MS + late_ms
        sale.row = replace(sale.row, at_ms=at_ms)
        assert (Check.REQUESTS.title in failed(sale.audit())) == found
