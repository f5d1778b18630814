"""What the auditor makes of deposits: paid before they are confirmed, back or kept as the settings say
(I4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from domain.event_messages import (
    BeginPayment,
    FailPayment,
    FinishPayment,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationPaid,
    SellReservation,
)
from domain.restaurant_messages import (
    Deposit,
    NoShowMarked,
    ReservationMoved,
    RestaurantFact,
    StayCompleted,
    TableHeld,
    TableRetaken,
)
from loadtest.auditor.dining import House
from loadtest.auditor.ends import Outages
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.fold import JournalRow
from loadtest.auditor.money import PaymentRow, check_payments
from tests.unit.dining import MINUTE_MS, TODAY, Dining

COVER = Deposit(500, "EUR")
PAYMENT_MS = 2_000_000


class Paying(Dining):
    """A restaurant that wants a deposit; `ids` of what was paid for, by what became of it."""

    def __init__(self) -> None:
        super().__init__(deposit=COVER)
        self.ids: dict[str, str] = {}
        for name in ("cancelled", "missed", "seated"):
            self.ids[name] = self.paid(name)
        self.late()
        held = self.hold("21:00", day=TODAY + 1)
        self.ask(BeginPayment(held.id, "failed", self.now_ms + PAYMENT_MS))
        self.ask(FailPayment(held.id, "failed"))
        self.ask(SellReservation(held.id, "ann", "cash"))
        self.ids["by hand"] = held.id
        more = self.hold("17:00", day=TODAY + 1)
        self.move(more, party_size=3)
        self.now_ms = self.state.reservations[more.id].expires_at_ms
        self.look()
        self.cancel(self.state.reservations[self.ids["cancelled"]])
        seated = self.state.reservations[self.ids["seated"]]
        self.now_ms = seated.start_ms + 15 * MINUTE_MS
        self.no_show(self.state.reservations[self.ids["missed"]])
        self.seat(seated)
        self.complete(seated)

    def paid(self, payment_id: str) -> str:
        held = self.hold()
        self.ask(BeginPayment(held.id, payment_id, self.now_ms + PAYMENT_MS))
        self.ask(FinishPayment(held.id, payment_id, held.deposit))
        return held.id

    def late(self) -> None:
        held = self.hold("21:00", table_id="t2")
        self.ask(BeginPayment(held.id, "late", self.now_ms + PAYMENT_MS))
        self.now_ms += PAYMENT_MS
        self.look()
        self.ask(FinishPayment(held.id, "late", held.deposit))
        self.ids["late"] = held.id


def folded(facts: list[RestaurantFact]) -> tuple[House, Findings]:
    findings = Findings()
    house = House("x1", findings, Outages([]))
    for seq, fact in enumerate(facts, 1):
        house.add(JournalRow(seq, fact.at_ms, msgspec.msgpack.encode([fact])))
    return house, findings


def rows(ids: dict[str, str]) -> list[PaymentRow]:
    backs = {"cancelled": 1_000, "missed": 0, "seated": 0, "late": 0}
    return [
        PaymentRow(name, ids[name], "captured", True, 1_000, back, back, 1_000, back, 0, waiting=False)
        for name, back in backs.items()
    ]


def failures(findings: Findings) -> list[Check]:
    return [check for check in Check if findings.failed(check)]


def test_deposits_that_are_paid_kept_settled_and_given_back_are_sound() -> None:
    dining = Paying()
    house, findings = folded(dining.facts)
    check_payments(house, rows(dining.ids), findings)
    assert failures(findings) == []
    by_hand = dining.state.reservations[dining.ids["by hand"]]
    assert (by_hand.paid_by, house.claims[by_hand.id].payment_id) == (None, None), "as the row has to be"
    assert {TableRetaken, NoShowMarked, StayCompleted} <= {type(fact) for fact in dining.facts}


@pytest.mark.parametrize("which", range(4))
def test_money_of_a_deposit_that_is_not_where_it_belongs_is_found(which: int) -> None:
    dining = Paying()
    house, findings = folded(dining.facts)
    row = rows(dining.ids)[which]
    back = 1_000 - row.back
    check_payments(house, [replace(row, promised=back, refunded=back, back=back)], findings)
    assert failures(findings) == [Check.PAYMENTS]


def changed(kind: type, **fields: object) -> Callable[[list[RestaurantFact]], None]:
    def change(facts: list[RestaurantFact]) -> None:
        at = next(at for at, fact in enumerate(facts) if isinstance(fact, kind))
        facts[at] = msgspec.structs.replace(facts[at], **fields)

    return change


def confirmed_unpaid(facts: list[RestaurantFact]) -> None:
    at = next(at for at, fact in enumerate(facts) if isinstance(fact, ReservationPaid))
    held = next(fact for fact in facts if isinstance(fact, TableHeld))
    facts[at - 1 : at + 1] = [ReservationConfirmed(facts[at].at_ms, held.reservation_id)]


@pytest.mark.parametrize(
    "plant",
    [
        changed(TableHeld, deposit=999),
        changed(TableHeld, deposit=0, currency=""),
        changed(ReservationPaid, payment_id="another"),
        changed(ReservationMoved, deposit=1_000),
        changed(NoShowMarked, kept=0),
        changed(StayCompleted, kept=0),
        changed(ReservationCancelled, kept=1),
        confirmed_unpaid,
    ],
)
def test_facts_that_do_not_fit_the_deposits_of_the_settings_are_found(
    plant: Callable[[list[RestaurantFact]], None],
) -> None:
    facts = list(Paying().facts)
    plant(facts)
    _, findings = folded(facts)
    assert Check.LIFE in failures(findings)
