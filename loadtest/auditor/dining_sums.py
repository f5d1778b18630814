"""A restaurant's reservations, covers and deposits added up: operators were told what the fold says.

What the statistics say comes with a sequence, and is held against the fold at that sequence. Days are the
restaurant's own, by the time zone that it has by then.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from loadtest.auditor.claims import CONFIRMED
from loadtest.auditor.dining import House
from loadtest.auditor.dining_stay import SEATED, Stay
from loadtest.auditor.findings import Check, Findings
from loadtest.record import Seating, ToldStays


class DiningSums:
    """A watcher: what was told of each sequence."""

    def __init__(self, told: Iterable[ToldStays], findings: Findings) -> None:
        self._findings = findings
        self._told: defaultdict[int, list[ToldStays]] = defaultdict(list)
        for one in told:
            self._told[one.sequence].append(one)

    def changed(self, book: House, reservation_id: str, claim: Stay, at_ms: int) -> None:
        pass

    def row_ended(self, book: House, at_ms: int) -> None:
        for told in self._told.pop(book.seq, ()):
            self._check(book, told)

    def ended(self, book: House) -> None:
        """The fold is over."""
        for sequence in self._told:
            detail = f"{book.inventory_id}: told of sequence {sequence}, the journal ends with {book.seq}"
            self._findings.expect(Check.STATISTICS, False, detail)

    def _check(self, book: House, told: ToldStays) -> None:
        stays = list(book.stays.values())
        first = dt.date.fromisoformat(told.since)
        by_date: defaultdict[dt.date, list[Stay]] = defaultdict(list)
        zone = ZoneInfo(book.terms.time_zone) if book.terms else dt.UTC
        for stay in stays:
            by_date[dt.datetime.fromtimestamp(stay.start_ms / 1000, zone).date()].append(stay)
        days = [by_date[first + dt.timedelta(days=number)] for number in range(len(told.days))]
        for said, folded in (
            (set(told.by_status), _seatings(stays)),
            ([set(day) for day in told.days], [_seatings(day) for day in days]),
            (set(told.deposits), _deposits(stays)),
        ):
            detail = f"{book.where()}: told {said}, the facts say {folded}"
            self._findings.expect(Check.STATISTICS, said == folded, detail)


def _seatings(stays: list[Stay]) -> set[Seating]:
    """(status, reservations, covers)."""
    parties: defaultdict[str, list[int]] = defaultdict(list)
    for stay in stays:
        parties[stay.status].append(stay.party_size)
    return {(status, len(sizes), sum(sizes)) for status, sizes in parties.items()}


def _deposits(stays: list[Stay]) -> set[tuple[str, int, int]]:
    """(currency, taken, kept)."""
    taken: defaultdict[str, int] = defaultdict(int)
    kept: defaultdict[str, int] = defaultdict(int)
    for stay in stays:
        if stay.status in (CONFIRMED, SEATED):
            taken[stay.currency] += stay.deposit
        kept[stay.currency] += stay.kept or 0
    both = ((one, taken[one], kept[one]) for one in taken.keys() | kept.keys())
    return {sums for sums in both if sums[1] or sums[2]}
