"""What the auditor looked at and what it found: counts per check, and a bounded number of examples.

A check that looked at nothing neither passed nor failed; `looked` says where that is a failure in itself.
"""

from __future__ import annotations

import enum

import msgspec

EXAMPLES_MAX = 10


class Check(enum.Enum):
    """Every check: its name, the invariant it is of, and what it says when it holds."""

    SEQUENCE = ("sequence", "I2", "each journal counts 1, 2, 3 without a gap, and its time never falls")
    QUOTA = ("quota", "I1", "live <= quota, per ticket type, after every fact")
    CAPACITY = ("capacity", "I1", "live <= capacity, after every fact")
    SEATS = ("seats", "I3", "no seat is in two live reservations, and none is taken while it is blocked")
    LIFE = ("life", "I1", "each fact fits its reservation's life; nothing is sold of what is not on hold")
    TERMS = (
        "terms",
        "I1",
        "each fact keeps the event's terms: window, prices, limits, extensions, ends",
    )
    TICKETS = (
        "tickets",
        "door",
        "no ticket's facts let it in twice, or by a dead code; its row equals the fold",
    )
    LET_IN = ("let in", "door", "no client was told of a second entry of one ticket, or of one that is not")
    TABLES = ("tables", "I3", "no table is two live reservations' at one time, in any committed state")
    GIVEN = ("given", "I3", "no client was given a seat, or a table at a time, that another surely had")
    INVENTORY_ROW = ("inventory row", "I2", "the inventory's row equals the fold of its facts")
    EVENT_ROW = ("event row", "I2", "the event's row has the terms, version and pause that the facts say")
    TYPE_ROWS = ("ticket type rows", "I2", "each ticket type's row, its price and its counts equal the fold")
    RESERVATION_ROWS = ("reservation rows", "I2", "each reservation's row equals the fold; none more or less")
    SALES = (
        "sales",
        "I2",
        "what was sold and for how much, by type and minute: the rows' sums are the fold's",
    )
    STATISTICS = ("statistics", "api", "operators were told the sums of the journal")
    RESTAURANT_ROW = ("restaurant row", "I2", "the restaurant's row has the terms that the facts say")
    TABLE_TIMES = ("table times", "I3", "the rows that keep a table's times apart are those of what is live")
    GUESTS = ("guests", "I2", "each guest's visits, cancellations and no-shows equal the fold")
    ACKNOWLEDGED = ("acknowledged", "I2", "what clients were told is in the journal, as they were told")
    ASKED_FOR = ("asked for", "I7", "each fact was asked for by a client, once")
    SAME_REPLY = ("same reply", "I7", "every retry with a key got the reply of its effect")
    KEY_REUSED = ("key reused", "I7", "a key with another body changed nothing")
    REQUESTS = (
        "requests",
        "I7",
        "what requests are on record to have done was done, and is on record",
    )
    SUBMISSIONS = (
        "submissions",
        "I7",
        "what was accepted behind the scenes was answered as the journal says",
    )
    HOLDS_END = ("holds end", "I5", "each hold ended within 2 s of its end, or of the parts being back")
    READS_END = ("reads end", "I5", "no read showed a hold past its end as held")
    NEVER_BACK = ("never back", "I8", "no client saw an event's sequence fall")
    AGE = ("age", "I8", "availability was at most 2 s behind the journal")
    COUNTS = ("counts", "I8", "availability showed the counts of its sequence")
    ORDER = ("order", "I8", "what was answered before another was asked comes first in the journal")
    LINEARIZABLE = (
        "linearizable",
        "I8",
        "what was witnessed has a sequential explanation",
    )
    PAYMENTS = (
        "payments",
        "I4",
        "what was taken is the price of what is confirmed and what went back",
    )
    LEDGER = ("ledger", "I6", "the ledger sums to zero, and each wallet is what its entries say")
    ANSWERS = ("answers", "api", "every answer is one that the API allows there")

    @property
    def title(self) -> str:
        return str(self.value[0])

    @property
    def invariant(self) -> str:
        return str(self.value[1])

    @property
    def promise(self) -> str:
        return str(self.value[2])


class Result(msgspec.Struct):
    """One check's outcome."""

    check: str
    invariant: str
    promise: str
    looked_at: int = 0
    failures: int = 0
    examples: list[str] = []

    @property
    def verdict(self) -> str:
        if self.failures:
            return "FAILED"
        return "ok" if self.looked_at else "nothing to check"


class Findings:
    """Results by check; checks write here as they go."""

    def __init__(self) -> None:
        self.results = {one: Result(one.title, one.invariant, one.promise) for one in Check}

    def saw(self, check: Check, amount: int = 1) -> None:
        self.results[check].looked_at += amount

    def fail(self, check: Check, detail: str) -> None:
        result = self.results[check]
        result.failures += 1
        if len(result.examples) < EXAMPLES_MAX:
            result.examples.append(detail)

    def expect(self, check: Check, holds: bool, detail: str) -> None:
        """For comparisons whose detail costs nothing to say."""
        self.saw(check)
        if not holds:
            self.fail(check, detail)

    def failed(self, check: Check) -> bool:
        return self.results[check].failures > 0

    @property
    def sound(self) -> bool:
        return not any(result.failures for result in self.results.values())
