"""I7: one key, one effect; every retry gets that effect's reply; and no effect that nobody asked for.

A key's scope is its path, so calls are grouped by operation, event, reservation and key. The journal names
no requests, but a fact can be traced: a reservation to the e-mail it is for, an extension or a change to
its reservation. There cannot be more facts of one kind than requests for it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.fold import Book
from loadtest.record import Call

Place = tuple[str, str, str, str]
PLACING = ("hold", "walk-in")
"""Requests of which the path names no reservation: each success makes one."""
_MAY_COME_FIRST = ("overloaded", "rate_limited")
"""Refusals by parts that cannot know what was recorded."""


def check_replies(calls: Iterable[Call], findings: Findings) -> None:
    """Calls with the same key: all their successes are one success; another body never has one."""
    groups: defaultdict[Place, list[Call]] = defaultdict(list)
    for call in calls:
        if call.key:
            path = "" if call.op in PLACING else call.reservation
            groups[call.op, call.event, path, call.key].append(call)
    for group in groups.values():
        if len(group) > 1:
            _check_group(sorted(group, key=lambda call: call.got_us), findings)


def _check_group(group: list[Call], findings: Findings) -> None:
    first = next((call for call in group if call.done), None)
    if first is None:
        return
    for call in group:
        if call.sent != first.sent:
            _check_other_body(call, first, findings)
        elif call is not first:
            _check_same_body(call, first, findings)


def _check_same_body(call: Call, first: Call, findings: Findings) -> None:
    """Before the effect it may have been refused; after it, there is one reply."""
    what = f"{call.op} with key {call.key}"
    if call.done:
        same = (call.status, call.got) == (first.status, first.got)
        detail = f"{what}: {call.status} {call.got}, at first {first.status} {first.got}"
        findings.expect(Check.SAME_REPLY, same, detail)
    elif call.code == "key_reused" or _must_know(call, first):
        detail = f"{what}: {call.status} {call.code}, at first {first.status}"
        findings.expect(Check.SAME_REPLY, False, detail)


def _check_other_body(call: Call, first: Call, findings: Findings) -> None:
    detail = f"{call.op} with key {call.key}: another body was answered {call.status} {call.code}"
    if call.done or _must_know(call, first):
        findings.expect(Check.KEY_REUSED, call.code == "key_reused", detail)


def _must_know(call: Call, first: Call) -> bool:
    """It was sent after the effect was acknowledged, and answered by somebody who can know of it."""
    return call.sent_us > first.got_us and not call.unknown and call.code not in _MAY_COME_FIRST


def check_asked_for(book: Book, calls: Iterable[Call], emails: Mapping[str, str], findings: Findings) -> None:
    """No more facts than requests. `emails`: who each reservation is for, from its row."""
    asked = _asked(calls)
    holds: Counter[str] = Counter()
    for reservation_id, claim in book.claims.items():
        if reservation_id in emails:
            holds[emails[reservation_id]] += 1
        for op, happened in (("extend", claim.extensions), ("change", claim.changes)):
            if happened:
                _compare(happened, asked[op, reservation_id], f"{op} of {reservation_id}", findings)
    for email, happened in holds.items():
        _compare(happened, asked["hold", email], f"holds for {email}", findings)


def _compare(happened: int, wanted: int, what: str, findings: Findings) -> None:
    findings.expect(Check.ASKED_FOR, happened <= wanted, f"{what}: {happened} happened, {wanted} asked for")


def _asked(calls: Iterable[Call]) -> Counter[tuple[str, str]]:
    """Distinct requests, by what they would do: retries with one key are one request."""
    keys: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for call in calls:
        whose = call.email if call.op == "hold" else call.reservation
        keys[call.op, whose].add(call.key or f"{call.client} {call.sent_us}")
    return Counter({place: len(distinct) for place, distinct in keys.items()})
