"""One audit: every inventory in turn, its journal folded, its rows and its clients' records held against it.

Memory is bounded by one inventory at a time, plus the records of those that clients were recorded for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import chain
from typing import Protocol

from loadtest.auditor.answers import check_answers
from loadtest.auditor.dining import House
from loadtest.auditor.dining_asked import check_asked_for_stays
from loadtest.auditor.dining_rows import (
    GuestRow,
    RestaurantRow,
    StayRow,
    TimeRow,
    check_guests,
    check_house,
    check_restaurant,
    check_stays,
    check_times,
)
from loadtest.auditor.dining_sums import DiningSums
from loadtest.auditor.ends import Ends, Outages, check_reads
from loadtest.auditor.findings import Findings
from loadtest.auditor.fold import Book, JournalRow, Watcher
from loadtest.auditor.given import check_given
from loadtest.auditor.linear import check_dining, check_sale
from loadtest.auditor.looked import check_looked, check_looked_at_tables
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
from loadtest.auditor.order import Order
from loadtest.auditor.promises import Promises
from loadtest.auditor.reads import Reads
from loadtest.auditor.requests import RequestRow, Requests
from loadtest.auditor.retries import check_asked_for, check_replies
from loadtest.auditor.rows import (
    EventRow,
    InventoryRow,
    ReservationRow,
    TypeRow,
    check_event,
    check_inventory,
    check_live_seats,
    check_reservations,
    check_types,
)
from loadtest.auditor.series import Series
from loadtest.auditor.submissions import SubmissionRow, check_submissions
from loadtest.auditor.sums import SoldRow, Sums
from loadtest.auditor.tickets import TicketRow, check_let_in, check_tickets
from loadtest.auditor.verdict import Audited, Verdict
from loadtest.record import Call, Dining, Entry, Fault, Ranked, Sale, Told, ToldStays

PROGRESS_EVERY_ROWS = 500
Progress = Callable[[str, int], None]
"""Told which inventory is under way, and how many facts of it are folded."""


class Source(Protocol):
    """What the auditor reads. `database.Database`, or lists in a test."""

    def inventories(self) -> Iterator[str]:
        """All ids."""

    def kind(self, inventory_id: str) -> str:
        """What it is: `event`, `restaurant`."""

    def journal(self, inventory_id: str, after_seq: int) -> Iterator[JournalRow]:
        """Rows by sequence."""

    def snapshot(self) -> AbstractContextManager[None]:
        """What is read inside is of one moment."""

    def inventory(self, inventory_id: str) -> InventoryRow | None:
        """Its row."""

    def event(self, inventory_id: str) -> EventRow | None:
        """Its row as an event."""

    def ticket_types(self, inventory_id: str) -> list[TypeRow]:
        """Their rows, in the operator's order."""

    def reservations(self, inventory_id: str) -> Iterator[ReservationRow]:
        """All of them, live or ended."""

    def sold(self, inventory_id: str) -> list[SoldRow]:
        """What the rows of confirmed reservations add up to."""

    def live_seats(self, inventory_id: str) -> dict[str, int]:
        """How many seats each reservation has that stands in the relation of live seats."""

    def tickets(self, inventory_id: str) -> Iterator[TicketRow]:
        """Those of which something has happened."""

    def payments(self, inventory_id: str) -> list[PaymentRow]:
        """Payments for something of it."""

    def purchases(self) -> list[PurchaseRow]:
        """What was paid for together, of whatever inventories, and has come to its end."""

    def charges(self) -> list[ChargeRow]:
        """What has charged wallets, and has come to its end."""

    def ledger(self) -> LedgerRow:
        """What the whole ledger adds up to."""

    def requests(self, inventory_id: str) -> Iterator[RequestRow]:
        """What request ids have done to it, as far as that is still kept."""

    def submissions(self, inventory_id: str) -> Iterator[SubmissionRow]:
        """What was asked of it behind the scenes, as far as that is still kept."""

    def restaurant(self, inventory_id: str) -> RestaurantRow | None:
        """Its row as a restaurant."""

    def stays(self, inventory_id: str) -> Iterator[StayRow]:
        """All reservations of its tables, live or ended."""

    def table_times(self, inventory_id: str) -> Iterator[TimeRow]:
        """When which of its tables are taken."""

    def guests(self, inventory_id: str) -> Iterator[GuestRow]:
        """What is remembered of its guests."""


class Records:
    """What clients recorded, by event."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.calls: defaultdict[str, list[Call]] = defaultdict(list)
        self.sales: dict[str, Sale] = {}
        self.dinings: dict[str, Dining] = {}
        self.faults: list[Fault] = []
        self.told: defaultdict[str, list[Told]] = defaultdict(list)
        self.told_stays: defaultdict[str, list[ToldStays]] = defaultdict(list)
        self.ranked: defaultdict[str, list[Ranked]] = defaultdict(list)
        for entry in entries:
            match entry:
                case Call():
                    self.calls[entry.event].append(entry)
                case Sale():
                    self.sales[entry.event] = entry
                case Dining():
                    self.dinings[entry.restaurant] = entry
                case Fault():
                    self.faults.append(entry)
                case Told():
                    self.told[entry.event].append(entry)
                case ToldStays():
                    self.told_stays[entry.restaurant].append(entry)
                case Ranked():
                    self.ranked[entry.event].append(entry)


def silent(inventory_id: str, facts: int) -> None:
    """No progress is shown."""


class Auditor:
    """`ahead_ms`: how far store time is ahead of the clients' clock."""

    def __init__(
        self, source: Source, records: Records, ahead_ms: int = 0, progress: Progress = silent
    ) -> None:
        self._source = source
        self._records = records
        self._ahead_ms = ahead_ms
        self._progress = progress
        self._outages = Outages(records.faults, ahead_ms)
        self._findings = Findings()
        self._audited: list[Audited] = []
        self._dined = self._sold = 0
        """How many restaurants and how many events were looked at."""
        self._outcomes: Counter[str] = Counter()

    def run(self, inventory_ids: Iterable[str] | None = None) -> Verdict:
        """All inventories, or those given."""
        for inventory_id in self._source.inventories() if inventory_ids is None else inventory_ids:
            if self._source.kind(inventory_id) == "restaurant":
                self._restaurant(inventory_id)
                self._dined += 1
            else:
                self._inventory(inventory_id)
                self._sold += 1
        check_ledger(self._source.ledger(), self._findings)
        check_purchases(self._source.purchases(), self._findings)
        check_charges(self._source.charges(), self._findings)
        for calls in self._records.calls.values():
            check_replies(calls, self._findings)
            check_reads(calls, self._ahead_ms, self._findings)
            self._outcomes += check_answers(calls, self._outages, self._ahead_ms, self._findings)
        for inventory_id, calls in self._records.calls.items():
            check_given(calls, self._records.dinings.get(inventory_id), self._ahead_ms, self._findings)
        for sale in self._records.sales.values():
            if sale.witnessed:
                check_sale(sale, self._records.calls[sale.event], self._findings)
        for dining in self._records.dinings.values():
            if dining.witnessed:
                check_dining(dining, self._records.calls[dining.restaurant], self._findings)
        if self._sold or not self._dined:
            all_calls = chain.from_iterable(self._records.calls.values())
            check_looked(self._records.sales.values(), all_calls, self._findings)
        all_calls = chain.from_iterable(self._records.calls.values())
        check_looked_at_tables(self._records.dinings.values(), all_calls, self._findings)
        return Verdict.of(self._findings, self._audited, self._outcomes)

    def _inventory(self, inventory_id: str) -> None:
        calls = self._records.calls.get(inventory_id, [])
        ends = Ends(self._outages, self._findings)
        reads = Reads(calls, self._ahead_ms, self._findings)
        promises, order, series = Promises(calls, self._findings), Order(calls, self._findings), Series()
        requests = Requests(self._findings) if inventory_id in self._records.sales else None
        sums = Sums(self._records.told.get(inventory_id, ()), self._findings)
        watchers: list[Watcher] = [promises, ends, reads, order, series, sums]
        watchers += [requests] if requests else []
        book = Book(inventory_id, self._findings, watchers)
        self._fold(book)
        with self._source.snapshot():
            row = self._rows(book, calls, requests)
            if row is not None:
                sold = self._source.sold(inventory_id)
                sums.ended(book, sold, self._records.ranked.get(inventory_id, ()))
        check_let_in(book.tickets, calls, self._findings)
        for watcher in (promises, reads, order, series):
            watcher.ended(book)
        if row is not None:
            ends.ended(book, row.at_ms)
        named = self._records.sales.get(inventory_id)
        name = named.name if named else (book.terms.name if book.terms else "")
        self._audited.append(Audited.of(book, name, ends.latest_ms, reads.oldest_ms, series.points))

    def _restaurant(self, inventory_id: str) -> None:
        source, findings = self._source, self._findings
        calls = self._records.calls.get(inventory_id, [])
        promises, order = Promises(calls, findings), Order(calls, findings)
        sums = DiningSums(self._records.told_stays.get(inventory_id, ()), findings)
        house = House(inventory_id, findings, self._outages, [promises, order, sums])
        self._fold(house)
        with source.snapshot():
            self._fold(house)
            row = source.inventory(inventory_id)
            check_house(house, row, findings)
            check_restaurant(house, source.restaurant(inventory_id), findings)
            check_stays(house, source.stays(inventory_id), findings)
            check_times(house, source.table_times(inventory_id), findings)
            check_guests(house, source.guests(inventory_id), findings)
            check_payments(house, source.payments(inventory_id), findings)
            check_submissions(inventory_id, house.stays, source.submissions(inventory_id), findings)
        for watcher in (promises, order, sums):
            watcher.ended(house)
        if inventory_id in self._records.dinings:
            check_asked_for_stays(house, calls, findings)
        if row is not None:
            house.still_held(row.at_ms)
        self._audited.append(Audited.of_restaurant(house))

    def _fold(self, book: Book | House) -> None:
        for row in self._source.journal(book.inventory_id, book.seq):
            book.add(row)
            if row.seq % PROGRESS_EVERY_ROWS == 0:
                self._progress(book.inventory_id, book.facts)
        self._progress(book.inventory_id, book.facts)

    def _rows(self, book: Book, calls: list[Call], requests: Requests | None) -> InventoryRow | None:
        """Inside the snapshot: what was appended since the fold, then everything against it.

        `requests`: only for what this run has sold; nobody else has told us what was asked for.
        """
        self._fold(book)
        row = self._source.inventory(book.inventory_id)
        check_inventory(book, row, self._findings)
        if row is None:
            return None
        check_event(book, self._source.event(book.inventory_id), self._findings)
        check_types(book, self._source.ticket_types(book.inventory_id), self._findings)
        check_payments(book, self._source.payments(book.inventory_id), self._findings)
        emails: dict[str, str] = {}
        rows = self._source.reservations(book.inventory_id)
        check_reservations(book, _noting(rows, emails) if requests else rows, self._findings)
        check_live_seats(book, self._source.live_seats(book.inventory_id), self._findings)
        check_tickets(
            book.inventory_id, book.tickets, self._source.tickets(book.inventory_id), self._findings
        )
        submitted = self._source.submissions(book.inventory_id)
        check_submissions(book.inventory_id, book.claims, submitted, self._findings)
        if requests:
            check_asked_for(book, calls, emails, self._findings)
            requests.ended(book, self._source.requests(book.inventory_id), calls, row.at_ms)
        return row


def _noting(rows: Iterable[ReservationRow], emails: dict[str, str]) -> Iterator[ReservationRow]:
    """The rows as they pass, their e-mails noted."""
    for row in rows:
        if row.email is not None:
            emails[row.id] = row.email
        yield row
