"""I7 of a restaurant in a run: nobody has a table, or more time for a hold, that no client asked for.

The journal names no requests. But each reservation that it has was placed by one: who asked was told of it,
or was left without an answer. So there are at most as many that nobody was told of as there are requests of
which nobody knows the end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from loadtest.auditor.dining import House
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.retries import PLACING
from loadtest.record import Call


def check_asked_for_stays(house: House, calls: Iterable[Call], findings: Findings) -> None:
    """All calls of the run to this restaurant."""
    placed: defaultdict[str, list[Call]] = defaultdict(list)
    extended: defaultdict[str, set[str]] = defaultdict(set)
    for call in calls:
        alone = call.key or f"{call.client} {call.sent_us}"
        if call.op in PLACING:
            placed[alone].append(call)
        elif call.op == "extend":
            extended[call.reservation].add(alone)
    told = {call.reservation for group in placed.values() for call in group if call.done}
    unsure = sum(
        any(call.unknown for call in group) and not any(call.done for call in group)
        for group in placed.values()
    )
    untold = sorted(house.stays.keys() - told)
    said = f"{house.inventory_id}: {len(untold)} reservations that no client was told of, {untold[:3]}"
    findings.saw(Check.ASKED_FOR, len(house.stays))
    if len(untold) > unsure:
        findings.fail(Check.ASKED_FOR, f"{said}; {unsure} requests ended without an answer")
    for reservation_id, stay in house.stays.items():
        if stay.extensions:
            asked = len(extended[reservation_id])
            detail = f"extend of {reservation_id}: {stay.extensions} happened, {asked} asked for"
            findings.expect(Check.ASKED_FOR, stay.extensions <= asked, detail)
