"""A small sale, written out by hand, in which everything is as it should be: journal, rows, records.

Tests corrupt one thing in it and see which check finds that. Nothing here is made by the code that the
auditor checks, so the auditor's fold is tested as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec

from domain import event_messages as m
from loadtest.auditor.audit import Auditor, Records
from loadtest.auditor.findings import Check
from loadtest.auditor.fold import JournalRow
from loadtest.auditor.money import ChargeRow, LedgerRow, PaymentRow, PurchaseRow
from loadtest.auditor.requests import RequestRow
from loadtest.auditor.rows import TERMS_COLUMNS, EventRow, InventoryRow, ReservationRow, TypeRow
from loadtest.auditor.submissions import SubmissionRow
from loadtest.auditor.sums import SoldRow
from loadtest.auditor.tickets import TicketRow
from loadtest.auditor.verdict import Verdict
from loadtest.record import Call, Entry, Fault, Lines, Ranked, Sale, Told, View

T0 = 1_800_000_000_000
EVENT = "01900000-0000-7000-8000-000000000001"
ADA, BOB, CYD, DAN, EVE = (f"01900000-0000-7000-8000-00000000001{n}" for n in range(5))
A, B = 4500, 1500
TERMS = m.Terms(
    "Sound sale",
    T0 + 86_400_000,
    "EUR",
    (m.TicketType("A", "Adult", 3, A, 2), m.TicketType("B", "Child", 3, B)),
    capacity=4,
    hold_duration_s=10,
    max_per_customer=3,
    cancel_until_ms=T0 + 80_000_000,
)


def lines(*plain: tuple[str, int, int]) -> tuple[m.Line, ...]:
    return tuple(m.Line(*line) for line in plain)


def placed(at_ms: int, who: str, *plain: tuple[str, int, int]) -> m.HoldPlaced:
    return m.HoldPlaced(T0 + at_ms, who, who.encode(), lines(*plain), T0 + at_ms + 10_000)


def sound_journal() -> list[tuple[int, list[m.EventFact]]]:
    """Appends as (time after T0, facts)."""
    return [
        (0, [m.EventCreated(T0, EVENT, TERMS)]),
        (1_000, [placed(1_000, ADA, ("A", 2, A)), placed(1_000, BOB, ("B", 1, B))]),
        (
            2_000,
            [m.ReservationConfirmed(T0 + 2_000, ADA), m.HoldChanged(T0 + 2_000, BOB, lines(("B", 2, B)))],
        ),
        (3_000, [m.HoldExtended(T0 + 3_000, BOB, T0 + 13_000)]),
        (4_000, [m.HoldReleased(T0 + 4_000, BOB), placed(4_000, CYD, ("A", 1, A))]),
        (14_500, [m.HoldExpired(T0 + 14_500, CYD), placed(14_500, DAN, ("B", 1, B))]),
        (15_000, [m.ReservationConfirmed(T0 + 15_000, DAN)]),
        (16_000, [m.ReservationCancelled(T0 + 16_000, DAN), placed(16_000, EVE, ("A", 1, A), ("B", 1, B))]),
    ]


def row(
    who: str, status: str, end_ms: int, made_ms: int, plain: Lines, extensions: int = 0
) -> ReservationRow:
    live = status in ("held", "confirmed")
    email = f"{who}@example.org"
    expires_ms, created_ms = T0 + end_ms, T0 + made_ms
    return ReservationRow(who, status, live, expires_ms, plain, who.encode(), extensions, created_ms, email)


def sound_rows() -> list[ReservationRow]:
    return [
        row(ADA, "confirmed", 11_000, 1_000, (("A", 2, A),)),
        row(BOB, "released", 13_000, 1_000, (("B", 2, B),), extensions=1),
        row(CYD, "expired", 14_000, 4_000, (("A", 1, A),)),
        row(DAN, "cancelled", 24_500, 14_500, (("B", 1, B),)),
        row(EVE, "held", 26_000, 16_000, (("A", 1, A), ("B", 1, B))),
    ]


def view(status: str, end_ms: int, made_ms: int, *plain: tuple[str, int, int]) -> View:
    total = sum(quantity * price for _, quantity, price in plain)
    return View(status, T0 + end_ms, plain, total, T0 + made_ms)


def call(op: str, at_ms: int, who: str = "", shown: View | None = None, **more: object) -> Call:
    """A call sent 5 ms before `at_ms` and answered 5 ms after it."""
    status = 201 if op == "hold" else 200
    fields: dict[str, object] = {
        "client": f"client of {who}" if who else "browser",
        "op": op,
        "event": EVENT,
        "sent_us": (T0 + at_ms - 5) * 1000,
        "got_us": (T0 + at_ms + 5) * 1000,
        "status": status,
        "reservation": who,
        "key": f"{op} {who}" if op not in ("change", "read", "availability") else "",
        "sent": "body",
        "got": f"reply {op}",
        "view": shown,
        "email": f"{who}@example.org" if op == "hold" else "",
        "wanted": tuple((code, quantity) for code, quantity, _ in shown.lines)
        if shown and op == "hold"
        else (),
    }
    return msgspec.convert({**fields, **more}, Call, strict=False)


def sound_calls() -> list[Call]:
    return [
        call("hold", 1_000, ADA, view("held", 11_000, 1_000, ("A", 2, A))),
        call("hold", 1_000, BOB, view("held", 11_000, 1_000, ("B", 1, B))),
        call("hold", 1_100, BOB, view("held", 11_000, 1_000, ("B", 1, B))),
        call(
            "hold",
            1_200,
            BOB,
            status=422,
            code="key_reused",
            sent="other body",
            got="problem",
            reservation="",
        ),
        call("availability", 1_500, sequence=2, counts=(("B", 1, 1, 0), ("A", 1, 2, 0))),
        call("confirm", 2_000, ADA, view("confirmed", 11_000, 1_000, ("A", 2, A))),
        call("change", 2_000, BOB, view("held", 11_000, 1_000, ("B", 2, B))),
        call("extend", 3_000, BOB, view("held", 13_000, 1_000, ("B", 2, B))),
        call("cancel", 4_000, BOB, view("released", 13_000, 1_000, ("B", 2, B))),
        call("hold", 4_000, CYD, view("held", 14_000, 4_000, ("A", 1, A))),
        call("hold", 4_500, EVE, status=423, code="held", got="problem", reservation="", wanted=(("A", 1),)),
        call("availability", 6_000, sequence=4, counts=(("A", 0, 0, 2), ("B", 0, 2, 0))),
        call("availability", 6_500, sequence=5, counts=(("A", 0, 1, 2), ("B", 1, 0, 0))),
        call("read", 14_300, CYD, view("expired", 14_000, 4_000, ("A", 1, A))),
        call("hold", 14_500, DAN, view("held", 24_500, 14_500, ("B", 1, B))),
        call("confirm", 15_000, DAN, view("confirmed", 24_500, 14_500, ("B", 1, B))),
        call("cancel", 16_000, DAN, view("cancelled", 24_500, 14_500, ("B", 1, B))),
        call("hold", 16_000, EVE, view("held", 26_000, 16_000, ("A", 1, A), ("B", 1, B))),
    ]


def record(name: str, reply: m.EventReplies) -> RequestRow:
    """A row of `requests`."""
    return RequestRow(name.encode(), msgspec.msgpack.encode(reply))


def replied(
    who: str, status: m.Status, end_ms: int, made_ms: int, *plain: tuple[str, int, int]
) -> m.EventReplies:
    said = m.Reservation(who, status, T0 + end_ms, lines(*plain), who.encode(), T0 + made_ms)
    return m.ReservationReply(said, "EUR", b"")


def sound_records() -> list[RequestRow]:
    """One for each fact that somebody asked for."""
    held, confirmed = m.Status.HELD, m.Status.CONFIRMED
    a, b = ("A", 1, A), ("B", 1, B)
    replies = [
        replied(ADA, held, 11_000, 1_000, ("A", 2, A)),
        replied(BOB, held, 11_000, 1_000, b),
        replied(ADA, confirmed, 11_000, 1_000, ("A", 2, A)),
        replied(BOB, held, 11_000, 1_000, ("B", 2, B)),
        replied(BOB, held, 13_000, 1_000, ("B", 2, B)),
        replied(BOB, m.Status.RELEASED, 13_000, 1_000, ("B", 2, B)),
        replied(CYD, held, 14_000, 4_000, a),
        replied(DAN, held, 24_500, 14_500, b),
        replied(DAN, confirmed, 24_500, 14_500, b),
        replied(DAN, m.Status.CANCELLED, 24_500, 14_500, b),
        replied(EVE, held, 26_000, 16_000, a, b),
    ]
    return [record(f"request {number}", reply) for number, reply in enumerate(replies)]


SOUND_EVENT = EventRow(
    1, False, "published", False, T0, {name: getattr(TERMS, name) for name in TERMS_COLUMNS}
)
ADULT, CHILD = TypeRow("A", "Adult", 3, A, 2, 1, 2), TypeRow("B", "Child", 3, B, None, 1, 0)
SOUND_ROW = InventoryRow(EVENT, 8, 4, 2, 4, T0 + 26_250, T0 + 16_000, T0 + 20_000)
SOLD = Sale(EVENT, "Sound sale", T0 * 1000, (("A", 3), ("B", 3)), 4, 10)

ADAS_SUM = SoldRow("A", T0 // 60_000, 2, 2 * A)
SOUNDLY_TOLD = (
    Told(EVENT, 7, 3, 2 * A + B, (("A", 2, 2 * A, 0), ("B", 1, B, 0)), T0 - 60_000, ((0, 0), (3, 2 * A + B))),
    Told(EVENT, 8, 2, 2 * A, (("A", 2, 2 * A, 1), ("B", 0, 0, 1)), T0 - 60_000, ((0, 0), (2, 2 * A))),
)


NO_LEDGER = LedgerRow(0, 0, 0)


@dataclass
class SoundSale:
    """All of it, as lists; a `Source` for the auditor."""

    appends: list[tuple[int, list[m.EventFact]]] = field(default_factory=sound_journal)
    sequences: list[int] = field(default_factory=lambda: list(range(1, 9)))
    stored: list[ReservationRow] = field(default_factory=sound_rows)
    types: list[TypeRow] = field(default_factory=lambda: [ADULT, CHILD])
    requested: list[RequestRow] = field(default_factory=sound_records)
    submitted: list[SubmissionRow] = field(default_factory=list)
    row: InventoryRow | None = SOUND_ROW
    event_row: EventRow | None = SOUND_EVENT
    calls: list[Call] = field(default_factory=sound_calls)
    faults: list[Fault] = field(default_factory=list)
    told: list[Told] = field(default_factory=lambda: [*SOUNDLY_TOLD])
    ranked: list[Ranked] = field(default_factory=lambda: [Ranked(EVENT, 2, 2 * A)])
    ticket_rows: list[TicketRow] = field(default_factory=list)
    paid: list[PaymentRow] = field(default_factory=list)
    ledger_row: LedgerRow = NO_LEDGER
    sums: list[SoldRow] = field(default_factory=lambda: [ADAS_SUM])
    sale: Sale = SOLD

    def inventories(self) -> Iterator[str]:
        yield EVENT

    def kind(self, inventory_id: str) -> str:
        return "event"

    def journal(self, inventory_id: str, after_seq: int) -> Iterator[JournalRow]:
        encode = msgspec.msgpack.encode
        for seq, (at_ms, facts) in zip(self.sequences, self.appends, strict=True):
            if seq > after_seq:
                yield JournalRow(seq, T0 + at_ms, encode(facts))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        yield

    def inventory(self, inventory_id: str) -> InventoryRow | None:
        return self.row

    def event(self, inventory_id: str) -> EventRow | None:
        return self.event_row

    def live_seats(self, inventory_id: str) -> dict[str, int]:
        return {}

    def ticket_types(self, inventory_id: str) -> list[TypeRow]:
        return self.types

    def reservations(self, inventory_id: str) -> Iterator[ReservationRow]:
        return iter(self.stored)

    def requests(self, inventory_id: str) -> Iterator[RequestRow]:
        return iter(self.requested)

    def submissions(self, inventory_id: str) -> Iterator[SubmissionRow]:
        return iter(self.submitted)

    def payments(self, inventory_id: str) -> list[PaymentRow]:
        return self.paid

    def charges(self) -> list[ChargeRow]:
        return []

    def purchases(self) -> list[PurchaseRow]:
        return []

    def ledger(self) -> LedgerRow:
        return self.ledger_row

    def tickets(self, inventory_id: str) -> Iterator[TicketRow]:
        return iter(self.ticket_rows)

    def sold(self, inventory_id: str) -> list[SoldRow]:
        return self.sums

    def append(self, at_ms: int, *facts: m.EventFact) -> None:
        """One more append at the end."""
        self.appends.append((at_ms, list(facts)))
        self.sequences.append(self.sequences[-1] + 1)

    def audit(self) -> Verdict:
        entries: list[Entry] = [self.sale, *self.faults, *self.calls, *self.told, *self.ranked]
        return Auditor(self, Records(entries)).run()


def failed(verdict: Verdict) -> set[str]:
    """The checks that failed."""
    return {result.check for result in verdict.results if result.failures}


def titles(*checks: Check) -> set[str]:
    return {check.title for check in checks}
