"""The event's terms as the auditor holds facts against them: each bound, on both of its sides."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from domain import event_messages as m
from loadtest.auditor.claims import Claim
from loadtest.auditor.findings import Check
from loadtest.auditor.terms import DAY_MS, breaches_after, unfit, unmoved
from tests.loadtest.sound_sale import ADA, EVE, T0, TERMS, B, SoundSale, failed, lines, placed

HELD = Claim(T0, b"ada", (("A", 1, 1),), T0 + 10_000)
"""A hold of ten seconds, as the terms have it, never extended."""


def terms(**changes: object) -> m.Terms:
    return msgspec.structs.replace(TERMS, **changes)  # type: ignore[arg-type]


def extended(at_ms: int, end_ms: int) -> m.HoldExtended:
    return m.HoldExtended(T0 + at_ms, ADA, T0 + end_ms)


def times(extensions: int) -> Claim:
    claim = Claim(T0, b"ada", (), T0 + 10_000)
    claim.extensions = extensions
    return claim


def test_an_extension_lasts_as_long_as_a_hold_does_and_never_shortens_one() -> None:
    assert not breaches_after(TERMS, HELD, extended(4_000, 14_000))
    assert breaches_after(TERMS, HELD, extended(4_000, 14_001)) == [
        f"extended to {T0 + 14_001}, not to {T0 + 14_000}"
    ]
    assert breaches_after(TERMS, HELD, extended(4_000, 9_000))
    assert not breaches_after(terms(hold_duration_s=10), Claim(T0, b"", (), T0 + 60_000), extended(0, 60_000))


def test_a_hold_is_extended_as_often_as_the_event_allows() -> None:
    never, thrice = terms(hold_extensions_max=0), terms(hold_extensions_max=3)
    assert breaches_after(never, times(0), extended(4_000, 14_000)) == ["extended more than 0 times"]
    assert not breaches_after(thrice, times(2), extended(4_000, 14_000))
    assert breaches_after(thrice, times(3), extended(4_000, 14_000))


def test_what_is_confirmed_is_cancelled_up_to_the_deadline_and_not_at_all_without_one() -> None:
    by = terms(cancel_until_ms=T0 + 5_000)
    assert not breaches_after(by, HELD, m.ReservationCancelled(T0 + 5_000, ADA))
    assert breaches_after(by, HELD, m.ReservationCancelled(T0 + 5_001, ADA)) == ["cancelled 1 ms too late"]
    assert breaches_after(terms(cancel_until_ms=None), HELD, m.ReservationCancelled(T0, ADA))


@pytest.mark.parametrize(
    ("after_ms", "wrong"),
    [(0, []), (2 * DAY_MS, []), (2 * DAY_MS + 1, ["what is confirmed is final"])],
)
def test_what_was_placed_before_a_move_is_cancelled_within_its_window(
    after_ms: int, wrong: list[str]
) -> None:
    late_ms = T0 + 400 * DAY_MS
    by = terms(cancel_until_ms=None, moved_ms=T0, postponed_refund_days=2, starts_at_ms=late_ms)
    assert breaches_after(by, HELD, m.ReservationCancelled(T0 + after_ms, ADA)) == wrong


def test_no_window_is_there_for_who_came_later_nor_once_it_has_begun() -> None:
    by = terms(cancel_until_ms=None, moved_ms=T0 - 1, postponed_refund_days=2)
    assert breaches_after(by, HELD, m.ReservationCancelled(T0, ADA))
    begun = terms(cancel_until_ms=None, moved_ms=T0, postponed_refund_days=2, starts_at_ms=T0 + 5_000)
    assert not breaches_after(begun, HELD, m.ReservationCancelled(T0 + 4_999, ADA))
    assert breaches_after(begun, HELD, m.ReservationCancelled(T0 + 5_000, ADA))


def test_what_is_kept_is_the_terms_share_and_nothing_within_a_window() -> None:
    claim = Claim(T0, b"ada", (("A", 3, 33),), T0 + 10_000)
    by = terms(cancel_until_ms=T0 + 5_000, cancel_keeps_percent=50)
    assert not breaches_after(by, claim, m.ReservationCancelled(T0, ADA, 49))
    assert breaches_after(by, claim, m.ReservationCancelled(T0, ADA)) == ["0 of 99 were kept, not 49"]
    assert not breaches_after(by, claim, m.ReservationCancelled(T0, ADA, by_operator=True))
    assert breaches_after(by, claim, m.ReservationCancelled(T0, ADA, 49, by_operator=True))
    moved = msgspec.structs.replace(by, moved_ms=T0, postponed_refund_days=1)
    assert breaches_after(moved, claim, m.ReservationCancelled(T0, ADA, 49))
    assert not breaches_after(moved, claim, m.ReservationCancelled(T0, ADA))


def test_terms_say_when_the_start_was_moved() -> None:
    later = TERMS.starts_at_ms + 1
    assert not unmoved(terms(starts_at_ms=later, moved_ms=T0), TERMS, T0)
    assert unmoved(terms(starts_at_ms=later, moved_ms=T0), TERMS, T0 + 1)
    assert unmoved(terms(moved_ms=T0), TERMS, T0)
    assert not unmoved(terms(starts_at_ms=later), TERMS, T0), "older facts say nothing"


def test_terms_that_cannot_stand_are_named() -> None:
    assert not unfit(TERMS, None)
    assert not unfit(terms(hold_duration_s=86_400), TERMS)
    assert unfit(terms(hold_duration_s=9), None) == ["holds of 9 s"]
    assert unfit(terms(hold_duration_s=86_401), None)
    assert not unfit(terms(sales_start_ms=TERMS.starts_at_ms - 1), None)
    assert unfit(terms(sales_start_ms=TERMS.starts_at_ms), None) == ["the sale ends before it begins"]
    assert unfit(terms(ticket_types=TERMS.ticket_types * 2), None) == ["a ticket type twice"]
    assert unfit(terms(currency="USD"), TERMS) == ["prices in EUR became prices in USD"]


# --- in a journal ---------------------------------------------------------------------------------


def _extended_by_days_against_the_terms(sale: SoundSale) -> None:
    facts = [extended(17_000, days * 86_400_000) for days in range(1, 6)]
    never = m.EventChanged(T0 + 17_000, terms(hold_extensions_max=0))
    sale.append(17_000, never, *(msgspec.structs.replace(fact, reservation_id=EVE) for fact in facts))


def _cancelled_too_late(sale: SoundSale) -> None:
    at_ms = 80_000_001
    sale.append(at_ms, m.ReservationCancelled(T0 + at_ms, ADA))


def _cancelled_though_it_is_final(sale: SoundSale) -> None:
    final = m.EventChanged(T0 + 17_000, terms(cancel_until_ms=None))
    sale.append(17_000, final, m.ReservationCancelled(T0 + 17_000, ADA))


def _sold(at_ms: int, **changes: object) -> Callable[[SoundSale], None]:
    def corrupt(sale: SoundSale) -> None:
        changed = m.EventChanged(T0 + 16_500, terms(**changes))
        sale.append(at_ms, m.HoldReleased(T0 + 16_500, EVE), changed, placed(at_ms, "new", ("B", 1, B)))

    return corrupt


def _grown_after_the_end(sale: SoundSale) -> None:
    closed = m.EventChanged(T0 + 17_000, terms(sales_end_ms=T0 + 17_000))
    more = m.HoldChanged(T0 + 17_000, EVE, lines(("B", 2, B)))
    sale.append(17_000, closed, more)


def _sold_in_another_currency(sale: SoundSale) -> None:
    sale.append(17_000, m.EventChanged(T0 + 17_000, terms(currency="USD")))


@pytest.mark.parametrize(
    "corrupt",
    [
        _extended_by_days_against_the_terms,
        _cancelled_too_late,
        _cancelled_though_it_is_final,
        _sold(17_000, sales_end_ms=T0 + 17_000),
        _sold(17_000, starts_at_ms=T0 + 17_000),
        _sold(17_000, sales_start_ms=T0 + 17_001),
        _grown_after_the_end,
        _sold_in_another_currency,
    ],
)
def test_a_journal_against_the_events_terms_is_found(corrupt: Callable[[SoundSale], None]) -> None:
    sale = SoundSale()
    corrupt(sale)
    assert Check.TERMS.title in failed(sale.audit())


@pytest.mark.parametrize(
    "fine",
    [
        _sold(16_999, sales_end_ms=T0 + 17_000),
        _sold(16_999, starts_at_ms=T0 + 17_000),
        _sold(17_000, sales_start_ms=T0 + 17_000),
    ],
)
def test_one_within_them_is_not(fine: Callable[[SoundSale], None]) -> None:
    sale = SoundSale()
    fine(sale)
    assert Check.TERMS.title not in failed(sale.audit())
