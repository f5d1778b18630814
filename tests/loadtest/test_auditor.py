"""Each check of the auditor, made to fail: one thing in a sound sale is wrong, and that check finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from domain import event_messages as m
from loadtest.auditor.findings import Check
from loadtest.auditor.looked import OF_RESTAURANTS
from loadtest.record import Call, Fault
from tests.loadtest.sound_sale import (
    ADA,
    ADULT,
    BOB,
    CHILD,
    CYD,
    DAN,
    EVE,
    EVENT,
    T0,
    TERMS,
    A,
    B,
    SoundSale,
    failed,
    lines,
    placed,
    titles,
)

IDLE = (
    Check.LINEARIZABLE,
    Check.SEATS,
    Check.GIVEN,
    Check.SUBMISSIONS,
    Check.TICKETS,
    Check.LET_IN,
    Check.PAYMENTS,
    Check.LEDGER,
)
"""What this sale gives no cause to look at."""
Corrupt = Callable[[SoundSale], None]


def test_a_sound_sale_passes_every_check_and_none_but_that_of_seats_looked_at_nothing() -> None:
    verdict = SoundSale().audit()
    assert verdict.sound, verdict.results
    idle = {result.check for result in verdict.results if not result.looked_at}
    assert idle == titles(*IDLE, *OF_RESTAURANTS)


# --- journal --------------------------------------------------------------------------------------


def _gap(sale: SoundSale) -> None:
    sale.sequences[-1] += 1


def _time_falls(sale: SoundSale) -> None:
    sale.append(15_500)


def _fact_later_than_its_row(sale: SoundSale) -> None:
    sale.append(17_000, m.HoldReleased(T0 + 18_000, EVE))


def _over_quota(sale: SoundSale) -> None:
    """One A too many, within the capacity, and gone again in the same append."""
    sale.appends[2] = (2_000, [placed(2_000, DAN, ("A", 2, A)), m.HoldReleased(T0 + 2_000, DAN)])


def _over_capacity(sale: SoundSale) -> None:
    sale.append(17_000, placed(17_000, "another", ("B", 1, B)))


def _confirmed_after_its_end(sale: SoundSale) -> None:
    sale.append(30_000, m.ReservationConfirmed(T0 + 30_000, EVE))


def _confirmed_twice(sale: SoundSale) -> None:
    sale.append(17_000, m.ReservationConfirmed(T0 + 17_000, ADA))


def _expired_before_its_end(sale: SoundSale) -> None:
    sale.append(17_000, m.HoldExpired(T0 + 17_000, EVE))


def _cancelled_from_hold(sale: SoundSale) -> None:
    sale.append(17_000, m.ReservationCancelled(T0 + 17_000, EVE))


def _paused_twice(sale: SoundSale) -> None:
    sale.append(17_000, m.SalePaused(T0 + 17_000), m.SalePaused(T0 + 17_000))


def _resumed_without_a_pause(sale: SoundSale) -> None:
    sale.append(17_000, m.SaleResumed(T0 + 17_000))


def _another_event(sale: SoundSale) -> None:
    sale.appends[0] = (0, [m.EventCreated(T0, BOB, TERMS)])


def _nobodys_fact(sale: SoundSale) -> None:
    sale.append(17_000, m.HoldReleased(T0 + 17_000, "nobody"))


def _wrong_price(sale: SoundSale) -> None:
    sale.append(17_000, m.HoldChanged(T0 + 17_000, EVE, lines(("B", 1, B - 1))))


def _too_many_in_an_order(sale: SoundSale) -> None:
    sale.append(17_000, m.HoldReleased(T0 + 17_000, EVE), placed(17_000, "another", ("A", 3, A)))


def _too_many_of_a_customer(sale: SoundSale) -> None:
    again = m.HoldPlaced(T0 + 17_000, "another", ADA.encode(), lines(("B", 2, B)), T0 + 27_000)
    sale.append(17_000, m.HoldReleased(T0 + 17_000, EVE), again)


def _sold_while_paused(sale: SoundSale) -> None:
    released, paused = m.HoldReleased(T0 + 17_000, EVE), m.SalePaused(T0 + 17_000)
    sale.append(17_000, released, paused, placed(17_000, "another", ("B", 1, B)))


def _held_for_too_long(sale: SoundSale) -> None:
    long = m.HoldPlaced(T0 + 17_000, "another", b"x", lines(("B", 1, B)), T0 + 28_000)
    sale.append(17_000, m.HoldReleased(T0 + 17_000, EVE), long)


def _quota_below_live(sale: SoundSale) -> None:
    less = msgspec.structs.replace(
        TERMS, ticket_types=(m.TicketType("A", "Adult", 2, A), TERMS.ticket_types[1])
    )
    sale.append(17_000, m.EventChanged(T0 + 17_000, less))


def _ended_late(sale: SoundSale) -> None:
    sale.append(28_001, m.HoldExpired(T0 + 28_001, EVE))


@pytest.mark.parametrize(
    ("corrupt", "check"),
    [
        (_gap, Check.SEQUENCE),
        (_time_falls, Check.SEQUENCE),
        (_fact_later_than_its_row, Check.SEQUENCE),
        (_over_quota, Check.QUOTA),
        (_quota_below_live, Check.QUOTA),
        (_over_capacity, Check.CAPACITY),
        (_confirmed_after_its_end, Check.LIFE),
        (_confirmed_twice, Check.LIFE),
        (_expired_before_its_end, Check.LIFE),
        (_cancelled_from_hold, Check.LIFE),
        (_paused_twice, Check.LIFE),
        (_resumed_without_a_pause, Check.LIFE),
        (_another_event, Check.LIFE),
        (_nobodys_fact, Check.LIFE),
        (_wrong_price, Check.TERMS),
        (_too_many_in_an_order, Check.TERMS),
        (_too_many_of_a_customer, Check.TERMS),
        (_sold_while_paused, Check.TERMS),
        (_held_for_too_long, Check.TERMS),
        (_ended_late, Check.HOLDS_END),
    ],
)
def test_a_journal_that_breaks_a_rule_is_found(corrupt: Corrupt, check: Check) -> None:
    sale = SoundSale()
    corrupt(sale)
    assert check.title in failed(sale.audit())


# --- rows -----------------------------------------------------------------------------------------


def _change_row(**changes: object) -> Corrupt:
    def corrupt(sale: SoundSale) -> None:
        assert sale.row is not None
        sale.row = replace(sale.row, **changes)  # type: ignore[arg-type]

    return corrupt


def _change_event(**changes: object) -> Corrupt:
    def corrupt(sale: SoundSale) -> None:
        assert sale.event_row is not None
        sale.event_row = replace(sale.event_row, **changes)  # type: ignore[arg-type]

    return corrupt


def _change_terms(**changes: object) -> Corrupt:
    def corrupt(sale: SoundSale) -> None:
        assert sale.event_row is not None
        sale.event_row = replace(sale.event_row, terms={**sale.event_row.terms, **changes})

    return corrupt


def _change_type(**changes: object) -> Corrupt:
    return lambda sale: sale.types.__setitem__(0, replace(ADULT, **changes))  # type: ignore[arg-type]


def _no_inventory_row(sale: SoundSale) -> None:
    sale.row = None


def _no_event_row(sale: SoundSale) -> None:
    sale.event_row = None


def _change_reservation(who: str, **changes: object) -> Corrupt:
    def corrupt(sale: SoundSale) -> None:
        changed = [replace(one, **changes) if one.id == who else one for one in sale.stored]  # type: ignore[arg-type]
        sale.stored = changed

    return corrupt


def _row_missing(sale: SoundSale) -> None:
    sale.stored.pop()


def _row_too_many(sale: SoundSale) -> None:
    sale.stored.append(replace(sale.stored[0], id="another"))


def _type_missing(sale: SoundSale) -> None:
    sale.types.pop()


def _types_in_another_order(sale: SoundSale) -> None:
    sale.types.reverse()


@pytest.mark.parametrize(
    ("corrupt", "check"),
    [
        (_change_row(seq=7), Check.INVENTORY_ROW),
        (_change_row(live=3), Check.INVENTORY_ROW),
        (_change_row(capacity=5), Check.INVENTORY_ROW),
        (_change_row(last_fact_ms=T0), Check.INVENTORY_ROW),
        (_change_row(next_due_ms=None), Check.INVENTORY_ROW),
        (_change_row(next_due_ms=T0 + 29_000), Check.INVENTORY_ROW),
        (_change_row(capacity=None), Check.INVENTORY_ROW),
        (_change_event(version=2), Check.EVENT_ROW),
        (_change_event(paused=True), Check.EVENT_ROW),
        (_change_event(created_ms=T0 + 1), Check.EVENT_ROW),
        (_change_terms(name="Another name"), Check.EVENT_ROW),
        (_change_terms(starts_at_ms=T0), Check.EVENT_ROW),
        (_change_terms(sales_end_ms=T0), Check.EVENT_ROW),
        (_change_terms(cancel_until_ms=None), Check.EVENT_ROW),
        (_change_terms(hold_extensions_max=5), Check.EVENT_ROW),
        (_no_event_row, Check.EVENT_ROW),
        (_change_type(held=0), Check.TYPE_ROWS),
        (_change_type(price=A - 1), Check.TYPE_ROWS),
        (_change_type(name="Senior"), Check.TYPE_ROWS),
        (_change_type(max_per_order=None), Check.TYPE_ROWS),
        (_type_missing, Check.TYPE_ROWS),
        (_types_in_another_order, Check.TYPE_ROWS),
        (_row_missing, Check.RESERVATION_ROWS),
        (_row_too_many, Check.RESERVATION_ROWS),
        (_change_reservation(ADA, status="held"), Check.RESERVATION_ROWS),
        (_change_reservation(ADA, live=False), Check.RESERVATION_ROWS),
        (_change_reservation(BOB, extensions=0), Check.RESERVATION_ROWS),
        (_change_reservation(CYD, lines=(("A", 1, 0),)), Check.RESERVATION_ROWS),
        (_change_reservation(EVE, expires_ms=T0), Check.RESERVATION_ROWS),
        (_change_reservation(EVE, customer=b"x"), Check.RESERVATION_ROWS),
        (_change_row(at_ms=T0 + 28_001), Check.HOLDS_END),
        (_change_reservation(EVE, email="stranger@example.org"), Check.ASKED_FOR),
    ],
)
def test_a_row_that_is_not_what_the_facts_add_up_to_is_found(corrupt: Corrupt, check: Check) -> None:
    sale = SoundSale()
    corrupt(sale)
    assert failed(sale.audit()) == {check.title}


def test_an_inventory_without_a_row_is_found() -> None:
    sale = SoundSale()
    _no_inventory_row(sale)
    assert Check.INVENTORY_ROW.title in failed(sale.audit())


# --- records --------------------------------------------------------------------------------------


def _change_call(op: str, who: str, number: int = 0, **changes: object) -> Corrupt:
    """The `number`th call of that kind."""

    def corrupt(sale: SoundSale) -> None:
        position = [n for n, one in enumerate(sale.calls) if (one.op, one.client[-36:]) == (op, who[-36:])][
            number
        ]
        sale.calls[position] = msgspec.structs.replace(sale.calls[position], **changes)

    return corrupt


def _lost(sale: SoundSale) -> None:
    """The last append never happened, nor its rows; everything that is stored fits together."""
    sale.appends.pop()
    sale.sequences.pop()
    sale.stored = [*sale.stored[:3], replace(sale.stored[3], status="confirmed", live=True)]
    sale.types = [replace(ADULT, held=0), replace(CHILD, held=0, confirmed=1)]
    sale.requested = sale.requested[:-2]
    assert sale.row is not None
    sale.row = replace(sale.row, seq=7, live=3, next_due_ms=None, last_fact_ms=T0 + 15_000)


def _view(sale: SoundSale, op: str, who: str) -> Call:
    return next(one for one in sale.calls if one.op == op and one.reservation == who)


def _other_total(sale: SoundSale) -> None:
    found = _view(sale, "confirm", ADA)
    assert found.view is not None
    wrong = msgspec.structs.replace(found, view=msgspec.structs.replace(found.view, total=1))
    sale.calls[sale.calls.index(found)] = wrong


def _other_end(sale: SoundSale) -> None:
    found = _view(sale, "extend", BOB)
    assert found.view is not None
    wrong = msgspec.structs.replace(found, view=msgspec.structs.replace(found.view, expires_ms=T0 + 13_001))
    sale.calls[sale.calls.index(found)] = wrong


def _read_as_held(sale: SoundSale) -> None:
    found = _view(sale, "read", CYD)
    assert found.view is not None
    wrong = msgspec.structs.replace(found, view=msgspec.structs.replace(found.view, status="held"))
    sale.calls[sale.calls.index(found)] = wrong


def _second_effect(sale: SoundSale) -> None:
    """A retry made a second reservation: the reply differs."""
    found = sale.calls[2]
    sale.calls[2] = msgspec.structs.replace(found, got="another reply")


def _nobody_extended(sale: SoundSale) -> None:
    sale.calls = [one for one in sale.calls if one.op != "extend"]


def _nobody_changed(sale: SoundSale) -> None:
    sale.calls = [one for one in sale.calls if one.op != "change"]


def _answered_before(sale: SoundSale) -> None:
    """Dan's confirmation was answered before Cyd's hold was sent, but stands after it in the journal."""
    early = {"sent_us": (T0 + 3_200) * 1000, "got_us": (T0 + 3_300) * 1000}
    for op in ("hold", "confirm"):
        found = _view(sale, op, DAN)
        sale.calls[sale.calls.index(found)] = msgspec.structs.replace(found, **early)


@pytest.mark.parametrize(
    ("corrupt", "check"),
    [
        (_lost, Check.ACKNOWLEDGED),
        (_other_total, Check.ACKNOWLEDGED),
        (_other_end, Check.ACKNOWLEDGED),
        (_change_call("confirm", ADA, view=None), Check.ACKNOWLEDGED),
        (_second_effect, Check.SAME_REPLY),
        (_change_call("hold", BOB, 1, status=200), Check.SAME_REPLY),
        (_change_call("hold", BOB, 1, status=409, code="sold_out", view=None), Check.SAME_REPLY),
        (_change_call("hold", BOB, 2, status=409, code="sold_out"), Check.KEY_REUSED),
        (_nobody_extended, Check.ASKED_FOR),
        (_nobody_changed, Check.ASKED_FOR),
        (_read_as_held, Check.READS_END),
        (_change_call("availability", "browser", 1, sequence=1), Check.NEVER_BACK),
        (_change_call("availability", "browser", 2, counts=(("A", 1, 1, 2), ("B", 1, 0, 0))), Check.COUNTS),
        (_change_call("availability", "browser", 2, sequence=99), Check.COUNTS),
        (_change_call("availability", "browser", 1, sent_us=(T0 + 6_101) * 1000), Check.AGE),
        (_answered_before, Check.ORDER),
        (_change_call("hold", EVE, 0, status=500, code="internal"), Check.ANSWERS),
        (_change_call("hold", EVE, 0, status=409), Check.ANSWERS),
        (_change_call("hold", EVE, 0, status=0, code="timeout"), Check.ANSWERS),
        (_change_call("confirm", ADA, status=201), Check.ANSWERS),
        (_change_call("cancel", BOB, status=409, code="sold_out"), Check.ANSWERS),
    ],
)
def test_a_record_that_contradicts_the_journal_is_found(corrupt: Corrupt, check: Check) -> None:
    sale = SoundSale()
    corrupt(sale)
    assert check.title in failed(sale.audit())


# --- outages --------------------------------------------------------------------------------------


def test_an_outage_moves_the_bound_of_the_holds_that_would_have_ended_in_it() -> None:
    sale = SoundSale()
    _change_row(at_ms=T0 + 31_900)(sale)
    assert failed(sale.audit()) == {Check.HOLDS_END.title}
    sale.faults = [Fault("PostgreSQL", (T0 + 27_000) * 1000, (T0 + 30_000) * 1000)]
    assert sale.audit().sound
    sale.faults = [Fault("Valkey", (T0 + 27_000) * 1000, (T0 + 30_000) * 1000, stops_sales=False)]
    assert failed(sale.audit()) == {Check.HOLDS_END.title}
    away = ((T0 + 27_000) * 1000, (T0 + 30_000) * 1000)
    sale.faults = [Fault("timer", *away, stops_sales=False, delays_ends=True)]
    assert sale.audit().sound
    sale.faults = [Fault("PostgreSQL", (T0 + 27_000) * 1000, (T0 + 30_000) * 1000)]
    _change_row(at_ms=T0 + 32_001)(sale)
    assert failed(sale.audit()) == {Check.HOLDS_END.title}


def test_only_cut_connections_excuse_requests_without_a_reply_and_only_while_they_are_cut() -> None:
    sale = SoundSale()
    _change_call("hold", EVE, 0, status=0, code="reset")(sale)
    sale.faults = [Fault("front end", (T0 + 4_400) * 1000, (T0 + 5_000) * 1000, cuts_connections=True)]
    assert sale.audit().sound
    sale.faults = [Fault("owner", (T0 + 4_400) * 1000, (T0 + 5_000) * 1000)]
    assert failed(sale.audit()) == {Check.ANSWERS.title}
    sale.faults = [Fault("front end", (T0 + 10_000) * 1000, (T0 + 11_000) * 1000, cuts_connections=True)]
    assert failed(sale.audit()) == {Check.ANSWERS.title}


def test_the_clock_that_is_ahead_is_allowed_for() -> None:
    sale = SoundSale()
    _change_call("availability", "browser", 1, sent_us=(T0 + 6_050) * 1000)(sale)
    assert sale.audit().sound


def test_examples_of_what_failed_are_bounded_and_the_count_is_not() -> None:
    sale = SoundSale()
    for number in range(40):
        sale.append(17_000 + number, m.HoldReleased(T0 + 17_000 + number, f"nobody {number}"))
    life = next(result for result in sale.audit().results if result.check == Check.LIFE.title)
    assert life.failures == 40
    assert len(life.examples) == 10
    assert EVENT in life.examples[0]
