"""The auditor's sums of what was sold: made to fail, one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from domain import event_messages as m
from loadtest.auditor.findings import Check
from loadtest.auditor.sums import SoldRow
from tests.loadtest.sound_sale import ADAS_SUM, SOUNDLY_TOLD, T0, A, SoundSale, failed

Corrupt = Callable[[SoundSale], None]


def _change_sums(**changes: object) -> Corrupt:
    def corrupt(sale: SoundSale) -> None:
        sale.sums = [replace(ADAS_SUM, **changes)]  # type: ignore[arg-type]

    return corrupt


def _sum_missing(sale: SoundSale) -> None:
    sale.sums = []


def _sum_too_many(sale: SoundSale) -> None:
    sale.sums = [ADAS_SUM, SoldRow("B", T0 // 60_000, 1, 1500)]


@pytest.mark.parametrize(
    "corrupt",
    [
        _change_sums(tickets=3),
        _change_sums(revenue=2 * A - 1),
        _change_sums(minute=T0 // 60_000 - 1),
        _change_sums(code="B"),
        _sum_missing,
        _sum_too_many,
    ],
)
def test_rows_that_add_up_to_something_else_are_found(corrupt: Corrupt) -> None:
    sale = SoundSale()
    corrupt(sale)
    assert failed(sale.audit()) == {Check.SALES.title}


def _change_told(number: int, **changes: object) -> Corrupt:
    return lambda sale: sale.told.__setitem__(number, msgspec.structs.replace(sale.told[number], **changes))


def _ranked_too_high(sale: SoundSale) -> None:
    sale.ranked = [msgspec.structs.replace(sale.ranked[0], sold=3)]


def _ranked_for_another_sum(sale: SoundSale) -> None:
    sale.ranked = [msgspec.structs.replace(sale.ranked[0], revenue=2 * A + 1)]


@pytest.mark.parametrize(
    "corrupt",
    [
        _change_told(0, sold=2),
        _change_told(0, revenue=2 * A),
        _change_told(0, types=SOUNDLY_TOLD[1].types),
        _change_told(1, types=(("A", 2, 2 * A, 0), ("B", 0, 0, 1))),
        _change_told(1, types=SOUNDLY_TOLD[1].types[:1]),
        _change_told(1, minutes=((2, 2 * A), (0, 0))),
        _change_told(1, sequence=7),
        _change_told(1, sequence=9),
        _ranked_too_high,
        _ranked_for_another_sum,
    ],
)
def test_statistics_that_are_not_the_sums_of_the_journal_are_found(corrupt: Corrupt) -> None:
    sale = SoundSale()
    corrupt(sale)
    assert failed(sale.audit()) == {Check.STATISTICS.title}


def test_a_cancellation_that_only_the_journal_lacks_is_missing_in_both_sums() -> None:
    sale = SoundSale()
    at_ms, facts = sale.appends[-1]
    sale.appends[-1] = (at_ms, [fact for fact in facts if not isinstance(fact, m.ReservationCancelled)])
    assert {Check.SALES.title, Check.STATISTICS.title} <= failed(sale.audit())
