"""A check of I1, I2, I5 or I7 that looked at nothing has proved nothing, and fails.

How much must have been looked at grows with the holds that clients were told of: in a handful of them nobody
need have walked away, among hundreds somebody has. The numbers follow from the shares in
`loadtest.behaviours`: at each of them, a run in which nobody did it comes once in a hundred thousand. What a
run cannot have by its options is not asked of it: a capacity that no sale has, holds where nothing was sold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from loadtest.auditor.findings import Check, Findings
from loadtest.record import Call, Dining, Sale

REQUIRED_FROM_HOLDS: dict[Check, int] = {
    Check.SEQUENCE: 0,
    Check.QUOTA: 0,
    Check.INVENTORY_ROW: 0,
    Check.EVENT_ROW: 0,
    Check.TYPE_ROWS: 0,
    Check.SALES: 0,
    Check.TERMS: 1,
    Check.RESERVATION_ROWS: 1,
    Check.ACKNOWLEDGED: 1,
    Check.ASKED_FOR: 1,
    Check.CAPACITY: 1,
    Check.REQUESTS: 1,
    Check.LIFE: 20,
    Check.SAME_REPLY: 200,
    Check.HOLDS_END: 200,
    Check.READS_END: 200,
    Check.KEY_REUSED: 600,
}

OF_RESTAURANTS = frozenset({Check.TABLES, Check.RESTAURANT_ROW, Check.TABLE_TIMES, Check.GUESTS})
"""What is only looked at where there are restaurants."""
REQUIRED_FROM_TABLES: dict[Check, int] = {
    Check.SEQUENCE: 0,
    Check.INVENTORY_ROW: 0,
    Check.RESTAURANT_ROW: 0,
    Check.GUESTS: 0,
    Check.TABLES: 1,
    Check.TABLE_TIMES: 1,
    Check.RESERVATION_ROWS: 1,
    Check.LIFE: 1,
    Check.ASKED_FOR: 1,
    Check.HOLDS_END: 200,
}
"""The same of a run's restaurants, by the holds of tables."""


def check_looked(sales: Iterable[Sale], calls: Iterable[Call], findings: Findings) -> None:
    """After all other checks; sales and calls as the run recorded them, none for an audit without records."""
    bounded = {sale.event: sale.capacity is not None for sale in sales if not sale.witnessed}
    holds = sum(call.op == "hold" and call.done and call.event in bounded for call in calls)
    required = dict(REQUIRED_FROM_HOLDS)
    if not any(bounded.values()):
        required.pop(Check.CAPACITY)
    _require(required, holds, findings)


def check_looked_at_tables(dinings: Iterable[Dining], calls: Iterable[Call], findings: Findings) -> None:
    """As `check_looked`, of the restaurants of a run that has some."""
    opened = {dining.restaurant for dining in dinings if not dining.witnessed}
    if opened:
        holds = sum(call.op == "hold" and call.done and call.event in opened for call in calls)
        _require(REQUIRED_FROM_TABLES, holds, findings)


def _require(required: Mapping[Check, int], holds: int, findings: Findings) -> None:
    for check, from_holds in required.items():
        if holds >= from_holds and not findings.results[check].looked_at:
            findings.fail(check, f"looked at nothing; {holds:,} holds were acknowledged")
