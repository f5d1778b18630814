"""Whether every answer is one that the API allows there. The table is the API's, copied out by hand.

No reply at all is an answer only while connections are cut on purpose, or when the run itself ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from loadtest.auditor.ends import Outages
from loadtest.auditor.findings import Check, Findings
from loadtest.record import INTERRUPTED, NO_REPLY, Call

STATUS_OF = {
    "sold_out": 409,
    "held": 423,
    "limit_exceeded": 409,
    "already_reserved": 409,
    "payment_due": 409,
    "sales_closed": 409,
    "hold_expired": 410,
    "wrong_state": 409,
    "too_late": 409,
    "key_reused": 422,
    "rate_limited": 429,
    "no_fitting_seats": 409,
    "taken": 409,
    "score_too_low": 403,
    "already_checked_in": 409,
    "ticket_replaced": 409,
    "overloaded": 503,
    "unavailable": 503,
}
_ALWAYS = {"overloaded", "unavailable", "rate_limited"}
_SHORT = {"sold_out", "held", "limit_exceeded", "sales_closed", "no_fitting_seats"}
_FULL = {"taken", "held", "limit_exceeded", "sales_closed"}
_OVER = {"hold_expired", "wrong_state"}
ALLOWED: dict[str, set[str]] = {
    "hold": _ALWAYS | _SHORT | {"key_reused", "already_reserved", "payment_due"},
    "change": _ALWAYS | _SHORT | _OVER,
    "confirm": _ALWAYS | _OVER,
    "extend": _ALWAYS | _OVER | {"limit_exceeded"},
    "cancel": _ALWAYS | {"too_late"},
    "read": _ALWAYS,
    "availability": _ALWAYS,
    "event": _ALWAYS,
    "map": _ALWAYS,
    "list": _ALWAYS,
    "search": _ALWAYS,
    "check-in": _ALWAYS | {"already_checked_in", "ticket_replaced", "wrong_state", "key_reused"},
    "undo": _ALWAYS | {"ticket_replaced", "wrong_state"},
}
OF_TABLES: dict[str, set[str]] = {
    "hold": _ALWAYS | _FULL | {"key_reused", "score_too_low"},
    "confirm": _ALWAYS | _OVER,
    "extend": _ALWAYS | _OVER | {"limit_exceeded"},
    "cancel": _ALWAYS | {"too_late", "wrong_state"},
    "read": _ALWAYS,
    "search": _ALWAYS,
    "list": _ALWAYS,
    "move": _ALWAYS | _FULL | _OVER | {"too_late"},
    "seat": _ALWAYS | _OVER | {"taken", "held", "too_late"},
    "complete": _ALWAYS | _OVER,
    "no-show": _ALWAYS | _OVER,
    "prolong": _ALWAYS | _OVER,
    "walk-in": _ALWAYS | {"taken", "held", "key_reused"},
}
_SUCCESS = {"hold": (201,), "walk-in": (201,)}


def check_answers(calls: Iterable[Call], outages: Outages, ahead_ms: int, findings: Findings) -> Counter[str]:
    """Checks each; what was answered how often, for the report."""
    outcomes: Counter[str] = Counter()
    for call in calls:
        kind = "" if call.kind == "tickets" else f"{call.kind}: "
        outcomes[f"{kind}{call.op} {call.status or 'no reply'} {call.code}".rstrip()] += 1
        findings.saw(Check.ANSWERS)
        if call.status == NO_REPLY:
            from_ms, until_ms = call.sent_us // 1000 + ahead_ms, call.got_us // 1000 + ahead_ms
            if call.code != INTERRUPTED and not outages.cut(from_ms, until_ms):
                findings.fail(Check.ANSWERS, f"{call.op} by {call.client} got no reply ({call.code})")
        elif not _fits(call):
            findings.fail(Check.ANSWERS, f"{call.op} by {call.client} was answered {call.status} {call.code}")
    return outcomes


def _fits(call: Call) -> bool:
    if call.done:
        return call.status in _SUCCESS.get(call.op, (200,))
    if call.status == 304:
        return call.op in ("availability", "event", "list")
    allowed = OF_TABLES if call.kind == "tables" else ALLOWED
    return call.code in allowed.get(call.op, ()) and STATUS_OF[call.code] == call.status
