"""A check of I1, I2, I5 or I7 that looked at nothing has proved nothing, and fails.

How much must have been looked at grows with the holds that clients were told of: in a handful of them nobody
need have walked away, among hundreds somebody has. The numbers follow from the shares in
`loadtest.behaviours`: at each of them, a run in which nobody did it comes once in a hundred thousand. What a
run cannot have by its options is not asked of it: a capacity that no sale has, holds where nothing was sold.
"""

from __future__ import annotations

from collections.abc import Iterable

from loadtest.auditor.findings import Check, Findings
from loadtest.record import Call, Sale

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
"""What is only looked at where there are restaurants, in which no load run dines yet."""


def check_looked(sales: Iterable[Sale], calls: Iterable[Call], findings: Findings) -> None:
    """After all other checks; sales and calls as the run recorded them, none for an audit without records."""
    bounded = {sale.event: sale.capacity is not None for sale in sales if not sale.witnessed}
    holds = sum(call.op == "hold" and call.done and call.event in bounded for call in calls)
    for check, from_holds in REQUIRED_FROM_HOLDS.items():
        if holds < from_holds or findings.results[check].looked_at:
            continue
        if check is not Check.CAPACITY or any(bounded.values()):
            findings.fail(check, f"looked at nothing; {holds:,} holds were acknowledged")
