"""What the auditor makes of drafts, closed and cancelled events, and of a customer's second reservation."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from domain import event_messages as m
from loadtest.auditor.findings import Check
from tests.loadtest.sound_sale import (
    ADA,
    ADULT,
    CHILD,
    DAN,
    EVE,
    EVENT,
    T0,
    TERMS,
    A,
    B,
    SoundSale,
    failed,
    placed,
    titles,
)

CANCELLED = m.EventCancelled(T0 + 17_000)
ENDS = (m.ReservationCancelled(T0 + 17_500, ADA), m.HoldReleased(T0 + 17_500, EVE))


def with_rows(sale: SoundSale, stage: m.Stage, moves: int) -> SoundSale:
    """Its rows as they are after so many more appends, of which `moves` changed the stage."""
    assert sale.row is not None
    assert sale.event_row is not None
    last_ms = T0 + sale.appends[-1][0]
    sale.row = replace(sale.row, seq=len(sale.appends), last_fact_ms=last_ms)
    sale.event_row = replace(sale.event_row, version=1 + moves, stage=stage)
    return sale


def cancelled_sale(*ends: m.EventFact, at_ms: int = 17_500) -> SoundSale:
    """With everything ended, as far as rows say, where the facts are `ends`."""
    sale = SoundSale(ranked=[], sums=[])
    sale.append(17_000, CANCELLED)
    if ends:
        sale.append(at_ms, *ends)
    with_rows(sale, m.Stage.CANCELLED, 1)
    assert sale.row is not None
    sale.row = replace(sale.row, live=0, live_reservations=0, next_due_ms=None)
    sale.types = [replace(ADULT, held=0, confirmed=0), replace(CHILD, held=0, confirmed=0)]
    ended = {ADA: "cancelled", EVE: "released"}
    sale.stored = [
        replace(row, status=ended[row.id], live=False) if row.id in ended else row for row in sale.stored
    ]
    return sale


def test_a_cancelled_event_whose_reservations_have_all_ended_is_sound() -> None:
    assert cancelled_sale(*ENDS).audit().sound


def test_they_may_end_long_after_their_deadline_for_cancelling_and_their_hold() -> None:
    late = [msgspec.structs.replace(end, at_ms=T0 + 30_000) for end in ENDS]
    sale = cancelled_sale(*late, at_ms=30_000)
    assert sale.row is not None
    sale.row = replace(sale.row, at_ms=T0 + 30_000)
    assert sale.audit().sound


@pytest.mark.parametrize(("after_ms", "sound"), [(2_000, True), (2_001, False)])
def test_what_a_cancelled_event_still_has_after_2_s_is_found(after_ms: int, sound: bool) -> None:
    sale = cancelled_sale()
    sale.stored, sale.sums = SoundSale().stored, SoundSale().sums
    assert sale.row is not None
    sale.row = replace(sale.row, next_due_ms=T0 + 17_000, at_ms=T0 + 17_000 + after_ms)
    assert failed(sale.audit()) == (set() if sound else titles(Check.HOLDS_END))


def test_what_a_cancelled_event_still_has_must_be_due() -> None:
    sale = cancelled_sale()
    sale.stored, sale.sums = SoundSale().stored, SoundSale().sums
    assert sale.row is not None
    sale.row = replace(sale.row, at_ms=T0 + 18_000)
    assert failed(sale.audit()) == titles(Check.INVENTORY_ROW)


@pytest.mark.parametrize(
    "facts",
    [
        (CANCELLED, CANCELLED),
        (CANCELLED, m.EventPublished(T0 + 17_000)),
        (CANCELLED, m.EventClosed(T0 + 17_000)),
        (CANCELLED, m.HoldReleased(T0 + 17_000, ADA)),
        (CANCELLED, m.ReservationCancelled(T0 + 17_000, EVE)),
        (CANCELLED, m.ReservationConfirmed(T0 + 17_000, EVE)),
        (CANCELLED, m.HoldReleased(T0 + 17_000, DAN)),
        (m.EventPublished(T0 + 17_000),),
        (m.EventDeleted(T0 + 17_000),),
    ],
)
def test_facts_that_do_not_fit_the_events_life_are_found(facts: tuple[m.EventFact, ...]) -> None:
    sale = SoundSale()
    sale.append(17_000, *facts)
    assert Check.LIFE.title in failed(sale.audit())


@pytest.mark.parametrize("stage", [m.EventClosed(T0 + 17_000), CANCELLED])
def test_a_hold_placed_in_an_event_that_is_not_on_sale_is_found(stage: m.EventFact) -> None:
    sale = SoundSale()
    sale.append(17_000, m.HoldReleased(T0 + 17_000, EVE), stage, placed(17_000, "new", ("B", 1, B)))
    assert Check.TERMS.title in failed(sale.audit())


def test_a_hold_placed_in_a_draft_is_found() -> None:
    sale = SoundSale()
    sale.appends[0] = (0, [m.EventCreated(T0, EVENT, TERMS, m.Stage.DRAFT)])
    assert Check.TERMS.title in failed(sale.audit())


def test_a_deleted_event_is_sound_until_something_more_happens_to_it() -> None:
    sale = cancelled_sale(*ENDS)
    sale.append(18_000, m.EventDeleted(T0 + 18_000))
    with_rows(sale, m.Stage.CANCELLED, 2)
    assert sale.event_row is not None
    assert failed(sale.audit()) == titles(Check.EVENT_ROW)
    sale.event_row = replace(sale.event_row, deleted=True)
    assert sale.audit().sound
    sale.append(18_500, m.SalePaused(T0 + 18_500))
    assert Check.LIFE.title in failed(sale.audit())


def test_an_event_that_was_closed_and_published_again_is_sound() -> None:
    sale = SoundSale()
    sale.append(17_000, m.EventClosed(T0 + 17_000), m.EventPublished(T0 + 17_000))
    assert with_rows(sale, m.Stage.PUBLISHED, 2).audit().sound


def test_a_customers_second_reservation_is_found_where_only_one_is_allowed() -> None:
    for policy, found in ((False, False), (True, True)):
        sale = SoundSale()
        terms = msgspec.structs.replace(TERMS, one_per_customer=policy)
        sale.appends[0] = (0, [m.EventCreated(T0, EVENT, terms)])
        second = msgspec.structs.replace(placed(17_000, "second", ("A", 1, A)), customer=ADA.encode())
        sale.append(17_000, m.HoldReleased(T0 + 17_000, EVE), second)
        assert (Check.TERMS.title in failed(sale.audit())) == found


@pytest.mark.parametrize(("price", "found"), [(0, False), (B, True)])
def test_what_costs_something_and_was_confirmed_at_once_is_found(price: int, found: bool) -> None:
    sale = SoundSale()
    child = msgspec.structs.replace(TERMS.ticket_types[1], price=price)
    terms = msgspec.structs.replace(TERMS, ticket_types=(TERMS.ticket_types[0], child))
    new = placed(17_000, "new", ("B", 1, price))
    sale.append(17_000, m.HoldReleased(T0 + 17_000, EVE), m.EventChanged(T0 + 17_000, terms))
    sale.append(17_100, msgspec.structs.replace(new, at_ms=T0 + 17_100, expires_at_ms=T0 + 27_100))
    sale.appends[-1][1].append(m.ReservationConfirmed(T0 + 17_100, "new"))
    assert (Check.TERMS.title in failed(sale.audit())) == found


@pytest.mark.parametrize("changed", [{"live_reservations": 3}, {"live_reservations": 1}])
def test_a_wrong_count_of_live_reservations_is_found(changed: dict[str, int]) -> None:
    sale = SoundSale()
    assert sale.row is not None
    sale.row = replace(sale.row, **changed)  # type: ignore[arg-type]
    assert failed(sale.audit()) == titles(Check.INVENTORY_ROW)


def test_a_wrong_stage_in_the_events_row_is_found() -> None:
    sale = SoundSale()
    assert sale.event_row is not None
    sale.event_row = replace(sale.event_row, stage="closed")
    assert failed(sale.audit()) == titles(Check.EVENT_ROW)
