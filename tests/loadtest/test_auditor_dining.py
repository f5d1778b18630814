"""The auditor over an evening in a restaurant: sound as it was, and red for each thing that is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from domain.event_messages import HoldExpired, PauseSale, ReservationCancelled, ReservationConfirmed
from domain.local_time import local_of
from domain.restaurant_messages import (
    CancelRestaurant,
    NoShowMarked,
    PartySeated,
    ReservationMoved,
    RestaurantCancelled,
    RestaurantClosed,
    RestaurantCommand,
    RestaurantDeleted,
    RestaurantFact,
    StayCompleted,
    StayProlonged,
    TableHeld,
    TableReservation,
)
from loadtest.auditor.audit import Auditor, Records
from loadtest.auditor.dining_rows import GuestRow, RestaurantRow, StayRow, TimeRow
from loadtest.auditor.findings import Check
from loadtest.auditor.fold import JournalRow
from loadtest.auditor.money import ChargeRow, LedgerRow, PaymentRow, PurchaseRow
from loadtest.auditor.rows import InventoryRow
from loadtest.auditor.submissions import SubmissionRow
from loadtest.auditor.verdict import Verdict
from loadtest.record import Call, Entry, Seating, Sitting, ToldStays
from tests.loadtest.sound_sale import NO_LEDGER, failed, titles
from tests.unit.dining import BERLIN, BOB, MINUTE_MS, TODAY, Dining, reservation


def an_evening() -> Dining:
    """Something of everything: ended, moved, seated, prolonged, never come, joined."""
    dining = Dining(buffer_minutes=15)
    dining.hold(party_size=2, customer=BOB)
    dining.cancel(dining.book(party_size=2))
    dining.cancel(dining.hold(party_size=2))
    missed = dining.book("17:00", party_size=3)
    dining.move(dining.book("17:00", party_size=2), "19:00", table_id="t4b")
    dining.extend(dining.hold("21:00", party_size=6, day=TODAY + 1))
    dining.book("19:00", party_size=8, day=TODAY + 1)
    dining.now_ms += 15 * MINUTE_MS
    dining.look()
    guests = dining.dine("17:00", party_size=2, customer=BOB)
    dining.now_ms += 20 * MINUTE_MS
    dining.no_show(missed)
    reservation(dining.walk_in(party_size=2))
    dining.prolong(guests, 30)
    dining.complete(guests)
    dining.hold(day=TODAY + 2)
    dining.ask(PauseSale())
    return dining


class SoundDining:
    """All of it, as lists; a `Source` for the auditor."""

    def __init__(self, then: RestaurantCommand | None = None) -> None:
        dining = an_evening()
        if then is not None:
            dining.ask(then)
            dining.look()
        state = dining.state
        self.submitted: list[SubmissionRow] = []
        self.facts: list[RestaurantFact] = dining.facts
        found = list((state.reservations | state.ended).values())
        self.now_ms = dining.now_ms
        self.row = InventoryRow(
            "x1",
            len(self.facts),
            len(state.reservations),
            len(state.reservations),
            None,
            min((one.expires_at_ms for one in state.reservations.values()), default=None),
            state.last_fact_ms,
            dining.now_ms,
        )
        terms = state.terms
        assert terms is not None
        said = (state.version, state.paused, state.stage.value, state.deleted, self.facts[0].at_ms)
        self.restaurant_row = RestaurantRow(*said, terms.name, terms.city, terms)
        self.stored = [_row(one) for one in found]
        self.times = [
            TimeRow(one.id, table_id, one.start_ms, one.free_at_ms)
            for one in state.reservations.values()
            for table_id in one.tables
        ]
        ends = Counter((one.customer, one.status.value) for one in found if not one.excused)
        self.remembered = [
            GuestRow(who, *(ends[who, how] for how in ("completed", "cancelled", "no_show")))
            for who in {one.customer for one in found if one.customer}
        ]

    def inventories(self) -> Iterator[str]:
        yield "x1"

    def kind(self, inventory_id: str) -> str:
        return "restaurant"

    def journal(self, inventory_id: str, after_seq: int) -> Iterator[JournalRow]:
        for seq, fact in enumerate(self.facts, 1):
            if seq > after_seq:
                yield JournalRow(seq, fact.at_ms, msgspec.msgpack.encode([fact]))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        yield

    def inventory(self, inventory_id: str) -> InventoryRow:
        return self.row

    def restaurant(self, inventory_id: str) -> RestaurantRow:
        return self.restaurant_row

    def submissions(self, inventory_id: str) -> Iterator[SubmissionRow]:
        return iter(self.submitted)

    def charges(self) -> list[ChargeRow]:
        return []

    def purchases(self) -> list[PurchaseRow]:
        return []

    def ledger(self) -> LedgerRow:
        return NO_LEDGER

    def payments(self, inventory_id: str) -> list[PaymentRow]:
        return []

    def stays(self, inventory_id: str) -> Iterator[StayRow]:
        return iter(self.stored)

    def table_times(self, inventory_id: str) -> Iterator[TimeRow]:
        return iter(self.times)

    def guests(self, inventory_id: str) -> Iterator[GuestRow]:
        return iter(self.remembered)

    def statistics(self) -> ToldStays:
        """What an operator who asks now is told, of yesterday and the two days after."""
        days = (self._seatings(TODAY + number) for number in (-1, 0, 1))
        return ToldStays("x1", len(self.facts), self._seatings(), (), "2026-11-19", tuple(days))

    def _seatings(self, day: int | None = None) -> tuple[Seating, ...]:
        sizes: dict[str, list[int]] = {}
        for row in self.stored:
            start_ms, size = row.what["start_ms"], row.what["party_size"]
            assert isinstance(start_ms, int)
            assert isinstance(size, int)
            if day in (None, local_of(BERLIN, start_ms)[0]):
                sizes.setdefault(row.status, []).append(size)
        return tuple((status, len(some), sum(some)) for status, some in sizes.items())

    def audit(self, calls: Iterable[Entry] = ()) -> Verdict:
        return Auditor(self, Records(calls)).run()  # type: ignore[arg-type]

    def told(self) -> list[Call]:
        """What clients would have recorded of those of their holds that are live to the end, one by one."""
        live = {row.id for row in self.stored if row.live}
        return [
            Call(
                "c",
                "hold",
                "x1",
                number * 10,
                number * 10 + 5,
                201,
                reservation=fact.reservation_id,
                kind="tables",
                sitting=Sitting(
                    "held",
                    fact.expires_at_ms,
                    fact.tables,
                    fact.start_ms,
                    fact.end_ms,
                    fact.party_size,
                    fact.at_ms,
                ),
            )
            for number, fact in enumerate(self.facts)
            if isinstance(fact, TableHeld) and fact.reservation_id in live
        ]

    def change(self, kind: type, **fields: Any) -> None:
        """The first fact of this kind, otherwise."""
        at = next(at for at, fact in enumerate(self.facts) if isinstance(fact, kind))
        self.facts[at] = msgspec.structs.replace(self.facts[at], **fields)

    def drop(self, kind: type) -> None:
        """Without the first fact of this kind, its place taken by a sequence that goes on."""
        self.facts.remove(next(fact for fact in self.facts if isinstance(fact, kind)))


def _row(one: TableReservation) -> StayRow:
    what = {
        name: getattr(one, name) for name in ("start_ms", "end_ms", "free_at_ms", "party_size", "overstays")
    }
    return StayRow(
        one.id,
        one.status.value,
        one.status.live,
        one.expires_at_ms,
        {"tables": list(one.tables), "warned": list(one.warned), **what},
        one.customer,
        one.extensions,
        one.created_at_ms,
    )


def test_a_sound_evening_is_sound() -> None:
    verdict = SoundDining().audit()
    assert verdict.sound, [one for one in verdict.results if one.failures]
    looked = {one.check for one in verdict.results if one.looked_at}
    assert looked == titles(
        Check.SEQUENCE,
        Check.LIFE,
        Check.TABLES,
        Check.INVENTORY_ROW,
        Check.RESTAURANT_ROW,
        Check.RESERVATION_ROWS,
        Check.TABLE_TIMES,
        Check.GUESTS,
        Check.HOLDS_END,
    )
    kinds = {type(fact) for fact in SoundDining().facts}
    assert {StayProlonged, StayCompleted, NoShowMarked, ReservationMoved, HoldExpired, PartySeated} <= kinds


@pytest.mark.parametrize(
    "change",
    [
        lambda told: {"by_status": told.by_status[1:]},
        lambda told: {"by_status": ((*told.by_status[0][:2], 99), *told.by_status[1:])},
        lambda told: {"deposits": (("EUR", 1, 0),)},
        lambda told: {"days": told.days[::-1]},
        lambda told: {"since": "2026-11-20"},
        lambda told: {"sequence": told.sequence - 2},
        lambda told: {"sequence": told.sequence + 1},
    ],
)
def test_statistics_that_are_not_the_sums_of_the_journal_are_found(
    change: Callable[[ToldStays], dict[str, Any]],
) -> None:
    evening = SoundDining()
    told = evening.statistics()
    assert all(told.days[1:])
    assert evening.audit([told]).sound
    assert failed(evening.audit([msgspec.structs.replace(told, **change(told))])) == titles(Check.STATISTICS)


def test_what_a_cancelled_restaurant_had_has_ended() -> None:
    cancelled = SoundDining(CancelRestaurant())
    verdict = cancelled.audit()
    assert verdict.sound, [one for one in verdict.results if one.failures]
    assert not cancelled.times
    cancelled.facts = cancelled.facts[:-1]
    assert titles(Check.RESERVATION_ROWS, Check.TABLE_TIMES) <= failed(cancelled.audit())


def test_what_is_still_there_long_after_a_cancellation_is_found() -> None:
    evening = SoundDining()
    evening.facts.append(RestaurantCancelled(evening.now_ms - 2_001))
    assert titles(Check.HOLDS_END) <= failed(evening.audit())
    evening.facts[-1] = RestaurantCancelled(evening.now_ms - 2_000)
    assert not titles(Check.HOLDS_END) & failed(evening.audit())


def test_two_at_one_table_at_one_time_are_found() -> None:
    evening = SoundDining()
    first = next(fact for fact in evening.facts if isinstance(fact, TableHeld))
    evening.change(ReservationMoved, tables=("t4",))
    evening.facts.insert(2, msgspec.structs.replace(first, reservation_id="double"))
    assert titles(Check.TABLES) <= failed(evening.audit())


def test_the_buffer_belongs_to_the_time_of_a_table() -> None:
    evening = SoundDining()
    first = next(fact for fact in evening.facts if isinstance(fact, TableHeld))
    length = first.free_at_ms - first.start_ms
    following = msgspec.structs.replace(
        first,
        reservation_id="next",
        start_ms=first.free_at_ms - 1,
        end_ms=first.end_ms + length - 1,
        free_at_ms=first.free_at_ms + length - 1,
    )
    evening.facts.insert(2, following)
    assert titles(Check.TABLES) <= failed(evening.audit())
    evening = SoundDining()
    apart = {
        "start_ms": first.free_at_ms,
        "end_ms": first.end_ms + length,
        "free_at_ms": first.free_at_ms + length,
    }
    evening.facts.insert(2, msgspec.structs.replace(following, **apart))
    assert not titles(Check.TABLES) & failed(evening.audit())


def _other_row(evening: SoundDining, **fields: Any) -> None:
    evening.stored[0] = replace(evening.stored[0], **fields)


def _early_no_show(evening: SoundDining) -> None:
    marked = next(fact for fact in evening.facts if isinstance(fact, NoShowMarked))
    evening.change(NoShowMarked, at_ms=marked.at_ms - 10 * MINUTE_MS)


def _after_closing(evening: SoundDining) -> None:
    evening.facts.insert(1, RestaurantClosed(evening.facts[0].at_ms))


def _deleted(evening: SoundDining) -> None:
    evening.facts.append(RestaurantDeleted(evening.now_ms))


def _late_end(evening: SoundDining) -> None:
    expired = next(fact for fact in evening.facts if isinstance(fact, HoldExpired))
    evening.change(HoldExpired, at_ms=expired.at_ms + 2_001)


CHANGES: list[tuple[str, Callable[[SoundDining], None], Check]] = [
    ("a stay on hold that nobody confirmed", lambda e: e.drop(ReservationConfirmed), Check.LIFE),
    ("a hold of a table that is not there", lambda e: e.change(TableHeld, tables=("t9",)), Check.LIFE),
    ("a hold without its buffer", lambda e: e.change(TableHeld, free_at_ms=0), Check.LIFE),
    ("a hold that lasts longer", lambda e: e.change(TableHeld, expires_at_ms=e.now_ms * 2), Check.LIFE),
    ("a party seated that never confirmed", lambda e: e.change(PartySeated, reservation_id="r1"), Check.LIFE),
    ("a no-show too soon", _early_no_show, Check.LIFE),
    ("a stay that became shorter", lambda e: e.change(StayProlonged, end_ms=1), Check.LIFE),
    ("a cancellation of nothing", lambda e: e.change(ReservationCancelled, reservation_id="x"), Check.LIFE),
    ("a lost fact", lambda e: e.drop(StayCompleted), Check.RESERVATION_ROWS),
    (
        "a row of another table",
        lambda e: _other_row(e, what={**e.stored[0].what, "tables": ["t6"]}),
        Check.RESERVATION_ROWS,
    ),
    ("a row of another status", lambda e: _other_row(e, status="seated"), Check.RESERVATION_ROWS),
    ("a row too few", lambda e: e.stored.pop(), Check.RESERVATION_ROWS),
    ("a table's time that is gone", lambda e: e.times.pop(), Check.TABLE_TIMES),
    ("a table's time of nobody", lambda e: e.times.append(TimeRow("r9", "t2", 1, 2)), Check.TABLE_TIMES),
    (
        "a cancellation that was not the guest's",
        lambda e: e.change(ReservationCancelled, by_operator=True),
        Check.GUESTS,
    ),
    ("a guest forgotten", lambda e: e.remembered.pop(), Check.GUESTS),
    ("a row behind", lambda e: setattr(e, "row", replace(e.row, seq=1)), Check.INVENTORY_ROW),
    ("nothing is due", lambda e: setattr(e, "row", replace(e.row, next_due_ms=None)), Check.INVENTORY_ROW),
    (
        "another version",
        lambda e: setattr(e, "restaurant_row", replace(e.restaurant_row, version=1)),
        Check.RESTAURANT_ROW,
    ),
    (
        "a hold left too long",
        lambda e: setattr(e, "row", replace(e.row, at_ms=e.now_ms * 2)),
        Check.HOLDS_END,
    ),
    ("a hold ended too late", _late_end, Check.HOLDS_END),
    ("a hold in a closed restaurant", _after_closing, Check.LIFE),
    ("a restaurant deleted with guests in it", _deleted, Check.LIFE),
]


@pytest.mark.parametrize(("change", "check"), [one[1:] for one in CHANGES], ids=[one[0] for one in CHANGES])
def test_each_thing_that_is_wrong_turns_its_check_red(
    change: Callable[[SoundDining], None], check: Check
) -> None:
    evening = SoundDining()
    change(evening)
    assert check.title in failed(evening.audit())


# --- what clients were told -----------------------------------------------------------------------------


def test_what_clients_were_told_of_tables_is_in_the_journal_in_the_order_in_which_they_were_told() -> None:
    dining = SoundDining()
    verdict = dining.audit(dining.told())
    assert verdict.sound
    looked = {result.check for result in verdict.results if result.looked_at}
    assert titles(Check.ACKNOWLEDGED, Check.ORDER) <= looked


def test_a_place_that_was_promised_otherwise_than_it_is_stored_is_lost() -> None:
    dining = SoundDining()
    first, *others = dining.told()
    assert first.sitting is not None
    otherwise = msgspec.structs.replace(first.sitting, tables=("t6",))
    calls = [msgspec.structs.replace(first, sitting=otherwise), *others]
    assert failed(dining.audit(calls)) == titles(Check.ACKNOWLEDGED)


def test_what_was_answered_before_another_was_asked_comes_first_in_a_restaurants_journal_too() -> None:
    dining = SoundDining()
    first, *others = dining.told()
    late = msgspec.structs.replace(first, sent_us=10_000, got_us=10_005)
    assert failed(dining.audit([late, *others])) == titles(Check.ORDER)
