"""What an audit comes to: for people a table, for programs JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtest.auditor.claims import CONFIRMED, HELD
from loadtest.auditor.dining import House
from loadtest.auditor.findings import Findings, Result
from loadtest.auditor.fold import Book

INVENTORIES_SHOWN_MAX = 8


class Audited(msgspec.Struct):
    """One inventory's sums, as its facts add up."""

    inventory_id: str
    name: str
    appends: int
    facts: int
    reservations: int
    held: int
    confirmed: int
    quota: int
    capacity: int | None
    ended_late_max_ms: int
    read_behind_max_ms: int
    points: list[tuple[int, int, int, int]]

    @classmethod
    def of(
        cls, book: Book, name: str, late_ms: int, behind_ms: int, points: list[tuple[int, int, int, int]]
    ) -> Audited:
        return cls(
            book.inventory_id,
            name,
            book.seq,
            book.facts,
            len(book.claims),
            sum(book.held.values()),
            sum(book.confirmed.values()),
            sum(kind.quota for kind in book.types.values()),
            book.terms.capacity if book.terms else None,
            late_ms,
            behind_ms,
            points,
        )

    @classmethod
    def of_restaurant(cls, house: House) -> Audited:
        """`quota`: its tables."""
        statuses = Counter(stay.status for stay in house.stays.values())
        return cls(
            house.inventory_id,
            house.terms.name if house.terms else "",
            house.seq,
            house.facts,
            len(house.stays),
            statuses[HELD],
            statuses[CONFIRMED],
            len(house.terms.tables) if house.terms else 0,
            None,
            house.latest_ms,
            0,
            [],
        )


class Verdict(msgspec.Struct):
    """The whole audit."""

    sound: bool
    results: list[Result]
    inventories: list[Audited]
    outcomes: dict[str, int]

    @classmethod
    def of(cls, findings: Findings, audited: Iterable[Audited], outcomes: Mapping[str, int]) -> Verdict:
        ordered = dict(sorted(outcomes.items()))
        return cls(findings.sound, list(findings.results.values()), list(audited), ordered)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2))

    def show(self, console: Console) -> None:
        """The verdict, then what it is about; examples of what failed come last, to be read first."""
        console.print(_inventories(self.inventories))
        console.print(_outcomes(self.outcomes))
        console.print(_checks(self.results))
        for result in self.results:
            if result.failures:
                console.print(f"[bold red]{result.check}[/]: {result.promise}: {result.failures:,} failures")
                for example in result.examples:
                    console.print(f"  {escape(example)}", highlight=False)
        style, word = ("bold green", "SOUND") if self.sound else ("bold red", "NOT SOUND")
        console.print(f"[{style}]{word}[/]: {self._summary()}")

    def _summary(self) -> str:
        facts = sum(one.facts for one in self.inventories)
        failed = sum(bool(result.failures) for result in self.results)
        return f"{len(self.inventories)} inventories, {facts:,} facts, {failed} checks failed"


def _checks(results: Iterable[Result]) -> Table:
    table = Table(title="Audit", title_justify="left")
    for column in ("", "check", "looked at", "failures", "verdict"):
        numbers = column in ("looked at", "failures")
        table.add_column(column, justify="right" if numbers else "left", no_wrap=True)
    table.add_column("promise")
    for result in results:
        style = {"FAILED": "bold red", "ok": "green"}.get(result.verdict, "dim")
        verdict = f"[{style}]{result.verdict}[/]"
        looked_at, failures = f"{result.looked_at:,}", f"{result.failures:,}"
        table.add_row(result.invariant, result.check, looked_at, failures, verdict, escape(result.promise))
    return table


def _inventories(audited: list[Audited]) -> Table:
    table = Table(title="Inventories", title_justify="left")
    for column in ("name", "facts", "reservations", "held", "confirmed", "of", "latest end", "oldest read"):
        table.add_column(column, justify="left" if column == "name" else "right")
    for one in sorted(audited, key=lambda one: -one.facts)[:INVENTORIES_SHOWN_MAX]:
        figures = (one.facts, one.reservations, one.held, one.confirmed)
        most = one.quota if one.capacity is None else min(one.capacity, one.quota)
        late, behind = f"{one.ended_late_max_ms:,} ms", f"{one.read_behind_max_ms:,} ms"
        table.add_row(escape(one.name), *(f"{figure:,}" for figure in figures), f"{most:,}", late, behind)
    return table


def _outcomes(outcomes: Mapping[str, int]) -> Table:
    table = Table(title="What clients were answered", title_justify="left")
    table.add_column("request and answer")
    table.add_column("times", justify="right")
    for outcome, times in outcomes.items():
        table.add_row(outcome, f"{times:,}")
    return table
