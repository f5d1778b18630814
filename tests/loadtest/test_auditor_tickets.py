"""The door in the audit: what the journal says of tickets, what rows do, and what clients were told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from domain import event_messages as m
from domain.ticket_messages import (
    CheckInUndone,
    Entry,
    Ticket,
    TicketCheckedIn,
    TicketFact,
    TicketReissued,
    TicketReply,
    TicketTransferred,
)
from loadtest.auditor.findings import Check
from loadtest.auditor.tickets import TicketRow
from loadtest.record import Call
from tests.loadtest.sound_sale import ADA, CYD, DAN, SOUND_ROW, T0, SoundSale, call, failed, record, titles

IN = Entry(T0 + 17_000, "eve", "north")


def let_in(number: int, who: str = ADA, entry: Entry = IN) -> TicketCheckedIn:
    return TicketCheckedIn(entry.at_ms, who, number, entry)


def told(number: int, ticket: Ticket) -> m.EventReplies:
    return TicketReply(ADA, number, "A", "", ticket, b"", 1, 2)


def scan(at_ms: int, client: str, number: int = 1, **more: object) -> Call:
    fields: dict[str, object] = {"client": client, "number": number, "key": f"{client} {at_ms}"}
    return call("check-in", at_ms, ADA, **fields | more)


def evening() -> SoundSale:
    """Ada's first ticket is let in, her second passed on."""
    sale = SoundSale()
    sale.append(17_000, let_in(1), TicketTransferred(T0 + 17_000, ADA, 2, 2, b"bob"))
    sale.requested += [record("in", told(1, Ticket(1, b"", IN))), record("on", told(2, Ticket(2, b"bob")))]
    sale.ticket_rows = [
        TicketRow(ADA, 1, 1, b"", IN.at_ms, "eve", "north", ""),
        TicketRow(ADA, 2, 2, b"bob", None, None, None, None),
    ]
    sale.row = replace(SOUND_ROW, seq=9, last_fact_ms=T0 + 17_000)
    sale.calls += [
        scan(17_000, "gate 1"),
        scan(17_001, "gate 2", status=409, code="already_checked_in", key=""),
    ]
    return sale


def also(sale: SoundSale, *facts: TicketFact | m.EventFact) -> None:
    """In the same append."""
    sale.appends[-1][1].extend(facts)


def test_a_sound_evening_is_found_sound() -> None:
    verdict = evening().audit()
    assert failed(verdict) == set()
    looked = {result.check: result.looked_at for result in verdict.results}
    assert looked[Check.TICKETS.title] == 4
    assert looked[Check.LET_IN.title] == 2


@pytest.mark.parametrize(
    "facts",
    [
        (let_in(1),),
        (let_in(3),),
        (let_in(1, CYD),),
        (let_in(1, DAN),),
        (let_in(1, "nobody"),),
        (CheckInUndone(T0 + 17_000, ADA, 2, "eve"),),
        (TicketReissued(T0 + 17_000, ADA, 1, 2),),
        (TicketReissued(T0 + 17_000, ADA, 2, 4),),
    ],
)
def test_a_fact_that_does_not_fit_its_ticket_is_found(facts: tuple[TicketFact, ...]) -> None:
    sale = evening()
    also(sale, *facts)
    assert Check.TICKETS.title in failed(sale.audit())


def test_a_reservation_that_was_cancelled_with_a_ticket_inside_is_found() -> None:
    sale = evening()
    also(sale, m.ReservationCancelled(T0 + 17_000, ADA))
    assert Check.LIFE.title in failed(sale.audit())


def test_a_reservation_whose_row_does_not_say_that_all_are_in_is_found() -> None:
    sale = evening()
    also(sale, let_in(2))
    sale.requested.append(record("in too", told(2, Ticket(2, b"bob", IN))))
    sale.ticket_rows[1] = TicketRow(ADA, 2, 2, b"bob", IN.at_ms, "eve", "north", "")
    assert failed(sale.audit()) == titles(Check.RESERVATION_ROWS)


def _lost(sale: SoundSale) -> None:
    del sale.ticket_rows[0]


def _of_another_code(sale: SoundSale) -> None:
    sale.ticket_rows[1] = TicketRow(ADA, 2, 1, b"bob", None, None, None, None)


def _too_many(sale: SoundSale) -> None:
    sale.ticket_rows.append(TicketRow(CYD, 1, 2, b"", None, None, None, None))


@pytest.mark.parametrize("spoil", [_lost, _of_another_code, _too_many])
def test_rows_that_are_not_what_the_facts_say_are_found(spoil: Callable[[SoundSale], None]) -> None:
    sale = evening()
    spoil(sale)
    assert failed(sale.audit()) == titles(Check.TICKETS)


def test_two_entries_that_clients_were_told_of_are_found_whatever_the_journal_says() -> None:
    sale = evening()
    sale.calls.append(scan(18_000, "gate 3"))
    assert failed(sale.audit()) == titles(Check.LET_IN)
    also(sale, CheckInUndone(T0 + 17_000, ADA, 1, "eve"), let_in(1))
    sale.requested += [record("out", told(1, Ticket())), record("again", told(1, Ticket(1, b"", IN)))]
    assert failed(sale.audit()) == titles(Check.LET_IN)
    sale.calls.append(call("undo", 17_500, ADA, number=1, key="undo"))
    assert failed(sale.audit()) == set()


def test_a_retry_of_one_entry_is_no_second_one() -> None:
    sale = evening()
    sale.calls.append(scan(17_500, "gate 1", key="gate 1 17000"))
    assert failed(sale.audit()) == set()


def test_an_entry_that_clients_were_told_of_and_the_journal_does_not_know_is_found() -> None:
    sale = evening()
    sale.calls.append(scan(18_000, "gate 3", number=2))
    assert failed(sale.audit()) == titles(Check.LET_IN)


def test_who_is_turned_away_though_nobody_was_let_in_is_found() -> None:
    sale = evening()
    sale.calls.append(scan(18_000, "gate 3", number=2, status=409, code="already_checked_in"))
    assert failed(sale.audit()) == titles(Check.LET_IN)


def test_a_record_without_its_fact_is_found() -> None:
    sale = evening()
    sale.requested.append(record("twice", told(1, Ticket(1, b"", IN))))
    assert failed(sale.audit()) == titles(Check.REQUESTS)
